"""Chapter 8, Batch norm, folding, and ReLU6."""

from __future__ import annotations

from typing import Any

import numpy as np

from refnet import ops
from refnet.backend import Arithmetic
from refnet.bounds import bound
from refnet.bounds.formats import growth
from refnet.exercises.exercise import Arguments, Array, Draw, Exercise, Mistake, whole
from refnet.folding import folded_values
from refnet.layer import BatchNormAttrs, ConvAttrs, Layer

PARTS = ("gamma", "beta", "mean", "variance")


def clipped(x: Array) -> Array:
    """min(max(0, x), 6)."""
    return ops.relu6(x)


def normalised(
    x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float
) -> Array:
    """gamma (x - mean) / sqrt(variance + epsilon) + beta."""
    return ops.batch_norm(x, gamma, beta, mean, variance, epsilon=epsilon)


def folded(
    w: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array]:
    """The kernel and the bias that do the batch norm's work, too."""
    conv = Layer("conv", "conv2d", ("x",), ConvAttrs("same"), {"weight": w.shape})
    vectors = dict(zip(PARTS, (gamma, beta, mean, variance), strict=True))
    norm = _norm({name: vector.shape for name, vector in vectors.items()}, epsilon)
    tensors = {f"norm.{name}": vector for name, vector in vectors.items()}
    return folded_values(conv, norm, tensors | {"conv.weight": w})


def numbers_kept(D_K: int, M: int, N: int) -> tuple[int, int]:
    """Numbers of a separable block, with its batch norms and folded."""
    weights, channels = D_K**2 * M + M * N, M + N
    return weights + 4 * channels, weights + channels


def scaled_before(w: Array, scale: Array, shift: Array) -> tuple[Array, Array]:
    """The kernel and the bias for a scale and a shift that come before a convolution."""
    return w * scale[:, np.newaxis], np.einsum("ijmn,m->n", w, shift)


def _norm(shapes: Any, epsilon: float) -> Layer:
    return Layer("norm", "batch_norm", ("x",), BatchNormAttrs(epsilon), shapes)


def _norm_bound(x: Array, *vectors_and_epsilon: Any) -> Array:
    """refnet's own bound for a batch norm in float32; float64 is well within it."""
    *vectors, epsilon = vectors_and_epsilon
    layer = _norm({name: v.shape for name, v in zip(PARTS, vectors, strict=True)}, epsilon)
    tensors = dict(zip(layer.tensor_names(), vectors, strict=True))
    return bound(layer, [x], tensors, Arithmetic())


def _folded_bound(
    w: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array]:
    """float32: the root has half of epsilon's rounding and of the sum's, and its own; then the
    quotient and the product, 4; two more on the bias, for the product and the difference. Two
    spare ones, for a reciprocal root or epsilon in another order, and one for float64's own.
    """
    s = abs(gamma) / np.sqrt(variance + epsilon)
    u = 2.0**-24
    return growth(7, u) * abs(w) * s, growth(9, u) * (abs(beta) + abs(mean) * s)


def _epsilon_outside(x: Array, *norm: Any) -> Array:
    gamma, beta, mean, variance, epsilon = norm
    return gamma * (x - mean) / (np.sqrt(variance) + epsilon) + beta


def _no_root(x: Array, *norm: Any) -> Array:
    gamma, beta, mean, variance, epsilon = norm
    return gamma * (x - mean) / (variance + epsilon) + beta


def _own_statistics(x: Array, gamma: Array, beta: Array, *rest: Any) -> Array:
    return normalised(x, gamma, beta, x.mean(axis=(0, 1)), x.var(axis=(0, 1)), rest[-1])


def _wrong_axis(w: Array, *norm: Any) -> tuple[Array, Array]:
    gamma, beta, mean, variance, epsilon = norm
    s = gamma / np.sqrt(variance + epsilon)
    return w * s[:, np.newaxis], beta - mean * s


def _scaled_bias(w: Array, scale: Array, shift: Array) -> tuple[Array, Array]:
    scaled, _ = scaled_before(w, scale, shift)
    return scaled, scaled_before(scaled, scale, shift)[1]


def _one_tap(w: Array, scale: Array, shift: Array) -> tuple[Array, Array]:
    return scaled_before(w, scale, shift)[0], shift @ w[0, 0]


def _any_map(draw: Draw) -> Arguments:
    return (
        draw.array(draw.integer(1, 4), draw.integer(1, 4), draw.integer(1, 3), least=-20, most=20),
    )


def _statistics(draw: Draw, channels: int) -> Arguments:
    gamma, beta, mean = (draw.array(channels, least=-9, most=9) for _ in range(3))
    variance = draw.array(channels, least=0, most=20)
    return *(v.astype(float) for v in (gamma, beta, mean, variance)), draw.choice(1e-3, 1e-5)


def _map_and_norm(draw: Draw) -> Arguments:
    M = draw.integer(1, 3)
    x = draw.array(draw.integer(1, 3), draw.integer(1, 3), M).astype(float)
    return x, *_statistics(draw, M)


def _kernel_and_norm(draw: Draw) -> Arguments:
    D_K, M, N = draw.integer(1, 2), draw.integer(1, 3), draw.integer(1, 3)
    return draw.array(D_K, D_K, M, N).astype(float), *_statistics(draw, N)


def _sizes(draw: Draw) -> Arguments:
    return draw.choice(1, 3, 5), draw.integer(1, 64), draw.integer(1, 64)


def _kernel_and_scale(draw: Draw) -> Arguments:
    D_K, M = draw.integer(1, 2), draw.integer(1, 3)
    w = draw.array(D_K, D_K, M, draw.integer(1, 3))
    return w, draw.array(M), draw.array(M)


def _chosen(first: Array, channels: int, seed: int, epsilon: float = 1e-3) -> Arguments:
    vectors = [whole(seed + n, channels).astype(float) for n in range(3)]
    variance = whole(seed + 3, channels, least=1, most=4).astype(float)
    return first.astype(float), *vectors, variance, epsilon


_ONE = np.ones(1)

EXERCISES = [
    Exercise(
        "8.1", "ReLU6",
        "Write `clipped(x)`: it takes an array of any shape and returns one of the same shape in "
        "which numbers below 0 have become 0 and numbers above 6 have become 6.",
        clipped, _any_map, [(np.array([-1, 0, 3, 6, 7]),), (whole(1, 2, 3, 2, most=20),)],
        [
            Mistake("ReLU", lambda x: np.maximum(x, 0), "There is no upper end: ReLU6 stops at 6."),
            Mistake("both sides", lambda x: np.clip(x, -6, 6),
                    "You clip at -6; the lower end is 0."),
            Mistake("too large becomes 0", lambda x: np.where(x > 6, 0, np.maximum(x, 0)),
                    "Numbers above 6 become 6, not 0."),
        ],
        level="warm-up",
    ),
    Exercise(
        "8.2", "Batch norm, after training",
        "Write `normalised(x, gamma, beta, mean, variance, epsilon)`: it takes a map of shape "
        "(H, W, M), four vectors of shape (M,) and a number, and returns the map of gamma × "
        "(x - mean) / sqrt(variance + epsilon) + beta, channel by channel. The statistics are "
        "those that training has left, not those of x.",
        normalised, _map_and_norm,
        [(np.full((1, 1, 1), 5.0), 2 * _ONE, _ONE, 3 * _ONE, 4 * _ONE, 1e-3),
         _chosen(whole(1, 2, 3, 2), 2, 10), _chosen(whole(2, 3, 2, 3), 3, 20, 1e-5)],
        [
            Mistake("epsilon outside the root", _epsilon_outside,
                    "Epsilon is added to the variance, under the root, not to the root."),
            Mistake("no root", _no_root,
                    "You divide by the variance; its root, the standard deviation, is meant."),
            Mistake("the map's own statistics", _own_statistics,
                    "You take mean and variance of x, as during training. Afterwards the stored "
                    "ones are used, so that a picture's result does not hang on its neighbours."),
        ],
        bound=_norm_bound,
    ),
    Exercise(
        "8.3", "Fold it in",
        "A convolution without bias is followed by a batch norm. Write `folded(w, gamma, beta, "
        "mean, variance, epsilon)`: w has shape (D_K, D_K, M, N), the four vectors have shape "
        "(N,). It returns a tuple of two, a kernel of w's shape and a bias of shape (N,), such "
        "that the convolution with these gives what both layers gave.",
        folded, _kernel_and_norm,
        [(np.full((1, 1, 1, 1), 3.0), 6 * _ONE, 5 * _ONE, 2 * _ONE, 4 * _ONE, 1e-3),
         _chosen(whole(3, 2, 2, 2, 2), 2, 30), _chosen(whole(4, 2, 2, 3, 2), 2, 40, 1e-5)],
        [
            Mistake("mean forgotten", lambda w, *norm: (folded(w, *norm)[0], norm[1]),
                    "Your bias is beta; the mean that is taken away before scaling belongs in it, "
                    "too: beta - mean × gamma / sqrt(variance + epsilon)."),
            Mistake("mean not scaled", lambda w, *norm: (folded(w, *norm)[0], norm[1] - norm[2]),
                    "The mean is taken away before the scaling, so it is scaled with the rest: "
                    "beta - mean × gamma / sqrt(variance + epsilon)."),
            Mistake("input channels scaled", _wrong_axis,
                    "You scale the input channels; the batch norm comes after the convolution, so "
                    "output channel n, the kernel's last axis, gets scale n."),
        ],
        bound=_folded_bound,
    ),
    Exercise(
        "8.4", "What folding saves",
        "A depthwise separable block is a depthwise layer from M to M channels and a pointwise "
        "one from M to N, without biases, and a batch norm after each. Write `numbers_kept(D_K, "
        "M, N)`: it returns a tuple of two, how many numbers a file has to hold for the block as "
        "it was trained, and how many once both norms are folded in and each layer has a bias.",
        numbers_kept, _sizes, [(1, 1, 2), (3, 32, 64), (3, 512, 512), (5, 3, 1)],
        [
            Mistake("two numbers a norm",
                    lambda k, m, n: (k**2 * m + m * n + 2 * (m + n), k**2 * m + m * n + m + n),
                    "Gamma and beta are learned, but mean and variance have to be kept as well: "
                    "four numbers a channel."),
            Mistake("no bias", lambda k, m, n: (k**2 * m + m * n + 4 * (m + n), k**2 * m + m * n),
                    "What is left of a norm is a bias: one number for each output channel of each "
                    "layer."),
            Mistake("N channels everywhere",
                    lambda k, m, n: (k**2 * m + m * n + 8 * n, k**2 * m + m * n + 2 * n),
                    "The first norm follows the depthwise layer, which has M channels."),
        ],
    ),
    Exercise(
        "8.5", "When the norm comes first",
        "In some networks the norm comes before the convolution. Write `scaled_before(w, scale, "
        "shift)`: w has shape (D_K, D_K, M, N); every input channel m is first multiplied by "
        "scale[m], then shift[m] is added to it. Return a tuple of two, the kernel and the bias, "
        "of shape (N,), of one convolution without padding that does it all. Why would it not "
        "work with padding?",
        scaled_before, _kernel_and_scale,
        [(np.array([[[[3]]]]), np.array([2]), np.array([5])),
         (np.array([[[[1], [2]]]]), np.array([1, 1]), np.array([10, 100])),
         (whole(1, 2, 2, 2, 2), whole(2, 2), whole(3, 2)),
         (whole(4, 3, 3, 3, 2), whole(5, 3), whole(6, 3))],
        [
            Mistake("outputs scaled",
                    lambda w, scale, shift: (w * scale, scaled_before(w, scale, shift)[1]),
                    "You scale the output channels; the norm comes before, so input channel m, "
                    "the kernel's third axis, gets scale m."),
            Mistake("bias from the scaled kernel", _scaled_bias,
                    "The shift is added after the scaling, so it meets the kernel as it was, not "
                    "the scaled one."),
            Mistake("one tap", _one_tap,
                    "A shift is added to every pixel under the kernel: sum over all D_K^2 taps."),
        ],
        level="problem",
    ),
]  # fmt: skip
