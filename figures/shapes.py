"""What several figures draw: areas, grids of cells, arrows, dimension lines.

All take a canvas of `style`, measured in points with y down.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import FancyArrowPatch, PathPatch
from matplotlib.path import Path

from figures.style import DARK_WORDS, EDGE, INK, LABEL, SMALL, on, write

Point = tuple[float, float]


def polygon(axes: Axes, points: Sequence[Point], fill: str, **more: Any) -> None:
    """A filled area with an edge."""
    path = Path([*points, points[0]], closed=True)
    more = {"edgecolor": EDGE, "linewidth": 0.8, **more}
    axes.add_patch(PathPatch(path, facecolor=fill, **more))


def segments(
    axes: Axes,
    pairs: Sequence[tuple[Point, Point]],
    colour: str = EDGE,
    width: float = 0.5,
    **more: Any,
) -> None:
    """Straight lines as one path, so that a grid is one element of the SVG."""
    if pairs:
        path = Path([p for pair in pairs for p in pair], [Path.MOVETO, Path.LINETO] * len(pairs))
        axes.add_patch(PathPatch(path, facecolor="none", edgecolor=colour, linewidth=width, **more))


def rectangle(
    axes: Axes, x: float, y: float, width: float, height: float, fill: str, **more: Any
) -> None:
    """A rectangle by its top left corner."""
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    polygon(axes, corners, fill, **more)


def grid(
    axes: Axes,
    x: float,
    y: float,
    rows: int,
    columns: int,
    cell: float,
    fill: str,
    numbers: Sequence[Sequence[Any]] = (),
    *,
    size: float = SMALL,
    width: float | None = None,
) -> None:
    """A table of cells by its top left corner, with a number in each cell where given.

    width: of a cell, where it is not the height.
    """
    width = cell if width is None else width
    right, low = x + columns * width, y + rows * cell
    rectangle(axes, x, y, right - x, low - y, fill)
    across = [((x, y + r * cell), (right, y + r * cell)) for r in range(1, rows)]
    down = [((x + c * width, y), (x + c * width, low)) for c in range(1, columns)]
    segments(axes, across + down, line_on(fill))
    enter(axes, x, y, (width, cell), numbers, on(fill), size)


def enter(
    axes: Axes,
    x: float,
    y: float,
    cell: Point,
    numbers: Sequence[Sequence[Any]],
    colour: str,
    size: float = SMALL,
) -> None:
    """Numbers into the cells (width, height) of a table by its top left corner."""
    width, height = cell
    for r, row in enumerate(numbers):
        for c, number in enumerate(row):
            middle = (x + (c + 0.5) * width, y + (r + 0.5) * height)
            write(axes, *middle, signed(number), size=size, colour=colour)


def frame(axes: Axes, x: float, y: float, side: float, fill: str) -> None:
    """A square frame just inside cells of this colour, so that it is seen on any page."""
    inset, width = 1.4, 2.0
    corners = (x + inset, y + inset, side - 2 * inset, side - 2 * inset)
    rectangle(axes, *corners, "none", edgecolor=on(fill), linewidth=width)


def line_on(fill: str) -> str:
    """A colour for lines between cells that is seen on this one in grey, too.

    >>> line_on("#ffffff"), line_on("#000000")
    ('#9e9e9e', '#737373')
    """
    return shade(fill, 0.62 if on(fill) == DARK_WORDS else 1.45)


def signed(number: Any) -> str:
    """A number as text, with a minus sign that is as wide as a plus.

    >>> signed(-4)
    '−4'
    """
    return str(number).replace("-", "−")


def shade(colour: str, factor: float) -> str:
    """A colour made darker (below 1) or lighter (above 1).

    >>> shade("#808080", 0.5), shade("#808080", 1.5)
    ('#404040', '#c0c0c0')
    """
    red, green, blue = (
        c * factor if factor <= 1 else 1 - (1 - c) * (2 - factor) for c in to_rgb(colour)
    )
    return to_hex((red, green, blue))


def arrow(
    axes: Axes, start: Point, end: Point, *, colour: str = INK, bend: float = 0, width: float = 1.3
) -> None:
    """An arrow; `bend` curves it."""
    patch = FancyArrowPatch(
        start,
        end,
        arrowstyle="-|>,head_length=4,head_width=2.4",
        mutation_scale=1,
        connectionstyle=f"arc3,rad={bend}",
        color=colour,
        linewidth=width,
        shrinkA=0,
        shrinkB=0,
        joinstyle="miter",
        capstyle="butt",
    )
    axes.add_patch(patch)


def dimension(
    axes: Axes, start: Point, end: Point, words: str, *, away: float = 10, size: float = LABEL
) -> None:
    """A line with ticks at its ends and words beside it, as in a technical drawing.

    away: how far the words' middle is from the line's, on its right as one walks from start to
    end (negative: on its left).
    """
    (x0, y0), (x1, y1) = start, end
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    across = (-(y1 - y0) / length, (x1 - x0) / length)
    ticks = [
        ((x - 2.5 * across[0], y - 2.5 * across[1]), (x + 2.5 * across[0], y + 2.5 * across[1]))
        for x, y in (start, end)
    ]
    segments(axes, [(start, end), *ticks], INK, 0.9)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    write(axes, x + away * across[0], y + away * across[1], words, size=size)
