"""A recipe's normalisation as the numbers that the kernel `preprocess` takes.

>>> [(field.name, field.value) for field in parameters_of("caffe").fields][1:]
[('scale', (0.01..., 0.01..., 0.01..., 0.0)), ('blueFirst', 1)]

The numbers are not typed a second time: black, white and red are put through the recipe itself.
What a recipe does before, its geometry, is left to the host: the kernel's picture has the
network's size already.
"""

from __future__ import annotations

import numpy as np

from refnet.metal.program import Inline, inline
from refnet.preprocessing import RECIPES

DIGITS = 7  # what a float32 holds; the recipes' own numbers have six


def parameters_of(recipe: str) -> Inline:
    """(255 p - mean) * scale for red, green, blue, and which of them comes first.

    >>> mean, scale, order = parameters_of("tf-slim").fields
    >>> mean.value, order.value
    ((127.5, 127.5, 127.5, 0.0), 0)
    """
    if recipe not in RECIPES:
        raise ValueError(f"preprocessing: {recipe!r}, expected one of {', '.join(RECIPES)}")
    colours = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0]], np.uint8)
    black, white, red = RECIPES[recipe].normalise(colours[np.newaxis])[0].astype(np.float64)
    blue_first = bool(red[0] == black[0])
    scale = (white - black) / 255
    mean = -black / scale
    if blue_first:
        mean, scale = mean[::-1], scale[::-1]
    members = [("mean", "float4", _four(mean)), ("scale", "float4", _four(scale))]
    return inline("PreprocessParams", [*members, ("blueFirst", "uint", int(blue_first))])


def _four(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, ...]:
    """Three colours, and 0 for alpha."""
    return *(float(f"{value:.{DIGITS}g}") for value in values), 0.0
