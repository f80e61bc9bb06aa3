"""Any network, with any tricks and any number of workers, is `refnet.run` bit for bit.

The judge is `refnet.run` in float64, on whole numbers on which float32 is exact in any order
(`tests.engine.drawn`); real numbers are judged layer by layer by the proven bound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from refnet.backend import Case
from refnet.engine import Tricks, plan
from refnet.engine.memory import Memory
from refnet.engine.planning import lay_out
from refnet.layer import SIGNATURES, Layer
from refnet.network import Network
from refnet.oracle.adapters.engine import Engine
from refnet.oracle.check import ask
from refnet.oracle.suites import Question
from refnet.oracle.units import FOLLOWERS
from refnet.run import run
from tests.engine.drawn import PAIRS, TRICKS, Array, Drawn, drawn, exact
from tests.engine.orders import ORDERS, crews, in_turn, processes, threads


def float32(arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {name: a.astype(np.float32) for name, a in arrays.items()}


def hold(case: Drawn, tricks: Tricks, workers: int) -> None:
    """Every number that a plan shows is right, and was so after another image too."""
    assume(exact(case))
    with plan(
        case.network,
        case.tensors,
        batch=case.batch,
        threads=workers,
        taps=case.taps,
        tricks=tricks,
    ) as made:
        made(float32(case.before))  # what it leaves in the buffers must not show
        answer = made(float32(case.inputs))
    assert set(answer) == {*case.network.outputs, *case.taps}
    for name, y in answer.items():
        assert y.dtype == np.float32
        assert np.array_equal(y, case.expected[name]), name


@given(drawn(), TRICKS)
@settings(max_examples=200)
def test_one_worker_gives_the_very_bits(case, tricks):
    hold(case, tricks, workers=1)


@given(drawn(), TRICKS, st.integers(2, 4), ORDERS)
@settings(max_examples=150)
def test_several_workers_give_the_very_bits_in_any_order(case, tricks, workers, order):
    with crews(in_turn(order)):
        hold(case, tricks, workers)


@given(drawn(most=6, blocks=PAIRS), st.integers(1, 3))
@settings(max_examples=200)
def test_so_do_layers_that_a_depthwise_layer_follows(case, workers):
    """Which are stored in phases and in pieces; with every stride, dilation and window."""
    with crews(in_turn("backwards")):
        hold(case, Tricks(), workers)


@given(drawn(), TRICKS, st.integers(2, 3))
@settings(max_examples=40)
def test_workers_in_threads_give_the_very_bits(case, tricks, workers):
    with crews(threads):
        hold(case, tricks, workers)


@pytest.mark.slow
@given(drawn(), TRICKS, st.integers(2, 3))
@settings(max_examples=40)
def test_workers_in_processes_give_the_very_bits(case, tricks, workers):
    with crews(processes):
        hold(case, tricks, workers)


@pytest.mark.slow
@given(drawn(most=20), TRICKS, st.integers(1, 4), ORDERS)
@settings(max_examples=5000)
def test_thousands_of_networks(case, tricks, workers, order):
    with crews(in_turn(order)):
        hold(case, tricks, workers)


def test_the_draws_reach_every_operation_and_every_way_to_store_a_map():
    """Else the tests above would say less than they seem to."""
    seen: Counter[str] = Counter()

    @given(drawn(), st.integers(1, 2))
    @settings(max_examples=600)
    def look(case: Drawn, workers: int) -> None:
        wanted = {*case.network.outputs, *case.taps}
        layouts = [
            lay_out(
                case.network, case.tensors, wanted, workers=workers, tricks=tricks, memory=Memory()
            )
            for tricks in (Tricks.without("rolled_maps"), Tricks())
        ]
        whole, layout = layouts
        maps = [*whole.maps.values(), *layout.maps.values()]
        seen["rolled"] += len(layout.maps) < len(whole.maps)
        seen.update({layer.op for layer in case.network.layers})
        seen["border"] += any(any(m.border) for m in maps)
        seen["frame"] += any("framed" in name for name in layout.maps)
        seen["ones"] += any(m.ones for m in maps)
        seen["phases"] += any(m.phases > 1 for m in maps)
        seen["pieces"] += any(len(m.pieces) > 1 for m in maps)
        maps = list(layout.maps.values())
        seen["reused"] += any(m.shares_memory(n) for k, m in enumerate(maps) for n in maps[:k])
        seen["meetings"] += any(step.call is None for step in layout.worklists[0].steps)
        seen["tapped"] += any(set(case.taps) - set(case.network.outputs))

    look()
    ways = ("border", "frame", "ones", "phases", "pieces", "reused", "meetings", "tapped", "rolled")
    assert [name for name in (*SIGNATURES, *ways) if not seen[name]] == ["sigmoid", "softmax"]


def with_followers_next(network: Network) -> Network:
    """The same, with what is fused with a layer next to it, where the oracle looks for it."""
    readers: dict[str, list[Layer]] = {}
    for layer in network.layers:
        for name in dict.fromkeys(layer.inputs):
            readers.setdefault(name, []).append(layer)
    order: dict[str, Layer] = {}

    def append(layer: Layer) -> None:
        if layer.name not in order:
            order[layer.name] = layer
            following = readers.get(layer.name, [])
            if len(following) == 1 and following[0].op in FOLLOWERS:
                append(following[0])

    for layer in network.layers:
        append(layer)
    return replace(network, layers=tuple(order.values()), outputs=(network.layers[-1].name,))


@given(drawn(), TRICKS, st.integers(0, 2**32 - 1), st.floats(0, 4))
@settings(max_examples=80)
def test_every_layer_is_within_its_bound_on_numbers_over_decades(case, tricks, seed, decades):
    rng = np.random.default_rng(seed)

    def spread(shape: tuple[int, ...]) -> Array:
        drawn = rng.standard_normal(shape) * 10.0 ** rng.uniform(-decades, decades, shape)
        return drawn.astype(np.float32).astype(np.float64)

    network = with_followers_next(case.network)
    tensors = {name: spread(a.shape) for name, a in case.tensors.items()}
    tensors |= {name: abs(a) for name, a in tensors.items() if name.endswith("variance")}
    inputs = {name: spread(a.shape) for name, a in case.inputs.items()}
    question = Case("drawn", network, tensors, inputs, run(network, tensors, inputs))
    engine = Engine(tricks=tricks)
    for result in ask(engine, Question("drawn", "random", question), engine.arithmetic):
        assert result.holds, result.first_bad
