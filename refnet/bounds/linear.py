"""Bounds for sums of products: convolutions and the fully connected layer.

For y = sum of w x over K taps, plus b, computed in any order in an arithmetic of unit u,

    |computed - y| <= ((1 + u)^n - 1) (sum of |w||x| + |b|),    n = K + 1:

one rounding for each product, K - 1 for the additions that are inexact, one for the bias; a fused
multiply-add has fewer (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1).
Rounding a factor to fewer bits first costs one more factor (1 + u') for each that changes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refnet import ops
from refnet.backend import Arithmetic
from refnet.bounds.fast_algorithms import fft_error, winograd_error, winograd_serves
from refnet.bounds.formats import float_format, growth, holds, unit
from refnet.bounds.value import Value
from refnet.layer import Layer
from refnet.run import apply

Array = np.ndarray[Any, Any]
U64 = 2.0**-53


@dataclass(frozen=True)
class Rounding:
    """How a factor of a product reaches it: off by a relative and by an absolute amount."""

    relative: float = 0.0
    absolute: float = 0.0


def linear(layer: Layer, x: Value, tensors: Mapping[str, Array], arithmetic: Arithmetic) -> Value:
    """The value of a convolution or fully connected layer, and how far a backend may be off."""
    w = tensors[f"{layer.name}.weight"].astype(np.float64)
    b = tensors[f"{layer.name}.bias"].astype(np.float64) if "bias" in layer.params else None
    w_rounding = entering(w, arithmetic)
    b_rounding = Rounding() if b is None else entering(b, arithmetic)
    return products(layer, x, w, b, abs(w), None if b is None else abs(b), arithmetic,
                    w_rounding, b_rounding.relative, b_rounding.absolute)  # fmt: skip


def products(
    layer: Layer,
    x: Value,
    w: Array,
    b: Array | None,
    w_size: Array,
    b_size: Array | None,
    arithmetic: Arithmetic,
    w_rounding: Rounding,
    b_relative: float,
    b_absolute: float,
) -> Value:
    """The general case: w and b as used, their sizes, and how exactly the backend has them."""
    exact = apply_with(layer, x.exact, w, b)
    reach = abs(x.exact) + x.error
    size = apply_with(layer, reach, w_size, b_size)
    terms = terms_of(layer)
    n = terms + (b is not None)
    x_rounding = entering(x.exact, arithmetic, always=bool(x.error.any()))
    entry = (1 + x_rounding.relative) * (1 + w_rounding.relative)
    u = unit(arithmetic.accumulate, arithmetic)
    if arithmetic.algorithm == "fft" and layer.op in ("conv2d", "depthwise_conv2d"):
        rounding = fft_error(layer, reach, w_size, b_size, u)
    elif arithmetic.algorithm == "winograd" and winograd_serves(layer):
        rounding = winograd_error(layer, reach, w_size, b_size, u)
    else:
        rounding = growth(n, u) * size
    # Factors that were rounded before: their errors pass through all that follows.
    rounding = rounding * max(entry, 1 + b_relative) + (max(entry, 1 + b_relative) - 1) * size
    error = rounding + growth(n, U64) * size
    if x.error.any():
        error = error + apply_with(layer, x.error, w_size, None)
    error = error + _underflow(layer, reach, w_size, terms, arithmetic, x_rounding, w_rounding)
    error = error + b_absolute
    return Value(exact, error, size, terms).within(arithmetic.accumulate)


def entering(a: Array, arithmetic: Arithmetic, *, always: bool = False) -> Rounding:
    """What rounding to the storage format, then to that of the factors, can change of `a`.

    Nothing where the numbers are the formats' own already; `always` where they are not known.
    """
    relative, absolute = 1.0, 0.0
    for name in (arithmetic.storage, arithmetic.inputs):
        form = float_format(name)
        if always and name == arithmetic.storage:
            continue  # an earlier layer's output: its rounding to storage is in its own error
        if always or not holds(a, name):
            if form.bits >= 53:
                continue
            relative *= 1 + unit(name, arithmetic)
            absolute += form.smallest
    if arithmetic.flushes_subnormals:
        least = float_format(arithmetic.storage).smallest_normal
        if always or bool(((a != 0) & (abs(a) < least)).any()):
            absolute += least
    return Rounding(relative - 1, absolute)


def apply_with(layer: Layer, x: Array, w: Array, b: Array | None) -> Array:
    """The layer's operation in float64 with other numbers for its weights."""
    params = {"weight": w.shape} if b is None else {"weight": w.shape, "bias": b.shape}
    named = {f"{layer.name}.weight": w} | ({} if b is None else {f"{layer.name}.bias": b})
    return apply(replace(layer, params=params), [x], named, using=ops)


def terms_of(layer: Layer) -> int:
    """K, the most products that one output adds up."""
    weight = layer.params["weight"]
    return math.prod(weight[:2] if layer.op == "depthwise_conv2d" else weight[:-1])


def _underflow(
    layer: Layer,
    reach: Array,
    w_size: Array,
    terms: int,
    arithmetic: Arithmetic,
    x_rounding: Rounding,
    w_rounding: Rounding,
) -> Array | float:
    """Where relative errors end: products below the normal range, and factors that were."""
    form = float_format(arithmetic.accumulate)
    if arithmetic.flushes_subnormals:
        total: Array | float = (2 * terms + 1) * form.smallest_normal
    else:
        total = terms * form.smallest  # additions that underflow are exact
    if x_rounding.absolute:
        ones = np.full_like(reach, x_rounding.absolute)
        total = total + apply_with(layer, ones, w_size + w_rounding.absolute, None)
    if w_rounding.absolute:
        ones = np.full_like(w_size, w_rounding.absolute)
        total = total + apply_with(layer, reach, ones, None)
    return total
