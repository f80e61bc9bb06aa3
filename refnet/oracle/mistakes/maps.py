"""What goes wrong where maps are dilated, resized and joined: segmenters, and their heads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, permutations

from refnet.arguments import check_pair
from refnet.geometry import Axis, Corners, neighbours
from refnet.layer import ConvAttrs, DepthwiseAttrs, ResizeAttrs
from refnet.oracle.mistakes.kernels import placed
from refnet.oracle.situation import Situation, Variants

RATES = (1, 2, 3, 4, 6, 8, 12, 18, 24, 36)  # that are met in published networks
CORNERS: tuple[Corners, ...] = ("aligned", "half-pixel", "asymmetric")
FEW = 5  # inputs of a concatenation whose every order is tried


def dilation(s: Situation) -> Variants:
    """Another distance between the taps, with the padding that keeps the map's size."""
    layer = s.kernel_layer
    axes = None if layer is None else s.axes_of(layer)
    if layer is None or axes is None or all(axis.kernel == 1 for axis in axes):
        return
    assert isinstance(layer.attrs, ConvAttrs | DepthwiseAttrs)
    own = (axes[0].dilation, axes[1].dilation)
    if own == (1, 1) and (axes[0].stride, axes[1].stride) != (1, 1):
        return  # no network has a dilation and a stride in one layer
    rates = [(rate, rate) for rate in (RATES if max(own) > 1 else (2, 4))]
    for other in dict.fromkeys([*rates, own[::-1]]):
        if other == own:
            continue
        said = f"{_pair(other)} for {_pair(own)}" if other != (1, 1) else "none"
        sides = [n for axis, rate in zip(axes, other, strict=True) for n in _around(axis, rate)]
        if min(sides) >= 0:
            padding = (sides[0], sides[1], sides[2], sides[3])
            yield said, s.with_attrs(layer, replace(layer.attrs, padding=padding, dilation=other))


def _around(axis: Axis, rate: int) -> tuple[int, int]:
    """Half of the padding on each side with which as many outputs come out as before."""
    reach = (axis.kernel - 1) * rate + 1
    total = (axis.output - 1) * axis.stride + reach - axis.size
    return total // 2, total - total // 2


def _pair(rates: tuple[int, int]) -> str:
    return f"{rates[0]}" if rates[0] == rates[1] else f"{rates[0]} x {rates[1]}"


def dilated_padding(s: Situation) -> Variants:
    """The padding of a dilated window on one side, or as if its taps were neighbours."""
    layer = s.kernel_layer
    axes = None if layer is None else s.axes_of(layer)
    if layer is None or axes is None or max(axis.dilation for axis in axes) == 1:
        return
    plain = [_before_undilated(axis) for axis in axes]
    totals = [axis.before + axis.after for axis in axes]
    (top, left), (rows, columns) = plain, totals
    yield from placed(
        s, layer, "begins where an undilated one does", (top, rows - top, left, columns - left)
    )
    yield from placed(s, layer, "all at the end", (0, rows, 0, columns))
    yield from placed(s, layer, "all at the start", (rows, 0, columns, 0))
    both = [n for axis in axes for n in _undilated(axis)]
    yield from placed(s, layer, "of an undilated one, and a smaller map", both)


def _undilated(axis: Axis) -> tuple[int, int]:
    """The padding of this axis, were the taps neighbours."""
    less = axis.reach - axis.kernel
    total = max(axis.before + axis.after - less, 0)
    return total // 2, total - total // 2


def _before_undilated(axis: Axis) -> int:
    return _undilated(axis)[0]


def corners(s: Situation) -> Variants:
    """Pixels at other places, or the nearest pixel in place of a mean."""
    layer = s.first("resize_bilinear")
    if layer is None or layer.inputs[0] not in s.inputs:
        return
    assert isinstance(layer.attrs, ResizeAttrs)
    for other in CORNERS:
        if other != layer.attrs.corners:
            said = f"{other} for {layer.attrs.corners}"
            yield said, s.with_attrs(layer, replace(layer.attrs, corners=other))
    x = s.inputs[layer.inputs[0]]
    rows, columns = check_pair(layer.attrs.size, "size")
    known: list[tuple[list[int], list[int]]] = []
    for where in CORNERS:
        for down, across in zip(
            _nearest(x.shape[1], rows, where), _nearest(x.shape[2], columns, where), strict=True
        ):
            if (down, across) not in known:
                known.append((down, across))
                # Of a map that has its size already a resize makes the same map.
                nearest = x[:, down][:, :, across]
                yield f"the nearest pixel, {where}", s.with_input(layer.inputs[0], nearest)


def _nearest(size: int, output: int, where: Corners) -> Iterator[list[int]]:
    """The pixel below; and the nearest, of two that are as near the lower, then the upper."""
    places = neighbours(size, output, where)
    yield [n.lower for n in places]
    yield [n.upper if 2 * n.part > n.whole else n.lower for n in places]
    yield [n.upper if 2 * n.part >= n.whole else n.lower for n in places]


def joined(s: Situation) -> Variants:
    """The parts of a concatenation in another order, or one of them twice."""
    layer = s.first("concat")
    if layer is None or len(layer.inputs) < 2:
        return
    for order in _orders(layer.inputs):
        yield f"as {', '.join(order)}", s.with_layer(layer, replace(layer, inputs=order))
    shapes = s.network.shapes()
    for one, other in permutations(range(len(layer.inputs)), 2):
        names = list(layer.inputs)
        if shapes[names[one]] == shapes[names[other]]:
            said = f"{names[one]} in the place of {names[other]}"
            names[other] = names[one]
            yield said, s.with_layer(layer, replace(layer, inputs=tuple(names)))


def _orders(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Other orders: all of a few; of many two exchanged, turned round, and begun elsewhere."""
    if len(names) <= FEW:
        found = set(permutations(names))
    else:
        found = {names[::-1], *(names[k:] + names[:k] for k in range(len(names)))}
        for one, other in combinations(range(len(names)), 2):
            swapped = list(names)
            swapped[one], swapped[other] = names[other], names[one]
            found.add(tuple(swapped))
    yield from sorted(found - {names})
