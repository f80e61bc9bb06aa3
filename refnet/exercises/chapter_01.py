"""Chapter 1, One pixel's neighbourhood: convolution as loops, counted."""

from __future__ import annotations

import numpy as np

from refnet import ops
from refnet.cost.formulas import standard_macs
from refnet.exercises.exercise import Arguments, Array, Draw, Exercise, Mistake, whole


def neighbourhood(image: Array, row: int, column: int) -> Array:
    """The 3 x 3 pixels around one."""
    return image[row - 1 : row + 2, column - 1 : column + 2]


def response(patch: Array, kernel: Array) -> int:
    """The sum of pixel times weight."""
    return int((patch * kernel).sum())


def correlate(image: Array, kernel: Array) -> Array:
    """The kernel's response wherever it fits."""
    x, w = image.astype(np.int64)[np.newaxis, ..., np.newaxis], kernel[..., np.newaxis, np.newaxis]
    return ops.conv2d(x, w, padding="valid")[0, ..., 0]


def macs(H: int, W: int, D_K: int) -> int:
    """Products of a kernel that is put down wherever it fits."""
    return standard_macs(D_K, 1, 1, (H, W), padding="valid")


def box_sums(image: Array, radius: int) -> Array:
    """The sum of every square of 2 radius + 1 pixels a side."""
    side = 2 * radius + 1
    return correlate(image, np.ones((side, side), np.int64))


def _flipped(image: Array, kernel: Array) -> Array:
    return correlate(image, kernel[::-1, ::-1])


def _in_bytes(image: Array, kernel: Array) -> Array:
    return correlate(image, kernel).astype(image.dtype)


def _no_zeros_before(image: Array, radius: int) -> Array:
    """Windows without their first row and column."""
    s, D = image.astype(np.int64).cumsum(axis=0).cumsum(axis=1), 2 * radius
    H, W = image.shape[0] - D, image.shape[1] - D
    return s[D:, D:] - s[:H, D:] - s[D:, :W] + s[:H, :W]


def _two_radii(image: Array, radius: int) -> Array:
    return correlate(image, np.ones((2 * radius, 2 * radius), np.int64))


def _places(draw: Draw) -> Arguments:
    H, W = draw.integer(3, 6), draw.integer(3, 6)
    return draw.array(H, W), draw.integer(1, H - 2), draw.integer(1, W - 2)


def _patches(draw: Draw) -> Arguments:
    return draw.array(3, 3, least=0, most=99), draw.array(3, 3, least=-2, most=2)


def _images(draw: Draw) -> Arguments:
    D_K = draw.integer(1, 3)
    H, W = draw.integer(D_K, 5), draw.integer(D_K, 5)
    return draw.pixels(H, W), draw.array(D_K, D_K, least=-2, most=2)


def _sizes(draw: Draw) -> Arguments:
    D_K = draw.integer(1, 7)
    return draw.integer(D_K, 50), draw.integer(D_K, 50), D_K


def _radii(draw: Draw) -> Arguments:
    radius = draw.integer(1, 2)
    side = 2 * radius + 1
    return draw.array(draw.integer(side, 6), draw.integer(side, 6), least=0), radius


_BYTES = whole(1, 5, 6, least=0, most=255, dtype=np.uint8)

EXERCISES = [
    Exercise(
        "1.1", "A pixel's neighbourhood",
        "Write `neighbourhood(image, row, column)`: it takes an image of shape (H, W) and the "
        "place of a pixel that is not on the border, and returns the 3 × 3 pixels around it, that "
        "pixel in the middle.",
        neighbourhood, _places,
        [(np.arange(9).reshape(3, 3), 1, 1), (whole(1, 5, 6), 1, 3), (whole(2, 6, 6), 4, 1)],
        [
            Mistake("the pixel in the corner", lambda image, r, c: image[r : r + 3, c : c + 3],
                    "Your pixel is the top left one of the nine: begin one row above it and one "
                    "column to its left."),
            Mistake("a slice's end", lambda image, r, c: image[r - 1 : r + 1, c - 1 : c + 1],
                    "A slice stops before its end: rows row - 1 to row + 1 are row - 1 : row + 2."),
            Mistake("rows for columns", lambda image, r, c: neighbourhood(image, c, r),
                    "Rows and columns are exchanged: an image is indexed by its row first."),
        ],
        level="warm-up",
    ),
    Exercise(
        "1.2", "One response",
        "Write `response(patch, kernel)`: it takes two arrays of shape (3, 3) and returns one "
        "number, the sum of every pixel times the weight that lies on it.",
        response, _patches,
        [(np.arange(9).reshape(3, 3), np.eye(3, dtype=int)),
         (np.arange(9).reshape(3, 3), np.array([[1, 0, 0], [0, 0, 0], [0, 0, 0]])),
         (whole(1, 3, 3, least=0), whole(2, 3, 3))],
        [
            Mistake("matrix product", lambda patch, kernel: int((patch @ kernel).sum()),
                    "@ is the product of two matrices, rows times columns; here a pixel meets the "
                    "one weight in its own place: *."),
            Mistake("kernel turned", lambda patch, kernel: response(patch, kernel[::-1, ::-1]),
                    "You turn the kernel by half a turn, as mathematicians' convolution does; "
                    "networks do not."),
        ],
        level="warm-up",
    ),
    Exercise(
        "1.3", "The whole image",
        "Write `correlate(image, kernel)` with loops: it takes an image of shape (H, W), bytes or "
        "other whole numbers, and a kernel of shape (D_K, D_K), and returns an array of shape "
        "(H - D_K + 1, W - D_K + 1). Its element (r, c) is the response of the kernel whose top "
        "left weight lies on pixel (r, c).",
        correlate, _images,
        [(np.array([[200]], np.uint8), np.array([[1]])),
         (np.array([[200]], np.uint8), np.array([[2]])),
         (np.array([[1]], np.uint8), np.array([[-1]])),
         (np.arange(9).reshape(3, 3), np.array([[0, 1], [0, 0]])), (_BYTES, whole(2, 3, 3)),
         (whole(3, 6, 4), whole(4, 2, 2))],
        [
            Mistake("kernel turned", _flipped,
                    "You turn the kernel by half a turn. Deep learning's convolution is what "
                    "mathematics calls correlation: weight (i, j) lies on pixel (r + i, c + j)."),
            Mistake("sums in bytes", _in_bytes,
                    "Your result has the type of the image: in bytes, 400 becomes 144. Give it an "
                    "int type of its own."),
            Mistake("last place left out", lambda image, kernel: correlate(image, kernel)[:-1, :-1],
                    "A kernel of D_K fits at H - D_K + 1 places down, one more than H - D_K."),
        ],
    ),
    Exercise(
        "1.4", "Counted, not guessed",
        "Write `macs(H, W, D_K)`: how many multiply-accumulates does your loop of exercise 1.3 "
        "execute on an image of shape (H, W) with a kernel of D_K × D_K? It takes three whole "
        "numbers and returns one.",
        macs, _sizes, [(3, 3, 2), (5, 4, 3), (512, 600, 3), (1, 1, 1)],
        [
            Mistake("a response for every pixel", lambda H, W, D_K: H * W * D_K**2,
                    "The kernel does not fit at the border: there are H - D_K + 1 places down and "
                    "W - D_K + 1 across."),
            Mistake("D_K once", lambda H, W, D_K: (H - D_K + 1) * (W - D_K + 1) * D_K,
                    "A kernel of side D_K has D_K times D_K weights."),
            Mistake("one place too few", lambda H, W, D_K: (H - D_K) * (W - D_K) * D_K**2,
                    "A kernel as large as the image fits once, not never: H - D_K + 1."),
        ],
    ),
    Exercise(
        "1.5", "A blur that does not slow down",
        "A blur of radius 20 adds up 41 × 41 pixels for every pixel. It need not. Write "
        "`box_sums(image, radius)`: it takes an image of shape (H, W) and a radius, and returns "
        "the sum of every square of 2 radius + 1 pixels a side that fits, an array of shape "
        "(H - 2 radius, W - 2 radius). Your work for one pixel should not grow with the radius: "
        "first make a table of the sums of all that lies above and to the left of each place. "
        "Four of its entries give the sum of any rectangle.",
        box_sums, _radii,
        [(np.arange(9).reshape(3, 3), 1), (whole(1, 5, 6, least=0), 1), (_BYTES, 2)],
        [
            Mistake("no zeros in front", _no_zeros_before,
                    "The first row and column of each square are missing: your table needs a row "
                    "and a column of zeros in front, the sums of nothing."),
            Mistake("a side of two radii", _two_radii,
                    "Your squares have 2 radius pixels a side; the pixel in the middle makes it "
                    "one more."),
        ],
        level="problem",
    ),
]  # fmt: skip
