"""A class's submissions, each in a process of its own, and one table of what came of them.

This is no sandbox. A submission runs as whoever grades it: it can read and write what that person
can. What is held off is the accident: a loop without an end, memory without bounds, a crash, a
flood of text, processes left behind. Each spoils the row of the student whose it is, and no other.
A checker that a submission has changed is put right, and results that it has written are left out,
both with a remark; one that sets out to deceive can do better than that.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from refnet.errors import one_line
from refnet.exercises.catalogue import exercises
from refnet.exercises.handed_in import submissions
from refnet.exercises.signed import told
from refnet.exercises.sitting import Job

# The better answer counts where a student hands a function in twice.
BEST_FIRST = ("right", "wrong", "timed out", "crashed", "not written")
ENDED, TOO_SLOW, START = "ended", "had to be ended", "the start"
STARTING = 60.0  # seconds until Python, NumPy and refnet are there
CODE = "import sys; sys.path[:] = {path!r}; from refnet.exercises.sitting import main; main()"
ALONE = {  # of each process; several of them share the machine
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "MPLBACKEND": "Agg",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
}


@dataclass(frozen=True)
class Mark:
    """One exercise of one student. kind: one of BEST_FIRST. said: the hint, or what went wrong."""

    kind: str
    said: str = ""


@dataclass
class Row:
    """One student: marks by the exercises' numbers, and what else is to be said."""

    student: str
    marks: dict[str, Mark] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def add(self, number: str, mark: Mark) -> None:
        """Take a mark, unless there is a better one."""
        had = self.marks.get(number)
        if had is None or BEST_FIRST.index(mark.kind) < BEST_FIRST.index(had.kind):
            self.marks[number] = mark

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def grade(
    folder: Path,
    *,
    numbers: Sequence[str] | None = None,
    timeout: float = 120.0,
    memory: int | None = 2048,
    jobs: int = 1,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Row]:
    """A row for each student, in the order of their names.

    folder: each notebook or module in it is a student's, named for them; or each folder in it is,
    with as many files as they like. numbers: the exercises that are asked for, all by default;
    where a file has calls of `check`, commented out or not, only those that they name.
    timeout: seconds for one file; a quarter of it for one cell, and for one exercise. memory: MB
    that a submission may take beyond what Python and NumPy take themselves; None for no limit.
    Raises ValueError where there is nothing to grade.
    """
    files, stop = submissions(folder), threading.Event()
    asked = tuple(numbers or (exercise.number for exercise in exercises()))
    room = None if memory is None else memory << 20

    def one(student: str) -> Row:
        row = Row(student)
        for path in files[student]:
            job = Job(str(path.resolve()), "", asked, timeout / 4, room)
            label = f"{path.name}, " if len(files[student]) > 1 else ""
            try:
                _grade_file(row, job, label, timeout, stop)
            except OSError as problem:
                row.remarks.append(f"{label}{one_line(problem)}")
        progress(student)
        return row

    with ThreadPoolExecutor(jobs) as pool:
        try:
            return list(pool.map(one, files))
        except BaseException:  # interrupted: what is running ends at once, the rest never begins
            stop.set()
            raise


def _grade_file(row: Row, job: Job, label: str, left: float, stop: threading.Event) -> None:
    """Run one file, again and again without the step that ended it, as long as seconds are left."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        job = replace(job, results=str(Path(folder, "results.jsonl")))
        while not stop.is_set():
            work = Path(folder, f"run{len(job.skipped)}")
            work.mkdir(parents=True)
            Path(job.results).write_text("")
            secret = secrets.token_hex()
            how, left = _run(job, secret, work, left, stop)
            at, done = _take(row, Path(job.results), secret, label)
            if how == ENDED:
                return
            mark = Mark("timed out" if how == TOO_SLOW else "crashed", f"its process {how}")
            if at in job.numbers:
                row.add(at, mark)
            else:
                row.remarks.append(f"{label}{at}: {mark.said}")
            if at == START:
                return
            if left <= 0:
                row.remarks.append(f"{label}no time left after {at}")
                return
            job = replace(job, skipped=(*job.skipped, at, *done))


def _run(
    job: Job, secret: str, work: Path, left: float, stop: threading.Event
) -> tuple[str, float]:
    """Run the process to its end; how that came, and the seconds that are left then."""
    path = [place or os.getcwd() for place in sys.path]
    process = subprocess.Popen(
        [sys.executable, "-c", CODE.format(path=path), json.dumps(asdict(job))],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=work,
        env=os.environ | ALONE | {"TMPDIR": str(work)},
        start_new_session=os.name == "posix",
    )
    results, size, how = Path(job.results), 0, ""
    began = since = time.monotonic()
    try:
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # it may have ended already
            process.stdin.write(secret.encode())
            process.stdin.close()
        while process.poll() is None and not how:
            time.sleep(0.02)
            now = time.monotonic()
            if (grown := _size(results)) != size:
                began = began if size else now  # the submission's time begins with the first line
                size, since = grown, now
            # A step has ended itself by its own limit, if it can be ended from within.
            limit = min(2 * job.step, left - (since - began)) if size else STARTING
            if now - since > limit or stop.is_set():
                how = TOO_SLOW
    finally:
        _end(process)
    how = how or _ending(process.returncode, results, secret)
    return how, left - (time.monotonic() - began)


def _ending(code: int, results: Path, secret: str) -> str:
    """How a process ended that was let run."""
    if code == 0 and any("done" in line for line in _lines(results, secret)[0]):
        return ENDED
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it has started."""
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _take(row: Row, results: Path, secret: str, label: str) -> tuple[str, list[str]]:
    """Take what the lines say; the step that it was at when they stopped, and exercises done."""
    at, done = START, []
    lines, strange = _lines(results, secret)
    for line in lines:
        number, said = str(line.get("number")), str(line.get("said", ""))
        at = str(line.get("begin", at))
        if line.get("kind") in BEST_FIRST:
            row.add(number, Mark(line["kind"], said))
            done.append(number)
        remark = f"{label}{line.get('remark')}"
        if "remark" in line and remark not in row.remarks:
            row.remarks.append(remark)
    if strange:
        row.remarks.append(f"{label}{strange} lines of its results were added or changed: left out")
    return at, done


def _size(results: Path) -> int:
    """Bytes of a file that a submission may have taken away."""
    try:
        return results.stat().st_size
    except OSError:
        return 0


def _lines(results: Path, secret: str) -> tuple[list[dict[str, Any]], int]:
    """What a run has told, and how many lines are not its own."""
    try:
        text = results.read_bytes().decode("utf-8", "replace")
    except OSError:
        return [], 0
    # The process may have been ended in the middle of its last line.
    return told(text[: text.rfind("\n") + 1].split("\n"), secret)
