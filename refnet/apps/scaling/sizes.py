"""What `refnet scaling` times: networks of many widths, resolutions and batches, and their cost.

>>> Size("v2", alpha=0.5).network().name
'mobilenet_v2_0.5_224'
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np

from refnet.cost import traffic
from refnet.models import build
from refnet.network import Network

Array = np.ndarray[Any, Any]

# The widths and resolutions for which the two papers' authors published weights.
ALPHAS = {"v1": (0.25, 0.5, 0.75, 1.0), "v2": (0.35, 0.5, 0.75, 1.0, 1.4)}
RESOLUTIONS = (96, 128, 160, 192, 224)
BATCHES = (1, 2, 4, 8)
FACTORS = ("alpha", "resolution", "batch")


@dataclass(frozen=True)
class Size:
    """A network at a width, a resolution and a batch.

    >>> str(Size("v1", 0.25, 96)), str(Size("v2", batch=8))
    ('v1_0.25_96', 'v2_1.0_224 x 8')
    >>> Size("v1", 0.25, 96).default("alpha"), Size("v1", 0.25, 96).default("batch")
    (False, True)
    """

    model: str
    alpha: float = 1.0
    resolution: int = 224
    batch: int = 1

    def network(self) -> Network:
        """The folded network."""
        return build(self.model, alpha=self.alpha, resolution=self.resolution, batch_norm=False)

    def default(self, factor: str) -> bool:
        """Whether this factor has the value that it has where others are varied."""
        return bool(getattr(self, factor) == getattr(Size(self.model), factor))

    def __str__(self) -> str:
        batch = "" if self.batch == 1 else f" x {self.batch}"
        return f"{self.model}_{self.alpha}_{self.resolution}{batch}"


@dataclass(frozen=True)
class Cost:
    """What one call computes and moves, if every layer reads and writes memory once.

    macs: multiply-accumulates, all taps. activations, parameters: bytes of float32.
    """

    macs: int
    activations: int
    parameters: int


class Sized(Protocol):
    """Whatever was measured of a size."""

    @property
    def size(self) -> Size:
        """The size."""


S = TypeVar("S", bound=Sized)


def sizes_of(model: str) -> list[Size]:
    """Every width at every resolution, and every batch at the default of both.

    >>> len(sizes_of("v1")), sizes_of("v1")[-1]
    (23, Size(model='v1', alpha=1.0, resolution=224, batch=8))
    """
    grid = [Size(model, alpha, side) for alpha in ALPHAS[model] for side in RESOLUTIONS]
    return list(dict.fromkeys([*grid, *(replace(Size(model), batch=n) for n in BATCHES)]))


def along(points: Iterable[S], model: str, factor: str) -> list[S]:
    """The points of a model in which nothing but one factor is varied, from least to most."""
    others = [name for name in FACTORS if name != factor]
    found = [
        point
        for point in points
        if point.size.model == model and all(point.size.default(name) for name in others)
    ]
    return sorted(found, key=lambda point: getattr(point.size, factor))


def grid(points: Iterable[S], *models: str) -> list[S]:
    """The points of these models at batch 1: every width at every resolution."""
    return [point for point in points if point.size.model in models and point.size.default("batch")]


def cost_of(size: Size) -> Cost:
    """The cost of one call, of all images of the batch.

    >>> cost_of(Size("v1")).macs, cost_of(Size("v1", batch=2)).macs
    (568740352, 1137480704)
    >>> cost_of(Size("v1")).parameters == 4 * 4221032
    True
    """
    moved = traffic(size.network(), batch=size.batch)
    return Cost(
        sum(layer.macs for layer in moved),
        sum(layer.read + layer.written for layer in moved),
        sum(layer.parameters for layer in moved),
    )


def drawn(network: Network, seed: int = 0) -> dict[str, Array]:
    """Random float32 tensors for a network, the same ones for the same seed.

    >>> tensors = drawn(Size("v1", 0.25, 32).network())
    >>> tensors["block1.depthwise.weight"].dtype, tensors["classifier.weight"].shape
    (dtype('float32'), (256, 1000))

    Their values cost nothing: a run moves and multiplies as many numbers whatever these are. Only
    subnormal ones would be slower, so each layer's are scaled to keep its output as large as its
    input (He and others, arXiv:1502.01852, equation 10).
    """
    rng = np.random.default_rng(seed)
    found: dict[str, Array] = {}
    for layer in network.layers:
        for name, shape in zip(layer.tensor_names(), layer.params.values(), strict=True):
            inputs = shape[:2] if layer.op == "depthwise_conv2d" else shape[:-1]
            limit = np.float32(math.sqrt(6 / math.prod(inputs)) if inputs else 0.5)
            found[name] = (2 * rng.random(shape, np.float32) - 1) * limit
    return found


def image(size: Size, seed: int = 0) -> Array:
    """(B, H, W, 3) float32 numbers from 0 to 1, in the place of photos.

    >>> image(Size("v1", 1.0, 32, 2)).shape
    (2, 32, 32, 3)
    """
    side = size.resolution
    return np.random.default_rng(seed).random((size.batch, side, side, 3), np.float32)


def tensors_for(sizes: Iterable[Size]) -> Mapping[tuple[str, float], Mapping[str, Array]]:
    """Tensors by model and width: of the resolution and the batch they know nothing."""
    wanted = dict.fromkeys((size.model, size.alpha) for size in sizes)
    return {key: drawn(Size(*key).network()) for key in wanted}
