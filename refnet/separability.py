"""Kernels that are a column times a row: where the idea of a separable convolution begins.

>>> column, row = split(SOBEL_X)        # nine numbers hide six
>>> column.tolist(), row.tolist()
([1, 2, 1], [-1, 0, 1])
>>> rank(LAPLACIAN)                     # and this one hides none
2

A kernel w of rank 1 is w[i, j] = column[i] row[j], so the sum over j can be taken first and
used for every i: 2 D_K products an output in place of D_K^2. Of the 2 D_K numbers one is idle:
a scale moves freely between column and row, so that Sobel's six have five degrees of freedom.
`channel_separability` takes the same step in depth.

As everywhere in refnet, kernels are not flipped: a response is the sum of pixel times weight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from numbers import Rational
from typing import Any, NamedTuple

import numpy as np

from refnet import arguments

Array = np.ndarray[Any, Any]


def _constant(rows: Sequence[Sequence[int]]) -> Array:
    kernel = np.array(rows)
    kernel.flags.writeable = False
    return kernel


# X answers to what is brighter on the right, Y to what is brighter above.
SOBEL_X = _constant([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
SOBEL_Y = _constant([[1, 2, 1], [0, 0, 0], [-1, -2, -1]])
PREWITT_X = _constant([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]])
PREWITT_Y = _constant([[1, 1, 1], [0, 0, 0], [-1, -1, -1]])
GAUSSIAN = _constant([[1, 2, 1], [2, 4, 2], [1, 2, 1]])  # binomial; divide by 16 for a mean
LAPLACIAN = _constant([[0, 1, 0], [1, -4, 1], [0, 1, 0]])


def rank(kernel: Array) -> int:
    """How many column-times-row kernels it takes to add up to this one.

    >>> rank(GAUSSIAN), rank(LAPLACIAN), rank(np.eye(3))
    (1, 2, 3)

    kernel: (D_K, D_K), or a rectangle. Integers and Fractions: exact, by elimination. Floats:
    the singular values above max(shape) * epsilon * the largest, as numpy.linalg.matrix_rank
    counts them, where epsilon is that of the kernel's own number type (of float64 at least).
    """
    _check(kernel)
    if kernel.dtype.kind != "f":
        return _eliminate(_fractions(kernel))
    scaled, _ = _scaled(kernel)
    values = np.linalg.svd(scaled, compute_uv=False)
    epsilon = max(float(np.finfo(t).eps) for t in (kernel.dtype, np.float64))
    return int((values > values[0] * max(kernel.shape) * epsilon).sum())


def split(kernel: Array) -> tuple[Array, Array]:
    """(column, row), whose outer product is the kernel.

    >>> [half.tolist() for half in split(SOBEL_Y)]
    [[1, 0, -1], [1, 2, 1]]
    >>> split(LAPLACIAN)
    Traceback (most recent call last):
    ...
    ValueError: kernel: rank 2, expected rank 1; `closest` gives the best column and row

    Integers and Fractions split exactly: the row is the kernel's first row that is not zero, by
    a positive factor made whole and free of a common divisor; the column carries the rest.
    Floats split as in `closest`, to rounding. Zero splits into zeros.
    """
    found = rank(kernel)
    if found > 1:
        raise ValueError(
            f"kernel: rank {found}, expected rank 1; `closest` gives the best column and row"
        )
    if kernel.dtype.kind == "f":
        return closest(kernel)[:2]
    rows = _fractions(kernel)
    row = _primitive(next((r for r in rows if any(r)), rows[0]))
    j = next((j for j, value in enumerate(row) if value), None)
    column = [Fraction(0) if j is None else r[j] / row[j] for r in rows]
    if kernel.dtype.kind == "O":
        return np.array(column, object), np.array(row, object)
    return np.array([int(value) for value in column]), np.array(row)


def closest(kernel: Array) -> tuple[Array, Array, float]:
    """(column, row, error): the nearest kernel of rank 1, and how far away it is.

    >>> column, row, error = closest(LAPLACIAN)
    >>> round(error, 6)                 # sqrt(6) - 2, its smaller singular value
    0.44949

    error: the Frobenius norm of kernel - column x row, which is the root of the sum of the
    squares of all singular values but the first. No column and row come nearer.
    Each half carries the root of the first singular value, and the column's largest entry is
    positive. Computed and returned in float64.
    Source: Eckart and Young, Psychometrika 1 (1936), pages 211 to 218.
    """
    _check(kernel)
    scaled, power = _scaled(kernel)
    u, values, vt = np.linalg.svd(scaled, full_matrices=False)
    scale = math.sqrt(values[0]) * np.sign(u[abs(u[:, 0]).argmax(), 0])
    half, rest = power // 2, power - power // 2
    column, row = np.ldexp(u[:, 0] * scale, half), np.ldexp(vt[0] * scale, rest)
    return column, row, math.ldexp(float(np.linalg.norm(values[1:])), power)


def _scaled(kernel: Array) -> tuple[Array, int]:
    """The kernel over a power of two near its largest number, so that no square overflows."""
    wide = kernel.astype(np.float64)
    power = int(np.frexp(abs(wide).max())[1])
    return np.ldexp(wide, -power), power


def correlate(image: Array, column: Array, row: Array) -> Array:
    """The response to a split kernel wherever it fits: the column first, then the row.

    >>> correlate(np.eye(4, dtype=int), *split(GAUSSIAN)).tolist()
    [[6, 4], [4, 6]]

    image: (H, W); column: (D_Ky,); row: (D_Kx,); returns (H - D_Ky + 1, W - D_Kx + 1).
    Integers are widened to int64, since pixels of one byte would wrap.
    """
    arguments.check_rank(image.shape, "image", "H, W")
    H, W = image.shape[0] - len(column) + 1, image.shape[1] - len(row) + 1
    if H < 1 or W < 1:
        raise ValueError(
            f"image: {image.shape[0]} x {image.shape[1]}, "
            f"expected at least {len(column)} x {len(row)}, the kernel's size"
        )
    if image.dtype.kind in "biu":
        image = image.astype(np.int64)
    # Plain numbers as weights leave the image's number type as it is.
    tall = sum(weight * image[i : i + H] for i, weight in enumerate(column.tolist()))
    return sum(weight * tall[:, j : j + W] for j, weight in enumerate(row.tolist()))


class Edges(NamedTuple):
    """The gradient of an image: four arrays of one shape.

    >>> found = edges(np.array([[0, 0, 0], [0, 0, 0], [255, 255, 255]]))    # brighter below
    >>> found.magnitude.tolist(), np.degrees(found.direction).tolist()
    ([[1020.0]], [[-90.0]])
    """

    gx: Array
    gy: Array
    magnitude: Array
    direction: Array


def edges(grey: Array) -> Edges:
    """Sobel's gradient: how steep every pixel's surroundings are, and which way is brighter.

    >>> found = edges(np.array([[100, 100, 200, 200]] * 3))
    >>> found.gx.tolist(), found.gy.tolist()
    ([[400, 400]], [[0, 0]])

    grey: (H, W), integers or floats; each answer is (H - 2, W - 2), pixel (0, 0) of it belonging
    to (1, 1) of the image: the outermost pixels have no answer, since zeros around the image
    would be an edge that the photo does not have.
    gx, gy: exact int64 for integers. magnitude: sqrt(gx^2 + gy^2), up to sqrt(20) times the
    brightest pixel. direction: radians in (-pi, pi], counter-clockwise from the right, towards
    the brighter side; an edge itself runs at a right angle to it. 0 where there is no gradient.
    """
    arguments.check_rank(grey.shape, "grey", "H, W")
    if grey.dtype.kind not in "biuf":
        raise ValueError(f"grey: {grey.dtype} numbers, expected integers or floats")
    gx, gy = correlate(grey, *split(SOBEL_X)), correlate(grey, *split(SOBEL_Y))
    return Edges(gx, gy, np.hypot(gx, gy), np.arctan2(gy, gx))


def luma(pixels: Array) -> Array:
    """Brightness of colour pixels: 0.299 red + 0.587 green + 0.114 blue.

    >>> luma(np.array([[255, 0, 0], [7, 7, 7]], np.uint8)).tolist()
    [76.245, 7.0]

    pixels: (..., 3); returns float64 of shape (...). In thousandths, so that grey stays grey.
    Source: Recommendation ITU-R BT.601.
    """
    if pixels.ndim < 1 or pixels.shape[-1] != 3:
        raise ValueError(f"pixels: shape {pixels.shape}, expected (..., 3): red, green, blue")
    return pixels @ np.array([299, 587, 114]) / 1000


def _check(kernel: Array) -> None:
    arguments.check_rank(kernel.shape, "kernel", "D_K, D_K")
    if 0 in kernel.shape:
        raise ValueError(f"kernel: an axis of no elements {kernel.shape}")
    if kernel.dtype.kind not in "biufO":
        raise ValueError(f"kernel: {kernel.dtype} numbers, expected real ones")
    if kernel.dtype.kind == "f" and not np.isfinite(kernel).all():
        raise ValueError("kernel: NaN or infinity in it, expected finite numbers")
    if kernel.dtype.kind == "O":
        for value in kernel.flat:
            if not isinstance(value, Rational):
                raise ValueError(f"kernel: {value!r} in it, expected integers or Fractions")


def _fractions(kernel: Array) -> list[list[Fraction]]:
    # NumPy's integers, which an object array may hold, would wrap inside a Fraction.
    return [
        [Fraction(int(value.numerator), int(value.denominator)) for value in row]
        for row in kernel.tolist()
    ]


def _eliminate(rows: list[list[Fraction]]) -> int:
    """The rank, by Gauss's elimination: rows above `done` have a pivot, rows below have none."""
    done = 0
    for j in range(len(rows[0])):
        pivot = next((i for i in range(done, len(rows)) if rows[i][j]), None)
        if pivot is None:
            continue
        rows[done], rows[pivot] = rows[pivot], rows[done]
        for i in range(done + 1, len(rows)):
            factor = rows[i][j] / rows[done][j]
            rows[i] = [a - factor * b for a, b in zip(rows[i], rows[done], strict=True)]
        done += 1
    return done


def _primitive(row: list[Fraction]) -> list[int]:
    """The row by a positive factor: whole numbers without a common divisor."""
    denominator = math.lcm(*(value.denominator for value in row))
    whole = [int(value * denominator) for value in row]
    divisor = math.gcd(*whole) or 1
    return [value // divisor for value in whole]
