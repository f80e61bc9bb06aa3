"""The Metal port at the command line: classify, check, and the verbs of `refnet metal`."""

from __future__ import annotations

import json
import re
import sys

import pytest
from matplotlib import cbook

from refnet.backend import Arithmetic
from refnet.cli import main
from refnet.metal import kernels, open_library
from refnet.metal.device import Library
from refnet.oracle import adapters
from refnet.oracle.adapters.metal import Metal
from refnet.oracle.check import check
from tests.metal.cases import library, need_compiler

GRACE = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)


def test_classify_names_the_same_things_in_the_same_order_as_the_reference(capsys):
    """Probabilities of halves differ in the third digit; what is a percent or more is in order."""
    need_compiler()
    found = {}
    for engine in ("metal", "reference"):
        assert main(["classify", GRACE, "--json", "--engine", engine]) == 0
        answers = json.loads(capsys.readouterr().out)
        assert [answer["engine"] for answer in answers] == [engine] * 2
        found[engine] = [
            [guess["label"] for guess in answer["top"] if guess["probability"] > 0.01]
            for answer in answers
        ]
    assert found["metal"] == found["reference"]
    assert found["metal"][0][:2] == ["bow tie", "military uniform"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["classify", GRACE, "--engine", "metal", "--threads", "2"], "expected 1 for 'metal'"),
        (["metal", "pack", "v3"], "model: 'v3' is neither a checkpoint"),
        (["metal", "lint", "none.metal"], "none.metal: no such file"),
        (["metal", "pack", "v2", "-o", __file__], "test_verbs.py is not a folder"),
        (["metal", "check", "v3"], "model: 'v3' is neither a checkpoint"),
    ],
)
def test_a_mistake_gets_one_line_and_status_2(capsys, words, said):
    need_compiler()
    assert main(words) == 2
    complaint = capsys.readouterr().err
    assert said in complaint
    assert complaint.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [["classify", GRACE, "--engine", "metal"], ["check", "metal"], ["metal", "check", "v1"]],
)
def test_without_a_compiler_one_line_says_what_is_missing(capsys, monkeypatch, words):
    if sys.platform == "darwin":
        pytest.skip("a Mac's own GPU is taken there")
    monkeypatch.setenv("REFNET_CXX", "no-such-compiler")
    assert main(words) == 2
    complaint = capsys.readouterr().err
    assert complaint == "refnet: REFNET_CXX: 'no-such-compiler' does not run as a C++ compiler\n"


def test_pack_and_dispatches_need_no_compiler(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("REFNET_CXX", "no-such-compiler")
    assert main(["metal", "pack", "v2", "-o", str(tmp_path)]) == 0
    assert main(["metal", "dispatches", "v2"]) == 0
    assert "65 tensors" not in capsys.readouterr().err


def test_lint_exits_with_1_where_it_finds_something(capsys, tmp_path):
    assert main(["metal", "lint"]) == 0
    printed = capsys.readouterr().out
    assert f"{len(kernels())} files: no findings" in printed
    path = tmp_path / "slip.metal"
    path.write_text("constant float half_of_one = 0.5;\n")
    assert main(["metal", "lint", str(path)]) == 1
    assert f"{path}:1: literal" in capsys.readouterr().out


@pytest.mark.slow
def test_check_prints_every_layer_and_the_share_of_exact_halves(capsys):
    need_compiler()
    assert main(["metal", "check", "v1", "--layers", "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("30 layers, all inside their bounds") == 2
    shares = re.findall(r"([0-9.]+)% of [0-9,]+ halves are half\(ref\)", printed)
    assert len(shares) == 4  # two photos, and an odd size with each pointwise kernel
    assert len(re.findall(r"^ +block13\.pointwise\.activation ", printed, re.M)) == 2


def test_the_adapter_declares_half_storage_and_what_a_gpu_may_do_otherwise():
    backend = adapters.find("metal") if sys.platform != "darwin" else Metal(library())
    need_compiler()
    half = Arithmetic("float16", accumulate="float32", folds_in="float64")
    assert backend.arithmetic == half

    class Gpu:
        kernels = library().kernels
        dispatch = library().dispatch

    assert isinstance(Gpu(), Library)
    assert Metal(Gpu()).arithmetic == Arithmetic(
        "float16", accumulate="float32", folds_in="float64", rounding="any"
    )


def test_single_operations_hold_and_what_has_no_kernel_says_so():
    report = check(Metal(library()), "ops")
    assert report.holds, report.first_bad
    answered = {result.id for result in report.results if not result.cannot}
    assert {"conv2d-1-exact", "depthwise-11", "pointwise-3-bias", "dense-2", "softmax-1000", "add",
            "relu6-exact", "global-7x5", "conv2d-16-bias-exact"} <= answered  # fmt: skip
    refused = [result.cannot for result in report.results if result.cannot]
    assert all("has no Metal kernel" in said for said in refused)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["v1", "v2"])
def test_both_networks_hold_in_every_question_of_the_oracle(model):
    report = check(Metal(library()), model)
    assert report.holds, report.first_bad
    assert {result.mode for result in report.results} == {"shown", "fused"}


def test_another_device_is_refused_by_name():
    with pytest.raises(ValueError, match="device: 'tpu', expected cpu or mac"):
        open_library("tpu")


def test_lint_says_which_part_of_metals_library_it_does_not_know(capsys):
    with pytest.raises(SystemExit):
        main(["metal", "lint", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for unknown in ("atomics", "matrices", "texture3d", "level()", "cross()", "packed types"):
        assert unknown in said
