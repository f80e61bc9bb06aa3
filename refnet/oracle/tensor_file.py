"""safetensors files by hand: the same bytes on every machine, whatever library is installed.

A file is 8 bytes with the header's length (little-endian), the header in JSON, and the tensors'
bytes one after the other in C order (https://github.com/huggingface/safetensors, "Format").

>>> data = to_bytes({"a": np.array([1, 2, 3], np.int8)}, "an example")
>>> tensors, metadata = from_bytes(data, "example")
>>> tensors["a"].tolist(), tensors["a"].dtype, metadata
([1, 2, 3], dtype('int8'), {'refnet': 'an example'})
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

# Files are little-endian on every machine.
DTYPES = {
    "I8": "<i1", "U8": "<u1", "I16": "<i2", "U16": "<u2", "I32": "<i4", "U32": "<u4",
    "I64": "<i8", "U64": "<u8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "BF16": "<u2",
}  # fmt: skip
NAMES = {np.dtype(code): name for name, code in DTYPES.items() if name != "BF16"}


def to_bytes(tensors: Mapping[str, Array], said: str) -> bytes:
    """The file that holds these tensors: the widest numbers first, so that each is aligned."""
    names = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    header: dict[str, Any] = {"__metadata__": {"refnet": said}}
    parts, end = [], 0
    for name in names:
        array = tensors[name]
        part = raw(array)
        header[name] = {
            "dtype": NAMES[array.dtype.newbyteorder("<")],
            "shape": list(array.shape),
            "data_offsets": [end, end + len(part)],
        }
        end += len(part)
        parts.append(part)
    head = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return b"".join((len(head).to_bytes(8, "little"), head, *parts))


def raw(array: Array) -> bytes:
    """An array's bytes as a file holds them."""
    return array.astype(array.dtype.newbyteorder("<")).tobytes()


def read(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """All tensors of a file by name, bfloat16 as float32, and its metadata."""
    return from_bytes(path.read_bytes(), str(path))


def from_bytes(data: bytes, where: str) -> tuple[dict[str, Array], dict[str, str]]:
    """The same of a file's bytes; `where` is the file's name in errors.

    Raises ValueError, in one line, for a file cut short or with anything left over, for a header
    that contradicts itself, and for number types that are neither integers nor plain floats.
    """
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise ValueError(f"{where}: not a whole safetensors file (its header is cut short)")
    header = _header(data[8 : 8 + length], where)
    body = data[8 + length :]
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or any(not isinstance(v, str) for v in metadata.values()):
        raise ValueError(f"{where}: not a safetensors file (its metadata is not text)")
    spans = sorted(_span(name, entry, where) for name, entry in header.items())
    end = 0
    for start, stop, name in spans:
        if start != end:
            raise ValueError(f"{where}: tensor {name!r} begins at byte {start}, expected {end}")
        end = stop
    if end != len(body):
        raise ValueError(
            f"{where}: not a whole safetensors file ({len(body)} bytes of numbers, expected {end})"
        )
    return {name: _array(body[a:b], header[name]) for a, b, name in spans}, metadata


def _header(text: bytes, where: str) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{where}: not a safetensors file (its header is not JSON)") from None
    if not isinstance(header, dict):
        raise ValueError(f"{where}: not a safetensors file (its header is not an object)")
    return header


def _span(name: str, entry: Any, where: str) -> tuple[int, int, str]:
    """First and last byte of a tensor, checked against its type and shape."""
    try:
        kind, shape, (start, stop) = entry["dtype"], entry["shape"], entry["data_offsets"]
        whole = all(type(n) is int and n >= 0 for n in (*shape, start, stop))
    except (TypeError, KeyError, ValueError):
        raise ValueError(f"{where}: tensor {name!r} lacks a type, a shape or its place") from None
    if not isinstance(kind, str) or kind not in DTYPES:
        raise ValueError(f"{where}: tensor {name!r} is {kind}, expected floats or integers")
    if not whole or stop - start != math.prod(shape) * np.dtype(DTYPES[kind]).itemsize:
        raise ValueError(f"{where}: tensor {name!r} of shape {shape} does not fill its bytes")
    return start, stop, name


def _array(part: bytes, entry: Mapping[str, Any]) -> Array:
    array = np.frombuffer(part, DTYPES[entry["dtype"]]).reshape(entry["shape"])
    if entry["dtype"] == "BF16":  # the upper half of a float32
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(array.dtype.newbyteorder("="))
