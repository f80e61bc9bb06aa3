"""Every output of every layer is within the proven bound: `refnet check engine`, and more of it.

The judge is the oracle, in float64, on the engine's own input to each layer: `refnet.oracle.check`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from refnet.engine import numpy_names, plan
from refnet.layer import BatchNormAttrs, ConvAttrs, Layer
from refnet.models import build
from refnet.network import CONVENTIONS, Network
from refnet.oracle.adapters.engine import Engine
from refnet.oracle.check import ask, check
from refnet.oracle.exact import exact_case
from refnet.oracle.photos import real_questions
from refnet.oracle.suites import Question, random_case
from tests.engine.orders import crews, in_turn
from tests.engine.settings import SETTINGS, off

every_setting = pytest.mark.parametrize("tricks", SETTINGS, ids=off)
operations = pytest.mark.parametrize("suite", ["ops", "special"])


def hold(network: Network, *, batch: int = 1, **engine: Any) -> None:
    """A network on random weights, layer by layer and unit by unit."""
    case = random_case(network, f"engine/{network.name}", batch=batch)
    backend = Engine(**engine)
    results = ask(backend, Question(network.name, "random", case), backend.arithmetic)
    assert [result.mode for result in results] == ["shown", "fused"]
    for result in results:
        assert result.holds, result.first_bad


@operations
@every_setting
def test_every_operation_holds_with_each_trick_off(suite, tricks):
    report = check(Engine(tricks=tricks), suite)
    assert len(report.results) > 50
    assert report.holds, report.first_bad


@operations
def test_every_operation_holds_where_numpy_hides_its_functions_elsewhere(suite, monkeypatch):
    nowhere = dict.fromkeys(numpy_names.HIDDEN, ("numpy.nowhere",))
    monkeypatch.setattr(numpy_names, "HIDDEN", nowhere)
    assert numpy_names.functions() == (np.einsum, np.clip)
    report = check(Engine(), suite)
    assert report.holds, report.first_bad


@operations
@pytest.mark.parametrize("workers", [2, 3])
@pytest.mark.parametrize("order", ["forwards", "backwards"])
def test_every_operation_holds_shared_by_workers_whoever_is_first(suite, workers, order):
    with crews(in_turn(order)):
        report = check(Engine(threads=workers), suite)
    assert report.holds, report.first_bad


@pytest.mark.slow
@operations
def test_every_operation_holds_shared_by_two_processes(suite):
    report = check(Engine(threads=2), suite)
    assert report.holds, report.first_bad


# model, alpha, resolution, conventions, batch; an odd side and a map that is no square among them
QUICK = [
    ("v1", 0.25, 32, "tensorflow", 3),
    ("v1", 0.5, 33, "pytorch", 1),
    ("v1", 0.75, (18, 35), "caffe", 1),
    ("v2", 0.35, 32, "tensorflow", 3),
    ("v2", 0.5, 33, "pytorch", 1),
    ("v2", 0.75, (35, 18), "caffe", 1),
]


@pytest.mark.parametrize(("model", "alpha", "resolution", "conventions", "batch"), QUICK)
def test_small_networks_hold_on_random_weights(model, alpha, resolution, conventions, batch):
    rules = CONVENTIONS[conventions]
    hold(build(model, alpha=alpha, resolution=resolution, conventions=rules), batch=batch)


VECTORS = dict.fromkeys(("gamma", "beta", "mean", "variance"), (8,))
NORM, CONV = BatchNormAttrs(1e-3), ConvAttrs("same")
WEIGHT = {"weight": (3, 3, 16, 8)}


def test_a_norm_holds_that_does_not_stand_next_to_its_convolution():
    """Two branches, told in turns."""
    layers = (
        Layer("left", "conv2d", ("x",), CONV, WEIGHT),
        Layer("right", "conv2d", ("x",), CONV, WEIGHT),
        Layer("left.norm", "batch_norm", ("left",), NORM, VECTORS),
        Layer("right.norm", "batch_norm", ("right",), NORM, VECTORS),
        Layer("sum", "add", ("left.norm", "right.norm")),
    )
    hold(Network("branches", layers, {"x": (8, 8, 16)}, ("sum",)))


@pytest.mark.parametrize("outputs", [("end",), ("conv", "end"), ("norm", "end"), ("conv", "norm")])
def test_a_unit_holds_of_which_something_is_an_output(outputs):
    layers = (
        Layer("conv", "conv2d", ("x",), CONV, WEIGHT),
        Layer("norm", "batch_norm", ("conv",), NORM, VECTORS),
        Layer("end", "relu6", ("norm",)),
    )
    hold(Network("unit", layers, {"x": (8, 8, 16)}, outputs))


@pytest.mark.parametrize("workers", [2, 3])
def test_a_small_network_holds_shared_by_processes(workers):
    hold(build("v2", alpha=0.35, resolution=33), threads=workers)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_squeezenet_and_networks_without_batch_norm_hold(batch_norm):
    hold(build("v1", alpha=0.25, resolution=32, batch_norm=batch_norm))
    hold(build("squeezenet", resolution=33))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("inception_v3", {"resolution": 75}),
        ("inception_v3", {"resolution": (97, 80)}),
        ("vgg16", {"resolution": 32, "classifier": False}),
        ("mobilenet_standard", {"resolution": 33}),
        ("squeezenet", {"resolution": 131}),
        ("v1", {"resolution": 64, "shallow": True}),
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_other_networks_hold(model, options, workers):
    hold(build(model, **options), threads=workers)


# arXiv:1704.04861, sections 3.3 and 3.4; arXiv:1801.04381, section 6.1.
PAPERS = {
    "v1": ((0.25, 0.5, 0.75, 1.0), (128, 160, 192, 224)),
    "v2": ((0.35, 0.5, 0.75, 1.0, 1.3, 1.4), (96, 128, 160, 192, 224)),
}
ODD = (97, 131, 225)
MATRIX = [
    (model, alpha, resolution)
    for model, (alphas, resolutions) in PAPERS.items()
    for alpha in alphas
    for resolution in (*resolutions, *ODD)
]


@pytest.mark.slow
@pytest.mark.parametrize(("model", "alpha", "resolution"), MATRIX)
def test_every_alpha_and_resolution_of_the_papers_holds(model, alpha, resolution):
    """Conventions, batch and workers go round, so that each meets many of the others."""
    k = MATRIX.index((model, alpha, resolution))
    conventions = list(CONVENTIONS.values())[k % 3]
    batch = 3 if resolution <= 131 and k % 2 else 1
    network = build(model, alpha=alpha, resolution=resolution, conventions=conventions)
    hold(network, batch=batch, threads=1 + k % 5 // 3)


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_whole_numbers_stay_whole_through_a_whole_network(model):
    """Bit equality in every layer; `exact_case` proves that the oracle's numbers are exact."""
    network = build(model, alpha=0.5, resolution=32, batch_norm=False).cut(["classifier"])
    case = exact_case(network, f"engine/{network.name}", batch=2)
    for result in ask(Engine(), Question(model, "exact", case), Engine.arithmetic):
        assert result.holds, result.first_bad
        assert all(layer.verdict.exact for layer in result.layers)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["v1", "v2"])
@every_setting
def test_whole_networks_hold_with_each_trick_off(model, tricks):
    report = check(Engine(tricks=tricks), model)
    assert {result.kind for result in report.results} == {"exact", "random", "real"}
    assert report.holds, report.first_bad


@pytest.mark.slow
@pytest.mark.parametrize("model", ["v1", "v2"])
@pytest.mark.parametrize("workers", [2, 3])
def test_real_weights_hold_shared_by_processes(model, workers):
    backend = Engine(threads=workers)
    for question in real_questions(model):
        for result in ask(backend, question, backend.arithmetic):
            assert result.holds, result.first_bad


@pytest.mark.slow
@pytest.mark.parametrize("model", ["v1", "v2"])
def test_the_plan_that_shows_nothing_within_gives_what_the_judged_one_gives(model):
    """The check looks at every layer; who only runs the network must get the very same answer."""
    for question in real_questions(model):
        case, inside = question.case, [layer.name for layer in question.case.network.layers]
        x = {name: a.astype(np.float32) for name, a in case.inputs.items()}
        plain = plan(case.network, case.tensors)(x)
        judged = plan(case.network, case.tensors, taps=inside)(x)
        for name, y in plain.items():
            assert np.array_equal(y, judged[name])
