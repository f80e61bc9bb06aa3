"""Weights as the kernels read them: half4 and float4, in one file that an app can map.

>>> packed = pointwise(np.ones((1, 1, 5, 6)))           # 5 channels to 6: 2 slices to 2
>>> packed.shape, int(packed.sum())                     # (output slice, input slice, lane, lanes)
((2, 2, 4, 4), 30)

Channels go four to a texel, so a count that is no multiple of four is filled up with lanes whose
weights and biases are 0: a full texel of them computes 0 and adds 0 to others. Every tensor's entry
says how many of its numbers are parameters and how many such filling.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

LANES = 4
# Metal takes a buffer at any multiple of its element's size in `device` memory, and of 256 bytes in
# `constant` memory on older Macs (Metal Feature Set Tables): 256 is right everywhere.
ALIGNMENT = 256
# newBufferWithBytesNoCopy wants whole pages of memory; Apple's have 16 KiB.
PAGE = 16384

HALF_LARGEST = 65504.0


@dataclass(frozen=True)
class Packed:
    """One tensor in the packed file.

    type: of its elements in the kernel ("half4", "float4", "float"). shape: of the elements, the
    last axis varying fastest, and `axes` what these count. offset, bytes: where it lies.
    parameters, padding: how many of its numbers are the network's, and how many are filling.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    axes: tuple[str, ...]
    offset: int
    bytes: int
    parameters: int
    padding: int


@dataclass
class Packer:
    """Tensors one after the other, each at a multiple of 256 bytes.

    >>> packer = Packer()
    >>> packer.add("b", bias(np.ones(5)), "float4", ("output slice",), 5).padding
    3
    >>> packer.add("c", bias(np.ones(1)), "float4", ("output slice",), 1).offset
    256
    >>> len(packer.data())
    16384
    """

    tensors: list[Packed] = field(default_factory=list)
    _chunks: list[bytes] = field(default_factory=list)
    _length: int = 0

    def add(
        self, name: str, array: Array, type: str, axes: tuple[str, ...], parameters: int
    ) -> Packed:
        """Append a packed array; where the type is a vector its last axis is the lanes."""
        shape = array.shape[:-1] if type.endswith("4") else array.shape
        assert len(shape) == len(axes), (name, shape, axes)
        raw = array.tobytes()
        offset = -(-self._length // ALIGNMENT) * ALIGNMENT
        self._chunks += [bytes(offset - self._length), raw]
        self._length = offset + len(raw)
        padding = array.size - parameters
        packed = Packed(name, type, shape, axes, offset, len(raw), parameters, padding)
        self.tensors.append(packed)
        return packed

    def data(self) -> bytes:
        """The whole file, filled up to full pages."""
        return b"".join([*self._chunks, bytes(-self._length % PAGE)])


def slices_of(channels: int) -> int:
    """How many texels of four channels hold these.

    >>> slices_of(3), slices_of(4), slices_of(5)
    (1, 1, 2)
    """
    return -(-channels // LANES)


def filled(a: Array, *axes: int) -> Array:
    """Zeros appended to these axes, up to a multiple of four.

    >>> filled(np.ones((2, 3)), 1).tolist()
    [[1.0, 1.0, 1.0, 0.0], [1.0, 1.0, 1.0, 0.0]]
    """
    widths = [(0, -side % LANES if axis in axes else 0) for axis, side in enumerate(a.shape)]
    return np.pad(a, widths)


def to_half(a: Array, name: str) -> Array:
    """Rounded once to float16; refused where a number is beyond its range.

    >>> to_half(np.array([1e5]), "stem.weight")
    Traceback (most recent call last):
    ...
    ValueError: stem.weight: 100000, but float16 ends at 65504
    """
    with np.errstate(over="ignore"):
        half = np.asarray(a).astype(np.float16)
    if not np.isfinite(half).all():
        worst = np.asarray(a)[~np.isfinite(half)].flat[0]
        raise ValueError(f"{name}: {worst:g}, but float16 ends at {HALF_LARGEST:g}")
    return half


def conv3x3(w: Array, name: str = "weight") -> Array:
    """(3, 3, M, N) as (output slice, tap, input slice, input lane, output lanes).

    >>> w = np.arange(9 * 3 * 8).reshape(3, 3, 3, 8)
    >>> packed = conv3x3(w)
    >>> packed.shape, packed[1, 5, 0, 2].tolist() == w[1, 2, 2, 4:].tolist()
    ((2, 9, 1, 4, 4), True)
    """
    w = filled(to_half(w, name), 2, 3)
    blocks = w.reshape(9, w.shape[2] // LANES, LANES, w.shape[3] // LANES, LANES)
    return np.ascontiguousarray(blocks.transpose(3, 0, 1, 2, 4))


def depthwise3x3(w: Array, name: str = "weight") -> Array:
    """(3, 3, M, 1) as (tap, slice, lanes).

    >>> depthwise3x3(np.arange(9 * 5).reshape(3, 3, 5, 1))[8, 1].tolist()
    [44.0, 0.0, 0.0, 0.0]
    """
    w = filled(to_half(w[..., 0], name), 2)
    return np.ascontiguousarray(w.reshape(9, -1, LANES))


def pointwise(w: Array, name: str = "weight") -> Array:
    """(1, 1, M, N) as (output slice, input slice, input lane, output lanes).

    >>> w = np.arange(20).reshape(1, 1, 5, 4)
    >>> pointwise(w)[0, 1, 0].tolist() == w[0, 0, 4].tolist()
    True
    """
    w = filled(to_half(w[0, 0], name), 0, 1)
    blocks = w.reshape(w.shape[0] // LANES, LANES, w.shape[1] // LANES, LANES)
    return np.ascontiguousarray(blocks.transpose(2, 0, 1, 3))


def fully_connected(w: Array, name: str = "weight") -> Array:
    """(M, N) as (input slice, output, input lanes).

    >>> fully_connected(np.arange(6).reshape(3, 2)).tolist()
    [[[0.0, 2.0, 4.0, 0.0], [1.0, 3.0, 5.0, 0.0]]]
    """
    w = filled(to_half(w, name), 0)
    return np.ascontiguousarray(w.reshape(-1, LANES, w.shape[1]).transpose(0, 2, 1))


def bias(b: Array) -> Array:
    """(N,) in float32 as (slice, lanes).

    Biases stay in float: they are few, and added to sums that are in float too.
    """
    return filled(np.asarray(b).astype(np.float32), 0).reshape(-1, LANES)


def to_texture(x: Array) -> Array:
    """A map (H, W, M) as a texture array (slices, H, W, 4) of float16; lanes beyond M are 0.

    >>> to_texture(np.ones((2, 3, 5))).shape
    (2, 2, 3, 4)
    """
    H, W, _ = x.shape
    with np.errstate(over="ignore"):  # a number beyond float16 is infinite, as on a GPU
        texels = filled(x.astype(np.float16), 2).reshape(H, W, -1, LANES)
    return np.ascontiguousarray(texels.transpose(2, 0, 1, 3))


def from_texture(texture: Array, channels: int) -> Array:
    """The inverse of `to_texture`, in float32.

    >>> x = np.arange(30.0).reshape(2, 3, 5)
    >>> bool((from_texture(to_texture(x), 5) == x).all())
    True
    """
    slices, H, W, _ = texture.shape
    flat = texture.transpose(1, 2, 0, 3).reshape(H, W, slices * LANES)
    return np.ascontiguousarray(flat[..., :channels], np.float32)
