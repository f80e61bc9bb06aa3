"""The checker as it was before a submission ran, and whether an answer calls the reference.

>>> from refnet.exercises import checking
>>> watch, checking.EXAMPLES = Watch(), 0
>>> watch.put_back(), checking.EXAMPLES
(['refnet.exercises.checking.EXAMPLES'], 60)

It sees attributes: of the modules of refnet.exercises, of their classes and functions, and of the
exercises. What is changed inside an object, or in another module, it does not see.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

from refnet.exercises.catalogue import exercises

PACKAGE = "refnet.exercises"
CODE = ("__code__", "__defaults__", "__kwdefaults__")


class Watch:
    """What every name stood for when this was made."""

    def __init__(self) -> None:
        self._was = [(name, owner, _attributes(owner)) for name, owner in _owners()]

    def put_back(self) -> list[str]:
        """Give each name what it stood for; the names for which that was needed."""
        found = []
        for label, owner, was in self._was:
            now = _attributes(owner)
            put, drop = (
                (type.__setattr__, type.__delattr__)
                if isinstance(owner, type)
                else (object.__setattr__, object.__delattr__)
            )
            for name, value in was.items():
                if name not in now or now[name] is not value:
                    put(owner, name, value)
                    found.append(f"{label}.{name}")
            for name in now.keys() - was.keys():
                # A submodule that is imported late, and what Python itself notes down.
                if not isinstance(now[name], ModuleType) and not name.startswith("__"):
                    drop(owner, name)
                    found.append(f"{label}.{name}")
        return sorted(found)


def _owners() -> Iterator[tuple[str, Any]]:
    for exercise in exercises():  # which loads the chapters' modules, too
        yield f"exercise {exercise.number}", exercise
    for label, module in sorted(sys.modules.items()):
        if label != PACKAGE and not label.startswith(f"{PACKAGE}."):
            continue
        yield label, module
        for name, value in sorted(vars(module).items()):
            if getattr(value, "__module__", None) == label:
                if isinstance(value, FunctionType):
                    yield f"{label}.{name}", value
                if isinstance(value, type):
                    yield f"{label}.{name}", value
                    methods = (v for v in vars(value).values() if isinstance(v, FunctionType))
                    yield from ((f"{label}.{method.__qualname__}", method) for method in methods)


def _attributes(owner: Any) -> dict[str, Any]:
    if isinstance(owner, FunctionType):
        return {name: getattr(owner, name) for name in CODE}
    return dict(vars(owner))


def watched(function: FunctionType, code: CodeType, seen: Callable[[], None]) -> Callable[..., Any]:
    """The function, with `seen` called whenever this code runs on its behalf.

    >>> def theirs(x): return x
    >>> watched(lambda x: theirs(x) + 1, theirs.__code__, lambda: print("seen"))(2)
    seen
    3
    """

    def notice(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code is code:
            seen()

    @functools.wraps(function)
    def called(*arguments: Any) -> Any:
        sys.setprofile(notice)
        try:
            return function(*arguments)
        finally:
            sys.setprofile(None)

    return called
