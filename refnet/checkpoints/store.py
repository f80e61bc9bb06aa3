"""Checkpoints as files: safetensors, with all that refnet knows of them in the header."""

from __future__ import annotations

import json
from pathlib import Path

from refnet.checkpoints import manifest
from refnet.checkpoints.checkpoint import Checkpoint, describe
from refnet.checkpoints.files import check_sha256, write_whole

KEY = "refnet"  # one key alone: safetensors writes several in no fixed order


def load(name: str | Path) -> Checkpoint:
    """A shipped checkpoint by name ("v1", "mobilenet_v1_1.0_224"), or one from a file.

    >>> sum(tensor.size for tensor in load("v1").tensors.values())
    4222057

    A shipped file is checked against its hash, every time.
    Raises ValueError for an unknown name, ChecksumError for a file that has changed,
    ValueError for a file that is no checkpoint of refnet's or holds NaNs.
    """
    if str(name) in manifest.names():
        entry = manifest.entry(str(name))
        check_sha256(entry.path, entry.sha256, entry.bytes)
        return read(entry.path)
    path = Path(name)
    if path.is_file():
        return read(path)
    known = ", ".join(manifest.names())
    raise ValueError(f"model: {str(name)!r} is neither a checkpoint ({known}) nor a file")


def read(path: Path) -> Checkpoint:
    """The checkpoint in a file that `save` wrote."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            description = dict(json.loads((file.metadata() or {})[KEY]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as problem:
        raise ValueError(f"{path}: not a whole safetensors file ({problem})") from None
    except (KeyError, TypeError, ValueError):
        raise ValueError(
            f"{path}: safetensors without refnet's description; "
            f"`refnet weights convert {path} --as MODEL` makes one"
        ) from None
    try:
        return describe(description, tensors)
    except ValueError as problem:
        raise ValueError(f"{path}: {problem}") from None


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint whole or not at all; the same checkpoint gives the same bytes."""
    write_whole(path, to_bytes(checkpoint))


def to_bytes(checkpoint: Checkpoint) -> bytes:
    """The file's bytes."""
    import numpy as np
    from safetensors.numpy import save as serialise

    tensors = {name: np.ascontiguousarray(a) for name, a in checkpoint.tensors.items()}
    header = json.dumps(checkpoint.description(), sort_keys=True)
    data: bytes = serialise(tensors, metadata={KEY: header})
    return data
