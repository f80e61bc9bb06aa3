"""Three routes to one count: the closed form, the loops' tally, a convolution of ones with ones.

The mutants at the end are tests of these tests: wrong formulas, each of which must be found out.
"""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from refnet.cost import formulas
from refnet.cost.formulas import (
    dense_macs,
    depthwise_macs,
    parameters,
    pointwise_macs,
    scaled,
    separable_macs,
    separable_ratio,
    separable_weights,
    standard_macs,
    standard_weights,
    taps,
)
from refnet.cost.routes import layer_macs_by_ones, layer_macs_by_tally
from refnet.cost.walk import layer_macs
from refnet.network import ConvAttrs, DepthwiseAttrs, Layer, PointwiseAttrs, output_shape
from tests.shapes import Case, conv_cases, depthwise_cases

COUNTINGS = ("all taps", "executed")
small = st.integers(1, 40)


def layer_of(case: Case) -> Layer | None:
    """The case as a layer, or None where its kernel does not fit its map."""
    depthwise = "groups" not in case.keywords
    attrs = (DepthwiseAttrs if depthwise else ConvAttrs)(**case.keywords)
    op = "depthwise_conv2d" if depthwise else "conv2d"
    layer = Layer("c", op, ("x",), attrs, {"weight": case.w})
    try:
        output_shape(layer, [case.x])
    except ValueError:
        return None
    return layer


@given(st.one_of(conv_cases(), depthwise_cases()), st.sampled_from(COUNTINGS))
@settings(max_examples=200)
def test_formula_tally_and_ones_agree(case, counting):
    layer = layer_of(case)
    if layer is not None:
        by_formula = layer_macs(layer, case.x, counting)
        assert by_formula == layer_macs_by_ones(layer, case.x, counting)
        assert by_formula == layer_macs_by_tally(layer, case.x, counting)


@given(small, small, st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
def test_a_pointwise_layer_costs_m_n_a_pixel_both_ways(M, N, rows, columns, stride):
    x = (1, rows, columns, M)
    layer = Layer("p", "pointwise_conv2d", ("x",), PointwiseAttrs(stride), {"weight": (1, 1, M, N)})
    pixels = -(-rows // stride) * -(-columns // stride)
    for counting in COUNTINGS:
        assert layer_macs(layer, x, counting) == M * N * pixels
        assert layer_macs_by_ones(layer, x, counting) == M * N * pixels


@given(small, small)
def test_a_dense_layer_costs_m_n(M, N):
    layer = Layer("d", "dense", ("x",), None, {"weight": (M, N)})
    assert layer_macs(layer, (1, M)) == layer_macs_by_ones(layer, (1, M)) == dense_macs(M, N)


@given(st.integers(1, 9), small, small, st.integers(1, 60), st.integers(1, 5))
def test_separable_ratio_is_one_over_n_plus_one_over_dk_squared(D_K, M, N, D_F, stride):
    separable = separable_macs(D_K, M, N, D_F, stride=stride)
    standard = standard_macs(D_K, M, N, D_F, stride=stride)
    assert Fraction(separable, standard) == separable_ratio(D_K, N)
    assert separable_ratio(D_K, N) == Fraction(1, N) + Fraction(1, D_K**2)
    weights = Fraction(separable_weights(D_K, M, N), standard_weights(D_K, M, N))
    assert weights == separable_ratio(D_K, N)


@given(
    st.integers(1, 5), small, small, st.integers(1, 30), st.integers(1, 3),
    st.sampled_from(COUNTINGS), st.sampled_from(["same", (1, 2, 0, 3)]),
)  # fmt: skip
def test_a_separable_layer_costs_a_depthwise_and_a_pointwise_one(
    D_K, M, N, D_F, multiplier, counting, padding
):
    if D_F + 3 < D_K:
        return
    at = {"stride": 2, "padding": padding}
    whole = separable_macs(D_K, M, N, D_F, multiplier=multiplier, counting=counting, **at)
    first = depthwise_macs(D_K, M, D_F, multiplier=multiplier, counting=counting, **at)
    rows, columns = formulas.geometry.axes((D_F, D_F), (D_K, D_K), **at)
    assert whole == first + pointwise_macs(M * multiplier, N, (rows.output, columns.output))


@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_alpha_scales_depthwise_linearly_and_pointwise_by_its_square_where_channels_divide(
    D_K, m, n, D_F
):
    for alpha in (Fraction(1, 4), Fraction(1, 2), Fraction(3, 4)):
        M, N = 4 * m, 4 * n
        thin = separable_macs(D_K, M, N, D_F, alpha=alpha)
        depthwise, pointwise = depthwise_macs(D_K, M, D_F), pointwise_macs(M, N, D_F)
        assert thin == alpha * depthwise + alpha**2 * pointwise


@given(st.integers(1, 5), small, small, st.integers(1, 9))
def test_rho_scales_all_taps_by_its_square_where_sides_divide(D_K, M, N, d):
    for rho in (Fraction(1, 2), Fraction(5, 7), Fraction(6, 7)):
        whole = separable_macs(D_K, M, N, 14 * d)
        assert separable_macs(D_K, M, N, 14 * d, rho=rho) == rho**2 * whole


@given(st.integers(1, 7), st.integers(1, 30), st.integers(1, 5))
def test_executed_never_exceeds_all_taps_and_equals_them_without_padding(D_K, D_F, stride):
    if D_F >= D_K:
        valid = {"stride": stride, "padding": "valid"}
        assert taps(D_K, D_F, **valid, counting="executed") == taps(D_K, D_F, **valid)
    same = {"stride": stride, "padding": "same"}
    assert taps(D_K, D_F, **same, counting="executed") <= taps(D_K, D_F, **same)


def test_parameters_count_what_is_asked_for():
    """The first layer of V1: 864 weights; 32 channels with a bias, or 2 or 4 of batch norm."""
    weights = standard_weights(3, 3, 32)
    assert [
        parameters(weights, 32),
        parameters(weights, 32, bias=True),
        parameters(weights, 32, batch_norm=2),
        parameters(weights, 32, batch_norm=4),
    ] == [864, 896, 928, 992]


def test_scaling_takes_a_float_for_the_decimal_that_it_prints():
    assert [scaled(10, 0.3, "alpha"), scaled(100, 0.29, "alpha")] == [3, 29]
    assert int(100 * 0.29) == 28  # what binary makes of it


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: standard_macs(3, 0, 4, 8), "M: 0, expected a whole number of at least 1"),
        (lambda: standard_macs(0, 1, 4, 8), "D_K: 0, expected a whole number of at least 1"),
        (lambda: standard_macs(3, 3, 4, 8, groups=2), "groups: 2 does not divide M = 3 and N = 4"),
        (lambda: depthwise_macs(3, 4, 8, multiplier=0), "multiplier: 0, expected"),
        (lambda: depthwise_macs(3, 4, 8, padding=(-1, 0, 0, 0)), "padding: -1, expected"),
        (lambda: standard_macs(3, 1, 1, 2, padding="valid"), "kernel: spans 3 rows, but the"),
        (lambda: separable_macs(3, 4, 4, 8, alpha=0.2), "alpha: 0.2 leaves nothing of 4"),
        (lambda: separable_macs(3, 4, 4, 8, rho=0), "rho: 0, expected a number above 0"),
        (lambda: separable_ratio(3, 0), "N: 0, expected a whole number of at least 1"),
        (lambda: taps(3, 4, counting="some"), "counting: 'some', expected 'all taps' or"),
        (lambda: parameters(9, 1, batch_norm=3), "batch_norm: 3, expected 0, 2 or 4"),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


# Mutants: formulas that are wrong in a way that people are. `truth` is a count that knows
# nothing of formulas.


def truth(case: Case, counting: str) -> int | None:
    layer = layer_of(case)
    return None if layer is None else layer_macs_by_ones(layer, case.x, counting)


def outputs(case: Case, *, shrink: int = 0, stride: object = None) -> tuple[int, int]:
    said = {k: case.keywords[k] for k in ("stride", "padding", "dilation")}
    rows, columns = formulas.geometry.axes(
        case.x[1:3], case.w[:2], **{**said, "stride": stride or said["stride"]}
    )
    return rows.output - shrink, columns.output


def product(case: Case, rows: int, columns: int) -> int:
    D_Ky, D_Kx, M, N = case.w
    return D_Ky * D_Kx * M * N * rows * columns


MUTANTS = {
    "an output row lost to the padding": lambda case: product(case, *outputs(case, shrink=1)),
    "the stride ignored": lambda case: product(case, *outputs(case, stride=1)),
    "the input's side for the output's": lambda case: product(case, *case.x[1:3]),
    "the multiplier ignored": lambda case: product(case, *outputs(case)) // case.w[3],
    "the groups counted twice": lambda case: (
        product(case, *outputs(case)) // case.keywords.get("groups", 1)
    ),
    "the bias counted as a multiply-accumulate": lambda case: (
        product(case, *outputs(case)) + case.filters * outputs(case)[0] * outputs(case)[1]
    ),
    "padding counted as executed": lambda case: product(case, *outputs(case)),
}


def differs(case: Case, mutant, counting: str) -> bool:
    expected = truth(case, counting)
    return expected is not None and mutant(case) != expected


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_formula_is_found_out(name):
    counting = "executed" if "executed" in name else "all taps"
    found = find(
        st.one_of(conv_cases(), depthwise_cases()),
        lambda case: differs(case, MUTANTS[name], counting),
    )
    assert layer_macs(layer_of(found), found.x, counting) == truth(found, counting)


def test_the_right_formula_is_not():
    with pytest.raises(NoSuchExample):
        find(
            st.one_of(conv_cases(), depthwise_cases()),
            lambda case: differs(case, lambda c: product(c, *outputs(c)), "all taps"),
        )
