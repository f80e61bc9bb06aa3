"""Workers start wherever a plan is made, and with nothing but what the plan gives them."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from refnet.engine import plan
from refnet.engine.crew import Alone, Threads, best
from tests.engine.orders import crews, in_turn
from tests.engine.programs import ROOT, children, ended, program
from tests.engine.settings import Array, Small, small

processes = pytest.mark.skipif(best() != "processes", reason="workers are threads here")


@pytest.fixture(scope="module")
def s() -> Small:
    return small()


@pytest.fixture(scope="module")
def right(s: Small) -> Array:
    """Of two workers, in this process."""
    with crews(in_turn("forwards")):
        return plan(s.network, s.tensors, threads=2)(s.x)["softmax"]


@pytest.mark.parametrize("executable", ["", None])
def test_where_there_is_no_python_to_start_workers_are_threads(s, right, executable, monkeypatch):
    """A Python within another program does not know its own path."""
    monkeypatch.setattr(sys, "executable", executable)
    assert best() == "threads"
    before = len(children())
    with plan(s.network, s.tensors, threads=2) as made:
        assert isinstance(made._crew, Threads)
        assert np.array_equal(made(s.x)["softmax"], right)
        assert len(children()) == before


def test_one_worker_needs_neither_process_nor_thread(s):
    before, running = len(children()), set(threading.enumerate())
    made = plan(s.network, s.tensors)
    made(s.x)
    assert isinstance(made._crew, Alone)
    assert len(children()) == before
    assert set(threading.enumerate()) <= running


@processes
def test_a_plan_may_be_made_in_one_thread_and_called_in_another(s, right):
    made: list[object] = []

    def make() -> None:
        made.append(plan(s.network, s.tensors, threads=2))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    with made[0] as one:
        assert np.array_equal(one(s.x)["softmax"], right)


@processes
def test_more_workers_than_rows_or_channels_start_and_are_right(s):
    with crews(in_turn("forwards")):
        expected = plan(s.network, s.tensors, threads=5)(s.x)["softmax"]
    with plan(s.network, s.tensors, threads=5) as made:
        assert np.array_equal(made(s.x)["softmax"], expected)


@processes
@pytest.mark.parametrize("name", ["json", "numpy"])
def test_a_file_that_lies_where_a_program_runs_is_not_taken_for_a_module(name, tmp_path):
    """The program itself does not import from there, so its workers must not either."""
    (tmp_path / f"{name}.py").write_text("raise SystemExit('a stranger ran')")
    body = f"""
        sys.path[:] = [place for place in sys.path if place]
        os.chdir({str(tmp_path)!r})
        with refnet.plan(network, tensors, threads=2) as made:
            say(made(x)["softmax"].shape)
    """
    assert ended(program(body)) == (0, "(1, 1000)\n", "")


@processes
def test_workers_find_refnet_where_the_program_found_it(tmp_path):
    """By its path alone, which a program may have set itself, and not by the environment's."""
    body = f"""
        sys.path.insert(0, {str(ROOT)!r})
        os.environ.pop("PYTHONPATH")
        os.chdir({str(tmp_path)!r})
        with refnet.plan(network, tensors, threads=2) as made:
            say(made(x)["softmax"].shape)
    """
    assert ended(program(body)) == (0, "(1, 1000)\n", "")


@processes
@pytest.mark.slow
def test_a_program_that_a_file_holds_is_not_run_again_by_its_workers(tmp_path):
    """They are started anew and import no `__main__`: no guard is needed."""
    script = Path(tmp_path) / "script.py"
    script.write_text(
        "print('once')\n"
        "from tests.engine.settings import small\n"
        "import refnet\n"
        "s = small()\n"
        "with refnet.plan(s.network, s.tensors, threads=3) as made:\n"
        "    print(made(s.x)['softmax'].shape)\n"
    )
    body = f"""
        import runpy
        runpy.run_path({str(script)!r}, run_name="__main__")
    """
    assert ended(program(body)).out == "once\n(1, 1000)\n"


@processes
def test_a_python_that_is_none_is_told_of(s, monkeypatch):
    monkeypatch.setattr(sys, "executable", os.devnull)
    before = len(children())
    with pytest.raises(OSError, match=os.devnull):
        plan(s.network, s.tensors, threads=2)
    assert len(children()) == before
