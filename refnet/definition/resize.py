"""Bilinear resizing, as loops."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from refnet import arguments
from refnet.definition.common import Array, inexact


def resize_bilinear(x: Array, *, size: Any, corners: Any) -> Array:
    """Every pixel of a map of another size: the weighted mean of the four that it lies between.

    >>> x = np.array([0.0, 1.0]).reshape(1, 1, 2, 1)
    >>> resize_bilinear(x, size=(1, 3), corners="aligned").ravel().tolist()
    [0.0, 0.5, 1.0]
    >>> resize_bilinear(x, size=(1, 4), corners="half-pixel").ravel().tolist()
    [0.0, 0.25, 0.75, 1.0]
    >>> resize_bilinear(x, size=(1, 4), corners="asymmetric").ravel().tolist()
    [0.0, 0.5, 1.0, 1.0]

    corners: output i of n, for a map of m, lies at i (m - 1) / (n - 1) ("aligned": the corner
    pixels stay where they are), at (i + 1/2) m / n - 1/2 ("half-pixel": pixels are squares, and the
    maps' edges meet), or at i m / n ("asymmetric": TensorFlow's first convention). A position
    beyond the first or last pixel is that pixel's. Nothing is averaged where a map shrinks.
    x: (B, H, W, M); size: of the output, one number or (rows, columns); returns (B, *size, M).
    Integers become float64; Fractions stay Fractions.
    """
    arguments.check_rank(x.shape, "x", "B, H, W, M")
    arguments.check_not_empty(x.shape, "x")
    arguments.check_corners(corners)
    B, H, W, M = x.shape
    rows, columns = arguments.check_pair(size, "size")
    y = np.zeros((B, rows, columns, M), inexact(x.dtype))
    kind: Any = Fraction if x.dtype.kind == "O" else y.dtype.type
    for r, c in np.ndindex(rows, columns):
        for row, by_row in _shares(r, rows, H, corners):
            for column, by_column in _shares(c, columns, W, corners):
                weight = kind(by_row * by_column)
                for k, m in np.ndindex(B, M):
                    y[k, r, c, m] += weight * x[k, row, column, m]
    return y


def _shares(i: int, n: int, m: int, corners: str) -> list[tuple[int, Fraction]]:
    """The inputs, of m on an axis, that output i of n is a mean of, each with its weight."""
    if corners == "aligned":
        position = Fraction(i * (m - 1), n - 1) if n > 1 else Fraction(0)
    elif corners == "half-pixel":
        position = (i + Fraction(1, 2)) * Fraction(m, n) - Fraction(1, 2)
    else:
        position = Fraction(i * m, n)
    position = min(max(position, Fraction(0)), Fraction(m - 1))
    near = [j for j in range(m) if abs(j - position) < 1]
    return [(j, 1 - abs(j - position)) for j in near]
