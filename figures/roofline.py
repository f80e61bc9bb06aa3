"""Two roofs, and how high the layers of MobileNet V1 and V2 can come under them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import (
    BLUE,
    EDGE,
    INK,
    ORANGE,
    SAND,
    SMALL,
    canvas,
    panel,
    place,
    settings,
    write,
)
from refnet.apps.scaling.roofline import Roofs
from refnet.cost import traffic
from refnet.models import mobilenet_v1, mobilenet_v2

ALT = (
    "Two charts, V1 and V2, of a machine's roofline: multiply-accumulates a second against "
    "multiply-accumulates for each byte moved. A slope, memory, rises to a flat roof, arithmetic, "
    "which it meets at 10. Each layer is a dot on the roof, as large as its share of the products. "
    "The depthwise layers, at about 1 or below, and the fully connected one, at 0.25, are on the "
    "slope in both. Of V1's 13 pointwise layers 12 are on the flat part, of V2's 34 only 15."
)
KINDS = {
    "pointwise_conv2d": ("pointwise", BLUE, "o"),
    "depthwise_conv2d": ("depthwise", ORANGE, "s"),
    "conv2d": ("first layer", SAND, "^"),
    "dense": ("fully connected", SAND, "D"),
}
LARGEST = 13.0  # points: the marker of a layer with a tenth of the products


def data(gemm: float = 100.0, bandwidth: float = 10.0) -> dict[str, Any]:
    """(kind, intensity, rate, share of the products) of every layer that multiplies.

    >>> numbers = data()
    >>> numbers["ridge"], len(numbers["V1"]), len(numbers["V2"])
    (10.0, 28, 53)

    gemm: thousand millions of multiply-accumulates a second, bandwidth: of bytes a second; round
    numbers of no machine in particular. intensity: multiply-accumulates for each byte, if every
    layer reads and writes memory once (refnet.cost.traffic, float32); rate: the most that the
    roofs allow.
    """
    roofs = Roofs(gemm, bandwidth, einsum=0.0, side=0, array=0)
    found: dict[str, Any] = {"gemm": gemm, "bandwidth": bandwidth, "ridge": roofs.ridge}
    for name, network in (("V1", mobilenet_v1(batch_norm=False)),
                          ("V2", mobilenet_v2(batch_norm=False))):  # fmt: skip
        moved = [t for t in traffic(network) if t.macs]
        total = sum(t.macs for t in moved)
        found[name] = [
            (network[t.layer].op, float(t.intensity), roofs.roof(float(t.intensity)),
             t.macs / total)
            for t in moved
        ]  # fmt: skip
    return found


def draw(**parameters: Any) -> Figure:
    """A panel for each network; both axes by factors."""
    n = data(**parameters)
    with settings():
        figure, paper = canvas(280)
        for name, left in (("V1", 34), ("V2", 204)):
            axes = panel(figure, left, 44, 148, 158)
            _roof(axes, n)
            _layers(axes, n[name])
            if name == "V2":
                axes.set_yticklabels([])
            write(paper, left + 74, 32, f"MobileNet {name}", bold=True)
            x, y = place(axes, n["ridge"] / 8, n["gemm"] / 8)
            write(paper, x + 8, y + 12, "memory", size=SMALL, ha="left")
            x, y = place(axes, 50, n["gemm"])
            write(paper, x, y - 14, "arithmetic", size=SMALL, ha="right")
        write(paper, 8, 10, "MACs a second, in 1000 millions", ha="left", size=SMALL)
        write(paper, 198, 230, "MACs for each byte moved", size=SMALL)
        for (word, colour, marker), (x, y) in zip(
            KINDS.values(), ((20, 252), (190, 252), (20, 270), (190, 270)), strict=True
        ):
            paper.plot(x, y, marker, color=colour, markersize=8, markeredgecolor=EDGE,
                       markeredgewidth=0.8)  # fmt: skip
            write(paper, x + 10, y, word, size=SMALL, ha="left")
    return figure


def _roof(axes: Axes, n: dict[str, Any]) -> None:
    low, high = 0.2, 50.0
    axes.set(xscale="log", yscale="log", xlim=(low, high))
    axes.set(ylim=(n["bandwidth"] * low, 2 * n["gemm"]))
    axes.set_xticks((0.3, 1, 3, 10, 30), ("0.3", "1", "3", "10", "30"))
    axes.set_yticks((2, 5, 10, 20, 50, 100), ("2", "5", "10", "20", "50", "100"))
    axes.minorticks_off()
    corners = [low, n["ridge"], high]
    axes.plot(corners, [min(n["gemm"], n["bandwidth"] * x) for x in corners],
              color=INK, linewidth=1.6, zorder=1)  # fmt: skip


def _layers(axes: Axes, layers: Sequence[tuple[str, float, float, float]]) -> None:
    """The large ones first, so that none is hidden."""
    for op, intensity, rate, share in sorted(layers, key=lambda layer: -layer[3]):
        _, colour, marker = KINDS[op]
        size = max(4.0, LARGEST * (share / 0.1) ** 0.5)
        axes.plot(intensity, rate, marker, color=colour, markersize=size,
                  markeredgecolor=EDGE, markeredgewidth=0.8, zorder=2)  # fmt: skip
