"""Records on disk: one line of JSON a photo, as they come; found again after any end.

>>> import tempfile
>>> made = {"image": "a.jpg", "label": 3, "bytes": 10, "mtime": 0, "p": 0.5}
>>> with tempfile.TemporaryDirectory() as folder:
...     path = Path(folder, "found.jsonl")
...     with Records(path, {"engine": "fast"}) as records:
...         records.append(made)
...     with open(path, "ab") as file:                       # killed within a line
...         half = file.write(b'{"image": "b.jpg", "lab')
...     with Records(path, {"engine": "fast"}) as records:
...         records.find("a.jpg", 3, 10, 0) == made, records.find("b.jpg", 3, 10, 0)
(True, None)

A line is handed to the operating system as soon as it is known: what kills the program then costs
no line that is there, and half a line, the last, at most. The index holds 16 bytes a record; the
records themselves stay on disk. (A crash of the whole machine may cost the last seconds' lines.)
"""

from __future__ import annotations

import csv
import json
import os
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from refnet.apps.evaluate.evaluator import TOP, Record

FORMAT = 1


class Records:
    """The records of one variant in one file, whose first line says what they are of.

    about: that first line's facts. A file that says another thing is refused with a ValueError.
    """

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        head = (json.dumps({"format": FORMAT, **about}) + "\n").encode()
        self._file: IO[bytes] = open(path, "a+b")  # noqa: SIM115
        _mend(self._file)
        self._file.seek(0)
        first = self._file.readline()
        if not first:
            self._file.write(head)
            self._file.flush()
        elif first != head:
            self._file.close()
            raise ValueError(f"{path}: records of something else; choose another --out")
        self.index()

    def index(self) -> None:
        """Look through the file: where which record begins. The last of two alike counts."""
        keys, offsets = array("Q"), array("Q")
        self._file.seek(0)
        at = len(self._file.readline())
        for line in self._file:
            record = _parsed(line)
            if record is not None:
                keys.append(_key(record["image"], record["label"]))
                offsets.append(at)
            at += len(line)
        found = np.frombuffer(keys, np.uint64)
        order = np.argsort(found, kind="stable")
        self._keys = found[order]
        self._offsets = np.frombuffer(offsets, np.uint64)[order]

    def find(self, image: str, label: int, size: int, mtime: int | None = None) -> Record | None:
        """The record of a photo, if there was one in the file when it was last looked through.

        A file of another size or time of change is another photo; mtime None: of any time.
        """
        key = np.uint64(_key(image, label))
        at = int(np.searchsorted(self._keys, key, side="right")) - 1
        while at >= 0 and self._keys[at] == key:
            self._file.seek(int(self._offsets[at]))
            record = _parsed(self._file.readline())
            wanted = {"image": image, "label": label, "bytes": size}
            if mtime is not None:
                wanted["mtime"] = mtime
            if record is not None and all(record[name] == it for name, it in wanted.items()):
                return record
            at -= 1
        return None

    def append(self, record: Record) -> None:
        """Write a record to the end, and out of this program's hands."""
        try:
            self._file.write((json.dumps(record) + "\n").encode())
            self._file.flush()
        except OSError as problem:
            with suppress(OSError):  # what it could not write it would try again
                self._file.close()
            raise OSError(problem.errno, problem.strerror, str(self.path)) from None

    def __iter__(self) -> Iterator[Record]:
        """All of them, in the order in which they came."""
        for at in np.sort(self._offsets):
            self._file.seek(int(at))
            record = _parsed(self._file.readline())
            if record is not None:
                yield record

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Records:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def about(path: Path) -> dict[str, Any]:
    """What the records of a file are of.

    Raises ValueError for a file that holds no records of this format.
    """
    with open(path, "rb") as file:
        try:
            head = json.loads(file.readline())
            if head["format"] == FORMAT:
                return dict(head)
        except (ValueError, KeyError, TypeError):
            pass
    raise ValueError(f"{path}: no records of `refnet evaluate`")


class Lock:
    """One evaluation at a time in a folder; let go of however the program ends.

    Where the system has no such locks (Windows) it does nothing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = open(folder / ".lock", "w")  # noqa: SIM115
        try:
            import fcntl
        except ImportError:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise ValueError(f"--out: {folder} is in use by another evaluation") from None

    def close(self) -> None:
        """Let go."""
        self._file.close()


COLUMNS = (
    ["image", "label", "right", "in top 5", "rank", "p"]
    + [f"{what} {n}" for n in range(1, TOP + 1) for what in ("class", "p")]
    + ["columns", "rows", "problem"]
)


def write_csv(path: Path, records: Iterable[Record]) -> None:
    """The records as a table, written under another name first.

    CSV and not Parquet: every tool reads it, and a tool that writes Parquet takes more room than
    refnet with its weights; DuckDB, pandas and Polars make it of this file in one line.
    """
    beside = path.with_name(f".{path.name}")
    try:
        with open(beside, "w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(map(_row, records))
        os.replace(beside, path)
    except OSError as problem:
        beside.unlink(missing_ok=True)
        raise OSError(problem.errno, problem.strerror, str(path)) from None


def _row(record: Record) -> list[Any]:
    if "problem" in record:
        empty = [""] * (len(COLUMNS) - 3)
        return [record["image"], record["label"], *empty, record["problem"]]
    rank = record["rank"]
    top = [value for pair in record["top"] for value in pair]
    top += [""] * (2 * TOP - len(top))  # of a network of fewer classes
    said = [int(rank == 1), int(rank <= TOP), rank, record["p"]]
    return [record["image"], record["label"], *said, *top, *record["size"], ""]


def _mend(file: IO[bytes]) -> None:
    """Cut off what comes after the last end of a line."""
    end = at = file.seek(0, os.SEEK_END)
    while at > 0:
        step = min(at, 1 << 16)
        file.seek(at - step)
        if (found := file.read(step).rfind(b"\n")) >= 0:
            at = at - step + found + 1
            break
        at -= step
    if at < end:
        file.truncate(at)


def _parsed(line: bytes) -> Record | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if isinstance(record, dict) and {"image", "label", "bytes", "mtime"} <= record.keys():
        return record
    return None


def _key(image: str, label: int) -> int:
    told = f"{label} {image}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(told, digest_size=8).digest(), "little")
