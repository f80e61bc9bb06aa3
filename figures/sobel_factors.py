"""Sobel's kernel is a column times a row: nine numbers hide six."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from figures.shapes import grid
from figures.style import ORANGE, SAND, SKY, SMALL, canvas, fits, settings, write
from refnet import separability

ALT = (
    "A column of three numbers, 1, 2, 1, times a row of three numbers, minus 1, 0, 1, is the 3 by "
    "3 Sobel kernel: each of its nine numbers is the number of its row times that of its column."
)


def data(kernel: Any = separability.SOBEL_X) -> dict[str, Any]:
    """The kernel, its column and its row, and how many numbers each has.

    >>> data()["column"], data()["row"], data()["kept"], data()["numbers"]
    ([1, 2, 1], [-1, 0, 1], 6, 9)
    """
    column, row = separability.split(np.asarray(kernel))
    return {
        "kernel": np.asarray(kernel).tolist(),
        "column": column.tolist(),
        "row": row.tolist(),
        "numbers": int(np.asarray(kernel).size),
        "kept": len(column) + len(row),
    }


def draw(**parameters: Any) -> Figure:
    """Laid out as a multiplication table, the column on the left and the row above."""
    n = data(**parameters)
    rows, columns = fits(len(n["column"]), 6, "rows"), fits(len(n["row"]), 6, "columns")
    cell = min(36.0, 130 / max(rows, columns))
    size = max(SMALL, 0.42 * cell)
    left, top = 136.0, 66.0
    with settings():
        figure, axes = canvas(top + rows * cell + 44)
        grid(axes, left - 58, top, rows, 1, cell, ORANGE, [[v] for v in n["column"]], size=size)
        grid(axes, left, top - 58, 1, columns, cell, SKY, [n["row"]], size=size)
        grid(axes, left, top, rows, columns, cell, SAND, n["kernel"], size=size)
        write(axes, left - 40, top - 40, "×", size=18)
        write(axes, left - 70, top + rows * cell / 2, "column", ha="right")
        write(axes, left + columns * cell + 12, top - 40, "row", ha="left")
        write(axes, left + columns * cell + 12, top + rows * cell / 2 - 8, "= kernel", ha="left")
        write(
            axes,
            left + columns * cell + 12,
            top + rows * cell / 2 + 8,
            r"$w_{ij} = c_i \cdot r_j$",
            ha="left",
        )
        write(
            axes, 180, top + rows * cell + 30,
            f"{n['numbers']} numbers from {rows} + {columns} = {n['kept']}",
        )  # fmt: skip
    return figure
