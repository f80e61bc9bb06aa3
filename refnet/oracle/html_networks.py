"""The networks on the report's page: for each a plot, and a table of every layer folded away.

A network that is bit-equal throughout has nothing to plot, and gets a line.

>>> from refnet.backend import Arithmetic
>>> list(networks(Report("mine", Arithmetic(), ())))
[]
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from refnet.oracle.html_plot import described, plot
from refnet.oracle.html_tables import table, wide
from refnet.oracle.markup import element, escaped, number
from refnet.oracle.results import Report, Result

_SAMPLES = (
    ('<circle class="held" cx="12" cy="6" r="3.5"></circle>', "right: err/bound of a layer"),
    ('<path class="off" d="M7 1l10 10m0 -10l-10 10"></path>', "wrong"),
    ('<path class="bound" d="M0 6h24"></path>', "the bound"),
    ('<path class="drift" d="M0 6h24"></path>', "drift of the whole run (relative)"),
)
_COLUMNS = (
    "equal: the share of elements that are the oracle's, rounded to float32; err/walk: the error "
    "over what independent roundings would leave; condition: how much cancels; drift: how far the "
    "whole run is from the oracle's. Only err/bound is judged by."
)
_HEADS = ("layer", "operation", "err/bound", "equal", "err/walk", "condition", "drift", "in words")


def networks(report: Report) -> Iterator[str]:
    """A section for every network, its ways of being asked together."""
    asked = [result for result in report.results if result.mode != "whole" and result.layers]
    if not asked:
        return
    yield element("h2", "Networks, layer by layer")
    yield element("p", "Each layer is judged on the backend's own input to it.", class_="faint")
    for (suite, kind, name), group in groupby(asked, key=lambda r: (r.suite, r.kind, r.id)):
        modes = list(group)
        heading = [escaped(f"{suite}, {kind}: {name}")]
        if not all(result.holds for result in modes):
            heading.append(element("span", " ✗ wrong", class_="is-wrong"))
        yield element("h3", *heading)
        yield from _modes(modes)


def _modes(modes: list[Result]) -> Iterator[str]:
    """The first way of asking at once; another only if it alone is wrong, else on demand."""
    for n, result in enumerate(modes):
        summary = element("summary", _told(result))
        if _bit_equal(result):
            yield element("details", summary, _layers(result))
        elif n == 0:
            folded = element("summary", f"table of the {len(result.layers)} layers")
            yield element("p", _told(result)) + _figure(result)
            yield element("details", folded, _layers(result), class_="more")
        else:
            alone = not result.holds and all(before.holds for before in modes[:n])
            content = (summary, _figure(result), _layers(result))
            yield element("details", *content, open="" if alone else None)


def _bit_equal(result: Result) -> bool:
    return result.holds and all(layer.verdict.exact for layer in result.layers)


def _told(result: Result) -> str:
    held = sum(layer.verdict.holds for layer in result.layers)
    said = f"{result.mode}: {held} of {len(result.layers)} layers "
    if _bit_equal(result):
        return escaped(said + "bit-equal")
    worst = result.worst
    return escaped(f"{said}right, err/bound {number(worst.verdict.ratio)} at {worst.layer}")


def _figure(result: Result) -> str:
    samples = [
        element("span", element("svg", sample, viewBox="0 0 24 12", aria_hidden="true"), said)
        for sample, said in _SAMPLES
    ]
    drawing = wide(plot(result), described(result))
    return element("figure", drawing, element("figcaption", *samples))


def _layers(result: Result) -> str:
    rows = []
    for layer in result.layers:
        verdict = layer.verdict
        numbers = [number(value) for value in (layer.likely, layer.condition, layer.free)]
        row = [layer.layer, layer.op, number(verdict.ratio), f"{100 * verdict.equal:.1f} %"]
        said = "✓" if verdict.holds else f"✗ {verdict}"
        rows.append((not verdict.holds, [*row, *numbers, said]))
    caption = f"{result.id}, {result.mode}. {_COLUMNS}"
    return table(caption, _HEADS, rows)
