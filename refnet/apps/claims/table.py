"""The one table of claims, and how a claim is found in it.

>>> find(["macs-v1"])[0].printed
('569 M',)
>>> find(["mac-v2"])
Traceback (most recent call last):
...
ValueError: claim: 'mac-v2' is not known; close to it: macs-v2, macs-v1, accuracy-v2
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from refnet.apps.claims import (
    architecture,
    counts,
    formulas,
    images,
    measured,
    papers,
    table1,
    tasks,
)
from refnet.apps.claims.verdicts import Claim

CLAIMS: tuple[Claim, ...] = (
    *counts.CLAIMS,
    *architecture.CLAIMS,
    *table1.CLAIMS,
    *formulas.CLAIMS,
    *images.CLAIMS,
    *measured.CLAIMS,
    *papers.CLAIMS,
    *tasks.CLAIMS,
)


def find(ids: Sequence[str]) -> tuple[Claim, ...]:
    """The claims of these ids, in the order asked for; all of them where none is named."""
    known = {claim.id: claim for claim in CLAIMS}
    for wanted in ids:
        if wanted not in known:
            close = ", ".join(get_close_matches(wanted, known, n=3, cutoff=0.5))
            hint = f"close to it: {close}" if close else "`refnet claims` lists them"
            raise ValueError(f"claim: {wanted!r} is not known; {hint}")
    return tuple(known[wanted] for wanted in dict.fromkeys(ids)) if ids else CLAIMS
