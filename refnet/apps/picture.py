"""The picture that `refnet classify --plot` draws: each photo beside its bars."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from refnet import image
from refnet.checkpoints.files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from refnet.apps.classify import Answer

MOST = 20  # photos in one picture; more could not be read
LONGEST = 1200  # pixels of a photo's longer side: what is drawn has fewer
COLOURS = ("#3b6ea8", "#c1662b", "#4f8a4c", "#8a5a9c")


def check(path: Path, photos: int) -> None:
    """Refuse, before any work is done, a file that could not be drawn."""
    endings = Figure().canvas.get_supported_filetypes()
    if path.suffix.lstrip(".").lower() not in endings:
        known = ", ".join(sorted(endings))
        raise ValueError(f"--plot: {str(path)!r}, expected a name that ends in one of {known}")
    if photos > MOST:
        raise ValueError(f"--plot: {photos} photos, expected at most {MOST}")
    if not path.parent.is_dir():
        raise ValueError(f"--plot: {path.parent} is not a folder")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise ValueError(f"--plot: {path} cannot be written")


def photo_of(path: Path) -> image.Pixels:
    """A photo's pixels, made smaller where it has more than anyone would see.

    A camera's 50 million pixels, drawn as they are, take gigabytes and a minute.
    """
    shown = Image.fromarray(image.read(path))
    shown.thumbnail((LONGEST, LONGEST))
    return np.asarray(shown)


def draw(answered: Sequence[tuple[Path, Sequence[Answer]]], path: Path) -> None:
    """One row a photo: the photo, then one bar chart for each answer."""
    columns = max(len(answers) for _, answers in answered)
    figure = Figure(figsize=(3.2 + 4.2 * columns, 3.1 * len(answered)), layout="constrained")
    grid = figure.subplots(
        len(answered), 1 + columns, squeeze=False, width_ratios=[1.0] + [1.5] * columns
    )
    for axes, (photo, answers) in zip(grid, answered, strict=True):
        axes[0].imshow(photo_of(photo))
        axes[0].set_title(photo.name, fontsize=10)
        axes[0].axis("off")
        for number, answer in enumerate(answers):
            _bars(axes[1 + number], answer, COLOURS[number % len(COLOURS)])
    written = io.BytesIO()
    with warnings.catch_warnings():  # a letter that the font lacks is drawn as a box
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(written, format=path.suffix.lstrip(".").lower(), dpi=120)
    write_whole(path, written.getvalue())


def _bars(axes: Axes, answer: Answer, colour: str) -> None:
    """The guesses, the surest on top, names written beside their bars."""
    rows = range(len(answer.top))
    axes.barh(rows, [guess.probability for guess in answer.top], color=colour, height=0.72)
    for row, guess in zip(rows, answer.top, strict=True):
        inside = guess.probability > 0.5
        axes.text(
            guess.probability - 0.015 if inside else guess.probability + 0.015,
            row,
            f"{guess.label}  {guess.probability:.3f}",
            va="center",
            ha="right" if inside else "left",
            color="white" if inside else "#333333",
            fontsize=9,
        )
    axes.set(xlim=(0, 1), yticks=[])
    axes.invert_yaxis()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.set_title(
        f"{answer.model}  ({answer.preprocessing})\n"
        f"{answer.macs / 1e6:.1f} M MACs, {answer.parameters / 1e6:.2f} M parameters, "
        f"{answer.seconds * 1e3:.0f} ms",
        fontsize=9,
    )
