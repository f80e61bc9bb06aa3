"""Where files come from that refnet may be without: the large ones, on a page in a browser.

>>> with supplied_by({"weights/a.txt": b"whole"}.get):
...     bring("weights/a.txt"), bring("weights/b.txt")
(b'whole', None)
>>> bring("weights/a.txt") is None
True

An installed refnet has its checkpoints, and scikit-image the sample photos, so nobody is asked. In
the book's pages refnet stands without them: there the page is asked, when a cell needs one, and
what it brings is checked like any other file. Names are as in the repository, with `/`:
"weights/mobilenet_v1_1.0_224.safetensors", "photos/chelsea.png".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Source = Callable[[str], bytes | None]

_sources: list[Source] = []


def supply(source: Source) -> None:
    """Ask this from now on for files that are not there; it returns None for one it has not.

    The latest source is asked first. An OSError that it raises is the user's to see.
    """
    _sources.append(source)


@contextmanager
def supplied_by(source: Source) -> Iterator[None]:
    """The same, for a block."""
    supply(source)
    try:
        yield
    finally:
        _sources.remove(source)


def bring(name: str) -> bytes | None:
    """The bytes of that name, from the first source that has them; None where none has."""
    for source in reversed(_sources):
        if (found := source(name)) is not None:
            return found
    return None
