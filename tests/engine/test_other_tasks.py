"""Detectors and segmenters on the engine: with several workers, and many dilations."""

from __future__ import annotations

import numpy as np
import pytest

from refnet import plan
from refnet.backend import Case
from refnet.layer import DepthwiseAttrs, Layer
from refnet.models import build
from refnet.network import Network
from refnet.oracle.adapters.engine import Engine
from refnet.oracle.check import ask
from refnet.oracle.exact import exact_case
from refnet.oracle.suites import Question, operations, random_case
from refnet.oracle.whole import WHOLE


def asked() -> dict[str, Case]:
    """Both networks up to where numbers stay whole, and maps resized by themselves."""
    found = {
        model: exact_case(
            build(model, alpha=0.25, resolution=64, batch_norm=False).cut(WHOLE[model]), model
        )
        for model in WHOLE
    }
    for name, network in operations():
        if name.startswith(("resize-0", "resize-1-", "resize-2")):
            found[name] = exact_case(network, name)
    return found


@pytest.mark.parametrize("threads", [1, 2])
def test_exact_cases_are_exact_with_any_number_of_workers(threads):
    for name, case in asked().items():
        inputs = {feed: a.astype(np.float32) for feed, a in case.inputs.items()}
        with plan(case.network, case.tensors, threads=threads) as made:
            answer = made(inputs)
        assert all(np.array_equal(answer[k], y) for k, y in case.expected.items()), name


@pytest.mark.parametrize("model", ["deeplab", "ssdlite"])
def test_real_numbers_are_within_their_bounds_layer_by_layer(model):
    network = build(model, alpha=0.25, resolution=65)
    question = Question(model, "random", random_case(network, f"tasks/{model}", batch=1))
    engine = Engine(threads=2)
    for result in ask(engine, question, engine.arithmetic):
        assert result.holds, str(result.worst)


@pytest.mark.parametrize("padding", ["same", "valid", (4, 0, 1, 3)])
@pytest.mark.parametrize("dilation", [2, 3, (1, 4), (4, 1)])
def test_dilated_depthwise_layers_are_exact_in_runs_and_in_pixels(padding, dilation):
    """Whole numbers: bit equality is owed, with stride 1 (whole rows in a run) and 2 (not)."""
    for stride in (1, 2):
        attrs = DepthwiseAttrs(padding, stride, dilation)
        layer = Layer("y", "depthwise_conv2d", ("x",), attrs, {"weight": (3, 3, 5, 1)})
        network = Network("dilated", (layer,), {"x": (11, 13, 5)}, ("y",))
        case = exact_case(network, f"{padding} {dilation} {stride}")
        made = plan(network, case.tensors)(case.inputs["x"].astype(np.float32))["y"]
        assert np.array_equal(made, case.expected["y"])
