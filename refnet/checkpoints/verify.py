"""Verify the shipped weights: hashes, shapes, and the way back to the upstream files."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from refnet.checkpoints import manifest
from refnet.checkpoints.checkpoint import Checkpoint
from refnet.checkpoints.convert import convert
from refnet.checkpoints.fetch import cached, fetch
from refnet.checkpoints.manifest import Entry
from refnet.checkpoints.store import load, to_bytes
from refnet.errors import MissingPackageError, one_line


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `holds` is None where it could not be.

    >>> Finding("v1", None, "its upstream file is not at hand").holds is None
    True
    """

    name: str
    holds: bool | None
    what: str


def verify(*, fetching: bool = False) -> Iterator[Finding]:
    """Look at every shipped checkpoint, and at its upstream file where that can be had.

    >>> [finding.holds for finding in verify() if "hash" in finding.what]
    [True, True, True]

    `fetching` allows to download the upstream files; else only the cache is looked into.
    """
    for entry in manifest.entries().values():
        try:
            checkpoint = load(entry.name)
        except (ValueError, OSError) as problem:
            yield Finding(entry.name, False, str(problem))
            continue
        numbers = sum(tensor.size for tensor in checkpoint.tensors.values())
        yield Finding(
            entry.name, True, f"hash, shapes, {numbers:,} finite float32 numbers in {entry.file}"
        )
        yield _upstream(entry, checkpoint, fetching)
    try:
        manifest.labels(1001)
        yield Finding("labels", True, "hash, 1001 lines")
    except (ValueError, OSError) as problem:
        yield Finding("labels", False, str(problem))


def _upstream(entry: Entry, checkpoint: Checkpoint, fetching: bool) -> Finding:
    try:
        path = fetch(entry) if fetching else cached(entry)
    except (ValueError, OSError) as problem:
        return Finding(entry.name, False, one_line(problem))
    if path is None:
        return Finding(
            entry.name,
            None,
            f"{entry.upstream['file']} is not at hand: `refnet weights verify --fetch` gets it",
        )
    return rederive(entry, checkpoint, path)


def rederive(entry: Entry, checkpoint: Checkpoint, path: Path) -> Finding:
    """Convert the upstream file again and compare with the shipped one, byte for byte.

    >>> rederive(manifest.entry("v1"), load("v1"), Path("gone.tflite"))
    Finding(name='mobilenet_v1_1.0_224', holds=False, what='gone.tflite: no such file')
    """
    try:
        again = convert(path, **entry.convert)
    except MissingPackageError as problem:
        return Finding(entry.name, None, one_line(problem))
    except (ValueError, OSError, zipfile.BadZipFile) as problem:
        return Finding(entry.name, False, str(problem))
    if to_bytes(again) == entry.path.read_bytes():
        return Finding(entry.name, True, f"equal, byte for byte, to {path.name} converted anew")
    changed = [
        name
        for name, tensor in checkpoint.tensors.items()
        if tensor.tobytes() != np.ascontiguousarray(again.tensors[name]).tobytes()
    ]
    if changed:
        return Finding(entry.name, False, f"{path.name} converted anew differs in {changed[0]!r}")
    return Finding(entry.name, True, f"all tensors equal {path.name} bit for bit (header differs)")
