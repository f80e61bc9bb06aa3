"""One network's err/bound, layer by layer, as an SVG drawing: a mark a layer, a logarithmic axis.

What a logarithm has no place for gets its own: 0 below the axis, infinity above it. A wrong layer
is a cross and red, a right one a dot and blue; the drift of the whole run is a dashed line.

>>> from refnet.oracle.adapters.ops import Ops
>>> from refnet.oracle.check import ask
>>> from refnet.oracle.suites import questions
>>> plot(ask(Ops(), next(questions("ops")), Ops.arithmetic)[0]).count('class="held"')
1
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from refnet.oracle.junit import named
from refnet.oracle.markup import element, escaped, number
from refnet.oracle.results import LayerResult, Result

WIDTH, HEIGHT = 960, 270  # of the drawing, in its own units: pixels on a page that wide
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 14, 26
SLOT = 20  # the height of the places for 0 and infinity
FARTHEST = 12  # decades to either side of the bound; what lies beyond is drawn there
LETTER = 6.1  # the width of one, about


def plot(result: Result) -> str:
    """The drawing; hovering over a layer tells its numbers."""
    scale = _Scale.of(result.layers)
    step = (WIDTH - LEFT - RIGHT) / max(len(result.layers), 1)
    at = [LEFT + step * (n + 0.5) for n in range(len(result.layers))]
    columns = [
        _column(layer, x, step, scale.y(layer.verdict.ratio))
        for layer, x in zip(result.layers, at, strict=True)
    ]
    return element(
        "svg",
        *_bands(result, step),
        *_grid(scale),
        *_drift(result, at, scale),
        *columns,
        *_first_bad(result, at, scale),
        class_="plot",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=described(result),
    )


def described(result: Result) -> str:
    """The drawing in words, for who does not see it."""
    wrong = [layer for layer in result.layers if not layer.verdict.holds]
    worst = result.worst
    said = (
        f"err/bound of {len(result.layers)} layers of {result.id}, {result.mode}: "
        f"largest {number(worst.verdict.ratio)} at {worst.layer}, {len(wrong)} wrong"
    )
    return said + (f", the first {wrong[0].layer}" if wrong else "")


@dataclass(frozen=True)
class _Scale:
    """Where a number lies: `low` and `high` are powers of ten."""

    low: int
    high: int
    zero: bool
    infinite: bool

    @classmethod
    def of(cls, layers: tuple[LayerResult, ...]) -> _Scale:
        values = [v for la in layers for v in (la.verdict.ratio, la.free) if not math.isnan(v)]
        powers = [math.log10(v) for v in values if v > 0 and math.isfinite(v)] or [0.0]
        return cls(
            max(min(math.floor(min(powers)), -1), -FARTHEST),
            min(max(math.ceil(max(powers)), 1), FARTHEST),
            any(v == 0 for v in values),
            any(math.isinf(v) for v in values),
        )

    @property
    def top(self) -> float:
        return TOP + SLOT * self.infinite

    @property
    def bottom(self) -> float:
        return HEIGHT - BOTTOM - SLOT * self.zero

    def y(self, value: float) -> float:
        if value == 0:
            return self.bottom + SLOT * 0.6
        if not math.isfinite(value):
            return TOP + SLOT * 0.3
        power = min(max(math.log10(value), self.low), self.high)
        share = (power - self.low) / (self.high - self.low)
        return self.bottom - share * (self.bottom - self.top)

    def ticks(self) -> Iterator[tuple[float, str]]:
        apart = math.ceil((self.high - self.low) / 7)
        for power in range(self.low, self.high + 1):
            if power % apart == 0:
                yield self.y(10.0**power), "1" if power == 0 else f"10{_raised(power)}"
        if self.zero:
            yield self.y(0), "0"
        if self.infinite:
            yield self.y(math.inf), "∞"


def _raised(power: int) -> str:
    return str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _bands(result: Result, step: float) -> Iterator[str]:
    """The blocks of the network, by the first part of their layers' names."""
    x = float(LEFT)
    blocks = groupby(result.layers, key=lambda layer: layer.layer.split(".")[0])
    for n, (name, layers) in enumerate(blocks):
        width = step * sum(1 for _ in layers)
        if n % 2:
            yield element(
                "rect", class_="band", x=f"{x:.1f}", y=TOP, width=f"{width:.1f}",
                height=HEIGHT - TOP - BOTTOM,
            )  # fmt: skip
        short = re.search(r"\d+$", name)
        for label in (name, short[0] if short else ""):
            if label and len(label) * LETTER <= width:
                yield _text(label, x + width / 2, HEIGHT - 9, "middle", "small")
                break
        x += width


def _grid(scale: _Scale) -> Iterator[str]:
    for y, label in scale.ticks():
        kind = "bound" if label == "1" else "grid"
        yield element("line", class_=kind, x1=LEFT, x2=WIDTH - RIGHT, y1=f"{y:.1f}", y2=f"{y:.1f}")
        yield _text(label, LEFT - 7, y + 4, "end", "bound-name" if label == "1" else None)


def _drift(result: Result, at: list[float], scale: _Scale) -> Iterator[str]:
    """The curve, with a gap where a layer's distance is not known."""
    points = zip(result.layers, at, strict=True)
    for known, run in groupby(points, key=lambda point: not math.isnan(point[0].free)):
        if known:
            path = " L".join(f"{x:.1f} {scale.y(layer.free):.1f}" for layer, x in run)
            yield element("path", class_="drift", d=f"M{path}")


def _column(layer: LayerResult, x: float, step: float, y: float) -> str:
    """A layer's mark, and the strip above and below it that shows its tooltip."""
    verdict = layer.verdict
    said = str(verdict) if verdict.exact or not verdict.holds else f"err/bound {verdict.ratio:.3g}"
    told = f"{named(layer)}: {said}; drift {number(layer.free)}"
    if verdict.holds:
        mark = element("circle", class_="held", cx=f"{x:.1f}", cy=f"{y:.1f}", r="3")
    else:
        corner = f"M{x - 5:.1f} {y - 5:.1f}l10 10m0 -10l-10 10"
        mark = element("path", class_="off", d=corner)
    strip = element(
        "rect", class_="hit", x=f"{x - step / 2:.1f}", y=TOP, width=f"{step:.1f}",
        height=HEIGHT - TOP - BOTTOM,
    )  # fmt: skip
    return element("g", element("title", escaped(told)), strip, mark)


def _first_bad(result: Result, at: list[float], scale: _Scale) -> Iterator[str]:
    """The first wrong layer's name below its cross, towards the side that has room."""
    for layer, x in zip(result.layers, at, strict=True):
        if not layer.verdict.holds:
            name = layer.layer if len(layer.layer) <= 40 else layer.layer[:39] + "…"
            before = x > WIDTH / 2
            y, end = scale.y(layer.verdict.ratio) + 20, "end" if before else "start"
            yield _text(name, x + 5 if before else x - 5, y, end, "named")
            return


def _text(text: str, x: float, y: float, anchor: str, kind: str | None) -> str:
    return element(
        "text", escaped(text), x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, class_=kind
    )
