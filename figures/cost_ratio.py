"""What a separable layer costs beside the standard one: 1/N + 1/D_K^2."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from figures.style import (
    BLUE,
    INK,
    ORANGE,
    SMALL,
    canvas,
    fits,
    panel,
    place,
    settings,
    write,
)
from refnet.cost.formulas import separable_ratio
from refnet.models.mobilenet_v1 import BLOCKS

ALT = (
    "Curves of 1/N + 1/D_K squared over the number of output channels N from 1 to 1024, for "
    "kernels of 3, 5 and 7 on a side. At N = 1 all are above 1: the separable layer costs more. "
    "Then they fall and flatten towards 1/9, 1/25 and 1/49. MobileNet V1's blocks lie between "
    "N = 64 and N = 1024, where a 3 by 3 kernel costs from 0.127 down to 0.112."
)
TICKS_N, TICKS_RATIO = (1, 4, 16, 64, 256, 1024), (0.02, 0.05, 0.1, 0.2, 0.5, 1)
STYLES = ((BLUE, (None, None)), (ORANGE, (6, 2)), (INK, (2, 1.5)))


def data(D_Ks: Sequence[int] = (3, 5, 7), doublings: int = 10) -> dict[str, Any]:
    """The ratios for N from 1 on, four values of N to a doubling, for each kernel's side.

    >>> numbers = data()
    >>> numbers["N"][:5], numbers["N"][-1], numbers["blocks"]
    ([1, 2, 3, 4, 5], 1024, [64, 1024])
    >>> round(numbers["ratio"][3][-1], 6)
    0.112088
    """
    N = sorted({round(2 ** (k / 4)) for k in range(4 * doublings + 1)})
    channels = [n for n, _ in BLOCKS]
    return {
        "N": N,
        "ratio": {D_K: [float(separable_ratio(D_K, n)) for n in N] for D_K in D_Ks},
        "blocks": [min(channels), max(channels)],
    }


def draw(**parameters: Any) -> Figure:
    """Both axes by factors, so that the flattening is seen."""
    n = data(**parameters)
    fits(len(n["ratio"]), len(STYLES), "D_Ks")
    with settings():
        figure, paper = canvas(284)
        axes = panel(figure, 40, 34, 262, 204)
        lowest = min(ratios[-1] for ratios in n["ratio"].values())
        axes.set(xscale="log", yscale="log")
        axes.set_xticks(TICKS_N, map(str, TICKS_N))
        axes.set_yticks(TICKS_RATIO, map(str, TICKS_RATIO))
        axes.minorticks_off()
        axes.set(xlim=(1, n["N"][-1]), ylim=(0.75 * lowest, 1.6))
        low, high = n["blocks"]
        axes.axvspan(low, high, facecolor=INK, alpha=0.1, linewidth=0)
        axes.axhline(1, color=INK, linewidth=1)
        for (D_K, ratios), (colour, dashes) in zip(n["ratio"].items(), STYLES, strict=False):
            axes.plot(n["N"], ratios, color=colour, linewidth=2.4, dashes=dashes)
            x, y = place(axes, n["N"][-1], ratios[-1])
            write(paper, x + 5, y - 7, f"$D_K$ = {D_K}", ha="left")
            write(paper, x + 5, y + 8, f"→ 1/{D_K**2}", size=SMALL, ha="left")
        write(paper, 8, 12, r"cost ratio $1/N + 1/D_K^2$", ha="left")
        x, y = place(axes, 1, 1)
        write(paper, x + 18, y - 9, "a standard layer's cost", size=SMALL, ha="left")
        x, y = place(axes, math.sqrt(low * high), 0.5)
        write(paper, x, y, "V1's blocks", size=SMALL)
        write(paper, 171, 272, "output channels $N$")
    return figure
