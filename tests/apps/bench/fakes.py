"""Engines for the tests of `refnet bench`: right, wrong, broken, and busy for ever.

Each is a builder that an engine's process imports by name, as it imports the real ones.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from refnet import run
from refnet.apps.bench import peers as catalogue
from refnet.apps.bench import rounds
from refnet.apps.bench.files import Engine, Job
from refnet.apps.bench.peers import Entry, Peer

HERE = __name__


def right(job: Job) -> Engine:
    """Answers as the oracle does, with one made-up matrix product and split."""
    checkpoint = job.checkpoint()
    (output,) = checkpoint.network.outputs
    answer = run(checkpoint.network, checkpoint.tensors, job.nhwc())[output]
    return Engine(
        lambda: answer,
        products=((1, 1, 4, 3, 2),),
        split=lambda rounds: {"product": 0.25 * rounds, "rest": 0.75 * rounds},
    )


def wrong(job: Job) -> Engine:
    """The least likely class first."""
    answer = -right(job).run()
    return Engine(lambda: answer)


def infinite(job: Job) -> Engine:
    """Two logits that overflowed, one that is no number."""
    answer = right(job).run().copy()
    answer[0, :3] = np.inf, -np.inf, np.nan
    return Engine(lambda: answer)


def short(job: Job) -> Engine:
    """One class too few."""
    answer = right(job).run()[:, 1:]
    return Engine(lambda: answer)


def racing(job: Job) -> Engine:
    """Right at first, wrong from the third call on."""
    answer, calls = right(job).run(), iter([1, 1])
    return Engine(lambda: answer * next(calls, -1))


def broken(job: Job) -> Engine:
    """Cannot be made ready."""
    raise RuntimeError(f"no kernel for {job.threads} thread(s)\nand a second line")


def crashing(job: Job) -> Engine:
    """Ends its process in the first round, after a last word."""
    answer, calls = right(job).run(), iter([1])

    def step() -> np.ndarray:
        if next(calls, None) is None:
            print("out of tea", file=sys.stderr, flush=True)
            os._exit(3)
        return answer

    return Engine(step)


def chatty(job: Job) -> Engine:
    """Prints where the answers go, as engines with banners do."""
    engine = right(job)
    os.write(1, b"Welcome to chatty!\n")
    print("and again")
    return replace(engine, run=lambda: print("running") or engine.run())


def telling(job: Job) -> Engine:
    """Leaves its environment in a file; options: `to`."""
    Path(job.options["to"]).write_text(json.dumps(dict(os.environ)), "utf-8")
    return right(job)


def big(job: Job) -> Engine:
    """Touches 100 MB, in a process that it starts another 100; options: `child`."""
    hold = "import sys; a = bytearray(100_000_000); print(flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    engine, kept = right(job), bytearray(100_000_000)
    if not job.options["child"]:
        return replace(engine, close=lambda: kept)
    child = subprocess.Popen([sys.executable, "-c", hold], **pipes)
    child.stdout.readline()
    return replace(engine, close=lambda: (kept, child))


def endless(job: Job) -> Engine:
    """Starts a process of its own, then hangs in its first round; options: `flag`, a file."""
    answer, calls = right(job).run(), iter([1])
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])

    def step() -> np.ndarray:
        if next(calls, None) is None:
            Path(job.options["flag"]).touch()
            time.sleep(600)
        return answer

    return Engine(step, close=child.kill)


def slow(job: Job) -> Engine:
    """Ten milliseconds a call; says when its first round begins; options: `flag`, a file."""
    answer, calls = right(job).run(), iter([1])

    def step() -> np.ndarray:
        if next(calls, None) is None:
            Path(job.options["flag"]).touch()
        time.sleep(0.01)
        return answer

    return Engine(step)


def fake(name: str, **options: object) -> Peer:
    """A peer of one row, of that builder."""
    return Peer((Entry(name, f"{HERE}:{name}", options),))


def install(patch, **peers: Peer) -> None:
    """Have the verb know these peers alone, and a fake for refnet; rounds of one call."""
    patch(catalogue, "PEERS", peers)
    patch(catalogue, "REFNET", Entry("refnet", f"{HERE}:right"))
    patch(rounds, "SECONDS", 0.0)
    patch(rounds, "ITERATIONS", 1)
