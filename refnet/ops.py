"""The operations of `definition`, vectorised: the arithmetic of the reference.

Same names, same arguments, same order of axes; nothing cleverer than a reader can follow. The
number type is kept: float32 in, float32 out; integers and Fractions stay exact.

A convolution is one product for each tap of the kernel: tap (i, j) meets a regular grid of
pixels, that grid times w[i, j] is added to the outputs it belongs to. `geometry` says which
grid lies inside the map, so nothing is ever padded, and what lies outside is never touched.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from refnet import arguments, geometry
from refnet.geometry import Padding, Pair

Array = np.ndarray[Any, Any]


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
    arguments.check_conv(x.shape, w.shape, _shape(b), groups)
    B, H, W, _ = x.shape
    D_Ky, D_Kx, M, N = w.shape
    rows, columns = geometry.axes(
        (H, W), (D_Ky, D_Kx), stride=stride, padding=padding, dilation=dilation
    )
    y = np.zeros((B, rows.output, columns.output, N), _type(x, w, b))
    for g in range(groups):
        channels, filters = _part(g, M), _part(g, N // groups)
        for i, j in np.ndindex(D_Ky, D_Kx):
            to_r, from_r = rows.tap(i)
            to_c, from_c = columns.tap(j)
            y[:, to_r, to_c, filters] += x[:, from_r, from_c, channels] @ w[i, j, :, filters]
    return _plus_bias(y, b)


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
    arguments.check_depthwise(x.shape, w.shape, _shape(b))
    B, H, W, M = x.shape
    D_Ky, D_Kx, _, multiplier = w.shape
    rows, columns = geometry.axes(
        (H, W), (D_Ky, D_Kx), stride=stride, padding=padding, dilation=dilation
    )
    y = np.zeros((B, rows.output, columns.output, M, multiplier), _type(x, w, b))
    for i, j in np.ndindex(D_Ky, D_Kx):
        to_r, from_r = rows.tap(i)
        to_c, from_c = columns.tap(j)
        y[:, to_r, to_c] += x[:, from_r, from_c, :, np.newaxis] * w[i, j]
    return _plus_bias(y.reshape(B, rows.output, columns.output, M * multiplier), b)


def pointwise_conv2d(x: Array, w: Array, b: Array | None = None, *, stride: Pair = 1) -> Array:
    """A weighted sum of the channels of one pixel, N times over: a matrix product.

    >>> x = np.array([1, 2, 3]).reshape(1, 1, 1, 3)
    >>> pointwise_conv2d(x, np.array([[1, 0], [1, 0], [1, 5]]).reshape(1, 1, 3, 2)).tolist()
    [[[[6, 15]]]]

    x: (B, H, W, M); w: (1, 1, M, N); b: (N,) or None; returns (B, D_G, D_G, N).
    Source: MobileNets (arXiv:1704.04861), section 3.1.
    """
    arguments.check_pointwise(x.shape, w.shape, _shape(b))
    s_y, s_x = arguments.check_pair(stride, "stride")
    y = x[:, ::s_y, ::s_x] @ w[0, 0]
    return _plus_bias(y.astype(_type(x, w, b), copy=False), b)


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
    arguments.check_dense(x.shape, w.shape, _shape(b))
    return _plus_bias((x @ w).astype(_type(x, w, b), copy=False), b)


def batch_norm(
    x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, *, epsilon: float
) -> Array:
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, channel by channel.

    >>> one = np.array([1.0])
    >>> batch_norm(np.array([[5.0]]), 2 * one, one, 3 * one, 4 * one, epsilon=0.0).tolist()
    [[3.0]]

    x: (..., M); gamma, beta, mean, variance: (M,), the statistics of training.
    Source: Ioffe and Szegedy (arXiv:1502.03167), algorithm 2.
    """
    arguments.check_batch_norm(x.shape, gamma.shape, beta.shape, mean.shape, variance.shape)
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def relu(x: Array) -> Array:
    """max(0, x); NaN stays NaN.

    >>> relu(np.array([-1, 0, 7])).tolist()
    [0, 0, 7]
    """
    return np.maximum(x, 0)


def relu6(x: Array) -> Array:
    """min(max(0, x), 6); NaN stays NaN.

    >>> relu6(np.array([-1, 0, 5, 7])).tolist()
    [0, 0, 5, 6]

    Source: MobileNetV2 (arXiv:1801.04381), section 4: robust in low-precision arithmetic.
    """
    return np.minimum(np.maximum(x, 0), 6)


def softmax(x: Array) -> Array:
    """exp(x_n) / sum of exp(x_n'), with the largest x taken out so that nothing overflows.

    >>> softmax(np.array([[1000.0, 1000.0]])).tolist()
    [[0.5, 0.5]]

    x: (B, N) of any number type; returns floats whose rows add up to 1.
    """
    arguments.check_rank(x.shape, "x", "B, N")
    arguments.check_not_empty(x.shape, "x")
    shifted = x - x.max(axis=1, keepdims=True)
    powers = np.exp(shifted if x.dtype.kind == "f" else shifted.astype(np.float64))
    return powers / powers.sum(axis=1, keepdims=True)


def global_average_pool(x: Array) -> Array:
    """The mean of each channel over the whole map.

    >>> global_average_pool(np.array([1.0, 3.0]).reshape(1, 2, 1, 1)).tolist()
    [[2.0]]

    x: (B, H, W, M); returns (B, M). Integers become float64; Fractions stay Fractions.
    """
    arguments.check_rank(x.shape, "x", "B, H, W, M")
    arguments.check_not_empty(x.shape, "x")
    return x.sum(axis=(1, 2)) / (x.shape[1] * x.shape[2])


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
    return y / count.astype(y.dtype if y.dtype.kind in "fO" else np.float64)


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


def concat(*xs: Array) -> Array:
    """Maps side by side: the channels of the first, then those of the second, and so on.

    >>> x = np.array([1, 2]).reshape(1, 1, 1, 2)
    >>> concat(x, 10 * x, x[..., :1]).tolist()
    [[[[1, 2, 10, 20, 1]]]]

    xs: at least one, each (B, H, W, M_k) with its own M_k; returns (B, H, W, sum of M_k).
    Source: Szegedy and others (arXiv:1409.4842), section 4: filter concatenation.
    """
    arguments.check_concat([x.shape for x in xs])
    return np.concatenate(xs, axis=3)


def add(x: Array, y: Array) -> Array:
    """The residual connection: element by element, equal shapes, nothing broadcast.

    >>> add(np.array([1, 2]), np.array([10, 20])).tolist()
    [11, 22]

    Source: MobileNetV2 (arXiv:1801.04381), figure 3.
    """
    arguments.check_add(x.shape, y.shape)
    return x + y


def _part(g: int, length: int) -> slice:
    """The channels of group g, where every group has `length` of them."""
    return slice(g * length, (g + 1) * length)


def _shape(b: Array | None) -> tuple[int, ...] | None:
    return None if b is None else b.shape


def _type(*arrays: Array | None) -> np.dtype[Any]:
    return np.result_type(*(a.dtype for a in arrays if a is not None))


def _plus_bias(y: Array, b: Array | None) -> Array:
    if b is not None:
        y += b
    return y
