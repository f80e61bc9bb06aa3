"""The manifest of the shipped weights: every file's hash, licence, upstream and carrier."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refnet.checkpoints.files import check_sha256

ALIASES = {"v1": "mobilenet_v1_1.0_224", "v2": "mobilenet_v2_1.0_224"}


@dataclass(frozen=True)
class Entry:
    """One checkpoint of the manifest.

    upstream: file name, SHA-256 and size of the file that the authors published; carriers:
    where that file can be had, in the order to try.
    """

    name: str
    file: str
    sha256: str
    bytes: int
    licence: str
    licence_file: str
    description: str
    upstream: dict[str, Any]
    convert: dict[str, Any]
    carriers: tuple[dict[str, Any], ...]

    @property
    def path(self) -> Path:
        """The shipped file."""
        return folder() / self.file


def folder() -> Path:
    """The weights/ folder: inside an installed package, or beside it in a clone."""
    package = Path(__file__).resolve().parent.parent
    for candidate in (package / "weights", package.parent / "weights"):
        if (candidate / "manifest.json").is_file():
            return candidate
    raise FileNotFoundError(f"weights/manifest.json: neither in {package} nor beside it")


def read() -> dict[str, Any]:
    """The manifest as it stands in weights/manifest.json."""
    manifest: dict[str, Any] = json.loads((folder() / "manifest.json").read_text("utf-8"))
    return manifest


def entries() -> dict[str, Entry]:
    """The shipped checkpoints by name."""
    return {
        name: Entry(name=name, **{**entry, "carriers": tuple(entry["carriers"])})
        for name, entry in read()["checkpoints"].items()
    }


def names() -> tuple[str, ...]:
    """What `load` knows by name, short names first.

    >>> names()
    ('v1', 'v2', 'mobilenet_v1_1.0_224', 'mobilenet_v2_1.0_224')
    """
    return (*ALIASES, *entries())


def entry(name: str) -> Entry:
    """The shipped checkpoint of that name or short name."""
    known = entries()
    full = ALIASES.get(name, name)
    if full not in known:
        raise ValueError(f"model: {name!r}, expected one of {', '.join(names())}")
    return known[full]


def labels(classes: int) -> tuple[str, ...]:
    """The names of ImageNet's 1000 classes; 1001 begin with "background".

    >>> labels(1001)[1], labels(1000)[0]
    ('tench', 'tench')
    """
    entry = read()["labels"]
    path = folder() / entry["file"]
    check_sha256(path, entry["sha256"])
    lines = path.read_text("utf-8").splitlines()
    if classes not in (len(lines), len(lines) - 1):
        raise ValueError(f"classes: {classes}, but ImageNet has {len(lines) - 1}")
    return tuple(lines[len(lines) - classes :])
