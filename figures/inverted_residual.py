"""A block of MobileNet V1 and one of V2 on maps of the same side, their channels as heights."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.shapes import arrow, rectangle, segments
from figures.style import BLUE, INK, ORANGE, SAND, SMALL, canvas, settings, write
from refnet.cost import ledger
from refnet.models import mobilenet_v1, mobilenet_v2
from refnet.network import Network

ALT = (
    "Two blocks on maps of 56 by 56, drawn as bars as high as they have channels. MobileNet V1: "
    "128 channels, a depthwise layer with ReLU6, 128, a pointwise layer with ReLU6, 128; 17,536 "
    "products a pixel. MobileNet V2: 24 channels, an expanding layer with ReLU6, 144, a depthwise "
    "layer with ReLU6, 144, a projection without an activation, 24, and the block's input is added "
    "to its output; 8,208 products a pixel."
)
BAR, STEP, LEFT = 24.0, 104.0, 12.0  # points: a bar's width, from bar to bar, the first bar
TALLEST = 76.0
NAMES = {"expand": "expand 1 × 1", "depthwise": "depthwise 3 × 3", "pointwise": "pointwise 1 × 1",
         "project": "project 1 × 1"}  # fmt: skip


def data(block: int = 3, alpha: float = 1.0) -> dict[str, Any]:
    """Channels of a block's maps from the input on, its steps and its products a pixel.

    >>> numbers = data()
    >>> numbers["V1"]["channels"], numbers["V2"]["channels"]
    ([128, 128, 128], [24, 144, 144, 24])
    >>> numbers["V1"]["products"], numbers["V2"]["products"], numbers["V2"]["added"]
    (17536, 8208, True)

    steps: the last word of each layer's name, and whether an activation follows it.
    """
    models = {"V1": mobilenet_v1(alpha), "V2": mobilenet_v2(alpha)}
    return {name: _block(network, f"block{block}.") for name, network in models.items()}


def _block(network: Network, start: str) -> dict[str, Any]:
    shapes = network.shapes()
    inside = [layer for layer in network.layers if layer.name.startswith(start)]
    steps = [layer for layer in inside if "weight" in layer.params]
    bent = {layer.name for layer in inside if layer.op == "relu6"}
    _, rows, columns, _ = shapes[inside[-1].name]
    macs = sum(row.count for row in ledger(network).only("macs") if row.layer.startswith(start))
    return {
        "side": rows,
        "channels": [shapes[layer.name][-1] for layer in (network[steps[0].inputs[0]], *steps)],
        "steps": [(layer.name.removeprefix(start), f"{layer.name}.activation" in bent)
                  for layer in steps],
        "products": macs // (rows * columns),
        "added": any(layer.op == "add" for layer in inside),
    }  # fmt: skip


def draw(**parameters: Any) -> Figure:
    """V1 above V2, the depthwise layers below one another."""
    n = data(**parameters)
    scale = TALLEST / max(max(block["channels"]) for block in n.values())
    with settings():
        figure, axes = canvas(318)
        for (name, block), middle in zip(n.items(), (82, 218), strict=True):
            side, first = block["side"], 4 - len(block["channels"])
            write(axes, 8, middle - 66, f"{name}, maps of {side} × {side}", ha="left", bold=True)
            _bars(axes, block, middle, LEFT + first * STEP, scale)
            end = f"{block['products']:,} products a pixel"
            write(axes, 352, middle - 66, end, ha="right", size=SMALL)
        if n["V2"]["added"]:
            _shortcut(axes, 218, 218 + 68, scale * n["V2"]["channels"][0] / 2)
        write(axes, 180, 306, "height of a bar: channels", size=SMALL)
    return figure


def _bars(axes: Axes, block: dict[str, Any], middle: float, left: float, scale: float) -> None:
    """A block's maps, and between them its steps."""
    for place, channels in enumerate(block["channels"]):
        x, high = left + place * STEP, scale * channels
        rectangle(axes, x, middle - high / 2, BAR, high, BLUE if high > 0.4 * TALLEST else SAND)
        write(axes, x + BAR / 2, middle - high / 2 - 8, str(channels), size=SMALL)
        if place == len(block["steps"]):
            break
        name, bent = block["steps"][place]
        start, end = x + BAR + 4, x + STEP - 4
        arrow(axes, (start, middle), (end, middle))
        word, _, size = NAMES[name].partition(" ")
        write(axes, (start + end) / 2, middle - 20, f"{word}\n{size}", size=SMALL)
        write(axes, (start + end) / 2, middle + 14, "ReLU6" if bent else "nothing", size=SMALL)


def _shortcut(axes: Axes, middle: float, low: float, half: float) -> None:
    """From the first bar below the others to the last one."""
    first, last = LEFT + BAR / 2, LEFT + 3 * STEP + BAR / 2
    segments(axes, [((first, middle + half), (first, low)), ((first, low), (last, low))],
             ORANGE, 1.6)  # fmt: skip
    arrow(axes, (last, low), (last, middle + half + 2), colour=ORANGE, width=1.6)
    write(axes, (first + last) / 2, low - 9, "the input is added", size=SMALL, colour=INK)
