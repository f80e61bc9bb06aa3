"""Large maps that are never there whole: made some rows at a time, for a depthwise layer.

V2's second block writes 4.8 MB that only its depthwise layer reads. Such a map has left the core's
cache before it is read. So each worker makes some of its rows, in memory that stays in the cache,
slides the windows over them, keeps the last rows for the next windows, and goes on from there:

    rows  0 1 2 3 4 5             the windows of one tile meet these
                  4 5 6 7 8 9     those of the next meet two that were kept and four new ones

Workers that share the rows each make those that both need, and so need not wait for one another
between the two layers.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from refnet.engine.sharing import Layout, phases_of, readers_of, splits_channels
from refnet.engine.units import ROLLED, Rolled, Unit, window_of
from refnet.layer import Layer

Size = tuple[int, int, int]
LARGE = 1 << 20  # bytes of a map that would leave a core's own cache


def with_rolled_maps(layout: Layout, shapes: Mapping[str, Size]) -> list[Unit]:
    """The units, with one in place of each two that have such a map between them.

    shapes: (H, W, C) of every value.
    """
    if not layout.tricks.rolled_maps:
        return layout.units
    readers = readers_of(layout.units)
    first_of, again = {}, {}
    for unit in layout.units:
        # A layer may be there twice: once more, before the other, without the batch norm folded in,
        # for who wants to see that. What is run as one must not depend on it.
        *others, after = readers[unit.name] or [unit]
        same = all(other.layer.name == after.layer.name for other in others)
        if same and _is_rolled(layout, unit, after, shapes[unit.name]):
            first_of[after.name], again[after.name] = unit, others
    elsewhere = {u.name for u in (*first_of.values(), *itertools.chain(*again.values()))}
    units: list[Unit] = []
    for unit in layout.units:
        if unit.name in first_of:
            units += [_rolled(layout, first_of[unit.name], unit, shapes), *again[unit.name]]
        elif unit.name not in elsewhere:
            units.append(unit)
    return units


def _is_rolled(layout: Layout, unit: Unit, after: Unit, shape: Size) -> bool:
    """Whether a depthwise layer reads every row of a large map, of which workers share the rows."""
    H, W, C = shape
    if unit.layer.op not in ("pointwise_conv2d", "conv2d") or 4 * H * W * C <= LARGE:
        return False
    if after.layer.op != "depthwise_conv2d" or after.params[0].shape[3] > 1:
        return False
    if splits_channels(layout, unit, shape):
        return False
    rows, _ = window_of(after, shape)
    last = (rows.output - 1) * rows.stride - rows.before + rows.reach
    return rows.dilation == 1 and rows.kernel >= rows.stride and last >= H


def _rolled(layout: Layout, first: Unit, then: Unit, shapes: Mapping[str, Size]) -> Rolled:
    shape = shapes[first.name]
    return Rolled(
        then.name,
        Layer(then.layer.name, ROLLED, first.layer.inputs, then.layer.attrs),
        then.params,
        then.activation,
        then.before,
        first=first,
        then=then,
        shape=shape,
        phases=phases_of(layout, first, [then], shape),
    )
