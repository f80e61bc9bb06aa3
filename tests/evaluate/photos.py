"""Labelled folders for the backends of `engines`, and evaluations of them within this process."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PIL import Image

from refnet.apps.evaluate.command import Wanted, evaluate
from refnet.apps.evaluate.layouts import opened
from refnet.apps.evaluate.names import Classes
from refnet.apps.evaluate.variants import Variant, variant
from tests.evaluate.engines import FIFTH, RIGHT, WRONG

QUICK = "tests.evaluate.engines:Quick"


def draw(path: Path, label: int, blue: int = RIGHT) -> None:
    """A flat photo of a class."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (label // 4, label % 4 * 60, blue)).save(path)


def folder(root: Path, count: int, classes: int = 7) -> Path:
    """Photos in turn of each class; every third is wrong, every fifth only among five."""
    for n in range(count):
        label = 100 + n % classes
        blue = WRONG if n % 3 == 0 else FIFTH if n % 5 == 0 else RIGHT
        draw(root / f"{label}" / f"{n:05}.png", label, blue)
    return root


@cache
def _variant(recipe: str, engine: str) -> Variant:
    return variant("v2", recipe, engine)


def wanted(root: Path, out: Path, *engines: str, recipes=("squash",), labels=None) -> Wanted:
    """An evaluation with V2's tensors, which these backends do not look at."""
    found = [_variant(recipe, e) for recipe in recipes for e in engines or (QUICK,)]
    classes = Classes.imagenet()
    return Wanted(opened(str(root), labels, classes), classes, found, out, False, 0)


__all__ = ["QUICK", "draw", "evaluate", "folder", "wanted"]
