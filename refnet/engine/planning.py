"""From a network to lists of calls: where every number lives, who computes it, who waits.

A plan is made in two passes over the units. `_make_maps` gives each value its memory, with the
border that those who read it need. `_write` has the kernels append their calls to the workers'
lists, each for its share (`refnet.engine.sharing`), with a wait where one needs another's numbers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from refnet.arguments import Shape
from refnet.engine import flags
from refnet.engine.inner_split import with_inner_split
from refnet.engine.kernels import KERNELS, Output
from refnet.engine.kernels.elementwise import copy
from refnet.engine.kernels.rolled import rolled
from refnet.engine.maps import Border, Map
from refnet.engine.memory import Memory
from refnet.engine.pool import Form, Pool
from refnet.engine.rolling import with_rolled_maps
from refnet.engine.sharing import (
    INNER_SUM,
    WINDOWED,
    Layout,
    Touch,
    phases_of,
    pieces_of,
    readers_of,
    shares_of,
    shows,
    touches,
)
from refnet.engine.tricks import Tricks
from refnet.engine.units import Rolled, Unit, units_of, window_of
from refnet.layer import Layer
from refnet.network import Network

Array = np.ndarray[Any, Any]
Size = tuple[int, int, int]  # H, W, C
NO_BORDER: Border = (0, 0, 0, 0)

# With several workers, memory that was read for the last time rests for so many units before it
# serves again. A worker must not write where another may still read; by then all have met anyway,
# and nobody waits for that alone.
REST = 3


def lay_out(
    network: Network,
    tensors: Mapping[str, Array],
    wanted: Collection[str],
    *,
    workers: int,
    tricks: Tricks,
    memory: Memory,
) -> Layout:
    """Plan one image's run.

    >>> from refnet.models import mobilenet_v1
    >>> network = mobilenet_v1(alpha=0.25, resolution=32)
    >>> tensors = {name: np.ones(shape) for name, shape in network.params().items()}
    >>> layout = lay_out(network, tensors, (), workers=1, tricks=Tricks(), memory=Memory())
    >>> [step.kind for step in layout.worklists[0].steps[:3]]
    ['rest', 'product', 'elementwise']
    """
    units = _with_frames(units_of(network, tensors, wanted), network)
    shapes = {name: _as_map(shape[1:]) for name, shape in network.shapes().items()}
    for unit in units:
        if unit.name not in shapes:  # a frame
            shapes[unit.name] = shapes[unit.layer.inputs[0]]
    layout = Layout(units, wanted, memory, tricks, workers)
    layout.units = with_inner_split(layout, shapes)
    layout.units = with_rolled_maps(layout, shapes)
    _make_maps(layout, network, shapes)
    _write(layout)
    if workers > 1 and tricks.shared_flags and flags.in_order():
        layout.flags = memory.zeros((workers * flags.FLOATS,))
    layout.units = []  # their weights are in the plan's own memory now
    return layout


def _as_map(shape: Shape) -> Size:
    """A value without its batch axis as (H, W, C)."""
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    return 1, int(np.prod(shape[:-1])), shape[-1] if shape else 1


def _fill(unit: Unit) -> float:
    """What a window meets beyond the map."""
    return float("-inf") if unit.layer.op == "max_pool" else 0.0


def _border(unit: Unit, shape: Size) -> Border:
    rows, columns = window_of(unit, shape)
    return rows.before, rows.after, columns.before, columns.after


def _with_frames(units: list[Unit], network: Network) -> list[Unit]:
    """Where a padded value is also read as it is, or padded in two ways, a copy to be padded."""
    shapes = {name: _as_map(shape[1:]) for name, shape in network.shapes().items()}
    readers = readers_of(units)
    framed = []
    for unit in units:
        (name, *_), op = unit.layer.inputs, unit.layer.op
        if op in WINDOWED and any(_border(unit, shapes[name])):
            ways = {_fill(u) if u.layer.op in WINDOWED else None for u in readers[name]}
            if len(ways) > 1:
                frame = f"{name} framed for {unit.name}"
                framed.append(Unit(frame, Layer(frame, "copy", (name,)), ()))
                layer = Layer(unit.layer.name, op, (frame,), unit.layer.attrs, unit.layer.params)
                unit = Unit(unit.name, layer, unit.params, unit.activation, unit.before)
        framed.append(unit)
    return framed


def _make_maps(layout: Layout, network: Network, shapes: Mapping[str, Size]) -> None:
    """Memory for every value, as its readers need it, and again for others when all have read."""
    readers = readers_of(layout.units)
    pool = Pool(layout.memory, reuse=layout.tricks.reused_memory)
    for name in network.inputs:
        layout.maps[name] = pool.map(shapes[name], _framed(readers[name], shapes[name]))
    kept = {*network.inputs, *layout.shown}
    resting: deque[list[Map]] = deque()
    for unit in layout.units:
        layout.maps[unit.name] = pool.map(
            shapes[unit.name], _form(layout, unit, readers[unit.name], shapes[unit.name])
        )
        if unit.before:
            # Memory of its own: nobody reads it in a run, and so nobody waits before it is written.
            layout.maps[unit.before] = Map.made(layout.memory, shapes[unit.name])
        if isinstance(unit, Rolled):
            first = unit.first
            if first.before:
                layout.maps[first.before] = Map.made(layout.memory, unit.shape)
            if first.name in kept or readers[first.name]:
                form = _framed(readers[first.name], unit.shape)
                layout.maps[first.name] = pool.map(unit.shape, form)
        read, reader = set(unit.layer.inputs) - kept, readers_of([unit])
        resting.append([layout.maps[n] for n in read if readers[n][-1] is reader[n][-1]])
        if len(resting) > (REST if layout.workers > 1 else 0):
            for old in resting.popleft():
                pool.give_back(old)


def _form(layout: Layout, unit: Unit, readers: Sequence[Unit], shape: Size) -> Form:
    """How a unit's output is best stored for those who write and read it."""
    tricks = layout.tricks
    return _framed(readers, shape)._replace(
        ones=tricks.bias_in_product and _takes_ones(unit, readers),
        phases=phases_of(layout, unit, readers, shape),
        parts=pieces_of(layout, unit, readers, shape),
    )


def _framed(readers: Sequence[Unit], shape: Size) -> Form:
    """With the border that all who slide a window over a map can do with."""
    windowed = [unit for unit in readers if unit.layer.op in WINDOWED]
    borders = [_border(unit, shape) for unit in windowed]
    top, bottom, left, right = (max(sides) for sides in zip(NO_BORDER, *borders, strict=True))
    border = (top, bottom, left, right)
    return Form(border, _fill(windowed[0]) if any(border) else 0.0)


def _takes_ones(unit: Unit, readers: Sequence[Unit]) -> bool:
    """Ones beside the channels cost nothing where a product or a sum writes the map.

    A depthwise layer's clip would break into a run for each pixel, which costs more than is won.
    """
    writes_freely = unit.activation is None and unit.layer.op in (
        "pointwise_conv2d",
        INNER_SUM,
        "add",
    )
    biased = any(u.layer.op == "pointwise_conv2d" and u.bias is not None for u in readers)
    return writes_freely and biased and all(u.layer.op not in WINDOWED for u in readers)


def _write(layout: Layout) -> None:
    """Every worker's calls, unit by unit, and the waits between them."""
    touched: list[Touch] = []  # since the last wait
    maps = layout.maps
    for unit in layout.units:
        inputs = [maps[name] for name in unit.layer.inputs]
        output = Output(maps[unit.name], maps[unit.before] if unit.before else None)
        shares = shares_of(layout, unit, output.map)
        now = touches(unit, inputs, output.map, shares)
        if isinstance(unit, Rolled) and unit.first.name in maps:
            now += shows(unit, maps[unit.first.name], shares)
        if any(one.waits_for(other) for one in now for other in touched):
            for work in layout.worklists:
                work.wait()
            touched = []
        touched += now
        kernel = KERNELS.get(unit.layer.op, copy)
        if isinstance(unit, Rolled):
            kernel = partial(rolled, maps=maps)
        for work, share in zip(layout.worklists, shares, strict=True):
            work.unit = unit.name
            if share:
                kernel(work, unit, inputs, output, share)
