"""One submission's process: its cells are run, then each function that it defines is checked.

It writes a line of JSON before and after every step, so that what it was at is known should it
end in the middle. A step that ended it once is among those that the next process leaves out. After
each step the checker is looked over and put right.
"""

from __future__ import annotations

import json
import linecache
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, cast

from refnet.errors import one_line
from refnet.exercises import drawing
from refnet.exercises.calling import told
from refnet.exercises.catalogue import find
from refnet.exercises.checking import check
from refnet.exercises.signed import writer
from refnet.exercises.submission import Cell, mentioned, read
from refnet.exercises.timelimit import OutOfTimeError, time_limit
from refnet.exercises.watching import Watch, watched

# What a submission has no need to do; the names are those of Python's audit events.
FORBIDDEN = {
    "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "os.exec", "os.startfile",
    "os.kill", "os.killpg", "subprocess.Popen", "pty.spawn",
}  # fmt: skip
CALL = 5.0  # seconds for a call, if there is so much time
FILES = 64 << 20  # bytes that it may write to one file


@dataclass(frozen=True)
class Job:
    """path: the submission. results: where lines are added. step: seconds for one cell, or for all
    calls of one exercise. memory: bytes beyond what Python and NumPy take, or None. skipped: steps
    that are left out.
    """

    path: str
    results: str
    numbers: tuple[str, ...]
    step: float
    memory: int | None = None
    skipped: tuple[str, ...] = ()


def main() -> None:
    """Run the job that the command line holds, as JSON; end without any goodbyes.

    The secret of this run's lines comes through standard input, which is then at its end.
    """
    said: dict[str, Any] = json.loads(sys.argv.pop())
    numbers, skipped = tuple(said.pop("numbers")), tuple(said.pop("skipped"))
    job = Job(**said, numbers=numbers, skipped=skipped)
    with open(job.results, "a", encoding="utf-8", buffering=1) as file:
        Sitting(job, writer(file, sys.stdin.read())).run()
    os._exit(0)  # threads that the submission has left running are not waited for


class Sitting:
    """The steps, in order, and the lines that tell of them."""

    def __init__(self, job: Job, write: Callable[[dict[str, Any]], None]) -> None:
        self.job, self.write, self.process = job, write, os.getpid()
        self.functions: dict[str, FunctionType] = {}
        self.watch, self.check = Watch(), check

    def run(self) -> None:
        """Everything that is not left out."""
        if drawing.installed():
            import hypothesis.extra.numpy  # noqa: F401  before there is a limit on memory
        limit_resources(self.job.memory)
        sys.addaudithook(_refuse)
        self.tell(ready=True)
        try:
            cells = read(Path(self.job.path))
        except (ValueError, OSError, MemoryError) as problem:
            self.tell(remark=one_line(problem), done=True)
            return
        if not any(cell.source.strip() for cell in cells):
            self.tell(remark="there is no code in it")
        module = ModuleType("__main__")
        sys.modules["__main__"] = module
        named = mentioned(cells) or self.job.numbers
        names = {find(number).name: number for number in self.job.numbers if number in named}
        for cell in cells:
            self.run_cell(cell, vars(module), names)
        for name, number in names.items():
            if name in self.functions and number not in self.job.skipped:
                self.check_function(number, self.functions[name])
        self.tell(done=True)

    def run_cell(self, cell: Cell, names: dict[str, Any], wanted: Mapping[str, str]) -> None:
        """Run a cell; note what it raises, and the functions that it defines."""
        step = f"cell {cell.number}"
        if step in self.job.skipped:
            return
        self.tell(begin=step)
        file = f"<{step}>"
        text = (
            cell.source if isinstance(cell.source, str) else cell.source.decode("utf-8", "replace")
        )
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        try:
            with time_limit(self.job.step):
                exec(compile(cell.source, file, "exec"), names)
        except OutOfTimeError:
            self.tell(remark=f"{step} had not ended after {self.job.step:g} s")
        except BaseException as problem:  # KeyboardInterrupt as well: nobody is at the keys
            self.tell(remark=f"{step} raises {told(problem)}")
        self.put_back(step)
        for name in wanted:
            found = names.get(name)
            if isinstance(found, FunctionType) and found.__module__ == "__main__":
                self.functions[name] = found  # whatever else the name may stand for later

    def check_function(self, number: str, function: FunctionType) -> None:
        """Check it, and tell the verdict."""
        self.tell(begin=number)
        calls: list[str] = []
        code = cast(FunctionType, find(number).reference).__code__
        answer = watched(function, code, lambda: calls.append(number))
        try:
            verdict = self.check(number, answer, limit=min(CALL, self.job.step / 2))
        except BaseException as problem:
            self.tell(number=number, kind="crashed", said=told(problem))
            return
        finally:
            self.put_back(number)
        if calls:
            self.tell(remark=f"{number}: the answer calls the book's own {find(number).name}")
        kind = "wrong" if verdict.kind == "not checked" else verdict.kind
        said = "" if kind in ("right", "not written") else verdict.hint or verdict.said
        self.tell(number=number, kind=kind, said=said)

    def put_back(self, step: str) -> None:
        """Put the checker right, and tell if that was needed."""
        if changed := self.watch.put_back():
            more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
            self.tell(remark=f"{step} changes {', '.join(changed[:3])}{more}: put back")

    def tell(self, **what: Any) -> None:
        """Add a line to the results; not from a process that the submission has forked."""
        if os.getpid() != self.process:
            os._exit(1)
        self.write(what)


def limit_resources(memory: int | None) -> None:
    """Limits that a process can set itself, where the system has them.

    Memory is limited on Linux alone: elsewhere the limit is not kept, or cannot be set.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    statistics = Path("/proc/self/statm")
    if memory is not None and statistics.exists():
        used = int(statistics.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + memory,) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _refuse(event: str, _: Any) -> None:
    if event in FORBIDDEN:
        raise PermissionError("a submission may not start other processes, or signal to them")
