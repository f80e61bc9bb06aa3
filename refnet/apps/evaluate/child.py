"""A process of its own that evaluates photos, for a worker that must outlive them.

A decoder or an engine that crashes takes its process with it. In a worker of Dask that costs more
than the photo: whoever restarts workers gives up on one that dies while it begins, and the photos
beside it have to go elsewhere. So the worker asks a child, which has the engines and may die.

The child is no `multiprocessing.Process`, as Dask's workers are daemons and may have none of those.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing, suppress
from typing import Any

from refnet.apps.evaluate.evaluator import Evaluator, Record, Task
from refnet.apps.evaluate.pool import TRIES, ended
from refnet.apps.evaluate.variants import Variant
from refnet.errors import one_line

_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
    "from refnet.apps.evaluate.child import main; main()"
)


class Child:
    """Asks a process of its own, and begins another where one is gone.

    Raises ValueError for what an engine refuses, and where a process does not even begin.
    """

    def __init__(self, variants: Sequence[Variant]) -> None:
        self._variants = tuple(variants)
        self._process = self._begun()

    def __call__(self, task: Task) -> list[Record]:
        """A record for each of the task's variants; a photo that ends processes is given up."""
        for _ in range(TRIES):
            with suppress(EOFError, OSError, pickle.UnpicklingError):
                self._tell(task)
                answer: list[Record] = self._told()
                return answer
            said = self._end()
            self._process = self._begun()
        return task.failed(f"the process that was at it {said}, {TRIES} times")

    def close(self) -> None:
        """End it."""
        self._end()

    def _begun(self) -> subprocess.Popen[bytes]:
        path = json.dumps(sys.path)  # where this process finds modules, it does as well
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CODE, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        refused: str | None = None
        try:
            self._tell(self._variants)
            refused = self._told()
        except (EOFError, OSError):
            refused = f"a worker's process did not begin; it {self._end()}"
        if refused is not None:
            self._end()
            raise ValueError(refused)
        return self._process

    def _tell(self, thing: Any) -> None:
        assert self._process.stdin is not None
        pickle.dump(thing, self._process.stdin)
        self._process.stdin.flush()

    def _told(self) -> Any:
        assert self._process.stdout is not None
        return pickle.load(self._process.stdout)

    def _end(self) -> str:
        """How it ended, or that it was ended now."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        try:
            self._process.wait(timeout=1)  # it ends when its input does, once its photo is done
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        return ended(self._process.returncode)


def main() -> None:
    """What the process does: engines once, then photo after photo until its input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the first one decides
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # an engine that prints shall not print among them
    questions = sys.stdin.buffer

    def answer(thing: Any) -> None:
        pickle.dump(thing, answers)
        answers.flush()

    with suppress(EOFError, OSError):  # nobody is there any more
        try:
            evaluator = Evaluator(pickle.load(questions))
        except (ValueError, OSError) as problem:
            answer(one_line(problem))
            return
        with closing(evaluator):
            answer(None)
            while True:
                answer(evaluator(pickle.load(questions)))
