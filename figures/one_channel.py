"""A depthwise convolution: each channel has a filter of its own, and no channel sees another."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from figures.shapes import arrow, dimension, frame, grid
from figures.style import BLUE, ORANGE, SAND, TITLE, canvas, fits, settings, write
from refnet import geometry
from refnet.cost import formulas

ALT = (
    "A depthwise convolution in three rows, one for each of M channels. In each row a map of D_F "
    "by D_F, times a filter of D_K by D_K, gives a map of D_G by D_G in the same colour. No line "
    "goes from one row to another: no channel sees another."
)
CHANNELS = (SAND, ORANGE, BLUE)


def data(D_F: int = 6, D_K: int = 3, M: int = 3) -> dict[str, Any]:
    """Sides and products, without padding.

    >>> data()
    {'D_F': 6, 'D_K': 3, 'M': 3, 'D_G': 4, 'one output': 9, 'all': 432, 'standard': 1296}
    """
    rows, _ = geometry.axes((D_F, D_F), (D_K, D_K), stride=1, padding="valid")
    return {
        "D_F": D_F,
        "D_K": D_K,
        "M": M,
        "D_G": rows.output,
        "one output": formulas.depthwise_macs(D_K, 1, D_K, padding="valid"),
        "all": formulas.depthwise_macs(D_K, M, D_F, padding="valid"),
        "standard": formulas.standard_macs(D_K, M, M, D_F, padding="valid"),
    }


def draw(**parameters: Any) -> Figure:
    """A row a channel: map, filter, map."""
    n = data(**parameters)
    cell = 72 / fits(n["D_F"], 12, "D_F")
    pitch = 84
    low = 44 + n["M"] * pitch
    with settings():
        figure, axes = canvas(low + 58)
        for x, words, shape in (
            (106, "$M$ channels", r"$D_F \times D_F$ each"),
            (206, "$M$ filters", r"$D_K \times D_K$ each"),
            (306, "$M$ channels", r"$D_G \times D_G$ each"),
        ):
            write(axes, x, 12, words, size=TITLE, bold=True)
            write(axes, x, 28, shape)
        for m in range(n["M"]):
            fill = CHANNELS[m % len(CHANNELS)]
            middle = 44 + m * pitch + cell * n["D_F"] / 2
            write(axes, 58, middle, f"channel {m + 1}", ha="right")
            for x, side, framed in (
                (106, n["D_F"], n["D_K"]),
                (206, n["D_K"], 0),
                (306, n["D_G"], 1),
            ):
                left, top = x - cell * side / 2, middle - cell * side / 2
                grid(axes, left, top, side, side, cell, fill)
                if framed:
                    frame(axes, left, top, cell * framed, fill)
            write(axes, 165, middle, "×", size=16)
            arrow(axes, (232, middle), (272, middle))
        dimension(axes, (70, low - 6), (70 + cell * n["D_F"], low - 6), "$D_F$")
        write(axes, 180, low + 28, f"$D_K^2 \\cdot M \\cdot D_G^2$ = {n['all']:,} products")
        write(axes, 180, low + 45, f"a standard convolution to $M$ channels: {n['standard']:,}")
    return figure
