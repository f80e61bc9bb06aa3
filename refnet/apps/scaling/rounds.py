"""Time and memory of every size, in interleaved rounds, so that what disturbs meets them all."""

from __future__ import annotations

import statistics
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from refnet.apps.bench.rounds import turned
from refnet.apps.bench.worker import timed
from refnet.apps.scaling.memory import Peak
from refnet.apps.scaling.sizes import Array, Cost, Size, cost_of, image
from refnet.engine import Plan, plan
from refnet.network import Network

SECONDS, ITERATIONS = 0.02, 3  # of one size in one round, at least: both

Tensors = Mapping[tuple[str, float], Mapping[str, Array]]


@dataclass(frozen=True)
class Point:
    """A size, and what was measured of it.

    >>> cost = Cost(macs=10**6, activations=0, parameters=0)
    >>> point = Point(Size("v1"), cost, held=8, seconds=(0.5, 0.25))
    >>> point.quietest, point.spread, point.unit
    (0.25, 1.0, 2.5e-07)

    held: bytes that the plan takes up. seconds: the median call of each round. peak: memory of a
    process that runs this size and nothing else, where it was asked for.
    """

    size: Size
    cost: Cost
    held: int
    seconds: tuple[float, ...]
    peak: Peak | None = None

    @property
    def quietest(self) -> float:
        """Seconds of one call: the median of the round whose median is the least."""
        return min(self.seconds)

    @property
    def spread(self) -> float:
        """How much longer the loudest round's median was: 0.1 for a tenth."""
        return max(self.seconds) / min(self.seconds) - 1

    @property
    def unit(self) -> float:
        """Seconds for one multiply-accumulate."""
        return self.quietest / self.cost.macs


@dataclass
class Runner:
    """One size, timed once a round by a plan of its own.

    The plan is made anew for every round: all of them at once would take up a gigabyte.
    """

    size: Size
    tensors: Mapping[str, Array]
    held: int = 0
    seconds: list[float] = field(default_factory=list)
    network: Network = field(init=False)
    x: Array = field(init=False)

    def __post_init__(self) -> None:
        self.network, self.x = self.size.network(), image(self.size)

    def plan(self) -> Plan:
        """The engine's plan on one thread."""
        return plan(self.network, self.tensors, batch=self.size.batch)

    def weigh(self) -> None:
        """Note what a plan holds."""
        self.held = held_by(self.plan)

    def time(self) -> None:
        """One round: the median of a few calls, after two that are not counted."""
        with self.plan() as ready:
            self.seconds.append(
                statistics.median(timed(lambda: ready(self.x), SECONDS, ITERATIONS))
            )

    def point(self, peak: Peak | None) -> Point:
        """What was found."""
        return Point(self.size, cost_of(self.size), self.held, tuple(self.seconds), peak)


def held_by(make: Callable[[], object]) -> int:
    """Bytes allocated while something is made that it still holds when it is there.

    >>> import numpy as np
    >>> 8000 <= held_by(lambda: np.zeros(1000)) < 9000
    True

    Counted by `tracemalloc`, to which NumPy tells its arrays: all that was asked for, though a page
    of zeros costs no memory until it is written.
    """
    before = tracemalloc.is_tracing()
    if not before:
        tracemalloc.start()
    try:
        start, _ = tracemalloc.get_traced_memory()
        made = make()
        held, _ = tracemalloc.get_traced_memory()
        del made
    finally:
        if not before:
            tracemalloc.stop()
    return held - start


def rounds_of(runners: Sequence[Runner], rounds: int) -> Iterator[tuple[int, Runner | None]]:
    """(round, the runner just timed), and (round, None) at the end of each round."""
    for number in range(rounds):
        for runner in turned(runners, number):
            runner.time()
            yield number, runner
        yield number, None
