"""A plan has one set of buffers: who comes second is refused, who breaks off leaves it fit."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from refnet.engine import Plan, plan
from refnet.engine.crew import Alone, Threads, best
from refnet.engine.sharing import Layout
from tests.engine.orders import crews, in_turn, threads
from tests.engine.programs import LONG, children, comes_true
from tests.engine.settings import Small, small


class Held(Alone):
    """A worker that stands still until it may go."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        self.running, self.may_go = threading.Event(), threading.Event()

    def run(self, clock: Any = None) -> list[float]:
        self.running.set()
        assert self.may_go.wait(LONG)
        return super().run(clock)


class Second:
    """What a call in another thread answered, or raised."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.answer: Any = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(call,))
        self._thread.start()

    def _run(self, call: Callable[[], Any]) -> None:
        try:
            self.answer = call()
        except BaseException as error:
            self.error = error

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def join(self) -> None:
        self._thread.join(LONG)
        assert not self._thread.is_alive(), "it hangs"


@pytest.fixture
def s() -> Small:
    return small()


@pytest.fixture
def held(s: Small) -> Plan:
    with crews(Held):
        return plan(s.network, s.tensors)


def test_a_second_thread_is_refused_and_the_first_answers_rightly(held, s):
    first = Second(lambda: held(s.x))
    assert held._crew.running.wait(LONG)
    for call in (held, held.time_split, held.time_layers):
        with pytest.raises(RuntimeError, match="running already, in another thread"):
            call(s.other)
    held._crew.may_go.set()
    first.join()
    assert np.array_equal(first.answer["softmax"], s.right()["softmax"])
    assert np.array_equal(held(s.x)["softmax"], s.right()["softmax"])


def test_two_plans_run_in_two_threads_at_once(s):
    """Many times over, each with an image of its own."""
    right = {k: plan(s.network, s.tensors)(x)["softmax"] for k, x in enumerate((s.x, s.other))}

    def loop(k: int, x: np.ndarray) -> bool:
        made = plan(s.network, s.tensors)
        return all(np.array_equal(made(x)["softmax"], right[k]) for _ in range(50))

    both = [Second(lambda k=k, x=x: loop(k, x)) for k, x in enumerate((s.x, s.other))]
    for one in both:
        one.join()
        assert one.error is None
        assert one.answer


def test_an_error_in_a_run_leaves_the_plan_fit_for_the_next(s, monkeypatch):
    made = plan(s.network, s.tensors)

    def interrupted(clock: Any = None) -> list[float]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(made._crew, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            made(s.x)
    assert np.array_equal(made(s.x)["softmax"], s.right()["softmax"])


def of_steps(*workers: Callable[[], Any]) -> Any:
    """As much of a layout as a crew looks at: workers with one call each."""
    step = SimpleNamespace
    return SimpleNamespace(worklists=[SimpleNamespace(steps=[step(call=call)]) for call in workers])


def test_after_an_interrupt_no_thread_still_works_on_the_buffers():
    """One that was slow must not write while the next run is on."""
    running, most, slow, done = [0], [0], threading.Event(), threading.Event()
    interrupts = iter([True, False])

    def first() -> None:
        if next(interrupts):
            assert slow.wait(LONG)
            threading.Timer(0.3, done.set).start()
            raise KeyboardInterrupt

    def second() -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        slow.set()
        assert done.wait(LONG)
        running[0] -= 1

    crew = Threads(of_steps(first, second))
    with pytest.raises(KeyboardInterrupt):
        crew.run()
    crew.run()
    crew.close()
    assert most == [1]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_in_another_thread_is_told_as_what_it_was():
    def broken() -> None:
        raise MemoryError("no room")

    before = set(threading.enumerate())
    crew = Threads(of_steps(lambda: None, broken))
    try:
        with pytest.raises((MemoryError, RuntimeError), match=r"no room|worker"):
            crew.run()
    finally:
        crew.close()
        assert comes_true(lambda: set(threading.enumerate()) <= before)


def test_threads_end_with_close_and_with_the_plan_that_is_forgotten(s):
    before = set(threading.enumerate())

    def more() -> int:
        return len(set(threading.enumerate()) - before)

    with crews(threads):
        with plan(s.network, s.tensors, threads=3) as made:
            made(s.x)
            assert more() == 2
        assert comes_true(lambda: more() == 0)
        made = plan(s.network, s.tensors, threads=3)
    made(s.x)
    del made
    gc.collect()
    assert comes_true(lambda: more() == 0, within=2.0)


def closed_meanwhile(
    made: Plan, s: Small, hold: Callable[[], None], go: Callable[[], None]
) -> None:
    """Call in one thread, close in another: a right answer, or an error that says what happened.

    Never a closed file's number or a broken barrier, which say nothing to a user.
    """
    hold()
    first = Second(lambda: made(s.x))
    assert comes_true(lambda: made._busy)
    closing = Second(made.close)
    comes_true(lambda: not closing.running, within=0.3)  # it may wait for the run, too
    go()
    first.join()
    closing.join()
    assert closing.error is None or "plan" in str(closing.error)
    if first.error is None:
        with crews(in_turn("forwards")):
            right = plan(s.network, s.tensors, threads=2)(s.x)["softmax"]
        assert np.array_equal(first.answer["softmax"], right)
        return
    assert isinstance(first.error, RuntimeError | ValueError)
    assert "plan" in str(first.error)


def test_close_during_a_run_of_threads_lets_it_end_or_tells_it_in_words(s):
    with crews(threads):
        made = plan(s.network, s.tensors, threads=2)
    made(s.x)
    may_go = threading.Event()
    calls = made._crew._calls
    closed_meanwhile(made, s, lambda: calls.insert(0, lambda: may_go.wait(LONG)), may_go.set)


@pytest.mark.skipif(best() != "processes", reason="workers are threads here")
def test_close_during_a_run_of_processes_lets_it_end_or_tells_it_in_words(s):
    before = children()
    made = plan(s.network, s.tensors, threads=2)
    made(s.x)
    (worker,) = (child for child in children() if child not in before)
    closed_meanwhile(made, s, worker.suspend, worker.resume)
    assert comes_true(lambda: children() == before)
