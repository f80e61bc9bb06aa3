"""Who computes what of a unit's output, what that reads, and who must wait for whom.

>>> parts(7, 2)
(slice(0, 3, None), slice(3, 7, None))
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from refnet.arguments import check_pair
from refnet.engine.kernels import Share, Worklist
from refnet.engine.maps import Map
from refnet.engine.memory import Array, Memory
from refnet.engine.tricks import Tricks
from refnet.engine.units import ROLLED, Rolled, Unit, window_of
from refnet.layer import PointwiseAttrs

WINDOWED = ("conv2d", "depthwise_conv2d", "average_pool", "max_pool")
INNER_PRODUCT, INNER_SUM = "inner_product", "inner_sum"  # see refnet.engine.inner_split
WHOLE = ("concat", "softmax", "copy", INNER_SUM, ROLLED)  # never shared by channels


@dataclass
class Layout:
    """What a plan consists of: units, each value's map, and each worker's calls."""

    units: list[Unit]
    shown: Collection[str]
    memory: Memory
    tricks: Tricks
    workers: int
    flags: Array | None = None  # where processes meet; see `refnet.engine.flags`
    maps: dict[str, Map] = field(default_factory=dict)
    worklists: list[Worklist] = field(init=False)

    def __post_init__(self) -> None:
        self.worklists = [Worklist(self.memory, self.tricks) for _ in range(self.workers)]


def parts(length: int, workers: int) -> tuple[slice, ...]:
    """A length in as many nearly equal parts as there are workers."""
    return tuple(slice(length * k // workers, length * (k + 1) // workers) for k in range(workers))


def splits_channels(layout: Layout, unit: Unit, shape: tuple[int, int, int]) -> bool:
    """Whether workers share a unit's output (H, W, C) by channels, and not by rows.

    Sharing rows has every worker read all the weights (M, N), sharing channels all the pixels
    (H W, M): what there is less of is read by all.
    """
    (H, W, C), op = shape, unit.layer.op
    if layout.workers == 1 or op in WHOLE or layout.workers > C:
        return False
    if op == INNER_PRODUCT:
        return True
    if op == "depthwise_conv2d":
        return len(layout.maps[unit.layer.inputs[0]].pieces) > 1  # as its input is
    if H * W == 1:
        return True  # a vector has no rows to share
    return layout.tricks.channel_split and C > H * W


def readers_of(units: Sequence[Unit]) -> defaultdict[str, list[Unit]]:
    """Who reads each value; of two units that run as one the first."""
    readers: defaultdict[str, list[Unit]] = defaultdict(list)
    for unit in units:
        for name in unit.layer.inputs:
            readers[name].append(unit.first if isinstance(unit, Rolled) else unit)
    return readers


def phases_of(
    layout: Layout, unit: Unit, readers: Sequence[Unit], shape: tuple[int, int, int]
) -> int:
    """The stride of the depthwise layers that alone read what a pointwise layer makes."""
    if not (layout.tricks.column_phases and layout.tricks.whole_rows):
        return 1
    if unit.layer.op != "pointwise_conv2d" or not readers:
        return 1
    strides = set()
    for reader in readers:
        if reader.layer.op != "depthwise_conv2d" or reader.params[0].shape[3] > 1:
            return 1
        columns = window_of(reader, shape)[1]
        fits = columns.dilation == 1 and shape[1] % columns.stride == 0
        strides.add(columns.stride if fits else 1)
    return strides.pop() if len(strides) == 1 else 1


def pieces_of(
    layout: Layout, unit: Unit, readers: Sequence[Unit], shape: tuple[int, int, int]
) -> tuple[slice, ...]:
    """The channels of each worker's piece, of a map of which each reads its own channels alone."""
    by_channel = all(
        u.layer.op == INNER_PRODUCT
        or (u.layer.op == "depthwise_conv2d" and u.params[0].shape[3] == 1)
        for u in readers
    )
    own = unit.layer.op == INNER_PRODUCT or (readers and by_channel)
    if not (own and splits_channels(layout, unit, shape)):
        return ()
    return parts(shape[2], layout.workers)


def shares_of(layout: Layout, unit: Unit, output: Map) -> list[Share]:
    """What of a unit's output each worker computes."""
    H, _, C = output.shape
    if splits_channels(layout, unit, output.shape):
        return [Share(slice(0, H), channels) for channels in parts(C, layout.workers)]
    return [Share(rows, slice(0, C)) for rows in parts(H, layout.workers)]


def touches(unit: Unit, inputs: Sequence[Map], output: Map, shares: Sequence[Share]) -> list[Touch]:
    """All that the workers read and write for a unit."""
    found = []
    for worker, share in enumerate(shares):
        if share:
            found += [Touch(worker, x, read_by(unit, x, share), False) for x in inputs]
            found.append(Touch(worker, output, share, True))
    return found


def shows(unit: Rolled, between: Map, shares: Sequence[Share]) -> list[Touch]:
    """What the workers write of the map between two units in one, for who wants to see it."""
    return [
        Touch(worker, between, Share(unit.own_rows(share.rows), slice(0, unit.shape[2])), True)
        for worker, share in enumerate(shares)
        if share
    ]


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


def read_by(unit: Unit, x: Map, share: Share) -> Share:
    """The rows and channels of an input that a share of the output is computed from."""
    if isinstance(unit, Rolled):
        return read_by(unit.first, x, Share(unit.rows_of(share.rows), slice(0, unit.shape[2])))
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
    elif op in ("global_average_pool", "resize_bilinear"):
        rows = slice(0, H)
    elif op == INNER_PRODUCT:
        return Share(rows, x.pieces[share.channels.start // unit.params[0].shape[3]].channels)
    mixes = op in ("conv2d", "pointwise_conv2d", "dense", "concat", INNER_SUM) or (
        op == "depthwise_conv2d" and unit.params[0].shape[3] > 1
    )
    return Share(rows, slice(0, C) if mixes else share.channels)
