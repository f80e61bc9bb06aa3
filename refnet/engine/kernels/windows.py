"""Operations that slide a window over each channel by itself: depthwise convolution and pools."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from refnet.arguments import check_pair
from refnet.engine.kernels.worklist import Output, Share, Worklist
from refnet.engine.maps import Map
from refnet.engine.units import Unit, window_of
from refnet.geometry import Axis
from refnet.layer import PoolAttrs

Array = np.ndarray[Any, Any]


def depthwise_conv2d(
    work: Worklist, unit: Unit, inputs: Sequence[Map], output: Output, share: Share
) -> None:
    """One einsum a tile over overlapping views; nothing is copied.

    The sum runs over the taps outside and along the channels inside. With the trick `whole_rows`
    it runs inside along a whole row of pixels: with stride 1 the pixels under one tap of all the
    windows of a row lie side by side, so that W * C products are one run instead of W. With
    `column_phases` the map is stored so that this holds for other strides too.
    Source: MobileNets (arXiv:1704.04861), equation 3.
    """
    (x,), weight, W = inputs, unit.params[0], output.map.shape[1]
    window, channels = window_of(unit, x.shape), share.channels
    multiplier, row_bytes = weight.shape[3], 4 * W * (channels.stop - channels.start)
    bias = work.kept(
        "bias", lambda: work.repeated(None if unit.bias is None else unit.bias[channels], W)
    )
    sums = (
        _pixel_by_pixel(work, x, window, weight, channels)
        if not _has_runs(work, x, window, multiplier, channels)
        else _run_by_run(work, x, window, weight[:, :, channels, 0], channels)
    )
    for rows in work.tiles(share.rows, row_bytes):
        target, before = output.views(rows, channels)
        values = target if target.flags.c_contiguous else work.scratch("window", target.shape)
        sums(rows, values)
        work.finish(unit, values, bias, target, before)


def _has_runs(
    work: Worklist, x: Map, window: tuple[Axis, Axis], multiplier: int, channels: slice
) -> bool:
    """Whether what a tap meets in a row of windows is one run of memory."""
    columns, whole = window[1], x.piece(channels if multiplier == 1 else slice(0, 0))
    return (
        work.tricks.whole_rows
        and multiplier == 1
        and columns.stride == x.phases
        and (columns.dilation == 1 or x.phases == 1)
        and whole.array.shape[3] == channels.stop - channels.start
    )


def _run_by_run(
    work: Worklist, x: Map, window: tuple[Axis, Axis], weight: Array, channels: slice
) -> Callable[[slice, Array], None]:
    """Sums along whole rows, W * C products in one run; an einsum for each phase of columns."""
    W, phases = window[1].output, min(x.phases, window[1].kernel)
    repeated = work.kept(
        "weights",
        lambda: [
            work.memory.constant(np.tile(weight[:, tap :: x.phases], (1, 1, W)))
            for tap in range(phases)
        ],
    )

    def sums(rows: slice, values: Array) -> None:
        out = values.reshape(len(values), -1)
        for tap, w in enumerate(repeated):
            part = out if tap == 0 else work.scratch("phase", out.shape)
            runs = x.runs(window, rows, channels, tap)
            work.einsum("depthwise", "hijn,ijn->hn", runs, w, out=part)
            if tap:
                work.add("depthwise", np.add, out, part, out)

    return sums


def _pixel_by_pixel(
    work: Worklist, x: Map, window: tuple[Axis, Axis], weight: Array, channels: slice
) -> Callable[[slice, Array], None]:
    """Sums along the channels of one window at a time; any stride, dilation and multiplier."""
    multiplier = weight.shape[3]
    read = channels if multiplier == 1 else slice(0, x.shape[2])
    w = work.kept(
        "weights",
        lambda: work.memory.constant(weight[:, :, read, 0] if multiplier == 1 else weight),
    )

    def sums(rows: slice, values: Array) -> None:
        taps = x.windows(window, rows, read)
        if multiplier == 1:
            work.einsum("depthwise", "hwijc,ijc->hwc", taps, w, out=values)
        else:
            by_filter = values.reshape(*values.shape[:2], -1, multiplier)
            work.einsum("depthwise", "hwijc,ijcq->hwcq", taps, w, out=by_filter)

    return sums


def average_pool(
    work: Worklist, unit: Unit, inputs: Sequence[Map], output: Output, share: Share
) -> None:
    """Sums over windows, each divided by how many elements of the map it holds."""
    (x,), attrs = inputs, unit.layer.attrs
    assert isinstance(attrs, PoolAttrs)
    window = window_of(unit, x.shape)
    if attrs.include_padding:
        D_Ky, D_Kx = check_pair(attrs.size, "size")
        count = np.full((window[0].output, window[1].output), D_Ky * D_Kx)
    else:
        count = np.outer(*map(_inside, window))
        _check_not_empty(count, unit, "average")
    divisor = work.memory.constant(count[:, :, np.newaxis])
    for rows in work.tiles(share.rows, 4 * x.shape[1] * x.shape[2]):
        target = output.map.view(rows, share.channels)
        values = work.scratch("window", target.shape)
        work.einsum("rest", "hwijc->hwc", x.windows(window, rows, share.channels), out=values)
        work.add("rest", np.divide, values, divisor[rows], out=target)


def max_pool(
    work: Worklist, unit: Unit, inputs: Sequence[Map], output: Output, share: Share
) -> None:
    """The largest of each window; the border is minus infinity, which never wins."""
    (x,) = inputs
    window = window_of(unit, x.shape)
    _check_not_empty(np.outer(*map(_inside, window)), unit, "choose")
    for rows in work.tiles(share.rows, 4 * x.shape[1] * x.shape[2]):
        taps = x.windows(window, rows, share.channels)
        target = output.map.view(rows, share.channels)
        work.add("rest", np.maximum.reduce, taps, axis=(2, 3), out=target)


def _inside(axis: Axis) -> Array:
    """For each output position, how many taps meet the map."""
    count = np.zeros(axis.output, int)
    for i in range(axis.kernel):
        count[axis.tap(i)[0]] += 1
    return count


def _check_not_empty(count: Array, unit: Unit, verb: str) -> None:
    if not count.all():
        raise ValueError(
            f"layer {unit.layer.name!r}: padding leaves a window with no element to {verb}"
        )
