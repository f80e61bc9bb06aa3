"""What the tests ask of a drawn figure: its words, where they stand, and on what."""

from __future__ import annotations

from typing import NamedTuple

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from figures.notation import letters


class Word(NamedTuple):
    """A Text that is seen: its letters, its size and colour, its box, and the area below it."""

    letters: str
    size: float
    colour: str
    box: Bbox
    ground: str | None  # None: on the page itself


def words(figure: Figure) -> list[Word]:
    """Every text of a figure, measured in points from its lower left corner."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    found = []
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if text.get_visible() and text.get_text():
            box = text.get_window_extent(renderer)
            found.append(
                Word(
                    letters(text.get_text()),
                    text.get_fontsize(),
                    to_hex(text.get_color()),
                    box,
                    _ground(figure, box),
                )
            )
    return found


def overlapping(found: list[Word]) -> list[tuple[str, str]]:
    """Pairs of texts whose boxes share more than a point in both directions."""
    pairs = []
    for n, one in enumerate(found):
        for other in found[n + 1 :]:
            width = min(one.box.x1, other.box.x1) - max(one.box.x0, other.box.x0)
            height = min(one.box.y1, other.box.y1) - max(one.box.y0, other.box.y0)
            if width > 1 and height > 1:
                pairs.append((one.letters, other.letters))
    return pairs


def _ground(figure: Figure, box: Bbox) -> str | None:
    """The colour of the last area drawn that holds the middle of a box."""
    middle = ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2)
    ground = None
    for axes in figure.axes:
        for patch in axes.patches:
            red, green, blue, opacity = patch.get_facecolor()
            if opacity < 1 or isinstance(patch, FancyArrowPatch):
                continue
            outline = patch.get_path().transformed(patch.get_transform())
            if outline.contains_point(middle):
                ground = to_hex((red, green, blue))
    return ground
