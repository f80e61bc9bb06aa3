"""A limit on the time that a function may take.

Where the system has timers that signal (Linux, macOS) and this is the main thread, as in a
notebook, the limit ends any Python code, and whatever in C gives way to a signal. In a browser,
which has no timers, a tracer looks at the clock on every line: that ends Python code, but no call
of C. Elsewhere (Windows, other threads) there is no limit: CPython's way to raise an exception in
another thread leaves a mark behind when it comes too late, on which Python 3.11 under a tracer
loops for ever. Code that catches everything and goes on is not ended either; `refnet exercises
grade` ends it with its process.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FrameType
from typing import Any


class OutOfTimeError(BaseException):
    """The limit has passed. No Exception, so that `except Exception` does not swallow it."""


def time_limit(seconds: float) -> AbstractContextManager[None]:
    """Raises OutOfTimeError in its block once the seconds have passed.

    >>> with time_limit(0.01):
    ...     while True:
    ...         pass
    Traceback (most recent call last):
    ...
    refnet.exercises.timelimit.OutOfTimeError
    """
    if sys.platform == "emscripten":
        return _by_tracer(seconds)
    if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
        return _by_signal(seconds)
    return nullcontext()


@contextmanager
def _by_signal(seconds: float) -> Iterator[None]:
    over = False

    def late(number: int, frame: object) -> None:
        if not over:
            raise OutOfTimeError

    began = time.monotonic()
    handler = signal.signal(signal.SIGALRM, late)
    # Once more every tenth of a second, should the first be caught.
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)
    try:
        try:
            yield
        finally:
            over = True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:  # someone else's timer, which has run on meanwhile
            rest = max(left - (time.monotonic() - began), 1e-6)
            signal.setitimer(signal.ITIMER_REAL, rest, interval)


@contextmanager
def _by_tracer(seconds: float) -> Iterator[None]:
    """Lines take a few times as long; the limit is on seconds all the same."""
    end, own = time.monotonic() + seconds, (__file__, contextlib.__file__)

    def look(frame: FrameType, event: str, argument: Any) -> Any:
        if time.monotonic() > end and frame.f_code.co_filename not in own:
            raise OutOfTimeError
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        yield
    finally:
        sys.settrace(before)
