"""One photo through every variant: what each says of it, as plain data for a line of JSON.

>>> from matplotlib import cbook
>>> from refnet.apps.evaluate.variants import variants
>>> photo = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
>>> evaluate = Evaluator(variants(["v1"], ["tf-slim", "squash"], ["fast"]))
>>> [record["top"][0][0] for record in evaluate(Task("a", photo, 457, 0, 0, (0, 1)))]
[457, 652]

Whatever a photo makes a decoder or an engine raise becomes its record: a bad photo fails alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from refnet import image
from refnet.apps.evaluate.variants import Variant, digest
from refnet.checkpoints import load
from refnet.engine import plan
from refnet.errors import one_line
from refnet.oracle import adapters
from refnet.preprocessing import preprocess
from refnet.run import run

Array = np.ndarray[Any, Any]
Record = dict[str, Any]
TOP = 5


@dataclass(frozen=True)
class Task:
    """A photo to evaluate: its size in bytes and time of change, and the variants that want it.

    >>> Task("a.jpg", "/data/a.jpg", 3, 100, 0, (0,)).begun()["label"]
    3
    """

    name: str
    path: str
    label: int
    bytes: int
    mtime: int  # in nanoseconds
    variants: tuple[int, ...]

    def begun(self) -> Record:
        """What every record of it begins with."""
        return {
            "image": self.name,
            "label": self.label,
            "bytes": self.bytes,
            "mtime": self.mtime,
        }

    def failed(self, reason: str) -> list[Record]:
        """Its records, where nothing could be found out."""
        return [{**self.begun(), "problem": reason} for _ in self.variants]


class Evaluator:
    """The variants, each made ready once. One engine serves all recipes of a checkpoint.

    Raises ValueError for an engine that cannot run a network, and where a file does not hold the
    tensors that a variant was made of.
    """

    def __init__(self, variants: Sequence[Variant]) -> None:
        self.variants = tuple(variants)
        engines: dict[tuple[str, str], Callable[[Array], Array]] = {}
        self._runs: list[Callable[[Array], Array]] = []
        self._sides: list[int] = []
        self._close: list[Callable[[], None]] = []
        for variant in self.variants:
            checkpoint = load(variant.model)
            key = (variant.tensors, variant.engine)
            if key not in engines:
                if digest(checkpoint) != variant.tensors:
                    raise ValueError(f"--model: {variant.model} holds other tensors here")
                engines[key] = self._made(variant.engine, checkpoint)
            self._runs.append(engines[key])
            self._sides.append(checkpoint.resolution[0])

    def _made(self, engine: str, checkpoint: Any) -> Callable[[Array], Array]:
        network = checkpoint.network
        (feed,) = network.inputs
        prepared: Callable[[Mapping[str, Array]], Mapping[str, Array]]
        if engine == "fast":
            prepared = fast = plan(network, checkpoint.tensors)
            self._close.append(fast.close)
        elif engine == "reference":
            folded = checkpoint.fold(np.float64)

            def prepared(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
                x = {name: a.astype(np.float64) for name, a in inputs.items()}
                return run(folded.network, folded.tensors, x)
        else:
            try:
                prepared = adapters.find(engine).prepare(network, checkpoint.tensors)
            except NotImplementedError as problem:
                raise ValueError(f"--engine: {engine}: {one_line(problem)}") from None
        # A first run waits for memory and for workers; no photo is charged that.
        prepared({feed: np.zeros((1, *network.input_shape), np.float32)})
        (output,) = network.outputs
        return lambda x: np.asarray(prepared({feed: x})[output])[0]

    def __call__(self, task: Task) -> list[Record]:
        """A record for each of the task's variants, in their order."""
        start = perf_counter()
        try:
            pixels = image.read(task.path)
        except Exception as problem:
            return task.failed(_reason(task, problem))
        decoded = perf_counter() - start
        return [self._record(task, number, pixels, decoded) for number in task.variants]

    def _record(self, task: Task, number: int, pixels: image.Pixels, decoded: float) -> Record:
        variant = self.variants[number]
        try:
            start = perf_counter()
            x = preprocess(pixels, variant.recipe, self._sides[number])
            prepared = perf_counter()
            p = self._runs[number](x)
            ran = perf_counter()
        except Exception as problem:  # of the engine's as well: a stranger's may raise anything
            return {**task.begun(), "problem": _reason(task, problem)}
        if p.shape != (variant.classes,) or not np.isfinite(p).all():
            said = "NaN or infinity among" if p.shape == (variant.classes,) else f"{p.shape} for"
            return {**task.begun(), "problem": f"{said} the {variant.classes} probabilities"}
        seconds = (decoded, prepared - start, ran - prepared)
        return {
            **task.begun(),
            "size": [pixels.shape[1], pixels.shape[0]],
            **_answer(p, task.label + variant.offset, variant.offset),
            "seconds": [round(value, 6) for value in seconds],
        }

    def close(self) -> None:
        """End the plans."""
        for close in self._close:
            close()


def _answer(p: Array, right: int, offset: int) -> Record:
    """The first classes and their probabilities, the right one's, and its rank from 1.

    Of equal probabilities the class with the lower number comes first, everywhere in refnet.
    """
    best = np.argsort(-p, kind="stable")[:TOP]
    before = int(np.count_nonzero(p > p[right])) + int(np.count_nonzero(p[:right] == p[right]))
    return {
        "top": [[int(n) - offset, float(p[n])] for n in best],
        "p": float(p[right]),
        "rank": before + 1,
    }


def _reason(task: Task, problem: Exception) -> str:
    said = one_line(problem)
    for path in (task.path, " ".join(task.path.split())):  # as one_line has it
        said = said.removeprefix(f"{path}:")
    expected = isinstance(problem, (ValueError, OSError, MemoryError))
    return said.strip() if expected else f"{type(problem).__name__}: {said}"
