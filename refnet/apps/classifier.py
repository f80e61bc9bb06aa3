"""A checkpoint as what names the things in photos, on one of three engines.

>>> from refnet.checkpoints import load
>>> grey = np.full((300, 400, 3), 128, np.uint8)
>>> with Classifier(load("v1")) as fast, Classifier(load("v1"), engine="reference") as reference:
...     found = [each(grey, name="grey", top=1).top[0] for each in (fast, reference)]
>>> found[0].label == found[1].label
True
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from refnet.arguments import check_count
from refnet.checkpoints import Checkpoint, manifest
from refnet.cost import macs, parameters
from refnet.engine import Plan, plan
from refnet.preprocessing import preprocess
from refnet.run import run

Array = np.ndarray[Any, Any]

# The number type of what each is given and gives.
ENGINES: Mapping[str, type[np.floating[Any]]] = {
    "fast": np.float32,
    "reference": np.float64,
    "metal": np.float32,
}


@dataclass(frozen=True)
class Guess:
    """One class: its number in the checkpoint's own counting, its name, its probability.

    >>> guess = Guess(1, "tench", 0.75)
    >>> f"{guess.label}: {guess.probability:.0%}"
    'tench: 75%'
    """

    index: int
    label: str
    probability: float


@dataclass(frozen=True)
class Answer:
    """What one network says of one photo. `seconds` is the network's run alone.

    >>> top = (Guess(1, "tench", 0.75), Guess(0, "background", 0.25))
    >>> answer = Answer("a.jpg", (400, 300), "v1", "squash", "fast", 568740352, 4222057, 0.1, top)
    >>> [guess.label for guess in answer.top]
    ['tench', 'background']
    """

    image: str
    size: tuple[int, int]  # columns, rows, as photos are spoken of
    model: str
    preprocessing: str
    engine: str
    macs: int
    parameters: int
    seconds: float
    top: tuple[Guess, ...]


class Classifier:
    """A checkpoint made ready to run, with the names of its classes.

    >>> from refnet.checkpoints import load
    >>> grey = np.full((300, 400, 3), 128, np.uint8)
    >>> with Classifier(load("v1")) as classifier:
    ...     len(classifier(grey, name="grey", top=2).top)
    2

    recipe: the name of a preprocessing; the checkpoint's own if not given.
    engine: "fast", a plan of `refnet.engine` in float32; "reference", `refnet.run` in float64; or
        "metal", the kernels of `refnet.metal`, on a Mac's GPU or compiled for the CPU.
    threads: how many workers share a run of the fast engine; `close` ends them, as does `with`.
    Raises ValueError for another engine, and for workers where there can be none.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        recipe: str | None = None,
        *,
        engine: str = "fast",
        threads: int = 1,
    ) -> None:
        check_engine(engine, threads)
        rows, columns = checkpoint.resolution
        if rows != columns:
            raise ValueError(f"model: takes {rows} x {columns}, but recipes make squares only")
        self.resolution, self.recipe = rows, recipe or checkpoint.preprocessing
        folded = checkpoint.fold(np.float64)
        self.network, self.macs = folded.network, macs(folded.network)
        self.parameters = parameters(folded.network)
        self.engine, self._dtype = engine, ENGINES[engine]
        self._plan: Plan | None = None
        self._run: Callable[[Array], Mapping[str, Array]] = partial(
            run, folded.network, folded.tensors
        )
        if engine == "fast":
            self._run = self._plan = plan(checkpoint.network, checkpoint.tensors, threads=threads)
            # A plan's first run waits for its workers and for its memory; no photo is charged that.
            self._run(np.zeros((1, *checkpoint.network.input_shape), np.float32))
        elif engine == "metal":
            from refnet.metal import Runner, open_library, program_of

            # Compiled on the first call of all, and then kept on disk: no photo is charged that.
            self._run = Runner(program_of(folded.network, folded.tensors), open_library())
        (output,) = folded.network.outputs
        classes = folded.network.shapes()[output][1]
        if checkpoint.labels == "imagenet":
            self.labels: Sequence[str] = manifest.labels(classes)
        else:
            self.labels = [f"class {number}" for number in range(classes)]

    def under(self, recipe: str) -> Classifier:
        """The same with another preprocessing. Both run the same plan, and end together."""
        other = copy(self)
        other.recipe = recipe
        return other

    def __call__(self, pixels: Array, *, name: str, top: int = 5) -> Answer:
        """Classify one photo, (H, W, 3) uint8."""
        x = self.prepare(pixels)
        H, W, _ = pixels.shape
        return self.answer(x, name=name, size=(W, H), top=top)

    def prepare(self, pixels: Array) -> Array:
        """The tensor of a photo, float32; another thread than that of `answer` may make it."""
        return preprocess(pixels, self.recipe, self.resolution)

    def answer(self, x: Array, *, name: str, size: tuple[int, int], top: int = 5) -> Answer:
        """What the network says of a tensor that `prepare` made."""
        x = x.astype(self._dtype, copy=False)
        start = perf_counter()
        (answers,) = self._run(x).values()
        seconds = perf_counter() - start
        (probabilities,) = answers
        best = np.argsort(-probabilities, kind="stable")[:top]
        return Answer(
            image=name,
            size=size,
            model=self.network.name,
            preprocessing=self.recipe,
            engine=self.engine,
            macs=self.macs,
            parameters=self.parameters,
            seconds=seconds,
            top=tuple(Guess(int(i), self.labels[i], float(probabilities[i])) for i in best),
        )

    def close(self) -> None:
        """End the fast engine's plan with its workers; it does not run any more."""
        if self._plan:
            self._plan.close()

    def __enter__(self) -> Classifier:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_engine(engine: str, threads: int) -> None:
    """An engine that there is, and workers only where there can be any.

    >>> check_engine("reference", 2)
    Traceback (most recent call last):
    ...
    ValueError: threads: 2, but only the engine 'fast' has workers; expected 1 for 'reference'
    """
    if engine not in ENGINES:
        raise ValueError(f"engine: {engine!r}, expected one of {', '.join(ENGINES)}")
    if check_count(threads, "threads") > 1 and engine != "fast":
        raise ValueError(
            f"threads: {threads}, but only the engine 'fast' has workers; expected 1 for {engine!r}"
        )
