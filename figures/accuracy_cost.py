"""MobileNet V1's sixteen published networks: accuracy as printed, cost as counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from figures.style import BLUE, INK, ORANGE, SMALL, canvas, panel, place, settings, write
from refnet.apps.claims.published import PUBLISHED
from refnet.cost import macs
from refnet.models import mobilenet_v1

ALT = (
    "Sixteen MobileNet V1 networks: top-1 accuracy against millions of multiply-accumulates, "
    "doubled at each tick. Four curves, one for each width alpha, with a point for each image "
    "side of 128, 160, 192 and 224. From alpha 1 at 224, 569 million and 70.9 percent, to alpha "
    "0.5 they nearly form one line that falls by about four points for each halving. The curve of "
    "alpha 0.25 lies lower and ends at 14 million and 41.5 percent. A cross below the "
    "line is the shallow network of the paper: 307 million and 65.3 percent."
)
SHALLOW_TOP1 = 65.3  # V1 paper, Table 5
TICKS = (12.5, 25, 50, 100, 200, 400)


def data(sides: Sequence[int] = (224, 192, 160, 128)) -> dict[str, Any]:
    """For each alpha its points (millions of multiply-accumulates, top-1 accuracy), dearest first.

    >>> numbers = data()
    >>> numbers["curves"][1.0][0], numbers["curves"][0.25][-1]
    ((568.740352, 70.9), (13.570048, 41.5))
    """
    curves: dict[float, list[tuple[float, float]]] = {}
    for row in PUBLISHED["v1"]:
        if row.resolution not in sides:
            continue
        cost = macs(mobilenet_v1(row.alpha, row.resolution, batch_norm=False))
        curves.setdefault(row.alpha, []).append((cost / 1e6, row.top1))
    cost = macs(mobilenet_v1(shallow=True, batch_norm=False))
    return {"curves": curves, "shallow": (cost / 1e6, SHALLOW_TOP1)}


def draw(**parameters: Any) -> Figure:
    """A curve a width; its dearest network has its name."""
    n = data(**parameters)
    with settings():
        figure, paper = canvas(300)
        axes = panel(figure, 36, 32, 300, 218)
        axes.set_xscale("log", base=2)
        axes.set(xlim=(11, 720), ylim=(40, 73))
        axes.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
        axes.set_yticks(range(40, 71, 5))
        axes.minorticks_off()
        marks = zip(n["curves"].items(), "osD^", (BLUE, ORANGE, BLUE, ORANGE), strict=True)
        for (alpha, points), mark, colour in marks:
            costs, right = zip(*points, strict=True)
            axes.plot(costs, right, marker=mark, color=colour, linewidth=2, markersize=6)
            x, y = place(axes, *points[0])
            words = rf"$\alpha$ = {alpha:g}"
            if alpha > 0.5:  # the room is above the wide ones and below the narrow ones
                write(paper, x - 9, y - 8, words, ha="right", size=SMALL)
            else:
                write(paper, x + 7, y + 10, words, ha="left", size=SMALL)
        axes.plot(*n["shallow"], marker="x", color=INK, markersize=9, markeredgewidth=2.4)
        x, y = place(axes, *n["shallow"])
        write(paper, x + 9, y, "shallow", ha="left", size=SMALL)
        write(paper, 8, 12, "top-1 accuracy as printed, in percent", ha="left")
        write(paper, 352, 284, "millions of multiply-accumulates, as counted", ha="right")
    return figure
