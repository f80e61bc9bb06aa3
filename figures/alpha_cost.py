"""What MobileNet V1 costs at each width: nearly alpha^2, but not quite."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.shapes import rectangle
from figures.style import (
    BLUE,
    DARK_WORDS,
    EDGE,
    ORANGE,
    SAND,
    SMALL,
    canvas,
    panel,
    place,
    settings,
    write,
)
from refnet.cost.ledger import PARAMETERS, Ledger, ledger
from refnet.models import mobilenet_v1

ALT = (
    "Two bar charts of MobileNet V1 at widths alpha of 0.25, 0.5, 0.75 and 1. Multiply-accumulates "
    "grow from 41 to 569 million and parameters from 0.5 to 4.2 million. In both, the pointwise "
    "layers make up most and grow with alpha squared. A line across each bar marks alpha squared "
    "of the bar at 1; a part of the bar is above it, since the depthwise layers, the first layer "
    "and the classifier grow only with alpha."
)
PARTS = {
    "pointwise": ("pointwise_conv2d",),
    "depthwise": ("depthwise_conv2d",),
    "first layer and classifier": ("conv2d", "dense"),
}
FILLS = (BLUE, ORANGE, SAND)


def data(alphas: Sequence[float] = (0.25, 0.5, 0.75, 1.0), resolution: int = 224) -> dict[str, Any]:
    """Multiply-accumulates (all taps) and parameters (batch norm folded) by kind of layer.

    >>> numbers = data()
    >>> [sum(parts) for parts in numbers["macs"]][-1], [sum(p) for p in numbers["parameters"]][-1]
    (568740352, 4221032)
    """
    books = [ledger(mobilenet_v1(alpha, resolution, batch_norm=False)) for alpha in alphas]
    return {
        "alpha": list(alphas),
        "macs": [_parts(book.only("macs")) for book in books],
        "parameters": [_parts(book.only(*PARAMETERS)) for book in books],
    }


def _parts(book: Ledger) -> list[int]:
    """The sum of the rows of each of PARTS."""
    return [sum(row.count for row in book if row.op in ops) for ops in PARTS.values()]


def draw(**parameters: Any) -> Figure:
    """Products on the left, parameters on the right."""
    n = data(**parameters)
    with settings():
        figure, paper = canvas(288)
        _bars(figure, paper, 14, n["alpha"], n["macs"], "multiply-accumulates", "{:.0f}")
        _bars(figure, paper, 194, n["alpha"], n["parameters"], "parameters", "{:.1f}")
        for x, y, fill, name in zip((14, 104, 14), (252, 252, 272), FILLS, PARTS, strict=True):
            rectangle(paper, x, y - 5, 10, 10, fill)
            write(paper, x + 14, y, name, size=SMALL, ha="left")
        rectangle(paper, 194, 267, 20, 10, SAND)
        paper.plot([194, 214], [272, 272], color=DARK_WORDS, linewidth=1.4)
        write(paper, 220, 272, r"$\alpha^2$ of the bar at $\alpha$ = 1", size=SMALL, ha="left")
    return figure


def _bars(
    figure: Figure,
    paper: Axes,
    left: float,
    alphas: Sequence[float],
    costs: Sequence[Sequence[int]],
    title: str,
    form: str,
) -> None:
    """One of the two charts: a bar a width, as a share of the last one."""
    axes = panel(figure, left, 50, 154, 152)
    axes.spines["left"].set_visible(False)
    axes.set(xlim=(0.1, 1.12), ylim=(0, 1.02))
    axes.set_xticks(alphas, [f"{alpha:g}" for alpha in alphas])
    axes.set_yticks([])
    whole = sum(costs[-1])
    half = 0.34 * min((b - a for a, b in pairwise(alphas)), default=0.25)
    for alpha, parts in zip(alphas, costs, strict=True):
        base = 0.0
        for part, fill in zip(parts, FILLS, strict=True):
            axes.bar(alpha, part / whole, 2 * half, base, color=fill, edgecolor=EDGE, lw=0.8)
            base += part / whole
        if alpha < 1:
            ends = [alpha - half, alpha + half]
            axes.plot(ends, [alpha**2] * 2, color=DARK_WORDS, linewidth=1.4, solid_capstyle="butt")
        x, y = place(axes, alpha, base)
        write(paper, x, y - 8, form.format(sum(parts) / 1e6), size=SMALL)
    write(paper, left, 12, title, ha="left", bold=True)
    write(paper, left, 28, "in millions", ha="left", size=SMALL)
    write(paper, left + 77, 230, r"width multiplier $\alpha$", size=SMALL)
