"""`refnet detect IMAGE...`: what is in a photo, and where."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from refnet.apps import photos
from refnet.apps.boxes import anchors, best, decode
from refnet.apps.ready import Ready, add_engine, answered, check_engine
from refnet.checkpoints import Checkpoint, load
from refnet.checkpoints.names import names_of
from refnet.preprocessing import preprocess

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Thing:
    """One thing that was found; box: left, top, right, bottom in pixels of the photo."""

    index: int
    label: str
    score: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Detections:
    """What is in one photo, the surest first."""

    image: str
    size: tuple[int, int]  # columns, rows
    model: str
    preprocessing: str
    engine: str
    seconds: float
    things: tuple[Thing, ...]


class Detector:
    """A checkpoint with boxes and scores for outputs, made ready to run.

    least: the score from which on a thing is reported. most: how far two boxes of one class may
    overlap. Raises ValueError for a checkpoint that has another kind of output.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        least: float = 0.5,
        most: float = 0.6,
        engine: str = "fast",
        threads: int = 1,
    ) -> None:
        network = checkpoint.network
        half = len(network.outputs) // 2
        self.boxes, self.scores = network.outputs[:half], network.outputs[half:]
        if not half or not all(name.startswith("box") for name in self.boxes):
            raise ValueError(f"model: {network.name} has no boxes; `ssdlite` has")
        shapes = network.shapes()
        maps = [(shapes[name][1], shapes[name][2]) for name in self.boxes]
        self.anchors = anchors(maps, checkpoint.resolution)
        self.ready = Ready(checkpoint, engine=engine, threads=threads)
        self.recipe, self.resolution = checkpoint.preprocessing, checkpoint.resolution
        assert network.conventions is not None
        self.classes = network.conventions.classes
        self.names = names_of(checkpoint.labels, self.classes)
        self.least, self.most = least, most

    def heads(self, x: Array) -> tuple[Array, Array]:
        """What the network itself says: every box's numbers, (N, 4), and scores, (N, classes)."""
        answer = self.ready(x)
        codes = np.concatenate([answer[name].reshape(-1, 4) for name in self.boxes])
        scores = np.concatenate([answer[name].reshape(-1, self.classes) for name in self.scores])
        return codes, scores

    def raw(self, x: Array) -> tuple[Array, Array]:
        """All boxes, (N, 4) in shares of the picture, and all scores, (N, classes)."""
        codes, scores = self.heads(x)
        return decode(codes.astype(np.float64), self.anchors), scores

    def __call__(self, pixels: Array, *, name: str = "") -> Detections:
        """What is in one photo, (H, W, 3) uint8."""
        H, W, _ = pixels.shape
        x = preprocess(pixels, self.recipe, self.resolution)
        start = perf_counter()
        boxes, scores = self.raw(x)
        seconds = perf_counter() - start
        things = []
        for row, kind in best(boxes, scores, least=self.least, most=self.most):
            top, left, bottom, right = np.clip(boxes[row], 0, 1) * (H, W, H, W)
            box = (float(left), float(top), float(right), float(bottom))
            things.append(Thing(kind, self.names[kind], float(scores[row, kind]), box))
        return Detections(
            name, (W, H), self.ready.network.name, self.recipe, self.ready.engine, seconds,
            tuple(things),
        )  # fmt: skip

    def __enter__(self) -> Detector:
        return self

    def __exit__(self, *_: object) -> None:
        self.ready.close()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="a photo, a folder or a pattern")
    parser.add_argument("--model", default="ssdlite", help="ssdlite or a checkpoint file (ssdlite)")
    parser.add_argument(
        "--least", type=float, default=0.5, metavar="S", help="least score that is reported (0.5)"
    )
    add_engine(parser)
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw photos and boxes to FILE")
    parser.add_argument("--json", action="store_true", help="print a JSON list")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    check_engine(arguments.engine, arguments.threads)
    if not 0 < arguments.least <= 1:
        raise ValueError(f"--least: {arguments.least}, expected a number above 0 and up to 1")
    found = photos.find(arguments.images)
    if arguments.plot:
        from refnet.apps import picture

        picture.check(arguments.plot, len(found.paths))
    for problem in found.problems:
        photos.say(f"refnet: skipped {problem}", error=True)
    answers: list[tuple[Path, Detections]] = []
    failures = len(found.problems)

    def tell(answer: Detections) -> None:
        if not arguments.json:
            photos.say(_text(answer))

    if found.paths:
        with Detector(
            load(arguments.model),
            least=arguments.least,
            engine=arguments.engine,
            threads=arguments.threads,
        ) as detector:
            answers, failed = answered(
                found.paths, lambda pixels, name: detector(pixels, name=name), tell
            )
            failures += failed
    if arguments.json:
        photos.say(json.dumps([asdict(answer) for _, answer in answers], indent=1))
    if arguments.plot and answers:
        from refnet.apps import vision_picture

        vision_picture.detections(answers, arguments.plot)
        photos.say(f"refnet: wrote {arguments.plot}", error=True)
    return 2 if failures else 0


def _text(answer: Detections) -> str:
    columns, rows = answer.size
    lines = [
        f"{answer.image} ({columns} x {rows}): {answer.model}, {answer.preprocessing}, "
        f"{answer.seconds * 1e3:.0f} ms ({answer.engine} engine)"
    ]
    for thing in answer.things:
        sides = ", ".join(f"{side:.0f}" for side in thing.box)
        lines.append(f"  {thing.score:.3f}  {thing.label}  ({sides})")
    return "\n".join(lines if answer.things else [*lines, "  nothing"])
