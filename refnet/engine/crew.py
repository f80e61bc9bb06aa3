"""Who runs a plan's calls: this process alone, or with others beside it.

Two threads of one Python share its interpreter lock, and at hundreds of calls in a few milliseconds
the hand-overs cost what the second thread saves. So the other workers are processes
(`refnet.engine.processes`): started anew, never forked, which is unsafe once a BLAS has threads,
and on macOS altogether. Where that is not to be had (Windows), or not needed (a Python without the
lock), they are threads.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from refnet.engine.sharing import Layout

Call = Callable[[], object]
Clock = Callable[[], float]


class Crew(Protocol):
    """Runs one image through a plan."""

    def run(self, clock: Clock | None = None) -> list[float]:
        """Every call of every worker; with a clock, when each of the first worker's began."""

    def close(self) -> None:
        """End the other workers; the next run would start them again."""


def crew_of(layout: Layout, how: str = "") -> Crew:
    """The crew for a plan's worklists; `how`: "processes" or "threads", or what suits best."""
    if len(layout.worklists) == 1:
        return Alone(layout)
    if (how or best()) == "threads":
        return Threads(layout)
    from refnet.engine.processes import Processes

    return Processes(layout)


def best() -> str:
    """What suits this Python: "processes", or "threads" where there are no such pipes, or no lock.

    >>> best() in ("processes", "threads")
    True
    """
    locked = getattr(sys, "_is_gil_enabled", lambda: True)()
    return "processes" if locked and os.name == "posix" and sys.executable else "threads"


def steps_of(layout: Layout) -> list[list[Call | None]]:
    """Each worker's calls; None where it waits for the others."""
    return [[step.call for step in work.steps] for work in layout.worklists]


def with_meetings(steps: Sequence[Call | None], meet: Call) -> list[Call]:
    """A worker's calls, with what it does where it waits.

    >>> with_meetings([None], print) == [print]
    True
    """
    return [meet if call is None else call for call in steps]


def run_calls(calls: Sequence[Call], clock: Clock | None = None) -> list[float]:
    """Make the calls in order; with a clock, note the time before each and after the last.

    >>> run_calls([lambda: None], clock=iter([1.0, 2.0]).__next__)
    [1.0, 2.0]
    """
    if clock is None:
        for call in calls:
            call()
        return []
    stamps = [clock()]
    for call in calls:
        call()
        stamps.append(clock())
    return stamps


class Alone:
    """One worker: this thread."""

    def __init__(self, layout: Layout) -> None:
        (steps,) = steps_of(layout)
        self._calls = with_meetings(steps, lambda: None)

    def run(self, clock: Clock | None = None) -> list[float]:
        """Every call."""
        return run_calls(self._calls, clock)

    def close(self) -> None:
        """Nobody to end."""


class Threads:
    """One thread for each worker but the first, which is whoever calls."""

    def __init__(self, layout: Layout) -> None:
        self._steps = steps_of(layout)
        self._barrier = threading.Barrier(len(self._steps))
        self._calls: list[Call] = []
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []
        self._ready = False  # the threads wait at the start of a run

    def run(self, clock: Clock | None = None) -> list[float]:
        """Every call, all workers from the same start to the same end."""
        if not self._ready:
            self.close()  # Ctrl-C may have come while they were being started
            self._start()
        self._ready = False
        try:
            self._barrier.wait()
            stamps = run_calls(self._calls, clock)
            self._barrier.wait()
        except BaseException as problem:
            self.close()  # the others may be anywhere; the next run starts anew
            if not isinstance(problem, threading.BrokenBarrierError):
                raise
            if self._errors:
                raise self._errors[0] from None
            raise RuntimeError("plan: closed while it ran") from None
        self._ready = True
        return stamps

    def close(self) -> None:
        """The other threads come to their next wait, and end."""
        self._ready = False
        self._barrier.abort()
        for thread in self._threads:
            if thread.ident is not None:  # it was started
                thread.join()
        self._calls, self._threads = [], []

    def _start(self) -> None:
        first, *others = self._steps
        self._barrier, self._errors = threading.Barrier(len(self._steps)), []
        self._calls = with_meetings(first, self._barrier.wait)
        for steps in others:
            calls = with_meetings(steps, self._barrier.wait)
            told = (self._barrier, calls, self._errors)
            self._threads.append(threading.Thread(target=_follow, args=told, daemon=True))
            self._threads[-1].start()
        weakref.finalize(self, self._barrier.abort)  # also when the plan is forgotten
        self._ready = True


def _follow(barrier: threading.Barrier, calls: Sequence[Call], errors: list[BaseException]) -> None:
    try:
        with np.errstate(all="ignore"):
            while True:
                barrier.wait()
                run_calls(calls)
                barrier.wait()
    except threading.BrokenBarrierError:
        pass  # closed
    except BaseException as problem:
        errors.append(problem)
        barrier.abort()
