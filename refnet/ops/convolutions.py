"""Convolutions and the fully connected layer, in NumPy."""

from __future__ import annotations

from typing import Literal

import numpy as np

from refnet import arguments, geometry
from refnet.geometry import Padding, Pair
from refnet.ops.common import Array, in_one_type, mixed, part, plus_bias
from refnet.ops.elementwise import relu, relu6


def conv2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    padding: Padding,
    stride: Pair = 1,
    dilation: Pair = 1,
    groups: int = 1,
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
    x, w = in_one_type(x, w, b)
    B, H, W, _ = x.shape
    D_Ky, D_Kx, M, N = w.shape
    rows, columns = geometry.axes(
        (H, W), (D_Ky, D_Kx), stride=stride, padding=padding, dilation=dilation
    )
    y = np.zeros((B, rows.output, columns.output, N), x.dtype)
    for g in range(groups):
        channels, filters = part(g, M), part(g, N // groups)
        for i, j in np.ndindex(D_Ky, D_Kx):
            to_r, from_r = rows.tap(i)
            to_c, from_c = columns.tap(j)
            y[:, to_r, to_c, filters] += mixed(x[:, from_r, from_c, channels], w[i, j, :, filters])
    return plus_bias(y, b)


def depthwise_conv2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    padding: Padding,
    stride: Pair = 1,
    dilation: Pair = 1,
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
    x, w = in_one_type(x, w, b)
    B, H, W, M = x.shape
    D_Ky, D_Kx, _, multiplier = w.shape
    rows, columns = geometry.axes(
        (H, W), (D_Ky, D_Kx), stride=stride, padding=padding, dilation=dilation
    )
    y = np.zeros((B, rows.output, columns.output, M, multiplier), x.dtype)
    for i, j in np.ndindex(D_Ky, D_Kx):
        to_r, from_r = rows.tap(i)
        to_c, from_c = columns.tap(j)
        y[:, to_r, to_c] += x[:, from_r, from_c, :, np.newaxis] * w[i, j]
    return plus_bias(y.reshape(B, rows.output, columns.output, M * multiplier), b)


def pointwise_conv2d(x: Array, w: Array, b: Array | None = None, *, stride: Pair = 1) -> Array:
    """A weighted sum of the channels of one pixel, N times over: a matrix product.

    >>> x = np.array([1, 2, 3]).reshape(1, 1, 1, 3)
    >>> pointwise_conv2d(x, np.array([[1, 0], [1, 0], [1, 5]]).reshape(1, 1, 3, 2)).tolist()
    [[[[6, 15]]]]

    x: (B, H, W, M); w: (1, 1, M, N); b: (N,) or None; returns (B, D_G, D_G, N).
    Source: MobileNets (arXiv:1704.04861), section 3.1.
    """
    arguments.check_pointwise(x.shape, w.shape, arguments.shape_of(b))
    s_y, s_x = arguments.check_pair(stride, "stride")
    x, w = in_one_type(x, w, b)
    return plus_bias(mixed(x[:, ::s_y, ::s_x], w[0, 0]), b)


def separable_conv2d(
    x: Array,
    depthwise: Array,
    pointwise: Array,
    b_depthwise: Array | None = None,
    b: Array | None = None,
    *,
    padding: Padding,
    stride: Pair = 1,
    dilation: Pair = 1,
    activation: Literal["relu", "relu6"] | None = None,
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
        x, depthwise, b_depthwise, stride=stride, padding=padding, dilation=dilation
    )
    if activation is not None:
        y = {"relu": relu, "relu6": relu6}[activation](y)
    return pointwise_conv2d(y, pointwise, b)


def dense(x: Array, w: Array, b: Array | None = None) -> Array:
    """A fully connected layer: every output is a weighted sum of every input.

    >>> dense(np.array([[1, 2]]), np.array([[1, 10], [100, 1000]])).tolist()
    [[201, 2010]]

    x: (B, M); w: (M, N); b: (N,) or None; returns (B, N).
    """
    arguments.check_dense(x.shape, w.shape, arguments.shape_of(b))
    x, w = in_one_type(x, w, b)
    return plus_bias(x @ w, b)
