"""Bundles of detection and segmentation: small, as their schema says, answered without Python."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from refnet.backend import Arithmetic
from refnet.cli import main
from refnet.oracle import bundle_format, bundle_read
from refnet.oracle.bundle_judge import judge_results
from refnet.run import run

HERE = Path(__file__).parent
MODELS = ("ssdlite", "deeplab")


@pytest.fixture(scope="module", params=MODELS)
def folder(request, tmp_path_factory):
    """One of the two, 32 x 32, as the command line writes it."""
    made = tmp_path_factory.mktemp("golden") / request.param
    assert main(["golden", "write", str(made), "--suite", request.param]) == 0
    return made


@pytest.fixture(scope="module")
def bundle(folder):
    return bundle_read.read(folder)


def test_a_bundle_is_under_5_megabytes_and_as_its_schema_says(folder):
    """Weights of the exact cases are stored, at width 0.25; those of the others are recipes."""
    assert sum(path.stat().st_size for path in folder.iterdir()) < 5_000_000
    jsonschema = pytest.importorskip("jsonschema", reason="pip install '.[test]'")
    schema = json.loads(Path(bundle_format.__file__).with_name("bundle.schema.json").read_text())
    jsonschema.validate(json.loads((folder / "manifest.json").read_text()), schema)


def test_it_asks_both_paddings_exactly_and_on_drawn_numbers(folder, bundle):
    model = folder.name
    found = [(said["suite"], said["kind"]) for said in bundle.cases.values()]
    each = 4 if model == "deeplab" else 2  # deeplab: also the pyramid, at output stride 8
    assert sorted(found) == [(model, "exact")] * each + [(model, "random")] * each
    ops = {la.op for id in bundle.cases for la in bundle.case(id).network.layers}
    assert {"ssdlite": "sigmoid", "deeplab": "resize_bilinear"}[model] in ops


def test_whole_numbers_are_those_of_a_run_in_float64(bundle):
    for id, said in bundle.cases.items():
        if said["kind"] == "exact":
            case = bundle.case(id)
            again = run(case.network, case.tensors, case.inputs, taps=list(case.expected))
            assert all(np.array_equal(again[name], a) for name, a in case.expected.items())
            assert said["largest_sum"] < said["exact_below"]


def test_a_reader_in_javascript_answers_all_of_it(folder, tmp_path, capsys):
    """Independent arithmetic: doubles, its own dilation, resize and concatenation."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node: install Node.js to run the reader in JavaScript")
    results = tmp_path / "results.safetensors"
    program = HERE / "readers" / "network.mjs"
    subprocess.run([node, program, folder, results], check=True)
    assert main(["golden", "judge", str(folder), str(results)]) == 0
    asked = len(bundle_read.read(folder).cases)
    assert f"{asked} questions: all hold" in capsys.readouterr().out


def test_one_number_that_is_wrong_is_found_in_its_layer(bundle):
    for id, said in bundle.cases.items():
        case = bundle.case(id)
        names = [layer.name for layer in case.network.layers]
        right = run(case.network, case.tensors, case.inputs, taps=names)
        answers = {f"{id}/{name}": right[name] for name in names}
        wrong = next(n for n in names if n in ("concat", "box2"))
        spoilt = right[wrong].copy()
        spoilt.flat[7] += 1 + abs(spoilt.flat[7])
        exactly = Arithmetic(accumulate="float64", storage="float64", inputs="float64")
        judged = judge_results(bundle, {**answers, f"{id}/{wrong}": spoilt}, exactly)
        (result,) = judged.report.results
        assert result.first_bad is not None, (id, said["kind"])
        assert result.first_bad.layer == wrong
