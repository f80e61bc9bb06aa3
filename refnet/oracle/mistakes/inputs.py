"""What the network is fed: layout, colours, scale, orientation."""

from __future__ import annotations

from typing import Any

import numpy as np

from refnet.oracle.situation import Situation, Variants

Array = np.ndarray[Any, Any]


def layout(s: Situation) -> Variants:
    """A buffer of the other order of axes, read as it lies."""
    for name, x in s.inputs.items():
        if x.ndim != 4 or x.shape[3] == 1:
            continue
        B, H, W, M = x.shape
        yield (
            "an NCHW buffer read as NHWC",
            s.with_input(name, x.transpose(0, 3, 1, 2).reshape(x.shape)),
        )
        yield (
            "an NHWC buffer read as NCHW",
            s.with_input(name, x.reshape(B, M, H, W).transpose(0, 2, 3, 1)),
        )


def colours(s: Situation) -> Variants:
    """Blue for red."""
    for name, x in s.inputs.items():
        if x.ndim == 4 and x.shape[3] == 3:
            yield "", s.with_input(name, x[..., ::-1])


_MEAN, _STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])

# How pixels in 0 .. 255 become numbers: (p - mean) / scale, channel by channel.
NORMALISATIONS: dict[str, tuple[Any, Any]] = {
    "-1 .. 1": (127.5, 127.5),
    "0 .. 1": (0.0, 255.0),
    "0 .. 255": (0.0, 1.0),
    "ImageNet's mean and deviation": (255 * _MEAN, 255 * _STD),
    "ImageNet's mean, times 0.017": (np.array([123.68, 116.78, 103.94]), 1 / 0.017),
}


def scale(s: Situation) -> Variants:
    """The image in another scale than the recipe's."""
    for name, x in s.inputs.items():
        if x.ndim != 4 or x.shape[3] != 3:
            continue
        for own, pixels in _as_pixels(x):
            for other, (mean2, scale2) in NORMALISATIONS.items():
                if other != own:
                    yield f"{other} for {own}", s.with_input(name, (pixels - mean2) / scale2)


def _as_pixels(x: Array) -> list[tuple[str, Array]]:
    """The pixels that may have been before each scale: those in 0 .. 255, if any are."""
    every = [(own, x * scale + mean) for own, (mean, scale) in NORMALISATIONS.items()]
    slack = 255 * 2.0**-20  # float32's own roundings in a recipe: at most a few units of 2^-24
    possible = [
        (own, pixels) for own, pixels in every
        if pixels.min() >= -slack and pixels.max() <= 255 + slack
    ]  # fmt: skip
    return possible or every


def picture(s: Situation) -> Variants:
    """Mirrored, upside down, rows for columns, and turned as a camera's file may ask for."""
    for name, x in s.inputs.items():
        if x.ndim == 4:
            yield "upside down", s.with_input(name, x[:, ::-1])
            yield "mirrored", s.with_input(name, x[:, :, ::-1])
            yield "by half a turn", s.with_input(name, x[:, ::-1, ::-1])
            if x.shape[1] == x.shape[2]:
                turned = x.transpose(0, 2, 1, 3)
                yield "rows for columns", s.with_input(name, turned)
                yield "a quarter clockwise", s.with_input(name, turned[:, :, ::-1])
                yield "a quarter counterclockwise", s.with_input(name, turned[:, ::-1])
                yield "about the other diagonal", s.with_input(name, turned[:, ::-1, ::-1])
