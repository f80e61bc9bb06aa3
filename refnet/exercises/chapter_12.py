"""Chapter 12, MobileNet V2: expand, filter, project."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np

from refnet import ops
from refnet.exercises.exercise import Arguments, Array, Draw, Exercise, Mistake, whole
from refnet.models.mobilenet_v2 import BLOCKS

Rows = tuple[tuple[int, int, int, int], ...]


def widths(M: int, t: int, N: int) -> tuple[int, ...]:
    """Channels of the maps of a block, from its input to its output."""
    wide = (t * M,) if t > 1 else ()
    return (M, *wide, t * M, N)


def patterns_lost(m: int, n: int) -> int:
    """Of 2^n patterns of awake and asleep, those with fewer than m awake."""
    return sum(math.comb(n, awake) for awake in range(min(m, n + 1)))


def inverted(x: Array, expand: Array, deep: Array, project: Array) -> Array:
    """Expand, filter and project; add the input where it fits."""
    return _inverted(x, expand, deep, project)


def _inverted(
    x: Array, expand: Array, deep: Array, project: Array,
    *, clip: int = 6, bend: bool = False, add: bool = True,
) -> Array:  # fmt: skip
    y = ops.pointwise_conv2d(x[None], expand[None, None])
    y = ops.depthwise_conv2d(np.clip(y, 0, clip), deep[..., None], padding="same")
    y = ops.pointwise_conv2d(np.clip(y, 0, clip), project[None, None])[0]
    y = np.clip(y, 0, clip) if bend else y
    return x + y if add and y.shape == x.shape else y


def inverted_macs(D_F: int, M: int, N: int, t: int, stride: int) -> int:
    """All three layers, every tap counted, SAME padding."""
    D_G = math.ceil(D_F / stride)
    expansion = M * t * M * D_F**2 if t > 1 else 0
    return expansion + t * M * (9 + N) * D_G**2


def additions(rows: Rows, M: int) -> int:
    """How many blocks of a table (t, c, n, s) add their input."""
    found = 0
    for _, c, n, s in rows:
        found += n - 1 + (s == 1 and c == M)
        M = c
    return found


def recover(y: Array, T: Array) -> tuple[int, ...]:
    """x from the awake numbers of ReLU(T x), or () where they do not determine it."""
    return _solved([i for i in range(len(y)) if y[i] > 0], y, T)


def _solved(rows: list[int], y: Array, T: Array) -> tuple[int, ...]:
    """By the first two of these rows that are not parallel."""
    for i, j in combinations(rows, 2):
        (a, b), (c, d) = T[i].tolist(), T[j].tolist()
        if divisor := a * d - b * c:
            p, q = int(y[i]), int(y[j])
            return ((p * d - b * q) // divisor, (a * q - p * c) // divisor)
    return ()


def _larger_map_for_filters(D_F: int, M: int, N: int, t: int, stride: int) -> int:
    D_G = math.ceil(D_F / stride)
    return inverted_macs(D_F, M, N, t, stride) + 9 * t * M * (D_F**2 - D_G**2)


def _smaller_map_throughout(D_F: int, M: int, N: int, t: int, stride: int) -> int:
    return inverted_macs(math.ceil(D_F / stride), M, N, t, 1)


def _always_expanded(D_F: int, M: int, N: int, t: int, stride: int) -> int:
    return inverted_macs(D_F, M, N, t, stride) + (M * M * D_F**2 if t == 1 else 0)


def _stride_ignored(rows: Rows, M: int) -> int:
    return additions(tuple((t, c, n, 1) for t, c, n, _ in rows), M)


def _same_channels_only(rows: Rows, M: int) -> int:
    return sum(n - 1 + (s == 1) for _, _, n, s in rows)


def _first_two_awake(y: Array, T: Array) -> tuple[int, ...]:
    return _solved([i for i in range(len(y)) if y[i] > 0][:2], y, T)


def _zeros_as_equations(y: Array, T: Array) -> tuple[int, ...]:
    return _solved(list(range(len(y))), y, T)


def _block_widths(draw: Draw) -> Arguments:
    return draw.integer(1, 64), draw.choice(1, 2, 6), draw.integer(1, 64)


def _space(draw: Draw) -> Arguments:
    return draw.integer(1, 8), draw.integer(1, 20)


def _block(draw: Draw) -> Arguments:
    M, K, N = draw.integer(1, 2), draw.integer(1, 3), draw.integer(1, 2)
    x = draw.array(draw.integer(1, 3), draw.integer(1, 3), M)
    return x, *(draw.array(*shape, least=-3, most=3) for shape in ((M, K), (3, 3, K), (K, N)))


def _sizes(draw: Draw) -> Arguments:
    return (draw.integer(1, 32), draw.integer(1, 32), draw.integer(1, 32), draw.choice(1, 2, 6),
            draw.integer(1, 2))  # fmt: skip


def _table(draw: Draw) -> Arguments:
    rows = ((draw.choice(1, 6), draw.choice(8, 16), draw.integer(1, 4), draw.integer(1, 2))
            for _ in range(draw.integer(1, 4)))  # fmt: skip
    return tuple(rows), draw.choice(8, 16)


def _bent(draw: Draw) -> Arguments:
    T = draw.array(draw.integer(1, 5), 2, least=-2, most=2)
    return _through(T, draw.array(2))


def _through(T: Array, x: Array) -> Arguments:
    """What a ReLU leaves of T x, and T."""
    return ops.relu(T @ x), T


PARALLEL = np.array([[1, 2], [2, 4], [3, -1]])
V2 = tuple(BLOCKS)

EXERCISES = [
    Exercise(
        "12.1", "Narrow, wide, narrow",
        "A block of MobileNet V2 reads M channels, expands them by the factor t and projects to N. "
        "Write `widths(M, t, N)`: it returns a tuple of the channels of the map that it reads and "
        "of those that its layers make, in order. A block with t = 1 has no expanding layer.",
        widths, _block_widths, [(1, 1, 1), (24, 6, 24), (32, 1, 16), (3, 2, 5)],
        [
            Mistake("expanded where t is 1", lambda M, t, N: (M, t * M, t * M, N),
                    "With t = 1 there is no expanding layer, so there is a map less."),
            Mistake("output expanded", lambda M, t, N: (*((M, t * N) if t > 1 else (M,)), t * N, N),
                    "It is the M channels of the input that are multiplied by t."),
            Mistake("filtered map left out", lambda M, t, N: (M, t * M, N),
                    "Two layers make wide maps: the expansion and the depthwise layer after it."),
        ],
        level="warm-up",
    ),
    Exercise(
        "12.2", "Too few awake",
        "Of n numbers, each is awake or asleep: there are 2^n patterns. A point with m "
        "coordinates is lost if fewer than m of the numbers are awake. Write `patterns_lost(m, "
        "n)`: in how many of the patterns is it lost? For m = 2 that is 1 + n.",
        patterns_lost, _space, [(1, 1), (2, 5), (3, 5), (2, 1), (6, 4), (8, 20)],
        [
            Mistake("m is enough", lambda m, n: patterns_lost(m + 1, n),
                    "Exactly m awake numbers are m equations for m coordinates: enough. Count the "
                    "patterns with fewer."),
            Mistake("just one short", lambda m, n: math.comb(n, m - 1),
                    "You count the patterns with exactly m - 1 awake; those with still fewer are "
                    "lost, too."),
            Mistake("all asleep", lambda m, n: 1,
                    "All asleep is one of the patterns that lose the point; a few awake do not "
                    "save it."),
        ],
    ),
    Exercise(
        "12.3", "The block by hand",
        "Write `inverted(x, expand, deep, project)`: it takes a map of shape (H, W, M), a matrix "
        "(M, K), one 3 × 3 filter a channel, of shape (3, 3, K), and a matrix (K, N), and returns "
        "what a block of MobileNet V2 with stride 1, SAME padding and no biases makes of them. "
        "ReLU6 clips to 0 and 6. Where N = M, the input is added.",
        inverted, _block,
        [(np.array([[[1]]]), np.array([[2]]), np.full((3, 3, 1), 1), np.array([[-3]])),
         (whole(1, 3, 4, 2), whole(2, 2, 3), whole(3, 3, 3, 3), whole(4, 3, 2)),
         (whole(5, 3, 3, 2), whole(6, 2, 3), whole(7, 3, 3, 3), whole(8, 3, 1))],
        [
            Mistake("bent after the projection", lambda *given: _inverted(*given, bend=True),
                    "You clip after the projection. It is linear: nothing comes after it but the "
                    "addition."),
            Mistake("input not added", lambda *given: _inverted(*given, add=False),
                    "Where the output has as many channels as the input, the input is added to "
                    "it."),
            Mistake("ReLU without the 6", lambda *given: _inverted(*given, clip=10**9),
                    "ReLU6 also stops at 6; you cut off below 0 alone."),
            Mistake("no activation at all",
                    lambda x, expand, deep, project: ops.pointwise_conv2d(
                        ops.depthwise_conv2d(ops.pointwise_conv2d(x[None], expand[None, None]),
                                             deep[..., None], padding="same"),
                        project[None, None])[0] + (x if project.shape[1] == x.shape[2] else 0),
                    "ReLU6 comes after the expansion and after the filters; only the projection "
                    "goes without."),
        ],
    ),
    Exercise(
        "12.4", "What a block costs",
        "Write `inverted_macs(D_F, M, N, t, stride)`: how many multiply-accumulates does a block "
        "of MobileNet V2 take that reads a map of D_F × D_F with M channels and makes one with N, "
        "every tap counted, with SAME padding? The stride is that of the depthwise layer, and "
        "with t = 1 there is no expansion.",
        inverted_macs, _sizes,
        [(1, 1, 1, 1, 1), (3, 2, 3, 6, 2), (112, 16, 24, 6, 2), (112, 32, 16, 1, 1),
         (56, 24, 24, 6, 1)],
        [
            Mistake("expansion on the smaller map", _smaller_map_throughout,
                    "The expansion comes before the depthwise layer and its stride: it works on "
                    "the map of D_F × D_F."),
            Mistake("filters on the larger map", _larger_map_for_filters,
                    "The depthwise layer with stride 2 makes ceil(D_F / 2) rows and columns, and "
                    "each of these costs nine products a channel."),
            Mistake("expanded where t is 1", _always_expanded,
                    "With t = 1 there is no expanding layer, and nothing to pay for it."),
            Mistake("stride forgotten", lambda D_F, M, N, t, stride: inverted_macs(D_F, M, N, t, 1),
                    "After the depthwise layer the map has ceil(D_F / stride) rows and columns."),
        ],
    ),
    Exercise(
        "12.5", "Who adds?",
        "A table has rows (t, c, n, s): n blocks that make c channels, the first of them with "
        "stride s, the others with stride 1. Write `additions(rows, M)`: M channels go into the "
        "first block; how many of the blocks add their input? For V2's own table and M = 32 it is "
        "10.",
        additions, _table,
        [(((1, 8, 1, 1),), 8), (((1, 8, 1, 2),), 8), (((6, 16, 3, 1), (6, 16, 2, 1)), 8),
         (V2, 32)],
        [
            Mistake("never the first of a row", lambda rows, M: sum(n - 1 for _, _, n, _ in rows),
                    "The first block of a row adds, too, where its stride is 1 and as many "
                    "channels go in as come out."),
            Mistake("stride forgotten", _stride_ignored,
                    "A block with stride 2 makes a smaller map: its input does not fit, whatever "
                    "its channels."),
            Mistake("channels forgotten", _same_channels_only,
                    "Where a row changes the number of channels, the input of its first block does "
                    "not fit."),
            Mistake("all blocks", lambda rows, M: sum(n for _, _, n, _ in rows),
                    "Those are all blocks; only those add whose input has the shape of their "
                    "output."),
        ],
    ),
    Exercise(
        "12.6", "Back from behind a ReLU",
        "A point x of the plane, with whole coordinates, went through a matrix T of shape (n, 2), "
        "of whole numbers, and then through a ReLU. Write `recover(y, T)`: it takes what came out, "
        "of shape (n,), and T, and returns x as a tuple of two whole numbers if the numbers "
        "above 0 determine it, else the empty tuple. Two equations are not always enough.",
        recover, _bent,
        [_through(np.array([[1, 0], [0, 1]]), np.array([3, 4])),
         _through(np.array([[1, 0], [0, 1]]), np.array([3, -4])),
         _through(PARALLEL, np.array([2, 1])), _through(PARALLEL, np.array([1, 4])),
         _through(-PARALLEL, np.array([2, 1]))],
        [
            Mistake("zeros taken for equations", _zeros_as_equations,
                    "A 0 says that a sum was not above 0, not that it was 0: only the numbers "
                    "above 0 are equations."),
            Mistake("the first two awake", _first_two_awake,
                    "Two rows of T can be parallel and then say the same twice; look for two awake "
                    "ones that are not."),
        ],
        level="problem",
    ),
]  # fmt: skip
