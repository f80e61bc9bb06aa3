"""What Metal alone cannot take, looked at before it sees any of it.

Metal itself checks next to nothing. A slot left empty reads zeros, an array of another type is read
as it lies, and what the validation layer would say ends the process; so does a command buffer that
is released with an open encoder, as an exception between the two would leave it. So all that can be
wrong is refused first, in one line: by `refnet.metal.bindings` what no device takes, here the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from refnet.metal.bindings import called
from refnet.metal.device import Array, Kernel, MetalError, Size
from refnet.metal.mac.numbers import MOST_BUFFERS, MOST_PIXELS, MOST_SLICES, MOST_TEXTURES


def check_limits(
    kernel: Kernel, textures: Mapping[int, Array], buffers: Mapping[int, Array]
) -> None:
    """Raise MetalError for a texture that is too large, an empty buffer, an index too high."""
    for index, one in kernel.bindings("texture").items():
        slices, height, width, _ = textures[index].shape
        if index >= MOST_TEXTURES:
            raise MetalError(f"{kernel.name}: {called(one)}: Metal has {MOST_TEXTURES} textures")
        if slices > MOST_SLICES or max(height, width) > MOST_PIXELS:
            raise MetalError(
                f"{kernel.name}: {called(one)}: {slices} slices of {height} x {width}, "
                f"Metal takes at most {MOST_SLICES} of {MOST_PIXELS} x {MOST_PIXELS}"
            )
    for index, one in kernel.bindings("buffer").items():
        if index >= MOST_BUFFERS:
            raise MetalError(f"{kernel.name}: {called(one)}: Metal has {MOST_BUFFERS} buffers")
        if buffers[index].nbytes == 0:
            # newBufferWithLength:options: answers nil, and nil bound is address 0.
            raise MetalError(
                f"{kernel.name}: {called(one)}: no bytes, and Metal has no such buffer"
            )


def group_counts(kernel: Kernel, grid: Size, threadgroup: Size, most: int) -> tuple[Size, Size]:
    """How many threadgroups cover the grid, and the size of each, as plain ints.

    >>> group_counts(Kernel("copy", ()), (5, 7, 6), (8, 2, 1), 1024)
    ((1, 4, 6), (8, 2, 1))

    most: the pipeline's maxTotalThreadsPerThreadgroup. It is a property of the compiled kernel,
    smaller than the device's where a thread needs many registers.
    """
    if prod(threadgroup) > most:
        raise MetalError(
            f"{kernel.name}: threadgroup: {tuple(threadgroup)} are {prod(threadgroup)} threads, "
            f"but as compiled for this GPU the kernel takes at most {most}"
        )
    x, y, z = (-(-int(n) // int(wide)) for n, wide in zip(grid, threadgroup, strict=True))
    a, b, c = (int(wide) for wide in threadgroup)
    return (x, y, z), (a, b, c)
