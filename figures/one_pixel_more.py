"""One pixel more: an image of 225 in place of 224 gives V1 larger maps all the way down."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from figures.shapes import rectangle
from figures.style import BLUE, SAND, SMALL, canvas, fits, settings, write
from refnet.cost import macs
from refnet.models import mobilenet_v1

ALT = (
    "The sides of MobileNet V1's maps for an image of 224 pixels, and for one of 225. 224 is "
    "halved to 112, 56, 28, 14 and 7. 225 gives 113, 57, 29, 15 and 8: one more at every step. "
    "The five maps have 2, 4, 7, 15 and 31 percent more pixels. The image has 1 percent more, and "
    "the whole network takes 13 percent more multiply-accumulates."
)
SIDE = 50.0  # points


def data(side: int = 224) -> dict[str, Any]:
    """The sides of the image and of V1's maps, for `side` and one more; what that adds, as shares.

    >>> numbers = data()
    >>> numbers["sides"]
    [[224, 112, 56, 28, 14, 7], [225, 113, 57, 29, 15, 8]]
    >>> [round(share, 3) for share in numbers["added"]], round(numbers["macs"], 3)
    ([0.009, 0.018, 0.036, 0.073, 0.148, 0.306], 0.133)
    """
    networks = [mobilenet_v1(1.0, n, batch_norm=False) for n in (side, side + 1)]
    sides = []
    for n, network in zip((side, side + 1), networks, strict=True):
        maps = [shape[1] for shape in network.shapes().values() if len(shape) == 4]
        sides.append(list(dict.fromkeys([n, *maps])))
    fits(min(map(len, sides)), 6, "maps of different sides", 6)
    added = [b**2 / a**2 - 1 for a, b in zip(*sides, strict=True)]
    return {"sides": sides, "added": added, "macs": macs(networks[1]) / macs(networks[0]) - 1}


def draw(**parameters: Any) -> Figure:
    """Each map in the same size, so that one sees what part of it the extra pixel is."""
    n = data(**parameters)
    few, more = n["sides"]
    with settings():
        figure, axes = canvas(176)
        write(axes, 8, 14, "the five maps, each drawn to the same size", ha="left")
        top, low = 30.0, 30 + SIDE
        for k, (a, b, share) in enumerate(zip(few[1:], more[1:], n["added"][1:], strict=True)):
            x = 62 + (SIDE + 9) * k
            rectangle(axes, x, top, SIDE, SIDE, BLUE)
            rectangle(axes, x, top, SIDE * a / b, SIDE * a / b, SAND)
            middle = x + SIDE / 2
            write(axes, middle, low + 16, f"{a} × {a}", size=SMALL)
            write(axes, middle, low + 33, f"{b} × {b}", size=SMALL)
            write(axes, middle, low + 52, f"+{100 * share:.0f} %", bold=True)
        for k, words in enumerate((f"from {few[0]}", f"from {more[0]}")):
            write(axes, 8, low + 16 + 17 * k, words, ha="left", size=SMALL)
        write(axes, 8, low + 52, "pixels", ha="left", size=SMALL)
        image, all_ = (f"+{100 * share:.0f} %" for share in (n["added"][0], n["macs"]))
        write(axes, 8, low + 82, f"pixels of the image {image}", ha="left")
        write(axes, 352, low + 82, f"multiply-accumulates {all_}", ha="right", bold=True)
    return figure
