"""One tensor of one image, as a plan stores it.

>>> m = Map.made(Memory(), (4, 5, 2), border=(1, 1, 1, 1))
>>> m.view(slice(0, 4), slice(0, 2)).shape, m.pieces[0].array.shape
((4, 5, 2), (6, 1, 7, 2))

A border holds a window's padding, written once when the plan is made, so that no run ever pads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from refnet.engine.memory import Memory
from refnet.geometry import Axis

Array = np.ndarray[Any, Any]
Border = tuple[int, int, int, int]  # top, bottom, left, right


@dataclass(frozen=True, eq=False)
class Piece:
    """Some of a map's channels, in memory of their own: (rows, phases, columns, channels)."""

    channels: slice
    array: Array


@dataclass(frozen=True, eq=False)
class Map:
    """(H, W, C) float32; in one piece, or one for each worker with its share of the channels.

    ones: the piece has one more channel, of ones, that meets the bias in a matrix product.
    phases: of how many columns one lies beside the next. With 2 a row is stored as its even
    columns, then its odd ones, counted with the border: (H + border, 2, half of W, C).
    """

    shape: tuple[int, int, int]
    border: Border
    ones: bool
    phases: int
    pieces: tuple[Piece, ...]

    @classmethod
    def made(
        cls,
        memory: Memory,
        shape: tuple[int, int, int],
        *,
        border: Border = (0, 0, 0, 0),
        fill: float = 0.0,
        ones: bool = False,
        phases: int = 1,
        parts: tuple[slice, ...] = (),
    ) -> Map:
        """New memory for a map, its border filled and its ones set."""
        H, W, C = shape
        top, bottom, left, right = border
        made = []
        for channels in parts or (slice(0, C),):
            depth = channels.stop - channels.start + ones
            columns = -(-(left + W + right) // phases)
            array = memory.zeros((top + H + bottom, phases, columns, depth))
            if fill:
                array[...] = fill
            if ones:
                array[..., -1] = 1
            made.append(Piece(channels, array))
        return cls(shape, border, ones, phases, tuple(made))

    @property
    def simple(self) -> bool:
        """Whether it is nothing but its numbers, so that its memory may serve another shape."""
        return not any(self.border) and not self.ones and self.phases == len(self.pieces) == 1

    def shares_memory(self, other: Map) -> bool:
        """Whether two maps lie in the same memory, one after the other in time."""
        mine, theirs = (m.pieces[0].array.__array_interface__["data"][0] for m in (self, other))
        return bool(mine == theirs)

    def piece(self, channels: slice) -> Piece:
        """The piece that holds these channels."""
        for piece in self.pieces:
            if piece.channels.start <= channels.start and channels.stop <= piece.channels.stop:
                return piece
        raise AssertionError(f"no piece holds {channels}")  # the planner splits along pieces

    def view(self, rows: slice, channels: slice, first: int = 0) -> Array:
        """(rows, W / phases, channels) without the border: columns first, first + phases, ..."""
        piece, (top, _, left, _) = self.piece(channels), self.border
        start, (phase, column) = (
            piece.channels.start,
            (
                (left + first) % self.phases,
                (left + first) // self.phases,
            ),
        )
        return piece.array[
            top + rows.start : top + rows.stop,
            phase,
            column : column + len(range(first, self.shape[1], self.phases)),
            channels.start - start : channels.stop - start,
        ]

    def pixels(self, rows: slice, *, ones: bool) -> Array:
        """(rows * W, C), or C + 1 with the ones: what a matrix product reads or writes."""
        (piece,) = self.pieces
        assert self.border == (0, 0, 0, 0), "a border lies between the rows"
        assert self.phases == 1, "a row is not in order"
        pixels = piece.array[rows].reshape(-1, piece.array.shape[3])
        return pixels if ones or not self.ones else pixels[:, :-1]

    def windows(self, axes: tuple[Axis, Axis], rows: slice, channels: slice) -> Array:
        """(rows, columns, D_K, D_K, channels): every window that makes these output rows."""
        y, x = axes
        start = self._start(axes, rows, channels, 0)
        s_y, _, s_x, s_c = self.piece(channels).array.strides
        return as_strided(
            start,
            (rows.stop - rows.start, x.output, y.kernel, x.kernel, start.shape[-1]),
            (y.stride * s_y, x.stride * s_x, y.dilation * s_y, x.dilation * s_x, s_c),
        )

    def runs(self, axes: tuple[Axis, Axis], rows: slice, channels: slice, tap: int) -> Array:
        """(rows, D_K, taps, W * C): what tap, tap + phases, ... of a kernel's row meet, in runs.

        Where the stride is the number of phases, the columns under one tap of all the windows in
        a row lie side by side, and those under the tap `phases` further begin one column later, or
        a dilation later where there is one phase. With more the dilation is 1. `channels` are a
        whole piece.
        """
        y, x = axes
        start = self._start(axes, rows, channels, tap)
        s_y, _, s_x, s_c = self.piece(channels).array.strides
        taps = len(range(tap, x.kernel, self.phases))
        return as_strided(
            start,
            (rows.stop - rows.start, y.kernel, taps, x.output * start.shape[-1]),
            (y.stride * s_y, y.dilation * s_y, x.dilation * s_x, s_c),
        )

    def _start(self, axes: tuple[Axis, Axis], rows: slice, channels: slice, tap: int) -> Array:
        """What the first of these windows has under a tap of its first row, and on from there."""
        piece, (top, _, left, _) = self.piece(channels), self.border
        y, x = axes
        first, column = piece.channels.start, left - x.before + tap
        return piece.array[
            top - y.before + rows.start * y.stride,
            column % self.phases,
            column // self.phases :,
            channels.start - first : channels.stop - first,
        ]
