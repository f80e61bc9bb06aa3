"""Every claim of the sources, recomputed when the page is made, with its verdict."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from chapters.site.appendices.chapter import Chapter, chapter_links
from refnet.apps.claims.table import CLAIMS
from refnet.apps.claims.verdicts import Judgement, Verdict, judge
from refnet.reading.claims import HEAD, cells

# The sources by the first word of a claim's source, in the order of the page.
SOURCES = {
    "article": ("The article", 'Matthijs Hollemans, "Google\'s MobileNets on the iPhone", 2017.'),
    "lecture": (
        "The lecture",
        '"Understanding of MobileNet", in Deep Learning Bible 2, '
        "[wikidocs.net/165429](https://wikidocs.net/165429). It reprints the article, and its "
        "author's later one on V2.",
    ),
    "V1": (
        "The first paper",
        'Andrew G. Howard and others, "MobileNets", '
        "[arXiv:1704.04861](https://arxiv.org/abs/1704.04861), 2017.",
    ),
    "V2": (
        "The second paper",
        'Mark Sandler and others, "MobileNetV2", '
        "[arXiv:1801.04381](https://arxiv.org/abs/1801.04381), 2018.",
    ),
}
INTRODUCTION = """\
# Every claim and its verdict

What the book's four sources print about MobileNet, and what comes out when it is computed again:
{total} claims. The computing was done when this page was made, by the code that `refnet claims`
runs; `refnet claims ID` shows one of them, and the small name at the end of a claim is its ID.

A printed figure keeps its digits: "569 M" says no more than the nearest million. Of the verdicts
the first that applies is given.
"""


def page(chapters: Sequence[Chapter]) -> str:
    """The page: what the verdicts mean, then a table for each source."""
    judged = sorted(map(judge, CLAIMS), key=lambda j: _place(_source(j)))
    parts = [INTRODUCTION.format(total=len(judged)), _meanings(judged)]
    for source, group in groupby(judged, key=_source):
        title, work = SOURCES.get(source, (source, ""))
        rows = "\n".join(_row(found, chapters) for found in group)
        parts.append(f"## {title}\n\n{work}\n\n```{{container}} claims\n{HEAD}\n{rows}\n```\n")
    return "\n".join(parts)


def _source(judged: Judgement) -> str:
    return judged.claim.source.partition(" ")[0]


def _place(source: str) -> int:
    return list(SOURCES).index(source) if source in SOURCES else len(SOURCES)


def _meanings(judged: Sequence[Judgement]) -> str:
    counted = Counter(found.verdict for found in judged)
    rows = [
        f"| **{v.name}** | {v.value[0].upper()}{v.value[1:]}. | {counted[v]} |" for v in Verdict
    ]
    return "\n".join(["| Verdict | What it means | Claims |", "|---|---|---|", *rows, ""])


def _row(judged: Judgement, chapters: Sequence[Chapter]) -> str:
    """As in a chapter, with the claim's name and the chapters that show it."""
    said, *figures = cells(judged)
    name = judged.claim.id
    shown = [c for c in chapters if re.search(rf"""["']{re.escape(name)}["']""", c.code)]
    where = f" In {chapter_links(shown)}." if shown else ""
    first = f'<span id="claim-{name}"></span>{said}{where} <small>{name}</small>'
    return f"| {' | '.join([first, *figures])} |"
