"""A grid of threads covered by whole threadgroups: some threads lie beyond the map."""

from __future__ import annotations

from math import ceil
from typing import Any

from matplotlib.figure import Figure

from figures.shapes import rectangle, segments
from figures.style import INK, SKY, TITLE, canvas, fits, on, settings, write

ALT = (
    "A map of 10 by 7 pixels, a thread for each, covered by threadgroups of 4 by 4 threads: 3 "
    "across and 2 down. 96 threads are launched. 70 of them have a pixel; 26, to the right of the "
    "map and below it, have none."
)


def data(width: int = 10, height: int = 7, group: tuple[int, int] = (4, 4)) -> dict[str, Any]:
    """Groups along x and y, and how many threads are launched, at work and idle.

    >>> data()["groups"], data()["idle"]
    ([3, 2], 26)
    """
    groups = [ceil(width / group[0]), ceil(height / group[1])]
    launched = groups[0] * group[0] * groups[1] * group[1]
    return {
        "map": [width, height],
        "group": list(group),
        "groups": groups,
        "launched": launched,
        "idle": launched - width * height,
    }


def draw(**parameters: Any) -> Figure:
    """A cell a thread, and a line around each threadgroup."""
    numbers = data(**parameters)
    width, height = numbers["map"]
    across, down = (n * t for n, t in zip(numbers["groups"], numbers["group"], strict=True))
    cell = 204 / fits(across, 20, "threads across")
    low = 32 + fits(down, 16, "threads down") * cell
    with settings():
        figure, axes = canvas(max(low + 12, 150))
        write(axes, 12, 14, "threads", size=TITLE, bold=True, ha="left")
        for r in range(down):
            for c in range(across):
                x, y = 12 + c * cell, 32 + r * cell
                if c < width and r < height:
                    rectangle(axes, x, y, cell, cell, SKY)
                    axes.plot(x + cell / 2, y + cell / 2, "o", markersize=3, color=on(SKY),
                              markeredgewidth=0)  # fmt: skip
                else:
                    dashed: dict[str, Any] = {"edgecolor": INK, "linestyle": (0, (2, 2))}
                    rectangle(axes, x, y, cell, cell, "none", **dashed)
        columns = [12 + n * numbers["group"][0] * cell for n in range(numbers["groups"][0] + 1)]
        rows = [32 + n * numbers["group"][1] * cell for n in range(numbers["groups"][1] + 1)]
        borders = [((x, rows[0]), (x, rows[-1])) for x in columns]
        borders += [((columns[0], y), (columns[-1], y)) for y in rows]
        segments(axes, borders, INK, 2.2, capstyle="projecting")
        said = [
            f"map: {width} × {height}",
            f"group: {numbers['group'][0]} × {numbers['group'][1]}",
            f"launched: {numbers['launched']}",
            f"at work: {width * height}",
            f"beyond the map: {numbers['idle']}",
        ]
        for n, words in enumerate(said):
            write(axes, 230, 44 + 20 * n, words, ha="left")
    return figure
