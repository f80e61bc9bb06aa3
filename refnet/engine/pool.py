"""Memory that serves one map after another in the course of a run.

>>> pool = Pool(Memory())
>>> first = pool.map((4, 4, 2))
>>> pool.give_back(first)
>>> pool.map((2, 4, 4)).shares_memory(first)            # another shape, no larger
True
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from refnet.engine.maps import Border, Map, Piece
from refnet.engine.memory import Array, Memory


class Edge(NamedTuple):
    """A border, and what fills it."""

    border: Border = (0, 0, 0, 0)
    fill: float = 0.0


class Pool:
    """Makes maps, from memory that was given back where there is some that fits.

    A map that is nothing but its numbers fits wherever there is room for them. One with a border or
    with ones fits only where the same border and ones are, which then need not be written again.
    """

    def __init__(self, memory: Memory, *, reuse: bool = True) -> None:
        self._memory, self._reuse = memory, reuse
        self._rooms: list[Array] = []  # flat, in no use
        self._flat: dict[int, Array] = {}  # a simple map's memory, flat
        self._alike: dict[tuple[object, ...], list[Map]] = {}
        self._keys: dict[int, tuple[object, ...]] = {}

    def map(
        self,
        shape: tuple[int, int, int],
        edge: Edge | None = None,
        ones: bool = False,
        phases: int = 1,
        parts: tuple[slice, ...] = (),
    ) -> Map:
        """A map for numbers of this shape."""
        border, fill = edge or Edge()
        if not (any(border) or ones or phases > 1 or parts):
            return self._simple(shape)
        key = (shape, border, fill, ones, phases, tuple((p.start, p.stop) for p in parts))
        if self._alike.get(key):
            old = self._alike[key].pop()
            made = replace(old)  # another map, in the same pieces
        else:
            made = Map.made(
                self._memory,
                shape,
                border=border,
                fill=fill,
                ones=ones,
                phases=phases,
                parts=parts,
            )
        self._keys[id(made)] = key
        return made

    def give_back(self, old: Map) -> None:
        """Nobody reads this map any more in this run."""
        if not self._reuse:
            return
        if old.simple:
            self._rooms.append(self._flat[id(old)])
        else:
            self._alike.setdefault(self._keys[id(old)], []).append(old)

    def _simple(self, shape: tuple[int, int, int]) -> Map:
        H, W, C = shape
        fitting = [room for room in self._rooms if room.size >= H * W * C]
        room = min(fitting, key=lambda r: r.size, default=None)
        if room is None:
            room = self._memory.zeros((H * W * C,))
        else:
            self._rooms = [r for r in self._rooms if r is not room]
        piece = Piece(slice(0, C), room[: H * W * C].reshape(H, 1, W, C))
        made = Map(shape, (0, 0, 0, 0), False, 1, (piece,))
        self._flat[id(made)] = room
        return made
