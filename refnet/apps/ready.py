"""A checkpoint made ready to run on one of two engines, whatever its outputs.

>>> from refnet.checkpoints import load
>>> from refnet.apps.ready import Ready
>>> with Ready(load("v1"), ["pool"], (96, 128)) as ready:
...     ready(np.zeros((1, 96, 128, 3), np.float32))["pool"].shape
(1, 1024)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from refnet.apps.classifier import ENGINES, check_engine
from refnet.checkpoints import Checkpoint
from refnet.engine import Plan, plan
from refnet.models import build
from refnet.network import Network
from refnet.run import run

Array = np.ndarray[Any, Any]


class Ready:
    """A network cut to what is asked for, with its tensors; call it with (1, H, W, 3).

    outputs: layers, by default the network's own. size: rows and columns of the input, if not
    the checkpoint's: what is convolution throughout takes any. engine, threads: as `Classifier`.
    Raises ValueError for an unknown layer, and for a size at which a layer does not fit.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        outputs: Sequence[str] = (),
        size: tuple[int, int] | None = None,
        *,
        engine: str = "fast",
        threads: int = 1,
    ) -> None:
        check_engine(engine, threads)
        self.engine, self._dtype = engine, ENGINES[engine]
        whole = checkpoint.network if size is None else _at(checkpoint, size)
        known = {layer.name for layer in whole.layers}
        for name in outputs:
            if name not in known:
                raise ValueError(f"layer: {name!r} is not in {whole.name}")
        self.network = whole.cut(outputs) if outputs else whole
        self._plan: Plan | None = None
        self._run: Callable[[Array], Mapping[str, Array]]
        if engine == "fast":
            self._run = self._plan = plan(self.network, checkpoint.tensors, threads=threads)
        else:
            wide = {name: a.astype(np.float64) for name, a in checkpoint.tensors.items()}
            self._run = partial(run, self.network, wide)

    def __call__(self, x: Array) -> Mapping[str, Array]:
        """The outputs by name."""
        return self._run(x.astype(self._dtype, copy=False))

    def close(self) -> None:
        """End the fast engine's plan with its workers."""
        if self._plan:
            self._plan.close()

    def __enter__(self) -> Ready:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _at(checkpoint: Checkpoint, size: tuple[int, int]) -> Network:
    """The checkpoint's network for another size of image."""
    options = {**checkpoint.options, "resolution": size}
    batch_norm = any(layer.op == "batch_norm" for layer in checkpoint.network.layers)
    conventions = checkpoint.network.conventions
    return build(checkpoint.model, conventions=conventions, batch_norm=batch_norm, **options)
