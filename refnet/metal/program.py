"""A network as what a Metal host does: textures, buffers, one packed file, a list of dispatches.

>>> from refnet.metal.lowering import program_of
>>> from refnet.models import mobilenet_v1
>>> network = mobilenet_v1(alpha=0.25, resolution=32, batch_norm=False)
>>> program = program_of(network, {name: np.ones(s) for name, s in network.params().items()})
>>> first = program.dispatches[0]
>>> first.kernel, first.grid, first.textures
('conv3x3', (16, 16, 2), {0: 'image', 1: 'stem.activation'})
>>> Program.from_json(program.to_json("v1.bin"), program.weights) == program
True

It is complete: who has the .metal files, the packed file and this as JSON can run the network in
any language, without refnet. Nothing here knows what a layer is.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from refnet.errors import ChecksumError
from refnet.metal.device import Size
from refnet.metal.packing import Packed

FORMAT, VERSION = "refnet metal program", 1
ARITHMETIC = "float16 storage, float32 accumulation"

# Bytes and struct's letter of the scalar types that parameters are made of.
_SCALARS = {"ushort": (2, "H"), "uint": (4, "I"), "float": (4, "f")}


@dataclass(frozen=True)
class Texture:
    """A texture of four channels a texel; `channels` of its slices' lanes are the network's.

    type: "2d_array", or "2d". format: "rgba16Float", or "rgba8Unorm" for a picture.
    """

    name: str
    width: int
    height: int
    slices: int
    channels: int
    type: str = "2d_array"
    format: str = "rgba16Float"

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of the NumPy array that stands for it."""
        return self.slices, self.height, self.width, 4


@dataclass(frozen=True)
class Buffer:
    """A vector of floats; `length` is the whole buffer, the first `channels` are the network's."""

    name: str
    length: int
    channels: int


@dataclass(frozen=True)
class Field:
    """One member of a struct of parameters: a number, or several for a vector."""

    name: str
    type: str
    offset: int
    value: int | float | tuple[float, ...]


@dataclass(frozen=True)
class Inline:
    """A struct of parameters that is passed by its bytes (setBytes), and what these mean."""

    struct: str
    fields: tuple[Field, ...]
    bytes: bytes


Bound = str | Packed | Inline  # a Buffer by its name, a part of the packed file, or a struct


@dataclass(frozen=True)
class Dispatch:
    """One call of a kernel. grid: threads, covered by whole threadgroups, in Metal's (x, y, z)."""

    layer: str
    kernel: str
    grid: Size
    threadgroup: Size
    textures: Mapping[int, str]
    buffers: Mapping[int, Bound]
    threadgroup_bytes: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Program:
    """Everything that a host needs; the dispatches in the order in which they run.

    inputs: texture or buffer by the network's name for it. outputs: the same of what it answers.
    weights: the packed file's bytes, `tensors` what lies in them. preprocessing: the recipe in
    words, where the input is a picture: its geometry is left to the host.
    """

    name: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    textures: tuple[Texture, ...]
    buffers: tuple[Buffer, ...]
    tensors: tuple[Packed, ...]
    dispatches: tuple[Dispatch, ...]
    weights: bytes = field(repr=False)
    preprocessing: str = ""

    def resource(self, name: str) -> Texture | Buffer:
        """The texture or buffer of that name."""
        every: tuple[Texture | Buffer, ...] = (*self.textures, *self.buffers)
        for one in every:
            if one.name == name:
                return one
        raise ValueError(f"{name!r}: neither a texture nor a buffer of {self.name}")

    def to_json(self, file: str) -> str:
        """The program as JSON; `file` is the name that the packed file will have."""
        said = {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "arithmetic": ARITHMETIC,
            "preprocessing": self.preprocessing,
            "weights": {
                "file": file,
                "bytes": len(self.weights),
                "sha256": hashlib.sha256(self.weights).hexdigest(),
                "parameters": sum(tensor.parameters for tensor in self.tensors),
                "padding": sum(tensor.padding for tensor in self.tensors),
            },
            "inputs": dict(self.inputs),
            "outputs": dict(self.outputs),
            "textures": [asdict(one) for one in self.textures],
            "buffers": [{**asdict(one), "type": "float"} for one in self.buffers],
            "tensors": [asdict(one) for one in self.tensors],
            "dispatches": [_dispatch_data(one) for one in self.dispatches],
        }
        return _lines(said)

    @classmethod
    def from_json(cls, text: str, weights: bytes) -> Program:
        """The inverse of `to_json`; raises ChecksumError where the packed file is another one."""
        said = json.loads(text)
        if said.get("format") != FORMAT or said.get("version") != VERSION:
            found = f"{said.get('format')!r}, version {said.get('version')!r}"
            raise ValueError(f"program: {found}, expected {FORMAT!r}, version {VERSION}")
        owed = said["weights"]
        found = hashlib.sha256(weights).hexdigest()
        if found != owed["sha256"]:
            raise ChecksumError(
                f"{owed['file']}: SHA-256 {found[:16]}..., expected {owed['sha256'][:16]}..."
            )
        tensors = {one["name"]: _packed(one) for one in said["tensors"]}
        return cls(
            said["name"],
            said["inputs"],
            said["outputs"],
            tuple(Texture(**one) for one in said["textures"]),
            tuple(Buffer(b["name"], b["length"], b["channels"]) for b in said["buffers"]),
            tuple(tensors.values()),
            tuple(_dispatch(one, tensors) for one in said["dispatches"]),
            weights,
            said["preprocessing"],
        )


def inline(name: str, members: Sequence[tuple[str, str, Any]]) -> Inline:
    """A struct as Metal lays it out: each member at a multiple of its own size.

    >>> params = inline("P", [("stride", "ushort", 2), ("lowest", "float", 0.0)])
    >>> [(field.name, field.offset) for field in params.fields], params.bytes.hex()
    ([('stride', 0), ('lowest', 4)], '0200000000000000')

    members: (name, type, value), the type "ushort", "uint", "float" or "float4".
    """
    made, data, widest = [], b"", 1
    for member, type, value in members:
        size, letter = _SCALARS[type.removesuffix("4")]
        values = tuple(value) if type.endswith("4") else (value,)
        if letter == "f":
            values = tuple(float(np.float32(v)) for v in values)  # what the bytes will say
        data += bytes(-len(data) % (size * len(values)))
        widest = max(widest, size * len(values))
        made.append(Field(member, type, len(data), values if len(values) > 1 else values[0]))
        data += struct.pack(f"<{len(values)}{letter}", *values)
    return Inline(name, tuple(made), data + bytes(-len(data) % widest))


def _dispatch_data(one: Dispatch) -> dict[str, Any]:
    return {
        "layer": one.layer,
        "kernel": one.kernel,
        "grid": list(one.grid),
        "threadgroup": list(one.threadgroup),
        "textures": {str(index): name for index, name in one.textures.items()},
        "buffers": {str(index): _bound_data(bound) for index, bound in one.buffers.items()},
        "threadgroup_bytes": {str(index): n for index, n in one.threadgroup_bytes.items()},
    }


def _bound_data(bound: Bound) -> dict[str, Any]:
    """What is bound, said in full: a host need not look anything up but textures and buffers."""
    if isinstance(bound, str):
        return {"buffer": bound}
    if isinstance(bound, Packed):
        return {
            "tensor": bound.name,
            "type": bound.type,
            "offset": bound.offset,
            "bytes": bound.bytes,
        }
    fields = [asdict(one) for one in bound.fields]
    return {"struct": bound.struct, "hex": bound.bytes.hex(), "fields": fields}


def _dispatch(said: Mapping[str, Any], tensors: Mapping[str, Packed]) -> Dispatch:
    def size(name: str) -> Size:
        x, y, z = said[name]
        return x, y, z

    return Dispatch(
        said["layer"],
        said["kernel"],
        size("grid"),
        size("threadgroup"),
        {int(index): name for index, name in said["textures"].items()},
        {int(index): _bound(one, tensors) for index, one in said["buffers"].items()},
        {int(index): n for index, n in said["threadgroup_bytes"].items()},
    )


def _bound(said: Mapping[str, Any], tensors: Mapping[str, Packed]) -> Bound:
    if "buffer" in said:
        name: str = said["buffer"]
        return name
    if "tensor" in said:
        return tensors[said["tensor"]]
    fields = tuple(
        Field(f["name"], f["type"], f["offset"], _value(f["value"])) for f in said["fields"]
    )
    return Inline(said["struct"], fields, bytes.fromhex(said["hex"]))


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _packed(said: Mapping[str, Any]) -> Packed:
    return Packed(**{**said, "shape": tuple(said["shape"]), "axes": tuple(said["axes"])})


def _lines(said: Mapping[str, Any]) -> str:
    """JSON with a line for each texture, buffer, tensor and dispatch."""
    parts = []
    for key, value in said.items():
        if isinstance(value, list):
            inner = ",\n".join(f"  {json.dumps(one, allow_nan=False)}" for one in value)
            parts.append(f" {json.dumps(key)}: [\n{inner}\n ]")
        else:
            parts.append(f" {json.dumps(key)}: {json.dumps(value, allow_nan=False)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"
