"""Two ways for two workers to share a pointwise layer: by rows, or by channels."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.shapes import polygon, rectangle
from figures.style import BLUE, ORANGE, SAND, SMALL, canvas, on, settings, write
from refnet import mobilenet_v1

ALT = (
    "A pointwise layer as a product: a matrix of pixels by M channels times one of M by N weights "
    "gives one of pixels by N channels. Above, two workers share the rows: each reads its half of "
    "the pixels and all weights. Below they share the channels: each reads all pixels and its half "
    "of the weights. The first pointwise layer of MobileNet V1 has many pixels and few weights, "
    "so its workers share rows; the last has few pixels and many weights, and they share channels."
)
FILLS = (BLUE, ORANGE)


def data(alpha: float = 1.0, resolution: int = 224, workers: int = 2) -> dict[str, Any]:
    """Of V1's first and last pointwise layer: what all workers read together, shared either way.

    >>> numbers = data()
    >>> numbers["first"], numbers["last"]
    ({'pixels': 401408, 'weights': 2048, 'rows': 405504, 'channels': 804864}, {'pixels': 50176, \
'weights': 1048576, 'rows': 2147328, 'channels': 1148928})
    """
    network = mobilenet_v1(alpha, resolution)
    shapes = network.shapes()
    layers = [layer for layer in network.layers if layer.op == "pointwise_conv2d"]
    found: dict[str, Any] = {"alpha": alpha, "resolution": resolution, "workers": workers}
    for name, layer in (("first", layers[0]), ("last", layers[-1])):
        _, H, W, M = shapes[layer.inputs[0]]
        pixels, weights = H * W * M, M * layer.params["weight"][3]
        found[name] = {
            "pixels": pixels,
            "weights": weights,
            "rows": pixels + workers * weights,
            "channels": workers * pixels + weights,
        }
    return found


def draw(**parameters: Any) -> Figure:
    """Both products, and under them the numbers for the two layers."""
    n = data(**parameters)
    with settings():
        figure, axes = canvas(372)
        write(axes, 8, 14, "sharing rows: each reads all weights", bold=True, ha="left")
        _product(axes, 30, by_rows=True)
        write(axes, 8, 148, "sharing channels: each reads all pixels", bold=True, ha="left")
        _product(axes, 164, by_rows=False)
        _table(axes, n, 286)
    return figure


def _product(axes: Axes, y: float, *, by_rows: bool) -> None:
    pixels, weights, output = (16, y, 70, 92), (144, y + 16, 84, 60), (270, y, 76, 92)
    _shared(axes, pixels, "rows" if by_rows else "both")
    _shared(axes, weights, "both" if by_rows else "columns")
    _shared(axes, output, "rows" if by_rows else "columns")
    for x, sign in ((115, "×"), (249, "=")):
        write(axes, x, y + 46, sign, size=16)


def _shared(axes: Axes, box: tuple[float, float, float, float], how: str) -> None:
    x, y, width, height = box
    if how == "both":
        rectangle(axes, x, y, width, height, SAND)
        write(axes, x + width / 2, y + height / 2, "both", size=SMALL, colour=on(SAND))
        return
    for k, fill in enumerate(FILLS):
        if how == "rows":
            part = (x, y + k * height / 2, width, height / 2)
        else:
            part = (x + k * width / 2, y, width / 2, height)
        left, top, across, down = part
        corners = [(left, top), (left + across, top), (left + across, top + down),
                   (left, top + down)]  # fmt: skip
        polygon(axes, corners, fill)
        write(axes, left + across / 2, top + down / 2, str(k + 1), colour=on(fill), bold=True)


def _table(axes: Axes, n: dict[str, Any], y: float) -> None:
    """Pixels, weights, and what is read either way, for the two layers."""
    edges = (158, 222, 290, 354)
    for x, words in zip(edges, ("pixels", "weights", "by rows", "by channels"), strict=True):
        write(axes, x, y, words, size=SMALL, ha="right")
    for row, name in enumerate(("first", "last"), 1):
        line, least = y + 22 * row, min(n[name]["rows"], n[name]["channels"])
        write(axes, 8, line, f"V1's {name}", ha="left")
        for x, key in zip(edges, ("pixels", "weights", "rows", "channels"), strict=True):
            value = n[name][key]
            best = value == least and key in ("rows", "channels")
            write(axes, x, line, f"{value:,}", size=SMALL, ha="right", bold=best)
    write(axes, 8, y + 66, "numbers that two workers read together; less is better",
          size=SMALL, ha="left")  # fmt: skip
