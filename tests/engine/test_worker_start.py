"""Workers start wherever a plan is made, and with nothing but what the plan gives them."""

from __future__ import annotations

import contextlib
import copy
import gc
import os
import pickle
import sys
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest

from refnet.engine import plan
from refnet.engine.crew import Alone, Threads, best
from tests.engine.orders import crews, in_turn
from tests.engine.programs import LONG, ROOT, children, ended, program, said
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


@processes
@pytest.mark.parametrize("closed", [(0,), (0, 1, 2)])
def test_workers_start_also_from_a_daemon(closed, tmp_path):
    """It has closed its standard files, and the next ones to be opened get their numbers."""
    body = f"""
        for file in {closed}:
            os.close(file)
        with refnet.plan(network, tensors, threads=2) as made:
            shape = made(x)["softmax"].shape
        open(sys.argv[1], "w").write(str(shape))
    """
    told = tmp_path / "told"
    ended(program(body, str(told)))
    assert told.read_text() == "(1, 1000)"


@processes
def test_workers_run_the_refnet_of_their_program_wherever_it_has_gone(tmp_path):
    """Another one lies where the program's own path, which is relative, leads to now."""
    (tmp_path / "refnet").mkdir()
    (tmp_path / "refnet" / "__init__.py").write_text("raise SystemExit('another refnet')")
    body = f"""
        sys.path.insert(0, "")
        os.chdir({str(tmp_path)!r})
        with refnet.plan(network, tensors, threads=2) as made:
            say(made(x)["softmax"].shape)
    """
    assert ended(program(body)) == (0, "(1, 1000)\n", "")


@processes
def test_a_program_that_is_killed_at_once_leaves_no_worker_to_its_fork():
    """Its fork holds the worker's lifeline, too, so that this one never breaks."""
    body = """
        made = refnet.plan(network, tensors, threads=2)
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        say(*(child.pid for child in me.children()))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    running = program(body)
    pids = [int(word) for word in said(running).split()]
    running.wait()
    alive = {pid: psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)}
    workers = [each for each in alive.values() if "worker" in " ".join(each.cmdline())]
    psutil.wait_procs(workers, timeout=LONG)
    left = [each.pid for each in workers if each.is_running()]
    for each in alive.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    assert len(pids) == 2
    assert left == []


@processes
def test_too_few_open_files_are_told_of_and_none_stays_open(s):
    import resource

    def count() -> int:
        gc.collect()
        return psutil.Process().num_fds()

    before = count()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before + 12, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            plan(s.network, s.tensors, threads=16)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert count() == before


def test_a_plan_is_not_copied(s):
    """Two objects on the same memory would not know of one another's runs."""
    with plan(s.network, s.tensors) as made:
        for copies in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="cannot be copied"):
                copies(made)
