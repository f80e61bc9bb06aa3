"""Maps of which only some rows are there at a time: every row of the answer is right all the same.

Judged on whole numbers, whose sums are exact in any order, by `refnet.run` in float64.
"""

from __future__ import annotations

import numpy as np
import pytest

from refnet.engine import Tricks, plan
from refnet.engine.kernels import rolled
from refnet.engine.memory import Memory
from refnet.engine.planning import lay_out
from refnet.engine.rolling import LARGE
from refnet.engine.units import Rolled, units_of
from refnet.layer import ConvAttrs, DepthwiseAttrs, Layer, PointwiseAttrs
from refnet.models import build
from refnet.network import Network
from tests.engine.drawn import numbers
from tests.engine.orders import crews, in_turn


def pair(first: str, *, H: int = 11, W: int = 8, kernel: int = 3, **attrs) -> Network:
    """A convolution with ReLU6, and a depthwise layer after it."""
    if first == "conv2d":
        layer = Layer("a", first, ("x",), ConvAttrs("same", stride=2), {"weight": (3, 3, 3, 5)})
    else:
        layer = Layer("a", first, ("x",), PointwiseAttrs(), {"weight": (1, 1, 3, 5), "bias": (5,)})
    between = Layer("between", "relu6", ("a",))
    weight = {"weight": (kernel, kernel, 5, 1), "bias": (5,)}
    after = Layer("b", "depthwise_conv2d", ("between",), DepthwiseAttrs(**attrs), weight)
    layers = (layer, between, after, Layer("end", "relu", ("b",)))
    return Network("pair", layers, {"x": (H, W, 3)}, ("end",))


PAIRS = {
    "same": pair("pointwise_conv2d", padding="same"),
    "stride 2 in phases": pair("pointwise_conv2d", padding="same", stride=2),
    "stride 2 of odd rows": pair("pointwise_conv2d", W=7, padding="same", stride=2),
    "after a convolution": pair("conv2d", H=19, padding="same"),
    "valid": pair("pointwise_conv2d", padding="valid"),
    "five taps": pair("pointwise_conv2d", kernel=5, padding="same"),
    "windows beyond the map": pair("pointwise_conv2d", padding=(5, 4, 1, 3)),
    "two rows": pair("pointwise_conv2d", H=2, padding="same"),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("rows", [1, 2, 5])
def test_every_row_is_right_however_few_are_there(name, workers, rows, monkeypatch):
    network = PAIRS[name]
    monkeypatch.setattr(rolled, "ROLL_BYTES", rows * 4 * 8 * 5)
    taps = ("a", "between", "b")
    case = numbers(network, np.random.default_rng(0), taps=taps)
    x = case.inputs["x"].astype(np.float32)
    for order in ("forwards", "backwards"):
        with crews(in_turn(order)):
            answer = plan(network, case.tensors, threads=workers)(x)
            shown = plan(network, case.tensors, threads=workers, taps=taps)(x)
        assert np.array_equal(answer["end"], case.expected["end"])
        assert [n for n in ("end", *taps) if not np.array_equal(shown[n], case.expected[n])] == []


def rolled_units(network: Network) -> list[str]:
    """The names of what is run in two layers at once."""
    found: list[str] = []
    tensors = {name: np.ones(shape) for name, shape in network.params().items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "refnet.engine.planning._write",
            lambda layout: found.extend(u.name for u in layout.units if isinstance(u, Rolled)),
        )
        lay_out(network, tensors, (), workers=1, tricks=Tricks(), memory=Memory())
    return found


@pytest.mark.parametrize("name", PAIRS)
def test_these_are_run_in_two_layers_at_once(name):
    assert rolled_units(PAIRS[name]) == ["end"]


def test_a_row_that_no_window_meets_is_still_made():
    """By the layers one after the other: whoever looks between them sees all rows."""
    assert rolled_units(pair("pointwise_conv2d", H=10, padding="valid", stride=2)) == []


def test_of_the_papers_networks_the_large_maps_are_rolled(monkeypatch):
    """Those of more than a megabyte, as their shapes say it."""
    monkeypatch.setattr("refnet.engine.rolling.LARGE", LARGE)
    for model in ("v1", "v2"):
        network = build(model)
        tensors = {name: np.ones(shape) for name, shape in network.params().items()}
        shapes, expected = network.shapes(), []
        for unit in units_of(network, tensors, ()):
            (_, H, W, C) = shapes[unit.layer.inputs[0]] if len(shapes[unit.name]) == 4 else (0,) * 4
            if unit.layer.op == "depthwise_conv2d" and 4 * H * W * C > 2**20:
                expected.append(unit.name)
        assert rolled_units(network) == expected
        assert len(expected) == 4


def cut_at(H: int, W: int, M: int, N: int) -> tuple[Network, Network]:
    """A pointwise layer with a depthwise one after it, and the latter by itself."""
    first = Layer("a", "pointwise_conv2d", ("x",), PointwiseAttrs(), {"weight": (1, 1, M, N)})
    weight = {"weight": (3, 3, N, 1)}
    after = Layer("b", "depthwise_conv2d", ("a",), DepthwiseAttrs("same"), weight)
    alone = Layer("b", "depthwise_conv2d", ("a",), DepthwiseAttrs("same"), weight)
    both = Network("both", (first, after), {"x": (H, W, M)}, ("b",))
    return both, Network("alone", (alone,), {"a": (H, W, N)}, ("b",))


@pytest.mark.parametrize("workers", [2, 3, 4])
@pytest.mark.parametrize("sizes", [(13, 7, 160, 24), (9, 16, 65, 64), (24, 5, 33, 192)])
def test_what_is_shown_is_what_every_worker_has_read_to_the_bit(sizes, workers):
    """Rows at a seam are made twice, and a product of more rows may round another way."""
    both, alone = cut_at(*sizes)
    rng = np.random.default_rng(0)
    tensors = {name: rng.standard_normal(shape) for name, shape in both.params().items()}
    x = rng.standard_normal((1, *both.inputs["x"])).astype(np.float32)
    with crews(in_turn("forwards")):
        seen = plan(both, tensors, threads=workers, taps=["a"])(x)
    expected = plan(alone, {"b.weight": tensors["b.weight"]})({"a": seen["a"]})
    assert np.array_equal(seen["b"], expected["b"])
