"""A reader's function called on given arguments: what it answers, or what happens instead."""

from __future__ import annotations

import copy
import io
import traceback
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from types import CodeType
from typing import Any, Literal

import numpy as np

from refnet.exercises.exercise import Arguments
from refnet.exercises.timelimit import OutOfTimeError, time_limit

PRINTED = 1000  # characters that are kept of what a call prints
MESSAGE = 200  # and of an exception's message

Ended = Literal["answered", "raised", "not written", "timed out"]


@dataclass(frozen=True)
class Outcome:
    """One call.

    >>> call(lambda x: x + 1, (1,)).answer
    2
    >>> call(lambda x: x / 0, (1,)).raised
    'ZeroDivisionError: division by zero'

    raised: the exception's type and message, on one line. where: the line of the function that
    raised it, as far as its source is known. changed: places of arguments that are not what they
    were. printed: what the call printed, its beginning.
    """

    arguments: Arguments
    ended: Ended
    answer: Any = None
    raised: str = ""
    where: str = ""
    changed: tuple[int, ...] = ()
    printed: str = ""

    @property
    def exception(self) -> str:
        """The name of the exception's type."""
        return self.raised.partition(":")[0]


def call(function: Callable[..., Any], arguments: Arguments, limit: float = 5.0) -> Outcome:
    """Call it, on copies, with what it prints held back.

    Whatever it raises is caught; KeyboardInterrupt, which is the user's own, is not.
    """
    given, printed = copy.deepcopy(arguments), _Beginning()
    try:
        with (
            warnings.catch_warnings(),
            np.errstate(all="ignore"),
            redirect_stdout(printed),
            redirect_stderr(printed),
        ):
            warnings.simplefilter("ignore")
            with time_limit(limit):
                answer = _kept(function(*given))
    except OutOfTimeError:
        return Outcome(arguments, "timed out", printed=printed.text)
    except NotImplementedError:
        return Outcome(arguments, "not written", printed=printed.text)
    except KeyboardInterrupt:
        raise
    except BaseException as problem:
        where = _where(function, problem)
        return Outcome(arguments, "raised", raised=told(problem), where=where, printed=printed.text)
    pairs = zip(arguments, given, strict=True)
    changed = tuple(n for n, (before, after) in enumerate(pairs) if not _same(before, after))
    return Outcome(arguments, "answered", answer, changed=changed, printed=printed.text)


class _Beginning(io.TextIOBase):
    """A stream that keeps the beginning of what is written to it, and forgets the rest."""

    def __init__(self) -> None:
        self.text = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        if len(self.text) < PRINTED:
            self.text += str(text)[: PRINTED - len(self.text)]
        return len(text)


def _kept(answer: Any) -> Any:
    """The answer as it is now: arrays are copied, for the next call may reuse them."""
    if isinstance(answer, np.ndarray):
        return np.array(answer, subok=False)
    if type(answer) in (tuple, list):
        return type(answer)(_kept(value) for value in answer)
    return answer


def _same(before: Any, after: Any) -> bool:
    """Whether an argument is what it was; what has no value of its own, a function, is."""
    if isinstance(before, np.ndarray):
        return bool(
            before.shape == after.shape
            and before.dtype == after.dtype
            and np.array_equal(before, after)
        )
    if isinstance(before, list | tuple):
        return len(before) == len(after) and all(map(_same, before, after))
    return bool(before == after) if isinstance(before, int | float | str) else True


def told(problem: BaseException) -> str:
    """An exception's type and message, on one line that is not too long.

    >>> told(KeyError("x")), told(MemoryError())
    ("KeyError: 'x'", 'MemoryError')
    """
    try:
        message = " ".join(str(problem).split())
    except Exception:
        message = ""
    message = message if len(message) <= MESSAGE else f"{message[:MESSAGE]}..."
    name = type(problem).__name__
    return f"{name}: {message}" if message else name


def _where(function: Callable[..., Any], problem: BaseException) -> str:
    """The innermost line of the reader's own file that the exception went through."""
    code = getattr(getattr(function, "__wrapped__", function), "__code__", None)
    if not isinstance(code, CodeType):
        return ""
    own = [f for f in traceback.extract_tb(problem.__traceback__) if f.filename == code.co_filename]
    return (own[-1].line or "").strip() if own else ""
