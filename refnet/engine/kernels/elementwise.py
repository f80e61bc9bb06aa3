"""Operations on one element at a time, or on all of a map at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from refnet.arguments import check_variance
from refnet.engine.kernels.worklist import Output, Share, Worklist
from refnet.engine.maps import Map
from refnet.engine.units import Unit
from refnet.layer import BatchNormAttrs


def add(work: Worklist, unit: Unit, inputs: Sequence[Map], output: Output, share: Share) -> None:
    """The residual sum."""
    x, y = inputs
    for rows in work.tiles(share.rows, _row_bytes(output.map, share)):
        target, before = output.views(rows, share.channels)
        pair = x.view(rows, share.channels), y.view(rows, share.channels)
        work.add("elementwise", np.add, *pair, target)
        work.finish(unit, target, None, target, before)


def activation(
    work: Worklist, unit: Unit, inputs: Sequence[Map], output: Output, share: Share
) -> None:
    """ReLU or ReLU6 where no operation before it can end with it."""
    for rows in work.tiles(share.rows, _row_bytes(output.map, share)):
        x = inputs[0].view(rows, share.channels)
        work.activate(unit.layer.op, x, output.map.view(rows, share.channels))


def batch_norm(
    work: Worklist, unit: Unit, inputs: Sequence[Map], output: Output, share: Share
) -> None:
    """(x - mean) s + beta, where no convolution takes it; s is rounded once, from float64."""
    assert isinstance(unit.layer.attrs, BatchNormAttrs)
    epsilon = unit.layer.attrs.epsilon
    gamma, beta, mean, variance = (p.astype(np.float64)[share.channels] for p in unit.params)
    check_variance(variance.tolist(), epsilon)
    with np.errstate(divide="ignore", over="ignore"):
        scale = (gamma / np.sqrt(variance + epsilon)).astype(np.float32)
    if not np.isfinite(scale).all():
        name = unit.layer.name
        raise ValueError(f"tensors: the factor of {name!r} is not finite in float32")
    W = output.map.shape[1]
    rows_of = [work.repeated(p.astype(np.float32), W) for p in (mean, scale, beta)]
    for rows in work.tiles(share.rows, _row_bytes(output.map, share)):
        target, before = output.views(rows, share.channels)
        x = inputs[0].view(rows, share.channels)
        work.add("elementwise", np.subtract, x, rows_of[0], out=target)
        work.add("elementwise", np.multiply, target, rows_of[1], out=target)
        work.finish(unit, target, rows_of[2], target, before)


def concat(work: Worklist, unit: Unit, inputs: Sequence[Map], output: Output, share: Share) -> None:
    """Every input's channels to their place."""
    first = 0
    for x in inputs:
        C = x.shape[2]
        target = output.map.view(share.rows, slice(first, first + C))
        work.add("rest", np.copyto, target, x.view(share.rows, slice(0, C)))
        first += C


def copy(work: Worklist, unit: Unit, inputs: Sequence[Map], output: Output, share: Share) -> None:
    """The same map again, within a border of its own."""
    x = inputs[0].view(share.rows, share.channels)
    work.add("rest", np.copyto, output.map.view(share.rows, share.channels), x)


def global_average_pool(
    work: Worklist, unit: Unit, inputs: Sequence[Map], output: Output, share: Share
) -> None:
    """The mean of each channel: a sum over all pixels, then a quotient."""
    H, W, _ = inputs[0].shape
    x = inputs[0].view(slice(0, H), share.channels)
    y = output.map.view(slice(0, 1), share.channels)[0, 0]
    work.add("rest", np.add.reduce, x, axis=(0, 1), out=y)
    work.add("rest", np.divide, y, np.float32(H * W), out=y)


def sigmoid(
    work: Worklist, unit: Unit, inputs: Sequence[Map], output: Output, share: Share
) -> None:
    """1 / (1 + exp(-x)), in place; an exp that overflows makes the 0 that it should."""
    for rows in work.tiles(share.rows, _row_bytes(output.map, share)):
        x, y = inputs[0].view(rows, share.channels), output.map.view(rows, share.channels)
        work.add("rest", np.negative, x, out=y)
        work.add("rest", np.exp, y, out=y)
        work.add("rest", np.add, y, np.float32(1), out=y)
        work.add("rest", np.reciprocal, y, out=y)


def softmax(
    work: Worklist, unit: Unit, inputs: Sequence[Map], output: Output, share: Share
) -> None:
    """exp(x - max) over its sum, in place."""
    x, y = (m.view(share.rows, share.channels)[0, 0] for m in (inputs[0], output.map))
    largest, total = work.scratch("largest", (1,)), work.scratch("total", (1,))
    work.add("rest", np.maximum.reduce, x, keepdims=True, out=largest)
    work.add("rest", np.subtract, x, largest, out=y)
    work.add("rest", np.exp, y, out=y)
    work.add("rest", np.add.reduce, y, keepdims=True, out=total)
    work.add("rest", np.divide, y, total, out=y)


def _row_bytes(y: Map, share: Share) -> int:
    return 4 * y.shape[1] * (share.channels.stop - share.channels.start)
