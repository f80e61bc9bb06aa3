"""Builds that are kept: a shared library is compiled once for each text, compiler and machine.

A build's name holds the hash of its bytes. One that was cut short or overwritten is not loaded,
which may end the process, but built again. Where nothing can be kept, it is built each time.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import tempfile
from pathlib import Path

from refnet.checkpoints.files import cache_dir, write_whole
from refnet.metal.cpu.compiler import build, key_of
from refnet.metal.device import MetalError

_BUILDS_KEPT = 200


def load(code: str, file: str) -> ctypes.CDLL:
    """The shared library of a C++ text: from the cache, or compiled into it.

    file: the .metal file's name, for the message of a MetalError.
    """
    folder, key = cache_dir() / "metal-cpu", key_of(code)
    if library := kept(folder, key):
        return library
    try:
        with tempfile.TemporaryDirectory() as place:
            made = Path(place, f"{key}.so")
            build(code, file, made)
            data = made.read_bytes()
            path = folder / f"{key}-{hash_of(data)}.so"
            unkept = ""
            try:
                write_whole(path, data)
                forget_oldest(folder)
            except OSError as problem:
                path, unkept = made, f"; {folder}: {problem.strerror}"
            try:
                return ctypes.CDLL(str(path))
            except OSError as problem:
                raise MetalError(f"{file}: its build does not load: {problem}{unkept}") from None
    except OSError as problem:
        raise MetalError(
            f"{file}: no folder to build in: {tempfile.gettempdir()}: {problem.strerror}"
        ) from None


def hash_of(data: bytes) -> str:
    """What a build's name says of its bytes."""
    return hashlib.sha256(data).hexdigest()[:16]


def kept(folder: Path, key: str) -> ctypes.CDLL | None:
    """The build of this key that is whole and loads; those that are not are removed."""
    with contextlib.suppress(OSError):  # a folder that may not be listed holds nothing for us
        for path in sorted(folder.glob(f"{key}-*.so")):
            try:
                if path.stem == f"{key}-{hash_of(path.read_bytes())}":
                    library = ctypes.CDLL(str(path))
                    with contextlib.suppress(OSError):
                        path.touch()  # the builds used longest ago are the ones to go
                    return library
            except OSError:
                pass
            with contextlib.suppress(OSError):
                path.unlink()
    return None


def forget_oldest(folder: Path) -> None:
    """Keep the builds used last; others may be deleting too."""
    builds = sorted(folder.glob("*.so"), key=lambda path: path.stat().st_mtime)
    for path in builds[:-_BUILDS_KEPT]:
        path.unlink(missing_ok=True)
