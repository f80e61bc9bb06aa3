"""Where a layer's window falls, as other formats want to be told: in numbers, for each axis.

>>> from refnet.layer import MaxPoolAttrs
>>> pool = Layer("pool", "max_pool", ("x",), MaxPoolAttrs(3, "same", stride=2))
>>> rows, columns = window_axes(pool, (1, 8, 7, 4), (3, 3))
>>> [(axis.before, read_after(axis)) for axis in (rows, columns)]
[(0, 1), (1, 1)]
"""

from __future__ import annotations

from typing import Any

from refnet import geometry
from refnet.arguments import Shape
from refnet.geometry import Axis
from refnet.layer import Layer


def window_axes(layer: Layer, x: Shape, kernel: tuple[int, int]) -> tuple[Axis, Axis]:
    """The rows and columns of a layer that reads (B, H, W, M); what it does not say is none."""
    said: dict[str, Any] = layer.keywords()
    return geometry.axes(
        (x[1], x[2]),
        kernel,
        stride=said.get("stride", 1),
        padding=said.get("padding", "valid"),
        dilation=said.get("dilation", 1),
    )


def read_after(axis: Axis) -> int:
    """How much of the padding after the map the last window reads: the rest would add a row."""
    return max((axis.output - 1) * axis.stride + axis.reach - axis.before - axis.size, 0)
