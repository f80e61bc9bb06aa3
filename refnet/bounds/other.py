"""Bounds for what is not a sum of products: batch norm, pools, residual sums, softmax."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from refnet import ops
from refnet.arguments import check_pair
from refnet.backend import Arithmetic
from refnet.bounds.formats import float_format, growth, unit
from refnet.bounds.linear import U64, Rounding, entering, products
from refnet.bounds.value import Value
from refnet.layer import BatchNormAttrs, Layer
from refnet.run import apply

Array = np.ndarray[Any, Any]

# A vectorised exp is accurate to a few units in the last place: SLEEF promises 1, Intel's SVML 4
# in its low-accuracy form, and those that reduce the argument by hand about 2.
EXP_ULPS = 4
# Roundings on any term of a batch norm, whichever way it is arranged: epsilon, root (twice if it
# is a reciprocal root that is refined), quotient, mean, gamma, beta, and one to spare for scale and
# shift held apart.
NORM_ROUNDINGS = 8


def batch_norm(layer: Layer, x: Value, tensors: Mapping[str, Array], a: Arithmetic) -> Value:
    """((1 + u)^8 - 1) (|s| (|x| + |mean|) + |beta|) + |s| times x's own error."""
    scale, beta, mean = _scale(layer, tensors)
    exact = apply(layer, [x.exact], {k: v.astype(np.float64) for k, v in tensors.items()
                                     if k in layer.tensor_names()}, using=ops)  # fmt: skip
    size = abs(scale) * (abs(x.exact) + x.error + abs(mean)) + abs(beta)
    u = unit(a.accumulate, a)
    entry = max(
        entering(tensors[name].astype(np.float64), a).relative for name in layer.tensor_names()
    )
    n = NORM_ROUNDINGS
    error = size * (growth(n, u) + growth(4, entry) + growth(n, U64)) + abs(scale) * x.error
    error = error + n * float_format(a.accumulate).smallest_normal
    return Value(exact, error, size, n).within(a.accumulate)


def folded(
    convolution: Layer, norm: Layer, x: Value, tensors: Mapping[str, Array], a: Arithmetic
) -> Value:
    """A convolution and the batch norm after it, by a backend that folds the two itself.

    w' = w s and b' = beta - mean s are rounded in the format that it folds in: five factors
    on w' (epsilon, root, quotient, product, and one to spare), six on b', whose size is that
    of what it is the difference of; then once more to storage.
    """
    assert a.folds_in is not None
    scale, beta, mean = _scale(norm, tensors)
    w = tensors[f"{convolution.name}.weight"].astype(np.float64)
    shaped = scale.reshape(w.shape[2:] if convolution.op == "depthwise_conv2d" else (-1,))
    bias_size = abs(beta) + abs(mean * scale)
    bias = beta - mean * scale
    if "bias" in convolution.params:
        own = tensors[f"{convolution.name}.bias"].astype(np.float64) * scale
        bias, bias_size = bias + own, bias_size + abs(own)
    u, storage = unit(a.folds_in, a), float_format(a.storage)
    once_more = unit(a.storage, a) if storage.bits < 53 else 0.0
    smallest = storage.smallest_normal if a.flushes_subnormals else storage.smallest
    w_rounding = Rounding((1 + growth(5, u)) * (1 + once_more) - 1, smallest)
    b_relative = (1 + growth(6, u)) * (1 + once_more) - 1
    return products(
        convolution, x, w * shaped, bias, abs(w * shaped), bias_size, a, w_rounding, b_relative,
        smallest,
    )  # fmt: skip


def average(layer: Layer, x: Value, a: Arithmetic) -> Value:
    """A mean of n elements: n - 1 additions, and a division or a product with 1/n."""
    if layer.op == "global_average_pool":
        n = x.exact.shape[1] * x.exact.shape[2]
    else:
        n = math.prod(check_pair(layer.keywords()["size"], "size"))
    exact = apply(layer, [x.exact], {}, using=ops)
    size = apply(layer, [abs(x.exact) + x.error], {}, using=ops)
    entry = entering(x.exact, a, always=bool(x.error.any())).relative
    u = unit(a.accumulate, a)
    rounding = growth(n + 1, u) + entry * (1 + growth(n + 1, u)) + growth(n + 1, U64)
    error = size * rounding + apply(layer, [x.error], {}, using=ops)
    error = error + 2 * float_format(a.accumulate).smallest_normal
    return Value(exact, error, size, n).within(a.accumulate)


def maximum(layer: Layer, x: Value) -> Value:
    """The largest of a window: chosen, not computed; off by at most the largest error in it."""
    exact = apply(layer, [x.exact], {}, using=ops)
    error = apply(layer, [x.error], {}, using=ops)
    return Value(exact, error, abs(exact))


def add(x: Value, y: Value, a: Arithmetic) -> Value:
    """One rounding of the sum, relative to the sum itself, however much it cancels."""
    exact = x.exact + y.exact
    size = abs(x.exact) + abs(y.exact) + x.error + y.error
    entry = max(entering(v.exact, a, always=bool(v.error.any())).relative for v in (x, y))
    inherited = x.error + y.error
    u = unit(a.accumulate, a)
    error = inherited + (u + U64) * (abs(exact) + inherited) + entry * size
    if a.flushes_subnormals:
        error = error + 3 * float_format(a.accumulate).smallest_normal
    return Value(exact, error, size, 2).within(a.accumulate)


def clipped(layer: Layer, x: Value, a: Arithmetic) -> Value:
    """ReLU and ReLU6 round nothing, and bring two numbers no further apart."""
    exact = apply(layer, [x.exact], {}, using=ops)
    error = x.error
    if a.flushes_subnormals:
        error = error + float_format(a.storage).smallest_normal
    if layer.op == "relu6":
        error = np.minimum(error, 6.0)  # both numbers lie in 0 .. 6
    return Value(exact, error, abs(exact))


def concat(values: list[Value]) -> Value:
    """Nothing is computed."""
    return Value(
        np.concatenate([v.exact for v in values], axis=-1),
        np.concatenate([v.error for v in values], axis=-1),
        np.concatenate([v.size for v in values], axis=-1),
    )


def softmax(x: Value, a: Arithmetic) -> Value:
    """A relative bound for each probability, from what each step does to each exponential.

    exp's argument x - max is off by e + 2 u |x - max| (a rounding, and one more where it is
    scaled to a power of two), exp itself by 2 EXP_ULPS u; the sum of N exponentials inherits
    their errors by weight and rounds N times; the quotient rounds once. Below the smallest
    normal number a probability may be 0.
    """
    exact = ops.softmax(x.exact)
    largest = x.exact.max(axis=1, keepdims=True)
    u, N = unit(a.accumulate, a), x.exact.shape[1]
    with np.errstate(invalid="ignore", over="ignore"):
        argument = x.error + 2 * (u + U64) * (largest - x.exact + x.error)
        off = np.expm1(argument + 2 * EXP_ULPS * (u + U64))
        inherited = np.minimum((exact * off).sum(axis=1, keepdims=True), 0.5)
        total = (inherited + growth(N + 1, u)) * 2  # 1 / (1 - t) - 1 <= 2 t for t <= 1/2
        relative = (1 + off) * (1 + total) * (1 + growth(2, u)) - 1
        error = exact * relative + 2 * float_format(a.accumulate).smallest_normal
    most = (inherited >= 0.5) | ~np.isfinite(error) & np.isfinite(exact)
    return Value(exact, np.where(most, 1.0, np.minimum(error, 1.0)), abs(exact), N)


def _scale(norm: Layer, tensors: Mapping[str, Array]) -> tuple[Array, Array, Array]:
    assert isinstance(norm.attrs, BatchNormAttrs)
    gamma, beta, mean, variance = (tensors[n].astype(np.float64) for n in norm.tensor_names())
    return gamma / np.sqrt(variance + norm.attrs.epsilon), beta, mean
