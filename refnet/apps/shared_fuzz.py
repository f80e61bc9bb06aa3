"""The draws of `refnet check --fuzz`, here or shared among the workers of a Dask cluster.

Each part of the draws has a seed of its own, and shrinks what it finds; the smallest of the parts'
failures is the answer. Part n of m is the same wherever it runs.
"""

from __future__ import annotations

import tempfile
from importlib.util import find_spec

from refnet.backend import Arithmetic, Backend
from refnet.oracle import adapters
from refnet.oracle.fuzz import Failure
from refnet.oracle.fuzz import smallest_failure as drawn

PART = 25  # draws of a part: some seconds, with time to shrink


def smallest_failure(
    backend: Backend, draws: int, declared: Arithmetic | None, seed: int | None = None
) -> Failure | None:
    """Drawn with Hypothesis, whose notes to itself have no business in the user's folder."""
    if find_spec("hypothesis") is None:
        return drawn(backend, draws, arithmetic=declared)  # it says what is missing
    from hypothesis.configuration import set_hypothesis_home_dir

    with tempfile.TemporaryDirectory() as folder:
        set_hypothesis_home_dir(folder)
        try:
            return drawn(backend, draws, arithmetic=declared, seed=seed)
        finally:
            set_hypothesis_home_dir(None)


def smallest(address: str, backend: str, draws: int, declared: Arithmetic | None) -> Failure | None:
    """The smallest failure that any worker finds.

    backend: by its name, as every worker finds it. What kills a worker again and again is no answer
    of the backend's, and ends this with a ValueError.
    """
    from refnet.apps.evaluate.cluster import connected

    client = connected(address)
    try:
        parts = [min(PART, draws - begin) for begin in range(0, draws, PART)]
        futures = [
            client.submit(_part, backend, number, declared, seed, pure=False)
            for seed, number in enumerate(parts)
        ]
        try:
            found = [failure for failure in client.gather(futures) if failure is not None]
        except ValueError:
            raise
        except Exception as problem:  # KilledWorker, and whatever a cluster may raise
            raise ValueError(f"--scheduler: {type(problem).__name__}: {problem}") from None
    finally:
        client.close()
    return min(found, key=lambda failure: failure.size, default=None)


def _part(backend: str, draws: int, declared: Arithmetic | None, seed: int) -> Failure | None:
    """By a worker; its answer is plain data."""
    return smallest_failure(adapters.find(backend), draws, declared, seed)
