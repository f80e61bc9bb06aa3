"""Chapter 16, On the GPU: Metal."""

from __future__ import annotations

import math

import numpy as np

from refnet.exercises.exercise import Arguments, Array, Draw, Exercise, Mistake, whole
from refnet.metal.packing import LANES, slices_of

Sizes = tuple[int, ...]
Numbers = tuple[int, ...]
Gid = tuple[int, int, int]


def lanes(channels: int) -> tuple[int, int]:
    """Slices, and idle lanes in the last one."""
    slices = slices_of(channels)
    return slices, LANES * slices - channels


def idle_threads(grid: Sizes, group: Sizes) -> int:
    """Launched in whole threadgroups, less those that are wanted."""
    launched = math.prod(-(-g // t) * t for g, t in zip(grid, group, strict=True))
    return launched - math.prod(grid)


def place_in_texture(H: int, W: int, row: int, column: int, channel: int) -> int:
    """The flat index into (slices, H, W, 4)."""
    shape = (slices_of(channel + 1), H, W, LANES)
    return int(np.ravel_multi_index((channel // LANES, row, column, channel % LANES), shape))


def after_each_round(numbers: Numbers) -> tuple[Numbers, ...]:
    """The kernel's rounds, on a list."""
    rounds, left = [], list(numbers)
    while len(left) > 1:
        half = -(-len(left) // 2)
        for me in range(len(left) - half):
            left[me] += left[me + half]
        del left[half:]
        rounds.append(tuple(left))
    return tuple(rounds)


def pointwise_thread(texture: Array, blocks: Array, gid: Gid) -> Numbers:
    """One texel of a pointwise layer; empty for a thread beyond the output."""
    x, y, z = gid
    if x >= texture.shape[2] or y >= texture.shape[1] or z >= len(blocks):
        return ()
    return _texel("il,iln->n", texture[:, y, x], blocks[z])


def _texel(sums: str, texels: Array, block: Array) -> Numbers:
    return tuple(np.einsum(sums, texels, block).tolist())


def _rounded_once(grid: Sizes, group: Sizes) -> int:
    threads = math.prod(group)
    return -(-math.prod(grid) // threads) * threads - math.prod(grid)


def _cut_off(numbers: Numbers) -> tuple[Numbers, ...]:
    rounds, left = [], tuple(numbers)
    while len(left) > 1:
        half = len(left) // 2
        left = tuple(left[me] + left[me + half] for me in range(half))
        rounds.append(left)
    return tuple(rounds)


def _neighbours(numbers: Numbers) -> tuple[Numbers, ...]:
    rounds, left = [], tuple(numbers)
    while len(left) > 1:
        left = tuple(sum(left[n : n + 2]) for n in range(0, len(left), 2))
        rounds.append(left)
    return tuple(rounds)


def _unguarded(texture: Array, blocks: Array, gid: Gid) -> Numbers:
    """Beyond the map the last pixel is taken again."""
    x, y, z = gid
    inside = min(x, texture.shape[2] - 1), min(y, texture.shape[1] - 1), min(z, len(blocks) - 1)
    return pointwise_thread(texture, blocks, inside)


def _each_for_itself(texture: Array, blocks: Array, gid: Gid) -> Numbers:
    x, y, z = gid
    beyond = pointwise_thread(texture, blocks, gid) == ()
    return () if beyond else _texel("il,ill->l", texture[:, y, x], blocks[z])


def _channels(draw: Draw) -> Arguments:
    return (draw.integer(1, 99),)


def _grid_and_group(draw: Draw) -> Arguments:
    axes = draw.integer(1, 3)
    grid = tuple(draw.integer(1, 40) for _ in range(axes))
    return grid, tuple(draw.choice(1, 2, 4, 8, 16) for _ in range(axes))


def _place(draw: Draw) -> Arguments:
    H, W = draw.integer(1, 9), draw.integer(1, 9)
    return H, W, draw.integer(0, H - 1), draw.integer(0, W - 1), draw.integer(0, 20)


def _list(draw: Draw) -> Arguments:
    return (tuple(draw.integer(-9, 9) for _ in range(draw.integer(1, 9))),)


def _thread(draw: Draw) -> Arguments:
    slices, H, W, made = (draw.integer(1, 3) for _ in range(4))
    gid = draw.integer(0, W), draw.integer(0, H), draw.integer(0, made)
    blocks = draw.array(made, slices, 4, 4, least=-3, most=3)
    return draw.array(slices, H, W, 4, least=-3, most=3), blocks, gid


EXERCISES = [
    Exercise(
        "16.1", "Idle lanes",
        "Write `lanes(channels)`: it returns a tuple of two, how many slices of four lanes a map "
        "of so many channels takes, and how many of their lanes are idle.",
        lanes, _channels, [(1,), (3,), (4,), (5,), (32,), (1001,)],
        [
            Mistake("rounded down", lambda n: (n // 4, n % 4),
                    "That counts full slices, and the channels that are left over. They need a "
                    "slice, too: round up, and count its empty lanes."),
            Mistake("left over for idle", lambda n: (slices_of(n), n % 4),
                    "n % 4 channels lie in the last slice; the other lanes of that slice are the "
                    "idle ones."),
            Mistake("one slice too many", lambda n: (n // 4 + 1, 4 - n % 4),
                    "A multiple of four fills its slices: 4 channels take one, and no lane idles."),
        ],
        level="warm-up",
    ),
    Exercise(
        "16.2", "Threads with nothing to do",
        "A grid of threads is covered by whole threadgroups. Write `idle_threads(grid, group)`: "
        "both are tuples of as many sizes, and it returns how many threads are launched beyond "
        "the grid.",
        idle_threads, _grid_and_group,
        [((4,), (4,)), ((5,), (4,)), ((10, 7), (4, 4)), ((28, 112, 16), (16, 8, 1))],
        [
            Mistake("rounded once", _rounded_once,
                    "You round the number of threads up as a whole. Groups are rectangles: round "
                    "up along each axis."),
            Mistake("launched threads",
                    lambda grid, group: idle_threads(grid, group) + math.prod(grid),
                    "Those are all the threads that are launched; take away those of the grid."),
            Mistake("groups for threads",
                    lambda grid, group: math.prod(
                        -(-g // t) for g, t in zip(grid, group, strict=True)),
                    "Those are the groups. Each has as many threads as its sides multiply to."),
        ],
    ),
    Exercise(
        "16.3", "Where a number lies",
        "A texture array of shape (slices, H, W, 4) lies in memory number by number, the last "
        "axis first. Write `place_in_texture(H, W, row, column, channel)`: it returns how many "
        "numbers lie before that of this channel at this pixel.",
        place_in_texture, _place,
        [(1, 1, 0, 0, 3), (2, 3, 0, 1, 0), (2, 3, 1, 0, 0), (2, 3, 1, 2, 6), (112, 112, 5, 9, 31)],
        [
            Mistake("channels beside one another",
                    lambda H, W, r, c, m: (r * W + c) * LANES * slices_of(m + 1) + m,
                    "That is a map whose channels all lie side by side. Here a slice is a sheet "
                    "of its own: channel 4 begins after all texels of slice 0."),
            Mistake("a sheet a channel", lambda H, W, r, c, m: (m * H + r) * W + c,
                    "That is one sheet for each channel. Four of them share a texel: the slice is "
                    "channel // 4, the lane channel % 4."),
            Mistake("rows and columns exchanged",
                    lambda H, W, r, c, m: ((m // 4 * W + c) * H + r) * 4 + m % 4,
                    "A row lies after all W texels of the row before: row × W + column."),
        ],
    ),
    Exercise(
        "16.4", "Sums in rounds",
        "The threads of a group add up the numbers of a list in rounds: with `left` numbers left, "
        "thread `me` adds number me + h to its own, where h is half of `left`, rounded up, if "
        "there is such a number; then h are left. Write `after_each_round(numbers)`: it takes a "
        "tuple and returns a tuple of tuples, the numbers that are left after each round, the "
        "last of them a single one.",
        after_each_round, _list,
        [((7,),), ((1, 2),), ((1, 2, 4),), (tuple(range(1, 9)),), ((3, 1, 4, 1, 5, 9, 2),)],
        [
            Mistake("rounded down", _cut_off,
                    "An odd number is lost: half of 5, rounded up, is 3, and the middle one has "
                    "no partner but stays."),
            Mistake("neighbours added", _neighbours,
                    "You add neighbours. Thread me adds number me + h, from the upper half: then "
                    "the threads at work stay side by side."),
            Mistake("the last round alone", lambda numbers: after_each_round(numbers)[-1:],
                    "That is only the sum at the end; what is left after each round is asked for."),
        ],
    ),
    Exercise(
        "16.5", "A pointwise thread",
        "Write `pointwise_thread(texture, blocks, gid)`: `texture` has shape (input slices, H, W, "
        "4), `blocks` (output slices, input slices, 4 input lanes, 4 output lanes), both whole "
        "numbers, and `gid` is a tuple (x, y, z) of column, row and output slice. It returns the "
        "texel that this thread writes, a tuple of four numbers, without bias and activation; or "
        "an empty tuple if the thread lies beyond the map or the slices.",
        pointwise_thread, _thread,
        [(whole(1, 1, 1, 1, 4), whole(2, 1, 1, 4, 4), (0, 0, 0)),
         (whole(3, 2, 3, 3, 4), whole(4, 2, 2, 4, 4), (2, 1, 1)),
         (whole(5, 2, 3, 3, 4), whole(6, 2, 2, 4, 4), (3, 0, 1)),
         (whole(7, 1, 2, 3, 4), whole(8, 1, 1, 4, 4), (0, 2, 0)),
         (whole(9, 1, 2, 2, 4), whole(10, 1, 1, 4, 4), (0, 0, 1))],
        [
            Mistake("no guard", _unguarded,
                    "A thread beyond the map, or beyond the output's slices, must do nothing: "
                    "here it returns an empty tuple."),
            Mistake("lanes exchanged",
                    lambda texture, blocks, gid: pointwise_thread(
                        texture, blocks.swapaxes(2, 3), gid),
                    "blocks[z, slice, a, b] leads from input lane a to output lane b; yours leads "
                    "back."),
            Mistake("each lane for itself", _each_for_itself,
                    "That is depthwise: each lane meets only itself. Here every input lane has a "
                    "share in every output lane."),
            Mistake("first slice alone",
                    lambda texture, blocks, gid: pointwise_thread(
                        texture[:1], blocks[:, :1], gid),
                    "You read one slice of the input; the sum goes over the channels of all."),
        ],
        level="problem",
    ),
]  # fmt: skip
