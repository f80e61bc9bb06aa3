"""A spiral through a ReLU: in few dimensions it collapses, in many it comes back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import (
    BLUE,
    ORANGE,
    SMALL,
    canvas,
    fits,
    panel,
    settings,
    write,
)
from refnet import ops

ALT = (
    "A spiral of two turns, and what a ReLU leaves of it in 2, 3, 5, 15 and 30 dimensions, drawn "
    "back in the plane. In 2 dimensions most of it is folded onto two straight lines, and is lost; "
    "in 3 half of it is. In 5 dimensions only a small part is still folded onto a line, and what "
    "is left is a bent spiral; in 15 and in 30 nothing is lost, and the spiral is bent less."
)
TURNS, POINTS = 2, 160
COLUMNS, SIDE = 3, 100.0


def data(dimensions: Sequence[int] = (2, 3, 5, 15, 30), seed: int = 12) -> dict[str, Any]:
    """The spiral's points, and for each number of dimensions what becomes of them.

    >>> numbers = data()
    >>> {n: round(sum(lost) / len(lost), 2) for n, lost in numbers["lost"].items()}
    {2: 0.74, 3: 0.49, 5: 0.15, 15: 0.0, 30: 0.0}

    A random matrix T takes a point x to n numbers, a ReLU follows, and the least squares inverse
    of T leads back to the plane. Drawn is twice that: T+ ReLU(T x) is half of x + T+ |T x|. lost:
    where fewer than two of the n numbers are above 0, so that x cannot be told from them.
    Source: MobileNetV2 (arXiv:1801.04381), figure 1.
    """
    turn = np.linspace(0.02, 1, POINTS)
    angle = 2 * np.pi * TURNS * turn
    x = np.stack([turn * np.cos(angle), turn * np.sin(angle)], axis=1)
    found: dict[str, Any] = {"x": x.round(4).tolist(), "back": {}, "lost": {}, "T": {}}
    for n in dimensions:
        T = np.random.default_rng([seed, n]).standard_normal((n, 2)).round(4)
        bent = ops.relu(x @ T.T)
        found["T"][n] = T.tolist()
        found["back"][n] = (2 * bent @ np.linalg.pinv(T).T).round(4).tolist()
        found["lost"][n] = ((bent > 0).sum(axis=1) < 2).tolist()
    return found


def draw(**parameters: Any) -> Figure:
    """The spiral and, panel by panel, what is left of it: solid where it can be told, else dots."""
    n = data(**parameters)
    fits(len(n["back"]), 5, "dimensions")
    with settings():
        figure, paper = canvas(290)
        everywhere = [("the spiral", n["x"], [False] * len(n["x"]))]
        everywhere += [(f"$n$ = {d}", n["back"][d], n["lost"][d]) for d in n["back"]]
        for place, (words, points, lost) in enumerate(everywhere):
            left = 12 + (place % COLUMNS) * (SIDE + 18)
            top = 24 + place // COLUMNS * (SIDE + 28)
            write(paper, left + SIDE / 2, top - 10, words)
            _spiral(panel(figure, left, top, SIDE, SIDE), points, lost)
        paper.plot([12, 34], [278, 278], color=BLUE, linewidth=2)
        write(paper, 40, 278, "can be told", size=SMALL, ha="left")
        paper.plot([186, 208], [278, 278], color=ORANGE, linewidth=4)
        write(paper, 214, 278, "lost: fewer than 2 above 0", size=SMALL, ha="left")
    return figure


def _spiral(axes: Axes, points: Sequence[Sequence[float]], lost: Sequence[bool]) -> None:
    """Two lines, each broken where the other one runs."""
    axes.set_axis_off()
    xy, gone = np.array(points), np.array(lost)
    stretch = np.append(gone[:-1] & gone[1:], False)  # from one point to the next
    for keep, colour, width in ((stretch, ORANGE, 4), (~stretch, BLUE, 2)):
        seen = keep | np.append(False, keep[:-1])
        if keep.any():
            line = np.where(seen[:, None], xy, np.nan)
            axes.plot(*line.T, color=colour, linewidth=width, solid_capstyle="round")
    low, high = xy.min(axis=0), xy.max(axis=0)
    reach = 0.54 * (high - low).max()
    (left, right), (bottom, top) = ((m - reach, m + reach) for m in (low + high) / 2)
    axes.set(xlim=(left, right), ylim=(bottom, top))
