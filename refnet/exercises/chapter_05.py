"""Chapter 5, Depthwise: a filter for each channel."""

from __future__ import annotations

import numpy as np

from refnet import ops
from refnet.channel_separability import as_standard
from refnet.cost import formulas
from refnet.exercises.chapter_04 import same_padding
from refnet.exercises.exercise import Arguments, Array, Draw, Exercise, Mistake, whole


def depthwise_bill(D_K: int, M: int, multiplier: int, D_F: int) -> tuple[int, int]:
    """Weights, and multiply-accumulates with every tap counted."""
    weights = formulas.depthwise_weights(D_K, M, multiplier=multiplier)
    return weights, formulas.depthwise_macs(D_K, M, D_F, multiplier=multiplier)


def depthwise_same(x: Array, w: Array, stride: int) -> Array:
    """One filter a channel, SAME padding."""
    return ops.depthwise_conv2d(x[None], w[..., None], padding="same", stride=stride)[0]


def spelled_out(w: Array) -> Array:
    """The standard kernel of a depthwise one."""
    return as_standard(w[..., None])


def multiplied(x: Array, w: Array) -> Array:
    """`multiplier` filters a channel, no padding."""
    return ops.depthwise_conv2d(x[None], w, padding="valid")[0]


def grouped(x: Array, w: Array, groups: int) -> Array:
    """A convolution in groups, no padding."""
    return ops.conv2d(x[None], w, padding="valid", groups=groups)[0]


def _symmetric(x: Array, w: Array, stride: int) -> Array:
    return ops.depthwise_conv2d(
        x[None], w[..., None], padding=(w.shape[0] // 2,) * 4, stride=stride
    )[0]


def _needs(x: Array, w: Array, stride: int) -> str:
    rows, columns = (same_padding(side, w.shape[0], stride) for side in x.shape[:2])
    both = f"{rows}" if rows == columns else f"{rows} on its rows, {columns} on its columns"
    return f"Your padding is symmetric; this layer needs {both}."


def _one_filter(x: Array, w: Array, stride: int) -> Array:
    return depthwise_same(x, np.broadcast_to(w[..., :1], w.shape), stride)


def _summed(x: Array, w: Array, stride: int) -> Array:
    return depthwise_same(x, w, stride).sum(axis=2, keepdims=True)


def _without_zeros(w: Array) -> Array:
    return np.repeat(w[..., None], w.shape[2], axis=3)


def _other_way(w: Array) -> Array:
    return np.repeat(w[:, :, None], w.shape[2], axis=2)


def _by_filter(x: Array, w: Array) -> Array:
    """Output channels grouped by filter, not by input channel."""
    y = multiplied(x, w)
    return y.reshape(*y.shape[:2], *w.shape[2:]).swapaxes(2, 3).reshape(y.shape)


def _repeated(x: Array, w: Array) -> Array:
    return multiplied(x, np.repeat(w[..., :1], w.shape[3], axis=3))


def _first_group(x: Array, w: Array, groups: int) -> Array:
    return grouped(np.concatenate([x[..., : w.shape[2]]] * groups, axis=2), w, groups)


def _interleaved(x: Array, w: Array, groups: int) -> Array:
    """Group g of channels g, g + groups, ..."""
    order = np.arange(x.shape[2]).reshape(-1, groups).T.ravel()
    return grouped(x[..., order], w, groups)


def _sizes(draw: Draw) -> Arguments:
    return draw.integer(1, 7), draw.integer(1, 64), draw.integer(1, 4), draw.integer(1, 64)


def _map_and_kernel(draw: Draw) -> Arguments:
    D_K, M = draw.choice(1, 3), draw.integer(1, 2)
    x = draw.array(draw.integer(1, 4), draw.integer(1, 4), M)
    return x, draw.array(D_K, D_K, M, least=-2, most=2), draw.integer(1, 2)


def _kernel(draw: Draw) -> Arguments:
    D_K = draw.integer(1, 3)
    return (draw.array(D_K, D_K, draw.integer(1, 4)),)


def _map_and_filters(draw: Draw) -> Arguments:
    D_K, M = draw.integer(1, 2), draw.integer(1, 3)
    x = draw.array(draw.integer(D_K, 4), draw.integer(D_K, 4), M)
    return x, draw.array(D_K, D_K, M, draw.integer(1, 3), least=-2, most=2)


def _in_groups(draw: Draw) -> Arguments:
    groups, each, D_K = draw.integer(1, 3), draw.integer(1, 2), draw.integer(1, 2)
    x = draw.array(draw.integer(D_K, 3), draw.integer(D_K, 3), groups * each)
    return x, draw.array(D_K, D_K, each, groups * draw.integer(1, 2), least=-2, most=2), groups


EXERCISES = [
    Exercise(
        "5.1", "A smaller bill",
        "A depthwise convolution has `multiplier` filters of D_K × D_K for each of M channels. "
        "Write `depthwise_bill(D_K, M, multiplier, D_F)`: it returns a tuple of two, its weights "
        "and its multiply-accumulates on maps of D_F × D_F at stride 1, with padding that keeps "
        "the size, every tap counted.",
        depthwise_bill, _sizes, [(1, 1, 2, 1), (3, 2, 1, 1), (3, 32, 1, 112), (5, 4, 3, 14)],
        [
            Mistake("every channel read",
                    lambda k, m, q, f: (k**2 * m * m * q, k**2 * m * m * q * f**2),
                    "That is a standard convolution's bill: here a filter reads one channel, not "
                    "all M."),
            Mistake("multiplier left out", lambda k, m, q, f: depthwise_bill(k, m, 1, f),
                    "Each channel has `multiplier` filters, and each of them its own weights."),
            Mistake("multiplier left out of the second",
                    lambda k, m, q, f: (k**2 * m * q, k**2 * m * f**2),
                    "Every one of the M × multiplier filters goes over the map, so the "
                    "multiply-accumulates have the multiplier as well."),
            Mistake("multiplier left out of the first",
                    lambda k, m, q, f: (k**2 * m, k**2 * m * q * f**2),
                    "The weights have the multiplier as well: there are M × multiplier filters."),
            Mistake("D_F not squared", lambda k, m, q, f: (k**2 * m * q, k**2 * m * q * f),
                    "The map has D_F times D_F places, not D_F."),
        ],
        level="warm-up",
    ),
    Exercise(
        "5.2", "A filter for each channel",
        "Write `depthwise_same(x, w, stride)`: it takes a map of shape (H, W, M), a kernel of "
        "shape (D_K, D_K, M) with an odd D_K, and a stride, and returns a map of shape "
        "(ceil(H / stride), ceil(W / stride), M). Channel m of it is channel m of x under filter "
        "m, with TensorFlow's SAME padding. No channel sees another.",
        depthwise_same, _map_and_kernel,
        [(np.array([[[1]], [[2]]]), np.eye(3, dtype=int)[..., None], 2),
         (whole(1, 3, 3, 2), whole(2, 3, 3, 2), 1), (whole(3, 6, 6, 3), whole(4, 3, 3, 3), 2),
         (whole(5, 5, 4, 2), whole(6, 3, 3, 2), 2)],
        [
            Mistake("symmetric padding", _symmetric, _needs),
            Mistake("one filter for all", _one_filter,
                    "Every channel goes through filter 0: channel m needs w[:, :, m]."),
            Mistake("channels summed", _summed,
                    "You add the channels up at the end, as a standard convolution does; here "
                    "they stay apart, and M come out."),
            Mistake("kernel turned", lambda x, w, s: depthwise_same(x, w[::-1, ::-1], s),
                    "You turn the kernels by half a turn: weight (i, j) lies on pixel (i, j) of "
                    "the window."),
        ],
    ),
    Exercise(
        "5.3", "A standard convolution with zeros",
        "Write `spelled_out(w)`: it takes a depthwise kernel of shape (D_K, D_K, M) and returns "
        "the standard kernel of shape (D_K, D_K, M, M) that computes the same. Output channel n "
        "of a standard convolution reads all channels m: which of its weights have to be 0?",
        spelled_out, _kernel,
        [(np.array([[[5]]]),), (np.array([[[5, 7]]]),), (whole(1, 3, 3, 3),)],
        [
            Mistake("no zeros", _without_zeros,
                    "Your filters read every channel, each with its own weights; filter n may "
                    "read channel n alone, and needs zeros for all others."),
            Mistake("filters repeated", _other_way,
                    "Each filter stands once for every input channel; it has to stand for its "
                    "own, with zeros for all others."),
        ],
    ),
    Exercise(
        "5.4", "More than one filter a channel",
        "Write `multiplied(x, w)`: it takes a map of shape (H, W, M) and a kernel of shape (D_K, "
        "D_K, M, multiplier), and returns a map of shape (H - D_K + 1, W - D_K + 1, "
        "M × multiplier), without padding. Output channel m × multiplier + q is channel m under "
        "its filter q.",
        multiplied, _map_and_filters,
        [(np.array([[[1, 10]]]), np.array([[[[1, 2], [3, 4]]]])),
         (whole(1, 4, 3, 2), whole(2, 2, 2, 2, 3)), (whole(3, 3, 4, 3), whole(4, 3, 3, 3, 2))],
        [
            Mistake("grouped by filter", _by_filter,
                    "Your channels come filter by filter, q × M + m; they are wanted channel by "
                    "channel, m × multiplier + q. A network trained on one order fails in the "
                    "other."),
            Mistake("first filter repeated", _repeated,
                    "A channel's filters are all the first; each q has its own, w[:, :, m, q]."),
        ],
    ),
    Exercise(
        "5.5", "Between the two: groups",
        "In a grouped convolution the M channels fall into `groups` equal parts, one after the "
        "other, and so do the N filters; a filter reads the channels of its own part. One group "
        "is a standard convolution, M groups are a depthwise one. Write `grouped(x, w, groups)`: "
        "x has shape (H, W, M), w has shape (D_K, D_K, M / groups, N), and the result has shape "
        "(H - D_K + 1, W - D_K + 1, N), without padding.",
        grouped, _in_groups,
        [(np.array([[[1, 10]]]), np.array([[[[1, 2]]]]), 2),
         (whole(1, 2, 3, 4), whole(2, 2, 2, 2, 4), 2), (whole(3, 3, 3, 3), whole(4, 2, 2, 1, 6), 3),
         (whole(5, 3, 3, 2), whole(6, 2, 2, 2, 3), 1)],
        [
            Mistake("everyone reads the first part", _first_group,
                    "All filters read the first M / groups channels: filter n belongs to part "
                    "n // (N / groups), which begins at that times M / groups."),
            Mistake("dealt like cards", _interleaved,
                    "You deal the channels out one by one; the parts lie one after the other: "
                    "part 0 is the first M / groups channels."),
        ],
        level="problem",
    ),
]  # fmt: skip
