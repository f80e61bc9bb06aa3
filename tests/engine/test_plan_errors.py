"""A mistake is answered in one line that names what came and what was expected."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from refnet import run
from refnet.engine import Plan, Tricks, plan
from refnet.layer import BatchNormAttrs, ConvAttrs, Layer, MaxPoolAttrs, PoolAttrs
from refnet.models import mobilenet_v1, mobilenet_v2
from refnet.network import Network
from tests.engine.settings import small


def refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def made() -> Plan:
    s = small()
    return plan(s.network, s.tensors)


IMAGE = (1, 32, 32, 3)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((1, 224, 224, 3), np.float32), "x: shape (1, 224, 224, 3), but this plan of "),
        (np.zeros((2, 32, 32, 3), np.float32), "x: shape (2, 32, 32, 3), but this plan of "),
        (np.zeros((32, 32, 3), np.float32), "x: shape (32, 32, 3), but this plan of "),
        (np.zeros((1, 3, 32, 32), np.float32), "takes (1, 32, 32, 3)"),
        (np.zeros((0, 32, 32, 3), np.float32), "x: shape (0, 32, 32, 3), but this plan of "),
        (np.zeros(IMAGE), "x: float64, expected a float32 array of (1, 32, 32, 3)"),
        (np.zeros(IMAGE, np.uint8), "x: uint8, expected a float32 array of (1, 32, 32, 3)"),
        (np.zeros(IMAGE, np.float16), "x: float16, expected a float32 array of (1, 32, 32, 3)"),
        (np.zeros(IMAGE, ">f4"), "x: >f4, expected a float32 array of (1, 32, 32, 3)"),
        (np.zeros(IMAGE, object), "x: object, expected a float32 array of (1, 32, 32, 3)"),
        (np.zeros(IMAGE).tolist(), "x: list, expected a float32 array of (1, 32, 32, 3)"),
        (None, "x: NoneType, expected a float32 array of (1, 32, 32, 3)"),
        ({}, "x: 'image' (1, 32, 32, 3) is missing"),
        ({"photo": np.zeros(IMAGE, np.float32)}, "x: 'image' (1, 32, 32, 3) is missing"),
        ({"image": np.zeros(IMAGE)}, "x: float64, expected a float32 array of (1, 32, 32, 3)"),
    ],
)
def test_another_input_than_the_plan_takes(made, x, message):
    refused(lambda: made(x), message)
    assert np.array_equal(made(small().x)["softmax"], small().right()["softmax"])


def test_one_array_for_a_network_of_two_inputs():
    two = Network("two", (Layer("y", "add", ("a", "b")),), {"a": (3,), "b": (3,)}, ("y",))
    x = np.ones((1, 3), np.float32)
    refused(lambda: plan(two, {})(x), "x: one array, but two reads ('a', 'b')")
    refused(lambda: plan(two, {})({"a": x}), "x: 'b' (1, 3) is missing")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": 0}, "batch: 0, expected a whole number of at least 1"),
        ({"batch": -1}, "batch: -1, expected a whole number of at least 1"),
        ({"batch": 1.0}, "batch: 1.0, expected a whole number of at least 1"),
        ({"threads": 0}, "threads: 0, expected a whole number of at least 1"),
        ({"threads": True}, "threads: True, expected a whole number of at least 1"),
        ({"threads": "2"}, "threads: '2', expected a whole number of at least 1"),
        ({"taps": ["block99"]}, "taps: 'block99' is not a layer of mobilenet_v2_0.35_32"),
    ],
)
def test_another_option_than_there_is(options, message):
    s = small()
    refused(lambda: plan(s.network, s.tensors, **options), message)


def test_a_trick_that_nobody_knows():
    known = ", ".join(Tricks.names())
    refused(lambda: Tricks.without("whole_rows", "magic"), f"'magic', expected one of {known}")


def test_rounds_of_a_timing(made):
    for timing in (made.time_split, made.time_layers):
        refused(lambda timing=timing: timing(small().x, rounds=0), "rounds: 0, expected a whole")


@pytest.mark.parametrize(
    ("network", "other", "message"),
    [
        (mobilenet_v1(), mobilenet_v2(), "tensors: 'block1.pointwise.weight' (1, 1, 32, 64) of "),
        (mobilenet_v2(), mobilenet_v1(), "tensors: 'block1.project.weight' (1, 1, 32, 16) of "),
        (mobilenet_v1(), mobilenet_v1(0.5), "tensors: 'stem.weight' has shape (3, 3, 3, 16), but "),
        (mobilenet_v1(), mobilenet_v1(classes=1001), "'classifier.weight' has shape (1024, 1001)"),
        (mobilenet_v1(batch_norm=False), mobilenet_v1(), "tensors: 'stem.bias' (32,) of mobile"),
        (mobilenet_v1(), mobilenet_v1(batch_norm=False), "tensors: 'stem.norm.gamma' (32,) of mob"),
    ],
)
def test_tensors_of_another_network_name_the_first_that_does_not_fit(network, other, message):
    tensors = {name: np.zeros(shape, np.float32) for name, shape in other.params().items()}
    refused(lambda: plan(network, tensors), message)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
@pytest.mark.parametrize("name", ["stem.weight", "block2.expand.norm.mean", "classifier.bias"])
def test_a_weight_that_float32_cannot_hold(value, name):
    s = small()
    tensors = {**s.tensors, name: s.tensors[name].copy()}
    tensors[name].flat[3] = value
    refused(
        lambda: plan(s.network, tensors), f"tensors: {name!r} holds numbers that are not finite"
    )


def normed(**values: float) -> tuple[Network, dict[str, np.ndarray]]:
    """A 3x3 convolution of one channel and its batch norm, epsilon 0."""
    vectors = dict.fromkeys(("gamma", "beta", "mean", "variance"), (1,))
    layers = (
        Layer("kernel", "conv2d", ("x",), ConvAttrs("same"), {"weight": (3, 3, 1, 1)}),
        Layer("norm", "batch_norm", ("kernel",), BatchNormAttrs(0.0), vectors),
    )
    numbers = {"gamma": 1.0, "beta": 0.0, "mean": 0.0, "variance": 1.0} | values
    tensors = {f"norm.{name}": np.array([value]) for name, value in numbers.items()}
    tensors["kernel.weight"] = np.ones((3, 3, 1, 1))
    return Network("normed", layers, {"x": (4, 4, 1)}, ("norm",)), tensors


@pytest.mark.parametrize(
    "values",
    [
        {"gamma": 1e30, "variance": 1e-30},  # the kernel becomes 1e45
        {"gamma": 1e20, "mean": 1e20},  # the bias becomes -1e40
        {"variance": 0.0},  # a quotient by 0
    ],
    ids=str,
)
def test_finite_tensors_whose_folded_weights_float32_cannot_hold(values):
    """An infinite weight makes NaN of the zeros of a border, where the oracle has no product."""
    network, tensors = normed(**values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the quotient by 0: the oracle's code warns too
        refused(lambda: plan(network, tensors), "norm")


def test_a_norm_of_its_own_whose_factor_float32_cannot_hold():
    """Where no convolution takes it: infinity times x - mean is NaN where x is the mean."""
    network, tensors = normed(gamma=1e30, variance=1e-30)
    alone = network.cut(["norm"], inputs=["kernel"])
    refused(lambda: plan(alone, tensors), "norm")


def test_a_variance_that_has_no_root():
    network, tensors = normed(variance=-1.0)
    refused(lambda: plan(network, tensors), "variance: -1.0 + epsilon 0.0 in channel 0 has no root")


@pytest.mark.parametrize(
    ("op", "attrs", "verb"),
    [
        ("max_pool", MaxPoolAttrs(2, (2, 0, 0, 0)), "choose"),
        ("average_pool", PoolAttrs(2, (0, 0, 0, 3)), "average"),
    ],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_window_of_padding_alone_is_refused_as_the_oracle_refuses_it(op, attrs, verb, threads):
    network = Network("pool", (Layer("y", op, ("x",), attrs),), {"x": (4, 4, 1)}, ("y",))
    message = f"leaves a window with no element to {verb}"
    refused(lambda: plan(network, {}, threads=threads), f"layer 'y': padding {message}")
    refused(lambda: run(network, {}, np.zeros((1, 4, 4, 1))), message)


def test_nor_does_a_window_that_counts_its_padding_need_an_element():
    attrs = PoolAttrs(2, (2, 0, 0, 0), include_padding=True)
    layer = Layer("y", "average_pool", ("x",), attrs)
    network, x = Network("pool", (layer,), {"x": (4, 4, 1)}, ("y",)), np.ones((1, 4, 4, 1))
    answer = plan(network, {})(x.astype(np.float32))["y"]
    assert np.array_equal(answer, run(network, {}, x)["y"])


@pytest.mark.parametrize("threads", [1, 2])
def test_a_closed_plan_says_so(threads):
    s = small()
    with plan(s.network, s.tensors, threads=threads) as made:
        made(s.x)
    made.close()  # twice is nothing
    for call in (made, made.time_split, made.time_layers):
        refused(lambda call=call: call(s.x), "plan: this one of mobilenet_v2_0.35_32 is closed")


@pytest.mark.parametrize("shape", [(), (2, 0), (0, 3, 2)])
def test_values_of_every_rank_and_of_no_elements_are_as_the_oracles(shape):
    """A network may hold vectors, maps of any rank, and, as NumPy does, nothing at all."""
    network = Network("relu", (Layer("y", "relu", ("x",)),), {"x": shape}, ("y",))
    x = np.full((1, *shape), -1, np.float32)
    assert np.array_equal(plan(network, {})(x)["y"], run(network, {}, x)["y"])


def test_a_layer_may_have_any_name():
    """Names that a plan might make up itself, for a copy with a border, among them."""
    layers = (
        Layer("a", "relu", ("x",)),
        Layer("b", "max_pool", ("a",), MaxPoolAttrs(3, "same")),
        Layer("a framed for b", "relu6", ("a",)),
        Layer("", "relu", ("a",)),
    )
    network = Network("named", layers, {"x": (4, 4, 1)}, tuple(layer.name for layer in layers))
    x = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    answer, expected = plan(network, {})(x), run(network, {}, x)
    for name, y in expected.items():
        assert np.array_equal(answer[name], y), name


def test_arguments_of_another_type():
    s = small()
    refused(lambda: plan("v1", s.tensors), "network: str, expected a refnet.Network")
    refused(lambda: plan(s.network, s.tensors, tricks={}), "tricks: {}, expected refnet.engine.Tr")
    refused(lambda: plan(s.network, s.tensors, taps="pool"), "taps: 'pool', expected a list of")
    refused(lambda: plan(s.network, s.tensors, threads=10**6), "threads: 1000000, expected at most")
    name = next(iter(s.tensors))
    turned = {**s.tensors, name: s.tensors[name] * 1j}
    refused(lambda: plan(s.network, turned), f"tensors: {name!r} is complex")
