"""A standard convolution as a sum of depthwise separable ones: separability in depth.

>>> w = np.random.default_rng(0).standard_normal((3, 3, 2, 16))
>>> depthwise, pointwise = separate(w, terms=4)
>>> depthwise.shape, pointwise.shape         # ready for separable_conv2d
((3, 3, 2, 4), (1, 1, 8, 16))
>>> bool(np.allclose(compose(*separate(w)), w))
True

What input channel m contributes to a standard convolution is the matrix w[:, :, m, :], D_K^2
taps by N filters. Were it of rank 1, one spatial filter followed by N weights would do: a
depthwise separable convolution is a standard one whose every such matrix has rank 1. Of rank R,
it is R of them added up, and the singular value decomposition gives the best first r.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from refnet import arguments
from refnet.arguments import Shape

Array = np.ndarray[Any, Any]

AXES = "D_K, D_K, M, N"


def compose(depthwise: Array, pointwise: Array) -> Array:
    """The standard kernel that computes the same as the two kernels of a separable convolution.

    >>> depthwise, pointwise = np.array([[[[2]], [[3]]]]), np.array([[[[1, 10]]]])
    >>> compose(depthwise, pointwise).tolist()
    [[[[2, 20]], [[3, 30]]]]

    w[i, j, m, n] is the sum over q of depthwise[i, j, m, q] pointwise[m * multiplier + q, n]:
    exact for integers and Fractions, whose type is kept. It holds as long as nothing, no
    activation or bias, acts between the two.
    depthwise: (D_K, D_K, M, multiplier); pointwise: (1, 1, M * multiplier, N);
    returns (D_K, D_K, M, N).
    """
    arguments.check_rank(depthwise.shape, "depthwise", "D_K, D_K, M, multiplier")
    arguments.check_rank(pointwise.shape, "pointwise", "1, 1, M * multiplier, N")
    M, multiplier = depthwise.shape[2:]
    N = pointwise.shape[3]
    if pointwise.shape[:3] != (1, 1, M * multiplier):
        raise ValueError(
            f"pointwise: shape {pointwise.shape}, expected (1, 1, {M * multiplier}, N) "
            f"after depthwise {depthwise.shape}"
        )
    weights = pointwise.reshape(M, multiplier, N)
    return (depthwise[:, :, :, np.newaxis] @ weights)[:, :, :, 0]


def as_standard(depthwise: Array) -> Array:
    """The standard kernel that computes a depthwise convolution, at M times the MACs.

    >>> as_standard(np.array([5, 7]).reshape(1, 1, 2, 1))[0, 0].tolist()
    [[5, 0], [0, 7]]

    Every filter sees all M channels, and has zeros for all but its own.
    depthwise: (D_K, D_K, M, multiplier); returns (D_K, D_K, M, M * multiplier).
    """
    arguments.check_rank(depthwise.shape, "depthwise", "D_K, D_K, M, multiplier")
    D_Ky, D_Kx, M, multiplier = depthwise.shape
    w = np.zeros((D_Ky, D_Kx, M, M, multiplier), depthwise.dtype)
    for m in range(M):
        w[:, :, m, m] = depthwise[:, :, m]
    return w.reshape(D_Ky, D_Kx, M, M * multiplier)


def separate(kernel: Array, terms: int | None = None) -> tuple[Array, Array]:
    """(depthwise, pointwise): one separable convolution with `terms` filters a channel.

    >>> two_filters = np.array([[[[3.0, 0.0]], [[0.0, 2.0]]]])      # one row of two taps, N = 2
    >>> abs(compose(*separate(two_filters, terms=1))).round(9).tolist()     # the weaker is lost
    [[[[3.0, 0.0]], [[0.0, 0.0]]]]

    No other kernels of these shapes compose to a kernel nearer to this one, in the sum of
    squares. All the terms, min(D_K^2, N), give it back to rounding; that is the default.
    A channel's filters are orthonormal, the strongest first; their strengths, the singular
    values, are in `pointwise`.
    kernel: (D_K, D_K, M, N); depthwise: (D_K, D_K, M, terms); pointwise: (1, 1, M * terms, N);
    both float64. Source: the singular value decomposition, truncated (Eckart and Young, 1936).
    """
    u, values, vt = _decompose(kernel)
    D_Ky, D_Kx, M, N = kernel.shape
    r = full_terms(kernel.shape) if terms is None else _check_terms(kernel.shape, terms)
    depthwise = u[:, :, :r].reshape(M, D_Ky, D_Kx, r).transpose(1, 2, 0, 3)
    pointwise = (values[:, :r, np.newaxis] * vt[:, :r]).reshape(1, 1, M * r, N)
    return np.ascontiguousarray(depthwise), pointwise


def depthwise_terms(kernel: Array, terms: int | None = None) -> list[tuple[Array, Array]]:
    """The same as a sum: separable convolutions of one filter a channel, the strongest first.

    >>> pairs = depthwise_terms(np.ones((3, 3, 4, 2)))
    >>> [(depthwise.shape, pointwise.shape) for depthwise, pointwise in pairs]
    [((3, 3, 4, 1), (1, 1, 4, 2)), ((3, 3, 4, 1), (1, 1, 4, 2))]

    Their outputs add up to the standard convolution's, or to its best part of `terms` terms.
    """
    depthwise, pointwise = separate(kernel, terms)
    r = depthwise.shape[3]
    return [(depthwise[:, :, :, q : q + 1], pointwise[:, :, q::r]) for q in range(r)]


def separation_errors(kernel: Array) -> Array:
    """What is missing after 0, 1, ..., all terms, relative to the kernel.

    >>> separation_errors(np.diag([4.0, 3.0]).reshape(2, 1, 1, 2)).round(9).tolist()
    [1.0, 0.6, 0.0]

    Element r is |kernel - compose(*separate(kernel, r))| / |kernel| in Frobenius norms, taken
    from the singular values left out. A kernel of zeros misses nothing: zeros.
    kernel: (D_K, D_K, M, N); returns (min(D_K^2, N) + 1,), never rising, the last exactly 0:
    the rounding of the decomposition itself is not in it.
    """
    _, values, _ = _decompose(kernel)
    energy = (values**2).sum(axis=0)
    left = np.append(energy[::-1].cumsum()[::-1], 0.0)  # the small ones first, for accuracy
    return np.sqrt(left / left[0]) if left[0] > 0 else left


def separation_macs(shape: Shape, terms: int) -> int:
    """MACs an output pixel, D_K^2 M terms + M terms N, where the standard one takes D_K^2 M N.

    >>> separation_macs((3, 3, 3, 32), terms=2), 9 * 3 * 32
    (246, 864)
    """
    D_Ky, D_Kx, M, N = _check_shape(shape)
    return _check_terms(shape, terms) * M * (D_Ky * D_Kx + N)


def terms_that_pay(shape: Shape) -> int:
    """The most terms that take fewer MACs than the standard convolution; 0 where none do.

    >>> terms_that_pay((3, 3, 3, 32))       # seven of nine
    7

    They pay while terms < D_K^2 N / (D_K^2 + N), which is below both D_K^2 and N: all terms
    never pay. What is saved is bought with an error, or with a kernel that has fewer terms.
    """
    D_Ky, D_Kx, _, N = _check_shape(shape)
    return (D_Ky * D_Kx * N - 1) // (D_Ky * D_Kx + N)


def full_terms(shape: Shape) -> int:
    """The terms that are enough for any kernel of this shape: min(D_K^2, N).

    >>> full_terms((3, 3, 3, 32)), full_terms((3, 3, 512, 4))
    (9, 4)
    """
    D_Ky, D_Kx, _, N = _check_shape(shape)
    return min(D_Ky * D_Kx, N)


def _decompose(kernel: Array) -> tuple[Array, Array, Array]:
    """Every channel's singular values: u (M, D_K^2, R), values (M, R), vt (M, R, N)."""
    D_Ky, D_Kx, M, N = _check_shape(kernel.shape)
    if kernel.dtype.kind not in "biufO":
        raise ValueError(f"kernel: {kernel.dtype} numbers, expected real ones")
    values = kernel.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("kernel: NaN or infinity in it, expected finite numbers")
    channels = values.transpose(2, 0, 1, 3).reshape(M, D_Ky * D_Kx, N)
    u, singular, vt = np.linalg.svd(channels, full_matrices=False)
    return u, singular, vt


def _check_shape(shape: Shape) -> Shape:
    arguments.check_rank(shape, "kernel", AXES)
    if math.prod(shape) == 0:
        raise ValueError(f"kernel: an axis of no elements {shape}")
    return shape


def _check_terms(shape: Shape, terms: int) -> int:
    if arguments.check_count(terms, "terms") > full_terms(shape):
        raise ValueError(f"terms: {terms}, expected 1 to {full_terms(shape)} for kernel {shape}")
    return terms
