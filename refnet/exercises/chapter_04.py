"""Chapter 4, Padding and stride: the same shape, another answer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from refnet import geometry, ops
from refnet.cost.formulas import standard_macs
from refnet.exercises.exercise import Arguments, Array, Draw, Exercise, Mistake, whole


def output_side(D_F: int, D_K: int, stride: int, before: int, after: int) -> int:
    """floor((D_F + before + after - D_K) / stride) + 1."""
    padding = (before, after, 0, 0)
    return geometry.axes((D_F, 1), (D_K, 1), stride=stride, padding=padding)[0].output


def same_padding(D_F: int, D_K: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME on one axis."""
    rows, _ = geometry.axes((D_F, 1), (D_K, 1), stride=stride, padding="same")
    return rows.before, rows.after


def padded(x: Array, top: int, bottom: int, left: int, right: int) -> Array:
    """Zeros around a map."""
    return np.pad(x, ((top, bottom), (left, right)))


def strided(x: Array, w: Array, stride: int) -> Array:
    """One channel, SAME."""
    return _one_channel(x, w, stride, "same")


def executed(D_F: int, D_K: int, stride: int) -> int:
    """Taps that meet the map, SAME."""
    return standard_macs(D_K, 1, 1, D_F, stride=stride, counting="executed")


def whose_padding(x: Array, w: Array, stride: int, y: Array) -> str:
    """Which padding gives y."""
    same = np.array_equal(y, strided(x, w, stride))
    symmetric = np.array_equal(y, _symmetric(x, w, stride))
    return "either" if same and symmetric else "same" if same else "symmetric"


def _one_channel(x: Array, w: Array, stride: int, padding: Any) -> Array:
    x, w = x[np.newaxis, ..., np.newaxis], w[..., np.newaxis, np.newaxis]
    return ops.conv2d(x, w, padding=padding, stride=stride)[0, ..., 0]


def _symmetric(x: Array, w: Array, stride: int) -> Array:
    return _one_channel(x, w, stride, (w.shape[0] // 2,) * 4)


def _needs(D_F: int, D_K: int, stride: int) -> str:
    return f"this layer needs {same_padding(D_F, D_K, stride)}."


def _whole_windows(D_F: int, D_K: int, stride: int) -> int:
    before, _ = same_padding(D_F, D_K, stride)
    starts = range(-before, D_F, stride)
    return (sum(0 <= start <= D_F - D_K for start in starts) * D_K) ** 2


def _same_first(x: Array, w: Array, stride: int, y: Array) -> str:
    return "same" if np.array_equal(y, strided(x, w, stride)) else "symmetric"


def _by_shape(x: Array, w: Array, stride: int, y: Array) -> str:
    return "either"


def _sides(draw: Draw) -> Arguments:
    D_K, stride = draw.choice(1, 3, 5, 7), draw.integer(1, 3)
    return draw.integer(1, 32), D_K, stride


def _any_sides(draw: Draw) -> Arguments:
    return draw.integer(1, 32), draw.integer(1, 7), draw.integer(1, 3)


def _sides_and_padding(draw: Draw) -> Arguments:
    before, after, D_K = draw.integer(0, 3), draw.integer(0, 3), draw.integer(1, 5)
    return draw.integer(max(1, D_K - before - after), 32), D_K, draw.integer(1, 3), before, after


def _map_and_padding(draw: Draw) -> Arguments:
    x = draw.array(draw.integer(1, 3), draw.integer(1, 3))
    return x, *(draw.integer(0, 3) for _ in range(4))


def _map_and_kernel(draw: Draw) -> Arguments:
    D_K = draw.choice(1, 3, 5)
    x = draw.array(draw.integer(1, 6), draw.integer(1, 6))
    return x, draw.array(D_K, D_K, least=-2, most=2), draw.integer(1, 2)


def _answered(draw: Draw) -> Arguments:
    x = draw.array(draw.integer(2, 6), draw.integer(2, 6))
    w, stride = draw.array(3, 3, least=-2, most=2), draw.integer(1, 2)
    return x, w, stride, draw.choice(strided, _symmetric)(x, w, stride)


def _case(x: Array, w: Array, stride: int, convention: Any) -> Arguments:
    return x, w, stride, convention(x, w, stride)


_X, _W = whole(1, 6, 4), whole(2, 3, 3)
_CORNER = np.array([[1, 0, 0], [0, 0, 0], [0, 0, 0]])

EXERCISES = [
    Exercise(
        "4.1", "How large is the output?",
        "A kernel of side D_K slides over D_F numbers, `stride` at a time, with `before` zeros "
        "put in front of them and `after` behind. Write `output_side(D_F, D_K, stride, before, "
        "after)`: it returns at how many places the kernel lies wholly on numbers or zeros.",
        output_side, _sides_and_padding,
        [(1, 1, 1, 0, 0), (4, 3, 2, 0, 0), (224, 3, 2, 0, 1), (224, 3, 2, 1, 1), (7, 7, 1, 0, 0)],
        [
            Mistake("rounded up", lambda n, k, s, a, b: -((k - n - a - b) // s) + 1,
                    "You round up: where the last step does not fit, there is no place for it."),
            Mistake("the first place", lambda n, k, s, a, b: (n + a + b - k) // s,
                    "You count the steps; the place where it began is one more."),
            Mistake("padding once", lambda n, k, s, a, b: (n + a - k) // s + 1,
                    "The zeros behind count as well as those in front."),
            Mistake("a fraction of a step", lambda n, k, s, a, b: (n + a + b - k) / s + 1,
                    "/ leaves a fraction where the last step does not fit; only whole steps "
                    "count: //."),
        ],
        level="warm-up",
    ),
    Exercise(
        "4.2", "SAME, by TensorFlow's rule",
        "TensorFlow's SAME makes ceil(D_F / stride) outputs along an axis. It pads with as many "
        "zeros as the last window then lacks, half of them in front; an odd one goes behind. "
        "Write `same_padding(D_F, D_K, stride)`: it returns the tuple (before, after). Where "
        "nothing is lacking, both are 0.",
        same_padding, _any_sides,
        [(1, 1, 1), (2, 3, 2), (4, 2, 1), (224, 3, 2), (225, 3, 2), (7, 5, 3), (4, 1, 2)],
        [
            Mistake("symmetric", lambda D_F, D_K, stride: (D_K // 2, D_K // 2),
                    lambda *sides: f"Your padding is symmetric; {_needs(*sides)}"),
            Mistake("the odd one in front", lambda *sides: same_padding(*sides)[::-1],
                    lambda *sides: f"Your odd zero goes in front; {_needs(*sides)}"),
            Mistake("stride forgotten", lambda D_F, D_K, stride: same_padding(D_F, D_K, 1),
                    lambda *sides: f"You pad as at stride 1, which keeps every pixel; "
                                   f"{_needs(*sides)}"),
        ],
    ),
    Exercise(
        "4.3", "Put the zeros there",
        "Write `padded(x, top, bottom, left, right)`: it takes a map of shape (H, W) and four "
        "counts, and returns a map of shape (top + H + bottom, left + W + right) with zeros "
        "around x. That is refnet's order of the four; other libraries have others.",
        padded, _map_and_padding,
        [(np.array([[1]]), 0, 1, 0, 0), (np.array([[5]]), 0, 1, 0, 1),
         (np.array([[1, 2], [3, 4]]), 0, 1, 2, 3), (whole(1, 2, 3), 3, 1, 0, 2)],
        [
            Mistake("top, left, bottom, right",
                    lambda x, *sides: padded(x, sides[0], sides[2], sides[1], sides[3]),
                    "You take the four as top, left, bottom, right. They come in pairs: first "
                    "the rows, then the columns."),
            Mistake("columns first", lambda x, *sides: padded(x, *sides[2:], *sides[:2]),
                    "You pad the columns with the first pair (PyTorch's order): the first pair is "
                    "rows above and below."),
            Mistake("edges repeated",
                    lambda x, *sides: np.pad(x, (sides[:2], sides[2:]), mode="edge"),
                    "You repeat the edge. That makes nicer pictures; the networks here were "
                    "trained with zeros."),
        ],
        level="warm-up",
    ),
    Exercise(
        "4.4", "Stride, with SAME padding",
        "Write `strided(x, w, stride)`: it takes a map of shape (H, W), a kernel of shape (D_K, "
        "D_K) with an odd D_K, and a stride, and returns the convolution with TensorFlow's SAME "
        "padding, a map of shape (ceil(H / stride), ceil(W / stride)). Rows and columns may need "
        "different padding.",
        strided, _map_and_kernel,
        [(np.array([[1, 2], [3, 5]]), _CORNER, 2), (whole(3, 5, 5), _W, 2), (_X, _W, 2),
         (_X, _W, 1), (whole(4, 4, 6), whole(5, 5, 5), 2)],
        [
            Mistake("symmetric padding", _symmetric,
                    lambda x, w, s: f"Your padding is symmetric; the rows of this layer need "
                                    f"{same_padding(x.shape[0], w.shape[0], s)}, its columns "
                                    f"{same_padding(x.shape[1], w.shape[0], s)}."),
            Mistake("kernel turned", lambda x, w, s: strided(x, w[::-1, ::-1], s),
                    "You turn the kernel by half a turn (scipy.signal.convolve2d does): use "
                    "correlate2d."),
            Mistake("no padding", lambda x, w, s: _one_channel(x, w, s, "valid"),
                    "You do not pad at all: an output for every stride-th pixel is asked for, the "
                    "first one included."),
        ],
    ),
    Exercise(
        "4.5", "Products with nothing",
        "A tap on the padding multiplies a zero, and a loop may leave it out. Write "
        "`executed(D_F, D_K, stride)`: of all pairs of an output and a tap, how many meet the map "
        "where a kernel of D_K × D_K, D_K odd, slides over one channel of D_F × D_F with SAME "
        "padding? Rows and columns do not know of each other: count along one axis.",
        executed, _sides,
        [(1, 3, 1), (2, 3, 2), (4, 3, 1), (5, 3, 2), (224, 3, 2), (14, 3, 1)],
        [
            Mistake("all taps", lambda D_F, D_K, s: (-(-D_F // s) * D_K) ** 2,
                    "You count the taps on the padding too: a window at the border has fewer taps "
                    "on the map."),
            Mistake("one axis", lambda *sides: math.isqrt(executed(*sides)),
                    "That is the count along one axis; rows and columns make it the square."),
            Mistake("whole windows", _whole_windows,
                    "You count windows that lie wholly on the map; those at the border count too, "
                    "with the taps that meet it."),
        ],
    ),
    Exercise(
        "4.6", "Whose padding is it?",
        "A port of MobileNet gives almost the right answers, and you suspect its padding. Write "
        "`whose_padding(x, w, stride, y)`: x has shape (H, W), w has shape (3, 3), and y is what "
        "the layer made of them, in whole numbers. Return \"same\" if y can only come of "
        "TensorFlow's SAME padding, \"symmetric\" if only of one zero on every side (PyTorch, "
        "Caffe), and \"either\" if both give y.",
        whose_padding, _answered,
        [_case(np.array([[1, 2], [3, 5]]), _CORNER, 2, strided),
         _case(np.array([[1, 2], [3, 5]]), np.ones((3, 3), int), 2, _symmetric),
         _case(_X, _W, 2, strided), _case(_X, _W, 2, _symmetric), _case(_X, _W, 1, strided),
         _case(whole(6, 5, 7), _W, 2, strided)],
        [
            Mistake("never either", _same_first,
                    "Both paddings give this y, and a layer cannot tell which it has; so it is at "
                    "stride 1, for one, and on odd sides. Try both before you decide."),
            Mistake("shapes alone", _by_shape,
                    "The two paddings give the same shape; only the numbers tell them apart."),
        ],
        level="problem",
    ),
]  # fmt: skip
