"""How many numbers each map of MobileNet V1 and V2 holds, from the image to the last one."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.shapes import rectangle
from figures.style import BLUE, EDGE, SAND, SMALL, canvas, panel, place, settings, write
from refnet.models import mobilenet_v1, mobilenet_v2
from refnet.network import Network

ALT = (
    "Two rows of bars, a bar for each map, as high as it has numbers. MobileNet V1: the largest "
    "map has 803 thousand numbers, 112 by 112 by 64, and the next ones 401 thousand and less. "
    "MobileNet V2: within its blocks it goes up to 1,204 thousand, 112 by 112 by 96, and is "
    "above 400 thousand until block 4; what its blocks hand on is at most 201 thousand, and soon "
    "far less."
)


def data(alpha: float = 1.0, resolution: int = 224) -> dict[str, Any]:
    """Numbers in each convolution's map, and whether the next block begins with it.

    >>> numbers = data()
    >>> max(size for size, _ in numbers["V1"]), max(size for size, _ in numbers["V2"])
    (802816, 1204224)
    >>> max(size for size, between in numbers["V2"] if between)
    401408
    """
    models = {"V1": mobilenet_v1(alpha, resolution), "V2": mobilenet_v2(alpha, resolution)}
    return {name: _maps(network) for name, network in models.items()}


def _maps(network: Network) -> list[tuple[int, bool]]:
    shapes = network.shapes()
    ends = ("stem", ".pointwise", ".project", "head")
    return [
        (math.prod(shapes[layer.name]), layer.name.endswith(ends))
        for layer in network.layers
        if layer.op.endswith("conv2d")
    ]


def draw(**parameters: Any) -> Figure:
    """V1 above V2, at one scale."""
    n = data(**parameters)
    most = max(size for maps in n.values() for size, _ in maps)
    with settings():
        figure, paper = canvas(318)
        for (name, maps), top in zip(n.items(), (30, 168), strict=True):
            axes = panel(figure, 50, top, 298, 104)
            _bars(axes, maps, most)
            write(paper, 348, top + 8, f"MobileNet {name}", ha="right", bold=True)
            size, at = max((size, -n) for n, (size, _) in enumerate(maps))
            x, y = place(axes, -at, size)
            write(paper, x + 10, y + 6, f"{size:,}", size=SMALL, ha="left")
        write(paper, 8, 12, "numbers in a map, in thousands", ha="left", size=SMALL)
        write(paper, 199, 284, "map by map, from the first layer to the last", size=SMALL)
        for x, fill, words in ((14, SAND, "between blocks"), (150, BLUE, "within a block")):
            rectangle(paper, x, 299, 10, 10, fill)
            write(paper, x + 16, 304, words, size=SMALL, ha="left")
    return figure


def _bars(axes: Axes, maps: list[tuple[int, bool]], most: int) -> None:
    for n, (size, between) in enumerate(maps):
        axes.bar(n, size, 1, color=SAND if between else BLUE, edgecolor=EDGE, linewidth=0.5)
    step = 100_000 * max(1, round(most / 400_000))
    ticks = range(0, most + 1, step)
    axes.set(xlim=(-0.8, len(maps)), ylim=(0, 1.04 * most))
    axes.set_xticks([])
    axes.set_yticks(ticks, [f"{tick // 1000}" for tick in ticks])
