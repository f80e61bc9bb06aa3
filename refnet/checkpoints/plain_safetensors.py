"""The safetensors format read in plain Python: for a Python that has not got the package.

Eight bytes, little-endian: the length of a header. The header: JSON, for each tensor its type, its
shape and where its bytes begin and end among those that follow; under `__metadata__`, strings. The
tensors lie close together, in any order. (The format's own description: the README of safetensors.)

What the package refuses is refused here as well; `refnet.checkpoints.store` uses the package where
it is installed.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

LONGEST_HEADER = 100_000_000  # bytes, as in the package
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "I16": 16, "U16": 16, "F16": 16,
    "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64,
}  # fmt: skip


def read(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """All tensors of a file by name, and its metadata.

    >>> from refnet.checkpoints import manifest
    >>> tensors, metadata = read(manifest.entry("v1").path)
    >>> tensors["stem.weight"].shape, list(metadata)
    ((3, 3, 3, 32), ['refnet'])

    Each tensor is an array of its own, float32. Raises ValueError where the file is no whole
    safetensors file, or holds numbers that are not float32.
    """
    data = path.read_bytes()
    try:
        header, start = _header(data)
        metadata = _metadata(header.pop("__metadata__", {}))
        places = {name: _place(name, said) for name, said in header.items()}
        _check_close(places, len(data) - start)
    except (ValueError, KeyError, TypeError, RecursionError) as problem:
        raise ValueError(f"{path}: not a whole safetensors file ({problem})") from None
    for name, said in header.items():
        if said["dtype"] != "F32":
            raise ValueError(f"{path}: tensor {name!r} is {said['dtype']}, expected F32")
    tensors = {
        name: np.frombuffer(data, "<f4", (end - begin) // 4, start + begin)
        .astype(np.float32)
        .reshape(header[name]["shape"])
        for name, (begin, end) in places.items()
    }
    return tensors, metadata


def _header(data: bytes) -> tuple[dict[str, Any], int]:
    """The header, and where the tensors' bytes begin."""
    if len(data) < 8:
        raise ValueError(f"{len(data)} bytes, expected at least 8")
    length = int.from_bytes(data[:8], "little")
    if length > LONGEST_HEADER:
        raise ValueError(f"a header of {length:,} bytes, expected at most {LONGEST_HEADER:,}")
    if 8 + length > len(data):
        raise ValueError(f"a header of {length:,} bytes, but {len(data) - 8:,} follow")
    header = json.loads(data[8 : 8 + length].decode("utf-8"))
    if not isinstance(header, dict):
        raise ValueError(f"the header is a {type(header).__name__}, expected an object")
    return header, 8 + length


def _metadata(said: Any) -> dict[str, str]:
    if said is None:
        return {}
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        raise ValueError("__metadata__: expected strings by name")
    return said


def _place(name: str, said: dict[str, Any]) -> tuple[int, int]:
    """Where a tensor begins and ends, which its type and shape must agree with."""
    (begin, end), shape = said["data_offsets"], said["shape"]
    numbers = (begin, end, *shape)
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError(f"tensor {name!r}: {numbers}, expected counts")
    if said["dtype"] not in _BITS:
        raise ValueError(f"tensor {name!r}: unknown type {said['dtype']!r}")
    if 8 * (end - begin) != math.prod(shape) * _BITS[said["dtype"]]:
        raise ValueError(f"tensor {name!r}: {end - begin} bytes, shape {tuple(shape)}")
    return begin, end


def _check_close(places: dict[str, tuple[int, int]], length: int) -> None:
    """No byte belongs to two tensors or to none."""
    reached = 0
    for name, (begin, end) in sorted(places.items(), key=lambda item: item[1]):
        if begin != reached:
            raise ValueError(f"tensor {name!r} begins at {begin}, expected {reached}")
        reached = end
    if reached != length:
        raise ValueError(f"the tensors end at {reached}, the file at {length}")
