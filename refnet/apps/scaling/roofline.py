"""The roofline of this machine, and each layer under it.

A layer of so many multiply-accumulates for each byte that it moves cannot be faster than the
machine multiplies, nor than memory brings the bytes: two roofs, one flat and one rising (Williams,
Waterman and Patterson, "Roofline", Communications of the ACM 52, 2009).

A layer's bytes are those of `refnet.cost.traffic`: all that it reads and writes, as if no cache
held any of it. Who finds its input in a cache may rise above the slope; who is held up by neither
products nor memory lies below both.

>>> roofs = Roofs(gemm=100e9, bandwidth=20e9, einsum=8e9, side=1024, array=1 << 27)
>>> roofs.ridge, roofs.roof(2.5) / 1e9, roofs.roof(50) / 1e9
(5.0, 50.0, 100.0)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import as_strided

from refnet.apps.bench.worker import timed
from refnet.apps.scaling.sizes import Size, drawn, image
from refnet.cost import traffic
from refnet.cost.memory import ELEMENTWISE
from refnet.engine import blas, plan
from refnet.engine.numpy_names import functions
from refnet.network import Network

# Of the square matrices: large enough that reading them costs little beside the products, small
# enough that on a busy machine a call may go by undisturbed.
SIDE = 1024
SMALLEST, LARGEST = 1 << 26, 1 << 29  # bytes of an array that no cache is to hold
SECONDS, CALLS = 0.1, 3  # of each measurement in a round, at least: both
IMAGES = 5  # of each network in a round
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


@dataclass(frozen=True)
class Roofs:
    """What one core does at most, in multiply-accumulates and in bytes a second.

    gemm: np.matmul of two square matrices of `side`. bandwidth: np.copyto or np.add, whichever is
    faster, on arrays of `array` bytes, more than the last cache holds; every byte read or written
    counts once. einsum: sums over nine taps, as a depthwise layer takes them, on numbers that the
    core's own cache holds: no roof of the machine, but of what NumPy has for such a sum.
    """

    gemm: float
    bandwidth: float
    einsum: float
    side: int
    array: int

    @property
    def ridge(self) -> float:
        """Multiply-accumulates a byte from which on arithmetic is the lower roof."""
        return self.gemm / self.bandwidth

    def roof(self, intensity: float) -> float:
        """The most multiply-accumulates a second at so many for each byte."""
        return min(self.gemm, self.bandwidth * intensity)


@dataclass(frozen=True)
class Spot:
    """A layer of a network, with the batch norm and activation that are done in passing.

    macs, moved: its multiply-accumulates and bytes. seconds: what the plan took for it.
    """

    model: str
    layer: str
    op: str
    macs: int
    moved: int
    seconds: float

    @property
    def intensity(self) -> float:
        """Multiply-accumulates for each byte."""
        return self.macs / self.moved if self.moved else 0.0

    @property
    def rate(self) -> float:
        """Multiply-accumulates a second."""
        return self.macs / self.seconds

    def least(self, roofs: Roofs) -> float:
        """Seconds that the roofs allow at best.

        >>> roofs = Roofs(gemm=100e9, bandwidth=20e9, einsum=8e9, side=1024, array=1 << 27)
        >>> Spot("v1", "block1.depthwise", "depthwise_conv2d", 10**6, 10**6, 1.0).least(roofs)
        5e-05
        """
        return max(self.macs / roofs.gemm, self.moved / roofs.bandwidth)


@dataclass
class Meter:
    """Measures the roofs and the layers, a little in every round; the quietest counts."""

    models: Sequence[str]
    rates: dict[str, float] = field(default_factory=dict)
    layers: dict[str, dict[str, float]] = field(default_factory=dict)
    array: int = 0

    def __post_init__(self) -> None:
        self.array = array_bytes(last_cache())

    def round(self) -> None:
        """One round of everything."""
        with blas.one_thread():
            for name, rate in (("gemm", gemm_rate(SIDE)), ("bandwidth", bandwidth(self.array)),
                               ("einsum", einsum_rate())):  # fmt: skip
                self.rates[name] = max(rate, self.rates.get(name, 0.0))
        for model in self.models:
            size = Size(model)
            network = size.network()
            with plan(network, drawn(network)) as ready:
                found = by_layer(network, ready.time_layers(image(size), IMAGES))
            before = self.layers.get(model, found)
            self.layers[model] = {name: min(before[name], found[name]) for name in found}

    def roofs(self) -> Roofs:
        """The best of all rounds."""
        return Roofs(**self.rates, side=SIDE, array=self.array)

    def spots(self) -> list[Spot]:
        """Every layer that takes time, each from its own quietest round."""
        found = []
        for model, seconds in self.layers.items():
            network = Size(model).network()
            for moved in traffic(network):
                if moved.layer in seconds:
                    op, took = network[moved.layer].op, seconds[moved.layer]
                    found.append(Spot(model, moved.layer, op, moved.macs, moved.moved, took))
        return found


def by_layer(network: Network, units: Mapping[str, float]) -> dict[str, float]:
    """Seconds of each unit under the name of the layer that it begins with.

    >>> by_layer(Size("v1", 0.25, 32).network(), {"stem.activation": 2.0, "pool": 1.0})
    {'stem': 2.0, 'pool': 1.0}

    A plan calls a unit after its last layer; the cost model charges the first with what it moves.
    """
    found: dict[str, float] = {}
    for name, seconds in units.items():
        layer = network[name]
        while layer.op in ELEMENTWISE and layer.op != "softmax":
            layer = network[layer.inputs[0]]
        found[layer.name] = found.get(layer.name, 0.0) + seconds
    return found


def by_kind(spots: Sequence[Spot], model: str) -> dict[str, list[Spot]]:
    """A model's layers by operation, those with the most multiply-accumulates first."""
    found: defaultdict[str, list[Spot]] = defaultdict(list)
    for spot in spots:
        if spot.model == model:
            found[spot.op].append(spot)
    return dict(sorted(found.items(), key=lambda kind: -sum(spot.macs for spot in kind[1])))


def gemm_rate(side: int) -> float:
    """Multiply-accumulates a second of a square matrix product in float32."""
    rng = np.random.default_rng(0)
    a, b = (rng.random((side, side), np.float32) for _ in range(2))
    out = np.empty_like(a)
    return side**3 / fastest(lambda: np.matmul(a, b, out=out))


def bandwidth(array: int) -> float:
    """Bytes a second that NumPy reads and writes, of two arrays of so many bytes."""
    a, b = (np.ones(array // 4, np.float32) for _ in range(2))
    copied = 2 * a.nbytes / fastest(lambda: np.copyto(a, b))
    # In place: what is written has been read, so that no cache line is fetched to be overwritten.
    added = 3 * a.nbytes / fastest(lambda: np.add(a, b, out=a))
    return max(copied, added)


def einsum_rate(rows: int = 14, columns: int = 56, channels: int = 128) -> float:
    """Multiply-accumulates a second of 3 x 3 windows over a map, one filter a channel.

    Four rows of so many columns are read again and again: they stay in the core's own cache.
    """
    run = columns * channels
    x = np.ones((3, columns + 2, channels), np.float32)
    w, out = np.ones((3, 3, run), np.float32), np.empty((rows, run), np.float32)
    row, column, number = x.strides
    windows = as_strided(x, (rows, 3, 3, run), (0, row, column, number))
    einsum, _ = functions()
    return 9 * rows * run / fastest(lambda: einsum("hijn,ijn->hn", windows, w, out=out))


def fastest(call: Callable[[], object]) -> float:
    """Seconds of the fastest of a few calls: on a busy machine, one that nobody interrupted."""
    return min(timed(call, SECONDS, CALLS))


def last_cache(folder: Path = CACHES) -> int | None:
    """Bytes of the last cache before memory, where Linux tells."""
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    try:
        told = [path.read_text("ascii").strip() for path in folder.glob("index*/size")]
        return max((int(size[:-1]) * units[size[-1]] for size in told), default=None)
    except (OSError, ValueError, KeyError, IndexError):
        return None


def array_bytes(cache: int | None) -> int:
    """Of an array that no cache holds: four times the last one, within bounds.

    >>> [array_bytes(cache) >> 20 for cache in (32 << 20, 1 << 20, None, 1 << 30)]
    [128, 64, 256, 512]

    Two of these are in use, so that at the upper bound as well they are more than the cache.
    """
    return 1 << 28 if cache is None else min(max(4 * cache, SMALLEST), LARGEST)
