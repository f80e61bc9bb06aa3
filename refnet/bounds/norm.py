"""Bounds for batch norm, by itself and folded into the convolution before it by a backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refnet import ops
from refnet.backend import Arithmetic, Format
from refnet.bounds.formats import growth, least_step, lost, narrower, unit
from refnet.bounds.linear import U64, products
from refnet.bounds.value import Value
from refnet.layer import BatchNormAttrs, Layer
from refnet.run import apply

Array = np.ndarray[Any, Any]

# Roundings on any term of a batch norm, however it is arranged. Epsilon's and that of variance +
# epsilon count half each under the root: 1; root, its reciprocal, the product with gamma: s has 4.
# Then s x and the last sum: 6; or s mean, beta - s mean and the last sum: 7. One to spare for a
# reciprocal root that is refined.
NORM_ROUNDINGS = 8
# float64 rounds the bound's own s, and the difference of two of them, a few times more.
ORACLE_ROUNDINGS = NORM_ROUNDINGS + 4


@dataclass(frozen=True)
class Scale:
    """s = gamma / sqrt(variance + epsilon), its error from that of its parts, and the root.

    A reciprocal root that underflows is off by a tiny amount times gamma: `tiny` (|gamma| + 1).
    """

    s: Value
    beta: Value
    mean: Value
    gamma: Array
    root: Array
    tiny: float


def batch_norm(layer: Layer, x: Value, tensors: Mapping[str, Array], a: Arithmetic) -> Value:
    """((1 + u)^8 - 1) (|s| (|x| + |mean|) + |beta|), and what its parts are off by."""
    x, parts = x.fitted(a.accumulate, a), _scale(layer, tensors, a.accumulate, a)
    own = {name: tensors[name].astype(np.float64) for name in layer.tensor_names()}
    exact = apply(layer, [x.exact], own, using=ops)
    s, beta, mean, tiny = parts.s, parts.beta, parts.mean, parts.tiny
    centred = x.reach + mean.reach
    size = s.reach * centred + beta.reach
    grown = growth(NORM_ROUNDINGS, unit(a.accumulate, a))
    error = size * (grown + growth(ORACLE_ROUNDINGS, U64))
    error = error + s.error * centred + abs(s.exact) * (x.error + mean.error) + beta.error
    # x - mean, s or its reciprocal root, and gamma (x - mean) may underflow before they are
    # multiplied or divided; six results for themselves.
    lossy = 6 + 1 / parts.root + parts.gamma + s.reach + (1 + parts.gamma) * centred
    error = error + tiny * lossy * (1 + grown)
    # x - mean; gamma (x - mean) before the quotient; (x - mean) / root before the product.
    most = np.maximum(1.0, np.maximum(parts.gamma, 1 / parts.root)) * centred
    most = np.maximum(most, size)
    most = np.maximum(most, np.maximum(1 / parts.root, parts.root**2))
    return Value(exact, error, size, NORM_ROUNDINGS).within(a.accumulate, most)


def folded(
    convolution: Layer, norm: Layer, x: Value, tensors: Mapping[str, Array], a: Arithmetic
) -> Value:
    """A convolution and the batch norm after it, by a backend that folds the two itself.

    w' = w s and b' = beta - mean s, computed in the format that it folds in, then rounded to
    storage. Five roundings on w' (four for s, see above, and the product); on b' six, or seven
    with a bias of the convolution's own, (b - mean) s + beta; b's scale is that of what it is the
    difference of.
    """
    assert a.folds_in is not None
    parts = _scale(norm, tensors, a.folds_in, a)
    given = (Value.given(tensors[name]).read(a) for name in convolution.tensor_names())
    w, *own = (value.fitted(a.folds_in, a) for value in given)
    s, tiny = parts.s, parts.tiny
    last = w.exact.shape[2:] if convolution.op == "depthwise_conv2d" else (-1,)
    weight = _multiplied(w, s, last)
    shift, bias = _multiplied(parts.mean, s), parts.beta.exact - parts.mean.exact * s.exact
    b_size, b_off = parts.beta.reach + shift.size, parts.beta.error + shift.error
    s_tiny = tiny * (1 + parts.gamma)
    b_tiny = 3 * tiny + s_tiny * parts.mean.reach
    if own:
        product = _multiplied(own[0], s)
        bias, b_size, b_off = bias + product.exact, b_size + product.size, b_off + product.error
        b_tiny = b_tiny + 2 * tiny + (s_tiny + tiny) * own[0].reach + tiny * s.reach
    u = unit(a.folds_in, a)
    w_grown, b_grown = growth(5, u), growth(6 + len(own), u)
    w_tiny = tiny + s_tiny.reshape(last) * w.reach
    w_off = weight.error + weight.size * (w_grown + growth(ORACLE_ROUNDINGS, U64))
    b_off = b_off + b_size * (b_grown + growth(ORACLE_ROUNDINGS, U64))
    return products(
        convolution,
        x,
        _kept(Value(weight.exact, w_off + w_tiny * (1 + w_grown), weight.size), a),
        _kept(Value(bias, b_off + b_tiny * (1 + b_grown), b_size), a),
        a,
    )


def _scale(norm: Layer, tensors: Mapping[str, Array], name: Format, a: Arithmetic) -> Scale:
    """The parts of a batch norm as a backend has them that computes with them in a format."""
    assert isinstance(norm.attrs, BatchNormAttrs)
    values = (Value.given(tensors[n]).read(a) for n in norm.tensor_names())
    gamma, beta, mean, variance = (value.fitted(name, a) for value in values)
    tiny = least_step(name, a)  # epsilon, and its sum with the variance, may be that small
    square = variance.exact + norm.attrs.epsilon
    off = variance.error + 2 * tiny
    s = gamma.exact / np.sqrt(square)
    # 1 / sqrt is convex: it grows by more to the left than it falls to the right.
    least = np.where(square > off, square - off, np.nan)
    error = np.maximum(gamma.reach / np.sqrt(least) - abs(s), 0.0)
    error = np.where(np.isnan(error) & np.isfinite(s), np.inf, error)
    return Scale(
        Value(s, error, abs(s)), beta, mean, gamma.reach, np.sqrt(np.fmax(least, 0.0)), tiny
    )


def _multiplied(p: Value, s: Value, shape: tuple[int, ...] = (-1,)) -> Value:
    """p s, and how far off it is by the errors of its factors alone."""
    exact, error, reach = (v.reshape(shape) for v in (s.exact, s.error, s.reach))
    off = p.error * reach + abs(p.exact) * error
    return Value(p.exact * exact, off, p.reach * reach)


def _kept(value: Value, a: Arithmetic) -> Value:
    """A folded tensor, within the range of the format it was folded in, rounded to storage."""
    assert a.folds_in is not None
    value = value.within(a.folds_in)
    if not narrower(a.storage, a.folds_in):
        return value
    return replace(value, error=value.error + lost(value.exact, value.error, a.storage, a))
