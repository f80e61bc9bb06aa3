"""An engine's process seen from inside: one question a line on stdin, one answer a line back.

The first line is the job, the engine to make ready; then come "round", "split" and "about". At
the end of the input the process ends. Only this process knows the engine: its memory is that of
the engine, of NumPy, and of the little of refnet that reads a file.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from refnet.apps.bench.files import Engine, Job
from refnet.errors import one_line

WARM = 2  # calls before a round: what was paused finds its caches full of others' numbers


def main() -> None:
    """Answer until the input ends."""
    # What an engine prints goes to the log; the pipe is for answers alone.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as replies:
        os.dup2(2, 1)
        serve(sys.stdin, replies)


def serve(questions: IO[str], replies: IO[str]) -> None:
    """Build the engine that the first line names, then answer a line a question.

    >>> import io
    >>> told = io.StringIO()
    >>> job = {"build": "no_such:engine", "folder": ".", "threads": 1, "options": {}}
    >>> serve(io.StringIO(json.dumps(job)), told)
    >>> told.getvalue()
    '{"error": "ModuleNotFoundError: No module named \\'no_such\\'"}\\n'
    """
    engine: Engine | None = None
    for line in questions:
        said = json.loads(line)
        try:
            if engine is None:
                engine = _built(said)
                answer = {"answer": engine.answer(), "products": engine.products}
            else:
                answer = _answered(engine, said)
        except Exception as problem:  # whatever a stranger's engine may raise
            answer = {"error": _told(problem)}
        replies.write(json.dumps(answer) + "\n")
        replies.flush()
        if engine is None:
            return
    if engine is not None:
        engine.close()


def timed(
    run: Callable[[], object],
    seconds: float,
    iterations: int,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """The seconds of each call of a batch: at least so many calls, and so many seconds.

    >>> ticks = iter(range(100))
    >>> timed(lambda: None, seconds=5, iterations=2, clock=lambda: float(next(ticks)))
    [1.0, 1.0, 1.0]
    """
    for _ in range(WARM):
        run()
    times: list[float] = []
    begin: float | None = None
    while True:
        before = clock()
        run()
        after = clock()
        begin = before if begin is None else begin
        times.append(after - before)
        if len(times) >= iterations and after - begin >= seconds:
            return times


def peak_bytes() -> int | None:
    """The largest resident memory so far, of this process and of those that it has started.

    A page that two processes share counts in both. None where the platform does not tell.
    """
    if sys.platform == "win32":
        return None
    own = _linux_peak(os.getpid())
    if own is not None:
        return own + sum(_linux_peak(child) or 0 for child in _linux_children())
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, others KiB


def _linux_peak(process: int) -> int | None:
    """From /proc, for getrusage on Linux begins with the peak of the process that started it."""
    try:
        told = Path(f"/proc/{process}/status").read_text("ascii", errors="replace")
    except OSError:
        return None
    found = (line.split() for line in told.splitlines() if line.startswith("VmHWM:"))
    return next((int(words[1]) * 1024 for words in found), None)


def _linux_children() -> list[int]:
    found: list[int] = []
    for thread in Path("/proc/self/task").glob("*/children"):
        try:
            found += map(int, thread.read_text("ascii").split())
        except OSError:
            continue
    return found


def _built(job: dict[str, Any]) -> Engine:
    module, _, name = job["build"].partition(":")
    build: Callable[[Job], Engine] = getattr(import_module(module), name)
    return build(Job(Path(job["folder"]), job["threads"], job["options"]))


def _answered(engine: Engine, said: dict[str, Any]) -> dict[str, Any]:
    match said["ask"]:
        case "round":
            times = timed(engine.run, said["seconds"], said["iterations"])
            return {
                "median": statistics.median(times),
                "fastest": min(times),
                "iterations": len(times),
            }
        case "split" if engine.split is not None:
            return {"split": engine.split(said["rounds"])}
        case "about":
            memory = peak_bytes()  # before anything else is imported
            from refnet.oracle.environment import blas

            return {"rss": memory, "blas": blas(), "answer": engine.answer()}
    raise ValueError(f"ask: {said['ask']!r}, expected round, split or about")


def _told(problem: Exception) -> str:
    said = one_line(problem)
    kind = type(problem).__name__
    return said if isinstance(problem, ValueError) or said == kind else f"{kind}: {said}"
