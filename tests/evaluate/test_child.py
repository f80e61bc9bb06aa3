"""A process that may die: what it answers, how it ends, what is left of it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from refnet.apps.evaluate.child import Child
from refnet.apps.evaluate.evaluator import Task
from refnet.apps.evaluate.pool import alone
from tests.evaluate.engines import KILLS
from tests.evaluate.photos import draw, wanted

pytestmark = pytest.mark.slow


@pytest.fixture
def made(tmp_path):
    draw(tmp_path / "in" / "300" / "kills.png", 300, KILLS)
    draw(tmp_path / "in" / "300" / "fine.png", 300)
    return wanted(tmp_path / "in", tmp_path / "out").variants


def task(tmp_path: Path, name: str) -> Task:
    return Task(f"{name}.png", str(tmp_path / "in" / "300" / f"{name}.png"), 300, 1, 2, (0,))


def without_time(records):
    return [{k: v for k, v in record.items() if k != "seconds"} for record in records]


def test_a_photo_that_kills_is_given_up_and_the_next_is_answered_as_ever(tmp_path, made):
    child = Child(made)
    first = child._process.pid
    (killed,) = child(task(tmp_path, "kills"))
    assert killed["problem"] == "the process that was at it was ended by SIGKILL, 2 times"
    assert child._process.pid != first
    ((_, expected),) = alone(iter([task(tmp_path, "fine")]), made)
    assert without_time(child(task(tmp_path, "fine"))) == without_time(expected)
    child.close()
    assert child._process.returncode == 0


def test_what_an_engine_refuses_is_said_and_leaves_no_process(made):
    with pytest.raises(ValueError, match="holds other tensors here"):
        Child([replace(made[0], tensors="0" * 64)])


def test_a_process_that_does_not_begin_is_said(made, monkeypatch):
    monkeypatch.setattr("refnet.apps.evaluate.child._CODE", "raise SystemExit(7)")
    with pytest.raises(ValueError, match=r"did not begin; it ended \(exit status 7\)"):
        Child(made)


def test_an_engine_that_prints_does_not_print_among_the_answers(tmp_path, made, monkeypatch):
    (tmp_path / "loud.py").write_text(
        "import os, sys\n"
        "from tests.evaluate.engines import Quick\n"
        "class Loud(Quick):\n"
        "    def _answer(self, x, classes):\n"
        "        print('loud'); sys.stdout.flush(); os.write(1, b'louder')\n"
        "        return super()._answer(x, classes)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    child = Child([replace(made[0], engine="loud:Loud")])
    (record,) = child(task(tmp_path, "fine"))
    assert record["rank"] == 1
    child.close()


def test_it_ends_when_its_parent_is_gone(tmp_path, made):
    child = Child(made)
    child._process.stdin.close()
    until = time.monotonic() + 30
    while child._process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert child._process.returncode == 0
    child.close()
