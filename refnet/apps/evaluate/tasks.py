"""What is left to do: the photos of a dataset that have not all their records yet."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from refnet.apps.evaluate.evaluator import Task
from refnet.apps.evaluate.layouts import Dataset, Photo
from refnet.apps.evaluate.progress import Progress
from refnet.apps.evaluate.records import Records


def stamp(path: str) -> tuple[int, int]:
    """A file's size and time of change; (-1, 0) where there is none to look at.

    >>> stamp("nowhere.jpg")
    (-1, 0)
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # a name that cannot be one: with a zero byte in it
        return -1, 0
    return found.st_size, found.st_mtime_ns


def count(dataset: Dataset) -> int:
    """How many photos there are."""
    return sum(isinstance(entry, Photo) for entry in dataset)


def unfinished(
    dataset: Dataset, records: Sequence[Records], progress: Progress, *, retry: bool = False
) -> Iterator[Task]:
    """The tasks, one by one; what is finished is told to `progress` on the way.

    retry: photos that failed are tried again.
    """
    for entry in dataset:
        if not isinstance(entry, Photo):
            continue
        size, mtime = stamp(entry.path)
        found = [each.find(entry.name, entry.label, size, mtime) for each in records]
        wanted = []
        for n, record in enumerate(found):
            if record is None or (retry and "problem" in record):
                wanted.append(n)
            else:
                progress.add(n, record)
        if wanted:
            yield Task(entry.name, entry.path, entry.label, size, mtime, tuple(wanted))
        else:
            progress.done(new=False)
