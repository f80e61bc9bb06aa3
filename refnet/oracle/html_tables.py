"""Tables of the report's page: scrolled sideways where they do not fit, read aloud by their heads.

>>> print(table("Two.", ("layer", "err/bound"), [(False, ["stem", "0.5"])])[:40])
<div class="wide" role="region" tabindex
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from refnet.oracle.markup import element, escaped

NUMBERS = {"right", "not answered", "err/bound", "equal", "err/walk", "condition", "drift"}
LONG = {"in words", "at"}  # texts that may be broken into lines


def table(caption: str, heads: Sequence[str], rows: Iterable[tuple[bool, Sequence[str]]]) -> str:
    """A table; each row is (whether it is bad, its cells as plain text), the first its head."""
    kinds = ["n" if head in NUMBERS else "long" if head in LONG else None for head in heads]
    top = [
        element("th", escaped(head), scope="col", class_="n" if kind == "n" else None)
        for head, kind in zip(heads, kinds, strict=True)
    ]
    body = []
    for bad, cells in rows:
        first, *rest = [escaped(cell) for cell in cells]
        made = [element("th", first, scope="row")]
        made += [element("td", c, class_=k) for c, k in zip(rest, kinds[1:], strict=True)]
        body.append(element("tr", *made, class_="bad" if bad else None))
    whole = element(
        "table",
        element("caption", element("span", escaped(caption))),
        element("thead", element("tr", *top)),
        element("tbody", "\n".join(body)),
    )
    return wide(whole, caption)


def wide(content: str, label: str) -> str:
    """Markup that may be wider than the screen: it scrolls by itself, by keys as well."""
    return element("div", content, class_="wide", role="region", tabindex=0, aria_label=label)
