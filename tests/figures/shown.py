"""What a drawn figure says and draws, for the tests of its numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import load
from refnet.apps.claims.table1 import TABLE1
from tests.figures.layout import words


def said(name: str, **given: Any) -> set[str]:
    return {word.letters for word in words(load(name).draw(**given))}


def lines(figure: Figure) -> list[tuple[list[float], list[float]]]:
    """The coordinates of every line that is no marker."""
    return [
        (list(map(float, line.get_xdata())), list(map(float, line.get_ydata())))
        for axes in figure.axes
        for line in axes.lines
        if isinstance(line, Line2D) and line.get_linestyle() != "None"
    ]


def ones(*shape: int) -> Any:
    return np.ones(shape, int)


def table1_as_printed() -> list[tuple[int, int]]:
    """(side, channels) of what each row of the paper's Table 1 reads, the repeated pair unrolled.

    The softmax's row reads what the fully connected layer makes.
    """
    sizes = []
    for n, (_, _, size) in enumerate(TABLE1):
        side, _, channels = map(int, size.split(" x "))
        sizes.append((side, channels))
        if TABLE1[n - 1][0].startswith("5x"):
            sizes += sizes[-2:] * 4
    return sizes
