"""Networks as data: what is refused, what a cut keeps, what a run returns."""

from __future__ import annotations

import re

import numpy as np
import pytest

from refnet import definition, mobilenet_v1, mobilenet_v2, run
from refnet.network import (
    BatchNormAttrs,
    ConvAttrs,
    Conventions,
    Layer,
    MaxPoolAttrs,
    Network,
    PoolAttrs,
)

CONV = Layer("c", "conv2d", ("x",), ConvAttrs("same"), {"weight": (3, 3, 2, 4), "bias": (4,)})
IMAGE = {"x": (5, 6, 2)}


def tensors_of(network: Network, seed: int = 0, dtype: type = np.float64) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {k: rng.uniform(0.1, 1, shape).astype(dtype) for k, shape in network.params().items()}


@pytest.mark.parametrize(
    ("layers", "outputs", "message"),
    [
        ((CONV, CONV), ("c",), "layer 'c': the name is taken"),
        ((Layer("r", "relu", ("y",)),), ("r",), "layer 'r': reads 'y', which nothing before it"),
        ((CONV,), ("d",), "outputs: reads 'd', which nothing before it makes"),
        ((Layer("r", "tanh", ("x",)),), ("r",), "layer 'r': op: 'tanh', expected one of conv2d"),
        ((Layer("a", "add", ("x",)),), ("a",), "layer 'a': inputs: 1, but add reads 2"),
        ((Layer("j", "concat", ()),), ("j",), "'j': inputs: 0, but concat reads one or more"),
        (
            (
                Layer("p", "max_pool", ("x",), MaxPoolAttrs(2, "valid")),
                Layer("j", "concat", ("x", "p")),
            ),
            ("j",),
            "layer 'j': xs[1]: shape (1, 4, 5, 2), but xs[0] has (1, 5, 6, 2)",
        ),
        (
            (Layer("p", "max_pool", ("x",), PoolAttrs(2, "same")),),
            ("p",),
            "layer 'p': op: 'max_pool' does not take PoolAttrs",
        ),
        (
            (Layer("c", "conv2d", ("x",), ConvAttrs("same"), {"bias": (4,)}),),
            ("c",),
            "layer 'c': params: ('bias',), but conv2d takes ('weight', 'bias') in this order",
        ),
        (
            (Layer("c", "conv2d", ("x",), PoolAttrs(2, "same"), {"weight": (3, 3, 2, 4)}),),
            ("c",),
            "layer 'c': op: 'conv2d' does not take PoolAttrs",
        ),
        (
            (Layer("c", "conv2d", ("x",), ConvAttrs("same"), {"weight": (3, 3, 3, 4)}),),
            ("c",),
            "layer 'c': w: 3 input channels, but x has 2",
        ),
    ],
)
def test_a_network_that_cannot_run_is_refused_when_it_is_made(layers, outputs, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Network("bad", layers, IMAGE, outputs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"padding": "valid"}, "padding: 'valid', expected 'same' or 'symmetric'"),
        ({"activation": "gelu"}, "activation: 'gelu', expected 'relu' or 'relu6'"),
        ({"epsilon": 0.0}, "epsilon: 0.0, expected a number above 0"),
        ({"classes": 0}, "classes: 0, expected a whole number of at least 1"),
    ],
)
def test_conventions_outside_the_known_ones_are_refused(change, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Conventions(**{"padding": "same", "epsilon": 1e-3, "activation": "relu6", **change})


@pytest.mark.parametrize("network", [mobilenet_v1(0.25, 33), mobilenet_v2(0.35, (40, 57))], ids=str)
def test_the_shapes_foretold_are_the_shapes_that_come_out(network):
    x = np.random.default_rng(1).uniform(size=(2, *network.input_shape))
    names = [layer.name for layer in network.layers]
    answer = run(network, tensors_of(network), x, taps=names)
    foretold = network.shapes(batch=2)
    assert {name: y.shape for name, y in answer.items()} == {name: foretold[name] for name in names}


def test_pools_and_groups_are_foretold_too():
    layers = (
        Layer("g", "conv2d", ("x",), ConvAttrs("same", groups=2), {"weight": (3, 3, 1, 4)}),
        Layer("p", "average_pool", ("g",), PoolAttrs((2, 3), "valid", stride=(1, 2))),
        Layer("n", "batch_norm", ("p",), BatchNormAttrs(1e-3),
              dict.fromkeys(("gamma", "beta", "mean", "variance"), (4,))),
        Layer("m", "max_pool", ("g",), MaxPoolAttrs((2, 3), (0, 1, 0, 0), stride=(1, 2))),
        Layer("t", "max_pool", ("m",), MaxPoolAttrs((2, 1), "valid")),
        Layer("j", "concat", ("t", "n", "n")),
    )  # fmt: skip
    network = Network("pools", layers, IMAGE, ("n", "m", "j"))
    answer = run(network, tensors_of(network), np.ones((3, 5, 6, 2)))
    found = {name: y.shape for name, y in answer.items()}
    assert found == {name: network.shapes(batch=3)[name] for name in network.outputs}
    assert found == {"n": (3, 4, 2, 4), "m": (3, 5, 2, 4), "j": (3, 4, 2, 12)}


def test_cutting_and_running_in_two_parts_is_running_the_whole():
    network = mobilenet_v2(0.35, 32)
    tensors = tensors_of(network)
    x = np.random.default_rng(1).uniform(size=(1, 32, 32, 3))
    whole = run(network, tensors, x, taps=["block5.project"])
    assert "block4.add" not in whole
    first = network.cut(["block4.project.norm", "block3.project.norm"])
    middle = run(first, tensors, x)
    second = network.cut(["softmax"], inputs=["block4.project.norm", "block3.project.norm"])
    assert np.array_equal(run(second, tensors, middle)["softmax"], whole["softmax"])


def test_a_cut_carries_only_the_tensors_that_it_needs():
    features = mobilenet_v1().cut(["block3.pointwise.activation"])
    assert not [name for name in features.params() if name.startswith("block4")]
    assert features.shapes()["block3.pointwise.activation"] == (1, 56, 56, 128)


def test_every_single_layer_is_a_network_of_its_own():
    network = mobilenet_v2(0.35, 32)
    tensors = tensors_of(network)
    names = [layer.name for layer in network.layers]
    known = run(
        network, tensors, np.random.default_rng(1).uniform(size=(1, 32, 32, 3)),
        taps=[*names, "image"],
    )  # fmt: skip
    for layer in network.layers:
        alone = network.cut([layer.name], inputs=dict.fromkeys(layer.inputs))
        assert len(alone.layers) == 1
        found = run(alone, tensors, {name: known[name] for name in layer.inputs})
        assert np.array_equal(found[layer.name], known[layer.name])


@pytest.mark.parametrize(
    ("outputs", "inputs", "message"),
    [
        (["nowhere"], None, "cut: reads 'nowhere'"),
        (["softmax"], ["block2.add"], "cut: reads 'block2.add'"),
        (["block3.add"], ["block3.project.norm"], "cut: ['block3.add'] also needs ['image']"),
    ],
)
def test_a_cut_that_leaves_something_unfed_is_refused(outputs, inputs, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        mobilenet_v2(0.35, 32).cut(outputs, inputs)


def test_a_run_refuses_what_does_not_fit_the_network():
    network = Network("one", (CONV,), IMAGE, ("c",))
    good, x = tensors_of(network), np.zeros((1, 5, 6, 2))
    for tensors, image, taps, message in [
        ({}, x, (), "tensors: 'c.weight' (3, 3, 2, 4) of one is missing"),
        ({**good, "c.bias": np.zeros(5)}, x, (), "tensors: 'c.bias' has shape (5,), but one needs"),
        (good, x[:, :4], (), "x: shape (1, 4, 6, 2), but one takes (B, 5, 6, 2)"),
        (good, x[0], (), "x: shape (5, 6, 2), but one takes (B, 5, 6, 2)"),
        (good, {"y": x}, (), "x: 'x' ('B', 5, 6, 2) of one is missing"),
        (good, x, ["d"], "taps: 'd' is not a layer of one"),
    ]:
        with pytest.raises(ValueError, match=re.escape(message)):
            run(network, tensors, image, taps=taps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_number_type_of_the_arrays_is_kept_throughout(dtype):
    network = mobilenet_v2(0.35, 32)
    names = [layer.name for layer in network.layers]
    x = np.ones((1, 32, 32, 3), dtype)
    answer = run(network, tensors_of(network, dtype=dtype), x, taps=names)
    assert {y.dtype for y in answer.values()} == {np.dtype(dtype)}


def test_definition_and_ops_agree_on_whole_networks_of_integers():
    """Up to the pool all is whole numbers: +-1 weights, whole biases, and ReLU6."""
    for network in (
        mobilenet_v1(0.25, 32, batch_norm=False),
        mobilenet_v2(0.35, 32, batch_norm=False),
    ):
        rng = np.random.default_rng(2)
        tensors = {k: rng.integers(-1, 2, shape) for k, shape in network.params().items()}
        body = network.cut(["pool"])
        x = rng.integers(-4, 5, (1, 32, 32, 3))
        assert np.array_equal(
            run(body, tensors, x, using=definition)["pool"], run(body, tensors, x)["pool"]
        )
