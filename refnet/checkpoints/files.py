"""Files: their hashes, writing them whole or not at all, and where the cache is."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from refnet.errors import ChecksumError


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal.

    >>> sha256(Path(os.devnull))[:16]               # of no bytes at all, the published test vector
    'e3b0c44298fc1c14'
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sha256(path: Path, expected: str, size: int | None = None) -> None:
    """Raise ChecksumError, in one line, unless the file is the expected one to the bit.

    >>> check_sha256(Path(os.devnull), "0" * 64)
    Traceback (most recent call last):
    ...
    refnet.errors.ChecksumError: /dev/null: SHA-256 e3b0c44298fc1c14..., expected 00000000...
    """
    if size is not None and path.stat().st_size != size:
        raise ChecksumError(f"{path}: {path.stat().st_size:,} bytes, expected {size:,}")
    found = sha256(path)
    if found != expected:
        raise ChecksumError(f"{path}: SHA-256 {found[:16]}..., expected {expected[:16]}...")


def write_whole(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, then rename it: it is never seen half-written.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(Path(folder, "new", "a.txt"), b"all of it")
    ...     print(os.listdir(Path(folder, "new")))
    ['a.txt']
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as problem:  # it names the temporary file, of which the user knows nothing
        raise OSError(problem.errno, problem.strerror, str(path)) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)  # mkstemp's own mode would hide it from others
        os.replace(temporary, path)
    except BaseException as problem:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(problem, OSError) and problem.strerror:
            raise OSError(problem.errno, problem.strerror, str(path)) from None
        raise


def cache_dir() -> Path:
    """Where fetched files are kept: $REFNET_CACHE, or the platform's own place for caches.

    >>> from unittest.mock import patch
    >>> with patch.dict("os.environ", REFNET_CACHE="/data/refnet"):
    ...     print(cache_dir())
    /data/refnet
    """
    if chosen := os.environ.get("REFNET_CACHE"):
        return Path(chosen)
    import platformdirs

    return platformdirs.user_cache_path("refnet")
