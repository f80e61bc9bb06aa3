"""How far it is, how fast, how long yet, and what is known so far."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from shutil import get_terminal_size
from time import monotonic
from typing import TextIO

from refnet.apps.evaluate.evaluator import TOP, Record
from refnet.apps.evaluate.statistics import wilson

OFTEN, SELDOM = 0.2, 30.0  # seconds between lines on a terminal, and in a log


class Progress:
    """A line that is written over on a terminal; in a log, a new line now and then.

    >>> progress = Progress(2, ["v1"], stream=sys.stdout)
    >>> progress.add(0, {"rank": 1})
    >>> progress.done(new=True)
    >>> progress.line(now=progress.began + 2)
    '1 of 2 photos, 0.5/s, 0:02 left; top-1 100.0 % (20.7 to 100.0), top-5 100.0 % (20.7 to 100.0)'
    """

    def __init__(self, total: int, titles: Sequence[str], stream: TextIO | None = None) -> None:
        self.total, self.titles = total, titles
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self.began = self._said = monotonic()
        self.finished = self.new = self.bad = 0
        self._counts = [[0, 0, 0] for _ in titles]  # photos, right, right among five

    def add(self, variant: int, record: Record) -> None:
        """A record of one variant."""
        if "problem" in record:
            self.bad += variant == 0
            return
        counts = self._counts[variant]
        counts[0] += 1
        counts[1] += record["rank"] == 1
        counts[2] += record["rank"] <= TOP

    def done(self, *, new: bool) -> None:
        """A photo has all its records."""
        self.finished += 1
        self.new += new
        now = monotonic()
        if now - self._said >= (OFTEN if self._terminal else SELDOM):
            self._said = now
            line = self.line(now)
            if self._terminal:  # one that is too long for its line could not be written over
                columns = get_terminal_size().columns - 1
                line = line if len(line) <= columns else self.brief(now)
                line = "\r\x1b[K" + line[:columns]
            self._stream.write(line if self._terminal else line + "\n")
            self._stream.flush()

    def line(self, now: float) -> str:
        """What is known, in a line."""
        said = f"{self.finished:,} of {self.total:,} photos"
        if self.new:
            said += f", {self._rate(now):.3g}/s, {self._left(now)} left"
        for title, (of, one, five) in zip(self.titles, self._counts, strict=True):
            name = f"{title}: " if len(self.titles) > 1 else ""
            if len(self.titles) > 3:  # a screen is not that wide
                said += f"; {name}{wilson(one, of).told()}"
                continue
            said += f"; {name}top-1 {wilson(one, of).told()}, top-5 {wilson(five, of).told()}"
        return said + (f"; {self.bad} not read" if self.bad else "")

    def brief(self, now: float) -> str:
        """The same for 80 columns: of several variants their top-1 alone.

        >>> progress = Progress(50_000, ["v1"], stream=sys.stdout)
        >>> progress.add(0, {"rank": 1})
        >>> progress.done(new=True)
        >>> progress.brief(now=progress.began + 0.1)
        '1/50000 10/s 1:23:20 left; top-1 100.0 (20.7-100.0) top-5 100.0 (20.7-100.0)'
        """
        said = f"{self.finished}/{self.total}"
        if self.new:
            said += f" {self._rate(now):.3g}/s {self._left(now)} left"
        said += f", {self.bad} not read; top-1" if self.bad else "; top-1"
        for of, one, _ in self._counts:
            said += " " + _briefly(one, of)
        if len(self._counts) == 1:
            said += " top-5 " + _briefly(self._counts[0][2], self._counts[0][0])
        return said

    def _rate(self, now: float) -> float:
        return self.new / max(now - self.began, 1e-9)

    def _left(self, now: float) -> str:
        return clock((self.total - self.finished) / self._rate(now))

    def close(self) -> None:
        """Leave the terminal's line empty."""
        if self._terminal:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def _briefly(count: int, of: int) -> str:
    share = wilson(count, of)
    value = f"{100 * share.value:.1f}" if of else "–"
    return f"{value} ({100 * share.low:.1f}-{100 * share.high:.1f})"


def clock(seconds: float) -> str:
    """Minutes and seconds, with hours where there are some.

    >>> clock(75), clock(3 * 3600 + 62)
    ('1:15', '3:01:02')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
