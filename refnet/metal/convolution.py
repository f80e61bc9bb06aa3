"""Which kernel serves a convolution, with which parameters, and how its weights are packed.

>>> from refnet.network import DepthwiseAttrs
>>> weight = {"weight": (3, 3, 8, 1)}
>>> layer = Layer("d", "depthwise_conv2d", ("x",), DepthwiseAttrs("same", stride=2), weight)
>>> served = serve(layer, (1, 6, 7, 8), "pointwise4")
>>> served.kernel, served.window            # SAME on 6 rows pads the end alone, on 7 columns both
('depthwise3x3', (('stride', 'ushort', 2), ('padTop', 'ushort', 0), ('padLeft', 'ushort', 1)))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from refnet import geometry
from refnet.arguments import Shape, check_pair
from refnet.layer import Layer
from refnet.metal import packing
from refnet.metal.packing import slices_of

Array = np.ndarray[Any, Any]
Member = tuple[str, str, Any]

CONVOLUTIONS = ("conv2d", "depthwise_conv2d", "pointwise_conv2d")


class UnsupportedError(NotImplementedError, ValueError):
    """A layer that no kernel of refnet's serves; to the oracle that is no wrong answer."""


@dataclass(frozen=True)
class Served:
    """A kernel, its struct of parameters up to the activation, and the packing of its weights."""

    kernel: str
    struct: str
    window: tuple[Member, ...]
    pack: Callable[[Array, str], Array]
    axes: tuple[str, ...]


def serve(layer: Layer, x: Shape, pointwise: str) -> Served:
    """The kernel for a convolution of a map of shape x; UnsupportedError where there is none."""
    said: dict[str, Any] = layer.keywords()
    rows, columns = geometry.axes(
        (x[1], x[2]),
        (layer.params["weight"][0], layer.params["weight"][1]),
        stride=said["stride"],
        padding=said.get("padding", "valid"),
        dilation=said.get("dilation", 1),
    )
    kernel, strides = (rows.kernel, columns.kernel), (rows.stride, columns.stride)
    padding = (rows.before, rows.after, columns.before, columns.after)
    if said.get("groups", 1) != 1 or check_pair(said.get("dilation", 1), "dilation") != (1, 1):
        raise unsupported(layer)
    slices = slices_of(x[3])
    if layer.op != "depthwise_conv2d" and (kernel, strides, padding) == ((1, 1), (1, 1), (0,) * 4):
        axes = ("output slice", "input slice", "input lane")
        window: tuple[Member, ...] = (("inSlices", "uint", slices),)
        return Served(pointwise, "PointwiseParams", window, packing.pointwise, axes)
    if kernel != (3, 3) or rows.stride != columns.stride:
        raise unsupported(layer)
    window = (
        ("stride", "ushort", rows.stride),
        ("padTop", "ushort", rows.before),
        ("padLeft", "ushort", columns.before),
    )
    if layer.op != "depthwise_conv2d":
        window = (*window, ("inSlices", "ushort", slices))
        full = ("output slice", "tap", "input slice", "input lane")
        return Served("conv3x3", "Conv3x3Params", window, packing.conv3x3, full)
    if layer.params["weight"][3] != 1:
        raise unsupported(layer)
    return Served(
        "depthwise3x3", "Depthwise3x3Params", window, packing.depthwise3x3, ("tap", "slice")
    )


def unsupported(layer: Layer) -> UnsupportedError:
    """What is said of a layer without a kernel.

    >>> print(unsupported(Layer("cat", "concat", ("a", "b"))))
    layer 'cat': concat has no Metal kernel
    """
    weight = " x ".join(map(str, layer.params.get("weight", ())))
    said = ", ".join(filter(None, (weight, str(layer.attrs or ""))))
    of = f" ({said})" if said else ""
    return UnsupportedError(f"layer {layer.name!r}: {layer.op}{of} has no Metal kernel")
