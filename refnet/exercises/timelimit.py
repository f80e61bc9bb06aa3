"""A limit on the time that a function may take.

Where the system has timers that signal (Linux, macOS) and this is the main thread, as in a
notebook, the limit ends any Python code, and whatever in C gives way to a signal. Elsewhere
(Windows, other threads) another thread raises the exception in this one, at its next line of
Python: a single long call into C is not ended. In a browser there is no limit. Code that catches
everything and goes on is ended by neither; `refnet exercises grade` ends it with its process.
"""

from __future__ import annotations

import ctypes
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext


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
        return nullcontext()
    timers = hasattr(signal, "setitimer")
    if timers and threading.current_thread() is threading.main_thread():
        return _by_signal(seconds)
    return _by_thread(seconds)


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
def _by_thread(seconds: float) -> Iterator[None]:
    here, lock = ctypes.c_ulong(threading.get_ident()), threading.Lock()
    over = fired = False

    def late() -> None:
        nonlocal fired
        with lock:
            if not over:
                fired = True
                raise_in(here, ctypes.py_object(OutOfTimeError))

    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    timer = threading.Timer(seconds, late)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with lock:
            over = True
        timer.cancel()
        if fired:  # too late to be raised in the block: not after it either
            raise_in(here, None)
