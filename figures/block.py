"""A block of channels in slanted projection: a map, or a kernel, with its depth seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from figures.shapes import Point, dimension, frame, line_on, polygon, segments, shade
from figures.style import EDGE

Corner = tuple[float, float, float]  # row, column, depth


@dataclass(frozen=True)
class Block:
    """A map or kernel of `rows` x `columns` x `depth` cells, drawn with its channels behind one
    another: channel 0 in front, the others up and to the right.

    >>> block = Block(10, 50, rows=4, columns=4, depth=2, cell=10)
    >>> block.point(0, 0, 2)                   # the top left corner, at the back
    (20.0, 40.0)

    x, y: the top left corner of the front.
    """

    x: float
    y: float
    rows: int
    columns: int
    depth: int
    cell: float
    slant: float = 0.5  # what a cell of depth takes of a cell's side, to the right and upwards

    @classmethod
    def fitting(cls, x: float, y: float, cells: int, depth: int, side: float, back: float) -> Block:
        """A block of cells x cells x depth with a front of `side` points, at most `back` deep.

        >>> Block.fitting(10, 50, cells=4, depth=8, side=40, back=20).right
        70.0
        """
        cell = side / cells
        return cls(x, y, cells, cells, depth, cell, min(0.5, back / (depth * cell)))

    def point(self, row: float, column: float, depth: float = 0) -> Point:
        """Where a corner of a cell lies on the canvas."""
        back = depth * self.slant * self.cell
        return (self.x + column * self.cell + back, self.y + row * self.cell - back)

    @property
    def right(self) -> float:
        """The rightmost x."""
        return self.point(0, self.columns, self.depth)[0]

    @property
    def top(self) -> float:
        """The topmost y."""
        return self.point(0, 0, self.depth)[1]

    @property
    def bottom(self) -> float:
        """The lowest y."""
        return self.point(self.rows, 0)[1]

    def draw(self, axes: Axes, fills: Sequence[str]) -> None:
        """The three faces that are seen; `fills` has one colour a channel, front first."""
        self.part(axes, 0, 0, self.rows, self.columns, fills)

    def part(
        self, axes: Axes, row: int, column: int, rows: int, columns: int, fills: Sequence[str]
    ) -> None:
        """What is seen of rows x columns cells and all that is behind them.

        The top is seen where row is 0, the side where the part ends at the last column.
        """
        below, beyond, depth = row + rows, column + columns, len(fills)
        if row == 0:
            for d, fill in enumerate(fills):
                corners = [(0, column, d), (0, beyond, d), (0, beyond, d + 1), (0, column, d + 1)]
                inner = [((0, c, d), (0, c, d + 1)) for c in range(column + 1, beyond)]
                self._face(axes, corners, shade(fill, 1.15), inner)
        if beyond == self.columns:
            for d, fill in enumerate(fills):
                corners = [(row, beyond, d), (row, beyond, d + 1), (below, beyond, d + 1),
                           (below, beyond, d)]  # fmt: skip
                inner = [((r, beyond, d), (r, beyond, d + 1)) for r in range(row + 1, below)]
                self._face(axes, corners, shade(fill, 0.84), inner)
        corners = [(row, column, 0), (row, beyond, 0), (below, beyond, 0), (below, column, 0)]
        across = [((r, column, 0), (r, beyond, 0)) for r in range(row + 1, below)]
        down = [((row, c, 0), (below, c, 0)) for c in range(column + 1, beyond)]
        self._face(axes, corners, fills[0], across + down)
        self._edges(axes, (row, below), (column, beyond), depth)

    def sides(self, axes: Axes, side: str, depth: str) -> None:
        """Dimension lines below the front and along the edge that leads back."""
        low = self.bottom + 6
        dimension(axes, (self.x, low), (self.point(0, self.columns)[0], low), side)
        start, end = (self.point(self.rows, self.columns, d) for d in (0, self.depth))
        dimension(axes, (start[0] + 5, start[1] + 5), (end[0] + 5, end[1] + 5), depth)

    def _edges(
        self, axes: Axes, rows: tuple[int, int], columns: tuple[int, int], depth: int
    ) -> None:
        """Around the faces that are seen."""
        (row, below), (column, beyond) = rows, columns
        front = [(row, column, 0), (row, beyond, 0), (below, beyond, 0), (below, column, 0)]
        edges = list(zip(front, [*front[1:], front[0]], strict=True))
        top, side = row == 0, beyond == self.columns
        corners = {(row, column): top, (row, beyond): top or side, (below, beyond): side}
        edges += [((*c, 0), (*c, depth)) for c, seen in corners.items() if seen]
        if top:
            edges.append(((row, column, depth), (row, beyond, depth)))
        if side:
            edges.append(((row, beyond, depth), (below, beyond, depth)))
        lines = [(self.point(*a), self.point(*b)) for a, b in edges]
        segments(axes, lines, EDGE, 0.9, capstyle="round")

    def frame(self, axes: Axes, row: int, column: int, side: int, fill: str) -> None:
        """A frame around side x side cells of the front, which have this colour."""
        frame(axes, *self.point(row, column), side * self.cell, fill)

    def _face(
        self,
        axes: Axes,
        corners: Sequence[Corner],
        fill: str,
        inner: Sequence[tuple[Corner, Corner]],
    ) -> None:
        """A face and the lines between its cells."""
        polygon(axes, [self.point(*c) for c in corners], fill, edgecolor=line_on(fill))
        segments(axes, [(self.point(*a), self.point(*b)) for a, b in inner], line_on(fill))
