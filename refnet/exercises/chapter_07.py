"""Chapter 7, Depthwise separable: 1/N + 1/D_K^2."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from refnet import ops, separability
from refnet.channel_separability import compose
from refnet.cost.formulas import separable_ratio, separable_weights, standard_weights
from refnet.exercises.exercise import Arguments, Array, Draw, Exercise, Mistake, whole


def cost_ratio(D_K: int, N: int) -> Fraction:
    """1/N + 1/D_K^2."""
    return separable_ratio(D_K, N)


def two_bills(D_K: int, M: int, N: int) -> tuple[int, int]:
    """Weights of a standard layer, and of the separable one that takes its place."""
    return standard_weights(D_K, M, N), separable_weights(D_K, M, N)


def separable(x: Array, depthwise: Array, pointwise: Array) -> Array:
    """Filter each channel, then combine them; no padding."""
    return ops.separable_conv2d(
        x[None], depthwise[..., None], pointwise[None, None], padding="valid"
    )[0]


def composed(depthwise: Array, pointwise: Array) -> Array:
    """The standard kernel that computes the same."""
    return compose(depthwise[..., None], pointwise[None, None])


def break_even(D_K: int, multiplier: int) -> int:
    """The least N with fewer weights: multiplier (D_K^2 + N) < D_K^2 N; 0 if there is none."""
    saved = D_K**2 - multiplier
    return multiplier * D_K**2 // saved + 1 if saved > 0 else 0


def in_disguise(w: Array) -> bool:
    """Whether each input channel's matrix, taps by filters, has a rank of at most one."""
    matrices = w.reshape(-1, *w.shape[2:]).swapaxes(0, 1)
    return all(separability.rank(matrix) <= 1 for matrix in matrices)


def _three_roundings(D_K: int, N: int) -> float:
    """1/N, 1/D_K^2 and their sum are rounded once each, in float32 at worst; one to spare for
    another order."""
    return 4 * 2.0**-24 * float(cost_ratio(D_K, N))


def _combined_first(x: Array, depthwise: Array, pointwise: Array) -> Array:
    y = ops.pointwise_conv2d(x[None], pointwise[None, None])
    return ops.depthwise_conv2d(y, depthwise[..., None], padding="valid")[0]


def _summed_first(x: Array, depthwise: Array, pointwise: Array) -> Array:
    return separable(x, depthwise, np.repeat(pointwise.sum(axis=0, keepdims=True), x.shape[2], 0))


def _not_strictly(D_K: int, multiplier: int) -> int:
    saved = D_K**2 - multiplier
    return -(-multiplier * D_K**2 // saved) if saved > 0 else 0


def _multiplier_once(D_K: int, multiplier: int) -> int:
    return multiplier * D_K**2 // (D_K**2 - 1) + 1 if D_K > 1 else 0


def _in_space(w: Array) -> bool:
    kernels = w.reshape(*w.shape[:2], -1)
    return all(separability.rank(kernels[..., n]) <= 1 for n in range(kernels.shape[2]))


def _as_one(w: Array) -> bool:
    return separability.rank(w.reshape(-1, w.shape[3])) <= 1


def _rank_one(w: Array) -> bool:
    matrices = w.reshape(-1, *w.shape[2:]).swapaxes(0, 1)
    return all(separability.rank(matrix) == 1 for matrix in matrices)


def _side_and_filters(draw: Draw) -> Arguments:
    return draw.integer(1, 9), draw.integer(1, 99)


def _sizes(draw: Draw) -> Arguments:
    return draw.integer(1, 7), draw.integer(1, 64), draw.integer(1, 64)


def _layers(draw: Draw) -> Arguments:
    D_K, M = draw.integer(1, 3), draw.integer(1, 3)
    x = draw.array(draw.integer(D_K, 4), draw.integer(D_K, 4), M)
    return x, *(draw.array(*shape, least=-3, most=3)
                for shape in ((D_K, D_K, M), (M, draw.integer(1, 3))))  # fmt: skip


def _kernels(draw: Draw) -> Arguments:
    return _layers(draw)[1:]


def _side_and_multiplier(draw: Draw) -> Arguments:
    return draw.integer(1, 9), draw.integer(1, 12)


def _perhaps_separable(draw: Draw) -> Arguments:
    D_K, M, N = draw.integer(1, 2), draw.integer(1, 2), draw.integer(1, 3)
    if draw.choice(True, False):
        depthwise = draw.array(D_K, D_K, M, least=-2, most=2)
        return (composed(depthwise, draw.array(M, N, least=-2, most=2)),)
    return (draw.array(D_K, D_K, M, N, least=-1, most=1),)


_SPATIAL = np.zeros((2, 2, 1, 2), int)  # each filter has a single weight, in its own place
_SPATIAL[0, 0, 0, 0] = _SPATIAL[1, 1, 0, 1] = 1
_NOT_SPATIAL = np.array([[1, 0], [0, 1]]).reshape(2, 2, 1, 1) * np.array([1, 2])

EXERCISES = [
    Exercise(
        "7.1", "One over N and one over D_K squared",
        "Write `cost_ratio(D_K, N)`: it returns the cost of a depthwise separable convolution "
        "over that of the standard one that it stands for, every tap counted. Check it by hand "
        "for N = 1024 and D_K = 3, which gives 0.112. A float will do; a Fraction is exact.",
        cost_ratio, _side_and_filters, [(1, 1), (2, 3), (3, 1024), (512, 100), (3, 1)],
        [
            Mistake("the other way up", lambda D_K, N: 1 / cost_ratio(D_K, N),
                    "That is how many times cheaper it is; the separable layer's cost comes on "
                    "top of the fraction."),
            Mistake("D_K not squared", lambda D_K, N: Fraction(1, N) + Fraction(1, D_K),
                    "The kernel has D_K^2 taps a channel: 1/N + 1/D_K^2."),
            Mistake("multiplied", lambda D_K, N: Fraction(1, N * D_K**2),
                    "The two steps follow each other, so their costs add up: 1/N + 1/D_K^2."),
        ],
        bound=_three_roundings, level="warm-up",
    ),
    Exercise(
        "7.2", "81 against 36",
        "Write `two_bills(D_K, M, N)`: it returns a tuple of two, the number of weights of a "
        "standard convolution from M to N channels, and that of the depthwise separable one "
        "that takes its place. For D_K = 3 and 3 channels to 3 it is (81, 36).",
        two_bills, _sizes, [(1, 1, 2), (3, 3, 3), (3, 3, 1), (3, 32, 64), (5, 8, 2)],
        [
            Mistake("depthwise alone", lambda k, m, n: (k**2 * m * n, k**2 * m),
                    "The second step is missing: the pointwise layer has M N weights."),
            Mistake("a filter for each output", lambda k, m, n: (k**2 * m * n, k**2 * n + m * n),
                    "The depthwise layer comes first: it has a filter for each of the M channels "
                    "that it reads, not for the N that come out."),
            Mistake("N weights for the pointwise layer",
                    lambda k, m, n: (k**2 * m * n, k**2 * m + n),
                    "The pointwise layer has M weights for each of its N outputs, so M N of them, "
                    "not N."),
            Mistake("exchanged", lambda *sizes: two_bills(*sizes)[::-1],
                    "The two counts are exchanged: the standard layer's comes first."),
        ],
        level="warm-up",
    ),
    Exercise(
        "7.3", "Filter, then combine",
        "Write `separable(x, depthwise, pointwise)`: it takes a map of shape (H, W, M), one "
        "filter a channel, of shape (D_K, D_K, M), and a matrix of shape (M, N), and returns the "
        "map of shape (H - D_K + 1, W - D_K + 1, N), without padding and with nothing between "
        "the two steps.",
        separable, _layers,
        [(np.array([[[1, 10]]]), np.array([[[2, 3]]]), np.array([[1, 0], [5, 1]])),
         (whole(1, 3, 4, 2), whole(2, 3, 3, 2), whole(3, 2, 3)),
         (whole(4, 4, 4, 3), whole(5, 2, 2, 3), whole(6, 3, 3))],
        [
            Mistake("combined first", _combined_first,
                    "You mix the channels first and filter what comes out: the depthwise step "
                    "comes first. With other numbers of channels it does not even fit."),
            Mistake("channels summed before mixing", _summed_first,
                    "The channels are given the same weight: channel m of the filtered map meets "
                    "pointwise[m, n]."),
            Mistake("kernel turned",
                    lambda x, deep, wide: separable(x, deep[::-1, ::-1], wide),
                    "You turn the filters by half a turn: weight (i, j) lies on pixel (i, j) of "
                    "the window."),
        ],
    ),
    Exercise(
        "7.4", "One kernel that does both",
        "Write `composed(depthwise, pointwise)`: it takes one filter a channel, of shape (D_K, "
        "D_K, M), and a matrix of shape (M, N), and returns the kernel of shape (D_K, D_K, M, N) "
        "of the standard convolution that computes what the two do one after the other. How many "
        "numbers go in, and how many come out?",
        composed, _kernels,
        [(np.array([[[2, 3]]]), np.array([[1, 10], [100, 1000]])),
         (whole(1, 2, 2, 1), whole(2, 1, 3)),
         (whole(3, 3, 3, 2), whole(4, 2, 2)), (whole(5, 2, 2, 3), whole(6, 3, 2))],
        [
            Mistake("matrix transposed", lambda deep, wide: composed(deep, wide.T),
                    "pointwise[m, n] leads from channel m to output n; yours leads back."),
            Mistake("summed over channels", lambda deep, wide: deep @ wide,
                    "You add the channels up. In a kernel they stay apart: the sum over m is done "
                    "when it meets the map."),
        ],
    ),
    Exercise(
        "7.5", "When does it not pay?",
        "Give the depthwise layer `multiplier` filters a channel; the pointwise layer then reads "
        "M × multiplier channels. Write `break_even(D_K, multiplier)`: it returns the smallest "
        "number N of output channels for which the separable layer has fewer weights than the "
        "standard one, or 0 if there is none. M cancels.",
        break_even, _side_and_multiplier,
        [(1, 1), (2, 1), (3, 1), (3, 2), (3, 8), (3, 9), (2, 2), (5, 3)],
        [
            Mistake("as many is not fewer", _not_strictly,
                    "At your N the two have equally many weights in some cases; fewer is asked "
                    "for, so take the next."),
            Mistake("multiplier left out", lambda D_K, multiplier: break_even(D_K, 1),
                    "Both steps grow with the multiplier: the weights are "
                    "multiplier × (D_K^2 + N) for each input channel."),
            Mistake("pointwise layer not widened", _multiplier_once,
                    "The pointwise layer reads M × multiplier channels, so its weights grow with "
                    "the multiplier, too."),
        ],
    ),
    Exercise(
        "7.6", "Separable in disguise",
        "Some standard kernels are separable ones in disguise. Write `in_disguise(w)`: it takes a "
        "kernel of shape (D_K, D_K, M, N), of whole numbers, and returns True if a depthwise "
        "convolution with one filter a channel, then a pointwise one, can compute exactly the "
        "same, else False. What do all the filters see of one input channel?",
        in_disguise, _perhaps_separable,
        [(np.zeros((1, 1, 1, 1), int),), (_SPATIAL,), (_NOT_SPATIAL,),
         (composed(whole(1, 3, 3, 2), whole(2, 2, 4)),), (whole(3, 2, 2, 2, 3),)],
        [
            Mistake("in space", _in_space,
                    "You ask whether each D_K × D_K slice is a column times a row, as Sobel's is. "
                    "Here space stays whole; the question is whether all filters use one and the "
                    "same slice of a channel, each times a number."),
            Mistake("all channels at once", _as_one,
                    "You ask for one filter for all channels together; each channel may have its "
                    "own. Look at the matrix of D_K^2 taps by N filters, channel by channel."),
            Mistake("zeros left out", _rank_one,
                    "A channel that no filter looks at has a matrix of rank 0, and that is "
                    "separable, too: the rank has to be at most 1."),
        ],
        level="problem",
    ),
]  # fmt: skip
