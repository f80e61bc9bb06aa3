"""How a kernel is placed and read: padding, phase, axes, channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from refnet.layer import Layer
from refnet.oracle.situation import Situation, Variants

Array = np.ndarray[Any, Any]


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
    same = [
        ((a.before + a.after) // 2, a.before + a.after - (a.before + a.after) // 2) for a in axes
    ]
    if (rows.before, columns.before) != tuple(symmetric):
        sides = (symmetric[0], symmetric[0], symmetric[1], symmetric[1])
        yield "symmetric where the start has less", s.repositioned(layer, *sides)
    total = [max((a.output - 1) * a.stride + a.reach - a.size, 0) for a in axes]
    same = [(n // 2, n - n // 2) for n in total]
    if [(a.before, a.after) for a in axes] != same:
        yield "TensorFlow's SAME, less at the start", s.repositioned(layer, *same[0], *same[1])


def padding_of_another_size(s: Situation) -> Variants:
    """SAME padding, worked out from sizes that are not the map's."""
    layer = s.kernel_layer
    axes = None if layer is None else s.axes_of(layer)
    if layer is None or axes is None:
        return
    rows, columns = axes
    B, H, W, M = s.inputs[layer.inputs[0]].shape
    sizes = {"batch x channels": (B, M), "columns x rows": (W, H), "channels x batch": (M, B)}
    for words, wrong in sizes.items():
        sides: list[int] = []
        for axis, size in zip((rows, columns), wrong, strict=True):
            outputs = -(-size // axis.stride)
            total = max((outputs - 1) * axis.stride + axis.reach - size, 0)
            sides += [total // 2, total - total // 2]
        if sides != [rows.before, rows.after, columns.before, columns.after]:
            yield f"as for a map of {words}", s.repositioned(layer, *sides)


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
        where = f"{down:+d} rows, {right:+d} columns"
        yield f"the window begins {where} from where it should", s.repositioned(layer, *sides)


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


def crossed(w: Array, layer: Layer) -> Array | None:
    """A buffer of (..., M, N) numbers read as (..., N, M)."""
    if layer.op == "depthwise_conv2d":
        return None
    return np.ascontiguousarray(w.swapaxes(-1, -2)).reshape(w.shape)


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
    name = f"{layer.name}.weight"
    w = s.tensors[name]
    crossed = w.reshape(*w.shape[:2], multiplier, M).swapaxes(-1, -2)
    yield "filters in another order", s.with_tensor(name, np.ascontiguousarray(crossed))


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
    inputs, outputs = (2, 2) if layer.op == "depthwise_conv2d" else (w.ndim - 2, w.ndim - 1)
    M = w.shape[inputs]
    tails = {1, 2, 3, 4, 8, 16} | {M % lanes for lanes in (2, 4, 8, 16, 32)}
    for tail in sorted(t for t in tails if 0 < t < M):
        lost = w.copy()
        lost[(slice(None),) * inputs + (slice(M - tail, None),)] = 0
        yield f"the last {tail} of {M} input channels", s.with_tensor(name, lost)
    N = layer.params["weight"][outputs]
    for tail in sorted({1, 2, 3} | {N % lanes for lanes in (2, 4, 8, 16)}):
        if 0 < tail < N and layer.op != "depthwise_conv2d":
            yield f"the last {tail} of {N} outputs", replace(s, after=(*s.after, without(tail)))


def without(tail: int) -> Callable[[Array], Array]:
    """The last outputs left at 0."""

    def lost(y: Array) -> Array:
        y = y.copy()
        y[..., -tail:] = 0
        return y

    return lost
