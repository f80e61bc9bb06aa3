r"""Claims as a chapter shows them: a table for a reader who has not seen how a claim is stored.

>>> print(row(judge(find(["ratio-1024"])[0])))
| Cost ratio at $N = 1024$, $D_K = 3$. *(lecture 3.5)* | 0.112 | 0.11209 | **HOLDS** |

The table of claims (`refnet.apps.claims`) keeps formulas as plain text, in the letters of their
sources, and turns "always" into a count of exceptions, so that a program can judge it. Here the
formulas are mathematics in the book's letters, and the counts are said in words.
"""

from __future__ import annotations

import re
from itertools import groupby

from refnet.apps.claims import listing as printed
from refnet.apps.claims.table import find
from refnet.apps.claims.verdicts import Claim, Judgement, judge
from refnet.reading.words import Words

HEAD = "| Claim | Printed | Computed | Verdict |\n|---|---|---|---|"
LONG = 9  # figures: a list of so many is not printed a second time where nothing in it differs
_COUNTED = re.compile(r"Counted: exceptions(?:, in (\d+) small cases, by (.+?))?\.(?: |$)")

# What a word of a formula is made of, and what makes a formula of several such words. The sources
# call the sides Dk and Dp (of the output); the book calls them D_K and D_G.
_PART = re.compile(r"[(\[]*(?:D[kp]|Gx|[Aa]lpha|rho|[MNnx]|-?\d[\d.]*|[-+*/^=()\[\]T])+")
_FORMULA = re.compile(r"D[kp]|Gx|\^| = |N \+")
_ALONE = re.compile(r"\b(alpha|rho)\b(?!\^| =)")  # and not in a formula
_LETTERS = {"Dk": "D_K", "Dp": "D_G", "alpha": r"\alpha", "Alpha": r"\alpha", "rho": r"\rho"}


def claim(*ids: str) -> Words:
    """What a source says, what comes out when it is recomputed, and the verdict that follows.

    >>> claim("ratio-1024")
    ratio-1024                   HOLDS       lecture 3.5  0.112                  0.11209
        Cost ratio at N = 1024, Dk = 3.

    ids: names from `refnet claims`. Raises ValueError for one that is not there.
    """
    if not ids:
        raise ValueError("ids: none, expected a claim's name; `refnet claims` lists them")
    judged = [judge(found) for found in find(ids)]
    text = "\n".join(map(printed.entry, judged))
    return Words("\n".join([HEAD, *map(row, judged)]), text)


def row(judged: Judgement) -> str:
    """One claim as a row of a Markdown table."""
    return f"| {' | '.join(cells(judged))} |"


def cells(judged: Judgement) -> tuple[str, str, str, str]:
    """The cells of that row, in Markdown: claim, printed, computed, verdict."""
    claim, remark = judged.claim, printed.remark(judged)
    said, found = list(claim.printed), _computed(judged)
    if counts_exceptions(claim):
        (number,) = found
        said = ["never" if claim.says.endswith(": never") else "always"]
        exceptions = f"{number} exception{'' if number == '1' else 's'}"
        counted = _COUNTED.search(remark)
        found = [exceptions]
        if counted and counted[1]:
            found = [f"checked on {counted[1]} shapes: {exceptions}"]
        by = f"Counted by {counted[2]}. " if counted and counted[2] else ""
        remark = _COUNTED.sub(by, remark).replace(": exceptions.", ".").strip()
    elif said == ["0"] and claim.says.endswith(": none"):
        said = ["none"]
    elif len(found) >= LONG and [f.replace(",", "") for f in found] == said:
        found = [f"the same, all {len(found)}"]
    printed_as, comes_to = _set("; ".join(said)), _set("; ".join(found))
    return f"{_set(remark)} *({claim.source})*", printed_as, comes_to, f"**{judged.verdict.name}**"


def counts_exceptions(claim: Claim) -> bool:
    """Whether the figure of a claim is the number of exceptions to what it says."""
    return bool(_COUNTED.match(claim.note)) or claim.says.endswith(": exceptions")


def mathematics(text: str) -> str:
    r"""Prose with its formulas marked as such.

    >>> print(mathematics("Products: M*Dp^2 at N = 4, of 4.2 M; a 3 x 3 kernel, 9 x."))
    Products: $M \cdot D_G^2$ at $N = 4$, of 4.2 M; a 3 × 3 kernel, 9 ×.
    """
    words = []
    text = _ALONE.sub(lambda found: f"${_LETTERS[found[0]]}$", text)
    for word in text.split(" "):
        bare = word.rstrip(".,:;")
        words.append((bare, word[len(bare) :], bool(_PART.fullmatch(bare))))
    runs, run = [], 0
    for _, end, part in words:  # a formula ends with its punctuation
        runs.append((run, part))
        run += bool(end) or not part
    out = []
    for (_, part), group in groupby(zip(runs, words, strict=True), key=lambda pair: pair[0]):
        found = [word for _, word in group]
        whole, end = " ".join(bare for bare, _, _ in found), found[-1][1]
        set_apart = part and (_FORMULA.search(whole) or whole == "N")
        out.append(f"${_formula(whole)}${end}" if set_apart else f"{whole}{end}")
    return re.sub(r"(?<=\d) x(?= \d|\b)", " ×", " ".join(out))


def _formula(text: str) -> str:
    text = re.sub(r"Dk|Dp|[Aa]lpha|rho", lambda found: _LETTERS[found[0]], text)
    text = text.replace("Gx", "G_x").replace("*", r" \cdot ").replace(" x ", r" \times ")
    return re.sub(r"(?<=\d) (?=-?\d)", r"\\ ", text)


def _computed(judged: Judgement) -> list[str]:
    pairs = zip(judged.claim.figures(), judged.plain, strict=bool(judged.plain))
    return [figure.show(value) for figure, value in pairs] or ["-"]  # a measurement has none


def _set(text: str) -> str:
    """Markdown: a bar would end a cell, and two tildes strike out what is between them."""
    return mathematics(text.replace(printed.NO_BREAK, " ").replace("|", r"\|").replace("~", r"\~"))
