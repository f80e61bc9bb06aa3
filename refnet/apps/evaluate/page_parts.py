"""The pieces of the report's page: tables, drawings, photos."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence

from PIL import Image

from refnet import image
from refnet.apps.evaluate.names import Classes
from refnet.apps.evaluate.statistics import Share
from refnet.apps.evaluate.summary import BINS, Mistake, Summary
from refnet.oracle.html_tables import wide
from refnet.oracle.markup import element, escaped

SIDE = 224  # pixels of a thumbnail's longer side: shown at half of that, sharp on fine screens

STYLE = """
table{width:auto;min-width:min(100%,36rem)}
th,td{padding-right:1.2rem}
.under{display:block;color:var(--faint);font-weight:400;font-size:.8125rem}
a{color:inherit}
.beside{display:flex;flex-wrap:wrap;gap:.5rem 2.5rem;align-items:flex-start}
.beside figure{flex:0 1 21rem;margin:0}.beside>div{flex:1 1 22rem;min-width:0}
svg.curve{display:block;width:100%;max-width:21rem;height:auto}
svg.share{display:block;width:11rem;height:1.5rem}
svg .whisker{stroke:var(--right);stroke-width:2}
svg .open{fill:var(--paper);stroke:var(--right);stroke-width:2}
svg .ideal{stroke:var(--ink);stroke-dasharray:4 4;stroke-width:1}
svg .many{fill:var(--line)}
.photos{display:grid;grid-template-columns:repeat(auto-fill,minmax(8.5rem,1fr));gap:.9rem;
margin:.5rem 0 1rem}
.photos figure{margin:0}.photos img,.photos .none{display:block;width:100%;aspect-ratio:1;
object-fit:cover;border-radius:6px;background:var(--panel);border:1px solid var(--line)}
.photos figcaption{margin-top:.3rem;line-height:1.35;overflow-wrap:anywhere}
.photos figcaption span{display:block;margin:0;white-space:normal}
.shares .under{white-space:nowrap}
@media (max-width:40rem){th,td{padding-right:.6rem}table{font-size:.8125rem}
.shares table{min-width:0;width:100%}.shares th[scope=row]{white-space:normal;
overflow-wrap:anywhere}
.shares .under{font-size:.75rem}.shares tr>:last-child{display:none}}
@media print{.photos figure{break-inside:avoid}
.whole::details-content{content-visibility:visible;height:auto}}
"""


def table(
    caption: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    numbers: Iterable[int] = (),
    long: Iterable[int] = (),
) -> str:
    """A table whose cells are markup already; `numbers` and `long` say which columns hold what.

    >>> table("", ["is", "photos"], [["tabby", "2"]], numbers={1}).count('class="n"')
    2
    """
    kinds = {**dict.fromkeys(numbers, "n"), **dict.fromkeys(long, "long")}
    top = [element("th", escaped(h), scope="col", class_=kinds.get(n)) for n, h in enumerate(heads)]
    body = []
    for first, *rest in rows:
        cells = [element("td", cell, class_=kinds.get(n)) for n, cell in enumerate(rest, 1)]
        body.append(element("tr", element("th", first, scope="row"), *cells))
    said = element("caption", element("span", escaped(caption))) if caption else ""
    whole = element(
        "table",
        said,
        element("thead", element("tr", *top)),
        element("tbody", "\n".join(body)),
    )
    return wide(whole, caption or ", ".join(filter(None, heads)))


def folded(summary: str, content: str, *, opened: bool = False, printed: bool = False) -> str:
    """Markup that is shown on demand; printed: and on paper."""
    return element(
        "details",
        element("summary", escaped(summary)),
        content,
        open="" if opened else None,
        class_="whole" if printed else None,
    )


def share(found: Share) -> str:
    """A share, with its interval and its count below it.

    >>> from refnet.apps.evaluate.statistics import wilson
    >>> share(wilson(1, 2))
    '50.0 %<span class="under">9.5 to 90.5</span><span class="under">1 of 2</span>'
    """
    value = f"{100 * found.value:.1f} %" if found.of else "–"
    ends = f"{100 * found.low:.1f} to {100 * found.high:.1f}"
    return value + under(ends) + under(f"{found.count:,} of {found.of:,}")


def under(text: str) -> str:
    """A smaller line below what a cell says."""
    return element("span", escaped(text), class_="under")


def interval(one: Share, five: Share) -> str:
    """Two shares on a line from 0 to 100 %, each with its interval.

    >>> from refnet.apps.evaluate.statistics import wilson
    >>> interval(wilson(1, 2), wilson(2, 2)).count("<circle")
    2
    """
    width, marks = 176, []
    for share, y, kind in ((one, 8, "held"), (five, 17, "open")):
        if share.of:
            left, at, right = (6 + (width - 12) * v for v in (share.low, share.value, share.high))
            marks.append(_line("whisker", left, y, right, y))
            marks.append(element("circle", class_=kind, cx=f"{at:.1f}", cy=y, r=4))
    ends = [_line("grid", x, 2, x, 22) for x in (6, width / 2, width - 6)]
    label = f"top-1 {one.told()}, top-5 {five.told()}"
    return element(
        "svg", *ends, *marks, class_="share", viewBox=f"0 0 {width} 24", role="img",
        aria_label=label,
    )  # fmt: skip


_LEFT, _TOP, _SIDE, _FOOT = 40, 10, 270, 36  # of the calibration curve; the foot is for counts
_BOTTOM = _TOP + _SIDE


def calibration(summary: Summary) -> str:
    """How often it was right against how sure it was; below, how many photos were so."""
    found = list(summary.calibration())
    most = max((each.photos for _, each, _ in found), default=1)
    ideal = _line("ideal", _LEFT, _BOTTOM, _LEFT + _SIDE, _TOP)
    marks = [*_axes(), ideal]
    for n, each, share in found:
        marks.append(_column(n, (_FOOT - 6) * each.photos / most))
        x = _LEFT + _SIDE * each.mean
        low, at, high = (_BOTTOM - _SIDE * v for v in (share.low, share.value, share.high))
        told = f"said {100 * each.mean:.1f} %, right {share.told()}, {each.photos} photos"
        dot = element("circle", class_="held", cx=f"{x:.1f}", cy=f"{at:.1f}", r=4)
        whisker = _line("whisker", x, low, x, high)
        marks.append(element("g", element("title", escaped(told)), whisker, dot))
    said = [f"{100 * e.mean:.0f} % sure, {100 * s.value:.0f} % right" for _, e, s in found]
    size = f"0 0 {_LEFT + _SIDE + 12} {_BOTTOM + _FOOT + 40}"
    label = f"calibration: {'; '.join(said)}"
    return element("svg", *marks, class_="curve", viewBox=size, role="img", aria_label=label)


def _axes() -> list[str]:
    marks = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        x, y = _LEFT + _SIDE * share, _BOTTOM - _SIDE * share
        marks.append(_line("grid", _LEFT, y, _LEFT + _SIDE, y))
        marks.append(_text(f"{100 * share:.0f}", _LEFT - 7, y + 4, "end"))
        marks.append(_text(f"{100 * share:.0f}", x, _BOTTOM + _FOOT + 16, "middle"))
    below = "% sure, and how many photos were so"
    marks.append(_text(below, _LEFT + _SIDE, _BOTTOM + _FOOT + 34, "end"))
    return [*marks, _text("% right", _LEFT + 4, _TOP + 14, "start")]


def _column(n: int, height: float) -> str:
    """A bar for the photos of a bin."""
    height, width = max(1.0, height), _SIDE / BINS
    x, y = f"{_LEFT + width * n + 1:.1f}", f"{_BOTTOM + _FOOT - height:.1f}"
    return element(
        "rect", class_="many", x=x, y=y, width=f"{width - 2:.1f}", height=f"{height:.1f}"
    )


def mistake(found: Mistake, classes: Classes, picture: str | None) -> str:
    """A photo that was called something else, and what."""
    right, said = classes.name(found.label), classes.name(found.said)
    alt = f"a photo of: {right}"
    shown = (
        element("img", src=picture, alt=alt).removesuffix("</img>")
        if picture
        else element("div", class_="none")
    )
    lines = [
        element("span", element("strong", escaped(said)), f" {found.p:.3f}", class_="is-wrong"),
        element("span", "is ", element("strong", escaped(right)), f", ranked {found.rank}"),
        element("span", escaped(found.image.rpartition("/")[2]), class_="faint"),
    ]
    return element("figure", shown, element("figcaption", *lines))


def thumbnail(path: str) -> str | None:
    """The photo, small, as an address that holds all of it; None where it cannot be read now."""
    try:
        picture = Image.fromarray(image.read(path))
    except (ValueError, OSError, MemoryError):
        return None
    picture.thumbnail((SIDE, SIDE))
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(written.getvalue()).decode()


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return element(
        "line", class_=kind, x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}"
    )


def _text(text: str, x: float, y: float, anchor: str) -> str:
    return element("text", escaped(text), x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)
