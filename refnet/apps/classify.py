"""`refnet classify IMAGE...`: what is in these photos, and what it cost to find out.

Many photos go through two stages at once: one is read and made a tensor in a thread, while another
goes through the network. `refnet.pipeline` says what that gains.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from refnet import image
from refnet.apps import photos
from refnet.apps.classifier import ENGINES, Answer, Array, Classifier, Guess, check_engine
from refnet.checkpoints import load, manifest
from refnet.errors import one_line
from refnet.pipeline import overlapped
from refnet.preprocessing import RECIPES

__all__ = ["Answer", "Classifier", "Guess", "classify"]

Answered = tuple[Path, list[Answer], list[Exception]]


def classify(
    paths: Iterable[str | Path], classifiers: Sequence[Classifier], top: int = 5, ahead: int = 2
) -> Generator[Answered, None, None]:
    """For each photo the answers, one a classifier, and what kept others from answering.

    >>> for path, answers, problems in classify(["gone.jpg"], []):
    ...     print(path, answers, problems)
    gone.jpg [] [FileNotFoundError('gone.jpg: no such file')]

    paths: as many as there are; they are asked for one by one, from a thread, and none is kept.
    ahead: how many photos are decoded, or being decoded, while the networks run on another one; 0
        does one after the other. Nothing else is kept, so memory does not grow with the photos.

    Each photo is decoded once, in that thread, and kept as one tensor for each classifier only. The
    thread ends as that of `refnet.pipeline.overlapped` does. While it decodes, `image.read` holds
    Python's warning filters, which all threads share: a caller who sets them too while iterating
    (`warnings.catch_warnings`) takes ahead=0.
    """
    prepare = partial(_prepared, classifiers=classifiers)
    with closing(overlapped(prepare, map(Path, paths), ahead)) as prepared:
        for path, photo in prepared:
            yield _answered(path, photo, classifiers, top)


@dataclass(frozen=True)
class _Photo:
    """The first stage's result: for each classifier a tensor, or why it has none."""

    size: tuple[int, int]  # columns, rows
    inputs: tuple[Array | Exception, ...]


def _prepared(path: Path, classifiers: Sequence[Classifier]) -> _Photo:
    pixels = image.read(path)
    inputs: list[Array | Exception] = []
    for classifier in classifiers:
        try:
            inputs.append(classifier.prepare(pixels))
        except (ValueError, MemoryError) as problem:
            inputs.append(problem.with_traceback(None))  # which would hold on to the pixels
    H, W, _ = pixels.shape
    return _Photo((W, H), tuple(inputs))


def _answered(
    path: Path, photo: _Photo | Exception, classifiers: Sequence[Classifier], top: int
) -> Answered:
    if isinstance(photo, (ValueError, OSError, MemoryError)):
        return path, [], [photo]
    if isinstance(photo, Exception):
        raise photo
    answers: list[Answer] = []
    problems: list[Exception] = []
    for classifier, x in zip(classifiers, photo.inputs, strict=True):
        try:
            if isinstance(x, Exception):
                raise x
            answers.append(classifier.answer(x, name=str(path), size=photo.size, top=top))
        except (ValueError, MemoryError, RuntimeError) as problem:  # the last: a worker has ended
            name = f"{classifier.network.name}, {classifier.recipe}"
            problems.append(ValueError(f"{path}: {name}: {one_line(problem)}"))
    return path, answers, problems


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
    parser.add_argument(
        "--engine",
        default="fast",
        metavar="ENGINE",
        help=f"{', '.join(ENGINES)}: a plan in float32, `refnet.run` in float64, or refnet's "
        "Metal kernels (fast)",
    )
    parser.add_argument(
        "--threads", type=int, default=1, metavar="N", help="workers of the fast engine (1)"
    )
    parser.add_argument("--top", type=int, default=5, metavar="K", help="classes to name (5)")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw photos and bars to FILE")
    parser.add_argument("--json", action="store_true", help="print a JSON list of answers")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.top < 1:
        raise ValueError(f"--top: {arguments.top}, expected at least 1")
    check_engine(arguments.engine, arguments.threads)
    for recipe in arguments.preprocess or ():
        if recipe not in RECIPES:
            raise ValueError(f"--preprocess: {recipe!r}, expected one of {', '.join(RECIPES)}")
    found = photos.find(arguments.images)
    if arguments.plot:
        from refnet.apps import picture  # matplotlib takes its time to import

        picture.check(arguments.plot, len(found.paths))
    for problem in found.problems:
        photos.say(f"refnet: skipped {problem}", error=True)
    printer = _JsonPrinter() if arguments.json else _TextPrinter()
    drawn, failures = [], 0
    with ExitStack() as opened:
        classifiers = _classifiers(arguments, opened) if found.paths else []
        answered = opened.enter_context(closing(classify(found.paths, classifiers, arguments.top)))
        opened.callback(printer.close)
        # The bar comes first, so that it counts photos that are answered and not those read ahead.
        for _, (path, answers, problems) in zip(
            photos.progress(found.paths), answered, strict=True
        ):
            for reason in problems:
                photos.say(f"refnet: skipped {_reason(path, reason)}", error=True)
            failures += bool(problems)
            if answers:
                printer.write(answers)
            if arguments.plot and answers:
                drawn.append((path, answers))
    if drawn:
        picture.draw(drawn, arguments.plot)
        photos.say(f"refnet: wrote {arguments.plot}", error=True)
    if failures and len(found.paths) > 1:
        photos.say(f"refnet: {failures} of {len(found.paths)} images not answered", error=True)
    return 2 if failures or found.problems else 0


def _classifiers(arguments: argparse.Namespace, opened: ExitStack) -> list[Classifier]:
    """One for each model and recipe; a model's recipes share its plan."""
    made: list[Classifier] = []
    for model in arguments.model or manifest.ALIASES:
        own = Classifier(load(model), engine=arguments.engine, threads=arguments.threads)
        opened.enter_context(own)
        made += [own.under(recipe) for recipe in arguments.preprocess or (own.recipe,)]
    return made


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
                f"{answer.seconds * 1e3:.0f} ms ({answer.engine} engine)",
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
