"""The manifest of the shipped weights: every file's hash, licence, upstream and carrier."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refnet.checkpoints.files import check_sha256
from refnet.errors import one_line

ALIASES = {"v1": "mobilenet_v1_1.0_224", "v2": "mobilenet_v2_1.0_224"}


@dataclass(frozen=True)
class Entry:
    """One checkpoint of the manifest.

    >>> found = entry("v1")
    >>> found.licence, found.path.is_file(), found.upstream["file"]
    ('Apache-2.0', True, 'mobilenet_v1_1.0_224.tflite')

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
    """The weights/ folder: inside an installed package, or beside it in a clone.

    >>> folder().name, (folder() / "manifest.json").is_file()
    ('weights', True)
    """
    package = Path(__file__).resolve().parent.parent
    for candidate in (package / "weights", package.parent / "weights"):
        if (candidate / "manifest.json").is_file():
            return candidate
    raise FileNotFoundError(f"weights/manifest.json: neither in {package} nor beside it")


def read() -> dict[str, Any]:
    """The manifest as it stands in weights/manifest.json.

    >>> sorted(read())
    ['about', 'checkpoints', 'fetched', 'labels', 'version']
    """
    path = folder() / "manifest.json"
    try:
        manifest = json.loads(path.read_text("utf-8"))
        if not isinstance(manifest["checkpoints"], dict) or not isinstance(
            manifest["labels"], dict
        ):
            raise ValueError("its parts are of other types")
    except (ValueError, KeyError, TypeError, RecursionError) as problem:
        raise ValueError(f"{path}: a damaged manifest ({one_line(problem)})") from None
    return manifest


def entries() -> dict[str, Entry]:
    """The shipped checkpoints by name.

    >>> [found.file for found in entries().values()]
    ['mobilenet_v1_1.0_224.safetensors', 'mobilenet_v2_1.0_224.safetensors']
    """
    try:
        return {
            name: Entry(name=name, **{**entry, "carriers": tuple(entry["carriers"])})
            for name, entry in read()["checkpoints"].items()
        }
    except (KeyError, TypeError) as problem:
        raise ValueError(f"{folder()}/manifest.json: {one_line(problem)}") from None


def names() -> tuple[str, ...]:
    """What `load` knows by name, short names first.

    >>> names()
    ('v1', 'v2', 'mobilenet_v1_1.0_224', 'mobilenet_v2_1.0_224')
    """
    return (*ALIASES, *entries())


def entry(name: str) -> Entry:
    """The shipped checkpoint of that name or short name.

    >>> entry("v2").name
    'mobilenet_v2_1.0_224'
    """
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
