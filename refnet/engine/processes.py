"""Workers in processes of their own, on the same nameless memory, meeting over pipes.

Nothing can stay behind. The memory has no name that would outlive its processes; and a worker ends
by itself when the process that started it closes its end of the lifeline, or ends, be it by an
exception or by SIGKILL.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path

from refnet.engine.crew import Call, Clock, run_calls, steps_of, with_meetings
from refnet.engine.flags import meet_within
from refnet.engine.meeting import LeftError, Meeting
from refnet.engine.memory import above_standard_files
from refnet.engine.sharing import Layout

# One thread for whichever BLAS NumPy has, in an environment of their own.
ONE_THREAD = dict.fromkeys(
    (
        "OPENBLAS_NUM_THREADS",
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    ),
    "1",
)
PATIENCE = 2.0  # seconds for a worker to end before it is killed
PACKAGE = Path(__file__).parents[1]
# The worker is of the very package that this file is of, whatever its own folder and path have.
START = """
import importlib.util as util, json, sys
said = json.loads(sys.argv[1])
sys.path[:], folder = said.pop("path"), said.pop("package")
spec = util.spec_from_file_location("refnet", folder + "/__init__.py")
sys.modules["refnet"] = refnet = util.module_from_spec(spec)
spec.loader.exec_module(refnet)
from refnet.engine.worker import main
main(**said)
"""
Line = tuple[socket.socket, socket.socket]


class Processes:
    """One process for each worker but the first, started with the plan.

    They import refnet and take their calls while the plan's owner goes on; the first run waits for
    them. After an interrupted run they are ended, as they may be anywhere in it, and the next run
    starts them again.
    """

    def __init__(self, layout: Layout) -> None:
        self._first, *others = steps_of(layout)
        self._memory, self._owner = layout.memory, os.getpid()
        self._flags = layout.flags
        self._packed = [layout.memory.packed((self._flags, steps)) for steps in others]
        self._team: Team | None = None
        self._ready = False  # the workers wait at the start of a run: not in one, not being ended
        self._meet: Call = int
        self._calls: list[Call] = []
        self._start()

    def run(self, clock: Clock | None = None) -> list[float]:
        """Every call, all workers from the same start to the same end."""
        if os.getpid() != self._owner:
            raise RuntimeError(
                "plan: made in the process that this one was forked from; make another"
            )
        if not self._ready:
            self._start()
        self._ready = False
        try:
            self._meet()
            stamps = run_calls(self._calls, clock)
            self._meet()
        except LeftError:
            self.close()
            raise RuntimeError("plan: a worker has ended; the next call starts it again") from None
        except BaseException:
            self.close()
            raise
        self._ready = True
        return stamps

    def close(self) -> None:
        """End the workers and wait for their end."""
        self._ready = False
        if self._team is not None and os.getpid() == self._owner:
            self._team.stop()
        self._team = None

    def _start(self) -> None:
        self.close()  # a second Ctrl-C may have come while the last ones were being ended
        if self._flags is not None:
            self._flags[:] = 0
        self._team = Team(self._memory.file, self._packed)
        self._meet = self._team.meeting.meet
        within = meet_within(self._flags, 0, self._team.meeting)
        self._calls = with_meetings(self._first, within)
        self._ready = True


class Team:
    """The processes themselves, and this one's seat at their meetings.

    memory: the open file that they map; packed: each one's calls.
    """

    def __init__(self, memory: int, packed: Sequence[bytes]) -> None:
        with _uninterrupted():
            self._gather(memory, packed)

    def stop(self) -> None:
        """End them, and wait for their end; once more, if that was interrupted."""
        _end(self.meeting, self.processes)
        self._end.detach()

    def _gather(self, memory: int, packed: Sequence[bytes]) -> None:
        inboxes, pairs = _files(len(packed))
        self.processes: list[subprocess.Popen[bytes]] = []
        lifelines = [ours for ours, _ in pairs]
        # Of every pipe this process reads its own and writes the others.
        self.meeting = Meeting(inboxes[0][0], [to for _, to in inboxes[1:]], lifelines)
        # Also when the plan is forgotten, or the program ends, without `close`.
        self._end = weakref.finalize(self, _end, self.meeting, self.processes)
        try:
            for worker, (_, theirs) in enumerate(pairs, 1):
                others = [to for k, (_, to) in enumerate(inboxes) if k != worker]
                seat = Seat(worker, memory, inboxes[worker][0], others, theirs.fileno())
                self.processes.append(seat.taken(len(packed[worker - 1])))
        except BaseException:
            self.stop()
            raise
        finally:
            os.close(inboxes[0][1])
            for inbox, _ in inboxes[1:]:
                os.close(inbox)
            for _, theirs in pairs:
                theirs.close()
        for lifeline, calls in zip(lifelines, packed, strict=True):
            threading.Thread(target=_send, args=(lifeline, calls), daemon=True).start()


def _files(workers: int) -> tuple[list[tuple[int, int]], list[Line]]:
    """A pipe for everybody, a lifeline for each worker; none where there are too few."""
    inboxes: list[tuple[int, int]] = []
    pairs: list[Line] = []
    try:
        with above_standard_files():
            inboxes.extend(os.pipe() for _ in range(workers + 1))
            pairs.extend(socket.socketpair() for _ in range(workers))
    except OSError:
        for end in itertools.chain(*inboxes):
            os.close(end)
        for line in itertools.chain(*pairs):
            line.close()
        raise
    return inboxes, pairs


class Seat:
    """The open files that a worker inherits."""

    def __init__(
        self, worker: int, memory: int, inbox: int, outboxes: list[int], lifeline: int
    ) -> None:
        self._said = {
            "worker": worker,
            "memory": memory,
            "inbox": inbox,
            "outboxes": outboxes,
            "lifeline": lifeline,
            "parent": os.getpid(),
            "package": str(PACKAGE),
            "path": [os.path.abspath(place) for place in sys.path],
        }
        self._files = [memory, inbox, *outboxes, lifeline]

    def taken(self, length: int) -> subprocess.Popen[bytes]:
        """A new process on this seat, that expects `length` bytes of calls."""
        said = json.dumps({**self._said, "length": length})
        return subprocess.Popen(
            [sys.executable, "-P", "-c", START, said],
            stdin=subprocess.DEVNULL,
            pass_fds=self._files,
            env={**os.environ, **ONE_THREAD},
            start_new_session=True,  # Ctrl-C is for the process that a person started
        )


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits: between the fork of a process and its number, nobody could end it."""
    here = threading.current_thread() is threading.main_thread()
    if not here or signal.getsignal(signal.SIGINT) is None:  # another's, which cannot be put back
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)


def _send(lifeline: socket.socket, calls: bytes) -> None:
    """In a thread, as a worker listens only when it has started."""
    with contextlib.suppress(OSError):  # it ended before that
        lifeline.sendall(calls)


def _end(meeting: Meeting, processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Close the lifelines, at which they end; whoever does not is killed."""
    meeting.close()
    for process in processes:
        try:
            process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
