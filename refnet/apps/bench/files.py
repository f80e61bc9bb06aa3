"""What `refnet bench` writes once, and every engine's process reads: the question as files.

Kept apart from the writing, so that a process that only reads carries no more than that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from refnet.checkpoints import Checkpoint, load
from refnet.network import Network

Array = np.ndarray[Any, Any]

CHECKPOINT, INPUT, OUTPUTS = "folded.safetensors", "input.npy", "outputs.json"
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

    def outputs(self) -> list[str]:
        """The names of the network's outputs, in their order."""
        names: list[str] = json.loads((self.folder / OUTPUTS).read_text("utf-8"))
        return names

    def checkpoint(self) -> Checkpoint:
        """The folded checkpoint, float32, its network ending at the logits, where it has such."""
        checkpoint = load(self.folder / CHECKPOINT)
        return replace(checkpoint, network=to_logits(checkpoint.network))


@dataclass(frozen=True)
class Engine:
    """An engine made ready. run: one image's outputs in their order, float32; one needs no list.

    nchw: whether its maps have their channels before their rows.

    products: its calls that multiply matrices, `refnet.engine.Product`, where it can tell.
    split: its seconds by kind of work, the median of so many runs, where it can tell.
    """

    run: Callable[[], Array | Sequence[Array]]
    products: tuple[tuple[int, ...], ...] = ()
    split: Callable[[int], dict[str, float]] | None = None
    close: Callable[[], object] = lambda: None
    nchw: bool = False

    def answer(self) -> list[float]:
        """All numbers of all outputs, one after the other, channels last.

        >>> Engine(lambda: np.arange(8.0).reshape(1, 2, 2, 2), nchw=True).answer()
        [0.0, 4.0, 1.0, 5.0, 2.0, 6.0, 3.0, 7.0]
        """
        made = self.run()
        found: list[float] = []
        for a in [made] if isinstance(made, np.ndarray) else made:
            turned = a.transpose(0, 2, 3, 1) if self.nchw and a.ndim == 4 else a
            found += turned.ravel().tolist()
        return found


def to_logits(network: Network) -> Network:
    """The network without the softmax at its end, where it has one output and this is it.

    >>> from refnet.models import mobilenet_v1
    >>> to_logits(mobilenet_v1()).outputs
    ('classifier',)
    """
    if len(network.outputs) != 1:
        return network
    last = network[network.outputs[0]]
    return network.cut(last.inputs) if last.op == "softmax" else network
