"""What the operations share: number types, biases, groups."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def part(g: int, length: int) -> slice:
    """The channels of group g, where every group has `length` of them.

    >>> [part(g, 4) for g in range(2)]              # 8 channels in 2 groups
    [slice(0, 4, None), slice(4, 8, None)]
    """
    return slice(g * length, (g + 1) * length)


def result_type(*arrays: Array | None) -> np.dtype[Any]:
    """The number type that arrays have in common.

    >>> result_type(np.zeros(1, np.float32), None, np.zeros(1))
    dtype('float64')
    """
    return np.result_type(*(a.dtype for a in arrays if a is not None))


def in_one_type(x: Array, w: Array, b: Array | None) -> tuple[Array, Array]:
    """x and w in the number type that they and the bias have in common, so that products of
    narrow integers have the room that their sum with a wide bias has.

    >>> byte, wide = np.array([100], np.int8), np.array([0])
    >>> x, w = in_one_type(byte, byte, wide)
    >>> (byte * byte).tolist(), (x * w).tolist()
    ([16], [10000])
    """
    dtype = result_type(x, w, b)
    return x.astype(dtype, copy=False), w.astype(dtype, copy=False)


def inexact(x: Array) -> Array:
    """Where a division follows, integers become float64; floats and Fractions stay.

    >>> inexact(np.array([1, 2])).dtype, inexact(np.zeros(2, np.float16)).dtype
    (dtype('float64'), dtype('float16'))
    """
    return x if x.dtype.kind in "fcO" else x.astype(np.float64)


def mixed(pixels: Array, w: Array) -> Array:
    """The channels of every pixel times a matrix: one product over all pixels, not one a row.

    >>> mixed(np.ones((1, 2, 2, 3), int), np.ones((3, 5), int)).shape
    (1, 2, 2, 5)
    """
    return (pixels.reshape(-1, w.shape[0]) @ w).reshape(*pixels.shape[:-1], w.shape[1])


def plus_bias(y: Array, b: Array | None) -> Array:
    """y with one number a channel added, in place; y itself where there is none.

    >>> plus_bias(np.zeros((2, 3)), np.array([1, 2, 3])).tolist()
    [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]
    """
    if b is not None:
        y += b
    return y
