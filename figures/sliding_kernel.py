"""A standard convolution: each kernel reaches through all M channels and gives one channel."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.block import Block
from figures.shapes import arrow
from figures.style import (
    BLUE,
    DARK_WORDS,
    ORANGE,
    PLUM,
    SAND,
    SMALL,
    TITLE,
    canvas,
    fits,
    settings,
    write,
)
from refnet import geometry
from refnet.cost import formulas

ALT = (
    "A standard convolution. On the left a map of D_F by D_F by M cells, in its corner a window "
    "of D_K by D_K that reaches through all M channels. In the middle N kernels, each as large "
    "as the window. On the right the output of D_G by D_G by N cells: the first kernel's sum "
    "over the window is one cell of channel 1, and each kernel fills a channel of its own."
)
KERNELS = (ORANGE, BLUE, PLUM)  # and the output channels that they make


def data(D_F: int = 6, D_K: int = 3, M: int = 3, N: int = 3) -> dict[str, Any]:
    """Sides and products, without padding.

    >>> data()
    {'D_F': 6, 'D_K': 3, 'M': 3, 'N': 3, 'D_G': 4, 'one output': 27, 'all': 1296}
    """
    rows, _ = geometry.axes((D_F, D_F), (D_K, D_K), stride=1, padding="valid")
    return {
        "D_F": D_F,
        "D_K": D_K,
        "M": M,
        "N": N,
        "D_G": rows.output,
        "one output": formulas.standard_macs(D_K, M, 1, D_K, padding="valid"),
        "all": formulas.standard_macs(D_K, M, N, D_F, padding="valid"),
    }


def draw(**parameters: Any) -> Figure:
    """Input, kernels and output from left to right."""
    n = data(**parameters)
    for name, most in (("D_F", 12), ("M", 6), ("N", 6)):
        fits(n[name], most, name)
    kernels_of = [KERNELS[i % len(KERNELS)] for i in range(n["N"])]
    with settings():
        figure, axes = canvas(282)
        source = Block.fitting(12, 106, n["D_F"], n["M"], side=84, back=22)
        source.draw(axes, [SAND] * n["M"])
        source.part(axes, 0, 0, n["D_K"], n["D_K"], [ORANGE] * n["M"])
        source.sides(axes, "$D_F$", "$M$")
        kernels = _kernels(n)
        for kernel, fill in zip(kernels, kernels_of, strict=True):
            kernel.draw(axes, [fill] * n["M"])
        side = source.cell * n["D_G"]
        output = Block.fitting(254, 120, n["D_G"], n["N"], side=side, back=22)
        output.draw(axes, kernels_of)
        output.frame(axes, 0, 0, 1, ORANGE)
        output.sides(axes, "$D_G$", "$N$")
        _arrows(axes, n, source, kernels[0], output)
        _words(axes, n, output)
    return figure


def _kernels(n: dict[str, Any]) -> list[Block]:
    """One below the other, smaller where there are more."""
    room = 174 / n["N"]
    side, back = (part * min(1, (room - 8) / 50) for part in (33, 17))
    return [
        Block.fitting(158, 53 + room * i + back, n["D_K"], n["M"], side, back)
        for i in range(n["N"])
    ]


def _arrows(axes: Axes, n: dict[str, Any], source: Block, first: Block, output: Block) -> None:
    """The window slides; the window and the first kernel make one cell."""
    x, y = source.point(n["D_K"] / 2, n["D_K"])
    room = source.cell * (n["D_F"] - n["D_K"])
    if room >= 36:
        arrow(axes, (x + 4, y), (x + room - 6, y), colour=DARK_WORDS)
        write(axes, x + room / 2, y - 10, "slides", size=SMALL, colour=DARK_WORDS)
    y = first.point(n["D_K"] / 2, 0)[1]
    arrow(axes, (source.point(0, n["D_K"])[0], source.top - 5), (first.x - 6, y), bend=-0.2)
    x, end = output.point(0, 0.5)
    arrow(axes, (first.right + 5, y - 6), (x, end - 3), bend=-0.25)


def _words(axes: Axes, n: dict[str, Any], output: Block) -> None:
    for x, words, shape in (
        (66, "input", r"$D_F \times D_F \times M$"),
        (184, "$N$ kernels", r"$D_K \times D_K \times M$"),
        (298, "output", r"$D_G \times D_G \times N$"),
    ):
        write(axes, x, 12, words, size=TITLE, bold=True)
        write(axes, x, 29, shape)
    write(axes, 298, output.bottom + 38, "kernel $n$ makes\nchannel $n$", size=SMALL)
    one = f"$D_K \\cdot D_K \\cdot M$ = {n['one output']} products"
    write(axes, 180, 258, f"one number of the output: {one}")
    write(axes, 180, 274, f"the whole output: {n['one output']} · $D_G^2$ · $N$ = {n['all']:,}")
