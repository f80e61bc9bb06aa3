"""The other process of a plan: takes its calls, and makes them whenever the first one says so."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Sequence


def main(
    worker: int,
    memory: int,
    inbox: int,
    outboxes: Sequence[int],
    lifeline: int,
    parent: int,
    length: int,
) -> None:
    """Run until the process that started this one closes its end of the lifeline, or ends.

    worker: its number; memory, inbox, outboxes, lifeline: inherited open files; parent: the process
    that started this one; length: of the calls in bytes, which come over the lifeline.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import numpy as np

    from refnet.engine.crew import run_calls, with_meetings
    from refnet.engine.flags import meet_within
    from refnet.engine.meeting import LeftError, Meeting
    from refnet.engine.memory import Memory

    line = socket.socket(fileno=lifeline)
    plan = _received(line, length, parent)
    meeting = Meeting(inbox, outboxes, [line], parent=parent)
    flags, steps = Memory.opened(memory).unpacked(plan)
    calls = with_meetings(steps, meet_within(flags, worker, meeting))
    try:
        with np.errstate(all="ignore"):
            while True:
                meeting.meet()
                run_calls(calls)
                meeting.meet()
    except LeftError:
        os._exit(0)  # the first process has ended, or needs this one no more


def _received(line: socket.socket, length: int, parent: int) -> bytes:
    """All the calls; the end of this process where the other one ends before it has sent them."""
    line.settimeout(1.0)
    parts = []
    while length:
        try:
            part = line.recv(min(length, 1 << 16))
        except TimeoutError:
            # The lifeline of a process that was killed may live on in one that was forked from it.
            if os.getppid() != parent:
                os._exit(0)
            continue
        if not part:
            os._exit(0)
        parts.append(part)
        length -= len(part)
    line.settimeout(None)
    return b"".join(parts)
