"""What the operations share: number types, biases, groups."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def part(g: int, length: int) -> slice:
    """The channels of group g, where every group has `length` of them."""
    return slice(g * length, (g + 1) * length)


def shape_of(b: Array | None) -> tuple[int, ...] | None:
    """The shape of a bias that may be absent."""
    return None if b is None else b.shape


def result_type(*arrays: Array | None) -> np.dtype[Any]:
    """The number type that arrays have in common."""
    return np.result_type(*(a.dtype for a in arrays if a is not None))


def in_one_type(x: Array, w: Array, b: Array | None) -> tuple[Array, Array]:
    """x and w in the number type that they and the bias have in common, so that products of
    narrow integers have the room that their sum with a wide bias has."""
    dtype = result_type(x, w, b)
    return x.astype(dtype, copy=False), w.astype(dtype, copy=False)


def inexact(x: Array) -> Array:
    """Where a division follows, integers become float64; floats and Fractions stay."""
    return x if x.dtype.kind in "fcO" else x.astype(np.float64)


def plus_bias(y: Array, b: Array | None) -> Array:
    """y with one number a channel added, in place; y itself where there is none."""
    if b is not None:
        y += b
    return y
