"""Functions that do not end, and what is left afterwards."""

from __future__ import annotations

import signal
import sys
import threading
import time
from contextlib import suppress

import pytest

from refnet.exercises import calling, check, find, timelimit
from refnet.exercises.timelimit import OutOfTimeError, time_limit


def test_an_endless_loop_ends_at_the_limit():
    def endless(x, w, stride):
        while True:
            pass

    verdict = check("5.2", endless, limit=0.05)
    assert verdict.kind == "timed out"
    assert verdict.said == "it had not ended after 0.05 s"


def test_no_more_inputs_are_drawn_for_a_slow_function_than_there_is_time_for():
    def slow(D_K, M, N, D_F):
        time.sleep(0.1)
        return find("3.1").reference(D_K, M, N, D_F)

    verdict = check("3.1", slow, limit=0.5)
    assert verdict.right
    drawn = int(verdict.said.partition(" drawn")[0].split()[-1]) if "drawn" in verdict.said else 0
    assert drawn <= 2  # four chosen inputs take 0.4 s at least


def test_an_exception_handler_does_not_swallow_the_limit():
    def stubborn(x, w, stride):
        while True:
            try:
                time.sleep(10)
            except Exception:
                continue

    assert check("5.2", stubborn, limit=0.05).kind == "timed out"


def test_in_another_thread_a_check_runs_without_a_limit():
    found = []

    def slow(x, w, stride):
        time.sleep(0.02)

    thread = threading.Thread(target=lambda: found.append(check("5.2", slow, limit=0.001)))
    thread.start()
    thread.join()
    assert found[0].kind not in ("right", "timed out")


def test_after_a_block_that_ended_in_time_nothing_is_raised():
    """What was to come does not come later."""
    found = []

    def in_time() -> None:
        for _ in range(20):
            # On a slow machine the limit may be reached, within the block.
            with suppress(OutOfTimeError), time_limit(0.002):
                sum(range(1000))
        time.sleep(0.01)
        found.append("done")

    in_time()
    thread = threading.Thread(target=in_time)
    thread.start()
    thread.join()
    assert found == ["done", "done"]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no such timers")
def test_the_handler_and_the_timer_of_others_are_put_back():
    """A test runner's own limit, for one."""
    heard = []
    before = signal.signal(signal.SIGALRM, lambda *_: heard.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 1000.0)
        with time_limit(500.0):
            assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 500
        assert 500 < signal.getitimer(signal.ITIMER_REAL)[0] <= 1000
        signal.raise_signal(signal.SIGALRM)
        assert heard == [1]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# A browser has no timers; what it uses in their place runs anywhere.


@pytest.fixture
def traced(monkeypatch):
    monkeypatch.setattr(calling, "time_limit", timelimit._by_tracer)


def endless_loop(x, w, stride):
    while True:
        pass


def endless_generator(x, w, stride):
    return sum(1 for _ in iter(int, 1))


def endless_calls(x, w, stride):
    def inner(n):
        return n + 1

    n = 0
    while n >= 0:
        try:
            n = inner(n)
        except Exception:
            continue


@pytest.mark.parametrize("function", [endless_loop, endless_generator, endless_calls])
def test_by_a_tracer_what_does_not_end_is_ended_too(traced, function):
    before = sys.gettrace()
    assert check("5.2", function, limit=0.05).kind == "timed out"
    assert sys.gettrace() is before


def test_by_a_tracer_a_right_answer_is_right_and_a_wrong_one_has_its_hint(traced):
    exercise = find("5.2")
    assert check("5.2", exercise.reference).right
    mistake = exercise.mistakes[0]
    assert check("5.2", mistake.function).mistake == mistake.name


def test_by_a_tracer_a_function_that_ended_late_but_ended_raises_nothing_afterwards():
    before = sys.gettrace()
    with timelimit._by_tracer(0.0):
        time.sleep(0.001)  # no line of Python is entered after it within the block
    assert sys.gettrace() is before
