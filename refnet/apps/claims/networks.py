"""The networks that claims are about, built once, and the ways in which people count them.

>>> list(mac_readings("v2").items())[:2]
[('all taps', 300774272), ('taps on the padding left out', 299676304)]
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

from refnet.apps.claims.verdicts import Readings
from refnet.cost import layer_macs, macs, parameters
from refnet.cost.ledger import Ledger, ledger
from refnet.models import build
from refnet.network import Layer, Network


@cache
def network(model: str, **options: Any) -> Network:
    """A network, its batch norms folded unless asked for."""
    return build(model, **{"batch_norm": False, **options})


@cache
def book(model: str, **options: Any) -> Ledger:
    """Its ledger."""
    return ledger(network(model, **options))


def count(model: str, **options: Any) -> int:
    """Multiply-accumulates, all taps."""
    return macs(network(model, **options))


def size(model: str, **options: Any) -> int:
    """Parameters, batch norms folded.

    >>> size("v1"), size("v1", alpha=0.5)
    (4221032, 1326120)
    """
    return parameters(network(model, **options))


def layers(model: str, *ops: str, **options: Any) -> list[Layer]:
    """Its layers of these operations, in order.

    >>> len(layers("v1", "depthwise_conv2d"))
    13
    """
    return [layer for layer in network(model, **options).layers if layer.op in ops]


def cost_of(model: str, *ops: str, **options: Any) -> int:
    """Multiply-accumulates of its layers of these operations, all taps."""
    shapes = network(model, **options).shapes()
    return sum(layer_macs(x, shapes[x.inputs[0]]) for x in layers(model, *ops, **options))


def dense_cost(model: str, **options: Any) -> int:
    """Multiply-accumulates of its fully connected layers; VGG-16's are written as convolutions."""
    shapes = network(model, **options).shapes()
    return sum(
        layer_macs(layer, shapes[layer.inputs[0]])
        for layer in network(model, **options).layers
        if layer.op == "dense" or layer.name in ("fc6", "fc7", "fc8")
    )


def mac_readings(model: str, **options: Any) -> dict[str, int]:
    """Its multiply-accumulates in the ways that papers and tools count them, the plain one first.

    `refnet.cost.counters` has the tools.
    """
    full = count(model, **options)
    outputs = book(model, **options).total("bias additions")
    return {
        "all taps": full,
        "taps on the padding left out": macs(network(model, **options), "executed"),
        "the fully connected layers left out": full - dense_cost(model, **options),
        "a bias addition for every output added": full + outputs,
        "multiplications and additions counted apart": 2 * full,
    }


def parameter_readings(model: str, **options: Any) -> dict[str, int]:
    """Its parameters in the ways that people count them, the plain one first.

    >>> for way, numbers in parameter_readings("v2").items():
    ...     print(f"{numbers:,} {way}")
    3,487,816 1000 classes, batch norm folded to a bias a channel
    3,469,760 1000 classes, weights alone
    3,504,872 1000 classes, batch norm kept as 2 numbers a channel
    3,521,928 1000 classes, batch norm kept as 3 numbers a channel
    3,538,984 1000 classes, batch norm kept as 4 numbers a channel
    3,509,224 1000 classes, batch norm kept as 4 numbers after depthwise layers, folded elsewhere
    3,489,097 1001 classes, batch norm folded to a bias a channel
    3,471,040 1001 classes, weights alone
    3,506,153 1001 classes, batch norm kept as 2 numbers a channel
    3,523,209 1001 classes, batch norm kept as 3 numbers a channel
    3,540,265 1001 classes, batch norm kept as 4 numbers a channel
    3,510,505 1001 classes, batch norm kept as 4 numbers after depthwise layers, folded elsewhere
    """
    found: dict[str, int] = {}
    for classes in (1000, 1001):
        kept = book(model, batch_norm=True, classes=classes, **options)
        weights, biases = kept.total("weights"), kept.total("biases")
        channels = {row.layer: row.count for row in kept.only("gamma")}
        depthwise = sum(n for layer, n in channels.items() if ".depthwise" in layer)
        every = sum(channels.values())
        ways = {
            "batch norm folded to a bias a channel": every + biases,
            "weights alone": 0,
            **{f"batch norm kept as {n} numbers a channel": n * every + biases for n in (2, 3, 4)},
            "batch norm kept as 4 numbers after depthwise layers, folded elsewhere": (
                every + 3 * depthwise + biases
            ),
        }
        found |= {f"{classes} classes, {way}": weights + extra for way, extra in ways.items()}
    return found


def single(readings: dict[str, int]) -> Readings:
    """Readings of a claim with one figure."""
    return {way: (value,) for way, value in readings.items()}


def ratio(above: int, below: int) -> Fraction:
    """A quotient of two counts, exact."""
    return Fraction(above, below)
