"""Where padding falls at stride 2: the same number of windows, in other places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.shapes import rectangle, segments
from figures.style import INK, LINES, SAND, SMALL, TITLE, canvas, fits, on, settings, write
from refnet import geometry

ALT = (
    "One row of a map under windows of three taps that move by two, with three paddings. On an "
    "even map of 6, SAME adds one cell at the end and its windows begin at 0, 2 and 4; symmetric "
    "padding adds a cell at both ends and its windows begin at minus 1, 1 and 3: three windows "
    "each, over other cells. Valid adds none and has two windows. On an odd map of 7, SAME and "
    "symmetric padding are the same."
)


def data(sizes: Sequence[int] = (6, 7), D_K: int = 3, stride: int = 2) -> dict[Any, Any]:
    """For each size and padding: cells before and after, and the first cell of each window.

    >>> data()[6]["SAME"]
    {'before': 0, 'after': 1, 'windows': [0, 2, 4]}
    >>> data()[6]["symmetric"]
    {'before': 1, 'after': 1, 'windows': [-1, 1, 3]}
    """
    found: dict[Any, Any] = {}
    for size in sizes:
        rows = {}
        half = D_K // 2
        paddings: dict[str, geometry.Padding] = {
            "SAME": "same",
            "symmetric": (half, half, half, half),
            "valid": "valid",
        }
        for name, padding in paddings.items():
            axis, _ = geometry.axes((size, size), (D_K, D_K), stride=stride, padding=padding)
            begins = [r * stride - axis.before for r in range(axis.output)]
            rows[name] = {"before": axis.before, "after": axis.after, "windows": begins}
        found[size] = rows
    return {"D_K": D_K, "stride": stride, **found}


def draw(**parameters: Any) -> Figure:
    """A column a size, a row a padding."""
    numbers = data(**parameters)
    sizes = [size for size in numbers if isinstance(size, int)]
    pitch, low = 72.0, 36 + 72.0 * 3
    with settings():
        figure, axes = canvas(low + 38)
        for size, start in zip(sizes, (10.0, 188.0), strict=True):
            before, after = (
                max(said[end] for said in numbers[size].values()) for end in ("before", "after")
            )
            cell = min(18.0, 162 / (before + fits(size, 12, "size", 2) + after))
            left = start + before * cell
            kind = "odd" if size % 2 else "even"
            write(axes, left + cell * size / 2, 12, f"{kind}: {size} cells", size=TITLE, bold=True)
            for row, (name, said) in enumerate(numbers[size].items()):
                top = 36 + pitch * row
                added = f"({said['before']}, {said['after']})"
                words = f"{name} {added}: {len(said['windows'])} outputs"
                write(axes, left, top, words, size=SMALL, ha="left")
                _cells(axes, left, top + 11, cell, size, said)
                _windows(axes, left, top + 11 + cell, cell, said["windows"], numbers)
        write(axes, 180, low + 2, f"dashed: padding, before and after; stride {numbers['stride']}")
        words = f"bracket: a window of {numbers['D_K']} taps; dot: its middle"
        write(axes, 180, low + 19, words)
    return figure


def _cells(
    axes: Axes, left: float, top: float, cell: float, size: int, said: dict[str, Any]
) -> None:
    """The map's cells with their numbers, the padding's dashed."""
    for i in range(-said["before"], size + said["after"]):
        x = left + i * cell
        if 0 <= i < size:
            rectangle(axes, x, top, cell, cell, SAND)
            write(axes, x + cell / 2, top + cell / 2, str(i), size=SMALL, colour=on(SAND))
        else:
            dashed: dict[str, Any] = {"edgecolor": INK, "linestyle": (0, (2, 2)), "linewidth": 1}
            rectangle(axes, x, top, cell, cell, "none", **dashed)


def _windows(
    axes: Axes,
    left: float,
    top: float,
    cell: float,
    begins: Sequence[int],
    numbers: dict[Any, Any],
) -> None:
    """A bracket a window, in as many rows as windows overlap."""
    rows = -(-numbers["D_K"] // numbers["stride"])
    for n, first in enumerate(begins):
        y = top + 7 + 10 * (n % rows)
        x0, x1 = left + first * cell + 2, left + (first + numbers["D_K"]) * cell - 2
        colour = LINES[n % 2]
        rises = [((x, y), (x, y - 4)) for x in (x0, x1)]
        segments(axes, [((x0, y), (x1, y)), *rises], colour, 1.8, capstyle="projecting")
        axes.plot((x0 + x1) / 2, y, "o", markersize=6, markeredgewidth=0, color=colour)
