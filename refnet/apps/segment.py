"""`refnet segment IMAGE...`: which pixels of a photo belong to what."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from refnet.apps import photos
from refnet.apps.ready import Ready, add_engine, answered, check_engine
from refnet.checkpoints import Checkpoint, load
from refnet.checkpoints.names import names_of
from refnet.preprocessing import preprocess

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Segments:
    """What is where in one photo. shares: of the map, by class, the largest first.

    map: (rows, columns) of class numbers, at the network's resolution; names: of all classes.
    """

    image: str
    size: tuple[int, int]  # columns, rows
    model: str
    preprocessing: str
    engine: str
    seconds: float
    shares: dict[str, float]
    map: Array = field(repr=False)
    names: tuple[str, ...] = field(repr=False, default=())

    def plain(self) -> dict[str, Any]:
        """All but the map, as JSON takes it."""
        return {key: value for key, value in asdict(self).items() if key not in ("map", "names")}


class Segmenter:
    """A checkpoint that scores every pixel, made ready to run.

    Raises ValueError for one that has another kind of output.
    """

    def __init__(self, checkpoint: Checkpoint, *, engine: str = "fast", threads: int = 1) -> None:
        network = checkpoint.network
        shape = network.shapes()[network.outputs[0]]
        if len(network.outputs) != 1 or shape[1:3] != checkpoint.resolution:
            raise ValueError(f"model: {network.name} does not score every pixel; `deeplab` does")
        self.ready = Ready(checkpoint, engine=engine, threads=threads)
        self.recipe, self.resolution = checkpoint.preprocessing, checkpoint.resolution
        self.names = names_of(checkpoint.labels, shape[3])

    def __call__(self, pixels: Array, *, name: str = "") -> Segments:
        """The segments of one photo, (H, W, 3) uint8."""
        x = preprocess(pixels, self.recipe, self.resolution)
        start = perf_counter()
        (scores,) = self.ready(x).values()
        seconds = perf_counter() - start
        where = scores[0].argmax(axis=-1)
        numbers, counts = np.unique(where, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        shares = {self.names[numbers[k]]: float(counts[k] / where.size) for k in order}
        H, W, _ = pixels.shape
        return Segments(
            name, (W, H), self.ready.network.name, self.recipe, self.ready.engine, seconds,
            shares, where, self.names,
        )  # fmt: skip

    def __enter__(self) -> Segmenter:
        return self

    def __exit__(self, *_: object) -> None:
        self.ready.close()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="a photo, a folder or a pattern")
    parser.add_argument("--model", default="deeplab", help="deeplab or a checkpoint file (deeplab)")
    add_engine(parser)
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw photos and masks to FILE")
    parser.add_argument("--json", action="store_true", help="print a JSON list")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    check_engine(arguments.engine, arguments.threads)
    found = photos.find(arguments.images)
    if arguments.plot:
        from refnet.apps import picture

        picture.check(arguments.plot, len(found.paths))
    for problem in found.problems:
        photos.say(f"refnet: skipped {problem}", error=True)
    answers: list[tuple[Path, Segments]] = []
    failures = len(found.problems)

    def tell(answer: Segments) -> None:
        if not arguments.json:
            photos.say(_text(answer))

    if found.paths:
        with Segmenter(
            load(arguments.model), engine=arguments.engine, threads=arguments.threads
        ) as segmenter:
            answers, failed = answered(
                found.paths, lambda pixels, name: segmenter(pixels, name=name), tell
            )
            failures += failed
    if arguments.json:
        photos.say(json.dumps([answer.plain() for _, answer in answers], indent=1))
    if arguments.plot and answers:
        from refnet.apps import vision_picture

        vision_picture.segments(answers, arguments.plot)
        photos.say(f"refnet: wrote {arguments.plot}", error=True)
    return 2 if failures else 0


def _text(answer: Segments) -> str:
    columns, rows = answer.size
    lines = [
        f"{answer.image} ({columns} x {rows}): {answer.model}, {answer.preprocessing}, "
        f"{answer.seconds * 1e3:.0f} ms ({answer.engine} engine)"
    ]
    lines += [f"  {share:6.1%}  {name}" for name, share in answer.shares.items()]
    return "\n".join(lines)
