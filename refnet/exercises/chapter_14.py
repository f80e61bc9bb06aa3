"""Chapter 14, Making NumPy fast: from 30 ms to 4."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np

from refnet import ops
from refnet.exercises.exercise import Arguments, Array, Draw, Exercise, Mistake, whole

Tiles = tuple[tuple[int, int], ...]


def least_milliseconds(macs: int, gigaflops: int) -> Fraction:
    """Two operations a MAC, at so many thousand million of them a second."""
    return Fraction(2 * macs * 1000, gigaflops * 10**9)


def row_tiles(rows: int, row_bytes: int, cache: int) -> Tiles:
    """As few tiles as fit, as equal as can be."""
    number = -(-rows // max(1, cache // row_bytes))
    return _equal(rows, number)


def by_runs(x: Array, w: Array) -> Array:
    """A depthwise convolution, stride 1, no padding, along whole rows of the map."""
    return ops.depthwise_conv2d(x[None], w[..., None], padding="valid")[0]


def bias_within(a: Array, w: Array, b: Array) -> tuple[Array, Array]:
    """(a, 1) and (w over b): their product is a @ w + b."""
    return np.hstack([a, np.ones((len(a), 1), a.dtype)]), np.vstack([w, b])


def numbers_read(H: int, W: int, M: int, N: int, workers: int) -> tuple[int, int]:
    """What all workers of a pointwise layer read together: sharing rows, sharing channels."""
    pixels, weights = H * W * M, M * N
    return pixels + workers * weights, workers * pixels + weights


def memory_needed(sizes: tuple[int, ...], last: tuple[int, ...]) -> int:
    """The most numbers that are needed at once: value i from step i to step last[i]."""
    return max(
        sum(size for i, size in enumerate(sizes) if i <= step <= last[i])
        for step in range(len(sizes))
    )


def _equal(rows: int, number: int) -> Tiles:
    bounds = [rows * k // number for k in range(number + 1)]
    return tuple(pairwise(bounds))


def _five_roundings(macs: int, gigaflops: int) -> float:
    """In float32 at worst: two factors made exact or rounded once each, a product, a quotient, a
    factor of 1000; each within 2^-24, and one to spare for their products."""
    return 6 * 2.0**-24 * float(least_milliseconds(macs, gigaflops))


def _rest_last(rows: int, row_bytes: int, cache: int) -> Tiles:
    height = max(1, cache // row_bytes)
    return tuple((first, min(first + height, rows)) for first in range(0, rows, height))


def _rounded_down(rows: int, row_bytes: int, cache: int) -> Tiles:
    return _equal(rows, max(1, rows // max(1, cache // row_bytes)))


def _flat(x: Array, w: Array, weights: Array, step: int) -> Array:
    """The sum over taps along flat rows; tap j begins `step` numbers after tap j - 1."""
    (H, W, C), D_K = x.shape, len(w)
    rows, columns = H - D_K + 1, W - D_K + 1
    flat, n = x.reshape(H, W * C), columns * C
    y = np.zeros((rows, n), x.dtype)
    for i, j in np.ndindex(D_K, D_K):
        y += flat[i : i + rows, step * j : step * j + n] * weights[i, j]
    return y.reshape(rows, columns, C)


def _each_weight_repeated(x: Array, w: Array) -> Array:
    return _flat(x, w, np.repeat(w, x.shape[1] - len(w) + 1, axis=2), x.shape[2])


def _one_number_on(x: Array, w: Array) -> Array:
    return _flat(x, w, np.tile(w, (1, 1, x.shape[1] - len(w) + 1)), 1)


def _early(sizes: tuple[int, ...], last: tuple[int, ...]) -> int:
    return memory_needed(sizes, tuple(max(i, step - 1) for i, step in enumerate(last)))


def _work_and_speed(draw: Draw) -> Arguments:
    return draw.integer(1, 99) * 10**6, draw.integer(1, 99)


def _rows(draw: Draw) -> Arguments:
    return draw.integer(1, 20), draw.integer(1, 9), draw.integer(1, 60)


def _map_and_filters(draw: Draw) -> Arguments:
    D_K, C = draw.integer(1, 3), draw.integer(1, 3)
    x = draw.array(draw.integer(D_K, 4), draw.integer(D_K, 5), C)
    return x, draw.array(D_K, D_K, C, least=-3, most=3)


def _product(draw: Draw) -> Arguments:
    pixels, M, N = draw.integer(1, 3), draw.integer(1, 3), draw.integer(1, 3)
    return draw.array(pixels, M), draw.array(M, N), draw.array(N)


def _layer(draw: Draw) -> Arguments:
    return (*(draw.integer(1, 20) for _ in range(4)), draw.integer(1, 4))


def _values(draw: Draw) -> Arguments:
    n = draw.integer(1, 6)
    sizes = tuple(draw.integer(1, 9) for _ in range(n))
    return sizes, tuple(draw.integer(min(i + 1, n - 1), n - 1) for i in range(n))


EXERCISES = [
    Exercise(
        "14.1", "Not faster than that",
        "Write `least_milliseconds(macs, gigaflops)`: a network takes so many multiply-"
        "accumulates, and a core carries out so many thousand million operations a second. It "
        "returns the milliseconds that no program on this core can undercut. A float will do.",
        least_milliseconds, _work_and_speed,
        [(10**6, 1), (568_740_352, 240), (300_774_272, 100), (10**6, 7)],
        [
            Mistake("a MAC as one operation",
                    lambda macs, gigaflops: least_milliseconds(macs, gigaflops) / 2,
                    "A multiply-accumulate is a product and a sum: two operations."),
            Mistake("seconds", lambda macs, gigaflops: least_milliseconds(macs, gigaflops) / 1000,
                    "Those are seconds; a second has a thousand milliseconds."),
            Mistake("images a second",
                    lambda macs, gigaflops: 1000 / least_milliseconds(macs, gigaflops),
                    "That is how many images a second it makes at most. The time of one is asked "
                    "for."),
        ],
        bound=_five_roundings, level="warm-up",
    ),
    Exercise(
        "14.2", "Tiles that fit",
        "A map has `rows` rows of `row_bytes` bytes each, a tile at most `cache` bytes. Write "
        "`row_tiles(rows, row_bytes, cache)`: it returns the tiles as a tuple of pairs, first "
        "row and row after the last. There are as few tiles as possible, but as equal as can be: "
        "with n of them, tile k begins at row rows × k // n. A tile has at least one row, even "
        "where that is too large.",
        row_tiles, _rows,
        [(7, 10, 35), (4, 10, 5), (6, 10, 60), (10, 10, 30), (1, 10, 10), (112, 14_336, 2**18)],
        [
            Mistake("the rest last", _rest_last,
                    "Full tiles and a rest at the end: the last one may be a single row, and its "
                    "calls cost as much as any other's. Count the tiles first, then share the "
                    "rows out evenly."),
            Mistake("number rounded down", _rounded_down,
                    "You round the number of tiles down, so that they get larger than the cache."),
            Mistake("never split below two rows",
                    lambda rows, row_bytes, cache: _equal(
                        rows, -(-rows // max(2, cache // row_bytes))),
                    "Where one row alone fills the cache, or more than that, a tile is one row."),
        ],
    ),
    Exercise(
        "14.3", "One long run",
        "Write `by_runs(x, w)`: it takes a map of shape (H, W, C), its padding in it already, and "
        "one filter a channel, of shape (D_K, D_K, C), and returns the depthwise convolution of "
        "stride 1, of shape (H - D_K + 1, W - D_K + 1, C). Lay each row of the map out flat, "
        "W × C numbers, and go along it: for each tap one product of two long rows. Where does "
        "tap j begin in a flat row, and what are the weights there?",
        by_runs, _map_and_filters,
        [(np.array([[[1], [2], [3]]]), np.array([[[2]]])),
         (whole(1, 3, 5, 2), whole(2, 3, 3, 2)), (whole(3, 4, 4, 3), whole(4, 2, 2, 3))],
        [
            Mistake("each weight repeated", _each_weight_repeated,
                    "Along a row the channels alternate, so the weights of all channels follow "
                    "one another, and then again: np.tile. np.repeat says each one several times "
                    "before it goes on."),
            Mistake("one number further", _one_number_on,
                    "The next tap lies one pixel to the right, and in a flat row that is C "
                    "numbers further, not one."),
            Mistake("kernel turned", lambda x, w: by_runs(x, w[::-1, ::-1]),
                    "You turn the filters by half a turn: weight (i, j) lies on pixel (i, j) of "
                    "the window."),
        ],
    ),
    Exercise(
        "14.4", "A bias inside the product",
        "Write `bias_within(a, w, b)`: a matrix of pixels (P, M), one of weights (M, N), and a "
        "bias (N,). It returns a tuple of two matrices whose product is a @ w + b: the pixels "
        "with one more column, the weights with one more row, both last.",
        bias_within, _product,
        [(np.array([[2]]), np.array([[3]]), np.array([5])),
         (whole(1, 3, 2), whole(2, 2, 4), whole(3, 4))],
        [
            Mistake("ones and bias exchanged",
                    lambda a, w, b: (np.hstack([a, np.full((len(a), 1), b[0])]),
                                     np.vstack([w, np.ones_like(b)])),
                    "The pixels get the ones, and the weights the bias, of which each output "
                    "channel has its own."),
            Mistake("ones first",
                    lambda a, w, b: (np.hstack([np.ones((len(a), 1), a.dtype), a]),
                                     np.vstack([w, b])),
                    "Your ones stand in the first column and the bias in the last row: they do "
                    "not meet."),
            Mistake("zeros for the ones",
                    lambda a, w, b: (np.hstack([a, np.zeros((len(a), 1), a.dtype)]),
                                     np.vstack([w, b])),
                    "Zeros times the bias are nothing: the new column holds ones."),
        ],
    ),
    Exercise(
        "14.5", "Rows or channels?",
        "Several workers share a pointwise layer from M to N channels on a map of H × W. Write "
        "`numbers_read(H, W, M, N, workers)`: it returns a tuple of two, how many numbers all of "
        "them read together, pixels and weights, if each makes some rows of the output, and if "
        "each makes some of its channels.",
        numbers_read, _layer,
        [(1, 1, 1, 1, 2), (112, 112, 32, 64, 2), (7, 7, 1024, 1024, 2), (3, 5, 7, 11, 4)],
        [
            Mistake("exchanged", lambda *sizes: numbers_read(*sizes)[::-1],
                    "The two are exchanged: whoever makes some rows reads all weights, whoever "
                    "makes some channels all pixels."),
            Mistake("one worker alone",
                    lambda H, W, M, N, workers: (
                        Fraction(H * W * M, workers) + M * N,
                        H * W * M + Fraction(M * N, workers)),
                    "That is what one worker reads; all of them together are asked for."),
            Mistake("everything read once",
                    lambda H, W, M, N, workers: 2 * (H * W * M + M * N,),
                    "Only one of the two is shared out; the other is read by every worker."),
        ],
    ),
    Exercise(
        "14.6", "How much memory does it take?",
        "A network makes its values one after the other: value i in step i, `sizes[i]` numbers. "
        "Step `last[i]` is the last that reads it; in that step it must still be there, since "
        "what the step makes must not be written over what it reads. Write "
        "`memory_needed(sizes, last)`: how many numbers have to be kept at once at most? Both "
        "are tuples of the same length.",
        memory_needed, _values,
        [((5,), (0,)), ((1, 2, 3), (1, 2, 2)), ((4, 1, 1, 4), (3, 2, 3, 3)),
         ((3, 1, 9, 2, 1), (1, 2, 3, 4, 4))],
        [
            Mistake("everything kept", lambda sizes, last: sum(sizes),
                    "That is the memory if nothing is ever given back."),
            Mistake("two neighbours",
                    lambda sizes, last: max([a + b for a, b in pairwise(sizes)],
                                            default=sizes[0]),
                    "A value may be read long after it was made, by a residual connection for "
                    "instance: look at `last`, not at the neighbour alone."),
            Mistake("given back too early", _early,
                    "In the step that reads a value for the last time it is still needed: i <= "
                    "step <= last[i]."),
        ],
        level="problem",
    ),
]  # fmt: skip
