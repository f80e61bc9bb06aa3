"""Memory that serves one map after another in the course of a run.

>>> pool = Pool(Memory())
>>> first = pool.map((4, 4, 2))
>>> pool.give_back(first)
>>> pool.map((2, 4, 4)).shares_memory(first)            # another shape, no larger
True
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import NamedTuple

from refnet.engine.maps import Border, Map, Piece
from refnet.engine.memory import Array, Memory


class Form(NamedTuple):
    """How a map is stored beside its numbers; see `Map`. `fill` is what its border holds."""

    border: Border = (0, 0, 0, 0)
    fill: float = 0.0
    ones: bool = False
    phases: int = 1
    parts: tuple[slice, ...] = ()


class Pool:
    """Makes maps, from memory that was given back where there is some that fits.

    A map that is nothing but its numbers fits wherever there is room for them. One with a border or
    with ones fits only where the same border and ones are, which then need not be written again.
    """

    def __init__(self, memory: Memory, *, reuse: bool = True) -> None:
        self._memory, self._reuse = memory, reuse
        self._rooms: list[Array] = []  # flat, in no use
        self._room_of: dict[Map, Array] = {}
        self._idle: defaultdict[str, list[Map]] = defaultdict(list)
        self._form_of: dict[Map, str] = {}

    def map(self, shape: tuple[int, int, int], form: Form | None = None) -> Map:
        """A map for numbers of this shape."""
        form = form or Form()
        if form == Form():
            return self._simple(shape)
        key = f"{shape} {form}"
        if self._idle[key]:
            made = replace(self._idle[key].pop())  # another map, in the same pieces
        else:
            made = Map.made(self._memory, shape, **form._asdict())
        self._form_of[made] = key
        return made

    def give_back(self, old: Map) -> None:
        """Nobody reads this map any more in this run."""
        if not self._reuse:
            return
        if old in self._room_of:
            self._rooms.append(self._room_of[old])
        else:
            self._idle[self._form_of[old]].append(old)

    def _simple(self, shape: tuple[int, int, int]) -> Map:
        H, W, C = shape
        fitting = [k for k, room in enumerate(self._rooms) if room.size >= H * W * C]
        if fitting:
            room = self._rooms.pop(min(fitting, key=lambda k: self._rooms[k].size))
        else:
            room = self._memory.zeros((H * W * C,))
        piece = Piece(slice(0, C), room[: H * W * C].reshape(H, 1, W, C))
        made = Map(shape, Form().border, False, 1, (piece,))
        self._room_of[made] = room
        return made
