"""Golden bundles: small, the same on every machine, readable without Python, fragile on purpose."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refnet import image
from refnet.cli import main
from refnet.models import MODELS, build
from refnet.network import CONVENTIONS
from refnet.oracle import bundle_format, bundle_read, tensor_file
from refnet.oracle.bundle import write
from refnet.oracle.bundle_network import from_data, to_data
from refnet.oracle.suites import questions, random_case
from refnet.run import run

SCHEMA = Path(bundle_format.__file__).parent / "bundle.schema.json"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Pictures at 8 x 8: quick to copy and to damage."""
    folder = tmp_path_factory.mktemp("golden") / "small"
    write(folder, "preprocess", size=8)
    return folder


@pytest.fixture
def damaged(small, tmp_path):
    """A copy to be damaged."""
    shutil.copytree(small, tmp_path / "copy")
    return tmp_path / "copy"


def reseal(folder: Path, change=lambda manifest: None) -> None:
    """Make all hashes right again after an edit, so that only the edit is left to be found."""
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    for name, said in manifest["files"].items():
        data = (folder / name).read_bytes()
        said |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    text = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(text)
    digest = hashlib.sha256(text).hexdigest()
    (folder / "SHA256SUMS").write_text(bundle_format.sums(digest, manifest["files"]))


def test_ops_and_both_networks_at_32_are_under_10_megabytes(whole):
    sizes = {path.name: path.stat().st_size for path in whole.iterdir()}
    pictures = sum(n for name, n in sizes.items() if name.endswith(".png"))
    assert sum(sizes.values()) - pictures - sizes["preprocess.safetensors"] < 10_000_000
    manifest = json.loads((whole / "manifest.json").read_text())
    assert {case["suite"] for case in manifest["cases"].values()} == set(bundle_format.ALL)


@pytest.mark.parametrize("core", ["Haswell", "SkylakeX", "Prescott", None])
def test_the_same_bytes_whatever_code_the_blas_takes(core, whole, tmp_path):
    """OpenBLAS sums in another order for each of these, and other last bits come of it."""
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
    environment |= {} if core is None else {"OPENBLAS_CORETYPE": core}
    command = [sys.executable, "-m", "refnet", "golden", "write", str(tmp_path / "again")]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    again = {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()}
    assert again == {path.name: path.read_bytes() for path in whole.iterdir()}


def test_the_manifest_is_as_its_schema_says(whole, tmp_path):
    jsonschema = pytest.importorskip("jsonschema", reason="pip install '.[test]'")
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    manifest = json.loads((whole / "manifest.json").read_text())
    jsonschema.validate(manifest, schema)
    write(tmp_path / "ops", "ops")
    text = (tmp_path / "ops" / "manifest.json").read_text()
    for spoil in (
        lambda m: m.update(version=2),
        lambda m: m["conventions"].pop("axes"),
        lambda m: m["cases"]["add"].update(exact_below=2048),  # a random case has no proof
        lambda m: m["cases"]["add-exact"].pop("largest_sum"),
        lambda m: m["tensors"]["add-exact/y"].pop("sha256"),
        lambda m: m["tensors"]["add-exact/y"].update(layout="NCHW"),
        lambda m: m["networks"]["conv2d-0"]["layers"][0]["attrs"].update(stride=2),
        lambda m: m.update(more=1),
    ):
        spoilt = json.loads(text)
        spoil(spoilt)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(spoilt, schema)


def test_every_case_of_the_suites_is_in_it_with_the_same_numbers(whole):
    bundle = bundle_read.read(whole)
    cases = [question.case for question in questions("ops")]
    for model in ("v1", "v2"):
        for conventions in ("tensorflow", "pytorch"):
            network = build(model, alpha=0.5, resolution=32, conventions=CONVENTIONS[conventions])
            cases.append(random_case(network, f"{network.name}-{conventions}", batch=1))
    for case in cases:
        found = bundle.case(case.id)
        assert found.exact_below == case.exact_below
        for ours, theirs in ((found.inputs, case.inputs), (found.tensors, case.tensors)):
            assert list(ours) == list(theirs)
            assert all(np.array_equal(ours[name], theirs[name]) for name in theirs), case.id
        assert all(np.array_equal(found.expected[k], case.expected[k]) for k in found.expected)


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_exact_networks_show_every_layer_and_are_alive(model, whole):
    """Both paddings, one set of weights, and answers that differ: at a 1 x 1 map nothing would."""
    bundle = bundle_read.read(whole)
    ids = [f"{build(model, resolution=32).name}-{name}" for name in ("tensorflow", "pytorch")]
    one, other = (bundle.case(id) for id in ids)
    for case in (one, other):
        names = [layer.name for layer in case.network.layers]
        again = run(case.network, case.tensors, case.inputs, taps=names)
        assert list(case.expected) == names
        assert all(np.array_equal(case.expected[name], again[name]) for name in names)
        assert bundle.cases[case.id]["largest_sum"] < case.exact_below == 2**11
        assert len(np.unique(case.expected["classifier"])) > 20
    assert one.tensors.keys() == other.tensors.keys()
    assert not np.array_equal(one.expected["classifier"], other.expected["classifier"])


@pytest.mark.parametrize("model", MODELS)
def test_a_network_survives_as_data(model):
    network = build(model)
    data = json.loads(json.dumps(to_data(network)))
    again = from_data(network.name, data)
    assert to_data(again) == to_data(network)
    assert again.shapes(3) == network.shapes(3)
    assert again.params() == network.params()
    assert again.conventions == network.conventions
    data["layers"][3]["shape"][0] += 1
    with pytest.raises(ValueError, match=f"layer '{network.layers[3].name}': makes"):
        from_data(network.name, data)


def test_a_mean_makes_fractions_and_they_survive(whole):
    """Means of 2 x 2 are quarters: stored as whole numbers times 2^-2."""
    bundle = bundle_read.read(whole)
    assert bundle.manifest["tensors"]["average-0-exact/y"]["exponent"] == -2
    quarters = 4 * bundle.case("average-0-exact").expected["y"]
    assert np.array_equal(quarters, bundle.arrays["average-0-exact/y"])
    assert (quarters % 4 != 0).any()


def test_pictures_are_png_files_of_the_stored_pixels(small):
    bundle = bundle_read.read(small)
    for name, said in bundle.manifest["pictures"].items():
        assert np.array_equal(image.read(small / said["file"]), bundle.arrays[f"{name}/pixels"])
        with Image.open(small / said["file"]) as opened:
            assert (opened.format, opened.mode) == ("PNG", "RGB")


@pytest.mark.parametrize("seed", range(5))
def test_every_flipped_bit_is_found(seed, damaged):
    rng = np.random.default_rng(seed)
    for path in sorted(damaged.iterdir()):
        data = path.read_bytes()
        spoilt = bytearray(data)
        spoilt[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        path.write_bytes(spoilt)
        named = "manifest.json" if path.name == "SHA256SUMS" else path.name  # whose hash it holds
        with pytest.raises(ValueError, match=named):
            bundle_read.read(damaged)
        path.write_bytes(data)
    bundle_read.read(damaged)  # as it was


def test_damage_is_told_in_one_line(damaged, capsys):
    """(what is done, what is said), each on the command line."""
    stored = damaged / "preprocess.safetensors"
    arrays, _ = tensor_file.read(stored)
    name = "odd-caffe/grid"

    def put(changed):
        stored.write_bytes(tensor_file.to_bytes(changed, "x"))

    without = {k: a for k, a in arrays.items() if k != name}
    deeds = {
        f"tensor '{name}' is missing": lambda: put(without),
        f"tensor '{name}' has shape (8, 8, 3), expected (1, 8, 8, 3)": lambda: put(
            arrays | {name: arrays[name][0]}
        ),
        f"tensor '{name}' is I8, expected U8": lambda: put(
            arrays | {name: arrays[name].astype(np.int8)}
        ),
        f"tensor '{name}' has SHA-256 ": lambda: put(arrays | {name: arrays[name] ^ 1}),
        "not a whole safetensors file": lambda: stored.write_bytes(stored.read_bytes()[:-1]),
        "its header is cut short": lambda: stored.write_bytes(stored.read_bytes()[:30]),
        "preprocess.safetensors: No such file": stored.unlink,
        "wide.png: SHA-256": lambda: (damaged / "wide.png").write_bytes(
            (damaged / "wide.png").read_bytes()[:-1] + b"x"
        ),
        "wide.png: 3 bytes, expected 15,708": lambda: (damaged / "wide.png").write_bytes(b"png"),
        "SHA256SUMS: lists other files": lambda: (damaged / "SHA256SUMS").write_bytes(
            (damaged / "SHA256SUMS").read_bytes() + b"\n"
        ),
        "manifest.json: SHA-256": lambda: (damaged / "manifest.json").write_bytes(b"{}"),
    }
    kept = {path: path.read_bytes() for path in damaged.iterdir()}
    for said, deed in deeds.items():
        deed()
        assert main(["golden", "judge", str(damaged), "results"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
        assert str(damaged) in line
        for path, data in kept.items():
            path.write_bytes(data)


def test_a_manifest_that_is_none_of_ours_is_refused(damaged, tmp_path):
    """Sealed with right hashes: not damaged, but something else."""
    kept = (damaged / "manifest.json").read_bytes()
    for said, change in {
        "version 2, expected 1": lambda m: m.update(version=2),
        "not the manifest of a refnet golden bundle": lambda m: m.update(format="onnx"),
        r"not a manifest of version 1 \(KeyError 'tensors'\)": lambda m: m.pop("tensors"),
        "lies outside the bundle": lambda m: m["files"].update({"../copy/wide.png": {}}),
        "recipe 'tf' is not known": lambda m: m["cases"]["odd-caffe"].update(recipe="tf"),
    }.items():
        reseal(damaged, change)
        with pytest.raises(ValueError, match=said):
            bundle_read.read(damaged)
        (damaged / "manifest.json").write_bytes(kept)
    ops = tmp_path / "ops"
    write(ops, "ops")
    kept = (ops / "manifest.json").read_bytes()
    for said, change in {
        r"y.weight' is missing, expected \(3, 3, 3, 5\)": lambda m: m["tensors"].pop(
            "conv2d-0-exact/y.weight"
        ),
        r"/x' is \(2, 8, 6, 3\), expected \(3, 8, 6, 3\)": lambda m: m["cases"][
            "conv2d-0-exact"
        ].update(batch=3),
        r"/y' is missing, expected \(2, 8, 6, 5\)": lambda m: m["cases"]["conv2d-0"].update(
            kind="exact"
        ),
        "suite 'op'": lambda m: m["cases"]["add"].update(suite="op"),
        "KeyError 'none'": lambda m: m["cases"]["add"].update(network="none"),
    }.items():
        reseal(ops, change)
        with pytest.raises(ValueError, match=said):
            bundle_read.read(ops)
        (ops / "manifest.json").write_bytes(kept)


def test_a_bundle_is_written_whole_or_not_at_all(tmp_path, capsys):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep")
    assert main(["golden", "write", str(tmp_path / "full")]) == 2
    assert "is there already, expected a new or an empty folder" in capsys.readouterr().err
    assert main(["golden", "write", str(tmp_path / "new"), "--suite", "v1", "--size", "224"]) == 2
    assert "size: 224: layer 'pool': a mean of 49 elements" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["full"]
    (tmp_path / "empty").mkdir()
    assert main(["golden", "write", str(tmp_path / "empty"), "--suite", "ops"]) == 0
    assert "empty: 3 files, 0." in capsys.readouterr().out
