"""Bounds for what is not a sum of products: pools, residual sums, activations, softmax."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from refnet import ops
from refnet.arguments import check_pair
from refnet.backend import Arithmetic
from refnet.bounds.formats import float_format, growth, least_step, unit
from refnet.bounds.linear import U64
from refnet.bounds.value import Value
from refnet.layer import Layer
from refnet.run import apply

Array = np.ndarray[Any, Any]

# A vectorised exp is accurate to a few units in the last place: SLEEF promises 1, Intel's SVML 4
# in its low-accuracy form, and those that reduce the argument by hand about 2.
EXP_ULPS = 4


def average(layer: Layer, x: Value, a: Arithmetic) -> Value:
    """A mean of n elements: n - 1 additions and a division, or products with a rounded 1/n."""
    if layer.op == "global_average_pool":
        n = x.exact.shape[1] * x.exact.shape[2]
    else:
        n = math.prod(check_pair(layer.keywords()["size"], "size"))
    x = x.fitted(a.accumulate, a)
    exact = apply(layer, [x.exact], {}, using=ops)
    size = apply(layer, [x.reach], {}, using=ops)
    form, tiny = float_format(a.accumulate), least_step(a.accumulate, a)
    grown = growth(n + 1, unit(a.accumulate, a))
    # Each element may be multiplied by 1/n before it is added, and each product underflow; flushed
    # additions lose as much again. 1/n itself may be below the normal numbers.
    underflow = n * tiny * (2 if a.flushes_subnormals else 1)
    underflow = underflow + (n * tiny * size if 1 / n < form.smallest_normal else 0.0)
    error = size * (grown + growth(n + 1, U64)) + underflow * (1 + grown)
    error = error + apply(layer, [x.error], {}, using=ops)
    return Value(exact, error, size, n).within(a.accumulate, n * (size + error))


def maximum(layer: Layer, x: Value) -> Value:
    """The largest of a window: chosen, not computed; off by at most the largest error in it."""
    exact = apply(layer, [x.exact], {}, using=ops)
    error = apply(layer, [x.error], {}, using=ops)
    return Value(exact, error, abs(exact))


def add(x: Value, y: Value, a: Arithmetic) -> Value:
    """One rounding of the sum, relative to the sum itself, however much it cancels."""
    x, y = x.fitted(a.accumulate, a), y.fitted(a.accumulate, a)
    exact = x.exact + y.exact
    error = x.error + y.error
    error = error + (unit(a.accumulate, a) + U64) * (abs(exact) + error)
    if a.flushes_subnormals:  # else sums that underflow are exact
        error = error + least_step(a.accumulate, a)
    most = np.maximum(np.maximum(x.reach, y.reach), abs(exact))
    return Value(exact, error, abs(x.exact) + abs(y.exact), 2).within(a.accumulate, most)


def clipped(layer: Layer, x: Value) -> Value:
    """ReLU and ReLU6 round nothing, and bring two numbers no further apart.

    Where all that a backend may have is below 0, or above 6, they are the same number.
    """
    exact = apply(layer, [x.exact], {}, using=ops)
    error, certain = x.error, x.exact + x.error * (1 + U64) < 0
    if layer.op == "relu6":
        certain = certain | (x.exact - x.error * (1 + U64) > 6)
        error = np.where(np.isinf(error), error, np.minimum(error, 6.0))  # both lie in 0 .. 6
    return Value(exact, np.where(certain, 0.0, error), abs(exact))


def concat(values: list[Value]) -> Value:
    """Nothing is computed."""
    return Value(
        np.concatenate([v.exact for v in values], axis=-1),
        np.concatenate([v.error for v in values], axis=-1),
        np.concatenate([v.size for v in values], axis=-1),
    )


def sigmoid(x: Value, a: Arithmetic) -> Value:
    """y = 1 / (1 + e) for e = exp(-x), or 1/2 + tanh(x / 2) / 2: what each step does to y.

    x is off by its own error, by u |x| where it is scaled to a power of two, and by EXP_ULPS units
    in the last place of e, 2 u each: all of that is a shift of x, by `off`, and y rises with x. The
    sum 1 + e and the quotient (twice, if it is a reciprocal) round three times. The other way
    to y loses EXP_ULPS units of tanh, at most 1, and a sum's rounding, u of 1: that error is
    absolute. Where e overflows, or y underflows, y is below the smallest normal number.
    """
    x = x.fitted(a.accumulate, a)
    exact = ops.sigmoid(x.exact)
    form, u = float_format(a.accumulate), unit(a.accumulate, a)
    off = x.error + (u + U64) * (abs(x.exact) + x.error) + 2 * EXP_ULPS * (u + U64)
    most, least = ops.sigmoid(x.exact + off), ops.sigmoid(x.exact - off)
    error = np.maximum(most - exact, exact - least) + growth(3, u + U64) * most
    error = error + (EXP_ULPS + 1) * u + form.smallest_normal
    return Value(exact, np.where(np.isinf(x.error), np.inf, np.minimum(error, 1 + u)), exact)


def softmax(x: Value, a: Arithmetic) -> Value:
    """p = e / S for e = exp(x - max) and S the sum of e, by what each step does to log p.

    The argument x - max is off by x's own error and 2 u |x - max| (a rounding, and one more where
    it is scaled to a power of two), exp itself by EXP_ULPS units in the last place, 2 u each: e is
    off by a factor within exp(-off) .. exp(off). The sum of N inherits these by weight and
    rounds N times; the quotient twice, if it is a reciprocal. What exp loses below the smallest
    normal number is absolute: all of it, or EXP_ULPS steps of a subnormal.
    """
    x = x.fitted(a.accumulate, a)
    exact = ops.softmax(x.exact)
    form, u, N = float_format(a.accumulate), unit(a.accumulate, a), x.exact.shape[1]
    shifted = x.exact - x.exact.max(axis=1, keepdims=True)
    distance = x.error.max(axis=1, keepdims=True) + x.error - shifted
    distance = np.where(np.isneginf(shifted), 0.0, distance)  # its exp is 0 however it is rounded
    off = x.error + 2 * (u + U64) * distance + 2 * EXP_ULPS * (u + U64)
    total = np.exp(shifted).sum(axis=1, keepdims=True)
    more = np.where(off < 1, exact * np.expm1(np.minimum(off, 1)), np.exp(shifted + off) / total)
    less = -exact * np.expm1(-off)
    rounds = (N + 2) * (math.log1p(u) + math.log1p(U64))
    up = np.expm1(off - np.log1p(-less.sum(axis=1, keepdims=True)) + rounds)
    down = -np.expm1(-(off + np.log1p(more.sum(axis=1, keepdims=True)) + rounds))
    # No probability is off by more than 1, and the rounding of the quotient.
    error = np.minimum(np.fmax(exact * up, exact * down), 1 + growth(2, u))
    # The sum is at least the largest e, which is 1 but for exp's own error: more than 1/2.
    lost = np.minimum(form.smallest_normal, np.exp(shifted + off) + EXP_ULPS * form.smallest)
    lost = np.where(np.exp(shifted - off) < form.smallest_normal, lost, 0.0)
    underflow = 2 * (lost + exact * lost.sum(axis=1, keepdims=True)) * (1 + growth(N + 2, u))
    error = error + underflow + form.smallest_normal
    known = np.isfinite(x.error).all(axis=1, keepdims=True)
    return Value(exact, np.where(known, error, np.inf), abs(exact), N)
