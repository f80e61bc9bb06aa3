"""A recipe's normalisation as a scale and a bias of each colour, found by showing it colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from refnet.preprocessing import RECIPES

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Affine:
    """A recipe's normalisation: colour c of a pixel becomes scale[c] * colour + bias[c].

    >>> affine_of("tf-slim").scale.round(6).tolist(), affine_of("tf-slim").bias.tolist()
    ([0.007843, 0.007843, 0.007843], [-1.0, -1.0, -1.0])
    """

    order: Literal["RGB", "BGR"]
    scale: Array
    bias: Array


def affine_of(recipe: str) -> Affine:
    """The scale and bias of a recipe, found by showing it black and the three bright colours.

    >>> caffe = affine_of("caffe")
    >>> caffe.order, caffe.scale.round(4).tolist(), (caffe.bias / caffe.scale).round(2).tolist()
    ('BGR', [0.017, 0.017, 0.017], [-103.94, -116.78, -123.68])

    Raises ValueError for an unknown recipe, and for one that mixes colours.
    """
    if recipe not in RECIPES:
        raise ValueError(f"preprocessing: {recipe!r}, expected one of {', '.join(RECIPES)}")
    normalise = RECIPES[recipe].normalise
    shown = np.concatenate([np.zeros((1, 3)), 255 * np.eye(3)])[:, np.newaxis]
    black, *bright = normalise(shown).astype(np.float64)[:, 0]
    gains = (np.array(bright) - black) / 255  # [colour of the picture, channel of the network]
    orders: dict[Literal["RGB", "BGR"], Array] = {"RGB": gains, "BGR": gains[::-1]}
    for order, turned in orders.items():
        if np.count_nonzero(turned) == 3 and np.diagonal(turned).all():
            return Affine(order, np.diagonal(turned).copy(), black)
    raise ValueError(f"preprocessing: {recipe!r} is no scale and bias of each colour")
