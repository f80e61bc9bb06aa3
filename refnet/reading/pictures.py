"""Photos, maps and charts as a chapter shows them: a PNG, with words for who does not see it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from refnet import arguments

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]

WIDTH = 6.6  # inches: as wide as the book's column of text
DOTS = 100  # an inch, on the page; the file has SHARPER times as many
SHARPER = 1.5
INK = "#757575"  # the grey that is as clear on white as on a dark page: 4.6 and 4.1 to 1
COLOURS = ("#2f7cb6", "#d9752f", "#8f63a8", "#54894a")
SMALLEST = 5  # points: a number that is written smaller is not read
MIDDLE = 0.46  # of the way from black to white: there white words are as clear as black ones


@dataclass(frozen=True)
class Picture:
    """A PNG and the words that stand for it where it is not seen. width: of the page, in pixels."""

    png: bytes = field(repr=False)
    alt: str
    width: int

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"image/png": self.png}, {"image/png": {"alt": self.alt, "width": self.width}}


def show(
    *pictures: Array | Figure,
    titles: Sequence[str] = (),
    alt: str = "",
    columns: int | None = None,
    height: float = 2.2,
    limits: tuple[float, float] | None = None,
    numbers: bool = False,
) -> Picture:
    """Photos and maps side by side, or one figure, as a picture in the book's style.

    >>> show(np.eye(3), np.ones((3, 3)), titles=["identity", "ones"], numbers=True)
    identity; ones

    pictures: maps (H, W) or (H, W, 1), photos (H, W, 3) of uint8 or of floats from 0 to 1, each
    with one axis of length 1 in front or without it; or one Figure, such as `chart` gives.
    titles: one for each. alt: what the picture shows, for a reader who does not see it; the
    titles, if nothing is said. columns: how many side by side (all). height: of each, in inches.
    limits: the values drawn black and white. If not given, each map has its own: 0 and its
    largest value, or, where some are negative, two that have zero as the grey between.
    numbers: write each value into its pixel.

    Raises ValueError where an array is no picture, where titles are too many or too few, and
    where there are no words.
    """
    if not pictures:
        raise ValueError("pictures: none, expected at least one")
    alt = alt or "; ".join(titles)
    if not alt:
        raise ValueError("alt: missing; say in words what the picture shows, or give titles")
    maps = [_drawable(p, n) for n, p in enumerate(pictures) if isinstance(p, np.ndarray)]
    figures = [p for p in pictures if not isinstance(p, np.ndarray) and hasattr(p, "savefig")]
    if len(figures) == len(pictures) == 1:
        return _png(figures[0], alt)
    if len(maps) < len(pictures):
        kinds = ", ".join(type(p).__name__ for p in pictures)
        raise ValueError(f"pictures: {kinds}; expected arrays, or one matplotlib Figure")
    if titles and len(titles) != len(maps):
        raise ValueError(f"titles: {len(titles)}, expected one for each of {len(maps)} pictures")
    columns = len(maps) if columns is None else columns
    return _png(_side_by_side(maps, titles, columns, height, limits, numbers), alt)


def chart(width: float = 5.0, height: float = 2.8, panels: int = 1) -> tuple[Figure, Any]:
    """An empty figure in the book's style, to plot on and to `show`.

    >>> figure, axes = chart()
    >>> curve = axes.plot([1, 2, 4], [1, 4, 16])
    >>> show(figure, alt="A curve that rises ever faster")
    A curve that rises ever faster

    width, height: in inches; a wider chart has letters too small for a telephone. Returns the
    Figure and its Axes; an array of Axes where there is more than one panel. The ground is
    transparent: it is read on white and on black.
    """
    from matplotlib.figure import Figure

    with _style():
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots(1, panels)


def _drawable(picture: Array, number: int) -> Array:
    """(H, W) float, or (H, W, 3)."""
    a = picture[0] if picture.ndim == 4 and picture.shape[0] == 1 else picture
    if a.ndim == 3 and a.shape[2] == 1:
        a = a[:, :, 0]
    if 0 in a.shape or not (a.ndim == 2 or (a.ndim == 3 and a.shape[2] == 3)):
        raise ValueError(
            f"pictures[{number}]: shape {picture.shape}, expected (H, W), (H, W, 1) or (H, W, 3)"
        )
    if a.ndim == 2:
        return a.astype(np.float64)
    if a.dtype != np.uint8 and (a.min() < 0 or a.max() > 1):
        raise ValueError(
            f"pictures[{number}]: colours from {a.min()} to {a.max()}, "
            f"expected uint8, or floats from 0 to 1"
        )
    return a


def _side_by_side(
    maps: Sequence[Array],
    titles: Sequence[str],
    columns: int,
    height: float,
    limits: tuple[float, float] | None,
    numbers: bool,
) -> Figure:
    from matplotlib.figure import Figure

    columns = min(arguments.check_count(columns, "columns"), len(maps))
    rows = -(-len(maps) // columns)
    ratios = [max(m.shape[1] / m.shape[0] for m in maps[c::columns]) for c in range(columns)]
    height = min(height, (WIDTH - 0.1 * columns) / sum(ratios))
    size = (sum(ratios) * height + 0.1 * columns, rows * (height + (0.3 if titles else 0.1)))
    with _style():
        figure = Figure(figsize=size, layout="compressed")
        figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03)  # type: ignore[union-attr, call-arg]
        grid = figure.subplots(rows, columns, squeeze=False, width_ratios=ratios)
        for n, axes in enumerate(grid.flat):
            axes.set_axis_off()
            if n >= len(maps):
                continue
            axes.set_title(titles[n] if titles else "")
            if maps[n].ndim == 3:
                axes.imshow(maps[n])
                continue
            low, high = limits or _limits(maps[n])
            axes.imshow(maps[n], "gray", vmin=low, vmax=high)
            if numbers:
                _write(axes, maps[n], low + MIDDLE * (high - low), height)
    return figure


def _limits(a: Array) -> tuple[float, float]:
    """What is drawn black and what white: with negative values, zero is the grey between."""
    finite = np.abs(a[np.isfinite(a)])
    most = float(finite.max(initial=0)) or 1.0
    return (-most if (a < 0).any() else 0.0), most


def _write(axes: Axes, a: Array, middle: float, height: float) -> None:
    """Each value into its pixel, as large as fits."""
    words = {place: f"{value:.3g}" for place, value in np.ndenumerate(a)}
    pixel = 72 * height / a.shape[0]  # points
    size = min(9.0, 0.5 * pixel, 1.4 * pixel / max(map(len, words.values())))
    if size < SMALLEST:
        raise ValueError(f"numbers: in a map of {a.shape} they cannot be read; show a part of it")
    for (row, column), word in words.items():
        colour = "#000000" if a[row, column] > middle else "#ffffff"
        axes.text(column, row, word, color=colour, fontsize=size, ha="center", va="center")


def _png(figure: Figure, alt: str) -> Picture:
    from matplotlib.text import Text
    from PIL import Image

    for words in figure.findobj(Text):
        if isinstance(words, Text) and words.get_color() == "black":  # nobody gave it a colour
            words.set_color(INK)
    for axes in figure.axes:
        if legend := axes.get_legend():
            legend.set_frame_on(False)
    written = io.BytesIO()
    with _style():
        figure.savefig(
            written,
            format="png",
            dpi=DOTS * SHARPER,
            transparent=True,
            bbox_inches="tight",
            pad_inches=0.03,
            metadata={"Software": None},
            pil_kwargs={"optimize": True},
        )
    png = written.getvalue()
    return Picture(png, alt, round(Image.open(written).width / SHARPER))


def _style() -> Any:
    """A context: matplotlib's own settings, whatever the reader's are, and the book's."""
    from cycler import cycler
    from matplotlib import style

    ours = {
        "font.size": 9,
        "axes.titlesize": 9,
        "text.color": INK,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": cycler(color=COLOURS),
    }
    return style.context(["default", ours])
