"""What the worker calls first: a session whose words go out, and who brings large files."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from refnet import supply

from .cells import Message, Session


class Page(Session):
    """A page's cells, and the functions that a page calls by name."""

    def call(self, name: str, given: dict[str, Any]) -> str:
        """Call `module.function` of this folder; its answer, plain data, as JSON."""
        module, _, function = name.partition(".")
        called = getattr(import_module(f".{module}", __package__), function)
        return json.dumps(called(self.say, **given))


def session(say: Callable[[str], None], bring: Callable[[str], Any]) -> Page:
    """The page's one session. say: takes JSON. bring: a file of the page's by name, or None."""
    os.environ["MPLBACKEND"] = "agg"

    def brought(name: str) -> bytes | None:
        found = bring(name)
        return None if found is None else bytes(found.to_py())

    def spoken(message: Message) -> None:
        say(json.dumps(message))

    supply.supply(brought)
    page = Page(spoken)
    sys.modules["__main__"] = page.module  # whose names functions and classes of cells belong to
    return page
