"""Bounds for convolutions that are not sums of products: Winograd's and the FFT's.

They compute the same function by way of transforms, whose intermediate numbers are larger than the
result. Their errors are bounded by norms of the whole input, not element by element, and are
far larger than a direct convolution's: a backend that uses them must say so.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from refnet.arguments import check_pair
from refnet.bounds.formats import growth
from refnet.layer import Layer

Array = np.ndarray[Any, Any]

# Winograd's F(4 x 4, 3 x 3), the largest tile in common use (Lavin and Gray, arXiv:1509.09308,
# section 4.1): y = A^T [(G w G^T) * (B^T x B)] A. Largest absolute row sums of A^T, G and B^T:
A_ROW, G_ROW, B_ROW = 19.0, 1.0, 10.0
TILE = 6


def winograd_serves(layer: Layer) -> bool:
    """Whether a backend would use F(4 x 4, 3 x 3): a 3 x 3 kernel, stride 1, not dilated."""
    said = layer.keywords()
    return (
        layer.op in ("conv2d", "depthwise_conv2d")
        and layer.params["weight"][:2] == (3, 3)
        and check_pair(said["stride"], "stride") == (1, 1)
        and check_pair(said["dilation"], "dilation") == (1, 1)
    )


def winograd_error(
    layer: Layer, x_size: Array, w_size: Array, b_size: Array | None, u: float
) -> Array:
    """For every output ((1 + u)^n - 1) (A^2 G^2 B^2 sum over channels of max|w| max|x| + |b|).

    Each transform is a product with small matrices from both sides. Taking absolute values
    throughout, the numbers before the last transform are at most (G_ROW^2 max|w|)(B_ROW^2
    max|x|), added up over the channels; the last transform adds at most A_ROW^2 of them. A term
    passes 2 (3 + 1) roundings in G . G^T, 2 (6 + 1) in B^T . B, one product, the channels'
    additions, 2 (6 + 1) in A^T . A, and the bias.
    """
    amplified = (A_ROW * G_ROW * B_ROW) ** 2
    x_most = x_size.max(axis=(1, 2))  # (B, M): the whole map, which holds every tile
    w_most = w_size.max(axis=(0, 1))  # (M, N) or (M, multiplier)
    channels = layer.params["weight"][2]
    if layer.op == "depthwise_conv2d":
        sums = (x_most[:, :, None] * w_most).reshape(len(x_most), -1)
        channels = 1
    else:
        groups = x_most.shape[1] // channels
        per_group = x_most.reshape(-1, groups, channels)
        kernels = w_most.reshape(channels, groups, -1)
        sums = np.einsum("bgm,mgn->bgn", per_group, kernels).reshape(len(x_most), -1)
    n = 2 * (3 + 1) + 2 * (TILE + 1) + 1 + channels + 2 * (TILE + 1) + 1
    size = amplified * sums + (0.0 if b_size is None else b_size)
    return growth(n, u) * size[:, None, None, :]


def fft_error(layer: Layer, x_size: Array, w_size: Array, b_size: Array | None, u: float) -> Array:
    """For every output c u (sum over channels of ||x||_2 ||w||_2) + u |b|.

    A transform of 2^t points has a relative error, in the 2-norm, of at most t eta / (1 - t eta)
    with eta = mu + gamma_4 (sqrt(2) + mu), mu <= u for the weights (Higham, section 24.1,
    theorem 24.2): eta < 7 u. Three transforms, a complex product (at most 3 u) and the
    channels' additions lie on every path, and |sum| <= ||x||_2 ||w||_2 bounds all that passes.
    """
    rows, columns = (a + k for a, k in zip(x_size.shape[1:3], w_size.shape[:2], strict=True))
    levels = math.ceil(math.log2(rows)) + math.ceil(math.log2(columns))
    x_norm = np.sqrt((x_size**2).sum(axis=(1, 2)))
    w_norm = np.sqrt((w_size**2).sum(axis=(0, 1)))
    channels = layer.params["weight"][2]
    if layer.op == "depthwise_conv2d":
        sums = (x_norm[:, :, None] * w_norm).reshape(len(x_norm), -1)
        channels = 1
    else:
        groups = x_norm.shape[1] // channels
        per_group = x_norm.reshape(-1, groups, channels)
        kernels = w_norm.reshape(channels, groups, -1)
        sums = np.einsum("bgm,mgn->bgn", per_group, kernels).reshape(len(x_norm), -1)
    n = 3 * 7 * levels + 3 + channels + 1
    size = sums + (0.0 if b_size is None else b_size)
    return growth(n, u) * size[:, None, None, :]
