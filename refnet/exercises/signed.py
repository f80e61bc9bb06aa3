"""Lines of results that tell what a submission has added, changed or taken away.

>>> import io
>>> file = io.StringIO()
>>> tell = writer(file, "secret")
>>> tell({"number": "3.1", "kind": "wrong"})
>>> _ = file.write(file.getvalue().replace("wrong", "right"))
>>> told(file.getvalue().splitlines(), "secret")
([{'number': '3.1', 'kind': 'wrong'}], 1)

Each line has a keyed hash of its place and its text, with a secret of the run that stands neither
in the file nor on the command line. The process of a submission has to know it, so that code that
looks for it there finds it: this tells a line that was put in by hand, and is no sandbox.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any, TextIO


def _tag(secret: str, place: int, text: str) -> str:
    return hmac.new(secret.encode(), f"{place} {text}".encode(), hashlib.sha256).hexdigest()


def writer(file: TextIO, secret: str) -> Callable[[dict[str, Any]], None]:
    """What adds lines to a file; an empty one before each, should what is there lack its end."""
    places = count()

    def tell(what: dict[str, Any]) -> None:
        place, text = next(places), json.dumps(what)
        file.write(f"\n{place} {_tag(secret, place, text)} {text}\n")
        file.flush()

    return tell


def told(lines: Iterable[str], secret: str) -> tuple[list[dict[str, Any]], int]:
    """The lines that were written with this secret, in their order; how many were not, or lack."""
    found: list[dict[str, Any]] = []
    strange, due = 0, 0
    for line in filter(None, lines):
        number, _, rest = line.partition(" ")
        tag, _, text = rest.partition(" ")
        place = int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else -1
        # A line that is told twice, or after a later one, was put there.
        if place < due or not hmac.compare_digest(tag.encode(), _tag(secret, place, text).encode()):
            strange += 1
            continue
        strange, due = strange + place - due, place + 1
        found.append(json.loads(text))
    return found, strange
