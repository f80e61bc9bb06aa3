"""Which photos a command line means, and a bar that says how far we are."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from refnet.image import is_image_name


def find(words: Sequence[str]) -> list[Path]:
    """The files that words name: a file, a folder (all images below it), or a pattern.

    >>> find(["no-such-*.jpg"])
    Traceback (most recent call last):
    ...
    FileNotFoundError: no-such-*.jpg: no file matches

    A file is taken at its word, whatever its ending; in a folder and under a pattern only names
    that end like an image's count. A name that does not exist stays in the list, to be
    reported as unreadable beside those that are read.
    """
    found: list[Path] = []
    for word in words:
        if os.path.isdir(word):
            inside = _walk(Path(word))
            if not inside:
                raise FileNotFoundError(f"{word}: no image in this folder")
            found += inside
        elif not os.path.lexists(word) and glob.has_magic(word):
            matches = _matching(word)
            if not matches:
                raise FileNotFoundError(f"{word}: no file matches")
            found += matches
        else:
            found.append(Path(word))
    return found


def progress(paths: Sequence[Path]) -> Iterable[Path]:
    """The same paths; with a bar on a terminal's standard error where there are many."""
    if len(paths) < 2:
        return paths
    from tqdm import tqdm

    return tqdm(paths, unit="photo", disable=None, leave=False)


def _matching(pattern: str) -> list[Path]:
    """The images that a pattern matches, each once, however many links lead to it."""
    found: dict[str, Path] = {}
    for name in sorted(glob.glob(pattern, recursive=True), key=lambda name: (len(name), name)):
        if is_image_name(name) and os.path.isfile(name):
            found.setdefault(os.path.realpath(name), Path(name))
    return sorted(found.values())


def _walk(folder: Path) -> list[Path]:
    """Every image below a folder, in order; links to folders are not followed, so no loops."""
    found = []
    for root, folders, names in os.walk(folder):
        folders.sort()
        found += [Path(root) / name for name in sorted(names) if is_image_name(name)]
    return found
