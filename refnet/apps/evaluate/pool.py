"""The photos of one process, or shared among several, each with engines of its own.

A process that dies (a decoder that crashes, the system that needs memory, a person's `kill`) costs
what it had in hand: it takes its photos in order, so the first that it has not answered is the one
that it died of or at. That one is tried once more, by a new process; the second time it is recorded
as what it is. The others waited only and are given out again.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from threading import current_thread, main_thread

from refnet.apps.evaluate.evaluator import Evaluator, Record, Task
from refnet.apps.evaluate.variants import Variant
from refnet.errors import one_line

Answered = tuple[Task, list[Record]]
AHEAD = 2  # photos that a process has beyond the one it is at: it never waits for the next
TRIES = 2  # processes that a photo may cost
UNREADY = 3  # processes in turn that may end before they have their engines


def alone(tasks: Iterator[Task], variants: Sequence[Variant]) -> Generator[Answered, None, None]:
    """One after the other, here."""
    evaluator: Evaluator | None = None
    try:
        for task in tasks:
            evaluator = evaluator or Evaluator(variants)
            yield task, evaluator(task)
    finally:
        if evaluator:
            evaluator.close()


def shared(
    tasks: Iterator[Task], variants: Sequence[Variant], processes: int
) -> Generator[Answered, None, None]:
    """Among processes, in the order in which they are done.

    Raises ValueError for what an engine refuses, and where a process does not even begin.
    """
    crew = _Crew(variants, processes)
    try:
        yield from crew.run(tasks)
    finally:
        crew.close()


class _Worker:
    """A process, and what it has in hand."""

    def __init__(self, variants: Sequence[Variant]) -> None:
        context = multiprocessing.get_context("spawn")
        self.line, theirs = context.Pipe()
        self.process = context.Process(
            target=_work, args=(theirs, tuple(variants)), daemon=True, name="refnet-evaluate"
        )
        with _undisturbed():
            self.process.start()
        theirs.close()  # so that its end is seen when the process is gone
        self.ready = False
        self.hand: deque[Task] = deque()


class _Crew:
    def __init__(self, variants: Sequence[Variant], processes: int) -> None:
        self._variants = variants
        self._again: deque[Task] = deque()
        self._unready = 0  # processes in turn that ended before their first photo
        self._cost: dict[Task, int] = {}  # processes that died of photos that are still open
        self._workers = [_Worker(variants) for _ in range(processes)]

    def run(self, tasks: Iterator[Task]) -> Iterator[Answered]:
        """Give out, take in, replace who is gone."""
        more = True
        while True:
            for worker in self._workers:
                while (more or self._again) and len(worker.hand) <= AHEAD:
                    task = self._again.popleft() if self._again else next(tasks, None)
                    if task is None:
                        more = False
                        break
                    worker.hand.append(task)
                    with suppress(OSError):  # it is gone: that is seen below
                        worker.line.send(task)
            if not any(worker.hand for worker in self._workers):
                return
            ready = wait([worker.line for worker in self._workers])
            for n, worker in enumerate(self._workers):
                if worker.line in ready:
                    yield from self._taken(n, worker)

    def _taken(self, n: int, worker: _Worker) -> Iterator[Answered]:
        try:
            answer = worker.line.recv()
        except (EOFError, OSError):
            yield from self._gone(n, worker)
            return
        if isinstance(answer, str):
            raise ValueError(answer)
        if answer is None:
            worker.ready = True
            return
        self._unready = 0  # some do begin
        task = worker.hand.popleft()
        self._cost.pop(task, None)
        yield task, answer

    def _gone(self, n: int, worker: _Worker) -> Iterator[Answered]:
        worker.process.join()
        said = ended(worker.process.exitcode)
        self._unready += not worker.ready
        if self._unready == UNREADY:
            raise ValueError(f"--processes: {UNREADY} in turn did not begin; the last {said}")
        if worker.ready and worker.hand:
            task = worker.hand.popleft()
            self._cost[task] = self._cost.get(task, 0) + 1
            if self._cost[task] < TRIES:
                worker.hand.appendleft(task)
            else:
                del self._cost[task]
                yield task, task.failed(f"the process that was at it {said}, {TRIES} times")
        self._again.extend(worker.hand)
        self._workers[n] = _Worker(self._variants)

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.line.close()
        for worker in self._workers:
            worker.process.join(timeout=1)  # it ends when its line does, once its photo is done
            if worker.process.exitcode is None:
                worker.process.kill()
                worker.process.join()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C goes to all, also to a process that is beginning; here it waits until this is over.

    A process inherits the signals that are blocked. Other threads than this one get what it blocks
    (those of a BLAS, say), and Python tells this one of it at once: hence the handler as well.
    """
    if not hasattr(signal, "pthread_sigmask") or current_thread() is not main_thread():
        yield
        return
    resource_tracker.ensure_running()  # what starts it would end the blocking
    came: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
        if came:
            signal.raise_signal(signal.SIGINT)


def ended(code: int | None) -> str:
    """How a process ended.

    >>> ended(-9), ended(1)
    ('was ended by SIGKILL', 'ended (exit status 1)')
    """
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
    return f"ended (exit status {code})"


def _work(line: Connection, variants: Sequence[Variant]) -> None:
    """What a process does: engines once, then photo after photo until the line is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the first one decides
    with suppress(EOFError, OSError):  # nobody is there any more
        try:
            evaluator = Evaluator(variants)
        except (ValueError, OSError) as problem:
            line.send(one_line(problem))
            return
        with closing(evaluator):
            line.send(None)
            while True:
                line.send(evaluator(line.recv()))
