"""Judged claims as a person or a program reads them.

>>> from refnet.apps.claims.table import find
>>> from refnet.apps.claims.verdicts import judge
>>> print(entry(judge(find(["paper-v1-table2"])[0])))
paper-v1-table2              MISPRINT    V1 Table 2   1.19 %                 1.9056 %
    Share of the first layer in V1's multiply-adds. The rest of the source gives 1.91 %. Two digits
    swapped: as printed, the column adds up to 99.29 %.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from refnet.apps.claims.verdicts import Judgement, Value, Verdict

WIDTH = 100
COLUMNS = (28, 11, 12, 22, 19)  # and a space between them: no line is wider than WIDTH
NO_BREAK = "\N{NO-BREAK SPACE}"  # only while lines are filled
HEADER = ("Claim", "Verdict", "Source", "Printed", "Computed")


def listing(judgements: Sequence[Judgement]) -> str:
    """The table, and how many of each verdict."""
    parts = [_line(HEADER), *map(entry, judgements), "", totals(judgements)]
    return "\n".join(parts)


def entry(judged: Judgement) -> str:
    """One claim: a line of figures, more where they do not fit, and below what is said of them."""
    claim = judged.claim
    cells = (claim.id, judged.verdict.name, claim.source, _joined(claim.printed), _computed(judged))
    columns = [
        textwrap.wrap(cell, width, break_on_hyphens=False) or [""]
        for cell, width in zip(cells, COLUMNS, strict=True)
    ]
    lines = [_line(row) for row in zip_longest(*columns, fillvalue="")]
    said = textwrap.fill(
        remark(judged),
        WIDTH,
        initial_indent="    ",
        subsequent_indent="    ",
        break_on_hyphens=False,
    )
    return "\n".join([*lines, said]).replace(NO_BREAK, " ")


def remark(judged: Judgement) -> str:
    """What the claim says, the reading that decided, and the note."""
    claim = judged.claim
    parts = [f"{claim.says[0].upper()}{claim.says[1:]}."]
    if judged.verdict is Verdict.CONVENTION:
        more = len(judged.readings) - 1
        others = f"; so do {more} other ways" if more > 1 else "; so does one other way"
        parts.append(
            f"What gives it: {judged.readings[0]}, {_shown(judged, judged.decided)}"
            f"{others if more else ''}."
        )
    if judged.verdict is Verdict.MISPRINT:
        parts.append(f"The rest of the source gives {_shown(judged, judged.decided, more=0)}.")
    if claim.beside:
        found = claim.beside().items()
        parts.append(f"Beside it: {'; '.join(f'{float(v):.2f} {name}' for name, v in found)}.")
    return " ".join([*parts, claim.note]).strip()


def totals(judgements: Sequence[Judgement]) -> str:
    """How many of each verdict, and what each means."""
    counted = Counter(judged.verdict for judged in judgements)
    lines = [f"{counted[v]:>5} {v.name:<11}{v.value}" for v in Verdict if counted[v]]
    return "\n".join([*lines, f"{len(judgements):>5} in all"])


def as_data(judged: Judgement) -> dict[str, Any]:
    """A judgement for JSON: exact values are numbers, or strings such as "1033/9216".

    >>> from refnet.apps.claims.table import find
    >>> from refnet.apps.claims.verdicts import judge
    >>> as_data(judge(find(["ratio-1024"])[0]))["computed"]
    ['1033/9216']
    """
    claim = judged.claim
    return {
        "id": claim.id,
        "source": claim.source,
        "says": claim.says,
        "printed": list(claim.printed),
        "computed": [_exact(value) for value in judged.plain],
        "beside": {k: _exact(v) for k, v in claim.beside().items()} if claim.beside else {},
        "verdict": judged.verdict.name,
        "readings": list(judged.readings),
        "decided": [_exact(value) for value in judged.decided],
        "note": claim.note,
    }


def _computed(judged: Judgement) -> str:
    return _shown(judged, judged.plain) if judged.plain else "-"


def _shown(judged: Judgement, values: Sequence[Value], more: int = 2) -> str:
    pairs = zip(judged.claim.figures(), values, strict=True)
    return _joined([figure.show(value, more) for figure, value in pairs])


def _joined(figures: Sequence[str]) -> str:
    """Figures one after the other; none of them is to be broken at the end of a line."""
    return "; ".join(figure.replace(" ", NO_BREAK) for figure in figures)


def _line(cells: Sequence[str]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, COLUMNS, strict=True))
    return " ".join(padded).rstrip()


def _exact(value: Value) -> int | str:
    return value if isinstance(value, int | str) else str(value)
