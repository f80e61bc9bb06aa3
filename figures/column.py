"""A pointwise convolution: the column of channels at each pixel times one M x N matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.block import Block
from figures.shapes import arrow, grid
from figures.style import (
    BLUE,
    ORANGE,
    SAND,
    SKY,
    SMALL,
    TITLE,
    WHITE,
    canvas,
    fits,
    settings,
    write,
)
from refnet import ops

ALT = (
    "A 1 by 1 convolution. From a map of D_F by D_F by M cells, the column of the M numbers of one "
    "pixel is taken out. Below, with numbers: that row of M numbers times a matrix of M by N "
    "weights gives N numbers, the same pixel's column in an output of D_F by D_F by N. Every "
    "pixel meets the same matrix."
)


def data(
    pixel: Sequence[int] = (1, 2, 3),
    weights: Sequence[Sequence[int]] = ((1, 0), (1, 0), (1, 5)),
    D_F: int = 5,
) -> dict[str, Any]:
    """One pixel's numbers, the weights and what they give.

    >>> data()["output"]
    [6, 15]
    """
    x, w = np.array(pixel), np.array(weights)
    y = ops.pointwise_conv2d(x.reshape(1, 1, 1, -1), w.reshape(1, 1, *w.shape))
    return {
        "D_F": D_F,
        "M": w.shape[0],
        "N": w.shape[1],
        "pixel": x.tolist(),
        "weights": w.tolist(),
        "output": y[0, 0, 0].tolist(),
    }


def draw(**parameters: Any) -> Figure:
    """One pixel's product above, the two maps that it comes from and goes to below."""
    n = data(**parameters)
    for name, least, most in (("D_F", 2, 10), ("M", 1, 4), ("N", 1, 3)):
        fits(n[name], most, name, least)
    with settings():
        figure, axes = canvas(316)
        source = Block.fitting(34, 162, n["D_F"], n["M"], side=75, back=24)
        output = Block.fitting(240, 162, n["D_F"], n["N"], side=75, back=24)
        for block, fill, column in ((source, SAND, ORANGE), (output, SKY, BLUE)):
            block.draw(axes, [fill] * block.depth)
            block.part(axes, 0, 1, 1, 1, [column] * block.depth)
        source.sides(axes, "$D_F$", "$M$")
        output.sides(axes, "$D_F$", "$N$")
        _product(axes, n)
        x, y = source.point(0, 1.5, n["M"])
        arrow(axes, (x, y - 4), (x - 8, 64), bend=-0.1)
        x, y = output.point(0, 1.5, n["N"])
        arrow(axes, (x + 20, 64), (x + 2, y - 4), bend=-0.1)
        for x, words, shape in (
            (72, "input", r"$D_F \times D_F \times M$"),
            (278, "output", r"$D_F \times D_F \times N$"),
        ):
            write(axes, x, 284, words, size=TITLE, bold=True)
            write(axes, x, 301, shape)
    return figure


def _product(axes: Axes, n: dict[str, Any]) -> None:
    """The pixel's row, the matrix and the result, side by side."""
    cell, top = min(24.0, 96 / n["M"], 72 / n["N"]), 30.0
    ends = []
    for x, rows, columns, fill, numbers, words in (
        (74, 1, n["M"], ORANGE, [n["pixel"]], "$M$ numbers"),
        (180, n["M"], n["N"], WHITE, n["weights"], r"$M \times N$ weights"),
        (290, 1, n["N"], BLUE, [n["output"]], "$N$ numbers"),
    ):
        left, right = x - cell * columns / 2, x + cell * columns / 2
        grid(axes, left, top, rows, columns, cell, fill, numbers, size=13)
        write(axes, x, top - 14, words)
        ends += [left, right]
    for sign, right, left in (("×", ends[1], ends[2]), ("=", ends[3], ends[4])):
        write(axes, (right + left) / 2, top + cell / 2, sign, size=16)
    write(axes, 180, top + cell * n["M"] + 20, "the same\nat every pixel", size=SMALL)
    write(axes, 186, 196, f"$M \\cdot N$ = {n['M'] * n['N']}\nproducts\na pixel", size=SMALL)
