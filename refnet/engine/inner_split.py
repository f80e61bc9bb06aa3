"""Projections shared by their inner dimension: each worker multiplies the channels it has made.

Where workers share a map's channels, each has its own in its core's cache. A product of all of them
would fetch the others' from there. Instead each worker multiplies its channels by its rows of the
weights, which makes a term of every output, and what is fetched and added up are these terms:

    y = [x0 x1] @ [w0; w1] = x0 @ w0 + x1 @ w1

It is worth while where y has fewer channels than x, as in the projections of MobileNet V2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from refnet.arguments import check_pair
from refnet.engine.sharing import INNER_PRODUCT, INNER_SUM, Layout, pieces_of, readers_of
from refnet.engine.units import Unit
from refnet.layer import Layer, PointwiseAttrs

LESS = 2  # times fewer channels come out than go in


def with_inner_split(layout: Layout, shapes: dict[str, tuple[int, int, int]]) -> list[Unit]:
    """The units, with two in place of each that is shared so: the terms, and their sum.

    shapes: (H, W, C) of every value, to which those of the terms are added.
    """
    if layout.workers == 1 or not layout.tricks.inner_split:
        return layout.units
    readers, made_by = readers_of(layout.units), {unit.name: unit for unit in layout.units}
    in_pieces = {
        unit.name
        for unit in layout.units
        if all(_narrows(u) for u in readers[unit.name])
        and _is_shared(layout, unit, made_by, readers, shapes)
    }
    units = []
    for unit in layout.units:
        (name, *_), layer = unit.layer.inputs, unit.layer
        if name not in in_pieces:
            units.append(unit)
            continue
        terms, (H, W, N) = f"{unit.name} in terms", shapes[unit.name]
        shapes[terms] = (H, W, layout.workers * N)
        units.append(Unit(terms, Layer(terms, INNER_PRODUCT, (name,), layer.attrs), unit.params))
        total = Layer(layer.name, INNER_SUM, (terms,), layer.attrs)
        units.append(Unit(unit.name, total, unit.params, unit.activation, unit.before))
    return units


def _narrows(unit: Unit) -> bool:
    """Whether it is a product with much less coming out than goes in."""
    if unit.layer.op != "pointwise_conv2d":
        return False
    assert isinstance(unit.layer.attrs, PointwiseAttrs)
    M, N = unit.params[0].shape[2:]
    return check_pair(unit.layer.attrs.stride, "stride") == (1, 1) and LESS * N <= M


def _is_shared(
    layout: Layout,
    unit: Unit,
    made_by: Mapping[str, Unit],
    readers: Mapping[str, Sequence[Unit]],
    shapes: Mapping[str, tuple[int, int, int]],
) -> bool:
    """Whether a depthwise layer's input lies in pieces, and so its output may as well."""
    (name, *_) = unit.layer.inputs
    if unit.layer.op != "depthwise_conv2d" or not readers[unit.name] or name not in made_by:
        return False
    before = made_by[name]
    if before.layer.op == "depthwise_conv2d" or unit.params[0].shape[3] > 1:
        return False
    return bool(pieces_of(layout, before, readers[name], shapes[name]))
