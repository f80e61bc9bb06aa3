from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from checkpoint_files import assert_same_tensors, small
from safetensors.numpy import save as save_bytes
from safetensors.numpy import save_file

from refnet.checkpoints import ChecksumError, load, manifest, read, save
from refnet.checkpoints.convert import convert
from refnet.checkpoints.files import check_sha256, sha256, write_whole
from refnet.checkpoints.store import KEY, to_bytes


@pytest.fixture
def path(tmp_path):
    return tmp_path / "small.safetensors"


@pytest.mark.parametrize("batch_norm", [True, False])
def test_what_is_read_is_what_was_saved_bit_for_bit(path, batch_norm):
    checkpoint = small(batch_norm=batch_norm)
    save(checkpoint, path)
    for found in (read(path), load(path), load(str(path))):
        assert_same_tensors(found.tensors, checkpoint.tensors)
        assert found.description() == checkpoint.description()
        assert found.network == checkpoint.network


def test_converting_ones_own_checkpoint_is_refused_rather_than_done_without_its_options(path):
    save(small(), path)
    with pytest.raises(ValueError, match="is a checkpoint of refnet already"):
        convert(path, "v2", alpha=0.5)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_a_safetensors_file_with_the_networks_own_names_is_converted(path, batch_norm):
    checkpoint = small(batch_norm=batch_norm)
    save_file(dict(checkpoint.tensors), path)
    found = convert(path, checkpoint.model, conventions="caffe", **checkpoint.options)
    assert_same_tensors(found.tensors, checkpoint.tensors)
    assert found.network.layers == checkpoint.network.layers
    with pytest.raises(ValueError, match=r"stem\.weight' has shape"):
        convert(path, checkpoint.model, **{**checkpoint.options, "alpha": 1.0})


def test_tensors_that_nobody_knows_and_other_number_types_are_refused(path):
    checkpoint = small()
    save_file({**checkpoint.tensors, "stray": np.zeros(3, np.float32)}, path)
    with pytest.raises(ValueError, match="'stray' belongs to no layer"):
        convert(path, checkpoint.model, **checkpoint.options)
    save_file({"classifier.weight": np.zeros((3, 3), np.float16)}, path)
    with pytest.raises(ValueError, match=r"tensor 'classifier\.weight' is F16, expected F32"):
        convert(path, "v1")


def test_the_same_checkpoint_gives_the_same_bytes(path):
    checkpoint = small()
    turned = replace(checkpoint, tensors=dict(reversed(checkpoint.tensors.items())))
    assert to_bytes(checkpoint) == to_bytes(turned)
    save(checkpoint, path)
    assert path.read_bytes() == to_bytes(checkpoint) == to_bytes(read(path))


def test_another_number_gives_other_bytes():
    checkpoint = small()
    tensors = {**checkpoint.tensors, "stem.weight": -checkpoint.tensors["stem.weight"]}
    assert to_bytes(replace(checkpoint, tensors=tensors)) != to_bytes(checkpoint)


def test_a_file_cut_short_anywhere_is_refused_in_one_line(path):
    data = to_bytes(small())
    for size in [0, 1, 7, 8, 9, *range(100, len(data), len(data) // 30), len(data) - 1]:
        path.write_bytes(data[:size])
        with pytest.raises(ValueError, match="not a whole safetensors file") as refusal:
            read(path)
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("ending", [".tflite", ".pth", ".PT", ".h5", ".json", ".caffemodel"])
def test_another_frameworks_file_is_refused_with_the_command_that_converts_it(tmp_path, ending):
    path = tmp_path / f"mine{ending}"
    path.write_bytes(b"anything")
    said = f"mine{ending}: another framework's file; `refnet weights convert {path} --as MODEL"
    with pytest.raises(ValueError, match=re.escape(said)):
        load(str(path))


def rewritten(**changes):
    """The file's bytes with a changed description, changed tensors, or other metadata."""
    checkpoint = small()
    description = {**checkpoint.description(), **changes.get("description", {})}
    tensors = {**checkpoint.tensors, **changes.get("tensors", {})}
    for name in changes.get("without", ()):
        description.pop(name, None)
        tensors.pop(name, None)
    metadata = changes.get("metadata", {KEY: json.dumps(description)})
    return save_bytes(tensors, metadata=metadata)


def holding(number):
    bias = np.zeros(5, np.float32)
    bias[2] = number
    return {"tensors": {"classifier.bias": bias}}


NONE = "safetensors without refnet's description; `refnet weights convert"
REFUSED = {
    "no metadata": ({"metadata": None}, NONE),
    "another's metadata": ({"metadata": {"format": "pt"}}, NONE),
    "metadata that is no JSON": ({"metadata": {KEY: "{"}}, "Expecting property name"),
    "metadata that is a list": (
        {"metadata": {KEY: "[1]"}},
        "a list, expected an object",
    ),
    "metadata that is a number": (
        {"metadata": {KEY: "1"}},
        "a int, expected an object",
    ),
    "another format": ({"description": {"format": 2}}, "format: 2, expected 1"),
    "no format": ({"without": ["format"]}, "format: None, expected 1"),
    "no model": ({"without": ["model"]}, "description: 'model' is missing"),
    "no upstream": ({"without": ["upstream"]}, "description: 'upstream' is missing"),
    "an unknown model": ({"description": {"model": "v9"}}, "v9"),
    "an unknown option": ({"description": {"options": {"width": 1}}}, "width"),
    "options that are none": ({"description": {"options": 5}}, "description: .*does not fit"),
    "conventions that are none": ({"description": {"conventions": {}}}, "description: "),
    "NaN": (holding(np.nan), "'classifier.bias' holds 1 NaN or infinite of 5 numbers"),
    "an infinity": (holding(-np.inf), "'classifier.bias' holds 1 NaN or infinite of 5 numbers"),
    "a tensor missing": ({"without": ["stem.weight"]}, r"'stem\.weight' .* is missing"),
    "a tensor of another shape": (
        {"tensors": {"stem.weight": np.zeros((3, 3, 3, 5), np.float32)}},
        r"'stem\.weight' has shape \(3, 3, 3, 5\), but .* needs \(3, 3, 3, 4\)",
    ),
    "the batch norm of another network": ({"description": {"batch_norm": False}}, "is missing"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_checkpoint_is_refused_in_one_line(path, case):
    changes, message = REFUSED[case]
    path.write_bytes(rewritten(**changes))
    with pytest.raises(ValueError, match=message) as refusal:
        read(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert "\n" not in str(refusal.value)


def test_rewriting_nothing_is_accepted(path):
    """So that the refusals above are due to what was changed."""
    path.write_bytes(rewritten())
    assert_same_tensors(read(path).tensors, small().tensors)


def test_an_unknown_name_is_refused_with_the_names_that_are_known():
    known = "v1, v2, mobilenet_v1_1.0_224, mobilenet_v2_1.0_224, deeplab, ssdlite, .*_1.0_300"
    with pytest.raises(ValueError, match=rf"'nonsense' is neither a checkpoint \({known}\) nor"):
        load("nonsense")


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A copy of the shipped weights that a test may damage."""
    copy = tmp_path / "weights"
    shutil.copytree(manifest.folder(), copy)
    monkeypatch.setattr(manifest, "folder", lambda: copy)
    return copy


@pytest.mark.parametrize("name", ["v1", "v2"])
def test_a_shipped_file_that_has_changed_by_one_bit_or_byte_is_refused(weights, name):
    path = manifest.entry(name).path
    assert path.parent == weights
    data = bytearray(path.read_bytes())
    assert load(name).tensors
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ChecksumError, match=r"SHA-256 \w{16}\.\.\., expected \w{16}\.\.\."):
        load(name)
    path.write_bytes(data[:-1])
    with pytest.raises(ChecksumError, match=r"[\d,]+ bytes, expected [\d,]+"):
        load(name)


def test_labels_that_have_changed_are_refused(weights):
    path = weights / manifest.read()["labels"]["file"]
    path.write_bytes(path.read_bytes().replace(b"tench", b"trout"))
    with pytest.raises(ChecksumError, match="SHA-256"):
        manifest.labels(1000)


def test_labels_of_another_number_of_classes_do_not_exist():
    with pytest.raises(ValueError, match="classes: 10, but ImageNet has 1000"):
        manifest.labels(10)


def test_the_hash_is_that_of_the_standard(tmp_path):
    path = tmp_path / "abc"
    path.write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(path) == known
    check_sha256(path, known, 3)


@pytest.mark.parametrize("step", ["replace", "chmod"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(path, monkeypatch, step):
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(OSError, match="disk full"):
            save(small(), path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == b"old"


def test_a_written_file_has_the_mode_that_the_user_asks_for(path):
    old = os.umask(0o027)
    try:
        write_whole(path, b"x")
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o640


def test_an_unknown_ending_and_a_missing_file_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        convert(tmp_path / "missing.pth", "v1")
    other = tmp_path / "model.onnx"
    other.write_bytes(b"")
    with pytest.raises(ValueError, match=r"unknown ending '\.onnx', expected one of \.tflite"):
        convert(other, "v1")


def test_folding_a_checkpoint_keeps_all_but_the_batch_norms():
    checkpoint = small()
    folded = checkpoint.fold(np.float32)
    assert set(folded.tensors) == set(small(batch_norm=False).tensors)
    assert folded.description() == {**checkpoint.description(), "batch_norm": False}
