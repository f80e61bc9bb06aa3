"""Engines' processes: they stand still when they are not asked, and none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np
import pytest

from refnet.apps.bench.process import PINS, Worker, WorkerError, worker_environment
from refnet.apps.bench.question import pose
from refnet.apps.bench.worker import peak_bytes
from refnet.cli import main
from tests.apps.bench.fakes import fake, install
from tests.apps.bench.test_bench import small

__all__ = ["small"]  # a fixture

MARK = "REFNET_TEST_MARK"
PATIENCE = 60  # seconds until a thing that must happen counts as not happening
linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="looks at processes through /proc"
)

# The command with fakes, as a process that can be interrupted or killed.
SCRIPT = """
import signal, sys
sys.path[:] = {path!r}
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
from tests.apps.bench.fakes import fake, install
from refnet.cli import main
install(setattr, right=fake("right"), {peer}=fake({peer!r}, flag={flag!r}))
sys.exit(main(["bench", {model!r}, "--threads", "1", "--rounds", "100000"]))
"""


def marked(mark: str) -> dict[int, str]:
    """The state of every living process that has this mark in its environment."""
    states = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
            state = (folder / "stat").read_text("ascii", errors="replace").rpartition(")")[2]
        except OSError:
            continue  # it has ended meanwhile, or is another user's
        if f"{MARK}={mark}".encode() in environment and state.split()[0] not in "ZX":
            states[int(folder.name)] = state.split()[0]
    return states


def until(happened) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def mark(monkeypatch):
    """Every process started from here on carries it."""
    mark = uuid.uuid4().hex
    monkeypatch.setenv(MARK, mark)
    yield mark
    for process in marked(mark) if sys.platform.startswith("linux") else ():
        os.kill(process, signal.SIGKILL)  # a test that fails leaves nothing either


@pytest.fixture
def worker(small, tmp_path, mark):
    """Starts a worker with a fake in it; ends it after the test."""
    pose(small, tmp_path, ())
    started = []

    def start(name: str, **options: object) -> Worker:
        job = {
            "build": f"tests.apps.bench.fakes:{name}",
            "folder": str(tmp_path),
            "threads": 1,
            "options": options,
        }
        started.append(Worker(job, worker_environment(os.environ, threads=1), tmp_path / "log"))
        return started[-1]

    yield start
    for each in started:
        each.close()


@linux
def test_an_engine_stands_still_between_questions(worker, mark):
    engine = worker("right")
    engine.prepare()
    for _ in range(2):
        assert until(lambda: set(marked(mark).values()) == {"T"})
        assert engine.ask("round", seconds=0.0, iterations=3)["iterations"] == 3
    engine.close()
    assert marked(mark) == {}


@linux
def test_an_error_in_an_engine_is_told_and_ends_its_process(worker, mark):
    engine = worker("broken")
    with pytest.raises(WorkerError, match="RuntimeError: no kernel for 1 thread"):
        engine.prepare()
    engine.close()
    assert marked(mark) == {}
    engine = worker("crashing")
    engine.prepare()
    with pytest.raises(WorkerError, match="ended with status 3: out of tea"):
        engine.ask("round", seconds=0.0, iterations=1)
    assert marked(mark) == {}


@linux
def test_a_signal_that_ended_an_engine_is_named(worker, mark):
    engine = worker("right")
    engine.prepare()
    (process,) = marked(mark)
    os.kill(process, signal.SIGKILL)
    with pytest.raises(WorkerError, match="its process ended by signal SIGKILL"):
        engine.ask("round", seconds=0.0, iterations=1)


def test_a_question_that_nobody_knows_is_refused_and_the_next_one_answered(worker):
    engine = worker("right")
    engine.prepare()
    with pytest.raises(WorkerError, match="ask: 'time', expected round, split or about"):
        engine.ask("time")
    assert engine.ask("about")["blas"]


@linux
@pytest.mark.parametrize("child", [False, True])
def test_memory_is_the_engine_s_own_and_its_processes_but_not_its_parent_s(worker, child):
    """Bytes that an engine has touched are resident, so its peak is at least that much.

    The parent holds 600 MB meanwhile, which Linux's getrusage would count in: a bare worker,
    with Python, NumPy and the checkpoint, is under 200 MB, its child under 200 with its 100.
    """
    held = np.ones(600_000_000, np.uint8)
    engine = worker("big", child=child)
    engine.prepare()
    rss = engine.ask("about")["rss"]
    touched = 200_000_000 if child else 100_000_000
    assert touched <= rss < held.nbytes


def test_the_peak_of_this_process_covers_what_it_has_touched():
    touched = np.ones(50_000_000, np.uint8)
    peak = peak_bytes()
    assert peak is None or peak >= touched.nbytes


@linux
def test_nothing_is_left_when_engines_fail(capsys, monkeypatch, small, mark):
    names = ("broken", "crashing", "wrong", "racing")
    install(monkeypatch.setattr, **{name: fake(name) for name in names})
    assert main(["bench", small, "--threads", "1", "--rounds", "2"]) == 2
    out = capsys.readouterr().out
    assert all(f"not timed: {name}: " in out for name in names)
    assert marked(mark) == {}


@linux
@pytest.mark.parametrize("peer", ["endless", "slow"])
@pytest.mark.parametrize(
    ("how", "status", "said"),
    [("SIGINT", 130, "refnet: interrupted\n"), ("SIGTERM", 143, "")],
)
def test_nothing_is_left_when_it_is_interrupted(
    small, tmp_path, monkeypatch, mark, peer, how, status, said
):
    """Ctrl-C while an engine hangs, with a process of its own, or runs, and others stand still."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for name in PINS:
        monkeypatch.delenv(name, raising=False)
    bench, flag = start(small, tmp_path, peer)
    try:
        assert until(lambda: flag.exists() and "T" in marked(mark).values())
        bench.send_signal(getattr(signal, how))
        _, err = bench.communicate(timeout=PATIENCE)
    finally:
        bench.kill()
    assert (bench.returncode, err) == (status, said)
    assert until(lambda: marked(mark) == {})
    assert [path.name for path in tmp_path.iterdir()] == [flag.name]


@linux
def test_no_process_is_left_when_the_command_is_killed_outright(small, tmp_path, monkeypatch, mark):
    """Nothing of the command runs any more then: its files are left, but no process of its."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    bench, flag = start(small, tmp_path, "slow")
    try:
        assert until(lambda: flag.exists() and "T" in marked(mark).values())
    finally:
        bench.kill()
    bench.communicate(timeout=PATIENCE)
    assert bench.returncode == -signal.SIGKILL
    assert until(lambda: marked(mark) == {})


def start(model: str, folder: Path, peer: str) -> tuple[subprocess.Popen[str], Path]:
    flag = folder / "the first round has begun"
    script = SCRIPT.format(path=sys.path, peer=peer, flag=str(flag), model=model)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", script], text=True, **pipes), flag
