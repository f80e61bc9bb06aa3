"""A map as a texture array: four channels to a texel, in as many slices as that takes."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.block import Block
from figures.shapes import arrow, frame, grid, rectangle, segments
from figures.style import (
    EDGE,
    INK,
    LABEL,
    ORANGE,
    SAND,
    SKY,
    SMALL,
    TITLE,
    canvas,
    fits,
    on,
    settings,
    write,
)
from refnet.metal.packing import LANES, slices_of

ALT = (
    "On the left a map of 4 by 4 pixels with 6 channels behind one another. On the right the "
    "same map as a texture array of 2 slices, each a sheet of 4 by 4 texels. A texel of slice 0 "
    "holds the channels 0 to 3 of its pixel, and one of slice 1 the channels 4 and 5 and two "
    "zeros, which only fill it up."
)
SIDE = 4  # pixels, of the map that is drawn


def data(M: int = 6) -> dict[str, Any]:
    """Which channel lies in which lane of which slice; None where a lane is filling.

    >>> data()["slices"]
    [[0, 1, 2, 3], [4, 5, None, None]]
    """
    count = slices_of(M)
    lanes = [[LANES * s + n for n in range(LANES)] for s in range(count)]
    slices = [[channel if channel < M else None for channel in row] for row in lanes]
    return {"M": M, "slices": slices, "filling": LANES * count - M}


def draw(**parameters: Any) -> Figure:
    """The map, and its slices with one texel of each enlarged."""
    numbers = data(**parameters)
    M = fits(numbers["M"], 8, "M")
    colours = [(SKY, ORANGE)[channel // LANES] for channel in range(M)]
    with settings():
        figure, axes = canvas(196)
        write(axes, 76, 12, f"a map, $M$ = {M}", size=TITLE, bold=True)
        block = Block(14, 98, rows=SIDE, columns=SIDE, depth=M, cell=16)
        block.draw(axes, colours)
        block.frame(axes, 1, 1, 1, colours[0])
        arrow(axes, (146, 98), (172, 98))
        write(axes, 266, 12, "a texture array", size=TITLE, bold=True)
        for number, lanes in enumerate(numbers["slices"]):
            _slice(axes, 186, 34 + 82 * number, number, lanes)
        words = f"filling: {numbers['filling']} of {LANES * len(numbers['slices'])} lanes"
        write(axes, 76, 184, words, size=SMALL)
    return figure


def _slice(axes: Axes, x: float, y: float, number: int, lanes: list[int | None]) -> None:
    """One sheet of texels, and what the framed one holds."""
    fill = (SKY, ORANGE)[number]
    grid(axes, x, y, SIDE, SIDE, 14, fill)
    frame(axes, x + 14, y + 14, 14, fill)
    write(axes, x + 28, y + 66, f"slice {number}", size=SMALL)
    left, top, cell = x + 80, y + 11, 22.0
    corners = [((x + 28, y + 14 + d), (left, top + e)) for d, e in ((0, 0), (14, cell))]
    segments(axes, corners, INK, 0.9)
    for n, channel in enumerate(lanes):
        colour = SAND if channel is None else fill
        rectangle(axes, left + n * cell, top, cell, cell, colour, edgecolor=EDGE)
        middle = (left + (n + 0.5) * cell, top + cell / 2)
        shown = "0" if channel is None else f"$c_{channel}$"
        write(axes, *middle, shown, size=LABEL, colour=on(colour))
    write(axes, left + 2 * cell, top + cell + 12, "one texel: 4 halves", size=SMALL)
