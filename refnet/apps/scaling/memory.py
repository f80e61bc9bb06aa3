"""The peak of a process that makes one plan and runs it: what a network costs the whole machine.

>>> from refnet.apps.scaling.sizes import Size
>>> peak = Peak(before=40 << 20, after=60 << 20)
>>> peak.after - peak.before == 20 << 20
True

A peak belongs to a process and never falls, so every size gets a process of its own. What it tells
is memory that was touched; a plan's own count (`rounds.held_by`) is what was asked for.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import IO

from refnet.apps.bench.process import worker_environment
from refnet.apps.scaling.sizes import Size

# The child finds modules where this process does, however its own path came about.
CODE = (
    "import sys; sys.path[:] = {path!r}; "
    "from refnet.apps.scaling.memory import answer; answer(sys.stdin, sys.stdout)"
)


@dataclass(frozen=True)
class Peak:
    """The largest resident memory of a process, in bytes.

    before: with Python, NumPy, refnet, the weights and the input in it, but no plan yet.
    after: when the plan has been made and has run.
    """

    before: int
    after: int


def peak_of(size: Size) -> Peak | None:
    """Run a size in a process of its own; None where the platform does not tell.

    Raises ValueError, with the last line that it printed, if the process fails.
    """
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(path=sys.path)],
        input=json.dumps(asdict(size)),
        capture_output=True,
        encoding="utf-8",
        env=worker_environment(os.environ, threads=1),
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise ValueError(f"scaling: the process for the memory of {size} failed: {said[-1]}")
    told = json.loads(done.stdout)
    return Peak(**told) if None not in told.values() else None


def answer(question: IO[str], reply: IO[str]) -> None:
    """Read a size, make its plan, run it, and write the two peaks.

    >>> import io
    >>> told = io.StringIO()
    >>> answer(io.StringIO('{"model": "v1", "alpha": 0.25, "resolution": 32}'), told)
    >>> sorted(json.loads(told.getvalue()))
    ['after', 'before']
    """
    from refnet.apps.bench.worker import peak_bytes
    from refnet.apps.scaling.sizes import drawn, image
    from refnet.engine import plan

    size = Size(**json.load(question))
    network, x = size.network(), image(size)
    tensors = drawn(network)
    before = peak_bytes()
    with plan(network, tensors, batch=size.batch) as ready:
        ready(x)
        after = peak_bytes()
    json.dump({"before": before, "after": after}, reply)
