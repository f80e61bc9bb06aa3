"""A matrix product in blocks that OpenBLAS multiplies where they lie.

Before it multiplies, OpenBLAS copies both matrices into an order of its own. Below 10^6
multiply-accumulates that does not pay, and its kernels for AVX-512 cores leave it out
(`sgemm_small_kernel_permit_skylakex.c`). So a larger product is made of blocks below that. NumPy
multiplies a whole grid of equal blocks in one call, where a block more costs next to nothing. The
weights are kept in strips of columns for it, each one run of memory.

>>> [(g.down, g.across, g.height, g.width) for g in grids(784, (128, 256))]
[(7, 4, 112, 64)]
>>> [(g.down, g.across, g.height, g.width) for g in grids(49, (512, 1024))]
[(1, 16, 25, 64), (1, 16, 24, 64)]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from refnet.engine.blas import core

Array = np.ndarray[Any, Any]

WITHOUT_COPY = ("SkylakeX", "Cooperlake", "SapphireRapids")  # OpenBLAS's names of cores
LARGEST = 10**6  # multiply-accumulates of a product that is not copied

# Strips as wide as these kernels take columns at a time; other widths cost them up to a third more.
STRIPS = (64, 32)
NARROW = 192  # columns that are one strip, if they are no multiple of those

# With many rows and sums this long a block is so flat that the copy pays. It is measured, on one
# core with AVX-512, and can only cost time: `refnet bench --tricks` says how much on yours.
FEW_ROWS, LONG = 64, 768


class Grid(NamedTuple):
    """A part of the output in equal blocks: from where, how many each way, and how large."""

    row: int
    column: int
    down: int
    across: int
    height: int
    width: int

    def operands(self, a: Array, strips: Array, y: Array) -> tuple[Array, Array, Array]:
        """What `np.matmul` takes for all of its blocks: two matrices, and where the product goes.

        a: (rows, inner); strips: (across, inner, width), the weights; y: (rows, columns).
        """
        a, y = a[self.row :], y[self.row :, self.column :]
        if self.down == self.across == 1:
            return a[: self.height], strips[0], y[: self.height, : self.width]
        (a_row, a_1), (y_row, y_1), inner = a.strides, y.strides, a.shape[1]
        return (
            as_strided(a, (self.down, 1, self.height, inner), (self.height * a_row, 0, a_row, a_1)),
            strips,
            as_strided(
                y,
                (self.down, self.across, self.height, self.width),
                (self.height * y_row, self.width * y_1, y_row, y_1),
            ),
        )


def worth_while() -> bool:
    """Whether this BLAS has such kernels."""
    return core() in WITHOUT_COPY


def whole(rows: int, columns: int) -> Grid:
    """All of the output as one block."""
    return Grid(0, 0, 1, 1, rows, columns)


def grids(rows: int, weights: tuple[int, int]) -> list[Grid]:
    """The blocks of a product, and smaller ones for what is left; weights: (inner, columns)."""
    inner, columns = weights
    one_row = rows == 1  # which is no product of matrices to the BLAS
    if one_row or rows * inner * columns <= LARGEST or (rows > FEW_ROWS and inner > LONG):
        return [whole(rows, columns)]
    fitting = [width for width in STRIPS if columns % width == 0]
    if not fitting:
        fitting = [columns if columns <= NARROW else STRIPS[0]]
    height, width = max(
        ((_height(rows, inner * width), width) for width in fitting),
        key=lambda block: (block[0] * block[1], block[1]),
    )
    if not height:
        return [whole(rows, columns)]
    return [
        Grid(row, column, down, across, tall, wide)
        for row, down, tall in _runs(rows, height)
        for column, across, wide in _runs(columns, width)
    ]


def _height(rows: int, weights: int) -> int:
    """The rows of each block, all nearly equal; 0 where one row is too much already."""
    most = LARGEST // weights
    return -(-rows // -(-rows // most)) if most else 0


def _runs(length: int, size: int) -> list[tuple[int, int, int]]:
    """(first, how many, size) of the equal parts of a length, and of what is left."""
    count, left = divmod(length, size)
    parts = [(0, count, size), (count * size, 1, left)]
    return [part for part in parts if part[1] * part[2]]
