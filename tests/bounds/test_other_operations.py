"""Correct batch norms, pools, sums, activations and softmaxes are within their bounds."""

from __future__ import annotations

import numpy as np
import pytest

from refnet.backend import Arithmetic
from refnet.bounds import Value, bound, step
from refnet.network import BatchNormAttrs, Layer, MaxPoolAttrs, PoolAttrs
from refnet.run import apply
from tests.bounds.data import ARITHMETICS, DATA, normal, ratio
from tests.bounds.simulated import NORMS, Simulated

SEVERAL = pytest.mark.parametrize("name", ARITHMETICS)


def norm_case(data: str, seed: int, epsilon: float = 1e-5):
    rng = np.random.default_rng(seed)
    make, M = DATA[data], 7
    layer = Layer("n", "batch_norm", ("x",), BatchNormAttrs(epsilon),
                  dict.fromkeys(("gamma", "beta", "mean", "variance"), (M,)))  # fmt: skip
    tensors = {f"n.{k}": make(rng, (M,)) for k in ("gamma", "beta", "mean")}
    # from far below epsilon to 1e4: real ones of V2 span 1e-12 .. 1e2
    tensors["n.variance"] = 10.0 ** rng.uniform(-13, 4, M)
    tensors = {k: v.astype(np.float32) for k, v in tensors.items()}
    return layer, make(rng, (2, 3, 4, M)).astype(np.float32), tensors


def share(layer: Layer, inputs, tensors, simulated: Simulated) -> float:
    value = step(layer, [Value.given(x) for x in inputs], tensors, simulated.arithmetic)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        found = apply(layer, list(inputs), tensors, using=simulated)  # type: ignore[arg-type]
    assert found.shape == value.exact.shape
    reached = ratio(found, value.exact, value.error)
    assert reached <= 1
    return reached


@SEVERAL
def test_no_batch_norm_leaves_its_bound_however_it_is_arranged(name):
    largest = 0.0
    for seed, data in enumerate(sorted(DATA)):
        for epsilon in (1e-3, 1e-5, 1e-12):
            layer, x, tensors = norm_case(data, seed, epsilon)
            for norm in NORMS:
                for fma in (False, True):
                    simulated = Simulated(ARITHMETICS[name], norm=norm, multiply_add=fma)
                    largest = max(largest, share(layer, [x], tensors, simulated))
    assert largest > 0.1


def test_a_variance_that_float16_cannot_hold_is_charged():
    """1e-9 is 0 in float16, so 1 / sqrt(v + 1e-8) is 4.9 % more; two roundings are 0.1 %."""
    layer, x, tensors = norm_case("normal", 0, 1e-8)
    tensors["n.variance"][:] = 1e-9
    error = bound(layer, [x], tensors, Arithmetic(storage="float16"))
    scale = abs(tensors["n.gamma"] * (x - tensors["n.mean"])) / np.sqrt(1.1e-8)
    assert (error >= 0.048 * scale).all()


def test_a_batch_norm_that_divides_last_may_overflow_on_the_way():
    """gamma (x - mean) = 6e4 * 2 is beyond float16, though over a root of 200 it is 600."""
    layer, x, tensors = norm_case("zero", 0)
    tensors["n.gamma"][:], tensors["n.variance"][:] = 2, 4e4
    half = Arithmetic(storage="float16", accumulate="float16")
    found = apply(layer, [x + 6e4], tensors, using=Simulated(half))  # type: ignore[arg-type]
    assert np.isinf(found).all()
    assert np.isinf(bound(layer, [x + 6e4], tensors, half)).all()


@SEVERAL
def test_no_pool_leaves_its_bound(name):
    rng, arithmetic = np.random.default_rng(0), ARITHMETICS[name]
    everywhere = Layer("p", "global_average_pool", ("x",), None, {})
    largest = 0.0
    for data in DATA.values():
        x = data(rng, (2, 7, 6, 5)).astype(np.float32)
        for include in (False, True):
            attrs = PoolAttrs((3, 2), "same", (2, 1), include_padding=include)
            window = Layer("p", "average_pool", ("x",), attrs, {})
            for order in ("forward", "pairwise"):
                for norm in NORMS[:3]:
                    simulated = Simulated(arithmetic, order, norm=norm)
                    largest = max(largest, share(window, [x], {}, simulated))
                    if not include:
                        largest = max(largest, share(everywhere, [x], {}, simulated))
        chosen = Layer("p", "max_pool", ("x",), MaxPoolAttrs((3, 2), (1, 1, 0, 1), (2, 1)), {})
        share(chosen, [x], {}, Simulated(arithmetic))
    if arithmetic.accumulate != "float64":  # the oracle's own error is half of that bound
        assert largest > 0.05  # a sum of 42 and a quotient


def test_a_pool_whose_sum_overflows_is_promised_nothing():
    """49 elements of 2000 add up to 98000 before they are divided."""
    layer = Layer("p", "global_average_pool", ("x",), None, {})
    x = np.full((1, 7, 7, 1), 2000.0)
    half = Arithmetic(storage="float16", accumulate="float16")
    assert np.isinf(apply(layer, [x], {}, using=Simulated(half))).all()  # type: ignore[arg-type]
    assert np.isinf(bound(layer, [x], {}, half)).all()
    assert np.isfinite(bound(layer, [x / 2], {}, half)).all()


@SEVERAL
def test_no_residual_sum_and_no_activation_leaves_its_bound(name):
    rng, a = np.random.default_rng(0), Simulated(ARITHMETICS[name])
    largest = 0.0
    for data in DATA.values():
        x, y = (data(rng, (2, 5, 4, 30)).astype(np.float32) for _ in "xy")
        nearly = (-x * (1 + 2.0**-9 * rng.standard_normal(x.shape))).astype(np.float32)
        add = Layer("a", "add", ("x", "y"), None, {})
        largest = max(largest, share(add, [x, y], {}, a), share(add, [x, nearly], {}, a))
        for op in ("relu", "relu6"):
            share(Layer("r", op, ("x",), None, {}), [x], {}, a)
        share(Layer("c", "concat", ("x", "y"), None, {}), [x, y], {}, a)
    if a.arithmetic.accumulate == "float64":
        assert largest == 0  # the oracle's own addition
    else:
        assert largest > 0.4  # one rounding of the sum, at times nearly all of half a unit


def test_a_sum_that_cancels_in_float16_is_judged_though_its_terms_are_large():
    layer = Layer("a", "add", ("x", "y"), None, {})
    half = Arithmetic(storage="float16", accumulate="float16")
    x = np.full((1, 1, 1, 1), 60000.0)
    assert bound(layer, [x, -x], {}, half).item() == 0
    assert np.isinf(bound(layer, [x, x], {}, half)).all()


def test_an_activation_that_is_certain_owes_its_very_value():
    """Below 0 by more than its error a number becomes 0, above 6 it becomes 6: whoever has used
    ReLU for ReLU6 is wrong there by all that is above 6."""
    x = Value(np.array([-1.0, 1.0, 5.9, 7.0, 9.0]), np.array([0.5, 0.5, 0.5, 0.5, 9.0]), np.ones(5))
    layer = Layer("r", "relu6", ("x",), None, {})
    found = step(layer, [x], {}, Arithmetic()).error
    assert np.allclose(found, [0, 0.5, 0.5, 0, 6], rtol=2.0**-29, atol=0)


@SEVERAL
def test_no_softmax_leaves_its_bound(name):
    rng = np.random.default_rng(0)
    layer, largest = Layer("s", "softmax", ("x",), None, {}), 0.0
    for scale in (0.0, 1.0, 30.0, 3000.0):
        for N in (1, 2, 10, 1000):
            x = (rng.standard_normal((3, N)) * scale).astype(np.float32)
            for order in ("forward", "pairwise"):
                simulated = Simulated(ARITHMETICS[name], order)
                largest = max(largest, share(layer, [x], {}, simulated))
    assert largest > 0.02  # EXP_ULPS and the sum's roundings hardly ever add up


def test_softmax_is_promised_nothing_where_it_has_no_logits_and_something_in_every_other_row():
    x = Value(
        np.array([[1.0, 2.0], [1.0, -np.inf], [np.nan, 1.0], [1.0, 2.0]]),
        np.array([[0.0, np.inf], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]),
        np.ones((4, 2)),
    )
    error = step(Layer("s", "softmax", ("x",), None, {}), [x], {}, Arithmetic()).error
    assert np.isinf(error[0]).all()
    assert (error[1:] < 1e-5).all()


@SEVERAL
def test_errors_that_came_in_are_passed_on(name):
    """Inputs off by all that they are said to be off by, either way, and the arithmetic's own."""
    a = ARITHMETICS[name]
    rng, simulated = np.random.default_rng(0), Simulated(a, keeps=False)
    norm, _, tensors = norm_case("normal", 0)
    tensors["n.variance"][:] = 1
    others = ("relu", "relu6", "global_average_pool", "add", "softmax")
    for layer in [norm, *(Layer("o", op, ("x",), None, {}) for op in others)]:
        x = normal(rng, (6, 7) if layer.op == "softmax" else (1, 3, 4, 7)) * 3
        off, reached = rng.uniform(0.05, 0.1, x.shape), []
        for sign in (1.0, -1.0, rng.choice([-1.0, 1.0], x.shape)):
            moved = simulated.q(x + sign * off)  # as a layer before has accumulated it
            error = abs(moved - x)
            more = [simulated.weights(normal(rng, x.shape))] if layer.op == "add" else []
            values = [Value(x, error, abs(x)), *map(Value.given, more)]
            value = step(layer, values, tensors, a)
            found = apply(layer, [moved, *more], tensors, using=simulated)  # type: ignore[arg-type]
            found = simulated.fit(found, a.storage)
            if layer.op in ("relu", "relu6"):  # nothing is computed, nothing rounded
                found = apply(layer, [moved], tensors)
            reached.append(ratio(found, value.exact, value.error))
        assert max(reached) <= 1
        if a.accumulate in ("float32", "float64") and a.storage in ("float32", "float64"):
            # What came in is the whole bound but for 2^-20th of it. Off all the same way it is
            # passed on whole; a softmax, which a common shift leaves alone, passes on a share.
            assert max(reached) > (0.5 if layer.op == "softmax" else 1 - 2.0**-10)
