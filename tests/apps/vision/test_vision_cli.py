"""`refnet detect`, `segment` and `features` from the command line, on drawn weights."""

from __future__ import annotations

import json

import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image
from safetensors import safe_open

from refnet import image, run
from refnet.apps.detect import Detector
from refnet.apps.features import features, nearest
from refnet.apps.segment import Segmenter
from refnet.checkpoints import load, save
from refnet.cli import main
from refnet.preprocessing import preprocess
from tests.apps.vision.synthetic import small


@pytest.fixture
def photos(tmp_path):
    """Two photos of different shapes."""
    rng = np.random.default_rng(0)
    for name, shape in (("a.png", (40, 70, 3)), ("b.png", (64, 48, 3))):
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(tmp_path / name)
    return [str(tmp_path / name) for name in ("a.png", "b.png")]


@pytest.fixture
def models(tmp_path):
    for model in ("ssdlite", "deeplab"):
        save(small(model), tmp_path / f"{model}.safetensors")
    return {model: str(tmp_path / f"{model}.safetensors") for model in ("ssdlite", "deeplab")}


def test_detections_as_json_and_picture(photos, models, tmp_path, capsys):
    plot = tmp_path / "boxes.png"
    said = ["detect", *photos, "--model", models["ssdlite"], "--least", "0.01"]
    assert main([*said, "--json", "--plot", str(plot)]) == 0
    answers = json.loads(capsys.readouterr().out)
    assert [one["size"] for one in answers] == [[70, 40], [48, 64]]
    things = answers[0]["things"]
    assert things == sorted(things, key=lambda thing: -thing["score"])
    assert {thing["label"] for thing in things} <= {f"class {n}" for n in range(1, 5)}
    for thing in things:
        left, top, right, bottom = thing["box"]
        assert 0 <= left <= right <= 70
        assert 0 <= top <= bottom <= 40
    assert image.read(plot).shape[1] > 500
    assert main(said) == 0
    assert "a.png (70 x 40): ssdlite_v2_0.25_64" in capsys.readouterr().out


def test_raw_boxes_are_the_networks_outputs_in_order():
    model = small("ssdlite")
    x = preprocess(np.random.default_rng(1).integers(0, 256, (50, 60, 3), np.uint8), "squash", 64)
    answer = run(model.network, model.tensors, x)
    _, scores = Detector(model).raw(x)
    first = answer["score0"][0].reshape(-1, 5)
    assert scores.shape == (sum(answer[f"box{k}"].size // 4 for k in range(6)), 5)
    assert np.allclose(scores[: len(first)], first, atol=1e-4)
    assert np.allclose(scores[-6:], answer["score5"].reshape(6, 5), atol=1e-4)


def test_segments_as_json_and_picture(photos, models, tmp_path, capsys):
    plot = tmp_path / "masks.png"
    said = ["segment", *photos, "--model", models["deeplab"]]
    assert main([*said, "--json", "--plot", str(plot)]) == 0
    answers = json.loads(capsys.readouterr().out)
    assert all(abs(sum(one["shares"].values()) - 1) < 1e-12 for one in answers)
    assert "map" not in answers[0]
    assert image.read(plot).shape[1] > 500
    assert main([*said, "--engine", "reference"]) == 0
    assert "reference engine" in capsys.readouterr().out


def test_a_segmenters_map_is_the_largest_score_of_each_pixel():
    model = small("deeplab")
    pixels = np.random.default_rng(2).integers(0, 256, (30, 40, 3), np.uint8)
    x = preprocess(pixels, "tf-resize", 65).astype(np.float64)
    (scores,) = run(model.network, model.tensors, x).values()
    answer = Segmenter(model, engine="reference")(pixels)
    assert np.array_equal(answer.map, scores[0].argmax(axis=-1))


def test_a_network_that_is_not_square_sees_the_whole_photo(photos, tmp_path, capsys):
    """Its map is that of the same layers on the recipe's own tensor of that shape."""
    sides = {"ssdlite": (64, 96), "deeplab": (65, 97)}
    for model, size in sides.items():
        save(small(model, resolution=list(size)), tmp_path / f"{model}.safetensors")
    detect = ["detect", photos[0], "--model", str(tmp_path / "ssdlite.safetensors")]
    assert main([*detect, "--least", "0.01", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["things"]
    model = load(tmp_path / "deeplab.safetensors")
    pixels = image.read(photos[0])
    x = preprocess(pixels, "tf-resize", (65, 97)).astype(np.float64)
    (scores,) = run(model.network, model.tensors, x).values()
    answer = Segmenter(model, engine="reference")(pixels)
    assert np.array_equal(answer.map, scores[0].argmax(axis=-1))
    assert answer.map.shape == (65, 97)


def test_a_huge_photo_is_drawn_from_a_smaller_one(models, tmp_path, monkeypatch):
    """Boxes stay where they are in the photo's own pixels."""
    drawn = []
    monkeypatch.setattr(Axes, "imshow", lambda self, a, **more: drawn.append((a.shape, more)))
    flat = np.full((1500, 3000, 3), 90, np.uint8)
    Image.fromarray(flat).save(tmp_path / "big.png")
    plot = ["--plot", str(tmp_path / "drawn.png")]
    said = [str(tmp_path / "big.png"), "--model"]
    assert main(["detect", *said, models["ssdlite"], *plot]) == 0
    assert drawn == [((600, 1200, 3), {"extent": (0, 3000, 1500, 0)})]
    assert main(["segment", *said, models["deeplab"], *plot]) == 0
    assert {shape[:2] for shape, _ in drawn} == {(600, 1200)}


def test_models_of_another_kind_are_refused(models, photos, capsys):
    assert main(["detect", photos[0], "--model", models["deeplab"]]) == 2
    assert "has no boxes" in capsys.readouterr().err
    assert main(["segment", photos[0], "--model", models["ssdlite"]]) == 2
    assert "does not score every pixel" in capsys.readouterr().err
    assert main(["detect", photos[0], "--model", models["ssdlite"], "--least", "2"]) == 2
    assert "--least: 2.0" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["detect", "segment", "features"])
def test_the_metal_port_is_refused_as_it_is_for_classifiers(verb, photos, capsys):
    """It must not pass for what `refnet.run` computes."""
    assert main([verb, photos[0], "--engine", "metal"]) == 2
    err = capsys.readouterr().err
    assert err == "refnet: engine: 'metal', expected one of fast, reference\n"


def test_a_photo_that_cannot_be_read_is_skipped_and_counts(photos, models, capsys):
    for verb, model in (("detect", "ssdlite"), ("segment", "deeplab")):
        said = [verb, photos[0], "gone.png", "--model", models[model], "--json"]
        assert main(said) == 2
        written = capsys.readouterr()
        assert len(json.loads(written.out)) == 1
        assert "gone.png: no such file" in written.err


def test_features_are_the_networks_layers_at_any_size(photos, tmp_path, capsys):
    made = tmp_path / "features.safetensors"
    said = ["features", *photos, "--layer", "pool", "--layer", "block3.add", "-o", str(made)]
    assert main([*said, "--size", "64x96"]) == 0
    assert "pool (2, 1280)" in capsys.readouterr().out
    with safe_open(made, framework="numpy") as file:
        assert file.get_tensor("block3.add").shape == (2, 16, 24, 24)
        told = json.loads(file.metadata()["refnet"])
    assert told["images"] == photos
    assert told["network"] == "mobilenet_v2_1.0_224"


def test_features_by_both_engines_and_beside_run():
    checkpoint = load("v1")
    pixels = np.random.default_rng(3).integers(0, 256, (50, 60, 3), np.uint8)
    x = preprocess(pixels, "tf-slim", 224)
    expected = run(checkpoint.network, checkpoint.tensors, x, taps=["pool"])["pool"][0]
    for engine in ("fast", "reference"):
        (found,) = features(checkpoint, [pixels], engine=engine)
        assert np.allclose(found["pool"], expected, rtol=1e-3, atol=1e-4)


def test_nearest_neighbours_are_found_whatever_their_length():
    rng = np.random.default_rng(4)
    kinds = rng.standard_normal((3, 40))
    vectors = np.repeat(kinds, 2, axis=0) * rng.uniform(0.5, 2, (6, 1))
    vectors += 0.01 * rng.standard_normal(vectors.shape)
    assert nearest(vectors, 1).ravel().tolist() == [1, 0, 3, 2, 5, 4]
    with pytest.raises(ValueError, match=r"k: 6, expected 1 \.\. 5"):
        nearest(vectors, 6)


def test_neighbours_are_printed(photos, capsys):
    assert main(["features", *photos, "--nearest", "1", "--size", "64x64"]) == 0
    assert capsys.readouterr().out == f"{photos[0]}: {photos[1]}\n{photos[1]}: {photos[0]}\n"


@pytest.mark.parametrize(("count", "k", "said"), [(1, "1", "1 photo(s)"), (2, "2", "1 .. 1")])
def test_neighbours_that_cannot_be_are_refused_before_any_work(count, k, said, photos, capsys):
    assert main(["features", *photos[:count], "--nearest", k, "--model", "no such file"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("refnet: --nearest: ")
    assert said in err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "-o: expected a file"),
        (["-o", "x.npz"], "expected a name in .safetensors"),
        (["-o", "x.safetensors", "--size", "0x5"], "--size: '0x5'"),
        (["-o", "x.safetensors", "--layer", "pol"], "layer: 'pol' is not in"),
    ],
)
def test_mistakes_get_one_line(photos, more, said, capsys):
    assert main(["features", photos[0], *more]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
