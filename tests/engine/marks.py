"""Who reads and writes which number of a plan's memory between two meetings.

All arrays of a plan are views of one room here, and beside the room lies another of the same shape,
where each call of each worker leaves a mark on every element that it reads or writes. An element
that one worker writes and another touches, with no meeting between, is a race, whether or not the
two ever collide in time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from refnet.engine import Tricks
from refnet.engine.crew import Call
from refnet.engine.memory import Memory
from refnet.engine.planning import lay_out
from refnet.network import Network
from tests.engine.orders import between_meetings

Array = np.ndarray[Any, Any]


class Arena(Memory):
    """Memory of a plan in one room; a page that nobody writes costs nothing."""

    def __init__(self, numbers: int = 1 << 28) -> None:
        super().__init__()
        self.room, self.used = np.zeros(numbers, np.float32), 0

    def zeros(self, shape: tuple[int, ...]) -> Array:
        start, count = self.used, int(np.prod(shape))
        self.used += count
        return self.room[start : start + count].reshape(shape)

    def beside(self, marks: Array, a: Array) -> Array:
        """The elements of `marks` that lie where those of `a` do."""
        offset = a.__array_interface__["data"][0] - self.room.__array_interface__["data"][0]
        assert 0 <= offset < 4 * self.used, "an array of other memory"
        return np.ndarray(a.shape, np.uint32, marks, offset, a.strides)


def races(
    network: Network,
    tensors: Mapping[str, Array],
    wanted: Collection[str],
    *,
    workers: int,
    tricks: Tricks | None = None,
) -> list[str]:
    """The stretches between two meetings, by their first unit, in which workers collide."""
    arena = Arena()
    layout = lay_out(
        network, tensors, wanted, workers=workers, tricks=tricks or Tricks(), memory=arena
    )
    units = between([step.unit if step.call else None for step in layout.worklists[0].steps])
    lists = [between_meetings([step.call for step in work.steps]) for work in layout.worklists]
    found = []
    for unit, stretches in zip(units, zip(*lists, strict=True), strict=True):
        reads, writes = (np.zeros(arena.used, np.uint32) for _ in range(2))
        for worker, calls in enumerate(stretches):
            for call in calls:
                read, written = operands(call)
                for marks, arrays in ((reads, read), (writes, written)):
                    for a in arrays:
                        arena.beside(marks, a)[...] |= np.uint32(1 << worker)
        by_two = writes & (writes - np.uint32(1)) != 0
        if (by_two | ((writes != 0) & (reads & ~writes != 0))).any():
            found.append(unit)
    return found


def between(names: list[str | None]) -> list[str]:
    """The first name of each stretch between two Nones."""
    firsts, new = [], True
    for name in names:
        if new:
            firsts.append(name or "nothing")
        new = name is None
    return firsts + ["nothing"] * new


def operands(call: Call) -> tuple[list[Array], list[Array]]:
    """The arrays that a call reads, and those that it writes; bounds of a clip are left out."""
    args, keywords = call.args, call.keywords  # type: ignore[attr-defined]
    arrays = [a for a in args if isinstance(a, np.ndarray) and a.ndim]
    if call.func is np.copyto:  # type: ignore[attr-defined]
        return arrays[1:], arrays[:1]
    return (arrays, [keywords["out"]]) if "out" in keywords else (arrays[:-1], arrays[-1:])
