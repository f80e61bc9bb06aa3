"""Reader of PyTorch state dicts that cannot execute anything.

A .pth file is a pickle, and a pickle is a program. This reader runs it with a vocabulary of a
few words (an ordered dict, a tensor, a storage) and refuses any other, so that a file can at
worst be refused. It needs no PyTorch. Both forms are read: the zip archives of PyTorch 1.6 and
later, and the plain stream of pickles before.
"""

from __future__ import annotations

import collections
import math
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
# What zipfile and the pickle machine raise for damaged bytes, beside ValueError.
_DAMAGE = (
    pickle.UnpicklingError, zipfile.BadZipFile, struct.error, EOFError, KeyError, IndexError,
    TypeError, AttributeError, MemoryError, OverflowError, RuntimeError, OSError,
    UnicodeError,
)  # fmt: skip


def read(path: Path) -> list[ForeignLayer]:
    """The convolutions and linear layers of a state dict, in the order in which it holds them.

    That is the order in which the modules were made: for every published MobileNet the order
    of execution.
    """
    return layers(state_dict(path))


def state_dict(path: Path) -> dict[str, Array]:
    """Every tensor of the file by name.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".pth") as file:
    ...     pickle.dump(print, file)                # a program, however harmless this one
    ...     file.flush()
    ...     state_dict(Path(file.name))
    Traceback (most recent call last):
    ...
    ValueError: not a whole PyTorch state dict (UnpicklingError asks for builtins.print, ...

    Raises ValueError for a file that is cut short, or that asks for anything but tensors.
    """
    with open(path, "rb") as file:
        try:
            found = _read_zip(file) if zipfile.is_zipfile(file) else _read_stream(file)
            for wrapper in ("state_dict", "model"):
                if isinstance(found, dict) and isinstance(found.get(wrapper), dict):
                    found = found[wrapper]
            if not isinstance(found, dict):
                raise ValueError(f"holds a {type(found).__name__}, expected a state dict")
            return {str(name): t.array() for name, t in found.items() if isinstance(t, _Tensor)}
        except _DAMAGE as problem:
            said = f"{type(problem).__name__} {problem}".strip()
            raise ValueError(f"not a whole PyTorch state dict ({said})") from None


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
        if 0 in self.size:
            return np.zeros(self.size, numbers.dtype)
        facts = (self.offset, *self.size, *self.stride)
        if not all(isinstance(n, int) and n >= 0 for n in facts) or last >= numbers.size:
            raise ValueError(f"a tensor of shape {self.size} reaches outside its storage")
        if math.prod(self.size) > numbers.size:  # strides of 0: a few bytes that claim gigabytes
            raise ValueError(f"a tensor of shape {self.size} is larger than its storage")
        steps = tuple(s * numbers.itemsize for s in self.stride)
        return np.lib.stride_tricks.as_strided(numbers[self.offset :], self.size, steps).copy()


class _Unpickler(pickle._Unpickler):
    """A pickle machine that knows tensors and ordered dicts, and nothing else.

    It is Python's own machine written in Python: the one in C makes room for whatever size a
    damaged file claims.
    """

    # Fills as many bytes as it is told to before it reads any; no state dict has one.
    dispatch = {  # noqa: RUF012
        code: step
        for code, step in pickle._Unpickler.dispatch.items()
        if code != pickle.BYTEARRAY8[0]
    }

    def __init__(self, file: IO[bytes], storage: Callable[[Any], _Storage]) -> None:
        super().__init__(file, encoding="utf-8")
        self._storage = storage

    def find_class(self, module: str, name: str) -> Any:
        """The few words that a state dict needs."""
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            # The class itself stays out of the program's reach: it could set attributes on it.
            return lambda *facts: _Tensor(*facts)
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if module == "torch" and name in _DTYPES:
            return np.dtype(_DTYPES[name])
        raise pickle.UnpicklingError(f"asks for {module}.{name}, which no state dict needs")

    def persistent_load(self, pid: Any) -> _Storage:
        """A storage, by the key that the file gives it."""
        return self._storage(pid)


def _facts(pid: Any) -> tuple[Any, Any, Any]:
    """Number type, key and count of a storage: ("storage", type, key, device, count, ...)."""
    if not isinstance(pid, tuple) or len(pid) < 5:
        raise pickle.UnpicklingError(f"a storage named {pid!r:.40}")
    return pid[1], pid[2], pid[4]


def _read_zip(file: IO[bytes]) -> Any:
    with zipfile.ZipFile(file) as archive:
        if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
            raise ValueError("a compressed zip archive: PyTorch writes none")
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ValueError("a zip archive without a data.pkl: not a PyTorch file")
        root = pickles[0].removesuffix("data.pkl")
        order = f"{root}byteorder"
        if order in archive.namelist() and archive.read(order) != b"little":
            raise ValueError("big-endian storages are not read")

        def storage(pid: Any) -> _Storage:
            dtype, key, count = _facts(pid)
            made = _Storage(dtype, count)
            made.data = archive.read(f"{root}data/{key}")
            return made

        with archive.open(pickles[0]) as stream:
            return _Unpickler(stream, storage).load()


def _read_stream(file: IO[bytes]) -> Any:
    file.seek(0)
    storages: dict[str, _Storage] = {}

    def storage(pid: Any) -> _Storage:
        dtype, key, count = _facts(pid)
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
    return found
