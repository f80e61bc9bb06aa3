"""How a kernel is placed and read: padding, phase, axes, channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from refnet.geometry import Axis
from refnet.layer import Layer
from refnet.oracle.situation import Situation, Variants

Array = np.ndarray[Any, Any]


def placed(s: Situation, layer: Layer, said: str, sides: Sequence[int]) -> Variants:
    """The window with this padding, where it fits into the map at all."""
    try:
        moved = s.repositioned(layer, *sides)
    except ValueError:
        return
    yield said, moved


def padding(s: Situation) -> Variants:
    """The padding of the other framework."""
    layer = s.kernel_layer
    axes = None if layer is None else s.axes_of(layer)
    if layer is None or axes is None:
        return
    rows, columns = axes
    if rows.kernel == 1 and columns.kernel == 1:
        return
    symmetric = [(a.before + a.after + 1) // 2 for a in axes]
    if (rows.before, columns.before) != tuple(symmetric):
        sides = (symmetric[0], symmetric[0], symmetric[1], symmetric[1])
        yield from placed(s, layer, "symmetric where the start has less", sides)
    same = [_same(axis, axis.size) for axis in axes]
    if [(a.before, a.after) for a in axes] != same:
        sides = (*same[0], *same[1])
        yield from placed(s, layer, "TensorFlow's SAME, less at the start", sides)


def padding_of_another_size(s: Situation) -> Variants:
    """SAME padding, worked out from sizes that are not the map's."""
    layer = s.kernel_layer
    axes = None if layer is None else s.axes_of(layer)
    if layer is None or axes is None:
        return
    B, H, W, M = s.inputs[layer.inputs[0]].shape
    sizes = {"batch x channels": (B, M), "columns x rows": (W, H), "channels x batch": (M, B)}
    own = [side for axis in axes for side in (axis.before, axis.after)]
    right = [side for axis in axes for side in _same(axis, axis.size)]
    for words, wrong in sizes.items():
        sides = [n for axis, size in zip(axes, wrong, strict=True) for n in _same(axis, size)]
        if sides not in (own, right):  # SAME of the right size is another mistake
            yield from placed(s, layer, f"as for a map of {words}", sides)


def _same(axis: Axis, size: int) -> tuple[int, int]:
    """TensorFlow's SAME on an axis of this size."""
    outputs = -(-size // axis.stride)
    total = max((outputs - 1) * axis.stride + axis.reach - size, 0)
    return total // 2, total - total // 2


def phase(s: Situation) -> Variants:
    """The window one pixel off, in each direction."""
    layer = s.kernel_layer
    axes = None if layer is None else s.axes_of(layer)
    if layer is None or axes is None:
        return
    rows, columns = axes
    for down, right in ((1, 1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1)):
        sides = (rows.before - down, rows.after + down, columns.before - right,
                 columns.after + right)  # fmt: skip
        where = f"the window begins {down:+d} rows, {right:+d} columns from where it should"
        yield from placed(s, layer, where, sides)


def weights(change: Callable[[Array, Layer], Array | None]) -> Callable[[Situation], Variants]:
    """A mistake in how a kernel is read; None where it would change nothing."""

    def variants(s: Situation) -> Variants:
        layer = s.kernel_layer
        if layer is None:
            return
        name = f"{layer.name}.weight"
        changed = change(s.tensors[name], layer)
        if changed is not None and not np.array_equal(changed, s.tensors[name]):
            yield "", s.with_tensor(name, changed)

    return variants


def flipped(w: Array, layer: Layer) -> Array | None:
    """Turned by half a turn: convolution for correlation."""
    return w[::-1, ::-1] if w.ndim == 4 else None


def turned(w: Array, layer: Layer) -> Array | None:
    """Rows for columns."""
    return w.transpose(1, 0, 2, 3) if w.ndim == 4 and w.shape[0] == w.shape[1] else None


def crossed(s: Situation) -> Variants:
    """A buffer of (..., in, out) numbers read as (..., out, in), or the reverse."""
    layer = s.kernel_layer
    if layer is None or layer.op == "depthwise_conv2d":
        return
    w = s.tensors[f"{layer.name}.weight"]
    *kernel, M, N = w.shape
    yield from _read(s, layer, {
        "(out, in) read as (in, out)": w.swapaxes(-1, -2).reshape(w.shape),
        "(in, out) read as (out, in)": w.reshape(*kernel, N, M).swapaxes(-1, -2),
    })  # fmt: skip


def buffer(s: Situation) -> Variants:
    """A buffer in one framework's order of all four axes read in the other's."""
    layer = s.kernel_layer
    if layer is None or layer.op == "dense":
        return
    w = s.tensors[f"{layer.name}.weight"]
    rows, columns, M, N = w.shape
    if (rows, columns) == (1, 1):
        return  # no more than `crossed`
    if layer.op == "depthwise_conv2d":
        yield from _read(s, layer, {
            "(channels, rows, columns) read as (rows, columns, channels)":
                w.transpose(2, 3, 0, 1).reshape(w.shape),
            "(rows, columns, channels) read as (channels, rows, columns)":
                w.reshape(M, N, rows, columns).transpose(2, 3, 0, 1),
        })  # fmt: skip
        return
    yield from _read(s, layer, {
        "OIHW read as HWIO": w.transpose(3, 2, 0, 1).reshape(w.shape),
        "HWIO read as OIHW": w.reshape(N, M, rows, columns).transpose(2, 3, 1, 0),
    })  # fmt: skip


def multiplier(s: Situation) -> Variants:
    """Outputs, or filters, grouped by filter instead of by channel."""
    layer = s.kernel_layer
    if layer is None or layer.op != "depthwise_conv2d":
        return
    M, multiplier = layer.params["weight"][2:]
    if M == 1 or multiplier == 1:
        return
    order = np.arange(M * multiplier).reshape(M, multiplier).T.ravel()
    yield "whole channels in another order", replace(s, after=(*s.after, lambda y: y[..., order]))
    w = s.tensors[f"{layer.name}.weight"]
    kernel = w.shape[:2]
    yield from _read(s, layer, {
        "filters stored filter by filter":
            w.reshape(*kernel, multiplier, M).swapaxes(-1, -2),
        "filters read filter by filter": w.swapaxes(-1, -2).reshape(w.shape),
    })  # fmt: skip


def _read(s: Situation, layer: Layer, readings: dict[str, Array]) -> Variants:
    """The kernel as it is read, where that changes it; the same reading once."""
    name = f"{layer.name}.weight"
    known = [s.tensors[name]]
    for said, w in readings.items():
        if not any(np.array_equal(w, other) for other in known):
            known.append(w)
            yield said, s.with_tensor(name, np.ascontiguousarray(w))


def tap(s: Situation) -> Variants:
    """One position of the kernel left out, for all channels."""
    layer = s.kernel_layer
    if layer is None or layer.op == "dense":
        return
    name = f"{layer.name}.weight"
    w = s.tensors[name]
    if w.shape[:2] == (1, 1):
        return
    for i, j in np.ndindex(w.shape[:2]):
        lost = w.copy()
        lost[i, j] = 0
        yield f"tap ({i}, {j})", s.with_tensor(name, lost)


def tail(s: Situation) -> Variants:
    """The last input channels not read, or the last outputs not written."""
    layer = s.kernel_layer
    if layer is None:
        return
    name = f"{layer.name}.weight"
    w = s.tensors[name]
    inputs = 2 if layer.op == "depthwise_conv2d" else w.ndim - 2
    M = w.shape[inputs]
    tails = {1, 2, 3, 4, 8, 16} | {M % lanes for lanes in (2, 4, 8, 16, 32)}
    for tail in sorted(t for t in tails if 0 < t < M):
        lost = w.copy()
        lost[(slice(None),) * inputs + (slice(M - tail, None),)] = 0
        yield f"the last {tail} of {M} input channels", s.with_tensor(name, lost)
    N = s.network.shapes()[layer.name][-1]
    norm = s.first("batch_norm")
    for tail in sorted({1, 2, 3, 4, 8, 16} | {N % lanes for lanes in (2, 4, 8, 16, 32)}):
        if 0 < tail < N:
            said = f"the last {tail} of {N} outputs"
            if norm is None:
                yield said, unwritten(s, layer, tail)
            else:
                yield f"{said}, before the norm", unwritten(s, layer, tail)
                yield f"{said}, after the norm", unwritten(s, norm, tail)


def unwritten(s: Situation, layer: Layer, tail: int) -> Situation:
    """The last outputs of a layer stay 0; what follows reads that."""
    for parameter in ("weight", "bias", "gamma", "beta"):
        if parameter in layer.params:
            name = f"{layer.name}.{parameter}"
            values = s.tensors[name].copy()
            if parameter == "weight" and layer.op == "depthwise_conv2d":
                values.reshape(*values.shape[:2], -1)[..., -tail:] = 0  # a view of the copy
            else:
                values[..., -tail:] = 0
            s = s.with_tensor(name, values)
    return s
