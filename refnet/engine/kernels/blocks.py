"""A matrix product in blocks that OpenBLAS multiplies where they lie.

Before it multiplies, OpenBLAS copies both matrices into an order of its own, which pays when each
number is used often. With few rows, or few columns, it is not; and below 10^6 multiply-accumulates
the kernels for AVX-512 cores leave the copying out (`sgemm_small_kernel_permit_skylakex.c`). So a
larger product is made of blocks below that. The weights are kept in strips of columns for it, each
one run of memory.

>>> blocks(100, (144, 24))
[(slice(0, 100, None), slice(0, 24, None))]
>>> [(rows, columns) for rows, columns in blocks(784, (144, 32))][:2]
[(slice(0, 196, None), slice(0, 32, None)), (slice(196, 392, None), slice(0, 32, None))]
>>> len(blocks(49, (1024, 1024)))
64
"""

from __future__ import annotations

from refnet.engine.blas import core

WITHOUT_COPY = ("SkylakeX", "Cooperlake", "SapphireRapids")  # OpenBLAS's names of cores
LARGEST = 10**6  # multiply-accumulates of a product that is not copied

# Where a block is small its call costs more than the copy. Both limits are measured, on one core
# with AVX-512, and can only cost time: `refnet bench --tricks` says how much on yours.
FEW_ROWS, STRIP = 64, 64
FEW_WEIGHTS, FEW_COLUMNS = 15_000, 192


def worth_while() -> bool:
    """Whether this BLAS has such kernels."""
    return core() in WITHOUT_COPY


def blocks(rows: int, weights: tuple[int, int]) -> list[tuple[slice, slice]]:
    """The rows and columns of the output that each product makes; weights: (inner, columns)."""
    inner, columns = weights
    whole = [(slice(0, rows), slice(0, columns))]
    if rows == 1 or rows * inner * columns <= LARGEST:  # one row is no product of matrices to it
        return whole
    if columns <= FEW_COLUMNS and inner * columns <= FEW_WEIGHTS:
        width = columns
    elif rows <= FEW_ROWS and STRIP * inner < LARGEST:
        width = STRIP
    else:
        return whole
    width = min(width, columns)
    number = -(-rows // (LARGEST // (inner * width)))
    return [
        (slice(rows * k // number, rows * (k + 1) // number), slice(first, last))
        for first in range(0, columns, width)
        for last in [min(first + width, columns)]
        for k in range(number)
    ]
