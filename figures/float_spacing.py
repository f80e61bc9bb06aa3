"""The numbers that a few bits can write down: fewer and fewer as they get larger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.shapes import segments
from figures.style import BLUE, INK, ORANGE, SMALL, canvas, fits, settings, write

ALT = (
    "Three lines from 1 to 20 with a tick at every number that 2, 3 or 4 significant bits can "
    "write. From one power of two to the next the ticks are evenly spaced, and beyond it twice as "
    "far apart. The first whole number that is missing is marked: 5 with 2 bits, 9 with 3 bits, "
    "17 with 4 bits."
)
LEFT, ROOM = 62.0, 284.0


def data(bits: Sequence[int] = (2, 3, 4), most: int = 20) -> dict[str, Any]:
    """For each number of bits, what can be written from 1 to `most`, and what is missing first.

    >>> numbers = data()
    >>> numbers["written"][2], numbers["missing"]
    ([1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0], {2: 5, 3: 9, 4: 17})
    """
    written = {}
    for b in bits:
        heads = range(2 ** (b - 1), 2**b)  # every number is one of these times a power of two
        found = {head * 2.0**e for e in range(1 - b, most.bit_length()) for head in heads}
        written[b] = sorted(v for v in found if 1 <= v <= most)
    missing = {
        b: next(n for n in range(1, 2 * most + 2**b) if n > most or n not in written[b])
        for b in bits
    }
    return {"bits": list(bits), "most": most, "written": written, "missing": missing}


def draw(**parameters: Any) -> Figure:
    """One line for each number of bits; the first missing number is marked."""
    n = data(**parameters)
    rows = fits(len(n["bits"]), 5, "bits")
    fits(n["most"], 24, "most", least=4)
    with settings():
        figure, axes = canvas(24 + 46 * rows)
        for row, b in enumerate(n["bits"]):
            _line(axes, 34 + 46 * row, b, n)
        for v in [2**k for k in range(n["most"].bit_length())]:
            write(axes, _place(v, n), 12 + 46 * rows, str(v), size=SMALL)
    return figure


def _line(axes: Axes, y: float, b: int, n: dict[str, Any]) -> None:
    write(axes, LEFT - 14, y, f"{b} bits", ha="right")
    ends = [((_place(1, n), y), (_place(n["most"], n), y))]
    segments(axes, ends, INK, 1)
    ticks = [((_place(v, n), y - 7), (_place(v, n), y + 7)) for v in n["written"][b]]
    segments(axes, ticks, BLUE, 1.6)
    if (gap := n["missing"][b]) <= n["most"]:
        x = _place(gap, n)
        segments(axes, [((x - 4, y - 4), (x + 4, y + 4)), ((x - 4, y + 4), (x + 4, y - 4))],
                 ORANGE, 2)  # fmt: skip
        write(axes, x, y - 16, str(gap), size=SMALL)


def _place(v: float, n: dict[str, Any]) -> float:
    return LEFT + ROOM * (v - 1) / (n["most"] - 1)
