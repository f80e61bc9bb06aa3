"""Pools: the mean or the largest of a window, as loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from refnet import arguments
from refnet.definition.common import Array, inexact, place


def global_average_pool(x: Array) -> Array:
    """The mean of each channel over the whole map.

    >>> global_average_pool(np.array([1.0, 3.0]).reshape(1, 2, 1, 1)).tolist()
    [[2.0]]

    x: (B, H, W, M); returns (B, M). Integers become float64; Fractions stay Fractions.
    """
    arguments.check_rank(x.shape, "x", "B, H, W, M")
    arguments.check_not_empty(x.shape, "x")
    B, H, W, M = x.shape
    y = np.zeros((B, M), inexact(x.dtype))
    for k, m in np.ndindex(B, M):
        for r, c in np.ndindex(H, W):
            y[k, m] += x[k, r, c, m]
        y[k, m] = y[k, m] / (H * W)
    return y


def average_pool(
    x: Array, size: Any, *, padding: Any, stride: Any = 1, include_padding: bool = False
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
    s_y, s_x = arguments.check_pair(stride, "stride")
    top, left, D_Gy, D_Gx = place((H, W), (D_Ky, D_Kx), (s_y, s_x), (1, 1), padding)
    y = np.zeros((B, D_Gy, D_Gx, M), inexact(x.dtype))
    for k, r, c, m in np.ndindex(y.shape):
        count = 0
        for i, j in np.ndindex(D_Ky, D_Kx):
            row, column = r * s_y + i - top, c * s_x + j - left
            if 0 <= row < H and 0 <= column < W:
                y[k, r, c, m] += x[k, row, column, m]
                count += 1
        if include_padding:
            count = D_Ky * D_Kx
        elif count == 0:
            raise ValueError(f"padding: {padding!r} leaves a window with no element to average")
        y[k, r, c, m] = y[k, r, c, m] / count
    return y


def max_pool(x: Array, size: Any, *, padding: Any, stride: Any = 1) -> Array:
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
    s_y, s_x = arguments.check_pair(stride, "stride")
    top, left, D_Gy, D_Gx = place((H, W), (D_Ky, D_Kx), (s_y, s_x), (1, 1), padding)
    y = np.zeros((B, D_Gy, D_Gx, M), x.dtype)
    for r, c in np.ndindex(D_Gy, D_Gx):
        taps = [(r * s_y + i - top, c * s_x + j - left) for i, j in np.ndindex(D_Ky, D_Kx)]
        inside = [(row, column) for row, column in taps if 0 <= row < H and 0 <= column < W]
        if not inside:
            raise ValueError(f"padding: {padding!r} leaves a window with no element to choose")
        for k, m in np.ndindex(B, M):
            values = [x[k, row, column, m] for row, column in inside]
            largest = values[0]
            for value in values[1:]:
                if value > largest or value != value:  # only NaN is unlike itself: it stays
                    largest = value
            y[k, r, c, m] = largest
    return y
