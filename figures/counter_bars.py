"""What counting tools print for MobileNet V2, each figure as the parts that it is made of."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from figures.shapes import rectangle, segments
from figures.style import BLUE, EDGE, ORANGE, SAND, SMALL, canvas, settings, write
from refnet.cost.counters import TOOLS, as_tool, terms
from refnet.models import build

ALT = (
    "Ten bars, one for each figure that papers and tools print for MobileNet V2, from 299.7 to "
    "615.0 million. Eight of them lie near 300 million: multiply-accumulates, and at the end of "
    "the longer ones a piece for batch norm, two or four operations an element, and smaller ones "
    "for activations and the pool. Two are twice as long: they count a multiplication and an "
    "addition apart."
)
PARTS = {
    "multiply-accumulates": ("macs", "executed macs"),
    "batch norm": ("batch norm", "gamma", "beta"),
    "activations, pool, biases": (
        "activations", "pooled", "pooling outputs", "bias additions",
    ),
}  # fmt: skip
FILLS = (BLUE, ORANGE, SAND)
LEFT, ROOM, ROW = 96.0, 206.0, 20.0  # points: where bars begin, of the longest, to the next


def data(model: str = "v2", alpha: float = 1.0, resolution: int = 224) -> dict[str, Any]:
    """For each tool its parts, the smallest figure first; and what a tool calls it.

    >>> tools = data()["tools"]
    >>> list(tools)[0], sum(tools["executed"]), list(tools)[-1], sum(tools["calflops"])
    ('executed', 299676304, 'calflops', 614967488)
    """
    network = build(model, alpha=alpha, resolution=resolution)
    counting = [tool for tool in TOOLS.values() if tool.prints != "parameters"]
    tools = {}
    for tool in sorted(counting, key=lambda tool: as_tool(network, tool.name)):
        found = terms(network, tool.name)
        tools[tool.name] = [
            sum(count for term, count in found if term.kind in kinds) for kinds in PARTS.values()
        ]
    return {"tools": tools, "macs": as_tool(network, "papers")}


def draw(**parameters: Any) -> Figure:
    """A bar a tool; a line at the multiply-accumulates."""
    n = data(**parameters)
    with settings():
        figure, axes = canvas(66 + ROW * len(n["tools"]))
        scale = ROOM / max(map(sum, n["tools"].values()))
        write(axes, 352, 10, "millions", ha="right", size=SMALL)
        for row, (tool, parts) in enumerate(n["tools"].items()):
            y = 20 + ROW * row
            write(axes, LEFT - 6, y + 8, tool, ha="right", size=SMALL)
            x = LEFT
            for part, fill in zip(parts, FILLS, strict=True):
                if part:
                    rectangle(axes, x, y + 1, scale * part, 14, fill)
                x += scale * part
            write(axes, 352, y + 8, f"{sum(parts) / 1e6:.1f}", ha="right", size=SMALL, bold=True)
        bottom = 20 + ROW * len(n["tools"])
        x = LEFT + scale * n["macs"]
        segments(axes, [((x, 16), (x, bottom))], EDGE, 1.0)
        for k, (name, fill) in enumerate(zip(PARTS, FILLS, strict=True)):
            left, line = (8, 150, 8)[k], bottom + 14 + 18 * (k // 2)
            rectangle(axes, left, line - 5, 10, 10, fill)
            write(axes, left + 14, line, name, ha="left", size=SMALL)
    return figure
