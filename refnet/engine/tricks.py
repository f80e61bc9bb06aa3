"""The tricks that make the plan fast, each with a name and a switch.

>>> Tricks.without("whole_rows").whole_rows, Tricks().whole_rows
(False, True)

None changes what is computed, only how: every setting is held to the same bounds. What each one
saves on your machine: `refnet bench --tricks`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Tricks:
    """Which tricks a plan uses.

    direct_calls: NumPy's C functions for einsum and clip without the Python that wraps them, a few
        microseconds a call; the public functions otherwise.
    whole_rows: a depthwise convolution of stride 1 runs along W * C numbers at once, its weights
        repeated W times, where pixel by pixel it would run along C.
    column_phases: a map that a depthwise convolution of stride 2 reads is stored as its even
        columns and its odd ones, where `whole_rows` works again. The matrix product that makes
        the map takes every second pixel, which costs it nothing.
    bias_in_product: a map carries one more channel, of ones, and the bias is one more row of the
        weights, so that the matrix product adds it.
    scalar_clip: ReLU6 as one pass of NumPy's clip; a maximum and a minimum otherwise.
    reused_memory: what nobody reads any more gives its place to the next map, which then lies in
        the cache already; otherwise every map has memory of its own.
    row_tiles: what lies between two passes over a map (product, bias, clip) is a tile of rows
        that fits the core's own cache, instead of a whole map that may not. On a core with a large
        cache behind it this saves memory more than time.
    rolled_maps: a large map that only a depthwise layer reads is never there whole: some of its
        rows are made at a time, in memory that stays in the cache; see `refnet.engine.rolling`.
    channel_split: where a map has more channels than pixels, workers share its channels instead of
        its rows: each then reads only its part of the weights, and a depthwise layer only what
        its own worker wrote.
    small_products: a product as a grid of blocks, in one call, so small that OpenBLAS, on a core
        with AVX-512, multiplies each without copying it first; see `refnet.engine.kernels.blocks`.
    inner_split: where workers share the channels that a projection reads, each multiplies its own
        and the results are added, as there are fewer of them to fetch; see
        `refnet.engine.inner_split`.
    shared_flags: workers in processes that wait for one another in the midst of a run look at bytes
        of shared memory, where the processor's cores see each other's writes in their order (x86);
        otherwise at pipes, which cost each wait a microsecond; see `refnet.engine.flags`.
    """

    direct_calls: bool = True
    whole_rows: bool = True
    column_phases: bool = True
    bias_in_product: bool = True
    scalar_clip: bool = True
    reused_memory: bool = True
    row_tiles: bool = True
    rolled_maps: bool = True
    channel_split: bool = True
    small_products: bool = True
    inner_split: bool = True
    shared_flags: bool = True

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Every trick's name.

        >>> "bias_in_product" in Tricks.names()
        True
        """
        return tuple(field.name for field in fields(cls))

    @classmethod
    def without(cls, *names: str) -> Tricks:
        """All tricks but these.

        >>> Tricks.without("magic")
        Traceback (most recent call last):
        ...
        ValueError: tricks: 'magic', expected one of direct_calls, whole_rows, ...
        """
        for name in names:
            if name not in cls.names():
                raise ValueError(f"tricks: {name!r}, expected one of {', '.join(cls.names())}")
        return cls(**dict.fromkeys(names, False))
