"""Bilinear resizing: the columns of the few input rows first, then whole rows of the output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from refnet.engine.kernels.worklist import Output, Share, Worklist
from refnet.engine.maps import Map
from refnet.engine.units import Unit
from refnet.geometry import Neighbour, neighbours
from refnet.layer import ResizeAttrs

Array = np.ndarray[Any, Any]


def resize_bilinear(
    work: Worklist, unit: Unit, inputs: Sequence[Map], output: Output, share: Share
) -> None:
    """Two products and a sum for every row; a row that lies on an input's row is that row."""
    (x,), attrs = inputs, unit.layer.attrs
    assert isinstance(attrs, ResizeAttrs)
    H, W, _ = x.shape
    down = neighbours(H, output.map.shape[0], attrs.corners)[share.rows]
    across = neighbours(W, output.map.shape[1], attrs.corners)
    first, last = down[0].lower, down[-1].upper + 1
    wide = _columns(work, x.view(slice(first, last), share.channels), across)
    target = output.map.view(share.rows, share.channels)
    term = work.scratch("resized row", wide.shape[1:])
    for row, place in zip(target, down, strict=True):
        lower, upper = wide[place.lower - first], wide[place.upper - first]
        if place.part == 0 or place.upper == place.lower:
            work.add("rest", np.copyto, row, lower)
            continue
        f = place.part / place.whole
        work.add("elementwise", np.multiply, lower, np.float32(1 - f), out=row)
        work.add("elementwise", np.multiply, upper, np.float32(f), out=term)
        work.add("elementwise", np.add, row, term, out=row)


def _columns(work: Worklist, x: Array, across: Sequence[Neighbour]) -> Array:
    """(rows, W, C): some rows of the input, stretched to the output's width."""
    shape = (x.shape[0], len(across), x.shape[2])
    if all(n.part == 0 and n.lower == i for i, n in enumerate(across)) and shape == x.shape:
        return x
    wide, term = work.scratch("resized", shape), work.scratch("resized term", shape)
    f = np.array([n.part / n.whole if n.upper > n.lower else 0.0 for n in across])
    for ends, weight, out in (("lower", 1 - f, wide), ("upper", f, term)):
        # Plain numbers, which another process gets with the call; its arrays are the plan's own.
        index = tuple(getattr(n, ends) for n in across)
        repeated = np.repeat(weight[:, np.newaxis], shape[2], axis=1)
        constant = work.memory.constant(repeated.astype(np.float32))
        work.add("rest", np.take, x, index, axis=1, out=out, mode="clip")
        work.add("elementwise", np.multiply, out, constant, out=out)
    work.add("elementwise", np.add, wide, term, out=wide)
    return wide
