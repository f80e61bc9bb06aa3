"""What every engine is asked: one network, one photo, and the oracle's logits for it.

The network is folded and ends at its logits, for all alike; the files of the formats that engines
read are written once, so that an engine's process does not carry the writing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from refnet import image
from refnet.apps.bench.files import CHECKPOINT, INPUT, ONNX, TFLITE, Array, to_logits
from refnet.checkpoints import Checkpoint, load, save
from refnet.checkpoints.files import write_whole
from refnet.network import Network
from refnet.preprocessing import preprocess
from refnet.run import run

BEST = 5  # classes that an answer must name in the oracle's order
SEED = 0


@dataclass(frozen=True)
class Question:
    """A network to be timed. expected: the oracle's logits, float64, one image's."""

    model: str
    network: Network
    asked: str
    expected: Array


@dataclass(frozen=True)
class Judgement:
    """What the oracle says of an answer: the largest difference of a logit, and what is wrong.

    >>> judged(np.array([1.0, 5.0, 3.0]), np.array([1.0, 4.5, 3.0])).difference
    0.5
    """

    difference: float
    best: tuple[int, ...]
    wrong: str = ""


def pose(model: str, folder: Path, files: Iterable[str]) -> Question:
    """Load a checkpoint, ask the oracle, and write what the engines will read into `folder`.

    files: ONNX, TFLITE, those of the two that some engine needs.
    """
    checkpoint = load(model)
    folded = checkpoint.fold(np.float32)
    network = to_logits(folded.network)
    x, asked = _input(checkpoint)
    save(folded, folder / CHECKPOINT)
    np.save(folder / INPUT, x)
    if ONNX in files:
        from refnet.export.onnx import to_onnx

        data: bytes = to_onnx(network, folded.tensors).SerializeToString()
        write_whole(folder / ONNX, data)
    if TFLITE in files:
        from refnet.export.tflite import to_tflite

        write_whole(folder / TFLITE, to_tflite(network, folded.tensors))
    exact = checkpoint.fold(np.float64)
    answer = run(to_logits(exact.network), exact.tensors, x.astype(np.float64))
    return Question(model, network, asked, answer[network.outputs[0]][0])


def judged(answer: Array, expected: Array) -> Judgement:
    """An answer beside the oracle's: right if finite, with the same best five in the same order.

    The order is a criterion without a tolerance; how near the numbers are is told beside it, for
    the proven bound of a whole network is too wide to say anything.

    >>> judged(np.array([1.0, 3.0, 2.0]), np.array([1.0, 2.0, 3.0])).wrong
    'its best classes are 1, 2, 0, the oracle says 2, 1, 0'
    """
    if answer.shape != expected.shape:
        return Judgement(np.inf, (), f"{answer.size} logits, the oracle has {expected.size}")
    bad = answer.size - int(np.count_nonzero(np.isfinite(answer)))
    if bad:
        return Judgement(np.inf, (), f"{bad} of {answer.size} logits are NaN or infinite")
    best, wanted = _best(answer), _best(expected)
    difference = float(np.abs(answer - expected).max())
    if best == wanted:
        return Judgement(difference, best)
    said = ", ".join(map(str, best))
    wrong = f"its best classes are {said}, the oracle says {', '.join(map(str, wanted))}"
    return Judgement(difference, best, wrong)


def _best(logits: Array) -> tuple[int, ...]:
    return tuple(int(n) for n in np.argsort(-logits, kind="stable")[:BEST])


def _input(checkpoint: Checkpoint) -> tuple[Array, str]:
    """matplotlib's photo through the checkpoint's preprocessing; drawn numbers without it."""
    rows, columns = checkpoint.resolution
    if rows == columns:  # recipes make squares
        from matplotlib import cbook

        try:
            path = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
            x = preprocess(image.read(path), checkpoint.preprocessing, rows)
            return np.ascontiguousarray(x, np.float32), "grace_hopper.jpg"
        except OSError:
            pass  # some systems pack matplotlib without its samples
    rng = np.random.default_rng(SEED)
    shape = (1, *checkpoint.network.input_shape)
    return rng.uniform(-1, 1, shape).astype(np.float32), f"uniform(-1, 1), seed {SEED}"
