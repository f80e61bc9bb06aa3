"""MobileNet V1's Table 1 as a staircase: the map's side goes down, the channels go up."""

from __future__ import annotations

import math
from itertools import groupby
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.shapes import rectangle, segments
from figures.style import (
    BLUE,
    INK,
    ORANGE,
    PLUM,
    SAND,
    SKY,
    SMALL,
    canvas,
    on,
    settings,
    write,
)
from refnet.models import mobilenet_v1

ALT = (
    "MobileNet V1 layer by layer, a column each. Above the middle line the side of the map goes "
    "down the stairs: 224 for the image, then 112, 56, 28, 14 for twelve layers, 7, and 1 after "
    "the pool. Below it the channels go up by doublings: 3, 32, 64, 128, 256, 512, 1024, and 1000 "
    "classes. Layers of stride 2 halve the side, and a pointwise layer doubles the channels."
)
KINDS = {
    "image": ("image", SAND),
    "conv2d": ("standard 3 × 3", PLUM),
    "depthwise_conv2d": ("depthwise 3 × 3", ORANGE),
    "pointwise_conv2d": ("pointwise 1 × 1", BLUE),
    "global_average_pool": ("average pool", SKY),
    "dense": ("fully connected", "#ffffff"),
}
UNIT = 12.0  # points for a doubling


def data(alpha: float = 1.0, resolution: int = 224) -> dict[str, Any]:
    """(kind, side, channels, stride) of the image and of what each layer makes.

    >>> layers = data()["layers"]
    >>> len(layers), layers[0], layers[1], layers[-1]
    (30, ('image', 224, 3, 1), ('conv2d', 112, 32, 2), ('dense', 1, 1000, 1))
    """
    network = mobilenet_v1(alpha, resolution, batch_norm=False)
    shapes = network.shapes()
    layers = [("image", resolution, network.input_shape[2], 1)]
    for layer in network.layers:
        if layer.op in KINDS:
            shape = shapes[layer.name]
            side = shape[1] if len(shape) == 4 else 1
            layers.append((layer.op, side, shape[-1], getattr(layer.attrs, "stride", 1)))
    return {"layers": layers}


def draw(**parameters: Any) -> Figure:
    """A column a layer: its side upwards and its channels downwards, in doublings."""
    layers = data(**parameters)["layers"]
    highest, lowest = (max(_height(layer[i]) for layer in layers) for i in (1, 2))
    left, width = 14.0, 332.0 / len(layers)
    middle = 46 + highest
    with settings():
        figure, axes = canvas(middle + lowest + 90)
        for n, (kind, side, channels, stride) in enumerate(layers):
            x, fill = left + n * width, KINDS[kind][1]
            rectangle(axes, x, middle - _height(side), width, _height(side), fill)
            rectangle(axes, x, middle, width, _height(channels), fill)
            if stride == 2:
                top = middle - _height(side) + 8
                axes.plot(x + width / 2, top, "o", markersize=5, color=on(fill), markeredgewidth=0)
        segments(axes, [((left - 8, middle), (left + 340, middle))], INK, 1.6)
        for i, sign in ((1, -1), (2, 1)):
            _name_steps(axes, [layer[i] for layer in layers], left, width, middle, sign)
        write(axes, 352, 22, "side of the map, $D_F$", ha="right", bold=True)
        write(axes, 352, 38, "stride 2 halves it", ha="right")
        bottom = middle + lowest
        write(axes, 8, bottom + 8, "channels", ha="left", bold=True)
        write(axes, 8, bottom + 24, "pointwise layers double them", ha="left")
        _legend(axes, bottom + 48)
    return figure


def _height(count: int) -> float:
    """A doubling more, a unit more; 1 has a unit, so that it is seen."""
    return UNIT * (1 + math.log2(count))


def _name_steps(
    axes: Axes, counts: list[int], left: float, width: float, middle: float, sign: int
) -> None:
    """Each count once, at its step's end."""
    at = 0
    for count, run in groupby(counts):
        length = len(list(run))
        x = left + (at + length / 2) * width
        write(axes, x, middle + sign * (_height(count) + 8), str(count), size=SMALL)
        at += length


def _legend(axes: Axes, y: float) -> None:
    for n, (name, fill) in enumerate(KINDS.values()):
        x, row = (8, 128, 248)[n % 3], y + 16 * (n // 3)
        rectangle(axes, x, row - 5, 10, 10, fill)
        write(axes, x + 14, row, name, size=SMALL, ha="left")
    axes.plot(13, y + 32, "o", markersize=5, color=INK, markeredgewidth=0)
    write(axes, 22, y + 32, "stride 2", size=SMALL, ha="left")
