"""Operations that end in a matrix product: (pixels, M) @ (M, N), the work of the network.

A pointwise convolution is one as it stands, in NHWC, and needs no rearranging at all. A standard
convolution is one after its windows have been laid out as rows of a matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from refnet.arguments import check_pair
from refnet.engine.kernels.worklist import Output, Share, Weights, Worklist
from refnet.engine.maps import Map
from refnet.engine.units import Unit, window_of
from refnet.layer import ConvAttrs, PointwiseAttrs

Array = np.ndarray[Any, Any]


def pointwise_conv2d(
    work: Worklist, unit: Unit, inputs: Sequence[Map], output: Output, share: Share
) -> None:
    """Every pixel's channels times the weights (M, N), tile by tile.

    Source: MobileNets (arXiv:1704.04861), section 3.1: 1x1 convolutions need no reordering in
    memory and go straight to the matrix product.
    """
    (x,), channels = inputs, share.channels
    assert isinstance(unit.layer.attrs, PointwiseAttrs)
    s_y, s_x = check_pair(unit.layer.attrs.stride, "stride")
    W = output.map.shape[1]
    bias = None if unit.bias is None else unit.bias[channels]
    in_product = x.ones and bias is not None
    matrix = unit.params[0][0, 0][:, channels]
    factors = partial(_factors, work, matrix, bias, output.map, in_product=in_product)
    w, row = work.kept("factors", factors)
    for rows in work.tiles(share.rows, 4 * W * w.shape[1]):
        if (s_y, s_x) == (1, 1):
            a = x.pixels(rows, ones=in_product)
        else:
            a = _gathered(work, x, rows, (s_y, s_x), ones=in_product)
        # Of a map in two phases the even columns are made first, then the odd ones: the product
        # reads every second pixel, which to a BLAS is only another distance between rows.
        for first in range(output.map.phases):
            every = a[first :: output.map.phases]
            _product(work, unit, every, w, row, output, rows, channels, first)


def conv2d(work: Worklist, unit: Unit, inputs: Sequence[Map], output: Output, share: Share) -> None:
    """Windows laid out as rows, D_K * D_K * M numbers each and a 1 for the bias; then a product.

    Source: MobileNets (arXiv:1704.04861), section 3.2: the reordering (im2col) that pointwise
    layers do not need.
    """
    (x,), attrs = inputs, unit.layer.attrs
    assert isinstance(attrs, ConvAttrs)
    weight, W = unit.params[0], output.map.shape[1]
    D_Ky, D_Kx, M, N = weight.shape
    window = window_of(unit, x.shape)
    length, filters = D_Ky * D_Kx * M, N // attrs.groups
    in_product = work.tricks.bias_in_product and unit.bias is not None
    tiles = list(work.tiles(share.rows, 4 * W * (length + filters)))
    height = max(rows.stop - rows.start for rows in tiles)
    patches = partial(Patches, work, height, W, (D_Ky, D_Kx, M), ones=in_product)
    laid_out = work.kept(f"patches of {height} rows", patches)
    for g in range(attrs.groups):
        first, last = g * filters, (g + 1) * filters
        channels = slice(max(first, share.channels.start), min(last, share.channels.stop))
        if channels.start >= channels.stop:
            continue
        bias = None if unit.bias is None else unit.bias[channels]
        matrix = weight.reshape(length, N)[:, channels]
        factors = partial(_factors, work, matrix, bias, output.map, in_product=in_product)
        w, row = work.kept(f"factors of group {g}", factors)
        for rows in tiles:
            a = laid_out.filled(x.windows(window, rows, slice(g * M, (g + 1) * M)))
            _product(work, unit, a, w, row, output, rows, channels)


def inner_product(
    work: Worklist, unit: Unit, inputs: Sequence[Map], output: Output, share: Share
) -> None:
    """A worker's own channels times its rows of the weights: one term of every output."""
    (x,), weight = inputs, unit.params[0][0, 0]
    k = share.channels.start // weight.shape[1]
    mine, terms = x.pieces[k], output.map.pieces[k].array
    w = _weights(work, weight[mine.channels], None)
    a = mine.array.reshape(-1, mine.array.shape[3])
    work.matmul(a, w, terms.reshape(-1, w.shape[1]))


def inner_sum(
    work: Worklist, unit: Unit, inputs: Sequence[Map], output: Output, share: Share
) -> None:
    """All the workers' terms added up."""
    (x,) = inputs
    bias = work.repeated(unit.bias, output.map.shape[1])
    for rows in work.tiles(share.rows, 4 * x.shape[1] * x.shape[2]):
        target, before = output.views(rows, share.channels)
        sums = work.scratch("product", target.shape)
        terms, *others = (x.view(rows, piece.channels) for piece in x.pieces)
        for other in others:
            work.add("elementwise", np.add, terms, other, sums)
            terms = sums
        work.finish(unit, sums, bias, target, before)


class Patches:
    """The matrix of a convolution's windows: (pixels, D_K * D_K * M, and one more with ones).

    It is written in the longer of two kinds of runs: along a window's row (D_K * M numbers), or,
    with the matrix lying on its side, along a row of windows. The BLAS reads either.
    """

    def __init__(
        self, work: Worklist, height: int, W: int, window: tuple[int, int, int], *, ones: bool
    ) -> None:
        self._work, self._W, self._window = work, W, window
        D_Ky, D_Kx, M = window
        self._length = D_Ky * D_Kx * M
        self._on_its_side = D_Kx * M < W
        pixels, depth = height * W, self._length + ones
        self._room = work.memory.zeros((depth, pixels) if self._on_its_side else (pixels, depth))
        if ones:
            self._matrix(pixels)[:, -1] = 1

    def filled(self, taps: Array) -> Array:
        """The matrix for these windows, (rows, W, D_K, D_K, M), once the call is made."""
        n = len(taps)
        a = self._matrix(n * self._W)
        windows = a[:, : self._length]
        s_pixel, s = windows.strides
        _, D_Kx, M = self._window
        strides = (self._W * s_pixel, s_pixel, s * D_Kx * M, s * M, s)
        inside = as_strided(windows, taps.shape, strides)
        order = (2, 3, 4, 0, 1) if self._on_its_side else (0, 1, 2, 3, 4)
        self._work.add("rest", np.copyto, inside.transpose(order), taps.transpose(order))
        return a

    def _matrix(self, pixels: int) -> Array:
        return self._room[:, :pixels].T if self._on_its_side else self._room[:pixels]


def dense(work: Worklist, unit: Unit, inputs: Sequence[Map], output: Output, share: Share) -> None:
    """A fully connected layer: a product with one row."""
    (x,), channels = inputs, share.channels
    bias = None if unit.bias is None else unit.bias[channels]
    w = _weights(work, unit.params[0][:, channels], None)
    a = x.pixels(slice(0, 1), ones=False)
    _product(work, unit, a, w, _bias_row(work, bias, output.map), output, slice(0, 1), channels)


def _product(
    work: Worklist,
    unit: Unit,
    a: Array,
    w: Weights,
    bias: Array | None,
    output: Output,
    rows: slice,
    channels: slice,
    first: int = 0,
) -> None:
    """a @ w, then what ends the unit; straight into its map where that is only a bias.

    first: the first of the columns that are made, every `phases` of them.
    """
    y = output.map
    target, before = output.views(rows, channels, first)
    no_gaps = not any(y.border) and y.phases == len(y.pieces) == 1
    if no_gaps and before is None and unit.activation is None:
        pixels = y.pixels(rows, ones=False)[:, channels]
        work.matmul(a, w, pixels)
        if bias is not None:
            _plus_bias(work, bias, y, rows, channels)
        return
    values = work.scratch("product", (len(a), w.shape[1]))
    work.matmul(a, w, values)
    work.finish(unit, values.reshape(target.shape), bias, target, before)


def _bias_row(work: Worklist, bias: Array | None, y: Map) -> Array | None:
    """A bias as it is added to a row of y; with a 0 for the ones, so that it goes on in one run."""
    if bias is not None and y.ones and len(bias) == y.shape[2]:
        bias = np.append(bias, np.float32(0))
    return work.repeated(bias, y.shape[1] // y.phases)


def _plus_bias(work: Worklist, bias: Array, y: Map, rows: slice, channels: slice) -> None:
    """A bias row added in place."""
    target = y.view(rows, channels)
    if bias.shape[1] > target.shape[2]:
        target = y.pixels(rows, ones=True).reshape(*target.shape[:2], -1)
    work.add("elementwise", np.add, target, bias, target)


def _factors(
    work: Worklist, matrix: Array, bias: Array | None, y: Map, *, in_product: bool
) -> tuple[Weights, Array | None]:
    """The weights, and the bias as it is added to a row, where the weights do not hold it."""
    inside, beside = (bias, None) if in_product else (None, bias)
    return _weights(work, matrix, inside), _bias_row(work, beside, y)


def _weights(work: Worklist, matrix: Array, bias: Array | None) -> Weights:
    """(M, N) for the product, or (M + 1, N) with the bias as what meets the ones."""
    return Weights(work.memory, matrix if bias is None else np.vstack([matrix, bias]))


def _gathered(work: Worklist, x: Map, rows: slice, stride: tuple[int, int], *, ones: bool) -> Array:
    """The pixels that a strided pointwise convolution reads, side by side."""
    (piece,), (s_y, s_x) = x.pieces, stride
    source = piece.array[rows.start * s_y : (rows.stop - 1) * s_y + 1 : s_y, 0, ::s_x]
    source = source if ones or not x.ones else source[..., :-1]
    pixels = work.scratch("gathered", source.shape)
    work.add("rest", np.copyto, pixels, source)
    return pixels.reshape(-1, source.shape[2])
