"""The pictures of `refnet detect --plot` and `refnet segment --plot`."""

from __future__ import annotations

import io
from collections.abc import Sequence
from colorsys import hsv_to_rgb
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from refnet.apps.picture import photo_of
from refnet.checkpoints.files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from refnet.apps.detect import Detections
    from refnet.apps.segment import Segments

Colour = tuple[float, float, float, float]


def colour_of(index: int) -> Colour:
    """A class's colour, the same in every picture; neighbours in number are far apart."""
    hue = index * 0.618 % 1  # the golden ratio's steps leave the widest gaps
    return (*hsv_to_rgb(hue, 0.8, 0.85), 1.0)


def detections(answers: Sequence[tuple[Path, Detections]], path: Path) -> None:
    """Each photo with its boxes."""
    figure, places = _grid(len(answers))
    for axes, (photo, answer) in zip(places, answers, strict=False):
        columns, rows = answer.size
        axes.imshow(photo_of(photo), extent=(0, columns, rows, 0))  # boxes count its own pixels
        for thing in reversed(answer.things):
            left, top, right, bottom = thing.box
            colour = colour_of(thing.index)
            frame = Rectangle(
                (left, top), right - left, bottom - top, fill=False, lw=2.2, ec=colour
            )
            axes.add_patch(frame)
            axes.text(
                left,
                top,
                f" {thing.label} {thing.score:.2f} ",
                fontsize=9,
                va="top",
                color="white",
                bbox={"facecolor": colour, "edgecolor": "none", "pad": 1.5},
                clip_on=True,
            )
        axes.set_title(photo.name, fontsize=10)
    _write(figure, path)


def segments(answers: Sequence[tuple[Path, Segments]], path: Path) -> None:
    """Each photo under its mask, with a legend of what is in it."""
    figure, places = _grid(len(answers))
    for axes, (photo, answer) in zip(places, answers, strict=False):
        pixels = photo_of(photo)
        H, W, _ = pixels.shape
        rows, columns = answer.map.shape
        nearest = answer.map[np.ix_(np.arange(H) * rows // H, np.arange(W) * columns // W)]
        numbers = [int(number) for number in np.unique(nearest) if number]
        mask = np.zeros((H, W, 4))
        for number in numbers:
            mask[nearest == number] = (*colour_of(number)[:3], 0.45)
        grey = pixels.mean(axis=2, keepdims=True).repeat(3, axis=2)
        shown = np.where(nearest[..., np.newaxis] > 0, pixels, 0.35 * pixels + 0.65 * grey)
        axes.imshow(shown.astype(np.uint8))
        axes.imshow(mask)
        for number in numbers:
            edge = (nearest == number).astype(float)
            if edge.min() < 1:
                axes.contour(edge, [0.5], colors=[colour_of(number)], linewidths=1.6)
        named = [(answer.names[number], number) for number in numbers]
        patches = [Patch(color=colour_of(number), label=name) for name, number in named]
        if patches:
            axes.legend(handles=patches, loc="lower right", fontsize=8, framealpha=0.85)
        axes.set_title(photo.name, fontsize=10)
    _write(figure, path)


def _grid(count: int) -> tuple[Figure, list[Axes]]:
    """Places for so many photos, at most four a row."""
    columns = min(count, 4)
    rows = -(-count // columns)
    figure = Figure(figsize=(3.6 * columns, 3.4 * rows), layout="constrained")
    places: list[Any] = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in places:
        axes.axis("off")
    return figure, places


def _write(figure: Figure, path: Path) -> None:
    written = io.BytesIO()
    figure.savefig(written, format=path.suffix.lstrip(".").lower(), dpi=120)
    write_whole(path, written.getvalue())
