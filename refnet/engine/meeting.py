"""Where workers wait for one another, however long: each writes a byte into every other's pipe.

A meeting is over for a worker when it has read as many bytes as there are others. The kernel's
pipes order memory between processors, on ARM too, which flags in shared memory would not. A byte
is looked for without sleeping at first, as waking up takes longer than most waits; then with
`poll`, which also wakes when the other end of a lifeline is gone.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
from collections.abc import Sequence

LOOKS = 2000  # before it sleeps: one to two milliseconds


class LeftError(Exception):
    """Somebody who was waited for has ended."""


class Meeting:
    """A worker's own pipe, those of the others, and lifelines that break when a process ends.

    parent: the process whose end is this one's too; 0 for nobody's.

    >>> (inbox, to_me), line = os.pipe(), socket.socketpair()
    >>> meeting = Meeting(inbox, [to_me], [line[0]])        # a worker that meets itself
    >>> meeting.meet()
    >>> line[1].close()
    >>> meeting.meet(); meeting.wait()
    Traceback (most recent call last):
    ...
    refnet.engine.meeting.LeftError
    >>> meeting.close()
    """

    def __init__(
        self,
        inbox: int,
        outboxes: Sequence[int],
        lifelines: Sequence[socket.socket],
        *,
        parent: int = 0,
    ) -> None:
        self._inbox, self._outboxes, self._lifelines = inbox, outboxes, lifelines
        self._parent, self._open = parent, [inbox, *outboxes]
        self._awaited = len(outboxes)
        self._ends = select.poll()
        for end in (inbox, *(line.fileno() for line in lifelines)):
            self._ends.register(end, select.POLLIN)
        os.set_blocking(inbox, False)

    def meet(self) -> None:
        """Say that this worker is here, and wait until all the others are.

        Raises LeftError where one of them has ended.
        """
        try:
            for outbox in self._outboxes:
                os.write(outbox, b".")
        except BrokenPipeError:
            raise LeftError from None
        self.wait()

    def wait(self) -> None:
        """The waiting alone."""
        missing, looks, inbox = self._awaited, 0, self._inbox
        while missing:
            try:
                missing -= len(os.read(inbox, missing)) or self._left()
            except BlockingIOError:
                looks += 1
                if looks > LOOKS:
                    self._sleep()

    def rest(self) -> None:
        """A millisecond at most, for who waits elsewhere. Raises LeftError where one has ended."""
        ready = {end for end, _ in self._ends.poll(1)}
        if self._orphaned() or ready - {self._inbox}:
            self._left()

    def _sleep(self) -> None:
        ready = {end for end, _ in self._ends.poll(1000)}
        if self._orphaned() or (ready and self._inbox not in ready):
            self._left()

    def _orphaned(self) -> bool:
        """The lifeline of a process that was killed may live on in one that was forked from it."""
        return bool(self._parent) and os.getppid() != self._parent

    def _left(self) -> int:
        raise LeftError

    def close(self) -> None:
        """Close every end that is this worker's."""
        for line in self._lifelines:
            line.close()
        while self._open:  # each once: its number may be another file's then
            with contextlib.suppress(OSError):
                os.close(self._open.pop())
