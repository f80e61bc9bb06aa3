"""A probe: a single 1 and numbered weights, so that the answer says which weight met it where."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.shapes import grid
from figures.style import BLUE, ORANGE, SAND, SKY, SMALL, canvas, fits, settings, write
from refnet import ops

ALT = (
    "A picture of 5 by 5 with a single 1 in its middle, and a kernel whose nine weights are "
    "numbered 10 to 18. A right layer answers with the numbers in reverse order around the 1. A "
    "layer that turns its kernel answers with them in their own order; one that swaps rows and "
    "columns with the transposed; one that begins a row too early with all of them a row lower."
)
CELL = 20.0


def data(side: int = 5, D_K: int = 3) -> dict[str, Any]:
    """The picture, the kernel of codes, and what a right layer and three wrong ones answer.

    >>> numbers = data()
    >>> numbers["right"][1], numbers["kernel turned"][1]
    ([0, 18, 17, 16, 0], [0, 10, 11, 12, 0])
    """
    K = D_K * D_K
    kernel = np.arange(K + 1, 2 * K + 1).reshape(D_K, D_K)
    picture = np.zeros((side, side), int)
    picture[side // 2, side // 2] = 1
    before, after = D_K // 2, D_K - 1 - D_K // 2

    def answer(w: np.ndarray[Any, Any], top: int = before, bottom: int = after) -> list[list[int]]:
        padding = (top, bottom, before, after)
        y = ops.conv2d(picture[None, ..., None], w[..., None, None], padding=padding)
        found: list[list[int]] = y[0, ..., 0].tolist()
        return found

    return {
        "side": side,
        "D_K": D_K,
        "picture": picture.tolist(),
        "kernel": kernel.tolist(),
        "right": answer(kernel),
        "kernel turned": answer(kernel[::-1, ::-1]),
        "transposed": answer(kernel.T),
        "a row too early": answer(kernel, before + 1, after - 1),
    }


def draw(**parameters: Any) -> Figure:
    """Picture and kernel above, then the four answers."""
    n = data(**parameters)
    side, D_K = fits(n["side"], 5, "side", least=3), fits(n["D_K"], 3, "D_K", least=3)
    height = CELL * side
    with settings():
        figure, axes = canvas(2 * height + 106)
        _numbers(axes, 10, 30, n["picture"], SAND, "picture")
        inset = CELL * (side - D_K) / 2
        _numbers(axes, 130 + inset, 30 + inset, n["kernel"], SKY, "kernel")
        _numbers(axes, 250, 30, n["right"], BLUE, "right")
        for column, name in enumerate(("kernel turned", "transposed", "a row too early")):
            _numbers(axes, 10 + 120 * column, 70 + height, n[name], ORANGE, name)
        words = "an answer's number is the weight that met the 1"
        write(axes, 10, 2 * height + 92, words, size=SMALL, ha="left")
    return figure


def _numbers(axes: Axes, x: float, y: float, table: list[list[int]], fill: str, words: str) -> None:
    """A table with its name above; an answer's zeros stand on a light ground."""
    write(axes, x, y - 13, words, bold=True, ha="left")
    rows, columns = len(table), len(table[0])
    ground = SAND if fill in (BLUE, ORANGE) else fill
    grid(axes, x, y, rows, columns, CELL, ground, [["" if v else 0 for v in row] for row in table])
    for r, c in zip(*np.nonzero(np.array(table)), strict=True):
        place = (x + CELL * float(c), y + CELL * float(r))
        grid(axes, *place, 1, 1, CELL, fill, [[table[r][c]]])
