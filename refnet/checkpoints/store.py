"""Checkpoints as files: safetensors, with all that refnet knows of them in the header."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from refnet import supply
from refnet.checkpoints import manifest, plain_safetensors
from refnet.checkpoints.checkpoint import Checkpoint, describe
from refnet.checkpoints.files import check_sha256, write_whole
from refnet.errors import one_line

Array = np.ndarray[Any, Any]

KEY = "refnet"  # one key alone: safetensors writes several in no fixed order


def load(name: str | Path) -> Checkpoint:
    """A shipped checkpoint by name ("v1", "mobilenet_v1_1.0_224"), or one from a file.

    >>> sum(tensor.size for tensor in load("v1").tensors.values())
    4222057

    A shipped file is checked against its hash, every time. The names of `refnet.checkpoints.
    fetched` are known too: these are downloaded once. A shipped file that is not there is asked
    for, as `refnet.supply` says.
    Raises ValueError for an unknown name, ChecksumError for a file that has changed,
    ValueError for a file that is no checkpoint of refnet's or holds NaNs.
    """
    if str(name) in manifest.names():
        entry = manifest.entry(str(name))
        if not entry.path.exists() and (brought := supply.bring(f"weights/{entry.file}")):
            write_whole(entry.path, brought)
        check_sha256(entry.path, entry.sha256, entry.bytes)
        return read(entry.path)
    from refnet.checkpoints import fetched  # its converter needs this module

    if str(name) in fetched.names():
        return fetched.load(str(name))
    path = Path(name)
    if path.is_file():
        return read(path)
    known = ", ".join([*manifest.names(), *fetched.names()])
    raise ValueError(f"model: {str(name)!r} is neither a checkpoint ({known}) nor a file")


def read(path: Path) -> Checkpoint:
    """The checkpoint in a file that `save` wrote.

    >>> read(manifest.entry("v1").path).network.name
    'mobilenet_v1_1.0_224'
    """
    hint = f"`refnet weights convert {path} --as MODEL -o OUT` makes a checkpoint of it"
    if path.suffix.lower() != ".safetensors":
        from refnet.checkpoints.convert import FORMATS  # which needs this module

        if path.suffix.lower() in FORMATS:
            raise ValueError(f"{path}: another framework's file; {hint}")
    tensors, metadata = tensors_of(path)
    if KEY not in metadata:
        raise ValueError(f"{path}: safetensors without refnet's description; {hint}")
    try:
        return describe(json.loads(metadata[KEY]), tensors)
    except (ValueError, RecursionError) as problem:
        raise ValueError(f"{path}: {one_line(problem)}") from None


def tensors_of(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """All tensors of a safetensors file by name, and its metadata.

    >>> tensors, metadata = tensors_of(manifest.entry("v1").path)
    >>> tensors["stem.weight"].shape, list(metadata)
    ((3, 3, 3, 32), ['refnet'])

    Raises ValueError where the file is cut short or holds numbers that are not float32.
    """
    try:
        from safetensors import SafetensorError, safe_open
    except ModuleNotFoundError:  # in a browser
        return plain_safetensors.read(path)

    with open(path, "rb"):
        pass  # a file that may not be read says so here; safe_open would say that there is none
    try:
        with safe_open(path, framework="numpy") as file:
            metadata: dict[str, str] = file.metadata() or {}
            names = list(file.keys())
            types = {name: file.get_slice(name).get_dtype() for name in names}
            for name, kind in types.items():
                if kind != "F32":
                    raise ValueError(f"{path}: tensor {name!r} is {kind}, expected F32")
            return {name: file.get_tensor(name) for name in names}, metadata
    except SafetensorError as problem:
        raise ValueError(f"{path}: not a whole safetensors file ({problem})") from None


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint whole or not at all; the same checkpoint gives the same bytes.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(load("v2"), Path(folder, "mine.safetensors"))
    ...     print(load(Path(folder, "mine.safetensors")).network == load("v2").network)
    True
    """
    write_whole(path, to_bytes(checkpoint))


def to_bytes(checkpoint: Checkpoint) -> bytes:
    """The file's bytes.

    >>> to_bytes(load("v1")) == to_bytes(load("v1"))
    True
    """
    from safetensors.numpy import save as serialise

    tensors = {name: np.ascontiguousarray(a) for name, a in checkpoint.tensors.items()}
    header = json.dumps(checkpoint.description(), sort_keys=True)
    data: bytes = serialise(tensors, metadata={KEY: header})
    return data
