"""Chapter 3, Standard convolution and its bill."""

from __future__ import annotations

import numpy as np

from refnet import ops
from refnet.cost.formulas import parameters, standard_macs, standard_weights
from refnet.exercises.exercise import (
    Arguments,
    Array,
    BlackBox,
    Draw,
    Exercise,
    Mistake,
    whole,
)


def bill(D_K: int, M: int, N: int, D_F: int) -> int:
    """D_K^2 M N D_F^2."""
    return standard_macs(D_K, M, N, D_F)


def weights(D_K: int, M: int, N: int, bias: bool) -> int:
    """D_K^2 M N, and N for the biases."""
    return parameters(standard_weights(D_K, M, N), N, bias=bias)


def standard(x: Array, w: Array) -> Array:
    """A standard convolution of one picture, without padding."""
    return ops.conv2d(x[np.newaxis], w, padding="valid")[0]


def im2col(x: Array, D_K: int) -> Array:
    """A row for each place of the kernel: the numbers that lie under it."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (D_K, D_K), axis=(0, 1))
    return windows.transpose(0, 1, 3, 4, 2).reshape(-1, D_K * D_K * x.shape[2])


def recover_kernel(layer: BlackBox, D_K: int, M: int) -> Array:
    """A layer's kernel, from its answers to maps with a single 1."""
    ones = np.eye(D_K * D_K * M, dtype=int).reshape(-1, D_K, D_K, M)
    return np.stack([layer(x)[0, 0] for x in ones]).reshape(D_K, D_K, M, -1)


def _channels_exchanged(x: Array, w: Array) -> Array:
    return standard(x, w.swapaxes(2, 3))


def _channels_outermost(x: Array, D_K: int) -> Array:
    windows = np.lib.stride_tricks.sliding_window_view(x, (D_K, D_K), axis=(0, 1))
    return windows.reshape(-1, x.shape[2] * D_K * D_K)


def _columns_first(x: Array, D_K: int) -> Array:
    windows = np.lib.stride_tricks.sliding_window_view(x, (D_K, D_K), axis=(0, 1))
    return windows.transpose(0, 1, 4, 3, 2).reshape(-1, D_K * D_K * x.shape[2])


def _mirrored(layer: BlackBox, D_K: int, M: int) -> Array:
    return recover_kernel(layer, D_K, M)[::-1, ::-1]


def _transposed(layer: BlackBox, D_K: int, M: int) -> Array:
    return recover_kernel(layer, D_K, M).swapaxes(2, 3)


def _sizes(draw: Draw) -> Arguments:
    return draw.integer(1, 9), draw.integer(1, 64), draw.integer(1, 64), draw.integer(1, 64)


def _with_bias(draw: Draw) -> Arguments:
    return *_sizes(draw)[:3], draw.choice(False, True)


def _map_and_kernel(draw: Draw) -> Arguments:
    D_K, M, N = draw.integer(1, 2), draw.integer(1, 3), draw.integer(1, 3)
    x = draw.array(draw.integer(D_K, 3), draw.integer(D_K, 3), M)
    return x, draw.array(D_K, D_K, M, N, least=-2, most=2)


def _map_and_side(draw: Draw) -> Arguments:
    D_K = draw.integer(1, 3)
    return draw.array(draw.integer(D_K, 4), draw.integer(D_K, 4), draw.integer(1, 3)), D_K


def _correlate(kernel: Array, x: Array) -> Array:
    return standard(np.asarray(x), kernel)


def _box(kernel: Array) -> Arguments:
    return BlackBox(_correlate, kernel), kernel.shape[0], kernel.shape[2]


def _boxes(draw: Draw) -> Arguments:
    D_K = draw.integer(1, 3)
    return _box(draw.array(D_K, D_K, draw.integer(1, 3), draw.integer(1, 3)))


EXERCISES = [
    Exercise(
        "3.1", "The bill",
        "A standard convolution with stride 1 and padding that keeps the size makes N maps of "
        "D_F × D_F numbers out of M maps of D_F × D_F. Write `bill(D_K, M, N, D_F)`: it returns "
        "how many multiply-accumulates that takes with a kernel of side D_K, every tap counted, "
        "those on the padding too.",
        bill, _sizes, [(1, 1, 2, 1), (3, 1, 1, 2), (3, 3, 32, 112), (5, 7, 2, 14)],
        [
            Mistake("N left out", lambda D_K, M, N, D_F: D_K**2 * M * D_F**2,
                    "That is one filter; there are N of them, each of which reads all M channels."),
            Mistake("D_K once", lambda D_K, M, N, D_F: D_K * M * N * D_F**2,
                    "A kernel of side D_K has D_K times D_K taps a channel."),
            Mistake("one row", lambda D_K, M, N, D_F: D_K**2 * M * N * D_F,
                    "The map has D_F times D_F places, not D_F."),
        ],
        level="warm-up",
    ),
    Exercise(
        "3.2", "Weights and biases",
        "Write `weights(D_K, M, N, bias)`: how many numbers does a standard convolution from M to "
        "N channels learn, with a kernel of side D_K, and with a bias where `bias` is True? It "
        "returns a whole number.",
        weights, _with_bias,
        [(1, 1, 1, True), (3, 3, 32, False), (3, 3, 32, True), (5, 8, 2, True)],
        [
            Mistake("a bias for each input", lambda D_K, M, N, b: D_K**2 * M * N + b * M,
                    "A bias is added to an output channel: there are N of them, one for each "
                    "filter."),
            Mistake("one bias", lambda D_K, M, N, b: D_K**2 * M * N + b,
                    "One bias does not serve all: each of the N filters has its own."),
            Mistake("no bias", lambda D_K, M, N, b: D_K**2 * M * N,
                    "Where there is a bias it adds N numbers, one for each filter."),
        ],
        level="warm-up",
    ),
    Exercise(
        "3.3", "Standard convolution as loops",
        "Write `standard(x, w)`: it takes a map of shape (H, W, M) and a kernel of shape (D_K, "
        "D_K, M, N), and returns the map of shape (H - D_K + 1, W - D_K + 1, N) that the formula "
        "gives without padding, at stride 1: output channel n is the sum over i, j and m of "
        "x[r + i, c + j, m] × w[i, j, m, n].",
        standard, _map_and_kernel,
        [(np.array([[[1, 2]]]), np.array([[[[1, 10], [100, 1000]]]])),
         (whole(1, 3, 3, 1), whole(2, 2, 2, 1, 1)), (whole(3, 4, 5, 3), whole(4, 3, 3, 3, 2)),
         (whole(5, 4, 4, 2), whole(6, 3, 3, 2, 2))],
        [
            Mistake("kernel turned", lambda x, w: standard(x, w[::-1, ::-1]),
                    "You turn the kernel by half a turn: weight (i, j) lies on pixel "
                    "(r + i, c + j)."),
            Mistake("one channel", lambda x, w: standard(x[..., :1], w[:, :, :1]),
                    "Only channel 0 is read: every filter sums over all M channels."),
            Mistake("channels exchanged", _channels_exchanged,
                    "The kernel's last two axes are exchanged: w[i, j, m, n] goes from input "
                    "channel m to output channel n."),
        ],
    ),
    Exercise(
        "3.4", "A convolution as a matrix product",
        "Write `im2col(x, D_K)`: it takes a map of shape (H, W, M) and returns a matrix of shape "
        "((H - D_K + 1)(W - D_K + 1), D_K × D_K × M) with a row for each place of the kernel, row "
        "by row of the map. A row holds the numbers under the kernel in the order of its weights: "
        "i, then j, then m. Then `im2col(x, D_K) @ w.reshape(-1, N)` is the convolution.",
        im2col, _map_and_side,
        [(np.arange(4).reshape(2, 2, 1), 2), (np.arange(8).reshape(2, 2, 2), 2),
         (whole(1, 4, 5, 3), 3), (whole(2, 3, 4, 2), 1)],
        [
            Mistake("channels outermost", _channels_outermost,
                    "Your rows run through one channel after the other. The kernel is (D_K, D_K, "
                    "M, N), so m has to change fastest."),
            Mistake("columns before rows", _columns_first,
                    "Your rows go down the window's columns: j has to change faster than i."),
            Mistake("on its side", lambda x, D_K: im2col(x, D_K).T,
                    "Your matrix is transposed: the places are its rows."),
        ],
    ),
    Exercise(
        "3.5", "What is in the box?",
        "A layer is a black box: `layer(x)` takes a map of shape (H, W, M), at least D_K × D_K "
        "pixels, and returns the map of shape (H - D_K + 1, W - D_K + 1, N) that a standard "
        "convolution without padding gives. You do not see its kernel. Write "
        "`recover_kernel(layer, D_K, M)`: it asks the layer, and returns its kernel, of shape "
        "(D_K, D_K, M, N). What does it answer to a map that is 0 but for a single 1?",
        recover_kernel, _boxes,
        [_box(whole(1, 1, 1, 1, 1)), _box(whole(2, 2, 2, 1, 1)), _box(whole(3, 3, 3, 2, 4)),
         _box(whole(4, 2, 2, 3, 3))],
        [
            Mistake("mirror image", _mirrored,
                    "A 1 in the middle of a larger map draws the kernel upside down and mirrored: "
                    "the output up and to the left of it meets it with its last weight."),
            Mistake("channels exchanged", _transposed,
                    "The last two axes are exchanged: the kernel is (D_K, D_K, M, N), input "
                    "channels before output channels."),
        ],
        level="problem",
    ),
]  # fmt: skip
