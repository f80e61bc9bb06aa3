"""A standard convolution is a sum of depthwise separable ones; a separable one is standard."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from refnet import definition, load, ops
from refnet.channel_separability import (
    as_standard,
    compose,
    depthwise_terms,
    full_terms,
    separate,
    separation_errors,
    separation_macs,
    terms_that_pay,
)
from refnet.separability import rank
from tests.shapes import depthwise_cases, fractions
from tests.test_separability import svd_allowance

SEEDS = st.integers(0, 2**32 - 1)
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 6))


def allowance(shape: tuple[int, ...]) -> float:
    """Every channel's matrix is off by that much of its norm, so the kernel by that of its own."""
    return svd_allowance(math.prod(shape[:2]), shape[3])


def norm(values: np.ndarray) -> float:
    """Frobenius, the sum exact: the numbers compared may be as small as a rounding."""
    return math.sqrt(sum(Fraction(value) ** 2 for value in values.ravel().tolist()))


def distance(w: np.ndarray, depthwise: np.ndarray, pointwise: np.ndarray) -> float:
    """|w - compose(...)| / |w|, all of it exact but the root."""
    return norm(compose(*map(fractions, (depthwise, pointwise))) - fractions(w)) / norm(w)


# A separable convolution is a standard one.


@given(depthwise_cases(), st.integers(1, 4))
@settings(max_examples=100)
def test_a_separable_convolution_is_the_standard_one_with_the_composed_kernel(case, N):
    (x, w, *_), rng = case.integers(), np.random.default_rng(case.seed)
    v = rng.integers(-9, 10, (1, 1, case.filters, N))
    try:
        separable = ops.separable_conv2d(x, w, v, **case.keywords)
    except ValueError:
        assume(False)
    assert np.array_equal(separable, ops.conv2d(x, compose(w, v), **case.keywords))
    exact = compose(fractions(w) / 7, fractions(v) / 3)  # Fractions stay Fractions
    assert (exact * 21 == compose(w, v)).all()


@given(depthwise_cases(), st.integers(1, 4))
def test_every_channel_of_a_composed_kernel_has_at_most_the_multipliers_rank(case, N):
    _, w, *_ = case.integers()
    v = np.random.default_rng(case.seed).integers(-9, 10, (1, 1, case.filters, N))
    composed, multiplier = compose(w, v), w.shape[3]
    for m in range(w.shape[2]):
        assert rank(composed[:, :, m].reshape(-1, N)) <= multiplier
    r = min(multiplier, full_terms(composed.shape))
    assert separation_errors(composed)[r] <= allowance(composed.shape)


@given(depthwise_cases())
@settings(max_examples=60)
def test_a_depthwise_convolution_is_a_standard_one_of_zeros_at_m_times_the_macs(case):
    x, w, *_ = case.integers()
    thin, full = definition.Tally(), definition.Tally()
    try:
        y = definition.depthwise_conv2d(x, w, **case.keywords, tally=thin)
    except ValueError:
        assume(False)
    assert np.array_equal(definition.conv2d(x, as_standard(w), **case.keywords, tally=full), y)
    assert full.macs == w.shape[2] * thin.macs
    assert np.count_nonzero(as_standard(w)) == np.count_nonzero(w)
    assert as_standard(w).size == w.shape[2] * w.size
    identity = np.eye(case.filters, dtype=int)[None, None]  # combining nothing with nothing
    assert np.array_equal(compose(w, identity), as_standard(w))


# A standard convolution is a sum of separable ones.


def check_all_terms_convolve_alike(x: np.ndarray, w: np.ndarray, **keywords: Any) -> None:
    """|y - y*| <= gamma_n sep(|x|, |d|, |p|) + conv(|x|, |compose(d, p) - w|), n = D_K^2 + M R.

    The first part is the rounding of the D_K^2 products and sums of the depthwise half and the
    M R of the pointwise half (as in test_twins), the second what the decomposition itself has
    lost, which `svd_allowance` bounds. Everything but y in Fractions.
    """
    d, p = separate(w)
    y = ops.separable_conv2d(x, d, p, **keywords)
    exact_x, exact_w, exact_d, exact_p = map(fractions, (x, w, d, p))
    lost = compose(exact_d, exact_p) - exact_w
    assert norm(lost) <= allowance(w.shape) * norm(w)
    n = d.shape[0] * d.shape[1] + p.shape[2]
    gamma = Fraction(n, 2**53 - n)
    bound = gamma * ops.separable_conv2d(abs(exact_x), abs(exact_d), abs(exact_p), **keywords)
    bound = bound + ops.conv2d(abs(exact_x), abs(lost), **keywords)
    assert (abs(fractions(y) - ops.conv2d(exact_x, exact_w, **keywords)) <= bound).all()


@given(SHAPES, SEEDS, st.sampled_from(["same", "valid", (1, 0, 2, 1)]), st.integers(1, 3))
@settings(max_examples=40)
def test_all_terms_together_are_the_standard_convolution(shape, seed, padding, stride):
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal((1, 4, 5, shape[2])), rng.standard_normal(shape)
    check_all_terms_convolve_alike(x, w, padding=padding, stride=stride)


@given(SHAPES, SEEDS)
@settings(max_examples=60)
def test_the_error_at_r_terms_is_the_singular_values_left_out(shape, seed):
    """Both the kernel's own decomposition and the values summed are off by the allowance."""
    w = np.random.default_rng(seed).standard_normal(shape)
    errors = separation_errors(w)
    assert errors.shape == (full_terms(shape) + 1,)
    assert (errors[0], errors[-1]) == (1, 0)
    for r in range(1, full_terms(shape) + 1):
        depthwise, pointwise = separate(w, r)
        assert depthwise.shape == (*shape[:3], r)
        assert pointwise.shape == (1, 1, shape[2] * r, shape[3])
        assert abs(distance(w, depthwise, pointwise) - errors[r]) <= 2 * allowance(shape)


@given(SHAPES, SEEDS, st.data())
@settings(max_examples=40)
def test_no_neighbour_of_the_same_shapes_is_nearer(shape, seed, data):
    """Eckart and Young, channel by channel. Were it not the best, half of them would be."""
    rng = np.random.default_rng(seed)
    w, r = rng.standard_normal(shape), data.draw(st.integers(1, full_terms(shape)))
    depthwise, pointwise = separate(w, r)
    for _ in range(5):
        near = [half + 1e-3 * rng.standard_normal(half.shape) for half in (depthwise, pointwise)]
        assert distance(w, *near) >= separation_errors(w)[r] - 2 * allowance(shape)


def check_errors(errors: np.ndarray) -> None:
    """Never rising, from 1 to 0; r of R terms, the strongest, have at least r / R of the energy."""
    R = len(errors) - 1
    assert (errors[0], errors[-1]) == (1, 0)
    assert (np.diff(errors) <= 0).all()
    rounding = (R + 4) * 2.0**-52  # of a sum of R squares, a quotient, a root and its square
    assert (errors**2 <= 1 - np.arange(R + 1) / R + rounding).all()


@given(SHAPES, SEEDS)
def test_errors_never_rise_and_r_terms_have_their_share_of_the_energy(shape, seed):
    check_errors(separation_errors(np.random.default_rng(seed).standard_normal(shape)))
    assert not separation_errors(np.zeros(shape)).any()


@given(SHAPES, SEEDS)
@settings(max_examples=30)
def test_the_terms_add_up_to_the_convolution_with_as_many_filters_a_channel(shape, seed):
    w = np.random.default_rng(seed).standard_normal(shape)
    pairs = [tuple(map(fractions, pair)) for pair in depthwise_terms(w)]
    assert len(pairs) == full_terms(shape)
    whole = compose(*map(fractions, separate(w)))
    assert (sum(compose(*pair) for pair in pairs) == whole).all()
    for r in range(1, len(pairs) + 1):  # fewer terms are the first of them, not others
        first = compose(*map(fractions, separate(w, r)))
        assert (sum(compose(*pair) for pair in pairs[:r]) == first).all()


@given(SHAPES, SEEDS)
def test_a_channels_filters_are_orthonormal(shape, seed):
    depthwise, _ = separate(np.random.default_rng(seed).standard_normal(shape))
    for m in range(shape[2]):
        filters = depthwise[:, :, m].reshape(math.prod(shape[:2]), -1)
        gram = filters.T @ filters
        assert np.linalg.norm(gram - np.eye(len(gram))) <= 2 * allowance(shape)


# What it costs.


@given(SHAPES, st.data())
@settings(max_examples=30)
def test_the_cost_is_what_the_loops_execute_for_each_pixel(shape, data):
    r = data.draw(st.integers(1, full_terms(shape)))
    x, w = np.ones((1, 4, 5, shape[2]), int), np.ones(shape)
    separable, standard = definition.Tally(), definition.Tally()
    definition.conv2d(x, w, padding="valid", tally=standard)
    y = definition.separable_conv2d(x, *separate(w, r), padding="valid", tally=separable)
    pixels = y[..., 0].size
    assert separable.macs == pixels * separation_macs(shape, r)
    cheaper = separable.macs < standard.macs
    assert cheaper == (r <= terms_that_pay(shape))


@given(SHAPES)
def test_all_the_terms_never_pay(shape):
    assert 0 <= terms_that_pay(shape) < full_terms(shape)
    standard = math.prod(shape)
    assert separation_macs(shape, full_terms(shape)) > standard


# The real first layers.


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_the_real_first_layers_are_nine_separable_convolutions_each(model):
    checkpoint = load(model).fold()
    layer, w = checkpoint.network["stem"], checkpoint.tensors["stem.weight"]
    assert w.shape == (3, 3, 3, 32)
    errors = separation_errors(w)
    check_errors(errors)
    for r in (1, 7):
        assert abs(distance(w, *separate(w, r)) - errors[r]) <= 2 * allowance(w.shape)
    x = np.random.default_rng(0).uniform(-1, 1, (1, 6, 6, 3))
    assert layer.attrs.groups == 1  # separable_conv2d has no such keyword
    check_all_terms_convolve_alike(x, w, padding=layer.attrs.padding, stride=layer.attrs.stride)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: separate(np.zeros((3, 3, 2))), r"kernel: 3 axes \(3, 3, 2\), expected \(D_K"),
        (lambda: separate(np.zeros((3, 3, 2, 0))), "kernel: an axis of no elements"),
        (lambda: separate(np.full((1, 1, 1, 1), np.inf)), "kernel: NaN or infinity"),
        (lambda: separate(np.zeros((1, 1, 1, 1), complex)), "kernel: complex128 numbers"),
        (lambda: separate(np.ones((2, 2, 1, 3)), 4), "terms: 4, expected 1 to 3 for kernel"),
        (lambda: separate(np.ones((2, 2, 1, 3)), 0), "terms: 0, expected a whole number"),
        (
            lambda: compose(np.ones((3, 3, 2, 2)), np.ones((1, 1, 3, 5))),
            r"pointwise: shape \(1, 1, 3, 5\), expected \(1, 1, 4, N\)",
        ),
        (lambda: as_standard(np.ones((3, 3))), r"depthwise: 2 axes \(3, 3\)"),
    ],
)
def test_a_mistake_is_answered_by_what_came_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()
