"""Correct sums of products, in any order, are within their bound; and it is not far from them.

The exact answers are `definition`'s in Fractions on small cases, and the oracle's own (`ops` in
float64, whose error the bound charges) on all others.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refnet import definition
from refnet.backend import Arithmetic
from refnet.bounds import Value, bound, step
from refnet.bounds.formats import growth, unit
from refnet.bounds.linear import terms_of
from refnet.network import ConvAttrs, DepthwiseAttrs, Layer, PointwiseAttrs
from refnet.run import apply
from tests.bounds.data import ARITHMETICS, DATA, cancelling, normal, ratio
from tests.bounds.simulated import ORDERS, Simulated
from tests.shapes import conv_cases, depthwise_cases, fractions


def layer_of(op: str, attrs, w, biased: bool) -> Layer:
    N = w[2] * w[3] if op == "depthwise_conv2d" else w[-1]
    return Layer("c", op, ("x",), attrs, {"weight": w} | ({"bias": (N,)} if biased else {}))


def draw(layer: Layer, x_shape, data: str, seed: int):
    rng = np.random.default_rng(seed)
    make = DATA[data]
    tensors = {f"c.{k}": make(rng, shape).astype(np.float32) for k, shape in layer.params.items()}
    return make(rng, x_shape).astype(np.float32), tensors


def check(layer: Layer, x, tensors, simulated: Simulated) -> tuple[Value, np.ndarray]:
    """The bound holds for what a backend computes, measured from the oracle."""
    value = step(layer, [Value.given(x)], tensors, simulated.arithmetic)
    with np.errstate(over="ignore", invalid="ignore"):
        found = apply(layer, [x], tensors, using=simulated)  # type: ignore[arg-type]
    assert found.shape == value.exact.shape
    assert ratio(found, value.exact, value.error) <= 1
    return value, found


backends = st.builds(
    Simulated,
    st.sampled_from(list(ARITHMETICS.values())),
    order=st.sampled_from(ORDERS),
    multiply_add=st.booleans(),
    keeps=st.just(True),
    bias_first=st.booleans(),
    towards_zero=st.booleans(),
    rng=st.integers(0, 99).map(np.random.default_rng),
)


def fits(case) -> bool:
    try:
        definition.conv2d(np.ones((1, *case.x[1:3], 1)), np.ones((*case.w[:2], 1, 1)),
                          **{k: v for k, v in case.keywords.items() if k != "groups"})  # fmt: skip
    except ValueError:
        return False
    return True


@given(conv_cases().filter(fits), backends, st.sampled_from(sorted(DATA)))
@settings(max_examples=300)
def test_no_conv2d_leaves_its_bound(case, simulated, data):
    layer = layer_of("conv2d", ConvAttrs(**case.keywords), case.w, case.biased)
    check(layer, *draw(layer, case.x, data, case.seed), simulated)


@given(depthwise_cases().filter(fits), backends, st.sampled_from(sorted(DATA)))
@settings(max_examples=300)
def test_no_depthwise_conv2d_leaves_its_bound(case, simulated, data):
    layer = layer_of("depthwise_conv2d", DepthwiseAttrs(**case.keywords), case.w, case.biased)
    check(layer, *draw(layer, case.x, data, case.seed), simulated)


@given(depthwise_cases().filter(fits), backends, st.sampled_from(sorted(DATA)))
@settings(max_examples=60)
def test_nor_when_it_is_measured_from_the_exact_answer_in_fractions(case, simulated, data):
    layer = layer_of("depthwise_conv2d", DepthwiseAttrs(**case.keywords), case.w, case.biased)
    x, tensors = draw(layer, case.x, data, case.seed)
    value, found = check(layer, x, tensors, simulated)
    exact = definition.depthwise_conv2d(
        fractions(x), *(fractions(tensors[n]) for n in layer.tensor_names()), **case.keywords
    )
    for at in np.ndindex(exact.shape):
        if np.isfinite(value.error[at]):
            assert abs(Fraction(float(found[at])) - exact[at]) <= Fraction(value.error[at])
            # and the oracle's own share of the bound covers the oracle
            assert abs(Fraction(value.exact[at]) - exact[at]) <= Fraction(value.error[at])


@pytest.mark.parametrize("name", ARITHMETICS)
@pytest.mark.parametrize("data", ["cancelling", "positive"])
def test_long_sums_stay_within_their_bound(name, data):
    """1280 channels in a row, V2's classifier; and VGG's 3 x 3 x 512 in four lanes."""
    for op, attrs, w, x_shape in (
        ("dense", None, (1280, 3), (2, 1280)),
        ("conv2d", ConvAttrs("valid"), (3, 3, 512, 2), (1, 3, 3, 512)),
    ):
        layer = layer_of(op, attrs, w, biased=True)
        x, tensors = draw(layer, x_shape, data, seed=zlib.crc32(name.encode()))
        for order in ("forward",) if op == "dense" else ("lanes",):
            check(layer, x, tensors, Simulated(ARITHMETICS[name], order))


@pytest.mark.parametrize("name", ARITHMETICS)
@pytest.mark.parametrize("op", ["pointwise_conv2d", "dense"])
def test_sums_over_channels_stay_within_their_bound(name, op):
    attrs = PointwiseAttrs(stride=2) if op == "pointwise_conv2d" else None
    w, x_shape = ((1, 1, 13, 4), (2, 5, 4, 13)) if attrs else ((13, 4), (5, 13))
    for biased, (at, data) in zip((True, False) * 4, enumerate(DATA), strict=False):
        layer = layer_of(op, attrs, w, biased)
        x, tensors = draw(layer, x_shape, data, at)
        for order in ORDERS:
            check(layer, x, tensors, Simulated(ARITHMETICS[name], order, multiply_add=biased))


@pytest.mark.parametrize("name", ARITHMETICS)
def test_integers_whose_sums_fit_come_out_exactly_and_within_the_bound(name):
    """Sums of |w||x| + |b| of at most 8 x 2 x 3 + 9 < 2^6: exact with 8 bits or more."""
    layer = layer_of("dense", None, (8, 5), biased=True)
    rng = np.random.default_rng(0)
    x = rng.integers(-2, 3, (7, 8)).astype(np.float32)
    tensors = {"c.weight": rng.integers(-3, 4, (8, 5)).astype(np.float32),
               "c.bias": rng.integers(-9, 10, 5).astype(np.float32)}  # fmt: skip
    for order in ORDERS:
        value, found = check(layer, x, tensors, Simulated(ARITHMETICS[name], order))
        assert np.array_equal(found, value.exact)


@pytest.mark.parametrize("accumulate", ["float32", "float16"])
@pytest.mark.parametrize("K", [4, 8, 32])
def test_the_worst_sum_reaches_most_of_the_direct_bound(accumulate, K):
    """1 + u' + u' + ..., each u' just over half a unit in 1's last place, is rounded up K - 1
    times to 1 + 2 u: an error of (K - 1) u (1 - tiny) where the bound is K u (1 + (K - 1) u')
    for K exact products: a share of at least (K - 1) / K less what growth adds, over 0.7 for 4."""
    a = Arithmetic(storage=accumulate, accumulate=accumulate)  # type: ignore[arg-type]
    u = unit(a.accumulate, a)
    layer = layer_of("dense", None, (K, 1), biased=False)
    x = np.array([[1.0] + [u * (1 + 2.0**-5)] * (K - 1)])
    tensors = {"c.weight": np.ones((K, 1))}
    value, found = check(layer, x, tensors, Simulated(a))
    share = ratio(found, value.exact, value.error)
    # |found - exact| = (K - 1)(2u - u (1 + 2^-5)) = (K - 1) u (1 - 2^-5).
    least = (K - 1) * u * (1 - 2.0**-5) / (growth(K, u) * (1 + K * u * 1.1) + K * 2.0**-24 * u)
    assert share >= 0.99 * least
    assert share > 0.7


@pytest.mark.parametrize("name", ["storage=float32", "storage=float16,accumulate=float16"])
def test_the_bound_of_a_direct_sum_is_higham_s_plus_what_is_named(name):
    """Nothing else is in it: on numbers of the format's own, growth(K + 1, u) times the size, then
    K subnormal steps and the oracle's own, a 2^-29th of it at most."""
    a = ARITHMETICS[name]
    layer = layer_of("conv2d", ConvAttrs("same"), (3, 3, 4, 2), biased=True)
    rng = np.random.default_rng(3)
    x, *rest = (normal(rng, s).astype(a.storage) for s in ((1, 5, 6, 4), (3, 3, 4, 2), (2,)))
    tensors = dict(zip(layer.tensor_names(), rest, strict=True))
    sizes = {k: abs(v).astype(np.float64) for k, v in tensors.items()}
    size = apply(layer, [abs(x).astype(np.float64)], sizes)
    n = terms_of(layer) + 1
    higham = growth(n, unit(a.accumulate, a)) * size
    found = bound(layer, [x], tensors, a)
    assert (found >= higham).all()
    tiny = 36 * float(np.finfo(a.accumulate).smallest_subnormal) * 2
    assert (found <= higham * (1 + 2.0**-28) + tiny).all()


def test_cancellation_is_charged_on_what_is_added_up_and_not_on_the_sum():
    """The relative error of a sum that cancels is beyond any fixed tolerance; its bound holds."""
    layer = layer_of("dense", None, (256, 4), biased=False)
    rng = np.random.default_rng(4)
    x = cancelling(rng, (8, 256)).astype(np.float32)
    w = normal(rng, (1, 4)).repeat(256, 0).astype(np.float32)
    value, found = check(layer, x, {"c.weight": w}, Simulated(Arithmetic()))
    assert np.max(abs(found - value.exact) / abs(value.exact)) > 1e-5  # ten times torch's 1.3e-6
    assert np.min(value.size / abs(value.exact)) > 100


def closeness() -> dict[str, float]:
    """For each arithmetic the largest err / bound of correct backends over all data and orders.

    For a reader: `python -m tests.bounds.test_sums` prints the table.
    """
    table = {}
    for name, arithmetic in ARITHMETICS.items():
        shares = [0.0]
        for at, data in enumerate(DATA):
            for op, attrs, w, x_shape in (
                ("conv2d", ConvAttrs("same", stride=2, groups=2), (3, 3, 2, 4), (1, 5, 6, 4)),
                ("depthwise_conv2d", DepthwiseAttrs("same"), (3, 3, 5, 1), (1, 7, 6, 5)),
                ("dense", None, (3, 4), (40, 3)),
                ("dense", None, (64, 4), (9, 64)),
            ):
                layer = layer_of(op, attrs, w, biased=False)
                x, tensors = draw(layer, x_shape, data, at)
                for order in ORDERS:
                    value, found = check(layer, x, tensors, Simulated(arithmetic, order))
                    shares.append(ratio(found, value.exact, value.error))
        table[name] = max(shares)
    return table


def test_every_bound_is_approached_by_correct_arithmetic():
    """A share of 0.1 or more: sums of 3 to 64 terms, where chance lets roundings add up."""
    table = closeness()
    print("\n".join(f"{name:70s} {share:.2f}" for name, share in table.items()))
    assert set(table) == set(ARITHMETICS)
    assert all(0.1 < share <= 1 for share in table.values())


def test_a_float64_backend_is_held_to_float64():
    """Its bound is 2^-29 of float32's, but for the oracle's own error, as large as its own."""
    layer = layer_of("dense", None, (9, 2), biased=False)
    x, tensors = draw(layer, (4, 9), "normal", 5)
    single = bound(layer, [x], tensors, Arithmetic())
    double = bound(layer, [x], tensors, ARITHMETICS["storage=float64,accumulate=float64"])
    assert (double <= single * 2.0**-29 * 2.001).all()


def test_weights_that_are_the_formats_own_are_charged_nothing():
    """Rounding to storage is charged on those that it changes, element by element."""
    a = Arithmetic(storage="float16")
    layer = layer_of("dense", None, (2, 2), biased=False)
    x = np.ones((1, 2), np.float32)
    w = np.array([[0.5, 1 / 3], [0.25, 0.25]], np.float32)
    exactly, changed = bound(layer, [x], {"c.weight": w}, a)[0]
    stored = 2.0**-11 * 0.75 + 2.0**-24
    assert exactly <= stored * 1.001
    assert changed >= 2.0**-11 / 3 + 2.0**-11 * (1 / 3 + 0.25)
    assert replace(a, storage="float32") == Arithmetic()


if __name__ == "__main__":
    test_every_bound_is_approached_by_correct_arithmetic()
