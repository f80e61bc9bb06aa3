"""Chapter 0, How to read this book: shapes, and three ways to check an answer."""

from __future__ import annotations

import math

import numpy as np

from refnet.exercises.exercise import Arguments, Array, Draw, Exercise, Mistake, whole

UNIT = 2.0**-24  # the unit roundoff of float32


def numbers_in(shape: tuple[int, ...]) -> int:
    """The product of an array's sides."""
    return math.prod(shape)


def to_nhwc(x: Array) -> Array:
    """(B, M, H, W) to (B, H, W, M)."""
    return x.transpose(0, 2, 3, 1)


def largest_difference(a: Array, b: Array) -> int:
    """The largest |a - b| of pixels of one byte."""
    return int(abs(a.astype(int) - b.astype(int)).max())


def where_wrong(y: Array, wanted: Array) -> tuple[int, tuple[int, ...]]:
    """How many numbers differ, and the index of the first of them."""
    wrong = np.argwhere(y != wanted)
    return len(wrong), tuple(int(i) for i in wrong[0]) if len(wrong) else ()


def error_bound(x: Array, w: Array) -> float:
    """n u times the sum of |x||w|."""
    return len(x) * UNIT * int(abs(x * w).sum())


def _flat_index(y: Array, wanted: Array) -> tuple[int, int | tuple[int, ...]]:
    wrong = np.flatnonzero(y != wanted)
    return len(wrong), int(wrong[0]) if len(wrong) else ()


def _worst_index(y: Array, wanted: Array) -> tuple[int, tuple[int, ...]]:
    off = abs(y - wanted)
    at = np.unravel_index(int(off.argmax()), off.shape) if off.any() else ()
    return int((off != 0).sum()), tuple(int(i) for i in at)


def _bytes(pixel: int) -> Array:
    return np.array([[pixel]], np.uint8)


def _shapes(draw: Draw) -> Arguments:
    return (tuple(draw.integer(1, 9) for _ in range(draw.integer(1, 4))),)


def _channels_first(draw: Draw) -> Arguments:
    return (draw.array(*(draw.integer(1, 3) for _ in range(4))),)


def _photos(draw: Draw) -> Arguments:
    H, W = draw.integer(1, 4), draw.integer(1, 4)
    return draw.pixels(H, W), draw.pixels(H, W)


def _two_maps(draw: Draw) -> Arguments:
    H, W, M = (draw.integer(1, 3) for _ in range(3))
    return tuple(draw.array(H, W, M, least=-1, most=1) for _ in range(2))


def _two_vectors(draw: Draw) -> Arguments:
    n = draw.integer(1, 9)
    return draw.array(n), draw.array(n)


_A, _B = whole(1, 3, 4, least=0, most=255), whole(2, 3, 4, least=0, most=255)
_MAP = whole(3, 2, 3, 2)
_CHANGED = _MAP + np.array([[[0, 0], [0, 1], [0, 0]], [[0, 0], [3, 0], [0, 1]]])

EXERCISES = [
    Exercise(
        "0.1", "How many numbers?",
        "An array of shape (1, 224, 224, 3) holds 1 × 224 × 224 × 3 = 150,528 numbers. Write "
        "`numbers_in(shape)`: it takes a shape, a tuple of whole numbers, and returns how many "
        "numbers an array of that shape holds.",
        numbers_in, _shapes, [((5,),), ((2, 3),), ((2, 4, 4, 3),), ((1, 224, 224, 3),)],
        [
            Mistake("sum", lambda shape: sum(shape),
                    "You add up the sides; a grid of 2 by 3 holds 2 times 3 numbers."),
            Mistake("one picture", lambda shape: math.prod(shape[1:]),
                    "You leave out the first side: the pictures of a batch count too."),
        ],
        level="warm-up",
    ),
    Exercise(
        "0.2", "Channels last",
        "PyTorch keeps a batch of pictures as (B, M, H, W), channels first; this book keeps it as "
        "(B, H, W, M). Write `to_nhwc(x)`: it takes an array of shape (B, M, H, W) and returns "
        "the same pictures as an array of shape (B, H, W, M), so that `y[b, r, c, m]` is "
        "`x[b, m, r, c]`.",
        to_nhwc, _channels_first, [(whole(1, 1, 2, 1, 2),), (whole(2, 2, 3, 4, 5),)],
        [
            Mistake("reshape", lambda x: x.reshape(np.array(x.shape)[[0, 2, 3, 1]]),
                    "reshape keeps the numbers in their order and only cuts them elsewhere; "
                    "transpose moves the axes."),
            Mistake("axes reversed", lambda x: x.transpose(0, 3, 2, 1),
                    "Rows and columns are exchanged as well: the axes that you want are 0, 2, "
                    "3, 1."),
        ],
        level="warm-up",
    ),
    Exercise(
        "0.3", "How far off?",
        "Two programs decode the same photo. Write `largest_difference(a, b)`: it takes two "
        "arrays of one shape (H, W) that hold bytes (uint8) and returns the largest difference "
        "of two pixels in the same place, as a whole number of at least 0. Try it on a pixel of "
        "0 and a pixel of 1, both ways round.",
        largest_difference, _photos,
        [(_bytes(0), _bytes(1)), (_bytes(7), _bytes(5)), (_bytes(0), _bytes(200)),
         (_bytes(255), _bytes(0)),
         (_A.astype(np.uint8), _B.astype(np.uint8))],
        [
            Mistake("bytes wrap", lambda a, b: int(abs(a - b).max()),
                    "The difference of two bytes is a byte again, and 0 - 1 is 255: make them int "
                    "first, `a.astype(int)`."),
            Mistake("no absolute value", lambda a, b: int((a.astype(int) - b).max()),
                    "Where b is larger than a the difference is negative and is never the "
                    "largest: take the absolute value first."),
        ],
    ),
    Exercise(
        "0.4", "Where does it go wrong first?",
        "Write `where_wrong(y, wanted)` for two arrays of one shape (H, W, M). It returns "
        "a tuple of two: how many of the numbers differ, and the index of the first that does, "
        "as a tuple (row, column, channel). First means in the order in which the array is "
        "printed. Where nothing differs it returns `(0, ())`.",
        where_wrong, _two_maps,
        [(np.zeros((1, 2, 1), int), np.array([[[0], [1]]])), (_MAP, _MAP), (_CHANGED, _MAP)],
        [
            Mistake("one number for an index", _flat_index,
                    "You give the place in the flat list of numbers; `np.unravel_index` or "
                    "`np.argwhere` tells row, column and channel."),
            Mistake("the worst, not the first", _worst_index,
                    "You give the index of the largest difference; the first one is asked for."),
        ],
    ),
    Exercise(
        "0.5", "How close is close enough?",
        "A sum of n products x[i] w[i] is computed in float32, in any order. Each product goes "
        "through at most n roundings, its own and those of the additions, and each rounding "
        "changes it by at most u = 2^-24 of itself. So, to first order, the sum is off by at most "
        "n u times the sum of |x[i]| |w[i]|. Write `error_bound(x, w)`: it takes two arrays of "
        "shape (n,) and returns that bound as a float. It is how the book decides whether two "
        "programs differ by a mistake or only by rounding.",
        error_bound, _two_vectors,
        [(np.array([1]), np.array([1])), (np.array([2, 3]), np.array([3, -2])),
         (whole(4, 9), whole(5, 9))],
        [
            Mistake("signs cancel", lambda x, w: len(x) * UNIT * abs(int((x * w).sum())),
                    "You take the absolute value of the sum. Products of opposite signs cancel, "
                    "their rounding errors need not: sum the absolute values."),
            Mistake("epsilon for u", lambda x, w: 2 * error_bound(x, w),
                    "2^-23, np.finfo's eps, is the gap from 1 to the next number; rounding goes "
                    "to the nearer of two, so it costs at most half of that, u = 2^-24."),
            Mistake("one rounding", lambda x, w: error_bound(x, w) / len(x),
                    "One rounding for each product is not enough: it is in a sum that is rounded "
                    "n - 1 times more."),
        ],
        level="problem",
    ),
]  # fmt: skip
