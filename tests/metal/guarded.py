"""A device whose textures and buffers end at a page that nobody may touch.

An access beyond their end is not an exception but the end of the process: this asks the machine
itself, after the CPU device's own checks.
"""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

import numpy as np

NO_ACCESS = 0  # PROT_NONE


class Guarded:
    """Another device, on copies of its arguments."""

    def __init__(self, device: Any) -> None:
        self.kernels, self._device = device.kernels, device
        self.bytes = 0

    def dispatch(self, name, grid, threadgroup, textures, buffers, threadgroup_bytes) -> None:
        moved = [
            {index: (a, self.at_the_end(a)) for index, a in arrays.items()}
            for arrays in (textures, buffers)
        ]
        copies = [{index: copy for index, (_, copy) in pairs.items()} for pairs in moved]
        self._device.dispatch(name, grid, threadgroup, *copies, threadgroup_bytes)
        for pairs in moved:
            for a, copy in pairs.values():
                if a.flags.writeable:
                    a[...] = copy

    def at_the_end(self, a: np.ndarray) -> np.ndarray:
        """A copy whose last byte is the last before a protected page."""
        whole = -(-a.nbytes // mmap.PAGESIZE) * mmap.PAGESIZE
        memory = mmap.mmap(-1, whole + mmap.PAGESIZE)
        last = ctypes.addressof(ctypes.c_char.from_buffer(memory, whole))
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        protect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        if protect(last, mmap.PAGESIZE, NO_ACCESS):
            raise OSError(ctypes.get_errno(), "mprotect")
        self.bytes += a.nbytes
        copy = np.frombuffer(memory, a.dtype, a.size, whole - a.nbytes).reshape(a.shape)
        copy[...] = a
        return copy
