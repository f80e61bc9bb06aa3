"""`ops` computes what `definition` says: bit for bit on integers, within the bound on floats.

The bound. A sum of K products and a bias, in floating point and in any order, carries at most
K + 1 roundings on any of its terms: one for the product, K - 1 for the additions that are
inexact, one for the bias. So |y - y*| <= gamma_{K+1} (sum |w||x| + |b|), where gamma_n =
n u / (1 - n u) (Higham, Accuracy and Stability, section 3.1). Here y* and the sum are exact:
`definition` computes them in Fractions.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from refnet import definition, ops
from tests.shapes import SIDES, Case, conv_cases, depthwise_cases, fractions, maps

UNIT = {np.float64: Fraction(1, 2**53), np.float32: Fraction(1, 2**24)}


def both_or_neither(name: str, case: Case, arrays: tuple[np.ndarray, ...]):
    """The two answers; where one of them refuses the shape, the other must refuse it too."""
    try:
        expected = getattr(definition, name)(*arrays, **case.keywords)
    except ValueError:
        with pytest.raises(ValueError, match="kernel"):
            getattr(ops, name)(*arrays, **case.keywords)
        return None
    return expected, getattr(ops, name)(*arrays, **case.keywords)


def check_integers(name: str, case: Case) -> None:
    for dtype in (np.int64, np.float32, object):
        answers = both_or_neither(name, case, case.integers(dtype))
        if answers is None:
            return
        expected, found = answers
        assert found.dtype == expected.dtype == np.dtype(dtype)
        assert found.shape == expected.shape
        assert np.array_equal(found, expected)


def check_floats(name: str, case: Case, terms: int) -> None:
    for dtype, u in UNIT.items():
        arrays = case.floats(dtype)
        answers = both_or_neither(name, case, arrays)
        if answers is None:
            return
        exact = getattr(definition, name)(*map(fractions, arrays), **case.keywords)
        size = getattr(definition, name)(*(fractions(abs(a)) for a in arrays), **case.keywords)
        n = terms + 1
        bound = size * (n * u / (1 - n * u))
        for answer in answers:
            assert answer.dtype == dtype
            assert (abs(fractions(answer) - exact) <= bound).all()


@given(conv_cases())
@settings(max_examples=150)
def test_conv2d_is_its_definition_on_integers(case):
    check_integers("conv2d", case)


@given(depthwise_cases())
@settings(max_examples=150)
def test_depthwise_conv2d_is_its_definition_on_integers(case):
    check_integers("depthwise_conv2d", case)


@given(conv_cases())
@settings(max_examples=40)
def test_conv2d_is_within_the_bound_on_floats(case):
    check_floats("conv2d", case, terms=case.w[0] * case.w[1] * case.w[2])


@given(depthwise_cases())
@settings(max_examples=40)
def test_depthwise_conv2d_is_within_the_bound_on_floats(case):
    check_floats("depthwise_conv2d", case, terms=case.w[0] * case.w[1])


@given(conv_cases())
@settings(max_examples=60)
def test_pointwise_conv2d_is_its_definition_and_a_1x1_conv2d(case):
    x, w, *b = case.integers()
    w = w[:1, :1].repeat(case.keywords["groups"], axis=2)
    keywords = {"stride": case.keywords["stride"]}
    found = ops.pointwise_conv2d(x, w, *b, **keywords)
    assert np.array_equal(found, definition.pointwise_conv2d(x, w, *b, **keywords))
    assert np.array_equal(found, ops.conv2d(x, w, *b, padding="valid", **keywords))


@given(depthwise_cases(), st.sampled_from([None, "relu", "relu6"]), st.integers(1, 5))
@settings(max_examples=60)
def test_separable_conv2d_is_its_definition(case, activation, N):
    arrays = case.integers()
    x, w = arrays[:2]
    b = arrays[2] if case.biased else None
    rng = np.random.default_rng(case.seed)
    v, c = rng.integers(-9, 10, (1, 1, case.filters, N)), rng.integers(-9, 10, N)
    keywords = {**case.keywords, "activation": activation}
    try:
        expected = definition.separable_conv2d(x, w, v, b, c, **keywords)
    except ValueError:
        assume(False)
    assert np.array_equal(ops.separable_conv2d(x, w, v, b, c, **keywords), expected)


@given(st.integers(0, 3), st.integers(1, 6), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_dense_is_its_definition(B, M, N, seed):
    rng = np.random.default_rng(seed)
    x, w, b = (rng.integers(-9, 10, shape) for shape in ((B, M), (M, N), (N,)))
    assert np.array_equal(ops.dense(x, w, b), definition.dense(x, w, b))
    assert np.array_equal(ops.dense(x, w), definition.dense(x, w))


@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_batch_norm_is_its_definition(rows, M, seed):
    """Each side rounds at most 7 times on any term: +epsilon, sqrt (counted twice, as the root
    halves the first), x - mean, * gamma, / root, + beta."""
    rng = np.random.default_rng(seed)
    x, gamma, beta, mean = (rng.standard_normal(s) for s in ((rows, M), M, M, M))
    variance = rng.uniform(0, 4, M)
    arguments = (x, gamma, beta, mean, variance)
    found = ops.batch_norm(*arguments, epsilon=1e-3)
    expected = definition.batch_norm(*arguments, epsilon=1e-3)
    size = abs(gamma) * (abs(x) + abs(mean)) / np.sqrt(variance + 1e-3) + abs(beta)
    assert (abs(found - expected) <= 2 * 8 * 2.0**-53 * size).all()


@given(st.lists(st.one_of(st.integers(-20, 20), st.floats(width=32)), min_size=1, max_size=9))
def test_activations_are_their_definitions_also_on_infinities_and_nan(values):
    x = np.array(values, np.float32)
    for name in ("relu", "relu6"):
        found, expected = getattr(ops, name)(x), getattr(definition, name)(x)
        assert np.array_equal(found, expected, equal_nan=True)
        assert np.array_equal(np.isnan(found), np.isnan(x))
        assert found.dtype == x.dtype


@given(st.integers(1, 3), st.integers(1, 8), st.floats(0, 1e4), st.integers(0, 2**32 - 1))
def test_softmax_is_its_definition_and_adds_up_to_one(B, N, scale, seed):
    """Each side, relatively: x - max is rounded by |x - max| u, which exp turns into a relative
    error of that size, at most 745 u where exp is not zero; 2 u for exp, N u for the sum, u for
    the quotient. A subnormal result is rounded absolutely."""
    x = np.random.default_rng(seed).uniform(-1, 1, (B, N)) * scale
    found, expected = ops.softmax(x), definition.softmax(x)
    assert np.allclose(found, expected, rtol=2 * (N + 6 + 745) * 2.0**-53, atol=1e-300)
    assert np.allclose(found.sum(axis=1), 1, rtol=(N + 4) * 2.0**-52, atol=0)


@given(conv_cases())
@settings(max_examples=60)
def test_pools_are_their_definitions_on_integers(case):
    (x, *_) = case.integers()
    assert np.array_equal(ops.global_average_pool(x), definition.global_average_pool(x))
    exact = fractions(x)
    assert np.array_equal(ops.global_average_pool(exact), definition.global_average_pool(exact))
    keywords = {k: case.keywords[k] for k in ("stride", "padding")}
    for include in (False, True):
        arguments = {**keywords, "include_padding": include}
        for values in (x, exact):
            try:
                expected = definition.average_pool(values, case.w[:2], **arguments)
            except ValueError:
                with pytest.raises(ValueError, match=r"kernel|padding"):
                    ops.average_pool(values, case.w[:2], **arguments)
                continue
            assert np.array_equal(ops.average_pool(values, case.w[:2], **arguments), expected)


@given(conv_cases())
@settings(max_examples=100)
def test_max_pool_is_its_definition_on_numbers_of_every_type(case):
    keywords = {k: case.keywords[k] for k in ("stride", "padding")}
    integers = case.integers()[0]
    for x in (integers, integers.astype(np.float32), fractions(integers) / 7):
        try:
            expected = definition.max_pool(x, case.w[:2], **keywords)
        except ValueError:
            with pytest.raises(ValueError, match=r"kernel|padding"):
                ops.max_pool(x, case.w[:2], **keywords)
            continue
        found = ops.max_pool(x, case.w[:2], **keywords)
        assert found.dtype == expected.dtype == x.dtype
        assert np.array_equal(found, expected)


@given(
    maps(),
    st.tuples(SIDES, SIDES),
    st.tuples(SIDES, SIDES),
    st.tuples(*[st.integers(0, 4)] * 4),
    st.integers(0, 2**32 - 1),
)
def test_max_pool_is_the_maximum_over_a_frame_of_minus_infinity(sizes, size, stride, edges, seed):
    """NumPy's own maximum, over NumPy's own windows: NaN wins, and padding never does."""
    B, H, W = sizes
    assume(H + sum(edges[:2]) >= size[0] and W + sum(edges[2:]) >= size[1])
    values = [np.nan, np.inf, -np.inf, -2.5, -1.0, 3.0]
    x = np.random.default_rng(seed).choice(values, (B, H, W, 2), p=[0.1, 0.1, 0.3, 0.2, 0.2, 0.1])

    def windows(of: np.ndarray, outside: float) -> np.ndarray:
        framed = np.pad(of, ((0, 0), edges[:2], edges[2:], (0, 0)), constant_values=outside)
        every = sliding_window_view(framed, size, axis=(1, 2))
        return every[:, :: stride[0], :: stride[1]].max(axis=(-2, -1))

    meets_the_map = windows(np.ones_like(x), 0).all()
    for module in (definition, ops):
        if meets_the_map:
            found = module.max_pool(x, size, stride=stride, padding=edges)
            assert np.array_equal(found, windows(x, -np.inf), equal_nan=True)
        else:
            with pytest.raises(ValueError, match="leaves a window with no element"):
                module.max_pool(x, size, stride=stride, padding=edges)


@given(
    maps(),
    st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from([np.int64, np.float32, object])),
        min_size=1, max_size=4,
    ),
    st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_concat_is_its_definition_and_keeps_every_map(sizes, parts, seed):
    rng = np.random.default_rng(seed)
    xs = [rng.integers(-9, 10, (*sizes, M)).astype(dtype) for M, dtype in parts]
    found, expected = ops.concat(*xs), definition.concat(*xs)
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)
    ends = np.cumsum([M for M, _ in parts])
    for x, end in zip(xs, ends, strict=True):
        assert np.array_equal(found[..., end - x.shape[3] : end], x)


@given(st.lists(st.integers(-99, 99), min_size=1), st.integers(-9, 9))
def test_add_is_its_definition(values, shift):
    x = np.array(values)
    assert np.array_equal(ops.add(x, x + shift), definition.add(x, x + shift))


def test_a_tap_on_the_padding_touches_nothing_not_even_a_weight_that_is_nan():
    w = np.ones((3, 3, 1, 1))
    w[0, 0] = np.nan  # meets the map only at output (1, 1)
    for module in (definition, ops):
        y = module.conv2d(np.ones((1, 2, 2, 1)), w, padding="same")[0, :, :, 0]
        assert np.isnan(y).tolist() == [[False, False], [False, True]]


NARROW = [np.int8, np.uint8, np.int16, np.float16, np.float32, np.int64]


@given(
    st.sampled_from(["conv2d", "depthwise_conv2d", "dense"]),
    st.sampled_from(NARROW),
    st.sampled_from(NARROW),
    st.sampled_from([None, np.int32, np.int64, np.float64]),
)
def test_mixed_number_types_meet_in_the_one_that_they_have_in_common(op, of_x, of_w, of_b):
    """Numbers up to 100, whose products leave int8 and, in float16, are rounded."""
    x, w = np.full((1, 2, 2, 2), 100, of_x), np.full((1, 2, 2, 1), 3, of_w)
    keywords = {"padding": "valid"}
    if op == "dense":
        x, w, keywords = x[0, 0], w[0, 0], {}
    filters = w.shape[2] * w.shape[3] if op == "depthwise_conv2d" else w.shape[-1]
    b = None if of_b is None else np.full(filters, 1000, of_b)
    with np.errstate(over="ignore"):
        expected = getattr(definition, op)(x, w, b, **keywords)
        found = getattr(ops, op)(x, w, b, **keywords)
    assert found.dtype == expected.dtype == np.result_type(*(a for a in (x, w, b) if a is not None))
    if found.dtype != np.float16:
        assert np.array_equal(found, expected)
    if of_b is not None and of_b != np.int32:
        sums = {"conv2d": 1200, "depthwise_conv2d": 600, "dense": 600}[op]
        assert np.all(found == sums + 1000)


@given(st.sampled_from([np.int8, np.uint8, np.int64, np.uint64, bool]), st.integers(0, 2**32 - 1))
def test_narrow_and_wide_integers_are_averaged_and_exponentiated_as_floats(dtype, seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2**62, (1, 3, 2, 2)).astype(dtype)
    for pool, keywords in (
        ("average_pool", {"size": 2, "padding": "same"}),
        ("global_average_pool", {}),
    ):
        found, expected = (getattr(m, pool)(x, **keywords) for m in (ops, definition))
        assert found.dtype == expected.dtype == np.float64
        assert np.allclose(found, expected, rtol=8 * 2.0**-53, atol=0)  # six terms, one quotient
    rows = x.reshape(3, 4)
    rtol = 2 * (10 + 745) * 2.0**-53  # as derived above
    assert np.allclose(ops.softmax(rows), definition.softmax(rows), rtol=rtol, atol=1e-300)
    assert np.array_equal(ops.softmax(rows), ops.softmax(rows.astype(np.float64)))
    for name in ("relu", "relu6"):
        found, expected = getattr(ops, name)(x), getattr(definition, name)(x)
        assert found.dtype == expected.dtype
        assert np.array_equal(found, expected)
