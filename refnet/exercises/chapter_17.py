"""Chapter 17, Beyond classification: boxes, dilation and stretched maps."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from refnet import ops
from refnet.exercises.exercise import Arguments, Array, Draw, Exercise, Mistake, whole

Box = tuple[int, int, int, int]
Boxes = tuple[Box, ...]
Strides = tuple[int, ...]
HALF = Fraction(1, 2)


def boxes_in_all(maps: tuple[tuple[int, int, int], ...]) -> int:
    """Rows times columns times boxes, of all maps."""
    return sum(rows * columns * each for rows, columns, each in maps)


def areas(one: Box, other: Box) -> tuple[int, int]:
    """In common, and together."""
    height, width = (min(one[k + 2], other[k + 2]) - max(one[k], other[k]) for k in (0, 1))
    common = max(height, 0) * max(width, 0)
    return common, _area(one) + _area(other) - common


def atrous(strides: Strides, output_stride: int) -> tuple[tuple[int, int], ...]:
    """(stride, dilation) of each layer."""
    taken = dilation = 1
    found = []
    for stride in strides:
        fits = taken * stride <= output_stride
        found.append((stride if fits else 1, dilation))
        taken *= stride if fits else 1
        dilation *= 1 if fits else stride
    return tuple(found)


def stretched(row: Array, n: int) -> Array:
    """Bilinear along one axis, corners aligned."""
    x = row.astype(np.float64).reshape(1, 1, -1, 1)
    return ops.resize_bilinear(x, size=(1, n), corners="aligned").ravel()


def hits(found: Boxes, true: Boxes) -> tuple[bool, ...]:
    """Which boxes, the surest first, take a true box that is still free."""
    return _hits(found, true, lambda share: share >= HALF)


def _hits(
    found: Boxes, true: Boxes, enough: Callable[[Fraction], bool], *, free: bool = True
) -> tuple[bool, ...]:
    left, answer = list(true), []
    for box in found:
        shares = [_share(box, other) for other in left]
        hit = bool(shares) and enough(max(shares))
        if hit and free:
            del left[shares.index(max(shares))]
        answer.append(hit)
    return tuple(answer)


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _share(one: Box, other: Box) -> Fraction:
    common, together = areas(one, other)
    return Fraction(common, together) if together else Fraction(0)


def _negative_sides(one: Box, other: Box) -> tuple[int, int]:
    height, width = (min(one[k + 2], other[k + 2]) - max(one[k], other[k]) for k in (0, 1))
    return height * width, _area(one) + _area(other) - height * width


def _hull(one: Box, other: Box) -> tuple[int, int]:
    height, width = (max(one[k + 2], other[k + 2]) - min(one[k], other[k]) for k in (0, 1))
    return areas(one, other)[0], height * width


def _own_taps_too(strides: Strides, output_stride: int) -> tuple[tuple[int, int], ...]:
    made = atrous(strides, output_stride)
    after = (*(dilation for _, dilation in made[1:]), _last(strides, output_stride))
    return tuple((stride, later) for (stride, _), later in zip(made, after, strict=True))


def _last(strides: Strides, output_stride: int) -> int:
    """The dilation of a layer that would follow."""
    return atrous((*strides, 1), output_stride)[-1][1]


def _added_up(strides: Strides, output_stride: int) -> tuple[tuple[int, int], ...]:
    taken = dilation = 1
    found = []
    for stride in strides:
        fits = taken * stride <= output_stride
        found.append((stride if fits else 1, dilation))
        taken *= stride if fits else 1
        dilation = dilation if fits else max(dilation, stride)
    return tuple(found)


def _first_taken(found: Boxes, true: Boxes) -> tuple[bool, ...]:
    left, answer = list(true), []
    for box in found:
        near = [k for k, other in enumerate(left) if _share(box, other) >= HALF]
        if near:
            del left[near[0]]
        answer.append(bool(near))
    return tuple(answer)


def _spaced(row: Array, position: Array) -> Array:
    return np.interp(position, np.arange(len(row)), row)


def _some_maps(draw: Draw) -> Arguments:
    maps = ((draw.integer(1, 20), draw.integer(1, 20), draw.integer(1, 6)) for _ in range(3))
    return (tuple(maps),)


def _box(draw: Draw) -> Box:
    top, left = draw.integer(0, 6), draw.integer(0, 6)
    return top, left, top + draw.integer(1, 5), left + draw.integer(1, 5)


def _two_boxes(draw: Draw) -> Arguments:
    return _box(draw), _box(draw)


def _some_strides(draw: Draw) -> Arguments:
    strides = tuple(draw.choice(1, 2) for _ in range(draw.integer(1, 8)))
    return strides, draw.choice(8, 16, 4)


def _row(draw: Draw) -> Arguments:
    return draw.array(draw.integer(2, 6)), draw.integer(2, 12)


def _found_and_true(draw: Draw) -> Arguments:
    true = tuple(_box(draw) for _ in range(draw.integer(0, 3)))
    found: list[Box] = []
    for _ in range(draw.integer(1, 4)):
        top, left, bottom, right = draw.choice(*true) if true else _box(draw)
        down, over = draw.integer(0, 1), draw.integer(0, 1)
        found.append((top + down, left + over, bottom + down, right + over))
    return tuple(found), true


def _few_roundings(row: Array, n: int) -> Any:
    """A position, its part and two products and a sum, in float32 at worst: five roundings, each
    of at most 2^-24 of the largest number or of the longest position."""
    largest = float(np.abs(row).max())
    return np.full(n, 5 * 2.0**-24 * 2 * largest * len(row))


ONE, OTHER = (0, 0, 5, 6), (1, 2, 6, 8)
V2_STRIDES = (2, 1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1)

EXERCISES = [
    Exercise(
        "17.1", "How many boxes?",
        "A detector has several maps, each given as a tuple (rows, columns, boxes at each place). "
        "Write `boxes_in_all(maps)`: it takes a tuple of such tuples and returns how many boxes "
        "there are altogether. SSDLite has 1917.",
        boxes_in_all, _some_maps,
        [(((1, 1, 1),),), (((2, 3, 4),),), (((2, 2, 3), (1, 1, 6)),),
         (((19, 19, 3), (10, 10, 6), (5, 5, 6), (3, 3, 6), (2, 2, 6), (1, 1, 6)),)],
        [
            Mistake("places for boxes", lambda maps: sum(r * c for r, c, _ in maps),
                    "Those are the places; each has several boxes."),
            Mistake("four numbers a box", lambda maps: 4 * boxes_in_all(maps),
                    "Each box has four numbers, but it is one box."),
            Mistake("sides added", lambda maps: sum((r + c) * n for r, c, n in maps),
                    "A map of r rows and c columns has r × c places."),
        ],
        level="warm-up",
    ),
    Exercise(
        "17.2", "In common, and together",
        "Write `areas(one, other)`: it takes two boxes in whole pixels, each a tuple (top, left, "
        "bottom, right), and returns a tuple of two areas: what both have in common, and what "
        "they cover together. Of boxes that do not touch, the first is 0.",
        areas, _two_boxes,
        [(ONE, OTHER), (ONE, ONE), ((0, 0, 2, 2), (3, 4, 5, 5)), ((0, 0, 2, 2), (0, 3, 2, 5)),
         ((1, 1, 3, 3), (0, 0, 6, 6))],
        [
            Mistake("negative sides", _negative_sides,
                    "Where boxes lie apart a side comes out negative, and two negative ones "
                    "multiply to an area: cut each side at 0."),
            Mistake("common counted twice",
                    lambda a, b: (areas(a, b)[0], _area(a) + _area(b)),
                    "The sum of both areas has what is in common twice: take it away once."),
            Mistake("a box around both", _hull,
                    "That is the box around both. Together they cover only their own pixels."),
            Mistake("pixels at the ends counted",
                    lambda a, b: areas((*a[:2], a[2] + 1, a[3] + 1), (*b[:2], b[2] + 1, b[3] + 1)),
                    "bottom and right are where the box ends: rows top to bottom - 1, so bottom - "
                    "top of them."),
        ],
    ),
    Exercise(
        "17.3", "Strides that become dilations",
        "A network's layers have the strides of a tuple, and we want its last map to have at "
        "least one place for every `output_stride` pixels a side. A layer takes its stride as "
        "long as the product of those taken stays within `output_stride`; otherwise it takes "
        "stride 1, and all layers after it have their taps as many times further apart. Write "
        "`atrous(strides, output_stride)`: it returns a tuple of pairs (stride, dilation), one "
        "for each layer.",
        atrous, _some_strides,
        [((2,), 8), ((2, 2), 2), ((2, 1, 2, 1, 2, 1), 4), ((2, 2, 2, 2, 1), 4),
         (V2_STRIDES, 16), (V2_STRIDES, 8)],
        [
            Mistake("own taps too", _own_taps_too,
                    "The layer that gives up its stride reads a map as fine as before: its own "
                    "taps stay, those of the layers after it move apart."),
            Mistake("dilation not multiplied", _added_up,
                    "Where two strides are left out, the taps are 2 × 2 apart: dilations "
                    "multiply."),
            Mistake("no dilation", lambda strides, s: tuple((a, 1) for a, _ in atrous(strides, s)),
                    "The strides are right. But kernels behind a stride that was left out would "
                    "now see less far: spread their taps."),
        ],
    ),
    Exercise(
        "17.4", "Stretched with its corners aligned",
        "Write `stretched(row, n)`: it takes an array of at least two numbers and returns an "
        "array of n, at least two: the first and the last stay at the ends, the positions of all "
        "are evenly spaced from one to the other, and each number is the weighted mean of its two "
        "neighbours in the row.",
        stretched, _row,
        [(np.array([0, 1]), 3), (np.array([0, 1]), 4), (np.array([3, -1, 4]), 5),
         (whole(1, 5), 9), (whole(2, 6), 4)],
        [
            Mistake("divided by n",
                    lambda row, n: _spaced(row, np.arange(n) * len(row) / n),
                    "Number i of n lies at i (m - 1) / (n - 1) of a row of m: there is one step "
                    "fewer than there are numbers, in both."),
            Mistake("half-pixel",
                    lambda row, n: _spaced(row, (np.arange(n) + 0.5) * len(row) / n - 0.5),
                    "That is the custom in which pixels are squares. Here the first and the last "
                    "stay where they are."),
            Mistake("the nearest",
                    lambda row, n: row[np.floor(np.linspace(0, len(row) - 1, n) + 0.5).astype(int)],
                    "You take the nearest number. Between two, each counts by how near it is."),
        ],
        bound=_few_roundings,
    ),
    Exercise(
        "17.5", "Found, or not?",
        "Detectors are graded so: the boxes that were found are gone through, the surest first. "
        "Each takes, of the true boxes that nobody has taken yet, the one that it overlaps most "
        "(of equals the first), if that overlap is at least one half; then it is a hit. Otherwise "
        "it is a miss, and takes none. Write `hits(found, true)`: both are tuples of boxes (top, "
        "left, bottom, right) in whole pixels, `found` the surest first. It returns a tuple of "
        "True and False, one for each box found.",
        hits, _found_and_true,
        [((ONE,), ()), ((ONE,), (ONE,)), ((ONE, ONE), (ONE,)), ((ONE,), (OTHER,)),
         (((0, 0, 2, 2),), ((0, 0, 2, 4),)),
         (((0, 0, 4, 4), (0, 0, 3, 4)), ((0, 0, 3, 4), (0, 0, 4, 4))),
         (((0, 0, 4, 4), (0, 0, 2, 3)), ((0, 0, 3, 4), (0, 0, 4, 4)))],
        [
            Mistake("taken twice",
                    lambda found, true: _hits(found, true, lambda s: s >= HALF, free=False),
                    "A true box can be taken only once: a second box on the same thing is a miss."),
            Mistake("more than a half",
                    lambda found, true: _hits(found, true, lambda s: s > HALF),
                    "An overlap of exactly one half is enough."),
            Mistake("any overlap",
                    lambda found, true: _hits(found, true, lambda s: s > 0),
                    "Touching is not enough: the overlap has to be at least one half."),
            Mistake("the first that will do", _first_taken,
                    "You take the first true box that overlaps by half. Take the one that overlaps "
                    "most, or a later box may find its own already taken."),
        ],
        level="problem",
    ),
]  # fmt: skip
