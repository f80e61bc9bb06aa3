"""A kernel of rank 1 is a column and a row: exact on integers, the best fit on all others."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from refnet import ops
from refnet.separability import (
    GAUSSIAN,
    LAPLACIAN,
    PREWITT_X,
    PREWITT_Y,
    SOBEL_X,
    SOBEL_Y,
    closest,
    correlate,
    rank,
    split,
)
from tests.shapes import conv_cases, fractions

SEEDS = st.integers(0, 2**32 - 1)
VECTORS = st.lists(st.integers(-99, 99), min_size=1, max_size=5).filter(any)


def svd_allowance(rows: int, columns: int) -> float:
    """How far a matrix may lie from its decomposition in float64, relative to its own norm.

    LAPACK's driver finds the singular values and vectors of a matrix within p epsilon |A|_2 of A,
    vectors off by p epsilon, p growing modestly with the size (LAPACK Users' Guide, section 4.9;
    taken as the longer side, as numpy.linalg.matrix_rank does). That is three p epsilon for u,
    values and vt put together, one more for the roundings of putting them together, and sqrt(p)
    from the spectral to the Frobenius norm.
    """
    p = max(rows, columns)
    return 4 * p * math.sqrt(p) * 2.0**-52


@pytest.mark.parametrize(
    ("kernel", "column", "row"),
    [
        (SOBEL_X, [1, 2, 1], [-1, 0, 1]),
        (SOBEL_Y, [1, 0, -1], [1, 2, 1]),
        (PREWITT_X, [1, 1, 1], [-1, 0, 1]),
        (PREWITT_Y, [1, 0, -1], [1, 1, 1]),
        (GAUSSIAN, [1, 2, 1], [1, 2, 1]),
    ],
)
def test_the_classical_kernels_split_as_the_books_print_them(kernel, column, row):
    found = split(kernel)
    assert [half.tolist() for half in found] == [column, row]
    assert rank(kernel) == 1
    assert np.array_equal(np.outer(*found), kernel)


# Rank.


@given(SEEDS, st.integers(1, 5), st.integers(1, 5), st.integers(0, 5))
def test_the_rank_of_integers_is_the_number_of_pivots_they_were_made_with(seed, rows, columns, r):
    """L D U, L and U triangular with ones on the diagonal (so invertible), D with r ones."""
    rng = np.random.default_rng(seed)
    r = min(r, rows, columns)
    lower = np.tril(rng.integers(-9, 10, (rows, rows)), -1) + np.eye(rows, dtype=int)
    upper = np.triu(rng.integers(-9, 10, (columns, columns)), 1) + np.eye(columns, dtype=int)
    diagonal = np.zeros((rows, columns), int)
    diagonal[range(r), range(r)] = 1
    kernel = lower @ diagonal @ upper
    shuffled = rng.permutation(rng.permutation(kernel), axis=1)
    for numbers in (shuffled, fractions(shuffled) / 7, shuffled.astype(np.int32).astype(object)):
        assert rank(numbers) == r


def test_the_rank_of_integers_is_seen_where_floats_are_blind():
    """The determinant is 10^18 - (10^18 - 1) = 1; in float64 the small singular value is lost."""
    kernel = np.array([[10**9, 10**9 + 1], [10**9 - 1, 10**9]])
    assert (rank(kernel), rank(kernel.astype(float))) == (2, 1)


@given(SEEDS, st.integers(1, 5), st.integers(1, 5), st.integers(1, 5))
def test_the_rank_of_floats_is_numpys(seed, rows, columns, r):
    rng = np.random.default_rng(seed)
    kernel = rng.standard_normal((rows, r)) @ rng.standard_normal((r, columns))
    assert rank(kernel) == np.linalg.matrix_rank(kernel)


@given(SEEDS, st.integers(2, 5), st.integers(2, 5))
def test_rounding_to_float32_is_no_rank(seed, rows, columns):
    """It moves an outer product by at most epsilon / 2 of its norm, which is its one singular
    value; the others become at most that. Epsilon is float32's: float64's would count them."""
    rng = np.random.default_rng(seed)
    kernel = np.outer(rng.standard_normal(rows), rng.standard_normal(columns))
    assert rank(kernel.astype(np.float32)) == 1
    assert rank(kernel.astype(np.float32).astype(np.float64)) > 1


@given(VECTORS, VECTORS, VECTORS, VECTORS)
def test_two_outer_products_add_up_to_rank_2_unless_a_pair_is_parallel(a, b, c, d):
    assert rank(np.outer(a, b)) == 1
    assume(len(a) == len(c) and len(b) == len(d))
    parallel = any(
        all(p[i] * q[j] == p[j] * q[i] for i in range(len(p)) for j in range(i))
        for p, q in ((a, c), (b, d))
    )
    assert (rank(np.outer(a, b) + np.outer(c, d)) == 2) == (not parallel)


# Splitting.


@given(VECTORS, VECTORS, st.integers(1, 9))
def test_splitting_undoes_the_outer_product_and_the_row_is_primitive(a, b, denominator):
    kernel = np.outer(a, b)
    column, row = split(kernel)
    assert np.array_equal(np.outer(column, row), kernel)
    assert math.gcd(*row.tolist()) == 1
    assert next(value for value in column.tolist() if value) > 0
    exact = fractions(kernel) / denominator
    parts = split(exact)
    assert (np.outer(*parts) == exact).all()
    assert all(isinstance(value, Fraction) for value in parts[0])
    assert np.array_equal(parts[1], row)


@pytest.mark.parametrize("dtype", [int, float, object])
def test_a_kernel_of_zeros_has_rank_0_and_splits_into_zeros(dtype):
    kernel = np.zeros((3, 2), dtype)
    assert rank(kernel) == 0
    assert not any(half.any() for half in split(kernel))
    assert [half.size for half in split(kernel)] == [3, 2]


def test_numbers_at_the_edge_of_their_type_do_not_wrap():
    assert [half.tolist() for half in split(np.array([[-128]], np.int8))] == [[128], [-1]]
    a, b, c, d = 2**62 + 1, 2**61 - 1, 3**39, 5**26  # each an int64, their products are not
    wide = np.array([[np.int64(a), np.int64(b)], [np.int64(c), np.int64(d)]], object)
    assert a * d != b * c
    assert rank(wide) == 2


@given(SEEDS, st.integers(1, 5), st.integers(1, 5))
def test_the_closest_split_is_as_far_as_it_says_and_no_neighbour_is_nearer(seed, rows, columns):
    """Eckart and Young. A fit that were not the best would be improved by half the neighbours."""
    rng = np.random.default_rng(seed)
    kernel = rng.standard_normal((rows, columns))
    column, row, error = closest(kernel)
    allowance = svd_allowance(rows, columns) * np.linalg.norm(kernel)
    assert abs(np.linalg.norm(kernel - np.outer(column, row)) - error) <= 2 * allowance
    assert column[abs(column).argmax()] > 0
    for _ in range(20):
        near = column + 1e-3 * rng.standard_normal(rows), row + 1e-3 * rng.standard_normal(columns)
        assert np.linalg.norm(kernel - np.outer(*near)) >= error - 2 * allowance


def test_the_laplacian_does_not_split_and_misses_by_sqrt_6_minus_2():
    """It is symmetric with eigenvalues 0 and -2 +- sqrt(6): the smaller in size is left over."""
    with pytest.raises(ValueError, match=r"rank 2.*closest"):
        split(LAPLACIAN)
    assert abs(closest(LAPLACIAN)[2] - (math.sqrt(6) - 2)) <= svd_allowance(3, 3) * math.sqrt(20)


@given(conv_cases(), SEEDS)
@settings(max_examples=60)
def test_a_column_then_a_row_convolve_as_their_kernel_does(case, seed):
    """Under any stride, dilation and padding: each half takes those of its own axis."""
    rng = np.random.default_rng(seed)
    column, row = (rng.integers(-9, 10, length) for length in case.w[:2])
    x = rng.integers(-9, 10, (*case.x[:3], 1))
    padding = case.keywords["padding"]
    s, d = (
        (pair, pair) if isinstance(pair, int) else pair
        for pair in (case.keywords["stride"], case.keywords["dilation"])
    )
    first, second = padding, padding
    if not isinstance(padding, str):
        first, second = (*padding[:2], 0, 0), (0, 0, *padding[2:])
    try:
        whole = ops.conv2d(
            x, np.outer(column, row)[:, :, None, None], padding=padding, stride=s, dilation=d
        )
    except ValueError:
        assume(False)
    tall = ops.conv2d(
        x, column[:, None, None, None], padding=first, stride=(s[0], 1), dilation=(d[0], 1)
    )
    both = ops.conv2d(
        tall, row[None, :, None, None], padding=second, stride=(1, s[1]), dilation=(1, d[1])
    )
    assert np.array_equal(both, whole)
    if padding == "valid" and s == d == (1, 1):
        assert np.array_equal(correlate(x[0, :, :, 0], column, row), whole[0, :, :, 0])


# What every convolution does, and a separable one with it.


@given(conv_cases(), SEEDS, st.integers(-9, 9), st.integers(-9, 9))
@settings(max_examples=40)
def test_a_convolution_is_linear_in_the_image_and_in_the_kernel(case, seed, a, b):
    (x, w, *_), rng = case.integers(), np.random.default_rng(seed)
    z, v = rng.integers(-9, 10, x.shape), rng.integers(-9, 10, w.shape)
    try:
        y = ops.conv2d(x, w, **case.keywords)
    except ValueError:
        assume(False)
    together = ops.conv2d(a * x + b * z, w, **case.keywords)
    assert np.array_equal(together, a * y + b * ops.conv2d(z, w, **case.keywords))
    together = ops.conv2d(x, a * w + b * v, **case.keywords)
    assert np.array_equal(together, a * y + b * ops.conv2d(x, v, **case.keywords))


@given(SEEDS, st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
def test_a_shifted_image_has_a_shifted_response_where_nothing_is_padded(seed, stride, down, right):
    """With a stride, shifts by whole strides; others give another grid of pixels."""
    rng = np.random.default_rng(seed)
    x, w = rng.integers(-9, 10, (1, 13, 14, 2)), rng.integers(-9, 10, (3, 2, 2, 3))
    whole = ops.conv2d(x, w, padding="valid", stride=stride)
    shifted = ops.conv2d(x[:, down * stride :, right * stride :], w, padding="valid", stride=stride)
    assert np.array_equal(shifted, whole[:, down:, right:])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rank(np.zeros(3)), r"kernel: 1 axes \(3,\), expected \(D_K, D_K\)"),
        (lambda: rank(np.zeros((0, 3))), r"kernel: an axis of no elements \(0, 3\)"),
        (lambda: rank(np.array([[np.nan]])), "kernel: NaN or infinity"),
        (lambda: rank(np.array([[1j]])), "kernel: complex128 numbers"),
        (lambda: rank(np.array([[0.5]], object)), "kernel: 0.5 in it, expected integers"),
    ],
)
def test_a_mistake_is_answered_by_what_came_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()
