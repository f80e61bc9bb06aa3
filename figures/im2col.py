"""A convolution as a matrix product: every window becomes a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.lib.stride_tricks import sliding_window_view

from figures.shapes import arrow, enter, grid
from figures.style import (
    BLUE,
    ORANGE,
    PLUM,
    SAND,
    SMALL,
    canvas,
    fits,
    on,
    settings,
    write,
)
from refnet import ops, separability

ALT = (
    "A map of 4 by 4 numbers has four windows of 3 by 3. Each window, read row by row, is a row "
    "of a matrix of 4 by 9. Two kernels of 3 by 3, read the same way, are the two columns of a "
    "matrix of 9 by 2. The product of the two matrices is 4 by 2: for each window one number a "
    "kernel, which is the convolution's output."
)
CELL, TOP = 18.0, 134.0
FILLS = (BLUE, PLUM)  # a kernel, the column that it becomes, and the numbers that it makes
PIXELS = ((1, 2, 0, 1), (3, 1, 2, 0), (0, 2, 4, 1), (2, 0, 1, 3))
KERNELS = (separability.SOBEL_X.tolist(), separability.GAUSSIAN.tolist())


def data(
    pixels: Sequence[Sequence[int]] = PIXELS,
    kernels: Sequence[Sequence[Sequence[int]]] = KERNELS,
) -> dict[str, Any]:
    """The map, its windows as rows, the kernels as columns, and what the convolution gives.

    >>> numbers = data()
    >>> numbers["rows"][0], numbers["output"][0]
    ([1, 2, 0, 3, 1, 2, 0, 2, 4], [1, 27])
    """
    x, w = np.array(pixels), np.stack([np.array(k) for k in kernels], axis=-1)
    D_K = w.shape[0]
    y = ops.conv2d(x[np.newaxis, ..., np.newaxis], w[:, :, np.newaxis], padding="valid")
    windows = sliding_window_view(x, (D_K, D_K))
    return {
        "D_K": D_K,
        "D_G": y.shape[1],
        "N": w.shape[-1],
        "map": x.tolist(),
        "kernels": [w[..., n].tolist() for n in range(w.shape[-1])],
        "rows": windows.reshape(-1, D_K * D_K).tolist(),
        "columns": w.reshape(D_K * D_K, -1).tolist(),
        "output": y.reshape(-1, y.shape[-1]).tolist(),
    }


def draw(**parameters: Any) -> Figure:
    """The map and the kernels above; below, the matrices that they become."""
    n = data(**parameters)
    side, taps, windows = fits(len(n["map"]), 4, "side of the map"), n["D_K"] ** 2, len(n["rows"])
    fits(n["D_K"], 3, "D_K")
    left = 172 - CELL * taps  # of the windows' matrix
    with settings():
        figure, axes = canvas(TOP + CELL * max(taps, windows) + 60)
        grid(axes, 40, 30, side, side, CELL, SAND)
        grid(axes, 40, 30, n["D_K"], n["D_K"], CELL, ORANGE)
        enter(axes, 40, 30, (CELL, CELL), n["map"], on(SAND))
        grid(axes, left, TOP, 1, taps, CELL, ORANGE, n["rows"][:1])
        grid(axes, left, TOP + CELL, windows - 1, taps, CELL, SAND, n["rows"][1:])
        x = 40 + CELL * n["D_K"] / 2
        arrow(axes, (x, 36 + CELL * side), (left + CELL * taps / 2, TOP - 5), bend=-0.2)
        _kernels(axes, n)
        _words(axes, n, left, 40 + CELL * side / 2)
    return figure


def _kernels(axes: Axes, n: dict[str, Any]) -> None:
    """Each kernel, the column that it becomes, and the numbers that it makes."""
    fills = FILLS[: fits(n["N"], len(FILLS), "N")]
    for i, (kernel, fill) in enumerate(zip(n["kernels"], fills, strict=True)):
        x, column = 174 + 72 * i, 199 + CELL * i
        grid(axes, x, 30, n["D_K"], n["D_K"], CELL, fill, kernel)
        grid(axes, column, TOP, n["D_K"] ** 2, 1, CELL, fill, [[row[i]] for row in n["columns"]])
        results = [[row[i]] for row in n["output"]]
        grid(axes, 270 + 30 * i, TOP, len(results), 1, CELL, fill, results, width=30)
        start = (x + CELL * n["D_K"] / 2, 34 + CELL * n["D_K"])
        arrow(axes, start, (column + CELL / 2, TOP - 5), bend=0.15 * (1 - 2 * i))


def _words(axes: Axes, n: dict[str, Any], left: float, above: float) -> None:
    write(axes, above, 14, "map", bold=True)
    write(axes, 238, 14, "$N$ kernels", bold=True)
    taps, windows = n["D_K"] ** 2, len(n["rows"])
    for x, sign in ((185, "×"), (253, "=")):
        write(axes, x, TOP + 2 * CELL, sign, size=16)
    for x, rows, words, shape in (
        (left + CELL * taps / 2, windows, "a window a row", r"$D_G^2 \times D_K^2 M$"),
        (222, taps, "a kernel a column", r"$D_K^2 M \times N$"),
        (300, windows, "output", r"$D_G^2 \times N$"),
    ):
        low = TOP + CELL * rows
        write(axes, x, low + 13, words, size=SMALL)
        write(axes, x, low + 30, shape)
    sizes = f"here $D_K$ = {n['D_K']}, $M$ = 1, $N$ = {n['N']}, $D_G$ = {n['D_G']}"
    write(axes, 180, TOP + CELL * max(taps, windows) + 50, sizes, size=SMALL)
