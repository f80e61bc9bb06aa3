"""Convolutions and the fully connected layer, as loops."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from refnet import arguments
from refnet.definition.common import Array, Tally, place, plus_bias, result_type
from refnet.definition.elementwise import relu, relu6


def conv2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    padding: Any,
    stride: Any = 1,
    dilation: Any = 1,
    groups: int = 1,
    tally: Tally | None = None,
) -> Array:
    """Standard convolution: every filter sums over all the channels of its group.

    >>> x = np.arange(18).reshape(1, 3, 3, 2)
    >>> conv2d(x, np.ones((3, 3, 2, 1), int), padding="valid")[0, 0, 0, 0]
    np.int64(153)

    x: (B, H, W, M); w: (D_K, D_K, M / groups, N); b: (N,) or None; returns (B, D_G, D_G, N).
    padding: "same" (TensorFlow's), "valid" or (top, bottom, left, right).
    Source: MobileNets (arXiv:1704.04861), section 3.1, equation 1.
    """
    arguments.check_conv(x.shape, w.shape, arguments.shape_of(b), groups)
    B, H, W, _ = x.shape
    D_Ky, D_Kx, M, N = w.shape
    s_y, s_x = arguments.check_pair(stride, "stride")
    d_y, d_x = arguments.check_pair(dilation, "dilation")
    top, left, D_Gy, D_Gx = place((H, W), (D_Ky, D_Kx), (s_y, s_x), (d_y, d_x), padding)
    x, w = (a.astype(result_type(x, w, b)) for a in (x, w))
    y = np.zeros((B, D_Gy, D_Gx, N), x.dtype)
    for k, r, c, n in np.ndindex(y.shape):
        first = n // (N // groups) * M  # the first input channel of this filter's group
        for i, j in np.ndindex(D_Ky, D_Kx):
            row, column = r * s_y + i * d_y - top, c * s_x + j * d_x - left
            if 0 <= row < H and 0 <= column < W:  # a tap on the padding multiplies nothing
                for m in range(M):
                    y[k, r, c, n] += x[k, row, column, first + m] * w[i, j, m, n]
                    if tally is not None:
                        tally.macs += 1
    return plus_bias(y, b)


def depthwise_conv2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    padding: Any,
    stride: Any = 1,
    dilation: Any = 1,
    tally: Tally | None = None,
) -> Array:
    """One filter for each channel, or `multiplier` of them; no channel sees another.

    >>> x = np.arange(9).reshape(1, 3, 3, 1)
    >>> depthwise_conv2d(x, np.ones((3, 3, 1, 1), int), padding="valid")[0, 0, 0, 0]
    np.int64(36)

    x: (B, H, W, M); w: (D_K, D_K, M, multiplier); b: (M * multiplier,) or None;
    returns (B, D_G, D_G, M * multiplier), where channel m * multiplier + q is filter q of
    channel m.
    Source: MobileNets (arXiv:1704.04861), section 3.1, equation 3.
    """
    arguments.check_depthwise(x.shape, w.shape, arguments.shape_of(b))
    B, H, W, M = x.shape
    D_Ky, D_Kx, _, multiplier = w.shape
    s_y, s_x = arguments.check_pair(stride, "stride")
    d_y, d_x = arguments.check_pair(dilation, "dilation")
    top, left, D_Gy, D_Gx = place((H, W), (D_Ky, D_Kx), (s_y, s_x), (d_y, d_x), padding)
    x, w = (a.astype(result_type(x, w, b)) for a in (x, w))
    y = np.zeros((B, D_Gy, D_Gx, M * multiplier), x.dtype)
    for k, r, c, m, q in np.ndindex(B, D_Gy, D_Gx, M, multiplier):
        for i, j in np.ndindex(D_Ky, D_Kx):
            row, column = r * s_y + i * d_y - top, c * s_x + j * d_x - left
            if 0 <= row < H and 0 <= column < W:
                y[k, r, c, m * multiplier + q] += x[k, row, column, m] * w[i, j, m, q]
                if tally is not None:
                    tally.macs += 1
    return plus_bias(y, b)


def pointwise_conv2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Any = 1,
    tally: Tally | None = None,
) -> Array:
    """A weighted sum of the channels of one pixel, N times over.

    >>> x = np.array([1, 2, 3]).reshape(1, 1, 1, 3)
    >>> pointwise_conv2d(x, np.array([[1, 0], [1, 0], [1, 5]]).reshape(1, 1, 3, 2)).tolist()
    [[[[6, 15]]]]

    x: (B, H, W, M); w: (1, 1, M, N); b: (N,) or None; returns (B, D_G, D_G, N).
    Source: MobileNets (arXiv:1704.04861), section 3.1.
    """
    arguments.check_pointwise(x.shape, w.shape, arguments.shape_of(b))
    B, H, W, M = x.shape
    N = w.shape[3]
    s_y, s_x = arguments.check_pair(stride, "stride")
    x, w = (a.astype(result_type(x, w, b)) for a in (x, w))
    y = np.zeros((B, math.ceil(H / s_y), math.ceil(W / s_x), N), x.dtype)
    for k, r, c, n in np.ndindex(y.shape):
        for m in range(M):
            y[k, r, c, n] += x[k, r * s_y, c * s_x, m] * w[0, 0, m, n]
            if tally is not None:
                tally.macs += 1
    return plus_bias(y, b)


def separable_conv2d(
    x: Array,
    depthwise: Array,
    pointwise: Array,
    b_depthwise: Array | None = None,
    b: Array | None = None,
    *,
    padding: Any,
    stride: Any = 1,
    dilation: Any = 1,
    activation: Literal["relu", "relu6"] | None = None,
    tally: Tally | None = None,
) -> Array:
    """Depthwise, then pointwise: filter each channel, then combine them.

    >>> x = np.ones((1, 3, 3, 2), int)
    >>> w, v = np.ones((3, 3, 2, 1), int), np.ones((1, 1, 2, 1), int)
    >>> separable_conv2d(x, w, v, padding="valid").tolist()
    [[[[18]]]]

    `activation` acts between the two: splitting the convolution buys a second non-linearity.
    x: (B, H, W, M); depthwise: (D_K, D_K, M, multiplier); pointwise: (1, 1, M * multiplier, N).
    Source: MobileNets (arXiv:1704.04861), section 3.1, equation 5.
    """
    arguments.check_activation(activation)
    y = depthwise_conv2d(
        x, depthwise, b_depthwise, stride=stride, padding=padding, dilation=dilation, tally=tally
    )
    if activation is not None:
        y = {"relu": relu, "relu6": relu6}[activation](y)
    return pointwise_conv2d(y, pointwise, b, tally=tally)


def dense(x: Array, w: Array, b: Array | None = None, *, tally: Tally | None = None) -> Array:
    """A fully connected layer: every output is a weighted sum of every input.

    >>> dense(np.array([[1, 2]]), np.array([[1, 10], [100, 1000]])).tolist()
    [[201, 2010]]

    x: (B, M); w: (M, N); b: (N,) or None; returns (B, N).
    """
    arguments.check_dense(x.shape, w.shape, arguments.shape_of(b))
    M = w.shape[0]
    x, w = (a.astype(result_type(x, w, b)) for a in (x, w))
    y = np.zeros((x.shape[0], w.shape[1]), x.dtype)
    for k, n in np.ndindex(y.shape):
        for m in range(M):
            y[k, n] += x[k, m] * w[m, n]
            if tally is not None:
                tally.macs += 1
    return plus_bias(y, b)
