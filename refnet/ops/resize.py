"""Bilinear resizing, in NumPy."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from refnet import arguments
from refnet.geometry import Corners, Pair, neighbours
from refnet.ops.common import Array, inexact


def resize_bilinear(x: Array, *, size: Pair, corners: Corners) -> Array:
    """Every pixel of a map of another size: the weighted mean of the four that it lies between.

    >>> x = np.array([0.0, 1.0]).reshape(1, 1, 2, 1)
    >>> resize_bilinear(x, size=(1, 3), corners="aligned").ravel().tolist()
    [0.0, 0.5, 1.0]
    >>> resize_bilinear(x, size=(1, 4), corners="half-pixel").ravel().tolist()
    [0.0, 0.25, 0.75, 1.0]
    >>> resize_bilinear(x, size=(1, 4), corners="asymmetric").ravel().tolist()
    [0.0, 0.5, 1.0, 1.0]

    corners: where the output's pixels lie; see `refnet.geometry.neighbours`.
    x: (B, H, W, M); size: of the output, one number or (rows, columns); returns (B, *size, M).
    Integers become float64; Fractions stay Fractions.
    """
    arguments.check_rank(x.shape, "x", "B, H, W, M")
    arguments.check_not_empty(x.shape, "x")
    rows, columns = arguments.check_pair(size, "size")
    x = inexact(x)
    x = _along(x, 1, rows, corners)
    return _along(x, 2, columns, corners)


def _along(x: Array, axis: int, output: int, corners: Corners) -> Array:
    """One axis resized: (1 - f) times the lower neighbour plus f times the upper."""
    places = neighbours(x.shape[axis], output, corners)
    lower, upper = ([getattr(n, end) for n in places] for end in ("lower", "upper"))
    f = np.array([Fraction(n.part, n.whole) for n in places], object)
    shape = [1] * x.ndim
    shape[axis] = output
    rest, f = ((a if x.dtype == object else a.astype(x.dtype)) for a in (1 - f, f))
    y: Array = rest.reshape(shape) * x.take(lower, axis) + f.reshape(shape) * x.take(upper, axis)
    return y
