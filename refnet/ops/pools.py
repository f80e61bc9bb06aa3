"""Pools: the mean or the largest of a window, in NumPy."""

from __future__ import annotations

import numpy as np

from refnet import arguments, geometry
from refnet.geometry import Padding, Pair
from refnet.ops.common import Array, inexact


def global_average_pool(x: Array) -> Array:
    """The mean of each channel over the whole map.

    >>> global_average_pool(np.array([1.0, 3.0]).reshape(1, 2, 1, 1)).tolist()
    [[2.0]]

    x: (B, H, W, M); returns (B, M). Integers become float64; Fractions stay Fractions.
    """
    arguments.check_rank(x.shape, "x", "B, H, W, M")
    arguments.check_not_empty(x.shape, "x")
    return inexact(x).sum(axis=(1, 2)) / (x.shape[1] * x.shape[2])


def average_pool(
    x: Array, size: Pair, *, padding: Padding, stride: Pair = 1, include_padding: bool = False
) -> Array:
    """The mean of each channel over a sliding window.

    >>> x = np.arange(4.0).reshape(1, 2, 2, 1)
    >>> average_pool(x, 2, stride=2, padding="valid").tolist()
    [[[[1.5]]]]

    By default only the elements inside the map are averaged, as TensorFlow does;
    `include_padding` divides by the window's size instead, as Caffe does.
    x: (B, H, W, M); returns (B, D_G, D_G, M).
    """
    arguments.check_rank(x.shape, "x", "B, H, W, M")
    arguments.check_not_empty(x.shape, "x")
    B, H, W, M = x.shape
    D_Ky, D_Kx = arguments.check_pair(size, "size")
    rows, columns = geometry.axes((H, W), (D_Ky, D_Kx), stride=stride, padding=padding)
    x = inexact(x)
    y = np.zeros((B, rows.output, columns.output, M), x.dtype)
    count = np.zeros((rows.output, columns.output, 1), np.int64)
    for i, j in np.ndindex(D_Ky, D_Kx):
        to_r, from_r = rows.tap(i)
        to_c, from_c = columns.tap(j)
        y[:, to_r, to_c] += x[:, from_r, from_c]
        count[to_r, to_c] += 1
    if include_padding:
        return y / (D_Ky * D_Kx)
    if not count.all():
        raise ValueError(f"padding: {padding!r} leaves a window with no element to average")
    return y / count.astype(y.dtype)


def max_pool(x: Array, size: Pair, *, padding: Padding, stride: Pair = 1) -> Array:
    """The largest element of each channel in a sliding window; NaN, where there is one, wins.

    >>> x = np.arange(-8, 1).reshape(1, 3, 3, 1)
    >>> max_pool(x, 2, stride=2, padding=(0, 1, 0, 1))[0, :, :, 0].tolist()
    [[-4, -3], [-1, 0]]

    Padding never wins: a tap outside the map is skipped, also where all elements are negative.
    Rounding the output's size up (Caffe; `ceil_mode` in PyTorch) is padding at the bottom and
    at the right, as in the example: 2 x 2 outputs of a 3 x 3 map.
    x: (B, H, W, M) of any ordered number type, which is kept; returns (B, D_G, D_G, M).
    Raises ValueError for a window with no element of the map in it.
    Source: Simonyan and Zisserman (arXiv:1409.1556), section 2.1.
    """
    arguments.check_rank(x.shape, "x", "B, H, W, M")
    arguments.check_not_empty(x.shape, "x")
    B, H, W, M = x.shape
    D_Ky, D_Kx = arguments.check_pair(size, "size")
    rows, columns = geometry.axes((H, W), (D_Ky, D_Kx), stride=stride, padding=padding)
    y = np.zeros((B, rows.output, columns.output, M), x.dtype)
    begun = np.zeros((rows.output, columns.output, 1), bool)  # windows that have met an element
    for i, j in np.ndindex(D_Ky, D_Kx):
        to_r, from_r = rows.tap(i)
        to_c, from_c = columns.tap(j)
        seen, largest = x[:, from_r, from_c], y[:, to_r, to_c]
        y[:, to_r, to_c] = np.where(begun[to_r, to_c], np.maximum(largest, seen), seen)
        begun[to_r, to_c] = True
    if not begun.all():
        raise ValueError(f"padding: {padding!r} leaves a window with no element to choose")
    return y
