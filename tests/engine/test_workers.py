"""Workers end when they should, and nothing of them stays behind.

Each program here is a process of its own, that is interrupted or killed from outside. Nothing
measures how long an end takes; what has not come true after `LONG` never does.
"""

from __future__ import annotations

import os
import signal
import sys

import psutil
import pytest

from refnet.engine import plan
from refnet.engine.crew import best
from tests.engine.programs import children, comes_true, ended, lives, program, said
from tests.engine.settings import small

pytestmark = pytest.mark.skipif(
    best() != "processes", reason="workers are threads here, and end with their process"
)

INTERRUPTED = """
    made = refnet.plan(network, tensors, threads=int(sys.argv[1]))
    right = made(x)["softmax"]
    for _ in range(3):
        try:
            say("running")
            while True:
                made(x)
                {then}
        except KeyboardInterrupt:
            say("interrupted", np.array_equal(made(x)["softmax"], right), len(me.children()))
    made.close()
    say("closed", len(me.children()))
"""


@pytest.mark.parametrize(
    ("workers", "then"), [(2, "pass"), (3, "time.sleep(0.02)")], ids=["busy", "mostly idle"]
)
def test_after_ctrl_c_the_next_call_is_right_and_close_leaves_nobody(workers, then):
    """As a terminal does it: the signal goes to the whole group of processes."""
    running = program(INTERRUPTED.format(then=then), str(workers))
    for _ in range(3):
        assert said(running) == "running"
        os.killpg(running.pid, signal.SIGINT)
        assert said(running) == f"interrupted True {workers - 1}"
    assert said(running) == "closed 0"
    assert ended(running) == (0, "", "")


STARTED = """
    signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    for delay in map(float, sys.argv[1:]):
        try:
            signal.setitimer(signal.ITIMER_REAL, delay)
            while True:
                with refnet.plan(network, tensors, threads=2) as made:
                    made(x)
        except KeyboardInterrupt:
            signal.setitimer(signal.ITIMER_REAL, 0)
        made = None
        say(len(me.children()))
    with refnet.plan(network, tensors, threads=2) as made:
        say(made(x)["softmax"].shape == (1, 1000))
"""
QUICK = ["0.003", "0.006", "0.05", "0.2"]
SLOW = [str(0.001 * k) for k in range(1, 400, 7)]


@pytest.mark.parametrize("delays", [QUICK, pytest.param(SLOW, marks=pytest.mark.slow)])
def test_ctrl_c_while_workers_start_leaves_nobody(delays):
    running = program(STARTED, *delays)
    for _ in delays:
        assert said(running) == "0"
    assert ended(running) == (0, "True\n", "")


def test_ctrl_c_just_when_a_worker_has_been_forked_leaves_nobody():
    """Before Python has told anybody its number: `fork_exec` is where a start spends its time."""
    body = """
        import gc, subprocess
        fork_exec = subprocess._fork_exec

        def and_ctrl_c(*arguments):
            child = fork_exec(*arguments)
            signal.raise_signal(signal.SIGINT)
            return child

        subprocess._fork_exec = and_ctrl_c
        try:
            made = refnet.plan(network, tensors, threads=2)
            say("not interrupted")
        except KeyboardInterrupt:
            subprocess._fork_exec = fork_exec
        gc.collect()
        while any(child.status() != psutil.STATUS_ZOMBIE for child in me.children()):
            time.sleep(0.01)
        say(len(me.children()))
    """
    assert ended(program(body)).out == "0\n"


KILLED = """
    made = refnet.plan(network, tensors, threads=3)
    workers = [child.pid for child in me.children()]
    if "starting" not in sys.argv:
        made(x)
    if "forked" in sys.argv and os.fork() == 0:
        say("child", os.getpid())
        time.sleep(60)
    places = ("/memfd:", "/dev/shm/", os.environ["TMPDIR"])
    paths = {m.path for pid in workers for m in psutil.Process(pid).memory_maps()}
    say("workers", *workers)
    say("shared", *(path for path in paths if path.startswith(places)))
    while "calling" in sys.argv:
        made(x)
    signal.pause()
"""


@pytest.mark.parametrize("when", ["idle", "calling", "starting", "forked"])
def test_workers_end_when_their_parent_is_killed(when, tmp_path):
    """Also where a fork of the parent lives on and holds every pipe and socket open."""
    running = program(KILLED, when, TMPDIR=str(tmp_path))
    child = int(said(running).split()[1]) if when == "forked" else None
    workers = [int(pid) for pid in said(running).split()[1:]]
    assert len(workers) == 2
    assert all(map(lives, workers))
    shared = said(running).split()[1:]
    running.kill()
    assert comes_true(lambda: not any(map(lives, workers)))
    if child:
        os.kill(child, signal.SIGKILL)
    assert ended(running).err == ""
    assert list(tmp_path.iterdir()) == []
    if sys.platform == "linux" and when != "starting":
        assert shared == ["/memfd:refnet"]  # a file without a place, which could stay


@pytest.mark.parametrize("stopped", [False, True], ids=["between calls", "in a call"])
def test_a_killed_worker_is_told_in_one_line_and_the_next_call_starts_another(stopped):
    body = """
        made = refnet.plan(network, tensors, threads=3)
        right = made(x)["softmax"]
        worker = me.children()[0]
        if sys.argv[1] == "True":
            worker.suspend()  # it is waited for
            threading.Timer(0.2, worker.kill).start()
        else:
            worker.kill()
        try:
            made(x)
        except RuntimeError as error:
            say(error)
        say(len(me.children()), np.array_equal(made(x)["softmax"], right), len(me.children()))
        made.close()
        say(len(me.children()))
    """
    result = ended(program(body, str(stopped)))
    assert result.err == ""
    assert result.out.splitlines() == [
        "plan: a worker has ended; the next call starts it again",
        "0 True 2",
        "0",
    ]


END = """
    made = refnet.plan(network, tensors, threads=3)
    workers = [child.pid for child in me.children()]
    made(x)
    say(*workers)
    {end}
"""


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("refnet.made = made", 0),  # held until the very end
        ("os._exit(4)", 4),
        ("signal.raise_signal(signal.SIGTERM)", -signal.SIGTERM),
        pytest.param("sys.exit(3)", 3, marks=pytest.mark.slow),
        pytest.param("threading.Thread(target=made, args=(x,)).start()", 0, marks=pytest.mark.slow),
    ],
)
def test_a_program_that_ends_without_close_leaves_nobody_and_says_nothing(end, status):
    running = program(END.format(end=end), PYTHONWARNINGS="error")
    workers = [int(pid) for pid in said(running).split()]
    assert ended(running) == (status, "", "")
    assert comes_true(lambda: not any(map(lives, workers)))


def test_an_error_that_nobody_catches_is_told_once_and_leaves_nobody():
    running = program(END.format(end="raise SystemError('mine')"))
    workers = [int(pid) for pid in said(running).split()]
    result = ended(running)
    assert (result.status, result.err.count("Traceback")) == (1, 1)
    assert result.err.splitlines()[-1] == "SystemError: mine"
    assert comes_true(lambda: not any(map(lives, workers)))


def test_a_plan_that_is_forgotten_ends_its_workers():
    """At once, and asked after: not even a zombie is left."""
    s, before = small(), len(children())
    made = plan(s.network, s.tensors, threads=3)
    made(s.x)
    workers = [child.pid for child in children()]
    assert len(workers) == before + 2
    del made
    assert len(children()) == before
    assert not any(map(psutil.pid_exists, workers[-2:]))


@pytest.mark.parametrize("used", [False, True])
def test_close_ends_workers_that_ran_and_that_have_not_started_yet(used):
    s, before = small(), len(children())
    for _ in range(3):
        made = plan(s.network, s.tensors, threads=2)
        if used:
            made(s.x)
        made.close()
        assert len(children()) == before


def test_a_fork_is_told_to_make_a_plan_of_its_own_and_disturbs_nobody():
    body = """
        made = refnet.plan(network, tensors, threads=2)
        right = made(x)["softmax"]
        child = os.fork()
        if not child:
            try:
                made(x)
            except RuntimeError as error:
                say(error)
            made.close()
            with refnet.plan(network, tensors, threads=2) as own:
                say(np.array_equal(own(x)["softmax"], right))
            sys.exit(0)
        os.waitpid(child, 0)
        say(np.array_equal(made(x)["softmax"], right), len(me.children()))
    """
    assert ended(program(body)) == (
        0,
        "plan: made in the process that this one was forked from; make another\nTrue\nTrue 1\n",
        "",
    )


def test_an_interrupted_close_is_finished_by_the_next(monkeypatch):
    """Ctrl-C once more, while a worker is waited for."""
    s, before = small(), len(children())
    made = plan(s.network, s.tensors, threads=2)
    made(s.x)
    (process,) = made._crew._team.processes

    def interrupted(timeout: float | None = None) -> int:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(process, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made.close()
    made.close()
    try:
        assert len(children()) == before
    finally:
        process.wait()


def test_a_program_whose_own_parent_ends_goes_on():
    """Started from a shell that is closed: no worker has ended, and none must be said to have."""
    body = """
        ready, start = os.pipe()
        if os.fork():  # the shell
            os.read(ready, 1)
            os._exit(0)
        made = refnet.plan(network, tensors, threads=2)
        right = made(x)["softmax"]
        shell = os.getppid()
        os.write(start, b".")
        while os.getppid() == shell:
            time.sleep(0.01)
        (worker,) = psutil.Process().children()
        worker.suspend()  # a busy machine, so that it is waited for
        threading.Timer(0.5, worker.resume).start()
        try:
            say(np.array_equal(made(x)["softmax"], right), worker.is_running())
        except RuntimeError as error:
            say(error)
        made.close()
    """
    assert ended(program(body)).out == "True True\n"
