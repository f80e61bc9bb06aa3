"""Activation memory and arithmetic intensity: why multiply-accumulates are not time.

A layer whose products are few for each byte that it moves waits for memory, not for arithmetic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from refnet.cost.walk import layer_macs
from refnet.network import Network

# Done in passing, on numbers that are at hand anyway, and written over what was read: so do all
# engines, and a network's cost would be told wrongly otherwise.
ELEMENTWISE = frozenset({"batch_norm", "relu", "relu6", "sigmoid", "softmax"})


@dataclass(frozen=True)
class Traffic:
    """What one layer moves, in bytes, and the products that it makes of it.

    >>> moved = Traffic("pointwise", read=40, written=40, parameters=20, macs=250)
    >>> moved.moved, moved.intensity
    (100, Fraction(5, 2))
    """

    layer: str
    read: int
    written: int
    parameters: int
    macs: int

    @property
    def moved(self) -> int:
        """All bytes, in and out."""
        return self.read + self.written + self.parameters

    @property
    def intensity(self) -> Fraction:
        """Multiply-accumulates for each byte moved, all taps counted; 0 where nothing moves."""
        return Fraction(self.macs, self.moved) if self.moved else Fraction(0)


def traffic(network: Network, *, batch: int = 1, itemsize: int = 4) -> tuple[Traffic, ...]:
    """What every layer moves, if each reads its inputs and parameters once from memory.

    >>> from refnet.models import mobilenet_v1
    >>> moved = {t.layer: t for t in traffic(mobilenet_v1(batch_norm=False))}
    >>> depthwise, pointwise = moved["block12.depthwise"], moved["block12.pointwise"]
    >>> round(float(depthwise.intensity), 1), round(float(pointwise.intensity), 1)
    (0.4, 10.7)

    A layer that works element by element moves nothing of its own but its parameters: engines
    do it while the numbers are at hand.
    """
    shapes = network.shapes(batch)
    found = []
    for layer in network.layers:
        in_passing = layer.op in ELEMENTWISE
        read = 0 if in_passing else sum(math.prod(shapes[name]) for name in layer.inputs)
        written = 0 if in_passing else math.prod(shapes[layer.name])
        numbers = sum(map(math.prod, layer.params.values()))
        macs = batch * layer_macs(layer, shapes[layer.inputs[0]])
        found.append(
            Traffic(layer.name, itemsize * read, itemsize * written, itemsize * numbers, macs)
        )
    return tuple(found)


def peak_bytes(network: Network, *, batch: int = 1, itemsize: int = 4) -> int:
    """The most bytes of activations alive at once, run layer by layer in the network's order.

    >>> from refnet.models import mobilenet_v2
    >>> peak_bytes(mobilenet_v2()) == 4 * 96 * (112**2 + 56**2)     # block 2 filters 96 channels
    True

    While a layer runs, what it reads, what it writes and whatever a later layer still reads is
    alive; a layer that works element by element writes over what it reads, if nobody else
    reads that.
    """
    shapes = network.shapes(batch)
    readers = dict.fromkeys(shapes, 0)
    for layer in network.layers:
        for name in layer.inputs:
            readers[name] += 1
    for name in network.outputs:
        readers[name] += 1
    alive = {name: math.prod(shapes[name]) for name in network.inputs}
    most = sum(alive.values())
    for layer in network.layers:
        own = math.prod(shapes[layer.name])
        in_place = layer.op in ELEMENTWISE and readers[layer.inputs[0]] == 1
        most = max(most, sum(alive.values()) + (0 if in_place else own))
        for name in layer.inputs:
            readers[name] -= 1
            if not readers[name]:
                alive.pop(name, None)
        alive[layer.name] = own
    return most * itemsize


def largest_activation(network: Network) -> tuple[str, int]:
    """The layer with the most output elements, and how many; the first of equals.

    >>> from refnet.models import mobilenet_v1
    >>> largest_activation(mobilenet_v1())          # 112 * 112 * 64
    ('block1.pointwise', 802816)
    """
    shapes = network.shapes()
    sizes = {layer.name: math.prod(shapes[layer.name]) for layer in network.layers}
    name = max(sizes, key=lambda name: sizes[name])
    return name, sizes[name]
