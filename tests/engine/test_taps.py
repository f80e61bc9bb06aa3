"""Whoever looks inside a network sees what is right, and changes no bit of anything else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refnet.engine import Tricks, plan
from refnet.layer import BatchNormAttrs, ConvAttrs, DepthwiseAttrs, Layer
from refnet.network import Network
from tests.engine.drawn import EPSILON, TRICKS, Drawn, drawn, numbers
from tests.engine.orders import crews, in_turn
from tests.engine.settings import Small, small

models = pytest.mark.parametrize("model", ["v1", "v2"])


def same_bits(a: dict[str, np.ndarray], b: dict[str, np.ndarray], names: tuple[str, ...]) -> bool:
    return all(a[name].tobytes() == b[name].tobytes() for name in names)


def changed_by_a_tap(network: Network, s: Small, workers: int) -> list[str]:
    """The layers that cannot be shown without another bit of the output."""
    changed = []
    with crews(in_turn("forwards")):
        plain = plan(network, s.tensors, threads=workers)(s.x)
        for layer in network.layers:
            answer = plan(network, s.tensors, threads=workers, taps=[layer.name])(s.x)
            if not same_bits(plain, answer, network.outputs):
                changed.append(layer.name)
    return changed


@pytest.mark.parametrize(
    ("model", "end", "workers"),
    [("v1", "block4.pointwise", 1), ("v2", "block5.add", 1), ("v2", "block4.project", 2)],
)
def test_a_tap_on_any_one_layer_changes_no_bit_of_the_output(model, end, workers):
    """As far as the second stride of 2, in blocks of a depthwise layer."""
    s = small(model)
    assert changed_by_a_tap(s.network.cut([end]), s, workers) == []


@pytest.mark.slow
@models
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_nor_anywhere_in_a_whole_network(model, workers):
    s = small(model, 64)
    assert changed_by_a_tap(s.network, s, workers) == []


@models
def test_taps_on_all_layers_change_no_bit_of_any_unit_or_of_one_another(model):
    s = small(model, 33)
    names = tuple(layer.name for layer in s.network.layers)
    every = plan(s.network, s.tensors, taps=names)(s.x)
    few = plan(s.network, s.tensors, taps=names[::3])(s.x)
    assert list(every) == list(dict.fromkeys((*s.network.outputs, *names)))
    assert [name for name in few if not same_bits(few, every, (name,))] == []


def a_tap_changes_nothing(case: Drawn, tricks: Tricks, seed: int) -> None:
    """On numbers that round, in every sum: another order of summation would show."""
    rng = np.random.default_rng(seed)
    tensors = {name: rng.standard_normal(a.shape) / 2 for name, a in case.tensors.items()}
    tensors |= {name: abs(a) for name, a in tensors.items() if name.endswith("variance")}
    inputs = {
        name: rng.standard_normal(a.shape).astype(np.float32) for name, a in case.inputs.items()
    }
    few, every = (
        plan(case.network, tensors, batch=case.batch, tricks=tricks, taps=taps)(inputs)
        for taps in (case.taps, tuple(case.expected))
    )
    assert same_bits(few, every, tuple(few))


@given(drawn(), TRICKS, st.integers(0, 2**32 - 1))
@settings(max_examples=100)
def test_taps_anywhere_in_any_network_change_no_bit_of_the_rest(case, tricks, seed):
    a_tap_changes_nothing(case, tricks, seed)


@pytest.mark.slow
@given(drawn(most=20), TRICKS, st.integers(0, 2**32 - 1))
@settings(max_examples=3000)
def test_nor_in_thousands(case, tricks, seed):
    a_tap_changes_nothing(case, tricks, seed)


def unit(op: str = "conv2d", *, activation: str = "relu6") -> Network:
    """A convolution, its batch norm and its activation, which a plan runs as one."""
    vectors = dict.fromkeys(("gamma", "beta", "mean", "variance"), (6,))
    attrs = ConvAttrs("same", 2) if op == "conv2d" else DepthwiseAttrs("same", 2)
    weight = (3, 3, 6, 6) if op == "conv2d" else (3, 3, 6, 1)
    layers = (
        Layer("kernel", op, ("x",), attrs, {"weight": weight, "bias": (6,)}),
        Layer("norm", "batch_norm", ("kernel",), BatchNormAttrs(EPSILON), vectors),
        Layer("end", activation, ("norm",)),
    )
    return Network("unit", layers, {"x": (8, 7, 6)}, ("end",))


@pytest.mark.parametrize("op", ["conv2d", "depthwise_conv2d"])
@pytest.mark.parametrize("activation", ["relu", "relu6"])
@pytest.mark.parametrize(
    "taps", [("kernel",), ("norm",), ("kernel", "norm"), ("x", "end"), ("kernel", "norm", "end")]
)
def test_what_lies_inside_a_unit_is_seen_as_it_is(op, activation, taps):
    """Whole numbers, so the raw convolution, the norm and the end are `refnet.run`'s own bits."""
    case = numbers(unit(op, activation=activation), np.random.default_rng(1), batch=2)
    answer = plan(case.network, case.tensors, batch=2, taps=taps)(
        case.inputs["x"].astype(np.float32)
    )
    assert set(answer) == {"end", *taps}
    for name, y in answer.items():
        assert np.array_equal(y, case.expected[name]), name
    assert (case.expected["norm"] < 0).any()  # or the activation would hide nothing


def test_outputs_in_the_middle_need_no_taps():
    case = numbers(unit(), np.random.default_rng(2))
    network = replace(case.network, outputs=("kernel", "norm"))
    answer = plan(network, case.tensors)(case.inputs["x"].astype(np.float32))
    assert list(answer) == ["kernel", "norm"]
    for name, y in answer.items():
        assert np.array_equal(y, case.expected[name])


def test_an_output_may_be_the_input_itself_and_is_a_copy():
    network = replace(unit(), outputs=("x", "end"))
    case = numbers(network, np.random.default_rng(3))
    x = case.inputs["x"].astype(np.float32)
    answer = plan(network, case.tensors)(x)
    assert np.array_equal(answer["x"], x)
    assert not np.shares_memory(answer["x"], x)


def test_a_network_without_layers_gives_its_input():
    empty = Network("empty", (), {"x": (2, 3, 1)}, ("x",))
    x = np.arange(6, dtype=np.float32).reshape(1, 2, 3, 1)
    assert np.array_equal(plan(empty, {})(x)["x"], x)


def test_a_tap_named_twice_is_shown_once():
    s = small()
    answer = plan(s.network, s.tensors, taps=["pool", "softmax", "pool"])(s.x)
    assert list(answer) == ["softmax", "pool"]
