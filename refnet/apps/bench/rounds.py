"""Interleaved rounds: every engine once a round, so that what disturbs the machine meets them all.

Nobody is timed before the oracle has agreed with its answer, and nobody's process outlives the
comparison, however that ends.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from refnet.apps.bench.judging import criterion, judged
from refnet.apps.bench.peers import FLOOR, Entry
from refnet.apps.bench.process import Worker, WorkerError, worker_environment
from refnet.apps.bench.question import Question
from refnet.apps.bench.results import Line, Round, Run, title
from refnet.engine import Product

SECONDS, ITERATIONS = 0.25, 10  # of one engine in one round, at least: both
SPLIT_ROUNDS = 20


@dataclass(frozen=True)
class Setting:
    """What is the same for all engines: where the question lies, threads, rounds, environment.

    progress: told, in a few words, what is being done.
    """

    folder: Path
    threads: int
    rounds: int
    environment: Mapping[str, str]
    unpin: bool = False
    progress: Callable[[str], None] = lambda _: None


def compare(question: Question, entries: Sequence[Entry], setting: Setting) -> Run:
    """Prepare all, judge their answers, then time those that are right, round by round.

    The first entry is refnet's own: its matrix products make the floor, its time is split. An
    engine that is wrong, or fails, gets a line that says so, and the others go on.
    """
    with ExitStack() as stack:
        runners = [_Runner(entry, question, setting, stack) for entry in entries]
        own = runners[0]
        if own.products:
            floor = replace(FLOOR, options={"products": own.products})
            runners.append(_Runner(floor, question, setting, stack))
        for number in range(setting.rounds):
            for runner in turned(runners, number):
                runner.time(f"round {number + 1} of {setting.rounds}")
        split = own.ask("split", rounds=SPLIT_ROUNDS).get("split", {})
        blas = [runner.finish() for runner in runners]
    return Run(
        question.model,
        question.network.name,
        question.asked,
        setting.threads,
        tuple(replace(runner.line, rounds=tuple(runner.rounds)) for runner in runners),
        blas[0] or blas[-1],  # the floor's, where refnet was refused
        split,
        own.products,
        criterion(question.network),
    )


def turned(runners: Sequence[Any], number: int) -> list[Any]:
    """Another one begins each round, so that nobody is always the one after the slowest.

    >>> turned(["a", "b", "c"], 4)
    ['b', 'c', 'a']
    """
    at = number % len(runners)
    return [*runners[at:], *runners[:at]]


class _Runner:
    """An engine in its process, and what is known of it so far; once refused, it rests."""

    _numbers = itertools.count()

    def __init__(
        self, entry: Entry, question: Question, setting: Setting, stack: ExitStack
    ) -> None:
        self.line = Line(entry.name, entry.version)
        self.rounds: list[Round] = []
        self.products: tuple[Product, ...] = ()
        self._setting, self._question = setting, question
        self._title = title(question.network.name, setting.threads)
        job = {
            "build": entry.build,
            "folder": str(setting.folder),
            "threads": setting.threads,
            "options": dict(entry.options),
        }
        threads = 1 if entry.own_threads else setting.threads
        environment = worker_environment(
            setting.environment, threads=threads, unpin=setting.unpin, keep=entry.allocates
        )
        log = setting.folder / f"{next(self._numbers)}.log"
        self._worker = Worker(job, environment, log)
        stack.callback(self._worker.close)
        self._answers = entry.build != FLOOR.build
        self._say("made ready")
        try:
            told = self._worker.prepare()
        except WorkerError as problem:
            self._refuse(str(problem))
            return
        self.products = tuple(Product(*sizes) for sizes in told["products"])
        self._judge(told["answer"], "")

    def _judge(self, answer: list[float], when: str) -> None:
        if not self._answers:
            return
        verdict = judged(np.array(answer), self._question.expected, self._question.network)
        difference = max(verdict.difference, self.line.difference or 0.0)
        self.line = replace(self.line, difference=difference, best=verdict.best)
        if verdict.wrong:
            self._refuse(f"{when}{verdict.wrong}")

    def time(self, what: str) -> None:
        """One round."""
        self._say(what)
        told = self.ask("round", seconds=SECONDS, iterations=ITERATIONS)
        if told:
            self.rounds.append(Round(**told))

    def finish(self) -> str:
        """Memory, BLAS, and the answer once more: one that was right by luck is found out."""
        told = self.ask("about")
        if told:
            self.line = replace(self.line, rss=told["rss"])
            self._judge(told["answer"], "after the rounds ")
        blas: str = told.get("blas", "")
        return blas

    def ask(self, what: str, **said: Any) -> dict[str, Any]:
        """The worker's answer; nothing of one that is refused, or fails now."""
        if self.line.refused:
            return {}
        try:
            return self._worker.ask(what, **said)
        except WorkerError as problem:
            self._refuse(str(problem))
            return {}

    def _refuse(self, reason: str) -> None:
        self.line = replace(self.line, refused=reason)
        self._worker.close()

    def _say(self, what: str) -> None:
        self._setting.progress(f"{self._title}: {self.line.name}, {what}")
