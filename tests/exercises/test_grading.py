"""Grading: right answers are found, and nothing that a submission does reaches another row."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from refnet.cli import main
from refnet.exercises import grades
from refnet.exercises.grading import Mark, Row, grade
from refnet.exercises.handed_in import left_out, submissions

RIGHT = "def bill(D_K, M, N, D_F):\n    return D_K**2 * M * N * D_F**2\n"
WRONG = "def bill(D_K, M, N, D_F):\n    return D_K * M * N * D_F**2\n"
ASKED = ("3.1", "3.2")
POSIX = pytest.mark.skipif(os.name != "posix", reason="process groups and limits are POSIX's")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")


def notebook(folder: Path, student: str, *sources: str) -> None:
    cells = [{"cell_type": "markdown", "source": ["# Mine\n"]}]
    cells += [{"cell_type": "code", "source": source.splitlines(keepends=True), "outputs": [],
               "execution_count": None, "metadata": {}} for source in sources]  # fmt: skip
    path = folder / f"{student}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5}))


def graded(folder: Path, **said) -> dict:
    said = {"numbers": ASKED, "timeout": 4.0, "jobs": 2} | said
    return {row.student: row for row in grade(folder, **said)}


def kinds(row) -> dict[str, str]:
    return {number: mark.kind for number, mark in row.marks.items()}


def test_what_each_defines_is_checked(tmp_path):
    """A notebook with magics, a module, one that stops halfway, and a file that is no notebook."""
    notebook(
        tmp_path, "ann", "%matplotlib inline\nimport numpy as np", RIGHT, "bill = bill(1, 1, 1, 1)"
    )
    (tmp_path / "bob.py").write_text(
        f"{WRONG}def weights(D_K, M, N, bias): raise NotImplementedError\n"
    )
    notebook(tmp_path, "cat", RIGHT, "import sys; sys.exit(1)", "def f(:", WRONG)
    (tmp_path / "dan.ipynb").write_text("this is no JSON")
    rows = graded(tmp_path, timeout=20.0)
    assert list(rows) == ["ann", "bob", "cat", "dan"]
    assert kinds(rows["ann"]) == {"3.1": "right"}  # the function, though its name was used again
    assert rows["ann"].remarks == []
    assert kinds(rows["bob"]) == {"3.1": "wrong", "3.2": "not written"}
    assert rows["bob"].marks["3.1"].said == "A kernel of side D_K has D_K times D_K taps a channel."
    assert kinds(rows["cat"]) == {"3.1": "wrong"}  # what stands last
    assert [r.split(":")[0] for r in rows["cat"].remarks] == [
        "cell 3 raises SystemExit", "cell 4 raises SyntaxError",
    ]  # fmt: skip
    assert kinds(rows["dan"]) == {}
    assert rows["dan"].remarks[0].startswith("not a notebook: Expecting value")


def test_a_folder_is_a_student_and_the_better_answer_counts(tmp_path):
    """A chapter's helper that is called as another chapter's exercise is, is not taken for it."""
    notebook(
        tmp_path / "eve", "one", WRONG, "def weights(D_K, M): return 5", '# check("3.1", bill)'
    )
    (tmp_path / "eve" / "two.py").write_text(RIGHT)
    notebook(tmp_path / "eve" / ".ipynb_checkpoints", "one-checkpoint", RIGHT)
    (tmp_path / "eve" / "photo.png").write_bytes(b"")
    assert [path.name for path in submissions(tmp_path)["eve"]] == ["one.ipynb", "two.py"]
    rows = graded(tmp_path)
    assert {student: kinds(row) for student, row in rows.items()} == {"eve": {"3.1": "right"}}


def test_an_import_is_no_answer(tmp_path):
    code = "from refnet.exercises.chapter_03 import bill\nweights = max"
    (tmp_path / "fay.py").write_text(code)
    assert kinds(graded(tmp_path)["fay"]) == {}


def test_nothing_to_grade_is_refused_in_one_line(tmp_path):
    with pytest.raises(ValueError, match=r"^FOLDER: no notebook \(.ipynb\) and no module \(.py\)"):
        grade(tmp_path)
    with pytest.raises(ValueError, match=r"^FOLDER: '.*missing' is not a folder$"):
        grade(tmp_path / "missing")


HOSTILE = {
    "a loop": ["while True: pass", RIGHT],
    "a loop that catches all": [
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])\n"
        "while True: pass",
        RIGHT,
    ],
    "an exit": ["import os\nos._exit(0)", RIGHT],
    "a crash": ["import ctypes\nctypes.string_at(0)", RIGHT],
    "a flood": ["while True: print('flood' * 1000)", RIGHT],
    "a fork": ["import os\nos.fork()", RIGHT],
    "a killer": ["import os, signal\nos.kill(os.getppid(), signal.SIGKILL)", RIGHT],
    "closed files": ["import os\nos.closerange(3, 200)", RIGHT],
    "a loop in an answer": [
        RIGHT,
        "def weights(D_K, M, N, bias):\n    while True: pass",
    ],
    "an exit in an answer": [
        "def weights(D_K, M, N, bias):\n    import os\n    os._exit(0)",
        RIGHT,
    ],
    "no results": ["import shutil\nshutil.rmtree('..', ignore_errors=True)", RIGHT],
}


@pytest.mark.slow
@POSIX
def test_a_hostile_submission_spoils_its_own_row_only(tmp_path):
    """Whatever it does in one cell or answer, the rest of it counts, and so does everyone else."""
    for student, sources in HOSTILE.items():
        notebook(tmp_path, student, *sources)
    notebook(tmp_path, "zoe", RIGHT)
    rows = graded(tmp_path)
    assert list(rows) == sorted([*HOSTILE, "zoe"])
    lost = {"no results"}  # nothing is known of it
    for student, row in rows.items():
        assert kinds(row).get("3.1") == (None if student in lost else "right"), (student, row)
    assert rows["zoe"].remarks == []
    assert kinds(rows["a loop in an answer"])["3.2"] == "timed out"
    assert kinds(rows["an exit in an answer"])["3.2"] == "crashed"
    assert rows["a loop"].remarks == ["cell 2 had not ended after 1 s"]
    assert rows["a loop that catches all"].remarks == ["cell 2: its process had to be ended"]
    assert rows["an exit"].remarks == ["cell 2: its process ended with status 0"]
    assert rows["a crash"].remarks == ["cell 2: its process was ended by SIGSEGV"]
    assert "PermissionError" in rows["a fork"].remarks[0]
    assert "PermissionError" in rows["a killer"].remarks[0]


@LINUX
def test_memory_without_bounds_is_an_error_in_its_own_cell(tmp_path):
    notebook(tmp_path, "gus", "import numpy as np\nx = np.ones((1 << 30,), np.uint8)", RIGHT)
    row = graded(tmp_path, memory=256)["gus"]
    assert kinds(row) == {"3.1": "right"}
    assert row.remarks[0].startswith("cell 2 raises ")
    assert "Unable to allocate 1.00 GiB" in row.remarks[0]


def alive(process: int) -> bool:
    """Whether it runs; one that has ended may be there until its parent asks after it."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@LINUX
def test_no_process_is_left_behind(tmp_path):
    """A fork by way of C, of which Python knows nothing: it ends with its parent."""
    note = tmp_path / "child.txt"
    notebook(
        tmp_path,
        "hal",
        "import ctypes, os, time\n"
        "if ctypes.CDLL(None).fork() == 0:\n"
        f"    open({str(note)!r}, 'w').write(str(os.getpid()))\n"
        "    time.sleep(600)\n"
        f"while not os.path.exists({str(note)!r}) or not os.path.getsize({str(note)!r}):\n"
        "    time.sleep(0.01)",
        RIGHT,
    )
    assert kinds(graded(tmp_path)["hal"]) == {"3.1": "right"}
    child = int(note.read_text())
    for _ in range(500):  # SIGKILL has been sent; the system takes a moment
        if not alive(child):
            break
        time.sleep(0.01)
    assert not alive(child)


@POSIX
def test_an_interruption_ends_what_is_running(tmp_path):
    notebook(tmp_path, "ian", "import time\ntime.sleep(600)", RIGHT)
    notebook(tmp_path, "jon", "import time\ntime.sleep(600)", RIGHT)
    timer = threading.Timer(2.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        grade(tmp_path, numbers=ASKED, timeout=2000.0)
    timer.join()


def hostile_names(tmp_path) -> list:
    with contextlib.suppress(OSError):
        notebook(tmp_path, "=1+1\x1b[2J\n", RIGHT)
    (tmp_path / "kim.py").write_text("1/0")
    return grade(tmp_path, numbers=ASKED, timeout=8.0)


def test_the_table_as_text_csv_and_json(tmp_path):
    """A file name reaches neither the terminal nor a spreadsheet as anything but text."""
    rows = hostile_names(tmp_path)
    text, table = grades.to_text(rows), list(csv.reader(io.StringIO(grades.to_csv(rows))))
    assert text.isprintable() or set(text) - {"\n"} <= set(filter(str.isprintable, text))
    assert text.splitlines()[0].split() == ["right", "3.1"]
    assert "kim" in text
    assert "cell 1 raises ZeroDivisionError: division by zero" in text
    assert table[0] == ["student", "3.1", "right", "remarks"]
    assert all(not cell.startswith(("=", "+", "-", "@")) for line in table for cell in line)
    data = json.loads(grades.to_json(rows))
    assert [row["student"] for row in data] == [row.student for row in rows]
    assert data[0]["marks"]["3.1"] == {"kind": "right", "said": ""}


def cells_of(path: Path, *sources: str) -> None:
    notebook(path.parent, "made", *sources)
    (path.parent / "made.ipynb").rename(path)


def test_every_file_and_folder_has_a_row_or_is_named(tmp_path, capsys):
    cells_of(tmp_path / "Max.IPYNB", RIGHT)
    (tmp_path / "Una.PY").write_text(RIGHT)
    notebook(tmp_path / "eve", "one", RIGHT)
    notebook(tmp_path / "eve" / ".ipynb_checkpoints", "one-checkpoint", RIGHT)
    for name in ("answers.docx", "notes.txt", "eve/photo.png", "_sam.ipynb"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "adir.ipynb").mkdir()
    (tmp_path / "empty" / "deeper").mkdir(parents=True)
    rest = ["_sam.ipynb", "adir.ipynb/", "answers.docx", "empty/", "eve/.ipynb_checkpoints/",
            "eve/photo.png", "notes.txt"]  # fmt: skip
    assert left_out(tmp_path) == rest
    assert main(["exercises", "grade", str(tmp_path), "--only", "3.1", "--timeout", "8"]) == 0
    text = capsys.readouterr().out
    assert text.splitlines()[-1] == f"not graded: {', '.join(rest)}"
    signs = {line.split()[0]: line.split()[1:] for line in text.splitlines()[1:4]}
    assert signs == {"Max": ["1", "+"], "Una": ["1", "+"], "eve": ["1", "+"]}


def test_a_notebook_without_code_gets_a_remark(tmp_path):
    notebook(tmp_path, "lea")
    notebook(tmp_path, "lou", "", "\n")
    rows = graded(tmp_path)
    assert [row.remarks for row in rows.values()] == [["there is no code in it"]] * 2


def test_names_in_wide_characters_keep_the_columns():
    """Two columns of a terminal for each; an accent that stands by itself takes none."""
    marks = {"3.1": Mark("right")}
    names = ["Ann", "\u674e\u96f7", "Zoe\u0308"]
    lines = grades.to_text([Row(name, marks, ["late"]) for name in names]).splitlines()
    columns = {grades.width(line[: line.index("+")]) for line in lines[1:4]}
    columns_below = {grades.width(line[: line.index("late")]) for line in lines[-3:]}
    assert (len(columns), len(columns_below)) == (1, 1)
    assert [grades.width(name) for name in names] == [3, 4, 3]
