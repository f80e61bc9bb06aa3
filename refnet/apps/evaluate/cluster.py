"""The photos shared among the workers of a Dask cluster (`pip install 'refnet[cluster]'`).

Each worker reads the photos itself, so their folder, and a checkpoint file, must be where every
worker sees it under the same name. Each makes its plans once, at its first photo, and keeps them,
in a process of its own (`child`): a photo that kills its process costs no worker.

A worker that dies costs the photos in its hands, which the scheduler gives to others. One whose
workers die again and again is given up by the scheduler (`KilledWorker`); it may only have been
near, so each that was given up is tried once more, alone, at the end.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from refnet import __version__
from refnet.apps.evaluate.child import Child
from refnet.apps.evaluate.evaluator import Record, Task
from refnet.apps.evaluate.variants import Variant
from refnet.checkpoints import manifest
from refnet.errors import MissingPackageError, one_line

Answered = tuple[Task, list[Record]]
IN_HAND = 3  # photos out for each thread of a worker: one at work, two that wait beside it
PATIENCE = 20  # seconds for a scheduler to answer


def connected(address: str) -> Any:
    """A client of the scheduler at an address.

    Raises ValueError where Dask is not installed, nobody answers, or there is no worker.
    """
    try:
        from distributed import Client
        from distributed.comm.addressing import get_address_host
    except ImportError:
        raise MissingPackageError(
            "--scheduler needs dask and distributed: pip install 'refnet[cluster]'"
        ) from None
    try:
        get_address_host(address)  # a Client that could not begin ends late, with a traceback
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as problem:
        raise ValueError(f"--scheduler: {address}: {one_line(problem)}") from None
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
        _check_versions(client)
    except BaseException as problem:
        client.close()
        if isinstance(problem, TimeoutError):
            raise ValueError(f"--scheduler: {address} has no workers") from None
        raise
    return client


def _check_versions(client: Any) -> None:
    """Workers with another refnet would answer for another program."""
    for worker, version in client.run(_version, on_error="return").items():
        if version != __version__ and not isinstance(version, OSError):  # that one is gone
            said = one_line(version) if isinstance(version, BaseException) else f"has {version}"
            raise ValueError(f"--scheduler: worker {worker}: {said}, expected refnet {__version__}")


def _version() -> str:
    return __version__


def spread(
    tasks: Iterator[Task], variants: Sequence[Variant], client: Any
) -> Generator[Answered, None, None]:
    """Among the workers, in the order in which they are done; few are out at any time.

    Workers that come while it runs are given photos too.
    """
    from distributed import as_completed

    wanted = tuple(map(_anywhere, variants))
    out: dict[Any, Task] = {}
    suspects: list[Task] = []
    # A worker has a working folder of its own.
    tasks = (replace(task, path=os.path.abspath(task.path)) for task in tasks)
    if (first := next(tasks, None)) is None:
        return
    if os.path.lexists(first.path):
        _check_seen(client, first.path)
    tasks = chain([first], tasks)
    done = as_completed(with_results=False, loop=client.loop)

    def give_out() -> None:
        threads = sum(client.nthreads().values()) or 1
        while len(out) < IN_HAND * threads and (task := next(tasks, None)) is not None:
            future = client.submit(evaluated, wanted, task, pure=False)
            out[future] = task
            done.add(future)

    give_out()
    for future in done:
        task = out.pop(future)
        answer = _answer(future)
        if answer is None:
            suspects.append(task)
        else:
            yield task, answer
        give_out()
    for task in suspects:
        answer = _answer(client.submit(evaluated, wanted, task, pure=False))
        yield task, answer or task.failed("every worker that was at it ended")


def _anywhere(variant: Variant) -> Variant:
    """The same with its file's whole path, if its checkpoint is a file."""
    if variant.model in manifest.names() or not os.path.isfile(variant.model):
        return variant
    return replace(variant, model=os.path.abspath(variant.model))


def _check_seen(client: Any, path: str) -> None:
    """Workers that do not see the photos would record of each that it is not there."""
    for worker, there in client.run(os.path.lexists, path, on_error="return").items():
        if there is False:
            raise ValueError(
                f"--scheduler: worker {worker} does not see {path}; expected the photos under the "
                "same name wherever a worker runs"
            )


def _answer(future: Any) -> list[Record] | None:
    """The records; None where the workers that had the photo died."""
    from distributed import CancelledError
    from distributed.scheduler import KilledWorker

    try:
        answer = future.result()
    except KilledWorker:
        return None
    except CancelledError as problem:
        raise ValueError(f"--scheduler: lost ({one_line(problem)}); run it again") from None
    finally:
        future.release()
    if isinstance(answer, str):
        raise ValueError(answer)
    return list(answer)


# In a worker: the process with the engines of a run, and a lock, as it has one photo at a time.
_made: dict[tuple[Variant, ...], Child | str] = {}
_lock = threading.Lock()


def evaluated(variants: tuple[Variant, ...], task: Task) -> list[Record] | str:
    """One photo, by a worker; a text for what the engines refuse."""
    with _lock:
        if variants not in _made:
            for other in _made.values():  # of a run before; its memory is wanted
                if isinstance(other, Child):
                    other.close()
            _made.clear()
            try:
                _made[variants] = Child(variants)
            except (ValueError, OSError) as problem:
                _made[variants] = one_line(problem)
        child = _made[variants]
        try:
            return child if isinstance(child, str) else child(task)
        except (ValueError, OSError) as problem:  # another process was needed, and did not begin
            del _made[variants]
            return one_line(problem)
