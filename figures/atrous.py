"""Two ways to reach as far: take every second place, or keep all and spread the taps."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.shapes import rectangle, segments
from figures.style import BLUE, LINES, SAND, SMALL, TITLE, canvas, fits, on, settings, write

ALT = (
    "Two rows of a map of 9 places under a window of three taps. Above, stride 2 has kept the "
    "places 0, 2, 4, 6 and 8, and the window lies on three neighbours of these: on 2, 4 and 6. "
    "Below, all 9 places are kept and the taps of the window lie 2 apart. One window lies on 2, 4 "
    "and 6 again; the one beside it on 3, 5 and 7, which the stride has thrown away."
)
CELL, LEFT = 26.0, 62.0


def data(D_F: int = 9, dilation: int = 2) -> dict[str, Any]:
    """The places kept by a stride, and which of the D_F the windows about the middle lie on.

    >>> data()["strided"], data()["dilated"]
    ([2, 4, 6], [[2, 4, 6], [3, 5, 7]])
    """
    kept = list(range(0, D_F, dilation))
    middle = len(kept) // 2
    centre = kept[middle]
    dilated = [[c - dilation, c, c + dilation] for c in (centre, centre + 1)]
    return {"D_F": D_F, "dilation": dilation, "kept": kept,
            "strided": kept[middle - 1 : middle + 2], "dilated": dilated}  # fmt: skip


def draw(**parameters: Any) -> Figure:
    """Both ways, one above the other."""
    numbers = data(**parameters)
    places = range(fits(numbers["D_F"], 11, "D_F", 9))
    dilation, kept = numbers["dilation"], numbers["kept"]
    cell = min(CELL, 286 / len(places))
    with settings():
        figure, axes = canvas(270)
        write(axes, 12, 12, f"stride {dilation}, then three neighbours", size=TITLE, bold=True,
              ha="left")  # fmt: skip
        _row(axes, 28, cell, places, "map", kept)
        _row(axes, 74, cell, kept, "kept", kept)
        _window(axes, 74, cell, numbers["strided"], BLUE, 0)
        write(axes, 12, 152, f"no stride, taps {dilation} apart", size=TITLE, bold=True, ha="left")
        _row(axes, 168, cell, places, "map", places)
        for n, taps in enumerate(numbers["dilated"]):
            _window(axes, 168, cell, taps, LINES[n], 26 * n)
    return figure


def _row(axes: Axes, y: float, cell: float, places: Any, words: str, bright: Any) -> None:
    """Cells at their places; those that are not kept are empty."""
    write(axes, 12, y + cell / 2, words, size=SMALL, ha="left")
    for place in places:
        fill = SAND if place in bright else "none"
        x = LEFT + place * cell
        rectangle(axes, x, y, cell, cell, fill)
        if fill == SAND:
            write(axes, x + cell / 2, y + cell / 2, str(place), size=SMALL, colour=on(SAND))


def _window(axes: Axes, top: float, cell: float, taps: list[int], colour: str, down: float) -> None:
    """Lines from three cells to a dot below them, which stands for the output."""
    low = top + cell + 26 + down
    middle = LEFT + (taps[1] + 0.5) * cell
    ends = [(LEFT + (tap + 0.5) * cell, top + cell + 2) for tap in taps]
    segments(axes, [(end, (middle, low)) for end in ends], colour, 1.8)
    axes.plot(middle, low, "o" if colour == LINES[0] else "s", markersize=8, color=colour,
              markeredgewidth=0)  # fmt: skip
