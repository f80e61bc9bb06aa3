"""The BLAS's own threads: a plan has them stand still, as it shares the work out itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_lock = threading.Lock()
_running: set[int] = set()  # the threads with a plan in a run
_before: list[tuple[Any, int]] = []  # libraries that had more threads when the first one began


@contextmanager
def one_thread() -> Iterator[None]:
    """The BLAS libraries of this process with one thread each, and afterwards as before.

    >>> with one_thread():
    ...     pass

    Where several plans run at once, in threads of their own, afterwards is when the last one ends.
    What threadpoolctl does not know, Apple's Accelerate for one, is left as it is.
    """
    me = threading.get_ident()
    try:
        with _lock:
            # Where a run's end was itself interrupted, its thread is still among them; so its next
            # run starts and ends like any other.
            _running.add(me)
            for library in _libraries():
                if (threads := library.get_num_threads()) != 1:
                    _before.append((library, threads))
                    _set(library, 1)
        yield
    finally:
        with _lock:
            _running.discard(me)
            while _before and not _running:
                _set(*_before[-1])
                _before.pop()


def core() -> str:
    """The core that the BLAS is written for, as it calls it; "" where it does not say.

    >>> isinstance(core(), str)
    True
    """
    return next((str(getattr(library, "architecture", "")) for library in _libraries()), "")


def _set(library: Any, threads: int) -> None:
    """The number itself. threadpoolctl's own setter heeds one thread of the program alone, the
    first that called it, and lets calls from others do nothing.
    """
    getattr(library, "_real_set_num_threads", library.set_num_threads)(threads)


@cache
def _libraries() -> tuple[Any, ...]:
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return ()
    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)
