"""Numbers that any language can draw again, and networks on which bit equality is owed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnet import mobilenet_v1, mobilenet_v2, run
from refnet.network import PYTORCH, TENSORFLOW
from refnet.oracle.exact import exact_case, integer_tensors, largest_sum
from refnet.oracle.seeded import integers, seed_of, uniform, words


def splitmix64(state: int) -> tuple[int, int]:
    """The generator as its authors publish it, one word at a time, in Python's own integers."""
    mask = 2**64 - 1
    state = (state + 0x9E3779B97F4A7C15) & mask
    z = state
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return state, z ^ (z >> 31)


@given(st.integers(0, 2**64 - 1))
def test_words_are_those_of_the_published_generator(seed):
    state, expected = seed, []
    for _ in range(5):
        state, word = splitmix64(state)
        expected.append(word)
    assert words(seed, 5).tolist() == expected


@given(st.integers(0, 2**64 - 1), st.integers(2, 24))
def test_uniform_numbers_have_no_more_bits_than_asked_for(seed, bits):
    numbers = uniform(seed, (50,), bits=bits)
    scaled = numbers * 2.0 ** (bits - 1)
    assert np.array_equal(scaled, np.round(scaled))
    assert (abs(numbers) <= 1).all()


@given(st.integers(0, 2**64 - 1), st.integers(-5, 5), st.integers(0, 9))
def test_integers_lie_between_their_ends(seed, low, span):
    numbers = integers(seed, (40,), low, low + span)
    assert set(numbers) <= set(range(low, low + span + 1))


def test_seeds_are_fnv_1a():
    """The published vectors of the 64-bit hash."""
    assert [seed_of(""), seed_of("foobar")] == [0xCBF29CE484222325, 0x85944171F73967E8]


@pytest.mark.parametrize("build", [mobilenet_v1, mobilenet_v2], ids=["v1", "v2"])
@pytest.mark.parametrize("conventions", [TENSORFLOW, PYTORCH], ids=["same", "symmetric"])
def test_whole_networks_of_whole_numbers_are_bit_equal_in_every_format_and_order(
    build, conventions
):
    """float64, float32 and, its sums below 2^11, float16: and with the channels the other way."""
    network = build(resolution=64, conventions=conventions, batch_norm=False).cut(["classifier"])
    case = exact_case(network, "test")
    assert case.exact_below == 2**11
    names = [layer.name for layer in network.layers]
    expected = run(network, case.tensors, case.inputs, taps=names)
    for dtype in (np.float32, np.float16):
        tensors = {k: a.astype(dtype) for k, a in case.tensors.items()}
        inputs = {k: a.astype(dtype) for k, a in case.inputs.items()}
        found = run(network, tensors, inputs, taps=names)
        assert all(found[name].dtype == dtype for name in names)
        assert all(np.array_equal(found[name], expected[name]) for name in names)


@pytest.mark.parametrize("build", [mobilenet_v1, mobilenet_v2], ids=["v1", "v2"])
def test_exact_networks_are_alive_and_not_saturated(build):
    """A dead or a saturated network would prove nothing."""
    network = build(resolution=64, batch_norm=False).cut(["classifier"])
    case = exact_case(network, "test")
    activations = [layer.name for layer in network.layers if layer.op == "relu6"]
    found = run(network, case.tensors, case.inputs, taps=activations)
    for name in activations:
        assert 0.2 < np.mean(found[name] > 0) < 0.8, name
        assert np.mean(found[name] == 6) < 0.5, name
    assert len(np.unique(found["classifier"])) > 50


def test_the_largest_sum_is_the_largest_sum():
    """By hand: |-4| * 1 + |3| = 7 for a 1x1 kernel with a bias; a mean of four counts 4 times."""
    from refnet.network import Layer, Network, PointwiseAttrs

    layers = (
        Layer("p", "pointwise_conv2d", ("x",), PointwiseAttrs(),
              {"weight": (1, 1, 1, 1), "bias": (1,)}),
        Layer("g", "global_average_pool", ("p",)),
    )  # fmt: skip
    network = Network("two", layers, {"x": (2, 2, 1)}, ("g",))
    tensors = {"p.weight": np.ones((1, 1, 1, 1)), "p.bias": np.array([3.0])}
    inputs = {"x": np.array([-4.0, 0, 0, 1]).reshape(1, 2, 2, 1)}
    assert largest_sum(network, tensors, inputs) == 4 * (1 + 3 + 3 + 4) / 4


def test_what_leaves_the_whole_numbers_is_refused():
    network = mobilenet_v1(0.25, 32, batch_norm=False)
    with pytest.raises(ValueError, match="layer 'softmax': softmax leaves the whole numbers"):
        exact_case(network, "test")
    seven = mobilenet_v1(0.25, 224, batch_norm=False).cut(["pool"])
    with pytest.raises(ValueError, match="layer 'pool': a mean of 49 elements is not exact"):
        exact_case(seven, "test")


def test_a_filter_has_about_as_many_weights_as_asked_for():
    network = mobilenet_v2(batch_norm=False).cut(["head"])
    weights = integer_tensors(network, "test", nonzero=8)["head.weight"]
    assert set(np.unique(weights)) == {-1, 0, 1}
    assert 7.5 < np.count_nonzero(weights) / 1280 < 8.5
