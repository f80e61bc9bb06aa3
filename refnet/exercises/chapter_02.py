"""Chapter 2, Sobel: nine numbers that hide six."""

from __future__ import annotations

import numpy as np

from refnet import separability
from refnet.exercises.exercise import Arguments, Array, Draw, Exercise, Mistake, whole
from refnet.separability import GAUSSIAN, LAPLACIAN, SOBEL_X, SOBEL_Y


def gradient(patch: Array) -> tuple[int, int]:
    """Sobel's two responses."""
    return int((SOBEL_X * patch).sum()), int((SOBEL_Y * patch).sum())


def kernel_of(column: Array, row: Array) -> Array:
    """The kernel that is a column times a row."""
    return np.outer(column, row)


def is_separable(kernel: Array) -> bool:
    """Whether the rank is at most one."""
    return separability.rank(kernel) <= 1


def two_passes(image: Array, column: Array, row: Array) -> Array:
    """The column first, then the row."""
    return separability.correlate(image, column, row)


def products(H: int, W: int, D_K: int) -> tuple[int, int]:
    """Products of a D_K x D_K kernel at once, and in two passes, column first."""
    down, across = H - D_K + 1, W - D_K + 1
    return down * across * D_K**2, down * W * D_K + down * across * D_K


def column_and_row(kernel: Array) -> tuple[Array, Array]:
    """The halves of a kernel of rank one, in whole numbers."""
    return separability.split(kernel)


def _determinant(kernel: Array) -> bool:
    return round(float(np.linalg.det(kernel))) == 0


def _first_row_only(kernel: Array) -> bool:
    return all(separability.rank(np.array([kernel[0], row])) <= 1 for row in kernel[1:])


def _turned_passes(image: Array, column: Array, row: Array) -> Array:
    return two_passes(image, column[::-1], row[::-1])


def _corner(kernel: Array) -> tuple[Array, Array]:
    return kernel[:, 0].copy(), kernel[0].copy()


def _uncancelled(kernel: Array) -> tuple[Array, Array]:
    row = next(r for r in kernel if r.any())
    at = int(np.flatnonzero(row)[0])
    return kernel[:, at] // row[at], row.copy()


def _draw_patch(draw: Draw) -> Arguments:
    return (draw.array(3, 3, least=0, most=99),)


def _halves(draw: Draw) -> Arguments:
    return draw.array(draw.integer(1, 4)), draw.array(draw.integer(1, 4))


def _kernels(draw: Draw) -> Arguments:
    if draw.choice(True, False):
        return (np.outer(draw.array(3, least=-2, most=2), draw.array(3, least=-2, most=2)),)
    return (draw.array(3, 3, least=-2, most=2),)


def _images(draw: Draw) -> Arguments:
    D_Ky, D_Kx = draw.integer(1, 3), draw.integer(1, 3)
    image = draw.array(draw.integer(D_Ky, 5), draw.integer(D_Kx, 5))
    return image, draw.array(D_Ky, least=-2, most=2), draw.array(D_Kx, least=-2, most=2)


def _sizes(draw: Draw) -> Arguments:
    D_K = draw.integer(1, 9)
    return draw.integer(D_K, 50), draw.integer(D_K, 50), D_K


def _rank_one(draw: Draw) -> Arguments:
    column, row = draw.array(3, least=-3, most=3), draw.array(3, least=-3, most=3)
    column[draw.integer(0, 2)], row[draw.integer(0, 2)] = draw.choice(1, -2), draw.choice(1, 3)
    return (np.outer(column, row),)


EXERCISES = [
    Exercise(
        "2.1", "Which way is it brighter?",
        "Write `gradient(patch)`: it takes 3 × 3 pixels and returns a tuple of two numbers, the "
        "responses to the kernel X, [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], which is positive where "
        "it is brighter on the right, and to the kernel Y, [[1, 2, 1], [0, 0, 0], [-1, -2, -1]], "
        "which is positive where it is brighter above.",
        gradient, _draw_patch,
        [(np.array([[0, 0, 1], [0, 0, 0], [0, 0, 0]]),),
         (np.array([[100, 100, 200]] * 3),), (whole(1, 3, 3, least=0, most=255),)],
        [
            Mistake("y downwards", lambda patch: (gradient(patch)[0], -gradient(patch)[1]),
                    "Your second response is positive where it is brighter below: the row of "
                    "1, 2, 1 comes first."),
            Mistake("x for y", lambda patch: gradient(patch)[::-1],
                    "The two responses are exchanged: X, left against right, comes first."),
            Mistake("kernels turned", lambda patch: gradient(-patch),
                    "Both signs are wrong: you turn the kernels by half a turn (or a library's "
                    "convolve does), and Sobel's kernels turned are their own negatives."),
        ],
        level="warm-up",
    ),
    Exercise(
        "2.2", "A column times a row",
        "Write `kernel_of(column, row)`: it takes two arrays, of shapes (D_y,) and (D_x,), and "
        "returns the kernel of shape (D_y, D_x) whose weight (i, j) is column[i] × row[j].",
        kernel_of, _halves,
        [(np.array([1, 2]), np.array([3, 5])), (np.array([1, 2, 1]), np.array([-1, 0, 1])),
         (np.array([1, 2, 3]), np.array([4, 5]))],
        [
            Mistake("a row times a column", lambda column, row: np.outer(row, column),
                    "Your kernel lies on its side: the column runs down, along the first axis."),
            Mistake("element by element", lambda column, row: column * row,
                    "* multiplies element by element; every number of the column has to meet "
                    "every number of the row: np.outer, or column[:, np.newaxis] * row."),
        ],
        level="warm-up",
    ),
    Exercise(
        "2.3", "Does it hide anything?",
        "Write `is_separable(kernel)`: it takes a kernel of shape (3, 3), of whole numbers, and "
        "returns True if it is some column times some row, else False. A kernel of zeros is. "
        "Decide exactly, without floats if you can: when are two rows multiples of each other?",
        is_separable, _kernels,
        [(np.zeros((3, 3), int),), (np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]]),),
         (LAPLACIAN.copy(),), (SOBEL_Y.copy(),), (GAUSSIAN.copy(),), (np.eye(3, dtype=int),)],
        [
            Mistake("determinant", _determinant,
                    "A determinant of 0 says only that three rows hide two; the Laplacian's is 0, "
                    "and it takes two columns and two rows to make it. The rank has to be 1 or 0."),
            Mistake("first row alone", _first_row_only,
                    "You compare every row with the first one. Where that is all zeros, it tells "
                    "you nothing about the others."),
            Mistake("zeros left out", lambda kernel: separability.rank(kernel) == 1,
                    "A kernel of zeros has rank 0, and a column times a row gives it, too: the "
                    "rank has to be at most 1."),
        ],
    ),
    Exercise(
        "2.4", "Two passes for one",
        "Write `two_passes(image, column, row)`: it takes an image of shape (H, W), a column of "
        "shape (D_y,) and a row of shape (D_x,). It goes down the image with the column, then "
        "across that result with the row, wherever they fit, and returns an array of shape "
        "(H - D_y + 1, W - D_x + 1): what the kernel column × row gives at once. Do not make that "
        "kernel.",
        two_passes, _images,
        [(np.array([[1, 0], [0, 0]]), np.array([1, 2]), np.array([1, 5])),
         (whole(1, 5, 6), np.array([1, 2, 1]), np.array([-1, 0, 1])),
         (whole(2, 4, 5), np.array([1, 3]), np.array([2, 0, 1]))],
        [
            Mistake("row down, column across", lambda image, c, r: two_passes(image, r, c),
                    "The two are exchanged: the column runs down, along axis 0, the row across."),
            Mistake("halves turned", _turned_passes,
                    "Column and row are read backwards. np.convolve does that; np.correlate does "
                    "not."),
        ],
    ),
    Exercise(
        "2.5", "What it saves",
        "Write `products(H, W, D_K)`: how many products of a pixel and a weight does a kernel of "
        "D_K × D_K take on an image of shape (H, W), wherever it fits, and how many do a column "
        "and a row of D_K, the column first? It returns both counts as a tuple. Mind how large "
        "the map is on which the second pass works.",
        products, _sizes, [(3, 4, 2), (5, 5, 3), (512, 600, 3), (512, 600, 41)],
        [
            Mistake("both passes alike",
                    lambda H, W, D: (products(H, W, D)[0], 2 * D * (H - D + 1) * (W - D + 1)),
                    "The first pass, down the columns, has to make all W columns: the second one "
                    "needs them."),
            Mistake("row first",
                    lambda H, W, D: (products(H, W, D)[0],
                                     D * (H * (W - D + 1) + (H - D + 1) * (W - D + 1))),
                    "That is the count with the row first; here the column comes first."),
            Mistake("D_K + D_K weights on all pixels",
                    lambda H, W, D: (H * W * D**2, H * W * 2 * D),
                    "The kernel does not fit at the border: there are H - D_K + 1 places down and "
                    "W - D_K + 1 across."),
        ],
    ),
    Exercise(
        "2.6", "Find the six",
        "Write `column_and_row(kernel)`: it takes a kernel of shape (3, 3), of whole numbers, "
        "that is separable and not all zeros, and returns a tuple (column, row) of two arrays of "
        "shape (3,) whose product it is. Many pairs are; return the one whose row is the kernel's "
        "first row that is not all zeros, divided by the greatest common divisor of its numbers. "
        "Then both are whole numbers.",
        column_and_row, _rank_one,
        [(np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]]),), (np.outer([1, 2, 1], [2, 4, 2]),),
         (SOBEL_X.copy(),), (SOBEL_Y.copy(),), (np.outer([2, 3, 5], [4, 6, -2]),),
         (np.outer([0, -3, 1], [0, -2, 6]),)],
        [
            Mistake("first column and first row", _corner,
                    "The first column times the first row is the kernel times its corner, and "
                    "nothing at all where the corner is 0."),
            Mistake("divisor left in", _uncancelled,
                    "The row still has a common divisor, so that the column would need fractions: "
                    "divide the row by np.gcd.reduce of it before you find the column."),
        ],
        level="problem",
    ),
]  # fmt: skip
