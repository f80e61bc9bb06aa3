"""A plan's workers in one process, in any order that their meetings allow.

Between two meetings no worker may count on where another one is. So whoever goes first, and however
the calls are shuffled into one another, the numbers must be the same: what goes wrong once in a
million runs of real workers goes wrong here in every one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st

from refnet.engine.crew import Call, Crew, crew_of, steps_of
from refnet.engine.sharing import Layout

ORDERS = st.one_of(st.sampled_from(["forwards", "backwards"]), st.integers(0, 2**16))


class InTurn:
    """One worker after the other between two meetings; with a number, shuffled by that seed."""

    def __init__(self, layout: Layout, order: str | int) -> None:
        self._lists, self._order = steps_of(layout), order

    def run(self, clock: Any = None) -> list[float]:
        for stretches in zip(*map(between_meetings, self._lists), strict=True):
            for call in self._in_order([list(calls) for calls in stretches]):
                call()
        return []

    def close(self) -> None:
        pass

    def _in_order(self, stretches: list[list[Call]]) -> Iterator[Call]:
        if isinstance(self._order, int):
            turns = [worker for worker, calls in enumerate(stretches) for _ in calls]
            random.Random(self._order).shuffle(turns)
            left = [iter(calls) for calls in stretches]
            yield from (next(left[worker]) for worker in turns)
            return
        for calls in stretches if self._order == "forwards" else reversed(stretches):
            yield from calls


def between_meetings(steps: Sequence[Call | None]) -> Iterator[list[Call]]:
    """A worker's calls, from each meeting to the next."""
    calls: list[Call] = []
    for step in steps:
        if step is None:
            yield calls
            calls = []
        else:
            calls.append(step)
    yield calls


@contextmanager
def crews(make: Callable[[Layout], Crew]) -> Iterator[None]:
    """Plans that are made meanwhile are run so."""
    with patch("refnet.engine.running.crew_of", make):
        yield


def in_turn(order: str | int) -> Callable[[Layout], Crew]:
    """Every worker in this thread, in this order."""
    return partial(InTurn, order=order)


threads = partial(crew_of, how="threads")
processes = partial(crew_of, how="processes")
