"""Every operation as the loops that ARE its formula.

Nothing here is optimised, and nothing is shared with `ops`: the bounds test, the paddings and
the output sizes are its own, so that agreement of the two means something. Any number type
works: floats, integers, and Fractions in object arrays, on which the arithmetic is exact.

`tally` counts the multiply-accumulates (MACs) that are executed. A tap that falls on the
padding multiplies nothing and is not counted; a bias is an addition and is not a MAC.

Arrays are NHWC, kernels (D_K, D_K, M, N): the order of the MobileNets paper.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from refnet import arguments

Array = np.ndarray[Any, Any]

# The operations that take a `tally`: those that multiply and accumulate.
COUNTED = frozenset({"conv2d", "depthwise_conv2d", "pointwise_conv2d", "separable_conv2d", "dense"})


@dataclass
class Tally:
    """What has been executed so far.

    >>> tally = Tally()
    >>> x, w = np.ones((1, 3, 3, 1), int), np.ones((3, 3, 1, 1), int)
    >>> int(conv2d(x, w, padding="same", tally=tally).sum())
    49
    >>> tally.macs          # ones with ones: the sum of the outputs counts the products
    49
    """

    macs: int = 0


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
    arguments.check_conv(x.shape, w.shape, _shape(b), groups)
    B, H, W, _ = x.shape
    D_Ky, D_Kx, M, N = w.shape
    (s_y, s_x), (d_y, d_x) = _pair(stride, "stride"), _pair(dilation, "dilation")
    top, left, D_Gy, D_Gx = _place((H, W), (D_Ky, D_Kx), (s_y, s_x), (d_y, d_x), padding)
    y = np.zeros((B, D_Gy, D_Gx, N), _type(x, w, b))
    for k, r, c, n in np.ndindex(y.shape):
        first = n // (N // groups) * M  # the first input channel of this filter's group
        for i, j in np.ndindex(D_Ky, D_Kx):
            row, column = r * s_y + i * d_y - top, c * s_x + j * d_x - left
            if 0 <= row < H and 0 <= column < W:  # a tap on the padding multiplies nothing
                for m in range(M):
                    y[k, r, c, n] += x[k, row, column, first + m] * w[i, j, m, n]
                    if tally is not None:
                        tally.macs += 1
    return _plus_bias(y, b)


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
    arguments.check_depthwise(x.shape, w.shape, _shape(b))
    B, H, W, M = x.shape
    D_Ky, D_Kx, _, multiplier = w.shape
    (s_y, s_x), (d_y, d_x) = _pair(stride, "stride"), _pair(dilation, "dilation")
    top, left, D_Gy, D_Gx = _place((H, W), (D_Ky, D_Kx), (s_y, s_x), (d_y, d_x), padding)
    y = np.zeros((B, D_Gy, D_Gx, M * multiplier), _type(x, w, b))
    for k, r, c, m, q in np.ndindex(B, D_Gy, D_Gx, M, multiplier):
        for i, j in np.ndindex(D_Ky, D_Kx):
            row, column = r * s_y + i * d_y - top, c * s_x + j * d_x - left
            if 0 <= row < H and 0 <= column < W:
                y[k, r, c, m * multiplier + q] += x[k, row, column, m] * w[i, j, m, q]
                if tally is not None:
                    tally.macs += 1
    return _plus_bias(y, b)


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
    arguments.check_pointwise(x.shape, w.shape, _shape(b))
    B, H, W, M = x.shape
    N = w.shape[3]
    s_y, s_x = _pair(stride, "stride")
    y = np.zeros((B, math.ceil(H / s_y), math.ceil(W / s_x), N), _type(x, w, b))
    for k, r, c, n in np.ndindex(y.shape):
        for m in range(M):
            y[k, r, c, n] += x[k, r * s_y, c * s_x, m] * w[0, 0, m, n]
            if tally is not None:
                tally.macs += 1
    return _plus_bias(y, b)


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
    arguments.check_dense(x.shape, w.shape, _shape(b))
    M = w.shape[0]
    y = np.zeros((x.shape[0], w.shape[1]), _type(x, w, b))
    for k, n in np.ndindex(y.shape):
        for m in range(M):
            y[k, n] += x[k, m] * w[m, n]
            if tally is not None:
                tally.macs += 1
    return _plus_bias(y, b)


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
    y = np.zeros(x.shape, _inexact(_type(x, gamma, beta)))
    for index in np.ndindex(x.shape):
        m = index[-1]
        scaled = gamma[m] * (x[index] - mean[m]) / math.sqrt(variance[m] + epsilon)
        y[index] = scaled + beta[m]
    return y


def relu(x: Array) -> Array:
    """max(0, x); NaN stays NaN.

    >>> relu(np.array([-1, 0, 7])).tolist()
    [0, 0, 7]
    """
    y = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        y[index] = 0 if x[index] < 0 else x[index]
    return y


def relu6(x: Array) -> Array:
    """min(max(0, x), 6); NaN stays NaN.

    >>> relu6(np.array([-1, 0, 5, 7])).tolist()
    [0, 0, 5, 6]

    Source: MobileNetV2 (arXiv:1801.04381), section 4: robust in low-precision arithmetic.
    """
    y = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        y[index] = 0 if x[index] < 0 else 6 if x[index] > 6 else x[index]
    return y


def softmax(x: Array) -> Array:
    """exp(x_n) / sum of exp(x_n'), with the largest x taken out so that nothing overflows.

    >>> softmax(np.array([[1000.0, 1000.0]])).tolist()
    [[0.5, 0.5]]

    x: (B, N) of any number type; returns floats whose rows add up to 1.
    """
    arguments.check_rank(x.shape, "x", "B, N")
    arguments.check_not_empty(x.shape, "x")
    y = np.zeros(x.shape, x.dtype if x.dtype.kind == "f" else np.float64)
    for k in range(x.shape[0]):
        largest = max(x[k])
        powers = [math.exp(value - largest) for value in x[k]]
        for n, power in enumerate(powers):
            y[k, n] = power / sum(powers)
    return y


def global_average_pool(x: Array) -> Array:
    """The mean of each channel over the whole map.

    >>> global_average_pool(np.array([1.0, 3.0]).reshape(1, 2, 1, 1)).tolist()
    [[2.0]]

    x: (B, H, W, M); returns (B, M). Integers become float64; Fractions stay Fractions.
    """
    arguments.check_rank(x.shape, "x", "B, H, W, M")
    arguments.check_not_empty(x.shape, "x")
    B, H, W, M = x.shape
    y = np.zeros((B, M), _inexact(x.dtype))
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
    (D_Ky, D_Kx), (s_y, s_x) = _pair(size, "size"), _pair(stride, "stride")
    top, left, D_Gy, D_Gx = _place((H, W), (D_Ky, D_Kx), (s_y, s_x), (1, 1), padding)
    y = np.zeros((B, D_Gy, D_Gx, M), _inexact(x.dtype))
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
    (D_Ky, D_Kx), (s_y, s_x) = _pair(size, "size"), _pair(stride, "stride")
    top, left, D_Gy, D_Gx = _place((H, W), (D_Ky, D_Kx), (s_y, s_x), (1, 1), padding)
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


def concat(*xs: Array) -> Array:
    """Maps side by side: the channels of the first, then those of the second, and so on.

    >>> x = np.array([1, 2]).reshape(1, 1, 1, 2)
    >>> concat(x, 10 * x, x[..., :1]).tolist()
    [[[[1, 2, 10, 20, 1]]]]

    xs: at least one, each (B, H, W, M_k) with its own M_k; returns (B, H, W, sum of M_k).
    Source: Szegedy and others (arXiv:1409.4842), section 4: filter concatenation.
    """
    arguments.check_concat([x.shape for x in xs])
    y = np.zeros((*xs[0].shape[:3], sum(x.shape[3] for x in xs)), _type(*xs))
    first = 0  # the channel of y that this map's first channel becomes
    for x in xs:
        for k, r, c, m in np.ndindex(x.shape):
            y[k, r, c, first + m] = x[k, r, c, m]
        first += x.shape[3]
    return y


def add(x: Array, y: Array) -> Array:
    """The residual connection: element by element, equal shapes, nothing broadcast.

    >>> add(np.array([1, 2]), np.array([10, 20])).tolist()
    [11, 22]

    Source: MobileNetV2 (arXiv:1801.04381), figure 3.
    """
    arguments.check_add(x.shape, y.shape)
    total = np.zeros(x.shape, _type(x, y))
    for index in np.ndindex(x.shape):
        total[index] = x[index] + y[index]
    return total


def _place(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    padding: Any,
) -> tuple[int, int, int, int]:
    """(top, left, output rows, output columns), axis by axis, by trying positions in turn."""
    arguments.check_padding(padding)
    begins, outputs = [], []
    for axis, name in enumerate(("rows", "columns")):
        n, s = size[axis], stride[axis]
        last_tap = (kernel[axis] - 1) * dilation[axis]
        if padding == "same":  # an output for every s-th element of the map, overhang halved
            count = len(range(0, n, s))
            overhang = max(0, (count - 1) * s + last_tap - (n - 1))
            begin = overhang // 2
        else:  # as long as the window's last tap lies within the padded map
            begin, end = (0, 0) if padding == "valid" else padding[2 * axis : 2 * axis + 2]
            count = 0
            while count * s - begin + last_tap <= n - 1 + end:
                count += 1
        if count == 0:
            raise ValueError(
                f"kernel: spans {last_tap + 1} {name}, more than the padded map has "
                f"(map {size[0]} x {size[1]}, padding {padding!r})"
            )
        begins.append(begin)
        outputs.append(count)
    return begins[0], begins[1], outputs[0], outputs[1]


def _pair(value: Any, name: str) -> tuple[int, int]:
    return arguments.check_pair(value, name)


def _shape(b: Array | None) -> tuple[int, ...] | None:
    return None if b is None else b.shape


def _type(*arrays: Array | None) -> np.dtype[Any]:
    return np.result_type(*(a.dtype for a in arrays if a is not None))


def _inexact(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Where a division happens integers become float64; floats and Fractions stay."""
    return dtype if dtype.kind in "fcO" else np.dtype(np.float64)


def _plus_bias(y: Array, b: Array | None) -> Array:
    if b is not None:
        for index in np.ndindex(y.shape):
            y[index] += b[index[-1]]
    return y
