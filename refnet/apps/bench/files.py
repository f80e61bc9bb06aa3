"""What `refnet bench` writes once, and every engine's process reads: the question as files.

Kept apart from the writing, so that a process that only reads carries no more than that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from refnet.checkpoints import Checkpoint, load
from refnet.network import Network

Array = np.ndarray[Any, Any]

CHECKPOINT, INPUT = "folded.safetensors", "input.npy"
ONNX, TFLITE = "model.onnx", "model.tflite"


@dataclass(frozen=True)
class Job:
    """What an engine is made ready for: files in a folder, a number of threads, its own options.

    >>> Job(Path("questions"), threads=2).file(ONNX)
    'questions/model.onnx'
    """

    folder: Path
    threads: int
    options: Mapping[str, Any] = field(default_factory=dict)

    def file(self, name: str) -> str:
        """The path of a file, as engines take it."""
        return str(self.folder / name)

    def nhwc(self) -> Array:
        """The input, (1, H, W, M) float32."""
        x: Array = np.load(self.folder / INPUT)
        return x

    def nchw(self) -> Array:
        """The input, (1, M, H, W) float32."""
        return np.ascontiguousarray(self.nhwc().transpose(0, 3, 1, 2))

    def checkpoint(self) -> Checkpoint:
        """The folded checkpoint, float32, its network ending at the logits."""
        checkpoint = load(self.folder / CHECKPOINT)
        return replace(checkpoint, network=to_logits(checkpoint.network))


@dataclass(frozen=True)
class Engine:
    """An engine made ready. run: one image's logits, (1, classes) float32.

    products: (rows, inner, columns) of the matrix products of one image, where it can tell.
    split: its seconds by kind of work, the median of so many runs, where it can tell.
    """

    run: Callable[[], Array]
    products: tuple[tuple[int, int, int], ...] = ()
    split: Callable[[int], dict[str, float]] | None = None
    close: Callable[[], object] = lambda: None


def to_logits(network: Network) -> Network:
    """The network without the softmax at its end, where it has one.

    >>> from refnet.models import mobilenet_v1
    >>> to_logits(mobilenet_v1()).outputs
    ('classifier',)
    """
    if len(network.outputs) != 1:
        raise ValueError(f"model: {len(network.outputs)} outputs, expected one to compare")
    last = network[network.outputs[0]]
    return network.cut(last.inputs) if last.op == "softmax" else network
