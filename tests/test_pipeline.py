"""Overlapped stages: what a plain loop gives, in bounded memory, and no thread that stays behind.

Where a test waits for the other thread, it waits for an event; a minute without it is a failure.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from itertools import count, islice

import pytest

from refnet.pipeline import overlapped

PATIENCE = 60  # seconds


def reciprocal(n: int) -> float:
    return 1 / n


@pytest.fixture(autouse=True)
def _no_thread_stays_behind():
    before = threading.enumerate()
    yield
    assert threading.enumerate() == before


@pytest.mark.parametrize("ahead", [0, 1, 2, 7])
@pytest.mark.parametrize("items", [[], [3], [2, 0, 5, 0], range(40)])
def test_every_item_comes_in_order_with_its_result_or_its_exception(items, ahead):
    found = list(overlapped(reciprocal, items, ahead))
    assert [item for item, _ in found] == list(items)
    for item, result in found:
        if item:
            assert result == 1 / item
        else:
            assert type(result) is ZeroDivisionError


class Counted:
    """A function that counts its calls."""

    def __init__(self) -> None:
        self.begun, self.changed = 0, threading.Condition()

    def __call__(self, n: int) -> int:
        with self.changed:
            self.begun += 1
            self.changed.notify_all()
        return n

    def begins(self, n: int, within: float) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: self.begun >= n, within)


@pytest.mark.parametrize("ahead", [0, 1, 2, 7])
def test_ahead_results_are_made_beyond_the_callers_and_no_more(ahead):
    function = Counted()
    made = overlapped(function, count(), ahead)
    for got in range(1, 10):
        next(made)
        # While the caller is here and asks for nothing.
        assert function.begins(got + ahead, within=PATIENCE)
        assert not function.begins(got + ahead + 1, within=0.02)
    made.close()


def test_none_ahead_is_no_thread():
    (found,) = overlapped(lambda _: threading.current_thread(), [0], ahead=0)
    assert found == (0, threading.current_thread())


def test_a_slow_source_keeps_no_result_waiting_that_is_there():
    arrived = threading.Event()

    def source():
        yield 1
        assert arrived.wait(PATIENCE), "the first result waited for the second item"
        yield 2

    for _ in overlapped(reciprocal, source()):
        arrived.set()


def test_nothing_begins_before_the_first_result_is_asked_for():
    touched = []
    overlapped(reciprocal, map(touched.append, count()))
    assert touched == []


@pytest.mark.parametrize("ahead", [0, 1, 2])
@pytest.mark.parametrize("after", [0, 1, 5])
def test_the_thread_ends_when_the_caller_leaves(ahead, after):
    for n, _ in overlapped(reciprocal, count(), ahead):
        if n == after:
            break
    assert n == after


@pytest.mark.parametrize("error", [LookupError, KeyboardInterrupt])
@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_the_thread_ends_when_the_caller_raises(error, ahead):
    def caller() -> None:
        for n, _ in overlapped(reciprocal, count(), ahead):
            if n == 3:
                raise error("at 3")

    with pytest.raises(error, match="at 3"):
        caller()


@pytest.mark.parametrize("ahead", [1, 2])
def test_the_thread_ends_after_the_item_at_work_and_begins_no_other(ahead):
    function, at_work, go_on = Counted(), threading.Event(), threading.Event()

    def slow(n: int) -> int:
        if n == 1:
            at_work.set()
            assert go_on.wait(PATIENCE)
        return function(n)

    made = overlapped(slow, count(), ahead)
    assert next(made) == (0, 0)
    assert at_work.wait(PATIENCE)
    later = threading.Timer(0.05, go_on.set)  # while `close` waits; if before, the same is owed
    later.start()
    made.close()
    later.join()
    assert function.begun == 2


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signal to a thread here")
@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_an_interrupt_while_the_caller_waits_ends_both(ahead):
    def interrupting(n: int) -> int:
        if n == 3:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        return n

    with pytest.raises(KeyboardInterrupt):
        for _ in overlapped(interrupting, range(10**6), ahead):
            pass


@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_what_the_source_raises_comes_after_the_results_before_it(ahead):
    def source():
        yield from (1, 2, 4)
        raise OSError("the folder is gone")

    made = overlapped(reciprocal, source(), ahead)
    found = [next(made) for _ in range(3)]
    with pytest.raises(OSError, match="the folder is gone"):
        next(made)
    assert found == [(1, 1.0), (2, 0.5), (4, 0.25)]


@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_what_is_graver_than_an_exception_is_no_result(ahead):
    def leaving(n: int) -> int:
        raise SystemExit(n)

    with pytest.raises(SystemExit):
        list(islice(overlapped(leaving, count(), ahead), 5))


@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_a_source_is_not_asked_again_after_its_end(ahead):
    asked = []

    def source() -> int:
        asked.append(len(asked))
        return len(asked)

    assert len(list(overlapped(reciprocal, iter(source, 4), ahead))) == 3
    assert asked == [0, 1, 2, 3]


def test_a_program_may_end_with_the_iterator_open():
    code = (
        "from itertools import count\n"
        "from refnet.pipeline import overlapped\n"
        "kept = overlapped(str, count())\n"
        "print(next(kept))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "(0, '0')\n", "")


@pytest.mark.parametrize("ahead", [-1, 1.5, True, None])
def test_ahead_is_a_count(ahead):
    with pytest.raises(ValueError, match=r"ahead: .*, expected a whole number of at least 0"):
        overlapped(reciprocal, [], ahead)
