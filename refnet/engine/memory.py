"""The memory of a plan: arrays that live as long as it does, and may be seen by two processes.

>>> memory = Memory()
>>> memory.zeros((2, 3)).shape
(2, 3)

Shared memory is a file without a name (memfd on Linux, an unlinked temporary file elsewhere):
a process gets at it by the open file that it inherits, and when the last process ends, however it
ends, nothing is left.
"""

from __future__ import annotations

import contextlib
import io
import mmap
import os
import pickle
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
CHUNK = 1 << 26  # bytes of shared memory at a time; the kernel gives a page when it is written
LINE = 64  # bytes of a cache line: vectors that start on one are read in one go


class Memory:
    """float32 arrays of a plan. `shared`: for other processes too.

    >>> memory = Memory(shared=True)
    >>> a = memory.constant(np.arange(6).reshape(2, 3))
    >>> other = Memory.opened(os.dup(memory.file))       # as another process opens it
    >>> other.unpacked(memory.packed([a[1, ::2]]))
    [array([3., 5.], dtype=float32)]
    """

    def __init__(self, *, shared: bool = False) -> None:
        with above_standard_files():
            self.file = _nameless_file() if shared else -1
        if shared:
            weakref.finalize(self, os.close, self.file)
        self._chunks: list[_Chunk] = []
        self._seen: dict[tuple[int, int], mmap.mmap] = {}  # as unpacked: (offset, length)

    @classmethod
    def opened(cls, file: int) -> Memory:
        """The memory behind an inherited file, to unpack arrays from."""
        memory = cls()
        memory.file = file
        return memory

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """A new array of zeros, which costs no memory until it is written."""
        count = int(np.prod(shape))
        if self.file < 0:
            room = np.zeros(count + LINE // 4, np.float32)
            start = -room.__array_interface__["data"][0] % LINE // 4
            return room[start : start + count].reshape(shape)
        length = max(4 * count, 1)
        if not self._chunks or self._chunks[-1].used + length > self._chunks[-1].length:
            self._chunks.append(self._chunk(length))
        chunk = self._chunks[-1]
        array = np.frombuffer(chunk.mapping, np.float32, count, chunk.used).reshape(shape)
        chunk.used += -(-length // LINE) * LINE
        return array

    def _chunk(self, least: int) -> _Chunk:
        """More of the file, mapped in one go: every mapping keeps an open file."""
        length = -(-max(least, CHUNK) // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
        offset = sum(chunk.length for chunk in self._chunks)
        os.ftruncate(self.file, offset + length)
        mapping = mmap.mmap(self.file, length, offset=offset)
        address = np.frombuffer(mapping, np.uint8).__array_interface__["data"][0]
        return _Chunk(mapping, offset, length, address)

    def constant(self, values: Array) -> Array:
        """A copy of these numbers in float32."""
        array = self.zeros(values.shape)
        array[...] = values
        return array

    def packed(self, thing: Any) -> bytes:
        """Anything that holds arrays of this memory, as bytes: an array as its place in it."""
        written = io.BytesIO()
        pickler = pickle.Pickler(written, protocol=5)
        pickler.persistent_id = self._place  # type: ignore[method-assign]
        pickler.dump(thing)
        return written.getvalue()

    def unpacked(self, data: bytes) -> Any:
        """What was packed, on this process's own view of the memory."""
        unpickler = pickle.Unpickler(io.BytesIO(data))
        unpickler.persistent_load = self._at  # type: ignore[method-assign]
        return unpickler.load()

    def _place(self, thing: object) -> tuple[Any, ...] | None:
        if not isinstance(thing, np.ndarray) or thing.ndim == 0:
            return None  # a bound of a clip, say, goes as it is
        address = thing.__array_interface__["data"][0]
        for chunk in self._chunks:
            if 0 <= (start := address - chunk.address) < chunk.length:
                return chunk.offset, chunk.length, start, thing.shape, thing.strides
        raise AssertionError("an array of another memory")

    def _at(self, place: tuple[Any, ...]) -> Array:
        offset, length, start, shape, strides = place
        if (offset, length) not in self._seen:
            self._seen[offset, length] = mmap.mmap(self.file, length, offset=offset)
        return np.ndarray(shape, np.float32, self._seen[offset, length], start, strides)


@dataclass
class _Chunk:
    """A part of the file, and how much of it is given out."""

    mapping: mmap.mmap
    offset: int
    length: int
    address: int
    used: int = 0


@contextlib.contextmanager
def above_standard_files() -> Iterator[None]:
    """New files get numbers above 2, also in a daemon, which has closed its standard files.

    >>> with above_standard_files(), open(os.devnull) as file:
    ...     file.fileno() > 2
    True

    A process that is started gets standard files of its own, in the place of what had their number.
    """
    held = []
    try:
        while (file := os.open(os.devnull, os.O_RDONLY)) <= 2:
            held.append(file)
        os.close(file)
        yield
    finally:
        for file in held:
            os.close(file)


def _nameless_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("refnet", 0)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
