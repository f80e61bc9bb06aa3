"""Errors as a person reads them: one line that names what came and what was expected."""

from __future__ import annotations


class ChecksumError(ValueError):
    """A file whose bytes are not the ones that its hash promises."""


class MissingPackageError(ValueError):
    """An optional package that a job needs is not installed."""


def one_line(problem: BaseException) -> str:
    """An exception's message on one line; the operating system's as "path: reason".

    >>> one_line(FileNotFoundError(2, "No such file or directory", "a.png"))
    'a.png: No such file or directory'
    """
    if isinstance(problem, OSError) and problem.strerror:
        return f"{problem.filename}: {problem.strerror}" if problem.filename else problem.strerror
    return " ".join(str(problem).split()) or type(problem).__name__


def printable(text: str) -> str:
    """Text on one line, with what a terminal would act on shown as escapes.

    >>> printable("Ann\\x1b[2J")
    'Ann\\\\x1b[2J'
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )
