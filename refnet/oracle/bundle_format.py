"""What a golden bundle is made of: names, conventions, and a Writer that collects its parts.

>>> narrow(np.array([1.5, -3.0]))                     # whole numbers times a power of two
(array([ 3, -6], dtype=int8), -1)
>>> recipe = Recipe("demo/x", bits=11)
>>> recipe.draw((2,)).tolist() == uniform(seed_of("demo/x"), (2,), bits=11).tolist()
True
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refnet.arguments import Shape
from refnet.oracle.seeded import seed_of, uniform
from refnet.oracle.tensor_file import NAMES, raw, to_bytes

Array = np.ndarray[Any, Any]

FORMAT, VERSION = "refnet golden bundle", 1
MANIFEST, SUMS = "manifest.json", "SHA256SUMS"
SUITES = ("ops", "v1", "v2", "preprocess", "ssdlite", "deeplab")
ALL = SUITES[:4]  # what "all" writes: detection and segmentation are asked for by name

CONVENTIONS = {
    "axes": "N batch, H rows, W columns, C channels. Kernels: I inputs of a group, O outputs, "
    "M multiplier; a depthwise kernel HWIM makes output channel i * M + m of input channel i. "
    "The last axis varies fastest.",
    "convolution": "y[r, c] = sum over i, j of x[r * stride + i * dilation - top, ...] * w[i, j]: "
    "the kernel is not flipped; what lies outside the map adds nothing; output channel o of a "
    "convolution in g groups reads the inputs of group floor(o * g / O). pads: top, bottom, "
    "left, right, worked out also where padding is a word.",
    "pools": "average_pool divides by the elements inside the map, or by the whole window where "
    "include_padding is true; max_pool skips what lies outside; global_average_pool is the mean "
    "over H and W.",
    "resize_bilinear": "Output i of n, for an input of m, lies at i (m - 1) / (n - 1) for corners "
    "aligned (at 0 where n is 1), (i + 1/2) m / n - 1/2 for half-pixel and i m / n for asymmetric, "
    "moved into 0 .. m - 1; it is the mean of the two inputs around it, by distance.",
    "sigmoid": "1 / (1 + exp(-x)).",
    "batch_norm": "gamma * (x - mean) / sqrt(variance + epsilon) + beta.",
    "stored": "A tensor with a file is file[name] * 2^exponent, its sha256 that of its bytes as "
    "they lie in the file.",
    "made_by": "seed: whole numbers drawn from the seed of the tensor's name, as "
    "refnet.oracle.exact does; addresses: as refnet.oracle.probes does; oracle: refnet.ops in "
    "float64, exact; another text: what it says.",
    "drawn": "A tensor with a draw is offset + 2^exponent * (v - h) / h, h = 2^(bits - 1), for "
    "each element in C order; v is the highest `bits` bits of word n = 1, 2, ..., all in unsigned "
    "64 bits: z = seed + n * 0x9E3779B97F4A7C15; z = (z xor z >> 30) * 0xBF58476D1CE4E5B9; "
    "z = (z xor z >> 27) * 0x94D049BB133111EB; z = z xor z >> 31 (SplitMix64). The seed is "
    "FNV-1a, 64 bits, of the tensor's name in UTF-8.",
    "cases": "A case's parameter P is the tensor FROM/P, its input F the tensor FROM/F; what is "
    "expected of its layer L, where it is stored, the tensor CASE/L.",
    "exact": "Every sum of |w||x| + |b| is below exact_below, in units of the finest number "
    "(largest_sum is the largest): each partial sum, in any order, fused or not, is a number that "
    "a format with log2(exact_below) significant bits holds. Bit equality is owed.",
    "random": "No expected numbers are stored: a float64 oracle's last bit is not the same on all "
    "machines. `refnet golden judge` computes them, and the proven bound beside them, from the "
    "drawn tensors, each layer on the answer's own input to it.",
    "preprocess": "grid: what the geometry makes, 0 .. 255, RGB; tensor: (grid / over - mean) * "
    "times / std, its channels in the order that is said.",
    "results": "safetensors with one tensor for each layer, named CASE/LAYER (CASE/tensor and "
    "CASE/grid of a picture), batch first, NHWC. Those under `owed` are asked for; the more layers "
    "are shown, the closer a fault is found. Metadata may say bundle = SHA-256 of manifest.json.",
}


@dataclass(frozen=True)
class Recipe:
    """How a random tensor is drawn: offset + 2^exponent * uniform, from the seed of its name."""

    name: str
    bits: int
    exponent: int = 0
    offset: int = 0

    def draw(self, shape: Shape) -> Array:
        """The tensor, float64."""
        return self.offset + 2.0**self.exponent * uniform(seed_of(self.name), shape, bits=self.bits)

    def data(self) -> dict[str, Any]:
        """The recipe as the manifest tells it; 64 bits are more than a JSON number may keep."""
        seed = f"0x{seed_of(self.name):016x}"
        said = {"seed": seed, "bits": self.bits, "exponent": self.exponent, "offset": self.offset}
        return dict(said)


@dataclass
class Writer:
    """Collects tensors, networks, cases and plain files; `files` gives what lies in the folder."""

    made_by: str
    tensors: dict[str, dict[str, Any]] = field(default_factory=dict)
    networks: dict[str, Any] = field(default_factory=dict)
    cases: dict[str, dict[str, Any]] = field(default_factory=dict)
    pictures: dict[str, Any] = field(default_factory=dict)
    recipes: dict[str, Any] = field(default_factory=dict)
    plain: dict[str, bytes] = field(default_factory=dict)
    arrays: dict[str, dict[str, Array]] = field(default_factory=dict)

    def store(self, name: str, array: Array, suite: str, layout: str, made_by: str) -> str:
        """Keep an array: float64 ones as small whole numbers, others as they are."""
        exponent = 0
        if array.dtype == np.float64:
            array, exponent = narrow(array)
        entry: dict[str, Any] = {
            "file": f"{suite}.safetensors",
            "dtype": NAMES[array.dtype.newbyteorder("<")],
            "shape": list(array.shape),
            "exponent": exponent,
            "layout": layout,
            "made_by": made_by,
            "sha256": hashlib.sha256(raw(array)).hexdigest(),
        }
        if self.tensors.setdefault(name, entry) != entry:
            raise ValueError(f"tensor {name!r}: stored twice, with other numbers")
        self.arrays.setdefault(entry["file"], {})[name] = array
        return name

    def draw(self, recipe: Recipe, shape: Shape, layout: str) -> str:
        """Keep a recipe in place of an array."""
        self.tensors[recipe.name] = {
            "draw": recipe.data(),
            "shape": list(shape),
            "layout": layout,
        }
        return recipe.name

    def files(self) -> dict[str, bytes]:
        """Every file of the bundle by its name, the sums last."""
        files = dict(self.plain)
        for name, arrays in self.arrays.items():
            files[name] = to_bytes(arrays, f"{FORMAT} {VERSION}, {name}")
        manifest: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "made_by": self.made_by,
            "conventions": CONVENTIONS,
            "files": {
                name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
                for name, data in files.items()
            },
            "tensors": self.tensors,
            "networks": self.networks,
            "cases": self.cases,
            "pictures": self.pictures,
            "recipes": self.recipes,
        }
        files[MANIFEST] = to_json(manifest).encode()
        digest = hashlib.sha256(files[MANIFEST]).hexdigest()
        files[SUMS] = sums(digest, manifest["files"]).encode()
        return files


def to_json(value: Any, depth: int = 0) -> str:
    """JSON with sorted keys, and a line for each tensor, layer and case; ends with a newline.

    >>> print(to_json({"b": {"x": {"shape": [1, 2]}}, "a": 1}), end="")
    {
     "a": 1,
     "b": {
      "x": {"shape":[1,2]}
     }
    }
    """
    pad = " " * (depth + 1)
    if depth == 3 and isinstance(value, list) and value and isinstance(value[0], dict):  # layers
        return "[\n" + ",\n".join(pad + to_json(one, depth + 1) for one in value) + f"\n{pad[1:]}]"
    deep = depth > 2 or (depth == 2 and "layers" not in value)
    if not isinstance(value, dict) or not value or deep:
        return json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))
    lines = (f"{pad}{json.dumps(k)}: {to_json(value[k], depth + 1)}" for k in sorted(value))
    end = "\n" if depth == 0 else ""
    return "{\n" + ",\n".join(lines) + "\n" + pad[1:] + "}" + end


def sums(manifest: str, files: Mapping[str, Mapping[str, Any]]) -> str:
    """What SHA256SUMS holds, so that `sha256sum -c SHA256SUMS` checks a bundle without refnet."""
    lines = [f"{manifest}  {MANIFEST}"]
    lines += [f"{files[name]['sha256']}  {name}" for name in sorted(files)]
    return "\n".join(lines) + "\n"


def narrow(array: Array) -> tuple[Array, int]:
    """(n, e) with array = n 2^e, n of the narrowest signed integers, e = 0 wherever it can be."""
    for exponent in range(0, -25, -1):
        whole = array * 2.0**-exponent
        if (whole == np.round(whole)).all():
            break
    else:
        raise ValueError("array: numbers that are no multiples of 2^-24, expected an exact case's")
    for kind in (np.int8, np.int16, np.int32):
        if not whole.size or abs(whole).max() <= np.iinfo(kind).max:
            return whole.astype(kind), exponent
    raise ValueError(f"array: {abs(whole).max():g} is more than 32 bits hold")
