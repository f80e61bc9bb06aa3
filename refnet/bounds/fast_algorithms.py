"""Bounds for convolutions that are not sums of products: Winograd's and the FFT's.

They compute the same function by way of transforms, whose intermediate numbers are larger than the
result. Their errors are bounded by norms of the whole input, not element by element, and are
far larger than a direct convolution's: a backend that uses them must say so.
Both functions return, for every output, the error and the largest number on the way to it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from refnet.arguments import check_pair
from refnet.backend import Arithmetic
from refnet.bounds.formats import growth, least_step, narrower, unit
from refnet.geometry import axes
from refnet.layer import ConvAttrs, DepthwiseAttrs, Layer

Array = np.ndarray[Any, Any]

# Winograd's y = A^T [(G w G^T) * (B^T x B)] A (Lavin and Gray, arXiv:1509.09308, section 4.1) for
# tiles of 2, 4 or 6 outputs a side and the usual points 0, 1, -1, 2, -2, 1/2, -1/2. What one of two
# sides amplifies: the largest, over outputs r, of the sum over points i of |A_ir| times the i-th
# rows' sums of |G| and |B^T|. It is 8 for F(2, 3), 48 for F(4, 3), 203/3 for F(6, 3), and stays
# what it is when a row of one matrix is scaled and the same row of another scaled back.
AMPLIFIED = 203 / 3
# The largest row sums of |A^T|, |G| and |B^T| among the three, rounded up.
A_ROW, G_ROW, B_ROW = 68.0, 1.5, 15.0
POINTS = 8


def winograd_serves(layer: Layer) -> bool:
    """Whether a backend would use Winograd's: a 3 x 3 kernel, stride 1, not dilated."""
    said = layer.keywords()
    return (
        layer.op in ("conv2d", "depthwise_conv2d")
        and layer.params["weight"][:2] == (3, 3)
        and check_pair(said["stride"], "stride") == (1, 1)
        and check_pair(said["dilation"], "dilation") == (1, 1)
    )


def winograd(layer: Layer, x: Array, w: Array, arithmetic: Arithmetic) -> tuple[Array, Array]:
    """((1 + u)^n - 1) AMPLIFIED^2 (sum over channels of max|w| max|x|), and underflow.

    x, w: sizes, which are not negative. Taking absolute values throughout, what is added up for
    one output is at most AMPLIFIED^2 max|w| max|x| a channel. Each term passes, twice, a constant
    that was rounded and 3 products and sums in G . G^T, 8 in B^T . B, 8 in A^T . A; one product
    and the channels' additions. Transformed factors that are kept, or multiplied, in a narrower
    format are rounded once more each.
    """
    name = arithmetic.accumulate
    x_most, w_most = x.max(axis=(1, 2)), w.max(axis=(0, 1))
    sums, channels = over_channels(layer, x_most, w_most)
    n = 2 * (1 + 3) + 2 * POINTS + 1 + channels + 2 * POINTS
    relative = growth(n, unit(name, arithmetic))
    tiny = least_step(name, arithmetic)
    for narrow in {arithmetic.storage, arithmetic.inputs}:
        if narrower(narrow, name):
            relative = (1 + relative) * (1 + growth(2, unit(narrow, arithmetic))) - 1
            tiny = max(tiny, least_step(narrow, arithmetic))
    # What underflows: 5 operations on each element of one side of G . G^T and 15 for B and A are
    # each off by `tiny`; the second side adds its own to a row sum times the first's, and
    # keeping the factors one more.
    w_off, x_off = (5 * G_ROW + 5 + 1) * tiny, (15 * B_ROW + 15 + 1) * tiny
    x_made, w_made = x_most * B_ROW**2, w_most * G_ROW**2
    products_off = _off(layer, x_made, x_off, w_made, w_off) + 2 * channels * tiny
    underflow = A_ROW**2 * products_off + (15 * A_ROW + 15) * tiny
    most = A_ROW**2 * over_channels(layer, x_made, w_made)[0]
    most = np.maximum(most, x_made.max(axis=1, keepdims=True))
    error = AMPLIFIED**2 * sums * relative + underflow * (1 + relative)
    return _everywhere(error), _everywhere(most)


def fft(layer: Layer, x: Array, w: Array, arithmetic: Arithmetic) -> tuple[Array, Array]:
    """((1 + e)^3 (1 + u)^(3 + M) - 1) (sum over channels of ||x||_2 ||w||_1), and underflow.

    A transform of 2^t points has a relative error, in the 2-norm, of at most e = t eta /
    (1 - t eta) with eta = mu + gamma_4 (sqrt(2) + mu), mu <= u for the weights (Higham, section
    24.1, theorem 24.2), so eta < 7 u. That of the two first transforms and of the products,
    each at most 3 u, passes on as ||x||_2 ||w||_2; but the last transform's is relative to the
    2-norm of all that it makes, ||x * w||_2 <= ||x||_2 ||w||_1. Other sizes than powers of two
    are taken to err no more than the next one.
    """
    levels = _levels(layer, x.shape, w.shape)
    u, tiny = unit(arithmetic.accumulate, arithmetic), least_step(arithmetic.accumulate, arithmetic)
    for narrow in {arithmetic.storage, arithmetic.inputs}:
        if narrower(narrow, arithmetic.accumulate):  # spectra that are kept, or multiplied, in it
            u = max(u, unit(narrow, arithmetic))
            tiny = max(tiny, least_step(narrow, arithmetic))
    x_norm, w_norm = np.sqrt((x**2).sum(axis=(1, 2))), w.sum(axis=(0, 1))
    sums, channels = over_channels(layer, x_norm, w_norm)
    eta = 7 * u * levels
    transform = eta / (1 - eta) if eta < 1 else math.inf
    relative = (1 + transform) ** 3 * (1 + growth(3 + channels, u)) - 1
    # Every level at most doubles what the levels before lost, and loses 8 tiny more.
    points = 2.0**levels
    x_sum, off = x.sum(axis=(1, 2)), 8 * points * tiny
    underflow = _off(layer, x_sum, off, w_norm, off) + (8 * channels + 8 + 1) * tiny
    most = points * over_channels(layer, x_sum, w_norm)[0]
    return _everywhere(sums * relative + underflow * (1 + relative)), _everywhere(most)


def _levels(layer: Layer, x: tuple[int, ...], w: tuple[int, ...]) -> int:
    """log2 of the points of a transform that holds the padded map and the dilated kernel."""
    said = layer.attrs
    assert isinstance(said, ConvAttrs | DepthwiseAttrs)
    ends = axes(
        (x[1], x[2]),
        (w[0], w[1]),
        stride=said.stride,
        padding=said.padding,
        dilation=said.dilation,
    )
    sides = (axis.before + axis.size + axis.after + axis.reach for axis in ends)
    return sum(math.ceil(math.log2(side)) for side in sides)


def over_channels(layer: Layer, x: Array, w: Array) -> tuple[Array, int]:
    """For every filter the sum over its channels of x w, and how many these are.

    x: (B, M); w: (M / groups, N), or (M, multiplier) for a depthwise kernel; returns (B, N).
    """
    if layer.op == "depthwise_conv2d":
        return (x[:, :, None] * w).reshape(len(x), -1), 1
    channels = layer.params["weight"][2]
    groups = x.shape[1] // channels
    kernels = w.reshape(channels, groups, -1)
    sums = np.einsum("bgm,mgn->bgn", x.reshape(-1, groups, channels), kernels)
    return sums.reshape(len(x), -1), channels


def _off(layer: Layer, x: Array, x_off: float, w: Array, w_off: float) -> Array:
    """How far sums of products are off whose factors are off by a constant each."""
    by_w, _ = over_channels(layer, x, np.full_like(w, w_off))
    by_x, _ = over_channels(layer, np.full_like(x, x_off), w + w_off)
    return by_w + by_x


def _everywhere(a: Array) -> Array:
    return a[:, None, None, :]
