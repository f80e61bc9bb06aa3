"""From a network to lists of calls: where every number lives, who computes it, who waits.

A plan is made in three passes over the units. `_make_maps` gives each value its memory, with the
border that those who read it need. `_shares` says which rows or channels of it each worker
computes. `_write` has the kernels append their calls, and puts a wait before the first unit that
reads what another worker has written since the last one.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refnet.arguments import Shape, check_pair
from refnet.engine.kernels import KERNELS, Output, Share, Worklist
from refnet.engine.kernels.elementwise import copy
from refnet.engine.maps import Border, Map
from refnet.engine.memory import Memory
from refnet.engine.pool import Edge, Pool
from refnet.engine.tricks import Tricks
from refnet.engine.units import Unit, units_of, window_of
from refnet.layer import Layer, PointwiseAttrs
from refnet.network import Network

Array = np.ndarray[Any, Any]
WINDOWED = ("conv2d", "depthwise_conv2d", "average_pool", "max_pool")
REST = 3  # units: an inverted residual block has its own number of them
NO_BORDER: Border = (0, 0, 0, 0)


@dataclass
class Layout:
    """What a plan consists of: units, each value's map, and each worker's calls."""

    units: list[Unit]
    shown: Collection[str]
    memory: Memory
    maps: dict[str, Map] = field(default_factory=dict)
    worklists: list[Worklist] = field(default_factory=list)


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
    layout = Layout(
        units, wanted, memory, worklists=[Worklist(memory, tricks) for _ in range(workers)]
    )
    _make_maps(layout, network, shapes, tricks)
    _write(layout, tricks)
    layout.units = []  # their weights are in the plan's own memory now
    return layout


def _as_map(shape: Shape) -> tuple[int, int, int]:
    """A value without its batch axis as (H, W, C)."""
    rows = shape[0] if len(shape) == 3 else 1
    return rows, int(np.prod(shape[:-1])) // rows, shape[-1]


def _fill(unit: Unit) -> float:
    """What a window meets beyond the map."""
    return float("-inf") if unit.layer.op == "max_pool" else 0.0


def _border(unit: Unit, shape: tuple[int, int, int]) -> Border:
    rows, columns = window_of(unit, shape)
    return rows.before, rows.after, columns.before, columns.after


def _with_frames(units: list[Unit], network: Network) -> list[Unit]:
    """Where a padded value is also read as it is, or padded in two ways, a copy to be padded."""
    shapes = {name: _as_map(shape[1:]) for name, shape in network.shapes().items()}
    readers = _readers(units)
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


def _make_maps(
    layout: Layout, network: Network, shapes: Mapping[str, tuple[int, int, int]], tricks: Tricks
) -> None:
    """Memory for every value, as its readers need it, and again for others when all have read."""
    readers = _readers(layout.units)
    pool = Pool(layout.memory, reuse=tricks.reused_memory)
    for name in network.inputs:
        layout.maps[name] = pool.map(shapes[name], _border_for(readers[name], shapes[name]))
    kept = {*network.inputs, *layout.shown}
    # A worker must not write where another may still read. So that it need not wait for that, the
    # memory rests while the next units run, which have waits of their own.
    rest = 0 if len(layout.worklists) == 1 else REST
    resting: deque[list[Map]] = deque()
    for unit in layout.units:
        shape, read_by = shapes[unit.name], readers[unit.name]
        ones = tricks.bias_in_product and _takes_ones(unit, read_by)
        inputs = [layout.maps[name] for name in unit.layer.inputs]
        parts = _pieces(unit, inputs, read_by, shape, len(layout.worklists), tricks)
        phased = tricks.column_phases and tricks.whole_rows
        phases = _phases(unit, read_by, shape) if phased else 1
        edge = _border_for(read_by, shape)
        layout.maps[unit.name] = pool.map(shape, edge, ones, phases, parts)
        if unit.before:
            layout.maps[unit.before] = pool.map(shape)
        resting.append(
            [layout.maps[n] for n in set(unit.layer.inputs) - kept if readers[n][-1] is unit]
        )
        if len(resting) > rest:
            for old in resting.popleft():
                pool.give_back(old)


def _readers(units: Sequence[Unit]) -> defaultdict[str, list[Unit]]:
    readers: defaultdict[str, list[Unit]] = defaultdict(list)
    for unit in units:
        for name in unit.layer.inputs:
            readers[name].append(unit)
    return readers


def _border_for(readers: Sequence[Unit], shape: tuple[int, int, int]) -> Edge:
    """The border that all who slide a window over a map can do with."""
    windowed = [unit for unit in readers if unit.layer.op in WINDOWED]
    borders = [_border(unit, shape) for unit in windowed]
    top, bottom, left, right = (max(sides) for sides in zip(NO_BORDER, *borders, strict=True))
    border = (top, bottom, left, right)
    return Edge(border, _fill(windowed[0]) if any(border) else 0.0)


def _takes_ones(unit: Unit, readers: Sequence[Unit]) -> bool:
    """Ones beside the channels cost nothing where a product or a sum writes the map.

    A depthwise layer's clip would break into a run for each pixel, which costs more than is won.
    """
    writes_freely = unit.activation is None and unit.layer.op in ("pointwise_conv2d", "add")
    biased = any(u.layer.op == "pointwise_conv2d" and u.bias is not None for u in readers)
    return writes_freely and biased and all(u.layer.op not in WINDOWED for u in readers)


def _phases(unit: Unit, readers: Sequence[Unit], shape: tuple[int, int, int]) -> int:
    """The stride of the depthwise layer that alone reads what a pointwise layer makes."""
    if unit.layer.op != "pointwise_conv2d" or len(readers) != 1:
        return 1
    (reader,) = readers
    if reader.layer.op != "depthwise_conv2d" or reader.params[0].shape[3] > 1:
        return 1
    columns = window_of(reader, shape)[1]
    fits = columns.dilation == 1 and shape[1] % columns.stride == 0
    return columns.stride if fits else 1


def _pieces(
    unit: Unit,
    inputs: Sequence[Map],
    readers: Sequence[Unit],
    shape: tuple[int, int, int],
    workers: int,
    tricks: Tricks,
) -> tuple[slice, ...]:
    """A small map that only depthwise layers read lies in a piece for each worker."""
    by_channel = all(
        u.layer.op == "depthwise_conv2d" and u.params[0].shape[3] == 1 for u in readers
    )
    if not (readers and by_channel and _splits_channels(unit, inputs, shape, workers, tricks)):
        return ()
    return _parts(shape[2], workers)


def _splits_channels(
    unit: Unit,
    inputs: Sequence[Map],
    shape: tuple[int, int, int],
    workers: int,
    tricks: Tricks,
) -> bool:
    """Whether workers share a unit's output by channels, and not by rows."""
    op = unit.layer.op
    if workers == 1 or op in ("concat", "softmax", "copy") or shape[2] < workers:
        return False
    if op == "depthwise_conv2d":
        return len(inputs[0].pieces) > 1  # as its input does
    if shape[0] * shape[1] == 1:
        return True  # a vector has no rows to share
    # Sharing rows has every worker read all the weights (M, N), sharing channels all the pixels
    # (H W, M): what there is less of is read twice.
    return tricks.channel_split and shape[2] > shape[0] * shape[1]


def _parts(length: int, workers: int) -> tuple[slice, ...]:
    return tuple(slice(length * k // workers, length * (k + 1) // workers) for k in range(workers))


def _shares(
    unit: Unit, inputs: Sequence[Map], output: Map, workers: int, tricks: Tricks
) -> list[Share]:
    """What of a unit's output each worker computes."""
    H, _, C = output.shape
    if _splits_channels(unit, inputs, output.shape, workers, tricks):
        return [Share(slice(0, H), channels) for channels in _parts(C, workers)]
    return [Share(rows, slice(0, C)) for rows in _parts(H, workers)]


def _write(layout: Layout, tricks: Tricks) -> None:
    """Every worker's calls, unit by unit, and the waits between them."""
    workers = len(layout.worklists)
    touched: list[Touch] = []  # since the last wait
    for unit in layout.units:
        inputs = [layout.maps[name] for name in unit.layer.inputs]
        output = Output(layout.maps[unit.name], layout.maps[unit.before] if unit.before else None)
        shares = _shares(unit, inputs, output.map, workers, tricks)
        now = []
        for worker, share in enumerate(shares):
            if share:
                now += [Touch(worker, x, _read(unit, x, share), False) for x in inputs]
                now.append(Touch(worker, output.map, share, True))
        if any(one.waits_for(other) for one in now for other in touched):
            for work in layout.worklists:
                work.wait()
            touched = []
        touched += now
        kernel = KERNELS.get(unit.layer.op, copy)
        for work, share in zip(layout.worklists, shares, strict=True):
            work.unit = unit.name
            if share:
                kernel(work, unit, inputs, output, share)


@dataclass(frozen=True)
class Touch:
    """A worker reads or writes a share of a map."""

    worker: int
    map: Map
    share: Share
    writes: bool

    def waits_for(self, other: Touch) -> bool:
        """Whether this must not happen before that, which another worker does."""
        if self.worker == other.worker or not (self.writes or other.writes):
            return False
        if self.map is other.map:
            return self.share.meets(other.share)
        return self.map.shares_memory(other.map)  # a later map in the memory of an earlier one


def _read(unit: Unit, x: Map, share: Share) -> Share:
    """The rows and channels of an input that a share of the output is computed from."""
    H, _, C = x.shape
    op, rows = unit.layer.op, share.rows
    if op in WINDOWED:
        axis, _ = window_of(unit, x.shape)
        first = rows.start * axis.stride - axis.before
        last = (rows.stop - 1) * axis.stride - axis.before + axis.reach
        rows = slice(max(0, first), min(H, last))
    elif op == "pointwise_conv2d":
        assert isinstance(unit.layer.attrs, PointwiseAttrs)
        stride, _ = check_pair(unit.layer.attrs.stride, "stride")
        rows = slice(rows.start * stride, (rows.stop - 1) * stride + 1)
    elif op == "global_average_pool":
        rows = slice(0, H)
    mixes = op in ("conv2d", "pointwise_conv2d", "dense", "concat") or (
        op == "depthwise_conv2d" and unit.params[0].shape[3] > 1
    )
    return Share(rows, slice(0, C) if mixes else share.channels)
