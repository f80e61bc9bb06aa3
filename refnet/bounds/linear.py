"""Bounds for sums of products: convolutions and the fully connected layer.

For y = sum of w x over K taps, plus b, computed in any order in an arithmetic of unit u,

    |computed - y| <= ((1 + u)^n - 1) (sum of |w||x| + |b|),    n = K + 1:

one rounding for each product, K - 1 for the additions that are inexact, one for the bias; a fused
multiply-add has fewer (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1).
Factors that a backend has only within dx and dw of x and w cost |x^w^ - xw| <= dx |w^| + |x| dw
a product, however they came to be off.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from refnet import ops
from refnet.backend import Arithmetic
from refnet.bounds.fast_algorithms import fft, winograd, winograd_serves
from refnet.bounds.formats import float_format, growth, least_step, unit
from refnet.bounds.value import Value
from refnet.layer import Layer
from refnet.run import apply

Array = np.ndarray[Any, Any]
U64 = 2.0**-53


def linear(layer: Layer, x: Value, tensors: Mapping[str, Array], arithmetic: Arithmetic) -> Value:
    """The value of a convolution or fully connected layer, and how far a backend may be off."""
    w, *b = (Value.given(tensors[name]).read(arithmetic) for name in layer.tensor_names())
    return products(layer, x, w, b[0] if b else None, arithmetic)


def products(layer: Layer, x: Value, w: Value, b: Value | None, arithmetic: Arithmetic) -> Value:
    """The general case: factors and bias that are themselves known within an error."""
    for name in (arithmetic.inputs, arithmetic.accumulate):
        x, w = x.fitted(name, arithmetic), w.fitted(name, arithmetic)
    b = None if b is None else b.fitted(arithmetic.accumulate, arithmetic)
    exact = apply_with(layer, x.exact, w.exact, None if b is None else b.exact)
    size = apply_with(layer, x.reach, w.reach, None if b is None else b.reach)
    terms, u = terms_of(layer), unit(arithmetic.accumulate, arithmetic)
    n = terms + (b is not None)
    most = size
    if arithmetic.algorithm == "fft" and layer.op in ("conv2d", "depthwise_conv2d"):
        transformed, most = fft(layer, x.reach, w.reach, arithmetic)
        rounding = transformed * (1 + u) + u * size  # and the bias
    elif arithmetic.algorithm == "winograd" and winograd_serves(layer):
        transformed, most = winograd(layer, x.reach, w.reach, arithmetic)
        rounding = transformed * (1 + u) + u * size
    else:
        rounding = growth(n, u) * size + _underflow(terms, arithmetic) * (1 + growth(n, u))
    error = rounding + growth(n, U64) * size + terms * float_format("float64").smallest
    if x.error.any():
        error = error + apply_with(layer, x.error, w.reach, None)
    if w.error.any():
        error = error + apply_with(layer, abs(x.exact), w.error, None)
        # A weight that may be infinite: times the zeros of padding, where a backend has any, NaN.
        axes = (0, 1) if layer.op == "depthwise_conv2d" else tuple(range(w.error.ndim - 1))
        error = np.where(np.isinf(w.error).any(axis=axes).ravel(), np.inf, error)
    if b is not None:
        error = error + b.error
    return Value(exact, error, size, terms).within(arithmetic.accumulate, np.maximum(size, most))


def apply_with(layer: Layer, x: Array, w: Array, b: Array | None) -> Array:
    """The layer's operation in float64 with other numbers for its weights."""
    params = {"weight": w.shape} if b is None else {"weight": w.shape, "bias": b.shape}
    named = {f"{layer.name}.weight": w} | ({} if b is None else {f"{layer.name}.bias": b})
    return apply(replace(layer, params=params), [x], named, using=ops)


def terms_of(layer: Layer) -> int:
    """K, the most products that one output adds up."""
    weight = layer.params["weight"]
    return math.prod(weight[:2] if layer.op == "depthwise_conv2d" else weight[:-1])


def _underflow(terms: int, arithmetic: Arithmetic) -> float:
    """What products lose below the normal range. Additions there are exact, unless flushed."""
    operations = 2 * terms + 1 if arithmetic.flushes_subnormals else terms
    return operations * least_step(arithmetic.accumulate, arithmetic)
