"""Detectors and segmenters in `refnet bench`: all engines' outputs, judged as such are."""

from __future__ import annotations

import json

import numpy as np
import pytest

from refnet.apps.bench import rounds
from refnet.apps.bench.judging import judged
from refnet.checkpoints import save
from refnet.cli import main
from refnet.run import run
from tests.apps.vision.synthetic import small

MODELS = ("ssdlite", "deeplab")


@pytest.mark.parametrize("model", MODELS)
def test_every_installed_engine_is_timed_on_all_outputs(model, capsys, monkeypatch, tmp_path):
    """Each engine's outputs are beside the oracle's, so that order and layout have to be right."""
    monkeypatch.setattr(rounds, "SECONDS", 0.0)
    monkeypatch.setattr(rounds, "ITERATIONS", 1)
    save(small(model), tmp_path / "small.safetensors")
    pytest.importorskip("onnxruntime", reason="pip install '.[test]'")
    pytest.importorskip("ai_edge_litert", reason="pip install '.[test]'")
    words = ["bench", str(tmp_path / "small.safetensors"), "--rounds", "1", "--threads", "1"]
    assert main([*words, "--against", "onnxruntime,litert,onnx.reference,ops", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["runs"]
    names = [one["name"] for one in found["engines"]]
    assert names == ["refnet", "onnxruntime", "litert", "onnx.reference", "ops", "GEMM floor"]
    assert all(one["ratios"]["onnxruntime"] > 0 for one in found["engines"])
    assert main([*words, "--against", "none"]) == 0
    said = {"ssdlite": "boxes within 1 pixel, scores within 0.001", "deeplab": "99.9 % of the pix"}
    assert said[model] in capsys.readouterr().out


def outputs_of(model: str) -> tuple:
    made = small(model)
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (1, *made.network.input_shape))
    answers = run(made.network, made.tensors, x)
    return made.network, np.concatenate([a.ravel() for a in answers.values()])


def test_a_segmenter_may_differ_in_one_pixel_of_a_thousand():
    """65 x 65 pixels: four of them are less than 0.1 %, five are more."""
    network, expected = outputs_of("deeplab")
    pixels = expected.reshape(-1, 5)
    for count, right in ((4, True), (5, False)):
        answer = pixels.copy()
        answer[:count] = -answer[:count]
        assert (answer.argmax(1) != pixels.argmax(1)).sum() == count
        found = judged(answer.ravel(), expected, network)
        assert (found.wrong == "") == right
    assert found.wrong == "the class of 99.88 % of its pixels is the oracle's"


def test_a_detectors_box_may_be_off_by_less_than_a_pixel_and_a_score_by_less_than_a_thousandth():
    """The first number of the first box moves its centre by a tenth of its anchor's height, a
    tenth of 64 pixels: 0.64 pixels for each unit."""
    network, expected = outputs_of("ssdlite")
    for at, by, right in ((0, 1.5, True), (0, 1.6, False), (-1, 9e-4, True), (-1, -2e-3, False)):
        answer = expected.copy()
        answer[at] += by
        found = judged(answer, expected, network)
        assert (found.wrong == "") == right, (at, by)
    assert found.wrong == "a box is 0 pixels, a score 0.002 from the oracle's"
