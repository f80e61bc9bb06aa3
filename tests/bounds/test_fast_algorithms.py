"""Winograd's and the FFT's convolutions, computed in float32 for real, and what they declare."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft

from refnet.backend import Arithmetic
from refnet.bounds import Value, bound, step
from refnet.bounds.fast_algorithms import A_ROW, AMPLIFIED, B_ROW, G_ROW, POINTS
from refnet.network import ConvAttrs, DepthwiseAttrs, Layer
from tests.bounds.data import DATA, ratio
from tests.bounds.simulated import Simulated, patches

# Lavin and Gray (arXiv:1509.09308), section 4.1, for F(2, 3) and F(4, 3); F(6, 3) is the same
# construction with the points 1/2 and -1/2 added: A^T, G, B^T.
TWO = (
    [[1, 1, 1, 0], [0, 1, -1, -1]],
    [[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]],
    [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]],
)
FOUR = (
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
    [[1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6],
     [1 / 24, 1 / 12, 1 / 6], [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]],
    [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
     [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]],
)  # fmt: skip
SIX = (
    [[1, 1, 1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 1 / 2, -1 / 2, 0],
     [0, 1, 1, 4, 4, 1 / 4, 1 / 4, 0], [0, 1, -1, 8, -8, 1 / 8, -1 / 8, 0],
     [0, 1, 1, 16, 16, 1 / 16, 1 / 16, 0], [0, 1, -1, 32, -32, 1 / 32, -1 / 32, 1]],
    [[1, 0, 0], [-2 / 9, -2 / 9, -2 / 9], [-2 / 9, 2 / 9, -2 / 9], [1 / 90, 1 / 45, 2 / 45],
     [1 / 90, -1 / 45, 2 / 45], [32 / 45, 16 / 45, 8 / 45], [32 / 45, -16 / 45, 8 / 45], [0, 0, 1]],
    [[1, 0, -21 / 4, 0, 21 / 4, 0, -1, 0], [0, 1, 1, -17 / 4, -17 / 4, 1, 1, 0],
     [0, -1, 1, 17 / 4, -17 / 4, -1, 1, 0], [0, 1 / 2, 1 / 4, -5 / 2, -5 / 4, 2, 1, 0],
     [0, -1 / 2, 1 / 4, 5 / 2, -5 / 4, -2, 1, 0], [0, 2, 4, -5 / 2, -5, 1 / 2, 1, 0],
     [0, -2, 4, 5 / 2, -5, -1 / 2, 1, 0], [0, -1, 0, 21 / 4, 0, -21 / 4, 0, 1]],
)  # fmt: skip
TILES = [TWO, FOUR, SIX]


def winograd(x, w, b, padding, tile, depthwise: bool, dtype=np.float32):
    """Every transform and product in `dtype`, tile by tile."""
    A, G, B = (np.array(m, np.float64).astype(dtype) for m in tile)
    m, D_G = len(A), (x.shape[1] + sum(padding[:2]) - 2, x.shape[2] + sum(padding[2:]) - 2)
    more = [-(-side // m) * m - side for side in D_G]
    top, bottom, left, right = padding
    framed = np.pad(x, ((0, 0), (top, bottom + more[0]), (left, right + more[1]), (0, 0)))
    tiles = patches(framed, (m + 2, m + 2), m, 1, "valid").astype(dtype)  # (B, R, C, i, j, M)
    V = np.einsum("pi,zrcijm,qj->zrcpqm", B, tiles, B)
    U = np.einsum("pi,ijmn,qj->pqmn", G, w.astype(dtype), G)
    made = "zrcpqm,pqmn->zrcpqmn" if depthwise else "zrcpqm,pqmn->zrcpqn"
    Y = np.einsum("ip,zrcpq...,jq->zricj...", A, np.einsum(made, V, U), A)
    assert Y.dtype == dtype
    Y = Y.reshape(len(x), Y.shape[1] * m, Y.shape[3] * m, -1)[:, : D_G[0], : D_G[1]]
    return Y + (0 if b is None else b.astype(dtype))


def by_fft(x, w, b, padding, dilation, depthwise: bool, dtype=np.float32):
    top, bottom, left, right = padding
    framed = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0))).astype(dtype)
    kernel = np.zeros(((w.shape[0] - 1) * dilation + 1, (w.shape[1] - 1) * dilation + 1,
                       *w.shape[2:]), dtype)  # fmt: skip
    kernel[::dilation, ::dilation] = w
    sides = [a + k - 1 for a, k in zip(framed.shape[1:3], kernel.shape[:2], strict=True)]
    sides = [1 << (side - 1).bit_length() for side in sides]
    X = scipy.fft.rfft2(framed, sides, axes=(1, 2))
    W = scipy.fft.rfft2(kernel[::-1, ::-1], sides, axes=(0, 1))
    Z = X[..., None] * W if depthwise else np.einsum("zrcm,rcmn->zrcn", X, W)
    assert Z.dtype == np.result_type(dtype, np.complex64)
    y = scipy.fft.irfft2(Z, sides, axes=(1, 2))
    rows, columns = (k - 1 for k in kernel.shape[:2])
    y = y[:, rows : framed.shape[1], columns : framed.shape[2]]
    return y.reshape(*y.shape[:3], -1) + (0 if b is None else b.astype(dtype))


def case(data: str, seed: int, op: str, *, M: int = 6, dilation: int = 1):
    rng = np.random.default_rng(seed)
    make, padding = DATA[data], (1, 0, 2, 1)
    attrs = {"conv2d": ConvAttrs, "depthwise_conv2d": DepthwiseAttrs}[op]
    w = (3, 3, M, 5 if op == "conv2d" else 2)
    params = {"weight": w, "bias": (5 if op == "conv2d" else 2 * M,)}
    layer = Layer("c", op, ("x",), attrs(padding, dilation=dilation), params)
    tensors = {f"c.{k}": make(rng, shape).astype(np.float32) for k, shape in params.items()}
    return layer, make(rng, (2, 13, 10, M)).astype(np.float32), tensors, padding


OPS = pytest.mark.parametrize("op", ["conv2d", "depthwise_conv2d"])
ANY_DATA = pytest.mark.parametrize(
    "data", ["normal", "cancelling", "positive", "subnormal", "half_wide", "zero"]
)


def test_the_constants_are_those_of_the_matrices():
    """And the matrices are right: each computes a correlation of 3 taps."""
    rng = np.random.default_rng(0)
    amplified, rows = [], []
    for tile in TILES:
        A, G, B = (np.array(m, np.float64) for m in tile)
        d, g = rng.integers(-9, 9, len(B)), rng.integers(-9, 9, 3)
        assert np.allclose(A @ ((G @ g) * (B @ d)), np.correlate(d, g, "valid"), rtol=0, atol=1e-9)
        sums = [abs(m).sum(axis=1) for m in (A, G, B)]
        amplified.append((abs(A) @ (sums[1] * sums[2])).max())
        rows.append([s.max() for s in sums])
        assert len(B) <= POINTS
    assert np.allclose(amplified, [8, 48, 203 / 3], rtol=1e-15)
    assert max(amplified) <= AMPLIFIED * (1 + 1e-15)
    assert (np.max(rows, axis=0) <= [A_ROW, G_ROW, B_ROW]).all()


@OPS
@ANY_DATA
@pytest.mark.parametrize("tile", TILES, ids=["F(2,3)", "F(4,3)", "F(6,3)"])
def test_no_winograd_convolution_leaves_its_bound(tile, data, op):
    layer, x, tensors, padding = case(data, 0, op)
    found = winograd(x, *tensors.values(), padding, tile, op != "conv2d")
    value = step(layer, [Value.given(x)], tensors, Arithmetic(algorithm="winograd"))
    assert np.isfinite(value.error).all()
    assert ratio(found, value.exact, value.error) <= 1


@OPS
@ANY_DATA
@pytest.mark.parametrize("dilation", [1, 2])
def test_no_convolution_by_fft_leaves_its_bound(data, op, dilation):
    layer, x, tensors, padding = case(data, 0, op, dilation=dilation)
    found = by_fft(x, *tensors.values(), padding, dilation, op != "conv2d")
    value = step(layer, [Value.given(x)], tensors, Arithmetic(algorithm="fft"))
    assert np.isfinite(value.error).all()
    assert ratio(found, value.exact, value.error) <= 1


@pytest.mark.parametrize("algorithm", ["winograd", "fft"])
def test_a_fast_algorithm_that_calls_itself_direct_is_found_out(algorithm):
    """A map that is large in one corner and small elsewhere: a direct sum keeps the small outputs
    to their own scale, transforms spread the large one's rounding over them."""
    layer, x, tensors, padding = case("normal", 1, "conv2d", M=2)
    x = x * np.float32(2.0**-12)
    x[:, 0, 0] = 2.0**12
    args = (x, *tensors.values(), padding)
    found = (
        winograd(*args, FOUR, False) if algorithm == "winograd" else by_fft(*args, 1, False)
    )  # fmt: skip
    value = step(layer, [Value.given(x)], tensors, Arithmetic())
    assert ratio(found, value.exact, value.error) > 10
    assert ratio(Simulated(Arithmetic()).conv2d(x, *tensors.values(), padding=padding),
                 value.exact, value.error) <= 1  # fmt: skip
    declared = bound(layer, [x], tensors, Arithmetic(algorithm=algorithm))
    assert ratio(found, value.exact, declared) <= 1


def test_the_last_transform_s_error_is_that_of_the_whole_map():
    """||x * w||_2 reaches ||x||_2 ||w||_1 on a constant map, D_K times ||x||_2 ||w||_2: a bound
    in the latter would be too small by as much for the inverse transform."""
    x, w = np.ones((64, 64)), np.ones((3, 3))
    y = scipy.fft.irfft2(scipy.fft.rfft2(x, (128, 128)) * scipy.fft.rfft2(w, (128, 128)))
    size = np.linalg.norm(y)
    assert size > 2.9 * np.linalg.norm(x) * np.linalg.norm(w)
    assert size <= np.linalg.norm(x) * w.sum()


@pytest.mark.parametrize("change", [{"stride": 2}, {"dilation": 2}])
def test_a_convolution_that_winograd_does_not_serve_has_the_direct_bound(change):
    layer = Layer("c", "conv2d", ("x",), ConvAttrs("same", **change), {"weight": (3, 3, 2, 2)})
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((1, 7, 7, 2)), {"c.weight": rng.standard_normal((3, 3, 2, 2))}
    direct, fast = (bound(layer, [x], w, Arithmetic(algorithm=a)) for a in ("direct", "winograd"))
    assert np.array_equal(direct, fast)


def test_winograd_in_float16_is_promised_nothing_once_its_transforms_may_overflow():
    """B^T x B is up to 100 x for F(4, 3): 9000 becomes 9e5, and infinity less infinity NaN."""
    layer, _, tensors, padding = case("positive", 0, "conv2d", M=1)
    x = np.random.default_rng(0).choice([-9000.0, 9000.0], (1, 12, 12, 1))
    half = Arithmetic(storage="float16", accumulate="float16", algorithm="winograd")
    with np.errstate(all="ignore"):
        found = winograd(x, *tensors.values(), padding, FOUR, False, np.float16)
    assert not np.isfinite(found).all()
    assert np.isinf(bound(layer, [x], tensors, half)).all()
