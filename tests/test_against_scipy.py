"""What SciPy can do of a convolution: stride 1, no dilation, one channel at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate

from refnet import definition, ops


@given(
    st.permutations(range(2, 9)),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=60)
def test_convolutions_equal_correlate_over_the_channels(sizes, D_Ky, D_Kx, seed):
    H, W, M, N = sizes[:4]
    rng = np.random.default_rng(seed)
    x, w = rng.integers(-9, 10, (1, H, W, M)), rng.integers(-9, 10, (D_Ky, D_Kx, M, N))
    # SciPy's "full" pads by D_K - 1 on every side.
    full = (D_Ky - 1, D_Ky - 1, D_Kx - 1, D_Kx - 1)
    expected = np.stack(
        [
            np.stack([correlate(x[0, :, :, m], w[:, :, m, n]) for m in range(M)], axis=-1)
            for n in range(N)
        ],
        axis=-1,
    )  # rows, columns, M, N
    assert np.array_equal(ops.conv2d(x, w, padding=full)[0], expected.sum(axis=2))
    depthwise = ops.depthwise_conv2d(x, w, padding=full)
    assert np.array_equal(depthwise[0], expected.reshape(*expected.shape[:2], M * N))
    if D_Ky <= H and D_Kx <= W:
        valid = expected[D_Ky - 1 : H, D_Kx - 1 : W]
        assert np.array_equal(ops.conv2d(x, w, padding="valid")[0], valid.sum(axis=2))


@pytest.mark.parametrize("module", [definition, ops], ids=["definition", "ops"])
def test_odd_kernels_under_same_padding_equal_correlates_same(module):
    rng = np.random.default_rng(0)
    x, w = rng.integers(-9, 10, (1, 6, 7, 1)), rng.integers(-9, 10, (3, 5, 1, 1))
    expected = correlate(x[0, :, :, 0], w[:, :, 0, 0], mode="same")
    assert np.array_equal(module.conv2d(x, w, padding="same")[0, :, :, 0], expected)
