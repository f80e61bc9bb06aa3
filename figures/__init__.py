"""The book's figures: one module a figure, one SVG each in figures/svg.

A figure module NAME.py has three parts:

* `data(**parameters)`: the numbers that the picture shows, taken from refnet, as plain numbers
  in a dict. They are what the tests check.
* `draw(**parameters)`: the picture of that data, a matplotlib Figure in the book's style.
* `ALT`: what the picture shows, in words, for a reader who does not see it.

>>> load("relu6").data(points=(-1, 3, 8))["relu6"]
[0, 3, 6]

`python -m figures.make` writes the SVGs of the default parameters; a chapter may draw a figure
with others, within the sizes that its layout has room for. `style` has the colours and the
canvas, `shapes` and `block` what several figures draw, `notation` the mathematics in labels,
`svg` the way from a Figure to the bytes of a file.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from matplotlib.figure import Figure

__all__ = ["FOLDER", "NAMES", "FigureModule", "load"]

NAMES = (
    "sliding_kernel",
    "one_channel",
    "column",
    "two_steps",
    "table1_staircase",
    "padding_falls",
    "cost_ratio",
    "relu6",
    "sobel_factors",
    "im2col",
    "folding",
    "alpha_cost",
    "one_pixel_more",
    "accuracy_cost",
    "texels",
    "threadgroups",
    "overlap",
    "atrous",
    "parameter_steps",
    "counter_bars",
    "spiral",
    "inverted_residual",
    "roofline",
    "map_sizes",
    "whole_rows",
    "two_workers",
    "float_spacing",
    "read_back",
)
FOLDER = Path(__file__).parent / "svg"


class FigureModule(Protocol):
    """What figures/NAME.py offers."""

    ALT: str

    def data(self, **parameters: Any) -> dict[str, Any]:
        """The numbers that the picture shows."""

    def draw(self, **parameters: Any) -> Figure:
        """The picture."""


def load(name: str) -> FigureModule:
    """The module of one figure.

    >>> load("relu7")
    Traceback (most recent call last):
    ...
    ValueError: figure: 'relu7' is not known; expected one of sliding_kernel, one_channel, ...
    """
    if name not in NAMES:
        raise ValueError(f"figure: {name!r} is not known; expected one of {', '.join(NAMES)}")
    return cast(FigureModule, import_module(f"figures.{name}"))
