"""Does time follow a cost? Least squares, exponents, and where proportionality stops.

>>> seconds = [3.0, 5.0, 9.0]                       # 1 + 2 x
>>> found = fit({"fixed": [1, 1, 1], "x": [1, 2, 4]}, seconds)
>>> [round(value, 9) for value in found.coefficients.values()]
[1.0, 2.0]
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Fit:
    """Time as a sum of terms, each a coefficient times a cost.

    coefficients: seconds for one unit of each term's cost. errors: of each size, how far the sum
    is from what was measured, relative to that: -0.1 where it is a tenth too little.
    """

    coefficients: Mapping[str, float]
    errors: tuple[float, ...]

    @property
    def rms(self) -> float:
        """The root of the mean square of the errors.

        >>> Fit({}, (0.5, -0.5)).rms
        0.5
        """
        return math.sqrt(statistics.fmean(error * error for error in self.errors))

    @property
    def worst(self) -> int:
        """The number of the size that is fitted worst.

        >>> Fit({}, (0.25, -0.5, 0.0)).worst
        1
        """
        return max(range(len(self.errors)), key=lambda n: abs(self.errors[n]))


def fit(costs: Mapping[str, Sequence[float]], seconds: Sequence[float]) -> Fit | None:
    """The sum of terms whose relative errors have the least squares; no coefficient is below 0.

    Relative, so that a network of half a millisecond counts as much as one of ten. Not below 0,
    as nothing that is done saves time: a term that would be is left out, with coefficient 0.
    None where there are no more sizes than terms, which any numbers would fit.
    """
    if len(seconds) <= len(costs):
        return None
    from scipy.optimize import nnls  # 0.2 s that only this needs

    measured = np.array(seconds, float)
    shares = np.column_stack([np.array(cost, float) / measured for cost in costs.values()])
    lengths = np.linalg.norm(shares, axis=0)  # 1 beside 10^8 would cost digits
    scaled, _ = nnls(shares / lengths, np.ones(len(measured)))
    coefficients = scaled / lengths
    errors = tuple((shares @ coefficients - 1).tolist())
    return Fit(dict(zip(costs, coefficients.tolist(), strict=True)), errors)


def exponent(costs: Sequence[float], seconds: Sequence[float]) -> float | None:
    """k of seconds ~ cost^k: the slope of a line through the logarithms, by least squares.

    >>> exponent([1, 10, 100], [3, 30, 300])
    1.0
    >>> exponent([5, 5], [1, 2]) is None                # a single cost has no slope
    True
    """
    if len(set(costs)) < 2:
        return None
    line = statistics.linear_regression(
        [math.log(c) for c in costs], [math.log(s) for s in seconds]
    )
    return line.slope


@dataclass(frozen=True)
class Knee:
    """Where time for each unit of cost leaves its least.

    least, most: seconds a unit, and at which cost each was found. beyond: the largest cost at
    which a unit takes more than `times` the least; None where none does. from_: the next larger
    cost, from which on all are within that; None where there is none.
    """

    times: float
    least: float
    least_at: float
    most: float
    most_at: float
    beyond: float | None
    from_: float | None

    @property
    def range(self) -> float:
        """The most over the least: 1 where time is proportional to cost."""
        return self.most / self.least


def knee(costs: Sequence[float], seconds: Sequence[float], times: float = 2.0) -> Knee:
    """Where time stops to be proportional to cost.

    >>> found = knee([1, 2, 4, 8], [3.0, 5.0, 6.0, 8.0])     # 3, 2.5, 1.5 and 1 for each unit
    >>> found.range, found.beyond, found.from_
    (3.0, 2, 4)
    """
    pairs = sorted((cost, second / cost) for cost, second in zip(costs, seconds, strict=True))
    least_at, least = min(pairs, key=lambda pair: pair[1])
    most_at, most = max(pairs, key=lambda pair: pair[1])
    far = [n for n, (_, unit) in enumerate(pairs) if unit > times * least]
    beyond = pairs[far[-1]][0] if far else None
    after = far[-1] + 1 if far else 0
    from_ = pairs[after][0] if after < len(pairs) else None
    return Knee(times, least, least_at, most, most_at, beyond, from_)
