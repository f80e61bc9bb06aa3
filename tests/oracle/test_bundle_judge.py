"""Answers to a bundle: right ones hold, and every kind of wrong one is told in a line."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from refnet.backend import Arithmetic
from refnet.cli import main
from refnet.oracle import bundle_preprocess, bundle_read, tensor_file
from refnet.oracle.bundle import write
from refnet.oracle.bundle_judge import judge_results, read_results
from refnet.preprocessing import RECIPES
from refnet.run import run

FLOAT64 = Arithmetic("float32", accumulate="float64")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("golden") / "all"
    write(folder)
    return bundle_read.read(folder)


def answer(bundle, id, dtype=np.float32, layers=None, change=lambda name, y: y):
    """Every layer of a case in another number type, one after the other; `change` plants faults."""
    case = bundle.case(id)
    tensors = {name: a.astype(dtype) for name, a in case.tensors.items()}
    known = {name: a.astype(dtype) for name, a in case.inputs.items()}
    for layer in case.network.layers:
        alone = case.network.cut([layer.name], inputs=list(dict.fromkeys(layer.inputs)))
        y = run(alone, tensors, {name: known[name] for name in alone.inputs})[layer.name]
        known[layer.name] = change(layer.name, y)
    wanted = layers or [layer.name for layer in case.network.layers]
    return {f"{id}/{name}": known[name] for name in wanted}


def exact_network(bundle):
    return "mobilenet_v2_1.0_32-tensorflow"


def say(bundle, answers, tmp_path, capsys, *more):
    """(exit status, what is printed, what is complained of) of `refnet golden judge`."""
    path = tmp_path / "results.safetensors"
    path.write_bytes(tensor_file.to_bytes(answers, "results"))
    capsys.readouterr()
    status = main(["golden", "judge", str(bundle.path), str(path), *more])
    return status, *capsys.readouterr()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_an_exact_network_holds_in_every_format(bundle, dtype):
    name = np.dtype(dtype).name
    judged = judge_results(bundle, answer(bundle, exact_network(bundle), dtype), Arithmetic(
        name, accumulate=name))  # fmt: skip
    (result,) = judged.report.results
    assert result.holds
    assert all(layer.verdict.exact for layer in result.layers)


@pytest.mark.parametrize("layers", [["classifier"], ["block5.add", "pool", "classifier"]])
def test_an_exact_network_may_show_as_little_as_its_logits(bundle, layers):
    judged = judge_results(bundle, answer(bundle, exact_network(bundle), layers=layers))
    (result,) = judged.report.results
    assert result.holds
    assert [layer.layer for layer in result.layers] == layers


@pytest.mark.parametrize("kind", ["exact", "random"])
@pytest.mark.parametrize("shown", ["all", "units"])
def test_the_first_bad_layer_is_the_one_that_is_bad(bundle, kind, shown):
    """One row of one projection is lost; a fused engine shows only the ends of units."""
    id = {"exact": exact_network(bundle), "random": "mobilenet_v2_0.5_32-pytorch"}[kind]
    bad = "block4.project" if kind == "exact" else "block4.project.norm"

    def lose(name, y):
        if name == bad:
            y[:, 0] = 0
        return y

    units = bundle.cases["mobilenet_v2_0.5_32-pytorch"]["owed"]
    layers = None if shown == "all" else units
    if kind == "exact" and shown == "units":
        layers = [name.removesuffix(".norm") for name in units if name != "softmax"]
    judged = judge_results(bundle, answer(bundle, id, layers=layers, change=lose))
    (result,) = judged.report.results
    assert [layer.layer for layer in result.layers if not layer.verdict.holds] == [bad]
    assert judge_results(bundle, answer(bundle, id, layers=layers)).report.holds


def test_what_is_wrong_with_an_answer_is_told(bundle, tmp_path, capsys):
    right = bundle.case("conv2d-0-exact").expected["y"].astype(np.float32)
    assert right.shape == (2, 8, 6, 5)
    wrong = right.copy()
    wrong[1, 2, 3, 4] = np.nan
    network = exact_network(bundle)
    for answers, said in (
        ({"conv2d-0-exact/y": wrong}, "1 of 480 wrong, worst at (1, 2, 3, 4): nan, expected"),
        ({"conv2d-0-exact/y": right + 1}, "480 of 480 wrong"),
        ({"conv2d-0-exact/y": right[0]}, "shape (8, 6, 5), expected (2, 8, 6, 5)"),
        ({"conv2d-0-exact/y": right.transpose(0, 3, 1, 2)}, "shape (2, 5, 8, 6), expected"),
        (answer(bundle, network, layers=["stem"]), f"no tensor {network}/classifier"),
        (
            answer(bundle, "mobilenet_v1_0.5_32-pytorch", layers=["softmax"]),
            "no tensor mobilenet_v1_0.5_32-pytorch/stem.activation",
        ),
    ):
        status, out, _ = say(bundle, answers, tmp_path, capsys, "--partial")
        assert status == 1
        assert said in out


def test_what_cannot_be_judged_is_refused_in_one_line(bundle, tmp_path, capsys):
    right = bundle.case("conv2d-0-exact").expected["y"].astype(np.float32)
    path = tmp_path / "results.safetensors"
    whole = tensor_file.to_bytes({"conv2d-0-exact/y": right}, "x")
    for data, said in (
        (tensor_file.to_bytes({}, "x"), "no tensors, expected results as safetensors"),
        (tensor_file.to_bytes({"conv2d-0-exakt/y": right}, "x"), "mean 'conv2d-0-exact/y'?"),
        (tensor_file.to_bytes({"y": right}, "x"), "tensor 'y' answers nothing in "),
        (whole.replace(b"F32", b"C64"), "is C64, expected floats or integers"),
        (whole[:-7], "not a whole safetensors file"),
        (whole.replace(b'"refnet":"x"', b'"bundle":"" '), "answers the bundle ..., expected"),
        (b"", "its header is cut short"),
    ):
        path.write_bytes(data)
        assert main(["golden", "judge", str(bundle.path), str(path)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
        assert str(path) in line
    assert main(["golden", "judge", str(bundle.path), str(tmp_path / "none")]) == 2
    assert "none: No such file" in capsys.readouterr().err


def test_results_may_lie_in_several_files_and_declare_their_bundle(bundle, tmp_path, capsys):
    for n, id in enumerate(("conv2d-0-exact", "add")):
        data = tensor_file.to_bytes(answer(bundle, id), bundle.digest)
        data = data.replace(b'"refnet"', b'"bundle"')
        (tmp_path / f"{n}.safetensors").write_bytes(data)
    assert len(read_results(tmp_path, bundle)) == 2
    assert main(["golden", "judge", str(bundle.path), str(tmp_path), "--partial", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [result["id"] for result in said["results"]] == ["add", "conv2d-0-exact"]
    (tmp_path / "2.safetensors").write_bytes((tmp_path / "0.safetensors").read_bytes())
    with pytest.raises(ValueError, match=r"2.safetensors: tensor .* is in another file too"):
        read_results(tmp_path, bundle)


def test_half_accumulation_holds_only_where_it_is_declared(bundle, tmp_path, capsys):
    """conv2d-0 adds up 27 products of numbers with 24 bits: float16 cannot keep them."""
    answers = answer(bundle, "conv2d-0", np.float16)
    assert say(bundle, answers, tmp_path, capsys, "--partial")[0] == 1
    half = "--arithmetic=storage=float16,accumulate=float16"
    assert say(bundle, answers, tmp_path, capsys, "--partial", half)[0] == 0


def test_a_wrong_probe_is_read_back(bundle, tmp_path, capsys):
    case = bundle.case("probe-00-conv2d")
    turned = {"y.weight": case.tensors["y.weight"].transpose(1, 0, 2, 3)}
    y = run(case.network, turned, case.inputs)["y"].astype(np.float32)
    status, out, _ = say(bundle, {"probe-00-conv2d/y": y}, tmp_path, capsys, "--partial")
    assert status == 1
    assert "probe-00-conv2d, read back:\noutput (0, 0, 0) used weight (1, 0, 0, 0)" in out


def test_all_and_only_all_is_status_0(bundle, tmp_path, capsys):
    answers = {}
    for id, said in bundle.cases.items():
        if said["kind"] == "preprocess":
            answers[f"{id}/tensor"] = bundle.arrays[f"{id}/tensor"]
        else:
            answers |= answer(bundle, id)
    status, out, _ = say(bundle, answers, tmp_path, capsys)
    assert status == 0
    assert f"{len(bundle.cases)} questions: all hold" in out
    del answers["add/y"]
    status, out, _ = say(bundle, answers, tmp_path, capsys)
    assert status == 1
    assert f"Not answered: 1 of {len(bundle.cases)} cases: add" in out


# Preprocessing


def pictures(bundle):
    return [id for id, said in bundle.cases.items() if said["kind"] == "preprocess"]


def test_the_stored_tensors_are_within_the_bound_of_one_rounding(bundle):
    """refnet computes -1 .. 1 in float64, and the other two in float32, as their authors do."""
    for id in pictures(bundle):
        declared = FLOAT64
        if bundle.cases[id]["recipe"] in ("torchvision", "caffe"):
            declared = Arithmetic()
        answers = {f"{id}/{k}": a for k in ("tensor", "grid")
                   if (a := bundle.arrays.get(f"{id}/{k}")) is not None}  # fmt: skip
        judged = judge_results(bundle, answers, declared)
        assert judged.report.holds, (id, str(judged.report.results[0].worst.verdict))


def test_a_recipe_is_never_taken_for_another(bundle):
    """Each beside each: told apart by a picture, or one and the same computation there."""
    apart = set()
    for id in pictures(bundle):
        said = bundle.cases[id]
        for other in RECIPES:
            tensor = bundle.arrays[f"{said['picture']}-{other}/tensor"]
            holds = judge_results(bundle, {f"{id}/tensor": tensor}).report.holds
            same = np.array_equal(tensor, bundle.arrays[f"{id}/tensor"])
            assert holds == same, (id, other)
            if not holds:
                apart.add((said["recipe"], other))
    assert len(apart) == len(RECIPES) * (len(RECIPES) - 1)


def in_float32(pixels, name, size, scaled_first):
    """As TensorFlow's kernels compute them: positions in float32 too."""
    f = np.float32
    H, W, _ = pixels.shape
    kept = pixels[H // 16 : H - H // 16, W // 16 : W - W // 16]
    x = (pixels if name == "tf-resize" else kept).astype(f)
    x = x / f(255) if scaled_first else x
    sides = []
    for side in x.shape[:2]:
        scale = f(side) / f(size)
        places = np.arange(size, dtype=f)
        at = (places + f(0.5)) * scale - f(0.5) if name == "half-pixel" else places * scale
        low = np.maximum(np.floor(at), 0).astype(int)
        fraction = np.maximum(at, 0) - np.floor(np.maximum(at, 0))
        sides.append((low, np.minimum(low + 1, side - 1), fraction.astype(f)))
    (top, bottom, fy), (left, right, fx) = sides
    fx, fy = fx[:, None], fy[:, None, None]
    rows = [x[r][:, left] + (x[r][:, right] - x[r][:, left]) * fx for r in (top, bottom)]
    y = rows[0] + (rows[1] - rows[0]) * fy
    y = (y - f(0.5)) * f(2) if scaled_first else y * f(1 / 127.5) - f(1)
    assert y.dtype == f
    return y[None]


@pytest.mark.parametrize("scaled_first", [True, False])
@pytest.mark.parametrize("name", bundle_preprocess.BILINEAR)
def test_bilinear_recipes_hold_when_all_of_it_is_float32(bundle, name, scaled_first):
    for picture in bundle_preprocess.PICTURES:
        pixels = bundle.arrays[f"{picture}/pixels"]
        tensor = in_float32(pixels, name, 32, scaled_first)
        judged = judge_results(bundle, {f"{picture}-{name}/tensor": tensor})
        assert judged.report.holds, (picture, str(judged.report.results[0].worst.verdict))
        assert not judge_results(
            bundle, {f"{picture}-{name}/tensor": tensor + np.float32(1e-3)}
        ).report.holds


def test_normalisations_hold_however_they_are_written(bundle):
    """Divided or multiplied by a reciprocal, one affine map or two steps: each in float32."""
    f = np.float32
    for id in pictures(bundle):
        said = bundle.cases[id]
        grid = bundle.arrays.get(f"{id}/grid")
        if grid is None:
            continue
        told = bundle.manifest["recipes"][said["recipe"]]
        g = (grid[..., ::-1] if told["channels"] == "BGR" else grid).astype(f)
        over, mean, times, std = (
            np.array(told[k]).astype(f) for k in ("over", "mean", "times", "std")
        )
        ways = (
            (g / over - mean) * times / std,
            (g * (f(1) / over) - mean) * (times * (f(1) / std)),
            g * (times / (over * std)) - mean * times / std,
            (g - over * mean) / (over * std) * times,
        )
        for way in ways:
            assert way.dtype == f
            assert judge_results(bundle, {f"{id}/tensor": way}).report.holds, id
        assert not judge_results(bundle, {f"{id}/tensor": ways[0][..., ::-1]}).report.holds


def test_one_pixel_of_a_grid_off_by_one_is_found(bundle):
    id = "odd-torchvision"
    grid = bundle.arrays[f"{id}/grid"].copy()
    grid[0, 5, 6, 1] ^= 1
    answers = {f"{id}/grid": grid, f"{id}/tensor": bundle.arrays[f"{id}/tensor"]}
    (result,) = judge_results(bundle, answers).report.results
    assert [layer.layer for layer in result.layers if not layer.verdict.holds] == ["grid"]
    assert result.first_bad.verdict.at == (0, 5, 6, 1)


def test_wrong_results_are_named_where_the_mistake_is_known(tmp_path):
    """Symmetric padding in every 3 x 3 SAME convolution; torchvision's tensors for caffe's."""
    write(tmp_path / "ops", "ops")
    write(tmp_path / "pictures", "preprocess")
    bundle, answers = bundle_read.read(tmp_path / "ops"), {}
    for id in bundle.cases:
        case = bundle.case(id)
        (layer,) = case.network.layers
        said = layer.keywords()
        if said.get("padding") != "same" or said.get("dilation") not in (1, (1, 1)):
            continue
        if layer.params.get("weight", ())[:2] == (3, 3):
            turned = replace(layer, attrs=replace(layer.attrs, padding=(1, 1, 1, 1)))
            network = replace(case.network, layers=(turned,))
            y = run(network, case.tensors, case.inputs)[layer.name]
            answers[f"{id}/{layer.name}"] = y.astype(np.float32)
    judged = judge_results(bundle, answers)
    named = [result.diagnosis for result in judged.report.results if result.diagnosis]
    assert len(named) == 2
    assert all("padding of another framework (symmetric" in text for text in named)
    pictures = bundle_read.read(tmp_path / "pictures")
    tensor = pictures.arrays["even-torchvision/tensor"]
    (result,) = judge_results(pictures, {"even-caffe/tensor": tensor}).report.results
    assert result.diagnosis == (
        "this is torchvision's geometry, RGB, scaled to ImageNet's mean and deviation"
    )
