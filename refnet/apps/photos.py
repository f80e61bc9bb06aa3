"""Which photos a command line means, and a bar that says how far we are."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from refnet.errors import one_line
from refnet.image import is_image_name


@dataclass(frozen=True)
class Found:
    """The photos that words name, and for each word or folder that names none the reason.

    >>> find(["cat.jpg", "no-such-*.jpg"]).problems         # one word wrong, the other still holds
    ['no-such-*.jpg: no image matches']
    """

    paths: list[Path]
    problems: list[str]


def find(words: Sequence[str]) -> Found:
    """The files that words name: a file, a folder (all images below it), or a pattern.

    >>> find(["no-such-*.jpg", "a.jpg"])
    Found(paths=[PosixPath('a.jpg')], problems=['no-such-*.jpg: no image matches'])

    A file is taken at its word, whatever its ending, even if it does not exist: reading it
    will tell. In a folder and under a pattern only names that end like an image's count.
    """
    found = Found([], [])
    for word in words:
        if os.path.isdir(word):
            before = len(found.paths), len(found.problems)
            _walk(Path(word), found)
            if (len(found.paths), len(found.problems)) == before:
                found.problems.append(f"{word}: no image in this folder")
        elif not os.path.lexists(word) and glob.has_magic(word):
            matches = _matching(word)
            found.paths.extend(matches)
            if not matches:
                found.problems.append(f"{word}: no image matches")
        else:
            found.paths.append(Path(word))
    return found


def progress(paths: Sequence[Path]) -> Iterable[Path]:
    """The same paths; with a bar on a terminal's standard error where there are many."""
    if len(paths) < 2:
        return paths
    from tqdm import tqdm

    return tqdm(paths, unit="photo", disable=None, leave=False)


def say(text: str = "", *, end: str = "\n", error: bool = False) -> None:
    """Print a line without breaking the bar: it is taken off the screen meanwhile."""
    from tqdm import tqdm

    stream = sys.stderr if error else sys.stdout
    tqdm.write(text, file=stream, end=end)
    stream.flush()


def _matching(pattern: str) -> list[Path]:
    """The images that a pattern matches, each once, however many links lead to it."""
    found: dict[str, Path] = {}
    for name in sorted(glob.glob(pattern, recursive=True), key=lambda name: (len(name), name)):
        if is_image_name(name) and os.path.isfile(name):
            found.setdefault(os.path.realpath(name), Path(name))
    return sorted(found.values())


def _walk(folder: Path, found: Found) -> None:
    """Every image below a folder, in order; links to folders are not followed, so no loops."""

    def refused(problem: OSError) -> None:
        found.problems.append(one_line(problem))

    for root, folders, names in os.walk(folder, onerror=refused):
        folders.sort()
        found.paths.extend(Path(root) / name for name in sorted(names) if is_image_name(name))
