"""Chapter 13, V1 against V2: multiply-accumulates are not time."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from refnet.cost import traffic
from refnet.exercises.exercise import Arguments, Draw, Exercise, Mistake
from refnet.models import mobilenet_v1, mobilenet_v2

Layers = tuple[tuple[int, int], ...]  # multiply-accumulates and bytes of each
NUMBER = 4  # bytes of a float32


def waits_for(macs: int, moved: int, ridge: int) -> str:
    """What holds a layer up: "memory" left of the ridge, else "arithmetic"."""
    return "memory" if macs < ridge * moved else "arithmetic"


def pointwise_intensity(D_F: int, M: int, N: int) -> Fraction:
    """Multiply-accumulates for each byte: input, output and weights, float32."""
    return Fraction(M * N * D_F**2, NUMBER * (M * D_F**2 + N * D_F**2 + M * N))


def least_time(layers: Layers, ridge: int) -> Fraction:
    """By the roofline, in units of the time that a byte takes."""
    return sum((max(Fraction(macs, ridge), Fraction(moved)) for macs, moved in layers), Fraction())


def whole_speedup(share: Fraction, factor: int) -> Fraction:
    """Of a program, where a share of its time is made so many times as fast (Amdahl)."""
    return 1 / (1 - share + share / factor)


def most_alive(sizes: tuple[int, ...]) -> int:
    """The most numbers that are alive at once in a chain of layers."""
    return max(a + b for a, b in pairwise(sizes))


def most_kept(sizes: tuple[int, ...], added: tuple[tuple[int, int], ...]) -> int:
    """The same with additions: map `first` is added to map `last` once that is made."""
    most = 0
    for n in range(len(sizes) - 1):
        kept = {first for first, last in added if first < n and last > n}
        most = max(most, sizes[n] + sizes[n + 1] + sum(sizes[first] for first in kept))
    return most


def _two_roundings(*given: int) -> float:
    """Two whole numbers and their quotient are rounded once each, in float32 at worst; one to
    spare for another order."""
    return 4 * 2.0**-24 * float(pointwise_intensity(*given))


def _roundings_of_a_sum(layers: Layers, ridge: int) -> float:
    """For each layer a whole number, its quotient and a sum are rounded, in float32 at worst; the
    first sum, with 0, is not."""
    return 3 * len(layers) * 2.0**-24 * float(least_time(layers, ridge))


def _speedup_rounded(share: Fraction, factor: int) -> float:
    """The share, the difference, the quotient and their sum are at most 1, so each is off by 2^-24
    at most, in float32 at worst; one over a sum that is off by e is off by e times its square."""
    fast = float(whole_speedup(share, factor))
    return 5 * 2.0**-24 * fast**2  # the last division too: fast is 1 or more


def _one_too_many(layers: Layers, ridge: int) -> Fraction:
    return sum((Fraction(macs, ridge) + moved for macs, moved in layers), Fraction())


def _of_the_sums(layers: Layers, ridge: int) -> Fraction:
    return max(Fraction(sum(m for m, _ in layers), ridge), Fraction(sum(b for _, b in layers)))


def _fastest_roof(layers: Layers, ridge: int) -> Fraction:
    return sum((min(Fraction(macs, ridge), Fraction(moved)) for macs, moved in layers), Fraction())


def _counted_twice(sizes: tuple[int, ...], added: tuple[tuple[int, int], ...]) -> int:
    most = 0
    for n in range(len(sizes) - 1):
        kept = {first for first, last in added if first <= n and last > n}
        most = max(most, sizes[n] + sizes[n + 1] + sum(sizes[first] for first in kept))
    return most


def _let_go_early(sizes: tuple[int, ...], added: tuple[tuple[int, int], ...]) -> int:
    return most_kept(sizes, tuple((first, last - 1) for first, last in added))


def _kept_for_good(sizes: tuple[int, ...], added: tuple[tuple[int, int], ...]) -> int:
    return most_kept(sizes, tuple((first, len(sizes)) for first, _ in added))


def _a_layer(draw: Draw) -> Arguments:
    return draw.integer(0, 99), draw.integer(1, 20), draw.integer(1, 10)


def _sizes(draw: Draw) -> Arguments:
    return draw.integer(1, 14), draw.integer(1, 64), draw.integer(1, 64)


def _some_layers(draw: Draw) -> Arguments:
    layers = ((draw.integer(0, 99), draw.integer(1, 20)) for _ in range(draw.integer(1, 4)))
    return tuple(layers), draw.integer(1, 10)


def _share(draw: Draw) -> Arguments:
    return Fraction(draw.integer(0, 10), 10), draw.integer(1, 20)


def _chain(draw: Draw) -> tuple[int, ...]:
    return tuple(draw.integer(1, 99) for _ in range(draw.integer(2, 7)))


def _maps(draw: Draw) -> Arguments:
    return (_chain(draw),)


def _maps_and_additions(draw: Draw) -> Arguments:
    sizes, added, at = _chain(draw), [], 0
    while at + 2 < len(sizes):
        last = draw.integer(at + 2, len(sizes) - 1)
        if draw.choice(True, False):
            added.append((at, last))
        at = last
    return sizes, tuple(added)


V1 = tuple((t.macs, t.moved) for t in traffic(mobilenet_v1(batch_norm=False)))
V2 = tuple((t.macs, t.moved) for t in traffic(mobilenet_v2(batch_norm=False)))
BLOCK = (24, 144, 144, 24)  # channels through a block of V2

EXERCISES = [
    Exercise(
        "13.1", "What does it wait for?",
        "Write `waits_for(macs, moved, ridge)`: a layer takes so many multiply-accumulates and "
        "moves so many bytes, on a machine with this ridge, in multiply-accumulates a byte. It "
        'returns "memory" where that is the lower of the two roofs, else "arithmetic".',
        waits_for, _a_layer, [(10, 10, 1), (10, 1, 5), (10, 20, 5), (0, 1, 1), (49, 10, 5)],
        [
            Mistake("exchanged",
                    lambda macs, moved, ridge: "arithmetic" if macs < ridge * moved else "memory",
                    "Few products for each byte: then it is the bytes that take long."),
            Mistake("on the ridge",
                    lambda macs, moved, ridge: "memory" if macs <= ridge * moved else "arithmetic",
                    "On the ridge itself the roofs are equally high, so memory is not the lower "
                    "one."),
            Mistake("ridge left out",
                    lambda macs, moved, ridge: "memory" if macs < moved else "arithmetic",
                    "It is not 1 that the intensity has to be compared with, but the machine's "
                    "ridge."),
        ],
        level="warm-up",
    ),
    Exercise(
        "13.2", "Narrow is dear",
        "Write `pointwise_intensity(D_F, M, N)`: the multiply-accumulates for each byte of a "
        "pointwise layer from M to N channels on a map of D_F × D_F, in float32. It reads its map "
        "and its weights once and writes its map once; there is no bias.",
        pointwise_intensity, _sizes, [(1, 1, 1), (14, 512, 512), (14, 64, 384), (2, 3, 5)],
        [
            Mistake("numbers for bytes", lambda *given: 4 * pointwise_intensity(*given),
                    "A float32 is four bytes."),
            Mistake("weights left out",
                    lambda D_F, M, N: Fraction(M * N, NUMBER * (M + N)),
                    "The M × N weights have to be read, too; on a small map they are most of it."),
            Mistake("output left out",
                    lambda D_F, M, N: Fraction(M * N * D_F**2, NUMBER * (M * D_F**2 + M * N)),
                    "What the layer makes has to be written: N D_F^2 numbers."),
        ],
        bound=_two_roundings,
    ),
    Exercise(
        "13.3", "Under two roofs",
        "A network is given as a tuple of layers, each a pair (macs, moved), and a machine by its "
        "ridge. Write `least_time(layers, ridge)`: how long does the network take at least, one "
        "layer after the other, in units of the time in which memory moves one byte?",
        least_time, _some_layers,
        [(((10, 1),), 5), (((10, 20), (90, 1)), 5), (((0, 3), (8, 2)), 3), (V1, 10), (V2, 10)],
        [
            Mistake("roofs of the sums", _of_the_sums,
                    "You compare all products with all bytes. While one layer waits for memory, "
                    "the next has not begun: take the slower of the two for each layer."),
            Mistake("both added", _one_too_many,
                    "Memory and arithmetic work at the same time; a layer takes as long as the "
                    "slower of the two."),
            Mistake("the faster one", _fastest_roof,
                    "You take the faster of the two; a layer is done when both are."),
            Mistake("products alone",
                    lambda layers, ridge: Fraction(sum(macs for macs, _ in layers), ridge),
                    "That is the time of the products; a layer that moves much takes longer."),
        ],
        bound=_roundings_of_a_sum,
    ),
    Exercise(
        "13.4", "Nine times as fast, but only there",
        "A program spends a share of its time, from 0 to 1, in layers that are made `factor` times "
        "as fast; the rest stays. Write `whole_speedup(share, factor)`: how many times as fast is "
        "the whole program?",
        whole_speedup, _share,
        [(Fraction(1, 2), 9), (Fraction(9, 10), 9), (Fraction(0), 5), (Fraction(1), 4),
         (Fraction(3, 10), 2)],
        [
            Mistake("factor times share", lambda share, factor: share * factor + 1 - share,
                    "Add up times, not speeds: what is left of the time is the rest and share / "
                    "factor."),
            Mistake("the rest left out",
                    lambda share, factor: factor / share if share else Fraction(1),
                    "You count only what is left of the fast part; the rest takes its time, too."),
            Mistake("time for speed", lambda share, factor: 1 - share + share / factor,
                    "That is what is left of the time; how many times as fast is one over it."),
        ],
        bound=_speedup_rounded,
    ),
    Exercise(
        "13.5", "How much memory?",
        "A network is a chain of maps: the first is its input, and each layer reads one and makes "
        "the next. Write `most_alive(sizes)`: given how many numbers each map holds, how many are "
        "alive at once at most? While a layer runs, so are the map that it reads and the one that "
        "it makes, and no other.",
        most_alive, _maps, [((5, 3),), ((1, 9, 2, 8),), ((9, 1, 6, 5),), ((2, 2, 2, 7),)],
        [
            Mistake("the largest map", lambda sizes: max(sizes),
                    "A layer cannot write over what it still reads: its input is alive, too."),
            Mistake("all of them", lambda sizes: sum(sizes),
                    "A map that nobody reads any more can be let go of."),
            Mistake("the two largest", lambda sizes: sum(sorted(sizes)[-2:]),
                    "The two largest maps are alive together only where they are neighbours."),
        ],
    ),
    Exercise(
        "13.6", "What an addition keeps",
        "As in 13.5, but some maps are added to later ones: `added` is a tuple of pairs (first, "
        "last), places in the chain, and map `first` is added to map `last`, in place, as soon as "
        "that is made. Write `most_kept(sizes, added)`: how many numbers are alive at once at "
        "most? What does it cost V2 that its blocks add, and what would it cost if the wide maps "
        "were added?",
        most_kept, _maps_and_additions,
        [((5, 3), ()), ((4, 6, 6, 5), ((0, 3),)), ((3, 9, 1, 8, 8), ((2, 4),)),
         (BLOCK, ((0, 3),)), ((2, 1, 1, 2, 50, 50), ((0, 3),)),
         ((7, 2, 9, 9, 2), ((0, 2), (2, 4)))],
        [
            Mistake("addition forgotten", lambda sizes, added: most_alive(sizes),
                    "The map that will be added has to be kept until then; while other layers run "
                    "it is alive, too."),
            Mistake("input counted twice", _counted_twice,
                    "While the first layer reads the map that is kept, it is one map, not two."),
            Mistake("let go of too early", _let_go_early,
                    "The last layer before the addition runs while the kept map still waits."),
            Mistake("kept for good", _kept_for_good,
                    "After the addition nobody needs the kept map any more."),
        ],
        level="problem",
    ),
]  # fmt: skip
