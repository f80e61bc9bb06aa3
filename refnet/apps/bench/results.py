"""What `refnet bench` found, as data: rounds, a line for each engine, a run of all of them.

On a shared machine the median of all calls says how busy the others were. The quietest round's
median says how fast the engine is, and the loudest's, beside it, how far to trust the machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from refnet.engine import Product


def title(network: str, threads: int) -> str:
    """What a run is called.

    >>> title("mobilenet_v1_1.0_224", 2)
    'mobilenet_v1_1.0_224, 2 threads'
    """
    return f"{network}, {threads} thread{'s' if threads > 1 else ''}"


@dataclass(frozen=True)
class Round:
    """One engine in one round: seconds of its median and fastest call, and how many calls.

    >>> Round(median=0.5, fastest=0.25, iterations=10).median
    0.5
    """

    median: float
    fastest: float
    iterations: int


@dataclass(frozen=True)
class Line:
    """What was found of one engine; refused: why it was not timed, or not to the end.

    >>> line = Line("mine", rounds=(Round(0.5, 0.4, 10), Round(0.25, 0.2, 10), Round(0.5, 0.3, 9)))
    >>> line.quietest, line.loudest, line.spread
    (0.25, 0.5, 1.0)

    rss: the peak of its resident memory in bytes. difference: the largest of a logit from the
    oracle's. best: its first classes, the surest first.
    """

    name: str
    version: str = ""
    rounds: tuple[Round, ...] = ()
    rss: int | None = None
    difference: float | None = None
    best: tuple[int, ...] = ()
    refused: str = ""

    @property
    def timed(self) -> bool:
        """Whether it has been through every round."""
        return bool(self.rounds) and not self.refused

    @property
    def quietest(self) -> float:
        """Seconds: the median of the round whose median is the least."""
        return min(found.median for found in self.rounds)

    @property
    def loudest(self) -> float:
        """Seconds: the median of the round whose median is the greatest."""
        return max(found.median for found in self.rounds)

    @property
    def spread(self) -> float:
        """How much slower the loudest round was than the quietest: 0.1 for a tenth."""
        return self.loudest / self.quietest - 1


@dataclass(frozen=True)
class Run:
    """All engines on one network with one number of threads, in the order in which they ran.

    >>> lines = Line("a", rounds=(Round(0.5, 0.5, 1),)), Line("b", refused="no photo")
    >>> products = (Product(down=1, across=1, rows=49, inner=1024, columns=1000),)
    >>> run = Run("v1", "mobilenet_v1_1.0_224", "a.jpg", 1, lines, products=products)
    >>> run.ratio(lines[0], "a"), run.ratio(lines[0], "b"), run.flops
    (1.0, None, 100352000)

    split: refnet's seconds by kind of work. products: refnet's calls that multiply matrices.
    blas: what multiplied in refnet's process. criterion: when an answer is right.
    """

    model: str
    network: str
    asked: str
    threads: int
    lines: tuple[Line, ...]
    blas: str = ""
    split: Mapping[str, float] = field(default_factory=dict)
    products: tuple[Product, ...] = ()
    criterion: str = ""

    def line(self, name: str) -> Line | None:
        """The line of an engine that was timed, or None."""
        return next((line for line in self.lines if line.name == name and line.timed), None)

    def ratio(self, line: Line, name: str) -> float | None:
        """How many times as long a line takes as the engine of that name, where both are timed."""
        other = self.line(name)
        return line.quietest / other.quietest if other and line.timed else None

    @property
    def flops(self) -> int:
        """Floating-point operations of the products: two for each multiply-accumulate."""
        return sum(product.flops for product in self.products)
