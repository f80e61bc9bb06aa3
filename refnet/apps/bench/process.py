"""An engine's process seen from outside: started, asked, paused while others are timed, ended.

A process of its own gives every engine its own thread counts, which must stand in its environment
before NumPy loads, and its own peak of memory. What waits for the next round is stopped (SIGSTOP),
for some engines' threads wait by spinning; on Windows, which cannot, they are left to it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# What tells a BLAS or an OpenMP runtime how many threads to use; each library reads its own.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
# What pins a BLAS to the kernels, or the cache, of another processor.
PINS = (
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "MKL_ENABLE_INSTRUCTIONS",
    "MKL_DEBUG_CPU_TYPE",
    "BLIS_ARCH_TYPE",
)
# glibc's malloc may hand freed memory back and fetch it anew at every call, page by page; whether
# it does hangs on what lies where, and costs such an engine up to a third. Told to, it keeps it.
KEEP = {"MALLOC_TRIM_THRESHOLD_": str(1 << 30), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}
# The child finds modules where this process does, however its own path came about.
CODE = "import sys; sys.path[:] = {path!r}; from refnet.apps.bench.worker import main; main()"


@contextlib.contextmanager
def leaving_nothing() -> Iterator[None]:
    """SIGTERM, from `timeout` or a CI that gives up, ends the program as `sys.exit` does.

    >>> with leaving_nothing():
    ...     os.kill(os.getpid(), signal.SIGTERM)
    Traceback (most recent call last):
    ...
    SystemExit: 143

    So whatever is open is closed: processes end, and files in temporary folders go.
    """
    if threading.current_thread() is not threading.main_thread():  # signals are the main one's
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class WorkerError(ValueError):
    """An engine that could not be made ready, or whose process has ended."""


def pinned(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that pin the BLAS.

    >>> pinned({"OPENBLAS_CORETYPE": "Haswell", "HOME": "/root", "BLIS_ARCH_TYPE": ""})
    {'OPENBLAS_CORETYPE': 'Haswell'}
    """
    return {name: environment[name] for name in PINS if environment.get(name)}


def worker_environment(
    environment: Mapping[str, str], *, threads: int, unpin: bool = False, keep: bool = False
) -> dict[str, str]:
    """The environment of a process that may use so many threads, its BLAS unpinned if asked.

    keep: its malloc keeps what is freed, unless the environment already says what to do with it.

    >>> found = worker_environment({"BLIS_ARCH_TYPE": "haswell"}, threads=2, unpin=True)
    >>> found["OPENBLAS_NUM_THREADS"], "BLIS_ARCH_TYPE" in found
    ('2', False)
    """
    said = {name: value for name, value in environment.items() if not (unpin and name in PINS)}
    return (KEEP if keep else {}) | said | dict.fromkeys(THREADS, str(threads))


class Worker:
    """One process with one engine in it: answers questions, and is stopped in between.

    job: what `worker` makes its engine of. log: the file that takes what the engine prints.
    Its process leads a group, so that the processes that an engine starts are stopped and ended
    with it. Should this process be killed outright, a waiting child reads the end of its input
    and ends, and a stopped one gets SIGHUP: its group has lost its last tie to the session.
    """

    def __init__(self, job: Mapping[str, Any], environment: Mapping[str, str], log: Path) -> None:
        self._log, self._job = log, dict(job)
        with open(log, "wb") as noise:
            self._process = subprocess.Popen(
                [sys.executable, "-c", CODE.format(path=sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=noise,
                env=dict(environment),
                encoding="utf-8",
                process_group=0 if os.name == "posix" else None,
            )

    def prepare(self) -> dict[str, Any]:
        """Have the engine made ready; what it answers to the question that the job names."""
        return self._ask(self._job)

    def ask(self, what: str, **said: Any) -> dict[str, Any]:
        """The answer to one of `worker`'s questions; the process runs no longer than that.

        Raises WorkerError, in one line, for an exception in the engine and for a process that
        has ended, with the last line that it printed.
        """
        return self._ask({"ask": what, **said})

    def _ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._send("SIGCONT")
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerError(self._last_words())
        self._send("SIGSTOP")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    def close(self) -> None:
        """End the process and all that it started; twice is no harm."""
        if self._process.returncode is None:
            self._send("SIGKILL")
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what was not sent has no reader left
                    pipe.close()

    def _send(self, name: str) -> None:
        """A signal, by name, to the whole group; nothing where the platform has none."""
        if sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, getattr(signal, name))

    def _last_words(self) -> str:
        """How the process ended, and what it printed last."""
        self._send("SIGKILL")  # what the engine started, and what closed its pipe but lives on
        code = self._process.wait()
        how = f"its process ended with status {code}"
        if code < 0:
            how = f"its process ended by signal {signal.Signals(-code).name}"
        printed = self._log.read_text("utf-8", errors="replace").split("\n")
        last = next((line.strip() for line in reversed(printed) if line.strip()), "")
        return f"{how}: {last}" if last else how
