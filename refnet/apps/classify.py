"""`refnet classify IMAGE...`: what is in these photos, and what it cost to find out."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refnet import image
from refnet.apps import photos
from refnet.checkpoints import Checkpoint, load, manifest
from refnet.cost import macs, parameters
from refnet.errors import one_line
from refnet.preprocessing import RECIPES, preprocess
from refnet.run import run

Array = np.ndarray[Any, Any]


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
    >>> answer = Answer("a.jpg", (400, 300), "v1", "tf-slim", 568740352, 4222057, 0.1, top)
    >>> [guess.label for guess in answer.top]
    ['tench', 'background']
    """

    image: str
    size: tuple[int, int]  # columns, rows, as photos are spoken of
    model: str
    preprocessing: str
    macs: int
    parameters: int
    seconds: float
    top: tuple[Guess, ...]


class Classifier:
    """A checkpoint made ready: folded, in float64, with the names of its classes.

    >>> classifier = Classifier(load("v1"))
    >>> grey = np.full((300, 400, 3), 128, np.uint8)
    >>> len(classifier(grey, name="grey", top=2).top)
    2
    """

    def __init__(self, checkpoint: Checkpoint, recipe: str | None = None) -> None:
        folded = checkpoint.fold(np.float64)
        self.network, self.tensors = folded.network, folded.tensors
        self.recipe = recipe or checkpoint.preprocessing
        rows, columns = checkpoint.resolution
        if rows != columns:
            raise ValueError(f"model: takes {rows} x {columns}, but recipes make squares only")
        self.resolution = rows
        self.macs, self.parameters = macs(self.network), parameters(self.network)
        (output,) = self.network.outputs
        self.output, classes = output, self.network.shapes()[output][1]
        if checkpoint.labels == "imagenet":
            self.labels: Sequence[str] = manifest.labels(classes)
        else:
            self.labels = [f"class {number}" for number in range(classes)]

    def __call__(self, pixels: Array, *, name: str, top: int = 5) -> Answer:
        """Classify one photo, (H, W, 3) uint8."""
        x = preprocess(pixels, self.recipe, self.resolution).astype(np.float64)
        start = time.perf_counter()
        probabilities = run(self.network, self.tensors, x)[self.output][0]
        seconds = time.perf_counter() - start
        best = np.argsort(-probabilities, kind="stable")[:top]
        return Answer(
            image=name,
            size=(pixels.shape[1], pixels.shape[0]),
            model=self.network.name,
            preprocessing=self.recipe,
            macs=self.macs,
            parameters=self.parameters,
            seconds=seconds,
            top=tuple(Guess(int(i), self.labels[i], float(probabilities[i])) for i in best),
        )


def classify(
    paths: Iterable[Path], classifiers: Sequence[Classifier], top: int = 5
) -> Iterator[tuple[Path, list[Answer], list[Exception]]]:
    """For each photo the answers, one a classifier, and what kept others from answering.

    >>> for path, answers, problems in classify([Path("gone.jpg")], []):
    ...     print(path, answers, problems)
    gone.jpg [] [FileNotFoundError('gone.jpg: no such file')]
    """
    for path in paths:
        answers: list[Answer] = []
        problems: list[Exception] = []
        try:
            pixels = image.read(path)
        except (ValueError, OSError, MemoryError) as problem:
            yield path, answers, [problem]
            continue
        for classifier in classifiers:
            try:
                answers.append(classifier(pixels, name=str(path), top=top))
            except (ValueError, MemoryError) as problem:
                name = f"{classifier.network.name}, {classifier.recipe}"
                problems.append(ValueError(f"{path}: {name}: {one_line(problem)}"))
        yield path, answers, problems


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="a photo, a folder or a pattern")
    parser.add_argument(
        "--model",
        action="append",
        metavar="MODEL",
        help=f"{', '.join(manifest.ALIASES)} or a checkpoint file; may be repeated (v1 and v2)",
    )
    parser.add_argument(
        "--preprocess",
        action="append",
        metavar="RECIPE",
        help=f"{', '.join(RECIPES)}; may be repeated (each model's own)",
    )
    parser.add_argument("--top", type=int, default=5, metavar="K", help="classes to name (5)")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw photos and bars to FILE")
    parser.add_argument("--json", action="store_true", help="print a JSON list of answers")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.top < 1:
        raise ValueError(f"--top: {arguments.top}, expected at least 1")
    for recipe in arguments.preprocess or ():
        if recipe not in RECIPES:
            raise ValueError(f"--preprocess: {recipe!r}, expected one of {', '.join(RECIPES)}")
    found = photos.find(arguments.images)
    if arguments.plot:
        from refnet.apps import picture  # matplotlib takes its time to import

        picture.check(arguments.plot, len(found.paths))
    for problem in found.problems:
        photos.say(f"refnet: skipped {problem}", error=True)
    checkpoints = (
        [load(model) for model in arguments.model or manifest.ALIASES] if found.paths else []
    )
    classifiers = [
        Classifier(checkpoint, recipe)
        for checkpoint in checkpoints
        for recipe in arguments.preprocess or (None,)
    ]
    printer = _JsonPrinter() if arguments.json else _TextPrinter()
    drawn, failures = [], 0
    try:
        for path, answers, problems in classify(
            photos.progress(found.paths), classifiers, arguments.top
        ):
            for reason in problems:
                photos.say(f"refnet: skipped {_reason(path, reason)}", error=True)
            failures += bool(problems)
            if answers:
                printer.write(answers)
            if arguments.plot and answers:
                drawn.append((path, answers))
    finally:
        printer.close()
    if drawn:
        picture.draw(drawn, arguments.plot)
        photos.say(f"refnet: wrote {arguments.plot}", error=True)
    if failures and len(found.paths) > 1:
        photos.say(f"refnet: {failures} of {len(found.paths)} images not answered", error=True)
    return 2 if failures or found.problems else 0


def _reason(path: Path, problem: Exception) -> str:
    said = one_line(problem)
    return said if said.startswith(str(path)) else f"{path}: {said}"


class _TextPrinter:
    """For people: a heading a photo, a line a guess."""

    def write(self, answers: Sequence[Answer]) -> None:
        """One photo's answers."""
        columns, rows = answers[0].size
        lines = [f"{answers[0].image} ({columns} x {rows})"]
        for answer in answers:
            lines += [
                "",
                f"  {answer.model}, {answer.preprocessing}: "
                f"{answer.macs / 1e6:.1f} M MACs, {answer.parameters / 1e6:.2f} M parameters, "
                f"{answer.seconds * 1e3:.0f} ms",
            ]
            for guess in answer.top:
                lines.append(
                    f"    {guess.probability:.3f}  {_bar(guess.probability)}  {guess.label}"
                )
        photos.say("\n".join([*lines, ""]))

    def close(self) -> None:
        """Nothing is left to print."""


class _JsonPrinter:
    """For programs: one list, written as it grows."""

    def __init__(self) -> None:
        self.written = 0

    def write(self, answers: Sequence[Answer]) -> None:
        """One photo's answers."""
        for answer in answers:
            begin = ",\n" if self.written else "[\n"
            photos.say(begin + json.dumps(asdict(answer)), end="")
            self.written += 1

    def close(self) -> None:
        """End the list."""
        photos.say("\n]" if self.written else "[]")


def _bar(share: float, width: int = 20) -> str:
    """A bar of a share of `width` columns, in characters that the terminal has."""
    full = "█"
    try:
        full.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        full = "#"
    return (full * round(share * width)).ljust(width)
