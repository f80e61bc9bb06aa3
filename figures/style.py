"""One style for every figure: colours, sizes, a canvas measured in points, and text.

The ground is transparent, so a picture must be readable on white and on black, and printed in
grey. Hence:

* Words and lines on the ground are INK, a grey between the two, with a contrast of 4.5 to white
  and 4 to black. Where the page says that it is dark, the SVG itself turns INK into INK_ON_DARK
  (see `svg`), which has 6 to black, and still 3 to white where the page says wrong.
* Areas have a colour of their own and an edge, and what stands on them is white or nearly black,
  whichever is clearer: `on`.
* The colours differ by at least 30 of 255 when turned to grey. Nothing is said by colour alone.
* A figure is WIDTH points wide, so that on a phone a point is about a pixel, and no letter is
  smaller than SMALL points.
"""

from __future__ import annotations

from typing import Any, Literal

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

WIDTH = 360.0
SMALL, LABEL, TITLE = 10.0, 11.0, 12.0

WHITE, BLACK = "#ffffff", "#121212"  # the grounds: white paper, and a dark page
INK, INK_ON_DARK = "#757575", "#949494"
EDGE = "#777777"  # around areas and between their cells: the same on every page
SAND, SKY, ORANGE, BLUE, PLUM = "#f5dc9a", "#8fbfdd", "#dd7a33", "#3075ad", "#6d3064"
COLOURS = (SAND, SKY, ORANGE, BLUE, PLUM)  # from light to dark
LINES = (BLUE, ORANGE)  # of these a thin line is seen on both grounds
DARK_WORDS = "#1b1b1b"

# What decides the bytes of an SVG, whatever the user's own settings are. Verdana has nearly the
# widths of DejaVu Sans, by which the words were placed.
SETTINGS = {
    "svg.hashsalt": "refnet",
    "svg.fonttype": "none",
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans", "Verdana"],
    "mathtext.fontset": "dejavusans",
    "path.simplify": False,
}


def settings() -> Any:
    """A context in which matplotlib has its own defaults and this style's settings.

    >>> from matplotlib import rcParams
    >>> with settings():
    ...     rcParams["svg.fonttype"]
    'none'
    """
    return style.context(["default", SETTINGS])


def luminance(colour: str) -> float:
    """How light a colour looks, from 0 (black) to 1 (white).

    >>> luminance("#ffffff"), luminance("#000000")
    (1.0, 0.0)

    Source: WCAG 2.2, relative luminance.
    """
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21; 3 is enough for large letters, 4.5 for small.

    >>> contrast("#ffffff", "#000000")
    21.0

    Source: WCAG 2.2, contrast ratio.
    """
    low, high = sorted((luminance(one), luminance(other)))
    return round((high + 0.05) / (low + 0.05), 3)


def grey(colour: str) -> float:
    """The grey of 0 to 255 that a grey printer or screen makes of a colour.

    >>> round(grey(ORANGE)), round(grey(BLUE))
    (138, 106)
    """
    red, green, blue = to_rgb(colour)
    return 255 * (0.2126 * red + 0.7152 * green + 0.0722 * blue)


def on(fill: str) -> str:
    """The colour for words on an area of this colour.

    >>> on(SAND), on(PLUM)
    ('#1b1b1b', '#ffffff')
    """
    return max(DARK_WORDS, WHITE, key=lambda words: contrast(words, fill))


def canvas(height: float, width: float = WIDTH) -> tuple[Figure, Axes]:
    """An empty figure whose one Axes is measured in points, x to the right and y DOWN.

    >>> figure, axes = canvas(100)
    >>> axes.transData.transform((36, 0)).tolist()          # 36 points from the left, at the top
    [36.0, 100.0]
    """
    figure = Figure(figsize=(width / 72, height / 72), dpi=72)
    figure.patch.set_visible(False)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    return figure, axes


def panel(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Two axes to plot on, in a place of the figure given in points from its top left.

    >>> figure, _ = canvas(100)
    >>> float(panel(figure, 36, 10, 180, 60).get_position().x0)
    0.1
    """
    whole_width, whole_height = (float(72 * inches) for inches in figure.get_size_inches())
    bottom = (whole_height - top - height) / whole_height
    axes = figure.add_axes(
        (left / whole_width, round(bottom, 9), width / whole_width, height / whole_height)
    )
    axes.patch.set_visible(False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set(color=INK, linewidth=1)
    axes.tick_params(which="both", color=INK, labelcolor=INK, labelsize=SMALL, width=1, length=3)
    axes.tick_params(which="minor", length=0)
    return axes


def place(axes: Axes, x: float, y: float) -> tuple[float, float]:
    """Where a point of a panel lies on the canvas, once the panel's limits are set.

    >>> figure, _ = canvas(100)
    >>> place(panel(figure, 36, 10, 180, 60), 0, 0)
    (36.0, 70.0)
    """
    right, up = axes.transData.transform((x, y)).tolist()
    figure = axes.get_figure(root=True)
    assert figure is not None
    return round(right, 6), round(float(72 * figure.get_size_inches()[1] - up), 6)


def fits(count: int, most: int, name: str, least: int = 1) -> int:
    """The count, if a figure's layout has the room for it.

    >>> fits(9, 6, "M")
    Traceback (most recent call last):
    ...
    ValueError: M: 9, but this figure has room for 1 to 6
    """
    if not least <= count <= most:
        raise ValueError(f"{name}: {count}, but this figure has room for {least} to {most}")
    return count


def write(
    axes: Axes,
    x: float,
    y: float,
    words: str,
    *,
    size: float = LABEL,
    colour: str = INK,
    ha: Literal["left", "center", "right"] = "center",
    va: Literal["top", "center", "baseline", "bottom"] = "center",
    bold: bool = False,
    **more: Any,
) -> list[Text]:
    """Words at a place of a canvas; `$...$` is mathematics, a line break begins a new Text.

    >>> figure, axes = canvas(100)
    >>> [text.get_text() for text in write(axes, 50, 50, "a map\\n$D_F \\\\times D_F$")]
    ['a map', '$D_F \\\\times D_F$']

    A Text of one line carries its alignment into the SVG, where the browser measures it anew.
    """
    lines = words.split("\n")
    spacing = 1.3 * size
    first = y - (len(lines) - 1) * spacing * {"center": 0.5, "bottom": 1}.get(va, 0)
    weight = "bold" if bold else "normal"
    return [
        axes.text(
            x, first + n * spacing, line,
            fontsize=size, color=colour, ha=ha, va=va, weight=weight, **more,
        )
        for n, line in enumerate(lines)
    ]  # fmt: skip
