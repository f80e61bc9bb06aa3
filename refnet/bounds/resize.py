"""The bound for bilinear resizing: a mean of four, and where they lie."""

from __future__ import annotations

from typing import Any

import numpy as np

from refnet import ops
from refnet.arguments import check_pair
from refnet.backend import Arithmetic
from refnet.bounds.formats import growth, least_step, unit
from refnet.bounds.linear import U64
from refnet.bounds.value import Value
from refnet.geometry import neighbours
from refnet.layer import Layer, ResizeAttrs
from refnet.run import apply

Array = np.ndarray[Any, Any]


def resize_bilinear(layer: Layer, x: Value, a: Arithmetic) -> Value:
    """Two interpolations, each a sum of two products, at positions that are themselves computed.

    Rounding: along each axis 1 - f, a product and a sum, or a difference, a product and a sum. Of
    the lower and the upper neighbour, p and q, either has terms of magnitude at most
    |p| + |q| <= 2 P where P is the largest of the pixels around, and 4 roundings each; the
    second axis sees numbers of at most P (1 + ...) again: 8 roundings on a scale of 4 P cover both.

    Position: (i + 1/2) * (m / n) - 1/2, or less of it, is at most 4 roundings of numbers up to
    m + 1: off by d = growth(4, u) (m + 1). Interpolation is continuous, also from one pair of
    neighbours to the next, and rises at most by the difference of two neighbours, 2 P, a pixel.
    A number m / n, i / n or f that no rounding touches costs nothing of this: powers of two.
    """
    assert isinstance(layer.attrs, ResizeAttrs)
    x = x.fitted(a.accumulate, a)
    exact = apply(layer, [x.exact], {}, using=ops)
    u = unit(a.accumulate, a)
    around, off = x.reach, 0.0
    for axis, output in enumerate(check_pair(layer.attrs.size, "size"), 1):
        m = x.exact.shape[axis]
        lower = np.array([n.lower for n in neighbours(m, output, layer.attrs.corners)])
        near = (around.take(np.clip(lower + k, 0, m - 1), axis) for k in (-1, 0, 1, 2))
        around = np.maximum.reduce(list(near))
        off += growth(4, u + U64) * (m + 1) if m > 1 else 0.0
    error = around * (4 * growth(8, u + U64) + 2 * min(off, 1.0)) + 8 * least_step(a.accumulate, a)
    error = error + apply(layer, [x.error], {}, using=ops)
    return Value(exact, error, around, 4).within(a.accumulate, 4 * around)
