"""How sure one can be of a share, and of a difference between two, from so many photos.

>>> wilson(36, 50).told()
'72.0 % (58.3 to 82.5)'
>>> mcnemar(9, 1)                                       # 9 photos only A had right, 1 only B
0.021484375
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Z = 1.959963984540054  # of a normal distribution 95 % lies within so many deviations


@dataclass(frozen=True)
class Share:
    """A share, and the interval of shares that would make it no surprise.

    >>> Share(1, 4, 0.05, 0.7).value
    0.25
    """

    count: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share; of nothing, NaN."""
        return self.count / self.of if self.of else math.nan

    def told(self) -> str:
        """In per cent.

        >>> wilson(0, 0).told()
        '– (0.0 to 100.0)'
        """
        value = f"{100 * self.value:.1f} %" if self.of else "–"
        return f"{value} ({100 * self.low:.1f} to {100 * self.high:.1f})"


def wilson(count: int, of: int) -> Share:
    """The 95 % interval of Wilson (1927): where a test of each share would not reject it.

    Unlike p ± 1.96 deviations it stays within 0 and 1, and says something of 0 and of all.

    >>> wilson(50, 50).told()
    '100.0 % (92.9 to 100.0)'
    """
    if not of:
        return Share(0, 0, 0.0, 1.0)
    p, squared = count / of, Z * Z
    centre = (p + squared / (2 * of)) / (1 + squared / of)
    half = Z * math.sqrt(p * (1 - p) / of + squared / (4 * of * of)) / (1 + squared / of)
    # At the ends the exact values are 0 and 1, which rounding would miss.
    low = 0.0 if count == 0 else centre - half
    return Share(count, of, low, 1.0 if count == of else centre + half)


def mcnemar(only_a: int, only_b: int) -> float:
    """How likely so uneven a split, or a more uneven one, were if both were equally good.

    The photos that both have right, or both wrong, say nothing of a difference; of the others each
    would fall to either side like a coin: the exact two-sided test of McNemar (1947).

    >>> mcnemar(0, 0)
    1.0
    """
    n, k = only_a + only_b, min(only_a, only_b)
    if only_a == only_b:
        return 1.0
    # Whole numbers until the one division: right for any number of photos.
    tail, term = 0, 1
    for i in range(k + 1):
        tail += term
        term = term * (n - i) // (i + 1)
    return 2 * tail / (1 << n) if n < 1000 else math.exp(math.log(2 * tail) - n * math.log(2))
