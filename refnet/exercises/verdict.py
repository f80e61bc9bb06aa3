"""What is said of an answer, as text and, in a notebook, as HTML."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from refnet.exercises.comparing import kind, number, text

Kind = Literal["right", "wrong", "not written", "timed out", "not checked"]
LARGEST = 200  # numbers of an array that are shown; beyond, its shape alone
WIDTH = 88  # of a line of numbers
LINES = 10  # of what it printed


@dataclass(frozen=True)
class Verdict:
    """What came of a check.

    >>> from refnet.exercises import check
    >>> print(check("3.2", lambda D_K, M, N, bias: D_K**2 * M * N))
    Exercise 3.2, Weights and biases: wrong. It returns 1, expected 2.
    <BLANKLINE>
        weights(D_K, M, N, bias) on the smallest input found:
        D_K = 1
        M = 1
        N = 1
        bias = True
        answer:   1
        expected: 2
    <BLANKLINE>
    A known mistake, no bias: Where there is a bias it adds N numbers, one for each filter.

    said: one line, where it takes no more. given: the arguments by name, of the smallest input on
    which it goes wrong; answer, expected: what came of them and what should have. mistake, hint:
    of the known mistake whose answers these are, if they are one's. note: what else to say.
    """

    number: str
    title: str
    kind: Kind
    said: str = ""
    call: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)
    answer: str = ""
    expected: str = ""
    mistake: str = ""
    hint: str = ""
    printed: str = ""
    note: str = ""

    @property
    def right(self) -> bool:
        """Whether the answer is right."""
        return self.kind == "right"

    @property
    def brief(self) -> str:
        """The verdict on one line, as a table has it.

        >>> from refnet.exercises import check
        >>> check("3.2", lambda D_K, M, N, bias: None).brief
        'wrong: it returns None (is there a return?), expected a number'
        """
        return f"wrong: {self.hint or self.said}" if self.kind == "wrong" else self.kind

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        parts = [self.head, *self._details()]
        if self.mistake:
            parts.append(f"A known mistake, {self.mistake}: {self.hint}")
        return "\n\n".join([*parts, self.note] if self.note else parts)

    @property
    def head(self) -> str:
        """The exercise, the verdict and the one line."""
        if self.kind == "not checked":
            return f"Exercise {self.number}, {self.title}: {self.said}" if self.title else self.said
        words = "not written yet" if self.kind == "not written" else self.kind
        said = f" {self.said[0].upper()}{self.said[1:].rstrip('.')}." if self.said else ""
        return f"Exercise {self.number}, {self.title}: {words}.{said}"

    def _details(self) -> list[str]:
        """The input, what came of it, what it printed: each a block of lines."""
        blocks = []
        if self.given:
            shown = [f"{name} = {shown_value(value, len(name) + 7)}" for name, value
                     in self.given.items()]  # fmt: skip
            answers = {"answer:": self.answer, "expected:": self.expected}
            which = "the smallest input found" if self.kind == "wrong" else "this input"
            rows = [f"{self.call} on {which}:", *shown]
            rows += [f"{word:<10}{value}" for word, value in answers.items() if value]
            blocks.append("\n".join(f"    {row}" for row in rows))
        if self.printed:
            lines = self.printed.splitlines()
            lines = [*lines[:LINES], "..."] if len(lines) > LINES else lines
            blocks.append("\n".join(["    There it printed:", *(f"    {line}" for line in lines)]))
        return blocks

    def _repr_html_(self) -> str:
        """The same in a notebook: no colours of its own, so that it reads on light and dark."""
        mark = {"right": "✓", "wrong": "✗"}.get(self.kind, "•")
        parts = [f"<p><b>{mark} {html.escape(self.head)}</b></p>"]
        parts += [
            f'<pre style="overflow-x: auto">{html.escape(block)}</pre>' for block in self._details()
        ]
        if self.mistake:
            words = f"A known mistake, <i>{html.escape(self.mistake)}</i>: {html.escape(self.hint)}"
            parts.append(f"<p>{words}</p>")
        if self.note:
            parts.append(f"<p>{html.escape(self.note)}</p>")
        return "\n".join(parts)


def shown_value(value: Any, indent: int = 0) -> str:
    """A value as Python would take it back, where it is small enough to be read.

    >>> shown_value(np.eye(2, dtype=np.uint8)), shown_value((1, True)), shown_value(np.zeros(999))
    ('np.array([[1, 0], [0, 1]], np.uint8)', '(1, True)', 'an array of shape (999,)')
    """
    if isinstance(value, np.ndarray):
        return _shown_array(value, indent)
    if isinstance(value, tuple | list):
        inner = ", ".join(shown_value(part, indent) for part in value)
        if isinstance(value, list):
            return f"[{inner}]"
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, str):
        return text(value)
    if isinstance(value, int | float | Fraction | np.number):
        return number(value)
    return repr(value.item() if isinstance(value, np.generic) else value)[:LARGEST]


def _shown_array(a: np.ndarray[Any, Any], indent: int) -> str:
    if a.size > LARGEST or 0 in a.shape:
        return f"an array of shape {a.shape}"
    how: Any = {"formatter": {"object": _shown_object}} if a.dtype == object else {}
    numbers = np.array2string(a, separator=", ", max_line_width=10**6, threshold=LARGEST + 1, **how)
    known = "" if a.dtype in (np.int64, np.float64) else f", np.{a.dtype}"
    line = " ".join(f"np.array({numbers}{known})".split()).replace("[ ", "[")
    return textwrap.fill(
        line,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + len("np.array(")),
        break_on_hyphens=False,
    ).lstrip()


def _shown_object(value: Any) -> str:
    """What stands in an array of objects; they are not asked to show themselves."""
    return number(value) if isinstance(value, int | float | Fraction) else kind(value)
