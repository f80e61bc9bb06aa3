"""Two boxes on a grid of pixels: what they have in common, over what they cover together."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from figures.shapes import rectangle
from figures.style import BLUE, INK, LABEL, SAND, SKY, TITLE, canvas, fits, on, settings, write
from refnet.apps.boxes import overlap

Box = tuple[int, int, int, int]

ALT = (
    "Two boxes of 5 by 6 pixels on a grid, one further down and to the right than the other. 16 "
    "pixels lie in both, 14 in the first alone and 14 in the second alone: 16 in common, 44 "
    "together, so their overlap is 16/44, which is 0.36."
)


def data(one: Box = (0, 0, 5, 6), other: Box = (1, 2, 6, 8)) -> dict[str, Any]:
    """Of two boxes (top, left, bottom, right) in whole pixels: the areas, and their overlap.

    >>> data()["common"], data()["together"], data()["overlap"]
    (16, 44, 0.36)
    """
    share = overlap(np.array(one), np.array([other]))[0]
    areas = [(b - t) * (r - left) for t, left, b, r in (one, other)]
    together = round(sum(areas) / (1 + share))
    return {
        "boxes": [list(one), list(other)],
        "areas": areas,
        "common": sum(areas) - together,
        "together": together,
        "overlap": round(float(share), 2),
    }


def draw(**parameters: Any) -> Figure:
    """A cell a pixel, and the two boxes' borders."""
    numbers = data(**parameters)
    one, other = numbers["boxes"]
    rows = fits(max(one[2], other[2]), 9, "rows")
    columns = fits(max(one[3], other[3]), 10, "columns")
    cell = 18.0
    with settings():
        figure, axes = canvas(max(rows * cell + 24, 132))
        for r, c in np.ndindex(rows, columns):
            held = [t <= r < b and left <= c < right for t, left, b, right in (one, other)]
            fill = {2: BLUE, 1: SKY if held[0] else SAND, 0: "none"}[sum(held)]
            edge: dict[str, Any] = {} if any(held) else {"edgecolor": INK, "linewidth": 0.4}
            rectangle(axes, 12 + c * cell, 12 + r * cell, cell, cell, fill, **edge)
            if any(held):
                words = "both" if all(held) else "1" if held[0] else "2"
                if words != "both":
                    x, y = 12 + (c + 0.5) * cell, 12 + (r + 0.5) * cell
                    write(axes, x, y, words, colour=on(fill))
        for t, left, b, r in (one, other):
            corners = (12 + left * cell, 12 + t * cell, (r - left) * cell, (b - t) * cell)
            rectangle(axes, *corners, "none", edgecolor=INK, linewidth=2.4)
        left = 12 + columns * cell + 16
        said = [
            f"box 1: {numbers['areas'][0]} pixels",
            f"box 2: {numbers['areas'][1]} pixels",
            f"in common: {numbers['common']}",
            f"together: {numbers['together']}",
        ]
        for n, words in enumerate(said):
            write(axes, left, 24 + 20 * n, words, ha="left", size=LABEL)
        share = f"{numbers['common']} / {numbers['together']} = {numbers['overlap']}"
        write(axes, left, 112, share, ha="left", size=TITLE, bold=True)
    return figure
