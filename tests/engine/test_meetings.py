"""Workers wait for one another wherever they must: no plan has a race.

Judged by marks on every element that a call reads or writes (`tests.engine.marks`), on the
worklists as they are, not by luck in time.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refnet.engine import plan
from refnet.layer import DepthwiseAttrs, Layer, PointwiseAttrs
from refnet.models import build
from refnet.network import Network
from tests.engine.drawn import TRICKS, drawn, numbers
from tests.engine.marks import races
from tests.engine.orders import crews, in_turn
from tests.engine.settings import SETTINGS, off


def ones(network: Network) -> dict[str, np.ndarray]:
    return {name: np.ones(shape) for name, shape in network.params().items()}


@pytest.mark.parametrize("workers", [2, 3, 4])
@pytest.mark.parametrize("model", ["v1", "v2"])
def test_no_worker_touches_what_another_writes_before_they_have_met(model, workers):
    network = build(model, alpha=0.5, resolution=64)
    for wanted in ((), tuple(layer.name for layer in network.layers)):
        assert races(network, ones(network), (*network.outputs, *wanted), workers=workers) == []


@pytest.mark.parametrize("tricks", SETTINGS, ids=off)
def test_nor_with_any_trick_off(tricks):
    network = build("v2", alpha=0.35, resolution=32)
    assert races(network, ones(network), network.outputs, workers=2, tricks=tricks) == []


@given(drawn(most=16), TRICKS, st.integers(2, 4))
@settings(max_examples=100)
def test_nor_in_any_network_that_is_drawn(case, tricks, workers):
    wanted = (*case.network.outputs, *case.taps)
    assert races(case.network, case.tensors, wanted, workers=workers, tricks=tricks) == []


@pytest.mark.slow
@given(drawn(most=20), TRICKS, st.integers(2, 4))
@settings(max_examples=3000)
def test_nor_in_thousands(case, tricks, workers):
    wanted = (*case.network.outputs, *case.taps)
    assert races(case.network, case.tensors, wanted, workers=workers, tricks=tricks) == []


def chain(*channels: int) -> Network:
    """Pointwise layers with ReLU one after the other, of rows that need no other rows."""
    layers, last, M = [], "x", 3
    for k, N in enumerate(channels):
        weight = {"weight": (1, 1, M, N)}
        layers.append(Layer(f"pointwise{k}", "pointwise_conv2d", (last,), PointwiseAttrs(), weight))
        layers.append(Layer(f"relu{k}", "relu", (f"pointwise{k}",)))
        last, M = f"relu{k}", N
    attrs = DepthwiseAttrs("same")
    layers.append(Layer("end", "depthwise_conv2d", (last,), attrs, {"weight": (3, 3, M, 1)}))
    return Network("chain", tuple(layers), {"x": (8, 4, 3)}, ("end",))


@pytest.mark.parametrize("order", ["forwards", "backwards"])
def test_what_is_shown_before_its_activation_is_not_written_where_another_worker_still_reads(order):
    """Nobody in the chain waits for anybody until its end, and the tap's memory served before."""
    case = numbers(chain(12, 5, 5, 5, 5, 4), np.random.default_rng(0), taps=("pointwise5",))
    with crews(in_turn(order)):
        made = plan(case.network, case.tensors, threads=2, taps=case.taps)
        made(case.before["x"].astype(np.float32))
        answer = made(case.inputs["x"].astype(np.float32))
    for name, y in answer.items():
        assert np.array_equal(y, case.expected[name]), name


def test_nor_by_its_marks():
    network = chain(12, 5, 5, 5, 5, 4)
    assert races(network, ones(network), ("end", "pointwise5"), workers=2) == []


def test_a_meeting_too_few_is_found(monkeypatch):
    """The test of the test: where no worker ever waits, a 3x3 window reads a neighbour's rows."""
    monkeypatch.setattr("refnet.engine.sharing.Touch.waits_for", lambda self, other: False)
    network = build("v1", alpha=0.25, resolution=32)
    case = numbers(network.cut(["block2.pointwise"]), np.random.default_rng(0))
    assert races(case.network, case.tensors, case.network.outputs, workers=2) == ["stem.activation"]
    wrong = []
    for order in ("forwards", "backwards"):
        with crews(in_turn(order)):
            made = plan(case.network, case.tensors, threads=2)
            made(case.before["image"].astype(np.float32))
            answer = made(case.inputs["image"].astype(np.float32))["block2.pointwise"]
        wrong.append(not np.array_equal(answer, case.expected["block2.pointwise"]))
    assert any(wrong)
