"""The BLAS's own threads: a plan has them stand still, as it shares the work out itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


@contextmanager
def one_thread() -> Iterator[None]:
    """The BLAS libraries of this process with one thread each, and afterwards as before.

    >>> with one_thread():
    ...     pass

    What threadpoolctl does not know, Apple's Accelerate for one, is left as it is.
    """
    changed = [(library, n) for library in _libraries() if (n := library.get_num_threads()) != 1]
    for library, _ in changed:
        library.set_num_threads(1)
    try:
        yield
    finally:
        for library, threads in changed:
            library.set_num_threads(threads)


@cache
def _libraries() -> tuple[Any, ...]:
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return ()
    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)
