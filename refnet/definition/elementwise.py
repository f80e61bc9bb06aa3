"""What is done element by element, or pixel by pixel, as loops."""

from __future__ import annotations

import math

import numpy as np

from refnet import arguments
from refnet.definition.common import Array, inexact, result_type


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
    arguments.check_variance(variance.tolist(), epsilon)
    y = np.zeros(x.shape, inexact(result_type(x, gamma, beta, mean, variance)))
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
    y = np.zeros(x.shape, np.result_type(x.dtype, 0))
    for index in np.ndindex(x.shape):
        y[index] = 0 if x[index] < 0 else x[index]
    return y


def relu6(x: Array) -> Array:
    """min(max(0, x), 6); NaN stays NaN.

    >>> relu6(np.array([-1, 0, 5, 7])).tolist()
    [0, 0, 5, 6]

    Source: MobileNetV2 (arXiv:1801.04381), section 4: robust in low-precision arithmetic.
    """
    y = np.zeros(x.shape, np.result_type(x.dtype, 0))
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
        row = [float(value) for value in x[k]]  # a difference could leave an integer's range
        largest = max(row)
        powers = [math.exp(value - largest) for value in row]
        total = sum(powers)
        for n, power in enumerate(powers):
            y[k, n] = power / total
    return y


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), element by element: how likely each of several classes is by itself.

    >>> sigmoid(np.array([0.0, 1000.0, -1000.0])).tolist()
    [0.5, 1.0, 0.0]

    x: any shape, any number type; returns floats in 0 .. 1, of x's type where that is one.
    """
    y = np.zeros(x.shape, x.dtype if x.dtype.kind == "f" else np.float64)
    for index in np.ndindex(x.shape):
        value = float(x[index])
        power = math.exp(-abs(value))  # of a number that is not positive: it cannot overflow
        y[index] = (1 if value >= 0 else power) / (1 + power)
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
    y = np.zeros((*xs[0].shape[:3], sum(x.shape[3] for x in xs)), result_type(*xs))
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
    total = np.zeros(x.shape, result_type(x, y))
    for index in np.ndindex(x.shape):
        total[index] = x[index] + y[index]
    return total
