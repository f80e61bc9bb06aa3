"""Batch norm folded into the convolution before it: two layers become one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.shapes import arrow, rectangle, signed
from figures.style import (
    BLUE,
    ORANGE,
    SAND,
    SMALL,
    TITLE,
    canvas,
    on,
    settings,
    write,
)
from refnet import ops
from refnet.folding import folded_values
from refnet.network import BatchNormAttrs, Layer, PointwiseAttrs

ALT = (
    "Above, two layers: x goes through a convolution with weight w, and its result z through batch "
    "norm, gamma times (z minus mu) over the root of (sigma squared plus epsilon), plus beta. "
    "Below, one convolution with weight w' = w s and bias b' = beta minus mu s, where s is gamma "
    "over that root, gives the same y. With x = 3 both give 17."
)


def data(
    x: float = 3,
    w: float = 2,
    gamma: float = 6,
    beta: float = 5,
    mean: float = 2,
    variance: float = 4,
    epsilon: float = 0,
) -> dict[str, Any]:
    """One channel of one pixel: through both layers, and through the one that is left.

    >>> numbers = data()
    >>> [numbers[name] for name in ("z", "y", "scale", "folded w", "folded b", "folded y")]
    [6, 17, 3, 6, -1, 17]
    """
    vectors = {"gamma": gamma, "beta": beta, "mean": mean, "variance": variance}
    shapes = dict.fromkeys(vectors, (1,))
    conv = Layer("conv", "pointwise_conv2d", ("x",), PointwiseAttrs(), {"weight": (1, 1, 1, 1)})
    norm = Layer("norm", "batch_norm", ("conv",), BatchNormAttrs(epsilon), shapes)
    tensors = {f"norm.{name}": np.array([float(value)]) for name, value in vectors.items()}
    tensors["conv.weight"] = np.full((1, 1, 1, 1), float(w))
    weight, bias = folded_values(conv, norm, tensors)
    pixel = np.full((1, 1, 1, 1), float(x))
    z = ops.pointwise_conv2d(pixel, tensors["conv.weight"])
    numbers = {
        "x": x,
        "w": w,
        **vectors,
        "deviation": math.sqrt(variance + epsilon),
        "z": z.item(),
        "y": ops.batch_norm(z, *(tensors[t] for t in norm.tensor_names()), epsilon=epsilon).item(),
        "scale": (weight / w).item(),
        "folded w": weight.item(),
        "folded b": bias.item(),
        "folded y": ops.pointwise_conv2d(pixel, weight, bias).item(),
    }
    return {name: int(n) if n == int(n) else n for name, n in numbers.items()}


def draw(**parameters: Any) -> Figure:
    """The two layers above, the one below, and between them how it is made."""
    n = {name: signed(value) for name, value in data(**parameters).items()}
    of = {name: f"({value})" if value[0] == "−" else value for name, value in n.items()}
    with settings():
        figure, axes = canvas(298)
        write(axes, 8, 14, "two layers", size=TITLE, bold=True, ha="left")
        convolution = ("convolution", "$w x$", f"{of['w']} · {of['x']}")
        norm = (
            "batch norm",
            r"$\gamma (z - \mu) / \sqrt{\sigma^2 + \varepsilon} + \beta$",
            f"{of['gamma']} · ({n['z']} − {of['mean']}) / {n['deviation']} + {of['beta']}",
        )
        _box(axes, 42, 30, 80, SAND, convolution)
        _box(axes, 162, 30, 156, ORANGE, norm)
        _flow(axes, 60, [(26, 38), (126, 158), (322, 334)])
        _between(axes, n)
        write(axes, 8, 206, "one layer", size=TITLE, bold=True, ha="left")
        folded = ("convolution", "$w' x + b'$", f"{of['folded w']} · {of['x']} + {of['folded b']}")
        _box(axes, 110, 222, 140, BLUE, folded)
        _flow(axes, 252, [(26, 106), (254, 334)])
        for y, result in ((60, "y"), (252, "folded y")):
            _value(axes, 14, y, "$x$", n["x"])
            _value(axes, 346, y, "$y$", n[result])
        _value(axes, 142, 60, "$z$", n["z"])
    return figure


def _between(axes: Axes, n: dict[str, str]) -> None:
    """What the new weight and bias are made of."""
    s = r"$s = \gamma / \sqrt{\sigma^2 + \varepsilon}$"
    write(axes, 180, 118, f"{s} = {n['scale']}")
    write(axes, 180, 142, f"$w' = w s$ = {n['folded w']}")
    write(axes, 180, 166, f"$b' = \\beta - \\mu s$ = {n['folded b']}")
    arrow(axes, (82, 94), (130, 218), bend=0.25)
    arrow(axes, (278, 94), (230, 218), bend=-0.25)


def _box(
    axes: Axes, x: float, y: float, width: float, fill: str, words: tuple[str, str, str]
) -> None:
    """A layer: its name, its formula, its formula in numbers."""
    rectangle(axes, x, y, width, 60, fill)
    for n, line in enumerate(words):
        middle = (x + width / 2, y + 12 + 18 * n)
        write(axes, *middle, line, size=SMALL, colour=on(fill), bold=n == 0)


def _flow(axes: Axes, y: float, pairs: list[tuple[float, float]]) -> None:
    for start, end in pairs:
        arrow(axes, (start, y), (end, y))


def _value(axes: Axes, x: float, y: float, name: str, value: str) -> None:
    """What flows, above the arrow, and in numbers below."""
    write(axes, x, y - 10, name)
    write(axes, x, y + 10, value)
