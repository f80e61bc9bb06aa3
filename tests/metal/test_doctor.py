"""`refnet metal doctor`: its report, its exit status, on the stand-in for Metal and on the CPU."""

from __future__ import annotations

import argparse
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from refnet.apps import metal_coreml, metal_doctor
from refnet.backend import Arithmetic
from refnet.checkpoints import load
from refnet.metal import kernels
from refnet.metal.cpu import CpuLibrary
from refnet.metal.device import Array, Kernel, MetalError, Size
from refnet.metal.mac.doctor import Part, Report, Timed, doctor, gpu
from refnet.metal.mac.mac_library import MacLibrary
from refnet.metal.mac.selftest import SOURCE, selftest
from refnet.oracle.check import check
from refnet.run import run
from tests.metal.cases import library, need_compiler
from tests.metal.fake_metal import FakeMetal
from tests.metal.test_judging import made


def asked(*words: str) -> int:
    parser = argparse.ArgumentParser()
    metal_doctor.add_arguments(parser)
    arguments = parser.parse_args(words)
    status: int = arguments.run(arguments)
    return status


def test_doctor_on_a_mac_tells_device_math_mode_and_selftest() -> None:
    said: list[str] = []
    report = doctor(bridge=FakeMetal().bridge, say=said.append)
    assert (report.holds, report.status) == (True, 0)
    text = str(report)
    for line in (
        "device: Fake GPU",
        "math mode: safe, precise functions (MTLMathMode)",
        "most threads a threadgroup: selftest_exp 1024, selftest_map 1024",
        "textures: 420 texels' numbers: bit-equal",
        "rounding: math mode safe, rounding to nearest",
        "self-test: holds",
    ):
        assert line in text, line
    assert text.endswith("all holds")
    assert said[-1] == "all holds"
    assert "".join(said[:-1]).replace("\n", "") == text.replace("\n", "")[: -len("all holds")]


def test_doctor_names_the_old_way_to_safe_math() -> None:
    library = MacLibrary(SOURCE, bridge=FakeMetal(macos=14).bridge)
    assert gpu(library)["math mode"] == "safe (fastMathEnabled, before macOS 15)"


def test_doctor_asks_no_networks_where_the_selftest_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A GPU whose compiler reorders sums although it was told not to."""
    fake = FakeMetal()
    monkeypatch.setattr(fake.module.MTLCompileOptions, "setMathMode_", lambda self, value: None)
    steps = [("check", lambda device: Part("check", (), True))]
    report = doctor(bridge=fake.bridge, steps=steps, say=lambda _: None)
    assert report.status == 1
    text = str(report)
    assert "WRONG: rounding: sums are reordered, fast math is on" in text
    assert "not asked, since the self-test does not hold\n  check" in text
    assert text.endswith("does not hold: self-test")


def test_step_that_raises_does_not_hold_and_the_others_are_asked() -> None:
    def broken(device: str) -> Part:
        raise MetalError(f"softmax: the GPU stopped on {device}")

    steps = [("one", broken), ("two", lambda device: Part("two", ("right",), True))]
    report = doctor("cpu", steps=steps, say=lambda _: None)
    assert [(part.title, part.holds) for part in report.parts[2:]] == [
        ("one", False),
        ("two", True),
    ]
    assert "softmax: the GPU stopped on cpu" in str(report)
    assert (report.status, report.verdict) == (1, "does not hold: one")


def test_report_that_judged_nothing_does_not_hold() -> None:
    assert Report((Part("told", ()),)).verdict == "does not hold: nothing was judged"


def test_no_device_is_no_report() -> None:
    with pytest.raises(MetalError, match="offers no Metal device"):
        doctor(bridge=FakeMetal(devices=0).bridge)
    with pytest.raises(ValueError, match="device: 'tpu', expected mac or cpu"):
        doctor("tpu")


def test_doctor_on_linux_says_in_one_line_that_it_is_no_mac(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    with pytest.raises(ValueError, match=r"no Mac but Linux.*`--device cpu`") as found:
        asked()
    assert "\n" not in str(found.value)


class Wrong:
    """A library with a fault: after a dispatch, one number is changed."""

    def __init__(self, library: Any, kernel: str, index: int) -> None:
        self._library, self._kernel, self._index = library, kernel, index
        self.kernels: Mapping[str, Kernel] = library.kernels

    def dispatch(
        self,
        name: str,
        grid: Size,
        threadgroup: Size,
        textures: Mapping[int, Array] = {},
        buffers: Mapping[int, Array] = {},
        threadgroup_bytes: Mapping[int, int] = {},
    ) -> None:
        self._library.dispatch(name, grid, threadgroup, textures, buffers, threadgroup_bytes)
        if name == self._kernel:
            array = {**buffers, **textures}[self._index]
            array.flat[3] = np.nextafter(array.flat[3], array.dtype.type(np.inf))


@pytest.mark.parametrize(
    ("kernel", "index", "name"),
    [
        ("selftest_map", 2, "textures"),
        ("selftest_sum", 1, "threadgroup memory"),
        ("selftest_rounding", 1, "rounding"),
        ("selftest_rounding", 2, "rounding"),
    ],
)
def test_selftest_finds_one_bit(kernel: str, index: int, name: str) -> None:
    findings = selftest(Wrong(CpuLibrary(SOURCE), kernel, index))
    assert [one.name for one in findings if not one.holds] == [name]


def test_times_are_the_gpus_own() -> None:
    fake = FakeMetal()
    timed = Timed(MacLibrary(SOURCE, bridge=fake.bridge))
    selftest(timed)
    assert timed.seconds == [0.25] * 4  # what every command buffer of the stand-in takes
    assert timed.names[0] == "selftest_map"
    assert set(timed.kernels) == set(timed.names)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A small checkpoint in place of V2's; the oracle's suite for it are the single operations."""
    path = made(tmp_path, (32, 32))
    monkeypatch.setattr(metal_doctor, "MODELS", (path,))
    monkeypatch.setattr(metal_doctor, "check", lambda backend, model, **also: check(backend, "ops"))
    return path


def test_doctor_asks_all_it_has_to_ask_of_a_small_network(
    small: str, capsys: pytest.CaptureFixture[str]
) -> None:
    need_compiler()
    assert asked("--device", "cpu") == 0
    said = capsys.readouterr().out
    titles = ("odd sizes, V2 at 33 x 80 padded as by TensorFlow", f"check {small}",
              f"photos {small}")  # fmt: skip
    for line in (*(f"{title}: holds\n" for title in titles), f"times {small}\n"):
        assert line in said, line
    assert re.search(r"^  65 dispatches, [0-9.]+ ms by the CPU's clock", said, re.MULTILINE)
    assert re.search(r"^  classifier +fully_connected +1000 x 1 x 1 .* [0-9.]+$", said, re.M)
    assert said.rstrip().endswith("all holds")


def test_doctor_judges_the_library_that_it_asks(
    small: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Wrong(library(), "residual_add", 2)
    monkeypatch.setattr(metal_doctor, "_opened", lambda device: wrong)
    parts = [ask("mac") for title, ask in metal_doctor.steps([small]) if "odd" in title
             or "photos" in title]  # fmt: skip
    assert [part.holds for part in parts] == [False, False]


@pytest.mark.slow
def test_doctor_on_the_cpu_device_checks_a_network_and_holds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert asked("--device", "cpu", "--model", "v2") == 0
    said = capsys.readouterr().out
    for line in (
        "self-test: holds",
        "check v2: holds",
        "photos v2: holds",
        "times v2\n",
        "not asked: Core ML predicts on a Mac only",
    ):
        assert line in said, line
    assert said.rstrip().endswith("all holds")


@pytest.mark.slow
@pytest.mark.parametrize("model", ["v1", "v2"])
def test_whole_networks_hold_through_the_mac_host(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every layer on photos, judged by the oracle, every array through the stand-in for Metal."""
    library = MacLibrary(*kernels(), bridge=FakeMetal().bridge)
    monkeypatch.setattr(metal_doctor, "_opened", lambda device: library)
    assert metal_doctor.photos(model, "mac").holds
    told = metal_doctor.timed(model, "mac").lines
    dispatches = len(told) - 2  # a heading and a last line
    assert told[-1].startswith(f"{dispatches} dispatches, {dispatches * 250:.2f} ms by the GPU's")


class OneModel:
    """coremltools as far as the doctor needs it; its models answer by refnet's own oracle."""

    ComputeUnit = SimpleNamespace(CPU_ONLY="cpu", ALL="all")

    def __init__(self, answer: Any) -> None:
        self.models = SimpleNamespace(MLModel=self._loaded)
        self._answer, self.units = answer, []

    def _loaded(self, path: str, *, compute_units: str) -> Any:
        self.units.append(compute_units)
        return SimpleNamespace(predict=lambda given: {"softmax": self._answer(given)})


@pytest.mark.parametrize(("right", "holds"), [(True, True), (False, False)])
def test_core_ml_is_asked_in_both_precisions(
    right: bool, holds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = load("v1")

    def answer(given: Mapping[str, Array]) -> Array:
        assert given["image"].shape == (1, 3, 224, 224)
        assert given["image"].dtype == np.float32
        image = (
            given["image"].transpose(0, 2, 3, 1)
            if right
            else given["image"].reshape(1, 224, 224, 3)
        )
        return run(checkpoint.network, checkpoint.tensors, {"image": image})["softmax"]

    ct = OneModel(answer)
    monkeypatch.setattr(metal_coreml, "import_module", lambda name: ct)
    monkeypatch.setattr(metal_coreml, "to_coreml", lambda *given, **also: also["precision"])
    monkeypatch.setattr(metal_coreml, "save", lambda made, path: 0)
    photo = next(metal_coreml.real_questions("v1"))
    monkeypatch.setattr(metal_coreml, "real_questions", lambda model: [photo])
    part = metal_coreml.predicted("v1", "Core ML v1")
    assert part.holds is holds
    assert ct.units == ["cpu", "all"]
    assert [line.split(":")[0] for line in part.lines] == [
        "float32 on CPU_ONLY",
        "float16 on ALL",
    ]


def test_core_ml_is_not_asked_where_it_cannot_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    assert metal_doctor.core_ml("v1", "mac").holds is None
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(metal_doctor, "find_spec", lambda name: None)
    assert metal_doctor.core_ml("v1", "mac").lines == ("not asked: pip install coremltools",)


def test_check_finds_a_kernel_that_is_wrong_by_one_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the oracle's judgement, on single operations, which are quickly asked."""
    right = metal_doctor.open_library("cpu")
    monkeypatch.setattr(metal_doctor, "_opened", lambda device: Wrong(right, "residual_add", 2))
    part = metal_doctor.checked("ops", "mac")
    assert part.holds is False
    assert any(line.strip().startswith("add-exact: ") for line in part.lines), part.lines
    command, _, arithmetic = part.lines[-1].rpartition(" ")
    assert command == "refnet check metal --suite ops --arithmetic"
    told = Arithmetic.parse(arithmetic)
    assert (told.rounding, told.flushes_subnormals) == ("any", True)
