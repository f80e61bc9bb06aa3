"""What every engine is asked: one network, one photo, and the oracle's answer for it.

The network is folded and ends at its logits, where it has such, for all alike; the files of the
formats that engines read are written once, so that an engine's process does not carry the writing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from refnet import image
from refnet.apps.bench.files import (
    CHECKPOINT,
    INPUT,
    ONNX,
    OUTPUTS,
    TFLITE,
    Array,
    to_logits,
)
from refnet.apps.bench.judging import kind_of
from refnet.checkpoints import Checkpoint, load, save
from refnet.checkpoints.files import write_whole
from refnet.network import Network
from refnet.preprocessing import preprocess
from refnet.run import run

SEED = 0


@dataclass(frozen=True)
class Question:
    """A network to be timed. expected: the oracle's outputs for one image, one after the other,
    (N,) float64: a classifier's logits."""

    model: str
    network: Network
    asked: str
    expected: Array


def pose(model: str, folder: Path, files: Iterable[str]) -> Question:
    """Load a checkpoint, ask the oracle, and write what the engines will read into `folder`.

    files: ONNX, TFLITE, those of the two that some engine needs.
    """
    checkpoint = load(model)
    folded = checkpoint.fold(np.float32)
    network = to_logits(folded.network)
    kind_of(network)  # refuses what could not be judged, before any work
    x, asked = _input(checkpoint)
    save(folded, folder / CHECKPOINT)
    write_whole(folder / OUTPUTS, json.dumps(network.outputs).encode())
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
    expected = np.concatenate([answer[name].ravel() for name in network.outputs])
    return Question(model, network, asked, expected)


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
