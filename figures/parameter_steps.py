"""Six right answers to how many parameters MobileNet V1 has, and the steps between them."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any

from matplotlib.figure import Figure

from figures.shapes import rectangle
from figures.style import BLUE, ORANGE, PLUM, SAND, SKY, SMALL, canvas, settings, write
from refnet.cost.ledger import ledger
from refnet.models import mobilenet_v1

ALT = (
    "Six bars for the six counts of MobileNet V1's parameters, from 4,209,088 to 4,254,889; what "
    "they share is cut off at 4.2 million. The first bar is the weights alone. Each of the next "
    "four adds one more number for each of 10,944 channels, the second also a bias for each of "
    "1000 classes. The last adds one class more: 1024 weights and a bias."
)
PARTS = {
    "weights": SKY,
    "class biases": PLUM,
    "a number a channel": ORANGE,
    "another": SAND,
    "one class more": BLUE,
}
ROOM, ROW = 340.0, 37.0  # points: of the longest bar, and from a bar to the next


def data(alpha: float = 1.0, classes: int = 1000) -> dict[str, Any]:
    """For each count its parts: weights, biases of the classes, numbers a channel, a class more.

    >>> [sum(parts) for parts in data()["counts"]]
    [4209088, 4221032, 4231976, 4242920, 4253864, 4254889]
    >>> data()["counts"][1]
    [4209088, 1000, 10944]
    """
    book = ledger(mobilenet_v1(alpha, classes=classes))
    weights, channels = book.total("weights"), book.total("gamma")
    more = ledger(mobilenet_v1(alpha, classes=classes + 1))
    class_ = more.total("weights", "biases") - book.total("weights", "biases")
    counts = [[weights]]
    counts += [[weights, classes, *[channels] * kept] for kept in range(1, 5)]
    counts.append([*counts[-1], class_])
    return {"counts": counts, "classes": classes}


def draw(**parameters: Any) -> Figure:
    """A bar a count, its number beside the words above it."""
    n = data(**parameters)
    counts, classes = n["counts"], n["classes"]
    most, weights = sum(counts[-1]), counts[0][0]
    cut = (weights - (most - weights) // 5) // 1000 * 1000  # what all share is not drawn
    words = (
        "weights alone",
        "and a bias a channel and class",
        "two numbers a channel: gamma, beta",
        "three",
        "four: mean and variance, too",
        f"four, and {classes + 1} classes",
    )
    first, second, channel, other, last = PARTS.values()
    fills = (first, second, channel, other, channel, other, last)
    with settings():
        figure, axes = canvas(60 + ROW * len(counts))
        scale = ROOM / (most - cut)
        for row, (parts, said) in enumerate(zip(counts, words, strict=True)):
            top = 8 + ROW * row
            write(axes, 8, top + 5, said, ha="left", size=SMALL)
            write(axes, 8 + ROOM, top + 5, f"{sum(parts):,}", ha="right", bold=True)
            ends = [cut, *accumulate(parts)]
            for (a, b), fill in zip(pairwise(ends), fills, strict=False):
                rectangle(axes, 8 + scale * (a - cut), top + 14, scale * (b - a), 13, fill)
        y = 8 + ROW * len(counts)
        write(axes, 8, y, f"drawn from {cut:,} on", ha="left", size=SMALL)
        for k, (name, fill) in enumerate(PARTS.items()):
            x, line = (8, 110, 228)[k % 3], y + 20 + 18 * (k // 3)
            rectangle(axes, x, line - 5, 10, 10, fill)
            write(axes, x + 14, line, name, ha="left", size=SMALL)
    return figure
