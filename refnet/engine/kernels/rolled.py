"""A convolution and the depthwise layer after it, some rows of the map between them at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from refnet.engine.kernels.products import conv2d, pointwise_conv2d
from refnet.engine.kernels.windows import depthwise_conv2d
from refnet.engine.kernels.worklist import Output, Share, Worklist
from refnet.engine.maps import Array, Map
from refnet.engine.numpy_names import ZERO
from refnet.engine.units import Rolled, Unit

# New rows of the map between at a time. With the rows of the product before its activation, and
# what the two layers read and write, they should stay in the core's own cache.
ROLL_BYTES = 384 * 1024


def rolled(
    work: Worklist,
    unit: Unit,
    inputs: Sequence[Map],
    output: Output,
    share: Share,
    *,
    maps: Mapping[str, Map],
) -> None:
    """Tile by tile: the rows that are new, then the windows over them and those that were kept.

    maps: by name, among them the one between, and its values before the activation, where somebody
    wants to see them.
    """
    assert isinstance(unit, Rolled)
    tiles = _tiles(work, unit, share)
    room = _room(work, unit, tiles)
    array, made = room.pieces[0].array, None
    for rows in tiles:
        work.unit = unit.first.name
        met = unit.met_by(rows)
        new = met.start
        if made is not None:
            new = made.stop
            _move_up(work, array[: made.stop - made.start], met.start - made.start)
        # The rows lie in the array from its top on: as if a border began so far above it.
        middle = replace(room, shape=unit.shape, border=(-met.start, 0, *room.border[2:]))
        _make(work, unit, inputs, middle, slice(new, met.stop), share, maps)
        made, work.unit = met, unit.name
        depthwise_conv2d(work, unit.then, [middle], output, Share(rows, share.channels))


def _tiles(work: Worklist, unit: Rolled, share: Share) -> list[slice]:
    """The rows that come out of each tile."""
    (_, W, C), (axis, _) = unit.shape, unit.window
    return list(work.tiles(share.rows, 4 * W * C * axis.stride, ROLL_BYTES))


def _room(work: Worklist, unit: Rolled, tiles: Sequence[slice]) -> Map:
    """Memory for the rows that the windows of one tile meet."""
    (_, W, C), (_, columns) = unit.shape, unit.window
    heights = [met.stop - met.start for met in map(unit.met_by, tiles)]
    border = (0, 0, columns.before, columns.after)
    return Map.made(work.memory, (max(heights), W, C), border=border, phases=unit.phases)


def _move_up(work: Worklist, array: Array, by: int) -> None:
    """The rows from `by` on to the top; never onto themselves, which NumPy would copy first."""
    for row in range(by, len(array), by):
        some = array[row : row + by]
        work.add("rest", np.copyto, array[row - by :][: len(some)], some)


def _make(
    work: Worklist,
    unit: Rolled,
    inputs: Sequence[Map],
    middle: Map,
    rows: slice,
    share: Share,
    maps: Mapping[str, Map],
) -> None:
    """New rows: zeros beyond the map's edges, inside what the first layer makes of its input."""
    (H, _, C), (top, *_), array = unit.shape, middle.border, middle.pieces[0].array
    for beyond in (slice(rows.start, min(0, rows.stop)), slice(max(H, rows.start), rows.stop)):
        if beyond.start < beyond.stop:
            work.add("rest", np.copyto, array[top + beyond.start : top + beyond.stop], ZERO)
    kernel = conv2d if unit.first.layer.op == "conv2d" else pointwise_conv2d
    shown, before = maps.get(unit.first.name), maps.get(unit.first.before or "")
    own = unit.own_rows(share.rows).start
    for part in _parts(unit, share, slice(max(0, rows.start), min(H, rows.stop))):
        mine, all_channels = part.start >= own, slice(0, C)
        output = Output(middle, before if mine else None)
        kernel(work, unit.first, inputs, output, Share(part, all_channels))
        if mine and shown is not None:
            for first in range(middle.phases):
                seen = shown.view(part, all_channels)[:, first :: middle.phases]
                work.add("rest", np.copyto, seen, middle.view(part, all_channels, first))


def _parts(unit: Rolled, share: Share, rows: slice) -> list[slice]:
    """Rows in one part, but those that another worker makes, too, one by one.

    What a row is depends, in its last bit, on how many a product makes. At a seam two workers make
    the same rows; only alone are they the same to the bit. One of them shows what both have read.
    """
    own, after = unit.own_rows(share.rows), share.rows.stop
    ends = after == unit.window[0].output
    below = own.stop if ends else unit.rows_of(slice(after, after + 1)).start
    above = range(rows.start, min(rows.stop, own.start))
    between = slice(max(rows.start, own.start), min(rows.stop, below))
    under = range(max(rows.start, own.start, below), rows.stop)
    return [
        *(slice(row, row + 1) for row in above),
        *([between] if between.start < between.stop else []),
        *(slice(row, row + 1) for row in under),
    ]
