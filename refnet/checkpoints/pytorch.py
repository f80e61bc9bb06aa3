"""Reader of PyTorch state dicts that cannot execute anything.

A .pth file is a pickle, and a pickle is a program. This reader runs it with a vocabulary of a
few words (an ordered dict, a tensor, a storage) and refuses any other, so that a file can at
worst be refused. It needs no PyTorch. Both forms are read: the zip archives of PyTorch 1.6 and
later, and the plain stream of pickles before.
"""

from __future__ import annotations

import collections
import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from refnet.checkpoints.foreign import ForeignLayer

Array = np.ndarray[Any, Any]

_MAGIC = 0x1950A86A20F9469CFC6C  # begins the older form
_DTYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
}


def read(path: Path) -> list[ForeignLayer]:
    """The convolutions and linear layers of a state dict, in the order in which it holds them.

    That is the order in which the modules were made: for every published MobileNet the order
    of execution.
    """
    return layers(state_dict(path))


def state_dict(path: Path) -> dict[str, Array]:
    """Every tensor of the file by name.

    Raises ValueError for a file that is cut short, or that asks for anything but tensors.
    """
    try:
        with open(path, "rb") as file:
            found = _read_zip(file) if zipfile.is_zipfile(file) else _read_stream(file)
    except (
        pickle.UnpicklingError, EOFError, KeyError, IndexError, TypeError, AttributeError,
        struct.error, zipfile.BadZipFile, MemoryError, OverflowError,
    ) as problem:  # fmt: skip
        raise ValueError(f"not a whole PyTorch state dict ({problem})") from None
    for wrapper in ("state_dict", "model"):
        if isinstance(found, dict) and isinstance(found.get(wrapper), dict):
            found = found[wrapper]
    if not isinstance(found, dict):
        raise ValueError(f"holds a {type(found).__name__}, expected a state dict")
    return {str(name): a for name, a in found.items() if isinstance(a, np.ndarray)}


def layers(state: Mapping[str, Array]) -> list[ForeignLayer]:
    """Modules with a 4-D or 2-D weight, each with the batch norm that comes next.

    >>> state = {"0.weight": np.zeros((4, 3, 3, 3)), "1.running_mean": np.zeros(4),
    ...          "1.running_var": np.ones(4), "1.weight": np.ones(4), "1.bias": np.zeros(4)}
    >>> [(layer.name, sorted(layer.norm)) for layer in layers(state)]
    [('0', ['beta', 'gamma', 'mean', 'variance'])]
    """
    modules: dict[str, dict[str, Array]] = {}
    for name, tensor in state.items():
        module, _, parameter = name.rpartition(".")
        modules.setdefault(module, {})[parameter] = tensor
    found: list[ForeignLayer] = []
    norm_names = {
        "weight": "gamma", "bias": "beta", "running_mean": "mean", "running_var": "variance",
    }  # fmt: skip
    for name, parameters in modules.items():
        weight = parameters.get("weight")
        if "running_mean" in parameters:
            if not found or found[-1].norm is not None:
                raise ValueError(f"batch norm {name!r} follows no convolution")
            norm = {own: parameters[k] for k, own in norm_names.items() if k in parameters}
            found[-1] = replace(found[-1], norm=norm)
        elif weight is not None and weight.ndim in (2, 4):
            layout = "OIHW" if weight.ndim == 4 else "OI"
            found.append(ForeignLayer(name, weight, layout, parameters.get("bias")))  # type: ignore[arg-type]
    return found


class _Storage:
    """Numbers that tensors are views of; in the older form they come after the tensors."""

    def __init__(self, dtype: np.dtype[Any], count: int) -> None:
        self.dtype, self.count, self.data = dtype, count, b""


class _Tensor:
    """A tensor whose storage may still have to be read."""

    def __init__(self, storage: _Storage, offset: int, size: Any, stride: Any, *_: Any) -> None:
        self.storage, self.offset = storage, offset
        self.size, self.stride = tuple(size), tuple(stride)

    def array(self) -> Array:
        """The numbers, copied; a view that leaves its storage is refused."""
        numbers = np.frombuffer(self.storage.data, self.storage.dtype)
        last = self.offset + sum((n - 1) * s for n, s in zip(self.size, self.stride, strict=True))
        if min((self.offset, *self.stride), default=0) < 0 or last >= max(numbers.size, 1):
            raise ValueError(f"a tensor of shape {self.size} reaches outside its storage")
        if 0 in self.size:
            return np.zeros(self.size, numbers.dtype)
        steps = tuple(s * numbers.itemsize for s in self.stride)
        return np.lib.stride_tricks.as_strided(numbers[self.offset :], self.size, steps).copy()


class _Unpickler(pickle.Unpickler):
    """A pickle machine that knows tensors and ordered dicts, and nothing else."""

    def __init__(self, file: IO[bytes], storage: Callable[[Any], _Storage]) -> None:
        super().__init__(file, encoding="utf-8")
        self._storage = storage

    def find_class(self, module: str, name: str) -> Any:
        """The few words that a state dict needs."""
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if module == "torch" and name in _DTYPES:
            return np.dtype(_DTYPES[name])
        raise pickle.UnpicklingError(f"asks for {module}.{name}, which no state dict needs")

    def persistent_load(self, pid: Any) -> _Storage:
        """A storage, by the key that the file gives it."""
        return self._storage(pid)


def _read_zip(file: IO[bytes]) -> Any:
    with zipfile.ZipFile(file) as archive:
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ValueError("a zip archive without a data.pkl: not a PyTorch file")
        root = pickles[0].removesuffix("data.pkl")
        order = f"{root}byteorder"
        if order in archive.namelist() and archive.read(order) != b"little":
            raise ValueError("big-endian storages are not read")

        def storage(pid: Any) -> _Storage:
            _, dtype, key, _, count = pid
            made = _Storage(dtype, count)
            made.data = archive.read(f"{root}data/{key}")
            return made

        with archive.open(pickles[0]) as stream:
            return _arrays(_Unpickler(stream, storage).load())


def _read_stream(file: IO[bytes]) -> Any:
    file.seek(0)
    storages: dict[str, _Storage] = {}

    def storage(pid: Any) -> _Storage:
        _, dtype, key, _, count, *_ = pid
        return storages.setdefault(key, _Storage(dtype, count))

    def load() -> Any:
        return _Unpickler(file, storage).load()

    if load() != _MAGIC:
        raise ValueError("no PyTorch file: its first number is another")
    load(), load()  # protocol, and facts of the writing machine
    found, keys = load(), load()
    for key in keys:
        (count,) = struct.unpack("<q", file.read(8))
        wanted = storages[key]
        wanted.data = file.read(count * wanted.dtype.itemsize)
        if count != wanted.count or len(wanted.data) != count * wanted.dtype.itemsize:
            raise ValueError(f"cut short: storage {key} ends after {len(wanted.data)} bytes")
    return _arrays(found)


def _arrays(found: Any) -> Any:
    """Dicts of tensors as dicts of arrays."""
    if isinstance(found, _Tensor):
        return found.array()
    if isinstance(found, dict):
        return {key: _arrays(value) for key, value in found.items()}
    return found
