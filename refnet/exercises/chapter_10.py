"""Chapter 10, Shrinking a network: two multipliers, and what the halves between eights become."""

from __future__ import annotations

import math
from fractions import Fraction

from refnet.exercises.exercise import Arguments, Draw, Exercise, Mistake
from refnet.models.mobilenet_v2 import rounded

Models = tuple[tuple[int, int], ...]
V1_POINTWISE, V1_REST = 539_492_352, 29_248_000  # multiply-accumulates at alpha 1, 224 x 224
SHALLOW = 307_323_392


def thinner(channels: tuple[int, ...], alpha: Fraction) -> tuple[int, ...]:
    """Each count times alpha, rounded down, and at least one."""
    return tuple(max(1, int(count * alpha)) for count in channels)


def shrunk(
    pointwise: int, looking: int, classifier: int, alpha: Fraction, rho: Fraction
) -> Fraction:
    """The cost of a network whose three parts cost this at alpha = rho = 1."""
    mapped = alpha**2 * pointwise + alpha * looking
    return rho**2 * mapped + alpha * classifier


def to_divisor(channels: float, divisor: int) -> int:
    """The nearest multiple, halves upwards, but at least 90 %, and at least one."""
    return rounded(channels, divisor)


def worth_choosing(models: Models) -> tuple[int, ...]:
    """The places of the models (cost, right answers) that no other one beats."""
    return tuple(
        n for n, model in enumerate(models) if not any(_beats(other, model) for other in models)
    )


def widest(budget: int, pointwise: int, rest: int) -> int:
    """The largest alpha, in hundredths up to 100, whose cost is within the budget."""
    return max(p for p in range(101) if _cost(p, pointwise, rest) <= 10_000 * budget)


def _beats(other: tuple[int, int], model: tuple[int, int]) -> bool:
    return other != model and other[0] <= model[0] and other[1] >= model[1]


def _cost(hundredths: int, pointwise: int, rest: int) -> int:
    """Ten thousand times the cost at this alpha, so that it stays whole."""
    return hundredths**2 * pointwise + 100 * hundredths * rest


def _each(channels: tuple[int, ...], alpha: Fraction, rounding: str) -> tuple[int, ...]:
    half_up = {"nearest": Fraction(1, 2), "up": Fraction(99, 100)}[rounding]
    return tuple(max(1, math.floor(count * alpha + half_up)) for count in channels)


def _nearest_multiple(channels: float, divisor: int) -> int:
    return max(divisor, int(channels + divisor / 2) // divisor * divisor)


def _halves_to_the_even(channels: float, divisor: int) -> int:
    near = max(divisor, round(channels / divisor) * divisor)
    return near + divisor if near < 0.9 * channels else near


def _may_vanish(channels: float, divisor: int) -> int:
    near = int(channels + divisor / 2) // divisor * divisor
    return near + divisor if near and near < 0.9 * channels else near


def _multiple_below(channels: float, divisor: int) -> int:
    return max(divisor, int(channels) // divisor * divisor)


def _multiple_above(channels: float, divisor: int) -> int:
    return max(divisor, math.ceil(channels / divisor) * divisor)


def _better_in_both(models: Models) -> tuple[int, ...]:
    return tuple(
        n
        for n, (cost, right) in enumerate(models)
        if not any(c < cost and r > right for c, r in models)
    )


def _most_right(models: Models) -> tuple[int, ...]:
    best = max(right for _, right in models)
    return tuple(n for n, (_, right) in enumerate(models) if right == best)


def _cost_alone(models: Models) -> tuple[int, ...]:
    least = min(cost for cost, _ in models)
    return tuple(n for n, (cost, _) in enumerate(models) if cost == least)


def _all_squared(budget: int, pointwise: int, rest: int) -> int:
    return max(p for p in range(101) if p**2 * (pointwise + rest) <= 10_000 * budget)


def _without_limit(budget: int, pointwise: int, rest: int) -> int:
    p = 0
    while _cost(p + 1, pointwise, rest) <= 10_000 * budget:
        p += 1
    return p


def _nearest_width(budget: int, pointwise: int, rest: int) -> int:
    return min(range(101), key=lambda p: abs(_cost(p, pointwise, rest) - 10_000 * budget))


def _strictly_below(budget: int, pointwise: int, rest: int) -> int:
    fitting = (p for p in range(101) if _cost(p, pointwise, rest) < 10_000 * budget)
    return max(fitting, default=0)


def _fraction(draw: Draw) -> Fraction:
    return Fraction(draw.integer(1, 12), 12)


def _channels_and_alpha(draw: Draw) -> Arguments:
    return tuple(draw.integer(1, 64) for _ in range(draw.integer(1, 4))), _fraction(draw)


def _parts(draw: Draw) -> Arguments:
    return *(draw.integer(1, 99) for _ in range(3)), _fraction(draw), _fraction(draw)


def _quarters(draw: Draw) -> Arguments:
    return draw.integer(1, 99) * draw.integer(1, 9) / 4, draw.choice(4, 8, 16)


def _some_models(draw: Draw) -> Arguments:
    count = draw.integer(1, 6)
    return (tuple((draw.integer(1, 9), draw.integer(1, 9)) for _ in range(count)),)


def _budget(draw: Draw) -> Arguments:
    return draw.integer(1, 99), draw.integer(1, 99), draw.integer(1, 20)


EXERCISES = [
    Exercise(
        "10.1", "Thinner",
        "Write `thinner(channels, alpha)`: it takes a tuple of counts of channels and a width "
        "multiplier, which the check gives as a Fraction, so that nothing is lost in a float, and "
        "returns the tuple of the thinner network's counts: each times alpha, rounded down as "
        "V1's are, but never less than one.",
        thinner, _channels_and_alpha,
        [((3,), Fraction(1, 4)), ((32, 64, 128), Fraction(3, 4)), ((7, 5, 1), Fraction(1, 2)),
         ((10, 25, 3), Fraction(1, 3))],
        [
            Mistake("none left",
                    lambda channels, alpha: tuple(int(count * alpha) for count in channels),
                    "A layer without a channel passes nothing on: at least one stays."),
            Mistake("rounded to the nearest",
                    lambda channels, alpha: _each(channels, alpha, "nearest"),
                    "You round to the nearest whole number; here it is rounded down."),
            Mistake("rounded up", lambda channels, alpha: _each(channels, alpha, "up"),
                    "You round up; here it is rounded down, and only what would be 0 becomes 1."),
        ],
        level="warm-up",
    ),
    Exercise(
        "10.2", "Two knobs, three kinds of layers",
        "At alpha = 1 and rho = 1 a network's pointwise layers take `pointwise` "
        "multiply-accumulates, its first and its depthwise layers together `looking`, and its "
        "fully connected layer `classifier`. All counts stay whole. Write `shrunk(pointwise, "
        "looking, classifier, alpha, rho)`: how many does it take at another alpha and rho? The "
        "two are Fractions; return a Fraction, or anything equal to it.",
        shrunk, _parts,
        [(1, 0, 0, Fraction(1, 2), Fraction(1)), (0, 1, 0, Fraction(1, 2), Fraction(1, 3)),
         (0, 0, 1, Fraction(1, 2), Fraction(1, 3)), (90, 9, 1, Fraction(3, 4), Fraction(6, 7)),
         (2, 3, 5, Fraction(1, 4), Fraction(1, 2))],
        [
            Mistake("everything with alpha squared",
                    lambda p, n, c, a, r: a**2 * (r**2 * (p + n) + c),
                    "Only a pointwise layer shrinks at both of its ends. A depthwise layer has "
                    "one count of channels, and the image's three and the classes stay."),
            Mistake("classifier with rho",
                    lambda p, n, c, a, r: r**2 * (a**2 * p + a * (n + c)),
                    "The classifier reads one number a channel, whatever the side of the image."),
            Mistake("rho not squared",
                    lambda p, n, c, a, r: r * (a**2 * p + a * n) + a * c,
                    "Rho shortens both sides of every map: the cost goes with its square."),
            Mistake("depthwise layers with alpha squared",
                    lambda p, n, c, a, r: r**2 * a**2 * (p + n) + a * c,
                    "A depthwise layer has a filter for each channel and no second count of "
                    "channels to shrink; nor do the image's three colours get fewer."),
        ],
    ),
    Exercise(
        "10.3", "To a multiple of eight",
        "MobileNet V2 makes its counts of channels multiples of a divisor. Write "
        "`to_divisor(channels, divisor)`: it takes a width such as 33.75, which need not be "
        "whole, and returns the nearest multiple of the divisor, of two equally near ones the "
        "larger. But the multiple is never 0; and where the nearest is less than 90 % of the "
        "width, the next one is taken.",
        to_divisor, _quarters,
        [(1.0, 8), (33.75, 8), (11.25, 8), (12.0, 8), (20.0, 8), (36.0, 8), (3.75, 16), (52.0, 8)],
        [
            Mistake("90 % forgotten", _nearest_multiple,
                    "Rounding down may take too much of a narrow layer: where the nearest "
                    "multiple is less than 90 % of the width, take the next."),
            Mistake("halves to the even", _halves_to_the_even,
                    "Python's round takes the even one of two equally near numbers: round(6.5) is "
                    "6. The larger is asked for: int(x + 0.5), for what is not negative."),
            Mistake("none left", _may_vanish,
                    "A very narrow layer keeps no channel at all: the least is one divisor."),
            Mistake("rounded down", _multiple_below,
                    "You round down; the nearest multiple may be the one above."),
            Mistake("rounded up", _multiple_above,
                    "You round up; the nearest multiple may be the one below."),
        ],
    ),
    Exercise(
        "10.4", "Which would you choose?",
        "Models are given as a tuple of pairs (cost, photos named rightly). One model beats "
        "another if it costs no more and is right at least as often, and the two are not the same "
        "in both. Write `worth_choosing(models)`: it returns the tuple of the places, from 0 on, "
        "of the models that no other one beats, in order.",
        worth_choosing, _some_models,
        [(((1, 1),),), (((2, 5), (1, 5)),), (((1, 4), (1, 5), (2, 5), (3, 6)),),
         (((4, 9), (1, 3), (4, 9), (5, 2)),)],
        [
            Mistake("better in both", _better_in_both,
                    "A model of the same cost with more right answers beats, too, and so does a "
                    "cheaper one with as many: not worse in either and better in one is enough."),
            Mistake("the models themselves",
                    lambda models: tuple(models[n] for n in worth_choosing(models)),
                    "Those are the models; their places are asked for."),
            Mistake("the most accurate alone", _most_right,
                    "You keep only those with the most right answers. A cheaper one that is less "
                    "often right is still a choice, if nothing beats it."),
            Mistake("the cheapest alone", _cost_alone,
                    "You keep only the cheapest. A dearer one that is right more often is still a "
                    "choice, if nothing beats it."),
        ],
    ),
    Exercise(
        "10.5", "The widest that fits",
        "At alpha = 1 a network's pointwise layers take `pointwise` multiply-accumulates and all "
        "its others `rest`. Write `widest(budget, pointwise, rest)`: the largest alpha whose cost "
        "is within the budget, in whole hundredths, from 0 to 100. Do it in whole numbers, as "
        "floats may miss a budget that is met exactly. Which V1 costs what the shallow one does? "
        "With 539,492,352 and 29,248,000 and a budget of 307,323,392 it is 72.",
        widest, _budget,
        [(1, 1, 1), (99, 10, 1), (7, 16, 6), (50, 99, 20), (60, 99, 1),
         (SHALLOW, V1_POINTWISE, V1_REST)],
        [
            Mistake("all of it with alpha squared", _all_squared,
                    "Only the pointwise layers shrink with alpha squared, the rest with alpha "
                    "alone, so your network costs more than its budget."),
            Mistake("wider than the whole", _without_limit,
                    "Alpha ends at 1: where the whole network fits, the answer is 100."),
            Mistake("the nearest", _nearest_width,
                    "You take the cost nearest to the budget; it has to be within it."),
            Mistake("strictly below", _strictly_below,
                    "A cost that is exactly the budget is within it."),
        ],
        level="problem",
    ),
]  # fmt: skip
