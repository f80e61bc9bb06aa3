"""All exercises, chapter by chapter."""

from __future__ import annotations

import pkgutil
import re
from functools import cache
from importlib import import_module
from typing import Any

from refnet import exercises as package
from refnet.exercises.exercise import Exercise


@cache
def chapters() -> dict[int, tuple[Exercise, ...]]:
    """Every chapter's exercises, in the book's order.

    >>> [exercise.number for exercise in chapters()[5]][:2]
    ['5.1', '5.2']
    """
    found: dict[int, tuple[Exercise, ...]] = {}
    for name in sorted(module.name for module in pkgutil.iter_modules(package.__path__)):
        if number := re.fullmatch(r"chapter_(\d\d)", name):
            module: Any = import_module(f"{package.__name__}.{name}")
            found[int(number[1])] = tuple(module.EXERCISES)
    return found


def exercises() -> tuple[Exercise, ...]:
    """All of them."""
    return tuple(exercise for chapter in chapters().values() for exercise in chapter)


def find(number: Any) -> Exercise:
    """The exercise of a number such as "5.2".

    >>> find("5.2").name
    'depthwise_same'
    >>> find("5.9")
    Traceback (most recent call last):
    ...
    ValueError: exercise: '5.9', expected 5.1 to 5.5
    """
    known = {exercise.number: exercise for exercise in exercises()}
    said = str(number).strip()
    if said in known:
        return known[said]
    chapter, _, _ = said.partition(".")
    here = [name for name in known if name.startswith(f"{chapter}.")]
    here = here or [next(iter(known)), list(known)[-1]]
    raise ValueError(f"exercise: {said!r}, expected {here[0]} to {here[-1]}")
