"""Folding batch norm changes no answer by more than the rounding of either side allows.

The bound. u = 2**-53, gamma_n = n u / (1 - n u); K = taps * input channels of one output, and
s = gamma / sqrt(variance + epsilon). The exact answer of either side is

    sum of s w x  +  s bias  -  s mean  +  beta.

A computed sum is the exact sum with each term multiplied by some factors (1 + d)**(+1 or -1),
|d| <= u; where a term has at most n of them it is off by at most gamma_n of itself (Higham,
Accuracy and Stability of Numerical Algorithms, lemma 3.1 and section 3.1). Count them, for the
term that has most. A square root halves what its argument is off by, so counts as no more.

unfolded                            | folded
  product w x                    1  |   variance + epsilon, sqrt, /          3 (s)
  sum over T taps, M channels,      |   w' = w s                             1
    in any order: (T - 1) + (M - 1) |   product w' x                         1
    which is at most           K-1  |   sum, as on the left                K-1
  + bias                         1  |   + b'                                 1
  - mean                         1  |                           together K + 5
  times gamma                    1  |   mean - bias                          1
  variance + epsilon, sqrt, /    3  |   times s                          3 + 1
  + beta                         1  |   beta - that                          1
                  together K + 7    |   + b'                                 1
                                    |                           together     7

Both are at most K + 7, for K >= 1. So two computed answers differ by at most
2 gamma_(K+7) (|s| (sum |w||x| + |bias| + |mean|) + |beta|). The tests ask for gamma_(K+8): what
is one more covers the roundings of the bound itself, K + 10 of relative size u, many times over.
No underflow: the numbers drawn are nowhere near it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnet import ops
from refnet.checkpoints import load
from refnet.folding import fold
from refnet.models import build
from refnet.network import (
    BatchNormAttrs,
    ConvAttrs,
    DepthwiseAttrs,
    Layer,
    Network,
    PointwiseAttrs,
)
from refnet.run import apply, run

KINDS = {  # operation, kernel (D_K, D_K, M, N or multiplier), attributes
    "standard": ("conv2d", (3, 3, 3, 4), ConvAttrs("same", stride=2)),
    "grouped": ("conv2d", (3, 2, 2, 6), ConvAttrs("valid", groups=2)),
    "depthwise": ("depthwise_conv2d", (3, 3, 3, 2), DepthwiseAttrs("same")),
    "pointwise": ("pointwise_conv2d", (1, 1, 5, 4), PointwiseAttrs()),
}


def channels(op, kernel):
    return kernel[2] * kernel[3] if op == "depthwise_conv2d" else kernel[3]


def pair(kind, bias, epsilon=1e-3, **more):
    """A convolution and its batch norm."""
    op, kernel, attrs = KINDS[kind]
    n = channels(op, kernel)
    groups = getattr(attrs, "groups", 1)
    params = {"weight": kernel, **({"bias": (n,)} if bias else {})}
    norm = dict.fromkeys(("gamma", "beta", "mean", "variance"), (n,))
    layers = (
        Layer("conv", op, ("x",), attrs, params),
        Layer("norm", "batch_norm", ("conv",), BatchNormAttrs(epsilon), norm),
        *more.get("layers", ()),
    )
    return Network(kind, layers, {"x": (6, 5, kernel[2] * groups)}, more.get("outputs", ("norm",)))


def bound(convolution, norm, tensors, x):
    """What the two answers may differ by, element by element."""
    t = {name.rpartition(".")[2]: np.abs(tensors[name]) for name in convolution.tensor_names()}
    n = {name.rpartition(".")[2]: tensors[name] for name in norm.tensor_names()}
    w = t["weight"]
    K = w.shape[0] * w.shape[1] * (1 if convolution.op == "depthwise_conv2d" else w.shape[2])
    u = 2.0**-53
    gamma = (K + 8) * u / (1 - (K + 8) * u)
    magnitude = getattr(ops, convolution.op)(np.abs(x), w, **convolution.keywords())
    s = np.abs(n["gamma"] / np.sqrt(n["variance"] + norm.attrs.epsilon))
    return 2 * gamma * (s * (magnitude + t.get("bias", 0) + np.abs(n["mean"])) + np.abs(n["beta"]))


def draw(network, seed, gamma_zero, variance_zero):
    rng = np.random.default_rng(seed)
    scale = 10 ** rng.uniform(-3, 3)
    tensors = {name: scale * rng.normal(size=s) for name, s in network.params().items()}
    tensors["norm.variance"] = rng.exponential(size=tensors["norm.variance"].shape)
    tensors["norm.gamma"][:gamma_zero] = 0
    tensors["norm.variance"][:variance_zero] = 0
    return tensors, rng.normal(size=(2, *network.inputs["x"]))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32), gamma_zero=st.integers(0, 2), variance_zero=st.integers(0, 3))
def test_a_folded_pair_computes_the_same_within_the_proven_bound(
    kind, bias, seed, gamma_zero, variance_zero
):
    network = pair(kind, bias)
    tensors, x = draw(network, seed, gamma_zero, variance_zero)
    folded, values = fold(network, tensors)
    assert [layer.op for layer in folded.layers] == [KINDS[kind][0]]
    before = run(network, tensors, x)["norm"]
    after = run(folded, values, x)["conv"]
    assert np.all(np.abs(before - after) <= bound(*network.layers, tensors, x))


@pytest.mark.parametrize("kind", KINDS)
def test_the_bound_is_broken_by_another_epsilon(kind):
    """The tester tested: what folding could do wrong is far outside what rounding can do."""
    network = pair(kind, bias=True)
    tensors, x = draw(network, 0, 0, 0)
    wrong = pair(kind, bias=True, epsilon=1e-3 * (1 + 1e-6))
    before = run(network, tensors, x)["norm"]
    after = run(*fold(wrong, tensors), x)["conv"]
    difference = np.abs(before - after)
    allowed = bound(*network.layers, tensors, x)
    assert np.any(difference > 100 * allowed)


@pytest.mark.parametrize("kind", KINDS)
def test_the_bound_is_broken_by_a_bias_left_out(kind):
    network = pair(kind, bias=True)
    tensors, x = draw(network, 0, 0, 0)
    before = run(network, tensors, x)["norm"]
    after = run(*fold(pair(kind, bias=False), tensors), x)["conv"]
    assert np.all(np.abs(before - after) > 100 * bound(*network.layers, tensors, x))


def real(name):
    """A shipped network at 32 x 32, which takes the same tensors: it is fully convolutional."""
    checkpoint = load(name)
    network = build(name, resolution=32, conventions=checkpoint.network.conventions)
    tensors = {key: value.astype(np.float64) for key, value in checkpoint.tensors.items()}
    return network, tensors


def test_every_layer_of_the_real_v2_folds_within_the_bound_on_its_own_input():
    network, tensors = real("v2")
    folded, values = fold(network, tensors)
    norms = {layer.inputs[0]: layer for layer in network.layers if layer.op == "batch_norm"}
    image = np.random.default_rng(0).normal(size=(1, 32, 32, 3))
    feeds = {network[name].inputs[0] for name in norms}
    known = {"image": image, **run(network, tensors, image, taps=feeds - {"image"})}
    assert len(norms) == 52
    for name, norm in norms.items():
        convolution = network[name]
        x = known[convolution.inputs[0]]
        before = apply(norm, [apply(convolution, [x], tensors)], tensors)
        after = apply(folded[name], [x], values)
        allowed = bound(convolution, norm, tensors, x)
        assert np.all(np.abs(before - after) <= allowed), name


def test_the_folded_v2_answers_as_the_unfolded_one_does():
    network, tensors = real("v2")
    image = np.random.default_rng(1).normal(size=(1, 32, 32, 3))
    before = run(network, tensors, image)["softmax"]
    after = run(*fold(network, tensors), image)["softmax"]
    # No bound runs through 52 layers; a fault in any of them shows in the first digits.
    np.testing.assert_allclose(after, before, rtol=1e-9)


def test_a_folded_network_is_the_one_built_without_batch_norm():
    for model in ("v1", "v2"):
        network = build(model, resolution=32, alpha=0.5)
        tensors = {name: np.ones(shape) for name, shape in network.params().items()}
        folded, values = fold(network, tensors)
        assert folded == build(model, resolution=32, alpha=0.5, batch_norm=False)
        assert {name: a.shape for name, a in values.items()} == folded.params()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_folding_twice_is_folding_once_and_the_numbers_are_of_the_type_asked_for(dtype):
    network = pair("standard", bias=False)
    tensors, _ = draw(network, 0, 0, 0)
    once, values = fold(network, tensors, dtype)
    again, same = fold(once, values, dtype)
    assert again == once
    for name, value in values.items():
        assert value.dtype == dtype
        np.testing.assert_array_equal(same[name], value)


def test_folding_to_float32_rounds_once():
    network = pair("pointwise", bias=True)
    tensors, _ = draw(network, 0, 0, 0)
    _, exact = fold(network, tensors)
    _, rounded = fold(network, tensors, np.float32)
    for name, value in exact.items():
        np.testing.assert_array_equal(rounded[name], value.astype(np.float32))


def test_an_output_that_was_a_batch_norm_becomes_the_convolution():
    folded, _ = fold(*_with_tensors(pair("standard", bias=False)))
    assert folded.outputs == ("conv",)


def _with_tensors(network):
    return network, {name: np.ones(shape) for name, shape in network.params().items()}


def test_a_batch_norm_that_follows_no_convolution_is_refused():
    network = pair("standard", bias=False)
    norm = network["norm"]
    alone = Network("alone", (replace(norm, inputs=("x",)),), {"x": (6, 5, 4)}, ("norm",))
    relu = Layer("relu", "relu", ("conv",))
    after_relu = replace(network, layers=(network["conv"], relu, replace(norm, inputs=("relu",))))
    twice = replace(
        network, layers=(*network.layers, replace(norm, name="second", inputs=("norm",)))
    )
    for wrong, name in ((alone, "norm"), (after_relu, "norm"), (twice, "second")):
        with pytest.raises(ValueError, match=f"layer '{name}': no convolution before it"):
            fold(*_with_tensors(wrong))


def test_a_convolution_that_something_else_reads_too_is_refused():
    network = pair("standard", bias=False)
    extra = Layer("sum", "add", ("norm", "conv"))
    read_twice = replace(network, layers=(*network.layers, extra), outputs=("sum",))
    norms = replace(network["norm"], name="other norm")
    two_norms = replace(network, layers=(*network.layers, norms))
    answered = replace(network, outputs=("norm", "conv"))
    for wrong in (read_twice, two_norms, answered):
        with pytest.raises(ValueError, match="layer 'norm': 'conv' is read elsewhere too"):
            fold(*_with_tensors(wrong))
