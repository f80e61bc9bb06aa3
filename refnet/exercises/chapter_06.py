"""Chapter 6, Pointwise: a matrix product in disguise."""

from __future__ import annotations

import numpy as np

from refnet import ops
from refnet.exercises.exercise import Arguments, Array, Draw, Exercise, Mistake, whole


def mixed(pixel: Array, w: Array) -> Array:
    """N weighted sums of a pixel's channels."""
    return ops.dense(pixel[np.newaxis], w)[0]


def pointwise(x: Array, w: Array) -> Array:
    """A 1x1 convolution of one picture."""
    return ops.pointwise_conv2d(x[np.newaxis], w[np.newaxis, np.newaxis])[0]


def merged(first: Array, second: Array) -> Array:
    """One kernel for two pointwise layers with nothing in between."""
    return first @ second


def strided_pointwise(x: Array, w: Array, b: Array, stride: int) -> Array:
    """With a bias, at every stride-th pixel."""
    return ops.pointwise_conv2d(x[np.newaxis], w[np.newaxis, np.newaxis], b, stride=stride)[0]


def channels_first(x: Array, w: Array) -> Array:
    """PyTorch's 1x1 convolution: x (B, M, H, W), w (N, M, 1, 1)."""
    y = ops.pointwise_conv2d(x.transpose(0, 2, 3, 1), w.transpose(2, 3, 1, 0))
    return np.ascontiguousarray(y.transpose(0, 3, 1, 2))


def _total(pixel: Array, w: Array) -> Array:
    return np.broadcast_to(mixed(pixel, w).sum(), w.shape[1:]).copy()


def _transposed(x: Array, w: Array) -> Array:
    return pointwise(x, w.T)


def _channels_as_rows(x: Array, w: Array) -> Array:
    """The map's numbers read as M rows of H W numbers."""
    y = x.reshape(x.shape[2], -1).T @ w
    return y.reshape(*x.shape[:2], w.shape[1])


def _rows_exchanged(x: Array, w: Array) -> Array:
    return pointwise(x, w).reshape(x.shape[1], x.shape[0], -1)


def _late(x: Array, w: Array, b: Array, stride: int) -> Array:
    return strided_pointwise(x[stride - 1 :, stride - 1 :], w, b, stride)


def _rounded_down(x: Array, w: Array, b: Array, stride: int) -> Array:
    H, W = (side - side % stride for side in x.shape[:2])
    return strided_pointwise(x[:H, :W], w, b, stride)


def _reshaped(x: Array, w: Array) -> Array:
    B, M, H, W = x.shape
    return (x.reshape(-1, M) @ w[..., 0, 0].T).reshape(B, -1, H, W)


def _kernel_reshaped(x: Array, w: Array) -> Array:
    N, M = w.shape[:2]
    return channels_first(x, w.reshape(M, N).T[..., None, None])


def _pixel(draw: Draw) -> Arguments:
    M = draw.integer(1, 4)
    return draw.array(M), draw.array(M, draw.integer(1, 4))


def _map(draw: Draw) -> Arguments:
    H, W, M = draw.integer(1, 4), draw.integer(1, 4), draw.integer(1, 4)
    return draw.array(H, W, M), draw.array(M, draw.integer(1, 4))


def _two_kernels(draw: Draw) -> Arguments:
    M = draw.integer(1, 4)
    return draw.array(draw.integer(1, 4), M), draw.array(M, draw.integer(1, 4))


def _map_and_bias(draw: Draw) -> Arguments:
    x, w = _map(draw)
    return x, w, draw.array(w.shape[1]), draw.integer(1, 3)


def _pytorch(draw: Draw) -> Arguments:
    B, M, N = draw.integer(1, 2), draw.integer(1, 3), draw.integer(1, 3)
    x = draw.array(B, M, draw.integer(1, 3), draw.integer(1, 3))
    return x, draw.array(N, M, 1, 1)


EXERCISES = [
    Exercise(
        "6.1", "One pixel",
        "A pixel has M channels. Write `mixed(pixel, w)`: it takes the pixel, an array of shape "
        "(M,), and a matrix of shape (M, N), and returns N numbers, an array of shape (N,): "
        "number n is the sum over m of pixel[m] × w[m, n].",
        mixed, _pixel,
        [(np.array([2]), np.array([[3]])), (np.array([1, 10]), np.array([[1, 2], [3, 4]])),
         (whole(1, 3), whole(2, 3, 4))],
        [
            Mistake("matrix transposed", lambda pixel, w: w @ pixel,
                    "w @ pixel sums over n. The matrix is (M, N), in before out: pixel @ w."),
            Mistake("one sum for all", _total,
                    "All your numbers are the same, the sum over m and n: each n has a sum of "
                    "its own."),
        ],
        level="warm-up",
    ),
    Exercise(
        "6.2", "A matrix product for the whole map",
        "Write `pointwise(x, w)`: it takes a map of shape (H, W, M) and a matrix of shape (M, N), "
        "and returns the map of shape (H, W, N) in which every pixel is mixed as in exercise 6.1. "
        "Use one matrix product and no loop.",
        pointwise, _map,
        [(np.array([[[1, 2]]]), np.array([[1, 10], [100, 1000]])),
         (np.arange(4).reshape(1, 2, 2), np.eye(2, dtype=int)),
         (whole(1, 2, 3, 4), whole(2, 4, 2)), (whole(3, 3, 3, 3), whole(4, 3, 3))],
        [
            Mistake("matrix transposed", _transposed,
                    "Your matrix goes from N to M channels: w[m, n] is the weight from input m to "
                    "output n."),
            Mistake("channels as rows", _channels_as_rows,
                    "Reshaping (H, W, M) to (M, H W) does not collect channels: the M numbers of "
                    "a pixel lie side by side. Reshape to (H W, M)."),
            Mistake("rows and columns exchanged", _rows_exchanged,
                    "The result is cut into W rows of H pixels; it has H rows of W, as x has."),
        ],
    ),
    Exercise(
        "6.3", "Two for one",
        "Two pointwise layers follow each other, with no bias and no activation in between. Write "
        "`merged(first, second)`: it takes their matrices, of shapes (M, K) and (K, N), and "
        "returns the matrix of shape (M, N) of the one layer that does the work of both. This is "
        "why an activation has to stand between them.",
        merged, _two_kernels,
        [(np.array([[1, 2]]), np.array([[3], [5]])),
         (np.array([[1, 2], [0, 1]]), np.array([[1, 0], [3, 1]])), (whole(1, 2, 3), whole(2, 3, 4)),
         (whole(3, 3, 3), whole(4, 3, 3))],
        [
            Mistake("other order", lambda first, second: second @ first,
                    "The pixel meets the first matrix first: pixel @ first @ second."),
            Mistake("element by element", lambda first, second: first * second,
                    "* multiplies element by element; layers that follow each other are a matrix "
                    "product, @."),
        ],
    ),
    Exercise(
        "6.4", "With bias and stride",
        "Write `strided_pointwise(x, w, b, stride)`: it takes a map of shape (H, W, M), a matrix "
        "of shape (M, N), N biases of shape (N,), and a stride. It mixes only every stride-th "
        "pixel of every stride-th row, pixel (0, 0) among them, adds the biases and returns a map "
        "of shape (ceil(H / stride), ceil(W / stride), N). A layer that skips pixels should not "
        "compute them first.",
        strided_pointwise, _map_and_bias,
        [(np.array([[[1]]]), np.array([[2]]), np.array([10]), 1),
         (np.arange(4).reshape(2, 2, 1), np.array([[1]]), np.array([0]), 2),
         (whole(1, 5, 4, 2), whole(2, 2, 3), whole(3, 3), 2),
         (whole(4, 4, 5, 3), whole(5, 3, 3), whole(6, 3), 3)],
        [
            Mistake("last pixel of each step", _late,
                    "Your first pixel is (stride - 1, stride - 1): begin at 0, x[::stride]."),
            Mistake("bias left out", lambda x, w, b, s: strided_pointwise(x, w, 0 * b, s),
                    "The biases are not added: output channel n gets b[n]."),
            Mistake("rounded down", _rounded_down,
                    "Where the side is no multiple of the stride you lose its last pixel: "
                    "ceil(H / stride) rows come out."),
        ],
    ),
    Exercise(
        "6.5", "The same in PyTorch's order",
        "PyTorch keeps maps as (B, M, H, W) and the kernel of a 1 × 1 convolution as "
        "(N, M, 1, 1). Write `channels_first(x, w)`: it takes such arrays and returns the map of "
        "shape (B, N, H, W), again with one matrix product for all pixels and pictures. Check "
        "what lies where before you reshape.",
        channels_first, _pytorch,
        [(np.array([2]).reshape(1, 1, 1, 1), np.array([3]).reshape(1, 1, 1, 1)),
         (whole(1, 1, 2, 1, 2), whole(2, 2, 2, 1, 1)), (whole(3, 2, 3, 2, 4), whole(4, 2, 3, 1, 1)),
         (whole(5, 2, 2, 3, 2), whole(6, 3, 2, 1, 1))],
        [
            Mistake("reshape alone", _reshaped,
                    "Reshaping (B, M, H, W) to (B H W, M) cuts across the channels: a pixel's M "
                    "numbers lie H W apart. Move the channel axis to the end first."),
            Mistake("channels last comes out",
                    lambda x, w: channels_first(x, w).transpose(0, 2, 3, 1),
                    "Your result is (B, H, W, N): move its channels back to axis 1."),
            Mistake("kernel reshaped", _kernel_reshaped,
                    "Reshaping (N, M, 1, 1) to (M, N) mixes the weights up: it takes a transpose."),
        ],
        level="problem",
    ),
]  # fmt: skip
