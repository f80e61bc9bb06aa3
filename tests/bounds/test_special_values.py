"""NaN, infinities and numbers beyond a format: what is promised where, and only there."""

from __future__ import annotations

import numpy as np
import pytest

from refnet.backend import Arithmetic
from refnet.bounds import Value, bound, step
from refnet.network import ConvAttrs, DepthwiseAttrs, Layer, MaxPoolAttrs, PoolAttrs
from refnet.run import apply
from tests.bounds.data import ARITHMETICS
from tests.bounds.simulated import Simulated

HALF = Arithmetic(storage="float16", accumulate="float16")
LAYERS = (
    Layer("c", "conv2d", ("x",), ConvAttrs("same"), {"weight": (3, 3, 2, 3)}),
    Layer("c", "depthwise_conv2d", ("x",), DepthwiseAttrs("same"), {"weight": (3, 3, 2, 1)}),
    Layer("c", "average_pool", ("x",), PoolAttrs(3, "same"), {}),
    Layer("c", "max_pool", ("x",), MaxPoolAttrs(3, "same"), {}),
    Layer("c", "relu6", ("x",), None, {}),
    Layer("c", "global_average_pool", ("x",), None, {}),
)


def case(layer: Layer):
    rng = np.random.default_rng(0)
    w = {f"c.{k}": rng.uniform(1, 2, s).astype(np.float32) for k, s in layer.params.items()}
    return rng.standard_normal((2, 8, 9, 2)).astype(np.float32), w


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("layer", LAYERS, ids=lambda la: la.op)
@pytest.mark.parametrize("name", list(ARITHMETICS)[::3])
def test_a_special_number_changes_no_bound_but_those_of_what_it_reaches(name, layer, special):
    x, w = case(layer)
    clean = step(layer, [Value.given(x)], w, ARITHMETICS[name])
    x[0, 4, 4, 0] = special
    value = step(layer, [Value.given(x)], w, ARITHMETICS[name])
    untouched = np.isfinite(value.exact) & (value.exact == clean.exact)
    assert untouched.any()
    assert np.array_equal(value.error[untouched], clean.error[untouched])
    assert (value.error[~np.isfinite(value.exact)] == 0).all()
    assert not np.isnan(value.error).any()
    answer = apply(layer, [x], w, using=Simulated(ARITHMETICS[name]))  # type: ignore[arg-type]
    owed = ~np.isfinite(value.exact)
    assert np.array_equal(answer[owed], value.exact[owed], equal_nan=True)


@pytest.mark.parametrize("algorithm", ["winograd", "fft"])
def test_a_transform_spreads_a_nan_and_is_promised_nothing_beside_it(algorithm):
    x, w = case(LAYERS[0])
    x[0, 4, 4, 0] = np.nan
    error = bound(LAYERS[0], [x], w, Arithmetic(algorithm=algorithm))
    exact = apply(LAYERS[0], [x], w)
    assert np.isinf(error[0][np.isfinite(exact[0])]).all()
    assert np.isfinite(error[1]).all()


def test_a_sum_that_float16_may_not_hold_is_promised_nothing_and_its_neighbours_all():
    """300 x 300 = 90000 > 65504; 200 x 300 is not, but 200 x 300 + 100 x 300 is on the way."""
    layer = Layer("c", "dense", ("x",), None, {"weight": (3, 1)})
    x = np.array([[300, 0, 0], [200, 100, -100], [200, 0, 0], [1, 2, 3]], np.float32)
    w = {"c.weight": np.full((3, 1), 300, np.float32)}
    error = bound(layer, [x], w, HALF).ravel()
    assert np.isinf(error).tolist() == [True, True, False, False]
    answers = [apply(layer, [x], w, using=Simulated(HALF, order))  # type: ignore[arg-type]
               for order in ("forward", "backward")]  # fmt: skip
    assert np.isinf(answers[0][:2]).all()
    assert np.isfinite(answers[0][2:]).all()


def test_with_float32_sums_only_the_answer_must_fit_into_float16():
    layer = Layer("c", "dense", ("x",), None, {"weight": (3, 1)})
    x = np.array([[300, 0, 0], [300, 0, -300], [65504 / 300, 0, 0]], np.float32)
    w = {"c.weight": np.full((3, 1), 300, np.float32)}
    error = bound(layer, [x], w, Arithmetic("float16")).ravel()
    assert np.isinf(error).tolist() == [True, False, True]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda la: la.op)
def test_numbers_given_that_storage_cannot_hold_are_promised_nothing(layer):
    x, w = case(layer)
    x[0, 4, 4, 0] = 70000
    simulated = Simulated(Arithmetic("float16"))
    answer = apply(layer, [x], w, using=simulated)  # type: ignore[arg-type]
    error = bound(layer, [x], w, Arithmetic("float16"))
    value = apply(layer, [x.astype(np.float64)], w)
    wrong = ~np.isfinite(answer)
    assert wrong.any() or layer.op == "relu6"
    assert np.isinf(error[wrong]).all()
    assert (abs(answer - value)[~wrong] <= error[~wrong]).all()
    assert np.isfinite(error[1]).all()


def test_a_weight_that_storage_cannot_hold_takes_its_filter_with_it_also_over_padding():
    """A zero of padding times infinity is NaN in a backend that pads."""
    x, w = case(LAYERS[0])
    w["c.weight"][0, 0, 0, 1] = 1e6
    error = bound(LAYERS[0], [x], w, Arithmetic("float16"))
    assert np.isinf(error).all(axis=(0, 1, 2)).tolist() == [False, True, False]
    assert np.isfinite(error[..., [0, 2]]).all()


def test_flushing_is_charged_where_there_is_something_to_flush():
    """2^-20 is subnormal in float16: with flushing all of it may be lost, elsewhere nothing."""
    layer = Layer("c", "dense", ("x",), None, {"weight": (2, 2)})
    w = {"c.weight": np.array([[2.0**-20, 1], [1, 1]], np.float32)}
    x = np.array([[512.0, 1]], np.float32)
    kept = bound(layer, [x], w, Arithmetic("float16"))[0]
    flushed = bound(layer, [x], w, Arithmetic("float16", flushes_subnormals=True))[0]
    assert flushed[0] - kept[0] >= 512 * 2.0**-20
    assert flushed[1] - kept[1] <= 2.0**-14  # the result itself may be flushed when it is stored
