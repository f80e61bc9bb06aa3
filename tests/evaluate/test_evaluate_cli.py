"""`refnet evaluate` as it is typed: killed and resumed, compared, refused in one line."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from matplotlib import cbook

from refnet.cli import main
from tests.evaluate.photos import QUICK, folder

ROOT = Path(__file__).parents[2]
GRACE = Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))


def command(*words) -> list[str]:
    return [sys.executable, "-m", "refnet", "evaluate", *map(str, words)]


def printed(capsys, *words) -> dict:
    assert main(["evaluate", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """The photo that V1 calls a bow tie (457), under that class and under another."""
    root = tmp_path_factory.mktemp("labelled")
    for name in ("bow tie/a.jpg", "n03000247/b.jpg"):
        (root / name).parent.mkdir()
        (root / name).write_bytes(GRACE.read_bytes())
    return root


def test_both_models_by_default_each_by_its_own_recipe(labelled, tmp_path, capsys):
    said = printed(capsys, labelled, "--out", tmp_path)
    assert [(v["model"], v["preprocessing"]) for v in said["variants"]] == [
        ("mobilenet_v1_1.0_224", "tf-slim"), ("mobilenet_v2_1.0_224", "torchvision"),
    ]  # fmt: skip
    # What LiteRT and PyTorch call this photo stands in tests/apps/test_cli.py: bow tie, both.
    assert [v["top1"]["count"] for v in said["variants"]] == [1, 1]
    names = {path.name.rpartition(".")[2] for path in tmp_path.iterdir()}
    assert names == {"jsonl", "csv", "json", "html", "txt", "lock"}
    stored = json.loads((tmp_path / "report.json").read_text())
    assert stored == said


@pytest.mark.parametrize("out", ["evaluation", "."])
@pytest.mark.parametrize("layout", ["folders", "flat"])
def test_reports_that_lie_among_the_photos_are_none_of_them(
    tmp_path, capsys, monkeypatch, layout, out
):
    """`refnet evaluate .`, whose --out lies in it or is it: the second time there are reports."""
    (tmp_path / "457").mkdir()
    (tmp_path / "457" / "photo_1.jpg").write_bytes(GRACE.read_bytes())
    (tmp_path / "truth.txt").write_text("n02883205\n")
    monkeypatch.chdir(tmp_path)
    words = [
        ".",
        "--model",
        "v1",
        "--out",
        out,
        *(["--labels", "truth.txt"] if layout == "flat" else []),
    ]
    found = [printed(capsys, *words) for _ in range(2)]
    assert [each.pop("time")["new"] for each in found] == [1, 0]
    assert found[0] == found[1]
    assert (found[0]["photos"], found[0]["not_pictures_by_name"]) == (1, 1)


def test_recipes_change_the_answer_and_the_report_says_on_which_photo(labelled, tmp_path, capsys):
    words = [labelled, "--model", "v1", "--against", "tf-slim", "squash", "--out", tmp_path]
    (pair,) = printed(capsys, *words)["pairs"]
    assert (pair["photos"], pair["other_first_class"], pair["only_a_right"]) == (2, 2, 1)
    assert pair["changes"][0]["a"][0][0] == "bow tie"
    assert pair["changes"][0]["b"][0][0] == "military uniform"


@pytest.mark.slow
def test_two_engines_differ_by_rounding_and_that_is_proven(labelled, tmp_path, capsys):
    words = [labelled, "--model", "v1", "--against", "ops", "fast", "--out", tmp_path]
    said = printed(capsys, *words, "--judge", 1)
    (pair,) = said["pairs"]
    assert pair["other_first_class"] == pair["other_five_classes"] == 0
    assert 0 < pair["largest_difference"] < 1e-4
    assert [one["engine"] for one in said["judged"]] == ["ops", "fast"]
    assert all(one["holds"] for one in said["judged"])
    assert all(
        "layers within the bound of storage=float32" in one["told"] for one in said["judged"]
    )


def test_a_change_of_answer_that_is_no_rounding_is_called_so(tmp_path, capsys, monkeypatch):
    """An engine whose classes are one off: each photo is judged wrong, at a named layer."""
    monkeypatch.chdir(ROOT)
    root = folder(tmp_path / "in", 3)
    shifted = "tests.evaluate.engines:Shifted"
    words = ["evaluate", root, "--model", "v1", "--preprocess", "squash", "--against", QUICK]
    assert main([*map(str, words), shifted, "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "So what differs there is more than rounding." in said


def test_stored_records_are_compared_without_the_photos(labelled, tmp_path, capsys):
    for engine in ("fast", "ops"):
        words = [labelled, "--model", "v2", "--engine", engine, "--out", tmp_path / engine]
        printed(capsys, *words)
    assert main(["evaluate", "--against", str(tmp_path / "fast"), str(tmp_path / "ops")]) == 0
    out = capsys.readouterr().out
    assert "0 of 2" in out
    said = printed(capsys, "--against", tmp_path / "fast", tmp_path / "ops")
    assert said["pairs"][0]["photos"] == 2
    assert said["pairs"][0]["largest_difference"] < 1e-4


REFUSED = {
    "nothing": ([], "DIR: expected a folder"),
    "an empty word": ([""], "DIR: expected a folder"),
    "two ways to share": (
        [".", "--processes", "2", "--scheduler", "tcp://127.0.0.1:9"],
        "--processes: the workers of --scheduler share the photos",
    ),
    "no such folder": (["gone"], "gone: no such folder or file, nor one of the sets"),
    "engine": ([".", "--engine", "abacus"], "--engine: backend: 'abacus', expected one of"),
    "recipe": ([".", "--preprocess", "stew"], "--preprocess: 'stew', expected one of"),
    "model": ([".", "--model", "v9"], "v9"),
    "processes": ([".", "--processes", "0"], "--processes: 0, expected a whole number"),
    "against": ([".", "--against", "fast", "stew"], "--against: 'stew' is no recipe"),
    "alike": ([".", "--against", "fast", "v1"], "--against: fast and v1 are the same"),
    "records": (["--against", "gone", "gone"], "--against: 'gone': no such folder"),
    "classes": ([".", "--classes", "gone"], "--classes: gone: no such file"),
    "scheduler": ([".", "--scheduler", "tcp://127.0.0.1:9"], "--scheduler"),
    "no address": ([".", "--scheduler", "foo"], "--scheduler: foo: missing port number"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_mistake_gets_one_line(case, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tabby").mkdir()
    words, said = REFUSED[case]
    if case == "no address":
        pytest.importorskip("distributed", reason="pip install 'refnet[cluster]'")
    if case == "scheduler":
        monkeypatch.setattr("refnet.apps.evaluate.cluster.PATIENCE", 1)
    assert main(["evaluate", *words]) == 2
    found = capsys.readouterr()
    assert said in found.err
    assert found.err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tabby"]


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_killed_at_ten_random_moments_and_resumed_the_report_is_the_same(tmp_path, processes):
    root = folder(tmp_path / "in", 150)
    words = ["--engine", "tests.evaluate.engines:Slow", "--model", "v2", "--preprocess", "squash"]
    words += ["--processes", processes]
    whole, out = tmp_path / "whole", tmp_path / "out"
    subprocess.run(command(root, *words, "--out", whole), cwd=ROOT, check=True, capture_output=True)
    draw, kills = random.Random(10), 0
    while kills < 10:
        process = subprocess.Popen(
            command(root, *words, "--out", out), cwd=ROOT, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        before, wait = size(out), draw.uniform(0, 0.3)
        if kills % 3 == 0:  # at any moment; else while photos are evaluated, which is the point
            time.sleep(3 * wait)
        else:
            while size(out) == before and process.poll() is None:
                time.sleep(0.01)
            time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
    assert 0 < count(out) < 150, "the kills came too late or too early to show anything"
    subprocess.run(command(root, *words, "--out", out), cwd=ROOT, check=True, capture_output=True)
    assert count(out) == 150  # no photo twice
    found, expected = (json.loads((o / "report.json").read_text()) for o in (out, whole))
    assert found.pop("time")["new"] < 150
    expected.pop("time")
    assert found == expected
    for pattern in ("*.csv", "report.html"):
        texts = [without_time(next(o.glob(pattern)).read_text()) for o in (out, whole)]
        assert texts[0] == texts[1]


def size(out: Path) -> int:
    return sum(path.stat().st_size for path in out.glob("*.jsonl")) if out.exists() else 0


def count(out: Path) -> int:
    return sum(path.read_bytes().count(b"\n") - 1 for path in out.glob("*.jsonl"))


def without_time(page: str) -> str:
    before, _, rest = page.partition("<!-- time -->")
    return before + rest.partition("<!-- /time -->")[2]


@pytest.mark.slow
def test_ten_thousand_photos_take_the_memory_of_one_thousand(tmp_path):
    """What grows is declared: 16 bytes a record of index, and the names of the folder at hand.

    A record kept as a Python object takes 2 KB and more, a photo's tensor 600 KB; the names, three
    strings of 100 characters each, half a kilobyte. So 1 KB a photo tells them apart.
    """
    peaks = []
    for number in (1_000, 10_000):
        root = tmp_path / f"{number}" / "1"
        photo = next(iter(folder(tmp_path / f"p{number}", 1).glob("*/*.png"))).read_bytes()
        root.mkdir(parents=True)
        for n in range(number):
            (root / f"{n:06}.png").write_bytes(photo)
        words = ["--engine", QUICK, "--model", "v2", "--preprocess", "squash"]
        words += ["--out", tmp_path / f"out{number}"]
        code = (
            "import resource, sys; from refnet.cli import main; status = main(sys.argv[1:]);"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr);"
            "sys.exit(status)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, "evaluate", str(root.parent), *map(str, words)],
            cwd=ROOT, check=True, capture_output=True, text=True,
        )  # fmt: skip
        peaks.append(int(done.stderr.splitlines()[-1]))  # KB on Linux
        assert f"{number:,} photos" in done.stdout
    assert peaks[1] - peaks[0] < 9_000, peaks


@pytest.mark.slow
@pytest.mark.parametrize("wait", [0, 0.05, 0.15, 0.4])
def test_ctrl_c_while_processes_begin_is_two_lines_and_leaves_none(tmp_path, wait):
    """A terminal sends it to all of them; those that begin know nothing of it yet."""
    root = folder(tmp_path / "in", 40)
    words = ["--engine", "tests.evaluate.engines:Slow", "--model", "v2", "--preprocess", "squash"]
    process = subprocess.Popen(
        command(root, *words, "--processes", 2, "--out", tmp_path / "out"), cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        process.kill()
        pytest.skip("the system does not tell a process's children")
    while len(begun := children.read_text().split()) < 2:  # with the one that tracks resources
        assert process.poll() is None
        time.sleep(0.005)
    time.sleep(wait)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines() == [
        f"refnet: what is done is kept in {tmp_path / 'out'}: the same command goes on from there",
        "refnet: interrupted",
    ]
    until = time.monotonic() + 30  # the one that tracks resources ends a moment after its parent
    while any(Path("/proc", child).exists() for child in begun):
        assert time.monotonic() < until
        time.sleep(0.05)
