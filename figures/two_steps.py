"""The depthwise separable convolution: one step that does two things, and two that do one each."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.block import Block
from figures.shapes import arrow
from figures.style import BLUE, ORANGE, PLUM, SAND, SMALL, TITLE, canvas, fits, settings, write
from refnet.cost import formulas

ALT = (
    "Above, a standard convolution: a map of M channels, N kernels of D_K by D_K by M, an output "
    "of N channels, in one step. Below, a depthwise separable one in two steps: M filters of D_K "
    "by D_K, one for each channel, give M filtered channels; then N kernels of 1 by 1 by M "
    "combine these into N channels. With three channels in and out and 3 by 3 kernels it is 81 "
    "products a pixel against 27 and 9, together 36."
)


def data(D_K: int = 3, M: int = 3, N: int = 3) -> dict[str, Any]:
    """Products a pixel, all taps counted; as many as there are weights.

    >>> data()
    {'D_K': 3, 'M': 3, 'N': 3, 'standard': 81, 'depthwise': 27, 'pointwise': 9, 'separable': 36}
    """
    return {
        "D_K": D_K,
        "M": M,
        "N": N,
        "standard": formulas.standard_macs(D_K, M, N, 1),
        "depthwise": formulas.depthwise_macs(D_K, M, 1),
        "pointwise": formulas.pointwise_macs(M, N, 1),
        "separable": formulas.separable_macs(D_K, M, N, 1),
    }


def draw(**parameters: Any) -> Figure:
    """The standard convolution above, the separable one below."""
    n = data(**parameters)
    for name in ("D_K", "M", "N"):
        fits(n[name], {"D_K": 7}.get(name, 4), name)
    with settings():
        figure, axes = canvas(356)
        _standard(axes, n, 66)
        _separable(axes, n, 222)
    return figure


def _standard(axes: Axes, n: dict[str, Any], y: float) -> None:
    write(axes, 8, y - 46, "standard: one step", size=TITLE, bold=True, ha="left")
    _map(axes, 8, y, n["M"], SAND, "$M$ channels")
    room = 138 / n["N"]
    side, back = (part * min(1, (room - 4) / 42) for part in (27, 14))
    for i in range(n["N"]):
        x = 116 + room * i
        Block.fitting(x, y + 2, n["D_K"], n["M"], side, back).draw(axes, [PLUM] * n["M"])
    write(axes, 180, y + 56, r"$N$ kernels, $D_K \times D_K \times M$", size=SMALL)
    arrow(axes, (74, y + 17), (106, y + 17))
    arrow(axes, (252, y + 17), (284, y + 17))
    _map(axes, 290, y, n["N"], PLUM, "$N$ channels")
    write(axes, 180, y + 82, f"$D_K^2 \\cdot M \\cdot N$ = {n['standard']} products a pixel")


def _separable(axes: Axes, n: dict[str, Any], y: float) -> None:
    write(axes, 8, y - 46, "depthwise separable: two steps", size=TITLE, bold=True, ha="left")
    for x, depth, fill, words in (
        (8, "M", SAND, "$M$ channels"),
        (150, "M", ORANGE, "$M$ channels"),
        (290, "N", BLUE, "$N$ channels"),
    ):
        _map(axes, x, y, n[depth], fill, words)
    room = 78 / n["M"]
    for i in range(n["M"]):
        side = min(21, room - 5)
        filter_ = Block.fitting(96, y - 16 + room * i, n["D_K"], 1, side, 3.5)
        filter_.draw(axes, [ORANGE])
    room = 78 / n["N"]
    for i in range(n["N"]):
        side = min(9, room / 2)
        kernel = Block.fitting(246, y - 6 + room * i, 1, n["M"], side, min(13.5, room - side))
        kernel.draw(axes, [BLUE] * n["M"])
    for start, end in ((72, 91), (125, 145), (214, 240), (267, 285)):
        arrow(axes, (start, y + 17), (end, y + 17))
    write(axes, 108, y + 72, "$M$ filters", size=SMALL)
    write(axes, 108, y + 86, r"$D_K \times D_K$", size=SMALL)
    write(axes, 254, y + 72, "$N$ kernels", size=SMALL)
    write(axes, 254, y + 86, r"$1 \times 1 \times M$", size=SMALL)
    write(axes, 108, y + 106, f"$D_K^2 \\cdot M$ = {n['depthwise']}")
    write(axes, 180, y + 106, "+")
    write(axes, 254, y + 106, f"$M \\cdot N$ = {n['pointwise']}")
    write(axes, 180, y + 126, f"together {n['separable']} products a pixel")


def _map(axes: Axes, x: float, y: float, depth: int, fill: str, words: str) -> None:
    Block.fitting(x, y, 4, depth, side=44, back=18).draw(axes, [fill] * depth)
    write(axes, x + 28, y + 56, words, size=SMALL)
