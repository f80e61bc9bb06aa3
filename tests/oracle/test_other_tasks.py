"""Detectors and segmenters as other engines run them, exported, layer by layer."""

from __future__ import annotations

import pytest

from refnet.models import build
from refnet.oracle import adapters
from refnet.oracle.check import ask
from refnet.oracle.suites import Question, random_case


@pytest.mark.parametrize("model", ["deeplab", "ssdlite"])
@pytest.mark.parametrize("engine", ["onnxruntime", "litert"])
def test_exported_networks_are_right_in_every_layer(engine, model):
    """Dilations, resizes, concatenations and sigmoids, through ONNX and TensorFlow Lite."""
    backend = adapters.find(engine)
    network = build(model, alpha=0.25, resolution=49, batch_norm=False)
    case = random_case(network, f"exported/{model}", batch=1)
    results = ask(backend, Question(model, "random", case), backend.arithmetic)
    assert results
    for result in results:
        assert not result.cannot
        assert result.holds, str(result.worst)


@pytest.mark.slow
def test_what_an_engine_cannot_resize_is_refused_by_name():
    pytest.importorskip("torch", reason="torch is not installed")
    from refnet.oracle.suites import operations

    backend = adapters.find("torch")
    network = dict(operations())["resize-2-asymmetric"]
    case = random_case(network, "refused", batch=1)
    (result,) = ask(backend, Question("ops", "random", case), backend.arithmetic)
    assert result.cannot == "layer 'y': resize_bilinear (asymmetric) in PyTorch"
