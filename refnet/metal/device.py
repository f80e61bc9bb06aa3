"""What a device is: something that holds the kernels of .metal files and runs them on arrays.

Two devices keep this promise, `refnet.metal.cpu.CpuLibrary` on any machine with a C++ compiler and
`refnet.metal.mac.MacLibrary` on a Mac, so the host code above them cannot tell one from the other:

>>> Parameter("const device half4*", "weights", "buffer", 1)
Parameter(type='const device half4*', name='weights', attribute='buffer', index=1)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

Array = np.ndarray[Any, Any]
Size = tuple[int, int, int]


class MetalError(ValueError):
    """A kernel or a dispatch that is wrong: one line that names the kernel and the fault.

    >>> raise MetalError("softmax: buffer 2 (classes) is missing")
    Traceback (most recent call last):
    ...
    refnet.metal.device.MetalError: softmax: buffer 2 (classes) is missing
    """


@dataclass(frozen=True)
class Parameter:
    """One parameter of a kernel, as its signature says it.

    type: as written, one space between words: "texture2d_array<half, access::read>".
    attribute: "texture", "buffer", "threadgroup", or a built-in as "thread_position_in_grid".
    index: the binding's number; None for a built-in.
    """

    type: str
    name: str
    attribute: str
    index: int | None = None


@dataclass(frozen=True)
class Kernel:
    """A kernel's name and its parameters in order.

    >>> kernel = Kernel("relu", (Parameter("device half4*", "x", "buffer", 0),))
    >>> kernel.bindings("buffer")[0].name
    'x'
    """

    name: str
    parameters: tuple[Parameter, ...]

    def bindings(self, attribute: str) -> dict[int, Parameter]:
        """The parameters bound as "texture", "buffer" or "threadgroup", by their index."""
        return {
            one.index: one
            for one in self.parameters
            if one.attribute == attribute and one.index is not None
        }


@runtime_checkable
class Library(Protocol):
    """The compiled kernels of some .metal files."""

    @property
    def kernels(self) -> Mapping[str, Kernel]:
        """Every kernel by its name."""
        ...

    def dispatch(
        self,
        name: str,
        grid: Size,
        threadgroup: Size,
        textures: Mapping[int, Array] = {},
        buffers: Mapping[int, Array] = {},
        threadgroup_bytes: Mapping[int, int] = {},
    ) -> None:
        """Run one kernel over a grid, and return when it has finished.

        grid: threads as (x, y, z); whole threadgroups cover it, as Metal's
        dispatchThreadgroups does, so that kernels guard their own ends.
        textures: C-contiguous (slices, H, W, 4) of float16, float32, or uint8 (a number 0..255
        for 0..1); a texture2d has one slice.
        buffers: contiguous arrays of the kernel's own element type, or of uint8 for plain bytes.
        Both are read and written in place.
        threadgroup_bytes: the size of each [[threadgroup(n)]] parameter, a multiple of 16.
        Raises MetalError.
        """
        ...
