"""A checkpoint made ready to run on one of two engines, whatever its outputs.

>>> from refnet.checkpoints import load
>>> from refnet.apps.ready import Ready
>>> with Ready(load("v1"), ["pool"], (96, 128)) as ready:
...     ready(np.zeros((1, 96, 128, 3), np.float32))["pool"].shape
(1, 1024)
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from refnet import image
from refnet.apps import classifier, photos
from refnet.checkpoints import Checkpoint
from refnet.engine import Plan, plan
from refnet.errors import one_line
from refnet.models import build
from refnet.network import Network
from refnet.run import run

Array = np.ndarray[Any, Any]
T = TypeVar("T")

# The Metal port is for classifiers: it has no dilation and no resizing.
ENGINES = {name: kind for name, kind in classifier.ENGINES.items() if name != "metal"}


def check_engine(engine: str, threads: int) -> None:
    """One of these engines, and workers only where there can be any.

    >>> check_engine("metal", 1)
    Traceback (most recent call last):
    ...
    ValueError: engine: 'metal', expected one of fast, reference
    """
    if engine not in ENGINES:
        raise ValueError(f"engine: {engine!r}, expected one of {', '.join(ENGINES)}")
    classifier.check_engine(engine, threads)


def add_engine(parser: argparse.ArgumentParser) -> None:
    """The arguments that say what runs."""
    parser.add_argument("--engine", default="fast", metavar="ENGINE", help=" or ".join(ENGINES))
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="workers (1)")


def answered(
    paths: Iterable[Path], answer: Callable[[Array, str], T], tell: Callable[[T], None]
) -> tuple[list[tuple[Path, T]], int]:
    """Each photo's answer, told as it comes, and how many photos had none.

    answer: of a photo's pixels and name. Why a photo has none is said on stderr.
    """
    answers: list[tuple[Path, T]] = []
    failures = 0
    for path in photos.progress(list(paths)):
        try:
            found = answer(image.read(path), str(path))
        except (ValueError, OSError, MemoryError) as problem:
            photos.say(f"refnet: skipped {one_line(problem)}", error=True)
            failures += 1
            continue
        answers.append((path, found))
        tell(found)
    return answers, failures


class Ready:
    """A network cut to what is asked for, with its tensors; call it with (1, H, W, 3).

    outputs: layers, by default the network's own. size: rows and columns of the input, if not
    the checkpoint's: what is convolution throughout takes any. engine, threads: as `Classifier`.
    Raises ValueError for an unknown layer, and for a size at which a layer does not fit.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        outputs: Sequence[str] = (),
        size: tuple[int, int] | None = None,
        *,
        engine: str = "fast",
        threads: int = 1,
    ) -> None:
        check_engine(engine, threads)
        self.engine, self._dtype = engine, ENGINES[engine]
        whole = checkpoint.network if size is None else _at(checkpoint, size)
        known = {layer.name for layer in whole.layers}
        for name in outputs:
            if name not in known:
                raise ValueError(f"layer: {name!r} is not in {whole.name}")
        self.network = whole.cut(outputs) if outputs else whole
        self._plan: Plan | None = None
        self._run: Callable[[Array], Mapping[str, Array]]
        if engine == "fast":
            self._run = self._plan = plan(self.network, checkpoint.tensors, threads=threads)
        else:
            wide = {name: a.astype(np.float64) for name, a in checkpoint.tensors.items()}
            self._run = partial(run, self.network, wide)

    def __call__(self, x: Array) -> Mapping[str, Array]:
        """The outputs by name."""
        return self._run(x.astype(self._dtype, copy=False))

    def close(self) -> None:
        """End the fast engine's plan with its workers."""
        if self._plan:
            self._plan.close()

    def __enter__(self) -> Ready:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _at(checkpoint: Checkpoint, size: tuple[int, int]) -> Network:
    """The checkpoint's network for another size of image."""
    options = {**checkpoint.options, "resolution": size}
    batch_norm = any(layer.op == "batch_norm" for layer in checkpoint.network.layers)
    conventions = checkpoint.network.conventions
    return build(checkpoint.model, conventions=conventions, batch_norm=batch_norm, **options)
