"""Chapter 15, How do you know that it is right?"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from refnet.exercises.exercise import Arguments, Array, Draw, Exercise, Mistake

NO_WEIGHT = "no weight"


def first_gap(bits: int) -> int:
    """The smallest positive whole number that so many significant bits cannot hold."""
    return 2**bits + 1


def rounded_to(n: int, bits: int) -> int:
    """To the nearest number of so many significant bits, of two equally near the even one."""
    return _nearest(n, _step(n, bits))


def largest_error(w: Array, x: Array, u: float) -> float:
    """((1 + u)^n - 1) times the sum of |w| |x|: a product and n - 1 sums for each term."""
    n = len(w)
    return float(((1 + u) ** n - 1) * np.sum(abs(w) * abs(x)))


def stays_exact(w: Array, x: Array, b: int, bits: int) -> bool:
    """Whether no partial sum, in whatever order, can reach 2^bits."""
    return bool(np.sum(abs(w) * abs(x)) + abs(b) < 2**bits)


def address(number: int, shape: tuple[int, ...]) -> tuple[int, ...] | str:
    """Which weight a number is the code of: K weights are coded K + 1 .. 2 K in C order."""
    K = math.prod(shape)
    if number == 0:
        return ()
    if not K < number <= 2 * K:
        return NO_WEIGHT
    return tuple(int(i) for i in np.unravel_index(number - K - 1, shape))


def wrong_layers(
    x: Array, weights: tuple[Array, ...], answers: tuple[Array, ...]
) -> tuple[int, ...]:
    """The layers whose answer is not what they make of the answer before."""
    given = (x, *answers)
    return tuple(k for k, w in enumerate(weights) if not np.array_equal(given[k + 1], given[k] @ w))


def _step(n: int, bits: int) -> int:
    """The distance of neighbouring numbers of so many bits where n is."""
    return 2 ** max(0, abs(n).bit_length() - bits)


def _nearest(n: int, step: int) -> int:
    low, rest = divmod(n, step)
    up = rest > step - rest or (rest == step - rest and low % 2 == 1)
    return (low + up) * step


def _cut_off(n: int, bits: int) -> int:
    step = _step(n, bits)
    return n // step * step


def _half_up(n: int, bits: int) -> int:
    step = _step(n, bits)
    return (n + step // 2) // step * step


def _from_its_own_run(
    x: Array, weights: tuple[Array, ...], answers: tuple[Array, ...]
) -> tuple[int, ...]:
    found = []
    for k, (w, answer) in enumerate(zip(weights, answers, strict=True)):
        x = x @ w
        if not np.array_equal(answer, x):
            found.append(k)
    return tuple(found)


def _first_axis_fastest(number: int, shape: tuple[int, ...]) -> tuple[int, ...] | str:
    found = address(number, shape[::-1])
    return found if isinstance(found, str) else found[::-1]


def _any_number(number: int, shape: tuple[int, ...]) -> tuple[int, ...] | str:
    K = math.prod(shape)
    return address(K + 1 + (number - K - 1) % K if number else 0, shape)


def _of_a_few_functions(w: Array, x: Array, u: float) -> float:
    """On these inputs the value is a float64 exactly, and so is every step of the formula as it
    stands. By log1p and expm1, each within a few units of 2^-53, it is not; u <= 1/2, n <= 4."""
    return 16 * 2.0**-52 * largest_error(w, x, u)


def _bits(draw: Draw) -> Arguments:
    return (draw.integer(1, 60),)


def _number_and_bits(draw: Draw) -> Arguments:
    return draw.integer(1, 99) * draw.integer(1, 99), draw.integer(1, 6)


def _factors_and_unit(draw: Draw) -> Arguments:
    n = draw.integer(1, 4)
    return draw.array(n), draw.array(n), 2.0 ** -draw.integer(1, 10)


def _sum_and_bits(draw: Draw) -> Arguments:
    n = draw.integer(1, 4)
    return draw.array(n), draw.array(n), draw.integer(-9, 9), draw.integer(1, 9)


def _number_and_shape(draw: Draw) -> Arguments:
    shape = tuple(draw.integer(1, 3) for _ in range(3))
    return draw.integer(0, 2 * math.prod(shape) + 3), shape


def _chain(draw: Draw) -> Arguments:
    """A chain of layers, and answers of which some do not follow from the one before."""
    depth, sides = draw.integer(1, 4), [draw.integer(1, 2)]
    sides += [draw.integer(1, 2) for _ in range(depth)]
    x = draw.array(1, sides[0], least=-3, most=3)
    weights = tuple(draw.array(M, N, least=-2, most=2) for M, N in pairwise(sides))
    answers, given = [], x
    for w in weights:
        given = given @ w + (draw.choice(0, 0, 1))
        answers.append(given)
    return x, weights, tuple(answers)


_X, _W = np.array([[1, 2]]), (np.array([[1, 0], [1, 1]]), np.array([[2], [1]]), np.array([[3]]))
# Right, wrong in the middle, and wrong at both ends.
_CHAINS = [
    (_X, _W, (np.array([[3, 2]]), np.array([[8]]), np.array([[24]]))),
    (_X, _W, (np.array([[3, 2]]), np.array([[9]]), np.array([[27]]))),
    (_X, _W, (np.array([[3, 3]]), np.array([[9]]), np.array([[28]]))),
]

EXERCISES = [
    Exercise(
        "15.1", "Where the whole numbers end",
        "A format keeps so many significant bits of a number, and its exponent is no concern "
        "here. Write `first_gap(bits)`: it returns the smallest positive whole number that the "
        "format cannot hold. For float16, with 11 bits, it is 2049.",
        first_gap, _bits, [(1,), (2,), (11,), (24,), (53,)],
        [
            Mistake("the last before the gap", lambda bits: 2**bits,
                    "That one is a power of two: a single bit holds it. The next is the first "
                    "that is missing."),
            Mistake("one bit too few", lambda bits: 2 ** (bits - 1) + 1,
                    "With so many bits every whole number below 2^bits can be written; the "
                    "leading bit is one of them."),
            Mistake("the bits of the exponent", lambda bits: 2 * bits + 1,
                    "Each further bit doubles how many numbers there are: a power of 2, not a "
                    "multiple."),
        ],
        level="warm-up",
    ),
    Exercise(
        "15.2", "Rounding",
        "Write `rounded_to(n, bits)`: it returns the number of so many significant bits that is "
        "nearest to the positive whole number n. Of two that are equally near, it takes the one "
        "whose last kept bit is 0, as processors do. So with 3 bits 17 becomes 16, 18 becomes "
        "16, and 22 becomes 24.",
        rounded_to, _number_and_bits,
        [(1, 1), (17, 3), (18, 3), (22, 3), (15, 3), (7, 3), (2**24 + 3, 24)],
        [
            Mistake("cut off", _cut_off,
                    "You cut the further bits off. The nearest may be the next one up."),
            Mistake("halves upwards", _half_up,
                    "Halfway between two you always go up. Then errors add up in one direction; "
                    "take the even one."),
        ],
    ),
    Exercise(
        "15.3", "How far off at most?",
        "A sum of n products of w and x is computed in an arithmetic whose every operation is "
        "off by a factor within 1 ± u. Write `largest_error(w, x, u)`: how far from the exact "
        "sum can it be, in any order? Each product goes through at most n roundings, its own and "
        "those of n - 1 additions, and each factor is 1 + u at most. w and x are arrays of shape "
        "(n,).",
        largest_error, _factors_and_unit,
        [(np.array([3]), np.array([-2]), 0.25), (np.array([1, 2]), np.array([2, -1]), 0.5),
         (np.array([1, -2, 3, 4]), np.array([4, 3, 2, -1]), 2.0**-10)],
        [
            Mistake("signs kept",
                    lambda w, x, u: float(((1 + u) ** len(w) - 1) * abs(np.sum(w * x))),
                    "The products may cancel, but their roundings need not: add up |w| |x|, not "
                    "w x."),
            Mistake("one rounding",
                    lambda w, x, u: float(u * np.sum(abs(w) * abs(x))),
                    "That is the error of the products alone; every addition rounds again."),
            Mistake("n times u",
                    lambda w, x, u: float(len(w) * u * np.sum(abs(w) * abs(x))),
                    "n u is the first term only. Roundings of what is rounded already are "
                    "multiplied: (1 + u)^n - 1."),
        ],
        bound=_of_a_few_functions,
    ),
    Exercise(
        "15.4", "No excuse",
        "Write `stays_exact(w, x, b, bits)`: the sum of the products of two arrays of whole "
        "numbers, of shape (n,), and of a bias b. It returns True if every partial sum, in "
        "whatever order, stays below 2 to the power of bits in magnitude, whatever is left out. "
        "Then nothing is rounded, and bit equality can be asked for.",
        stays_exact, _sum_and_bits,
        [(np.array([1]), np.array([1]), 0, 1), (np.array([3, 3]), np.array([3, -3]), 0, 4),
         (np.array([2]), np.array([3]), 2, 3), (np.array([2, 2]), np.array([2, 2]), 0, 3),
         (np.array([2]), np.array([-5]), 1, 3), (np.array([2, 1]), np.array([3, 1]), 0, 3)],
        [
            Mistake("the sum alone",
                    lambda w, x, b, bits: bool(abs(np.sum(w * x) + b) < 2**bits),
                    "The whole sum may be small because large parts cancel; in another order "
                    "they have to be held first. Add up magnitudes."),
            Mistake("bias forgotten",
                    lambda w, x, b, bits: bool(np.sum(abs(w) * abs(x)) < 2**bits),
                    "The bias is one more term of the sum."),
            Mistake("each product alone",
                    lambda w, x, b, bits: bool(max(np.max(abs(w * x)), abs(b)) < 2**bits),
                    "Each product fits, but their sums may not."),
        ],
    ),
    Exercise(
        "15.5", "What a number says",
        "A probe's K weights, in an array of that shape, hold the numbers K + 1 to 2 K, the last "
        "axis running fastest, and the picture has a single 1. Write `address(number, shape)`: "
        "it returns the place of the weight that a number of the answer stands for, as a tuple; "
        "() for 0, where no weight met the 1; and the text \"no weight\" for a number that is no "
        "weight's, such as the sum of two.",
        address, _number_and_shape,
        [(0, (2, 3)), (7, (2, 3)), (12, (2, 3)), (13, (2, 3)), (10, (2, 3)), (3, (2, 3)),
         (20, (3, 3, 2)), (36, (3, 3, 2)), (29, (3, 3, 2))],
        [
            Mistake("first axis fastest", _first_axis_fastest,
                    "In C order the last index changes from one number to the next, not the "
                    "first."),
            Mistake("one too far",
                    lambda number, shape: address(number + 1, shape) if number else (),
                    "The first weight, at (0, 0, ...), is coded K + 1."),
            Mistake("every number is a weight", _any_number,
                    "Only K + 1 to 2 K are codes. Two of them add up to more than 2 K, so a sum "
                    "is never taken for a weight: say \"no weight\"."),
        ],
    ),
    Exercise(
        "15.6", "Which layers are to blame?",
        "A network is a chain of matrix products on whole numbers: layer k multiplies what came "
        "before by weights[k], and x comes first. A backend has shown all its answers, "
        "answers[k] after layer k. Write `wrong_layers(x, weights, answers)`: it returns a list "
        "of the layers that did not compute what they should, each judged on what the backend "
        "itself gave it.",
        wrong_layers, _chain, _CHAINS,
        [
            Mistake("against a run of its own", _from_its_own_run,
                    "You compare with a run of your own, so a layer is blamed for what an earlier "
                    "one did. Give each layer the answer before it."),
            Mistake("the first alone",
                    lambda x, weights, answers: wrong_layers(x, weights, answers)[:1],
                    "Later layers may be wrong, too: on their own input each can be judged."),
        ],
        level="problem",
    ),
]  # fmt: skip
