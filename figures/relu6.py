"""ReLU and ReLU6: the same up to 6, where one of them stops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from figures.style import BLUE, ORANGE, canvas, panel, place, settings, write
from refnet import ops

ALT = (
    "Graphs of two activations for x from minus 4 to 10. Both are 0 where x is negative and rise "
    "with x from there. ReLU goes on rising; ReLU6 stays at 6 from x = 6 on."
)


def data(points: Sequence[float] = (-4, 0, 6, 10)) -> dict[str, Any]:
    """Both activations at some points; between the default's they are straight.

    >>> data()["relu"], data()["relu6"]
    ([0, 0, 6, 10], [0, 0, 6, 6])
    """
    x = np.array(points)
    return {"x": x.tolist(), "relu": ops.relu(x).tolist(), "relu6": ops.relu6(x).tolist()}


def draw(**parameters: Any) -> Figure:
    """ReLU6 a broad line, ReLU dashed on it."""
    numbers = data(**parameters)
    with settings():
        figure, paper = canvas(220)
        axes = panel(figure, 30, 12, 318, 172)
        axes.plot(numbers["x"], numbers["relu6"], color=ORANGE, linewidth=4)
        axes.plot(numbers["x"], numbers["relu"], color=BLUE, linewidth=1.8, dashes=(5, 2))
        axes.set_xticks(range(-4, 11, 2), [f"{x}".replace("-", "−") for x in range(-4, 11, 2)])
        axes.set_yticks(range(0, 11, 2))
        axes.set(xlim=(-4, 10.2), ylim=(-0.3, 10.4))
        x, y = place(axes, 8, 8)
        write(paper, x - 8, y, "ReLU($x$)", ha="right")
        x, y = place(axes, 10, 6)
        write(paper, x, y + 12, "ReLU6($x$)", ha="right")
        write(paper, *place(axes, 3, -1.9), "$x$")
    return figure
