"""Which preprocessing made this tensor? Every named recipe, in every scale and order of colours.

>>> pixels = np.arange(60 * 80 * 3, dtype=np.uint8).reshape(60, 80, 3)
>>> from refnet.preprocessing import preprocess
>>> recognise(preprocess(pixels, "squash", 32)[..., ::-1], pixels)
["squash's geometry, BGR, scaled to -1 .. 1"]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from refnet.oracle.mistakes.inputs import NORMALISATIONS
from refnet.preprocessing import RECIPES

Array = np.ndarray[Any, Any]


def recognise(tensor: Array, pixels: Array) -> list[str]:
    """Every way from `pixels` to `tensor` that is known, in words; none where none fits.

    tensor: (1, H, H, 3), NHWC, or (1, 3, H, H), which is then part of the answer.
    pixels: (H, W, 3) uint8. A way fits where every number agrees to 4 roundings in float32 of
    the scale's own numbers: p - mean and a product or quotient, in either library.
    Two recipes that make the same of this picture are both in the list.
    """
    found = []
    for layout, x in (("", tensor), (", channels first", tensor.transpose(0, 2, 3, 1))):
        if x.shape[-1] != 3 or x.shape[1] != x.shape[2]:
            continue
        for geometry in _geometries():
            made = RECIPES[geometry].geometry(pixels, x.shape[1]).astype(np.float64)
            for scale, (mean, width) in NORMALISATIONS.items():
                expected = (made - mean) / width
                allowed = 4 * 2.0**-24 * (made + abs(mean)) / width
                for colours, turned in (("RGB", x), ("BGR", x[..., ::-1])):
                    if (abs(turned[0] - expected) <= allowed).all():
                        found.append(f"{geometry}'s geometry, {colours}, scaled to {scale}{layout}")
    return found


def _geometries() -> list[str]:
    """One recipe for each geometry: caffe's is torchvision's."""
    seen: dict[Any, str] = {}
    for name, recipe in RECIPES.items():
        seen.setdefault(recipe.geometry, name)
    return list(seen.values())
