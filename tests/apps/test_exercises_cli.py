"""`refnet exercises` as a teacher meets it."""

from __future__ import annotations

import csv
import json

import pytest

from refnet.cli import main
from refnet.exercises import exercises


def refused(capsys, *words: str) -> str:
    assert main(["exercises", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("refnet: ")
    assert err.count("\n") == 1
    return err


def test_list_has_a_line_for_each_exercise(capsys):
    assert main(["exercises", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [e.number for e in exercises()]
    assert lines[0].endswith("numbers_in(shape)")


def test_list_of_a_number_shows_its_text_and_its_cell(capsys):
    assert main(["exercises", "list", "5.2"]) == 0
    out = capsys.readouterr().out
    assert "No channel sees another." in out
    assert out.endswith('raise NotImplementedError\n\n\n# check("5.2", depthwise_same)\n')


def test_list_as_json_of_a_chapter(capsys):
    assert main(["exercises", "list", "7", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [entry["number"] for entry in found] == [f"7.{n}" for n in range(1, 7)]
    assert found[0]["parameters"] == ["D_K", "N"]


@pytest.fixture
def a_class(tmp_path):
    folder = tmp_path / "class"
    folder.mkdir()
    (folder / "ann.py").write_text("def bill(D_K, M, N, D_F): return D_K**2 * M * N * D_F**2")
    (folder / "bob.py").write_text("def bill(D_K, M, N, D_F): return D_K**2 * M * D_F**2")
    return folder


def test_grade_prints_one_table_and_writes_it(capsys, tmp_path, a_class):
    for name in ("grades.csv", "grades.json"):
        words = ["grade", str(a_class), "--only", "3", "--out", str(tmp_path / name)]
        assert main(["exercises", *words]) == 0
        out, err = capsys.readouterr()
        assert [line.split() for line in out.splitlines()[:3]] == [
            ["right", "3.1"], ["ann", "1", "+"], ["bob", "0", "x"],
        ]  # fmt: skip
        assert "bob  3.1  wrong: That is one filter; there are N of them" in out
        assert err == f"refnet: wrote {tmp_path / name}\n"
    with open(tmp_path / "grades.csv", newline="") as file:
        ann, bob = list(csv.DictReader(file))
    assert (ann["3.1"], ann["right"]) == ("right", "1")
    assert bob["3.1"].startswith("wrong: That is one filter")
    rows = json.loads((tmp_path / "grades.json").read_text())
    assert [row["marks"]["3.1"]["kind"] for row in rows] == ["right", "wrong"]


def test_grade_as_json(capsys, a_class):
    assert main(["exercises", "grade", str(a_class), "--only", "3.1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["student"] == "ann"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["list", "5.9"], "exercise: '5.9', expected 5.1 to 5.5"),
        (["list", "99"], f"exercise: '99', expected 0.1 to {exercises()[-1].number}"),
        (["grade", "nowhere"], "FOLDER: 'nowhere' is not a folder"),
        (["grade", ".", "--timeout", "0"], "--timeout: 0.0, expected a number above 0"),
        (["grade", ".", "--memory", "0"], "--memory: 0, expected a whole number of at least 1"),
        (["grade", ".", "--jobs", "0"], "--jobs: 0, expected a whole number of at least 1"),
        (["grade", ".", "--out", "a.txt"], "--out: 'a.txt', expected a name that ends in .csv"),
        (["grade", ".", "--out", "no/a.csv"], "--out: no/a.csv cannot be written"),
        (["grade", ".", "--only", "5.9"], "exercise: '5.9', expected 5.1 to 5.5"),
    ],
)
def test_a_mistake_gets_one_line(capsys, words, said):
    assert said in refused(capsys, *words)


def test_the_help_says_that_it_is_no_sandbox(capsys):
    with pytest.raises(SystemExit):
        main(["exercises", "grade", "--help"])
    assert "no sandbox" in " ".join(capsys.readouterr().out.split())
