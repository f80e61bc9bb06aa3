"""Proven bounds: how far from the oracle a right backend can be, element by element.

>>> import numpy as np
>>> from refnet.backend import Arithmetic
>>> from refnet.network import ConvAttrs, Layer
>>> layer = Layer("c", "conv2d", ("x",), ConvAttrs("valid"), {"weight": (3, 3, 1, 1)})
>>> x, w = np.ones((1, 3, 3, 1)), np.ones((3, 3, 1, 1))
>>> error = bound(layer, [x], {"c.weight": w}, Arithmetic())
>>> bool(9 * 9 * 2.0**-24 <= error.item() <= 9 * 10 * 2.0**-24)      # n u times the sum of |w||x|
True

Every bound is the sum of: the roundings of the arithmetic that the backend declares, on the
scale of what is added up; of factors that it must round before; of writing the result down; what
underflow may lose; the oracle's own float64 roundings; and, in a chain of layers, what the
errors that came in have become. `refnet.bounds.linear` and `other` hold them, one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from refnet.backend import Arithmetic
from refnet.bounds import other
from refnet.bounds.formats import SLACK
from refnet.bounds.linear import linear
from refnet.bounds.value import Value
from refnet.layer import Layer
from refnet.network import Network

__all__ = ["Value", "bound", "propagate", "step"]

Array = np.ndarray[Any, Any]


def bound(
    layer: Layer, inputs: Sequence[Array], tensors: Mapping[str, Array], arithmetic: Arithmetic
) -> Array:
    """The bound for one layer on inputs that the backend has exactly as they are."""
    return step(layer, [Value.given(a) for a in inputs], tensors, arithmetic).error


def step(
    layer: Layer, inputs: Sequence[Value], tensors: Mapping[str, Array], arithmetic: Arithmetic
) -> Value:
    """One layer: its value in float64, and how far a backend may be from it, once stored."""
    x, a = inputs[0], arithmetic
    with np.errstate(invalid="ignore", over="ignore"):
        match layer.op:
            case "conv2d" | "depthwise_conv2d" | "pointwise_conv2d" | "dense":
                value = linear(layer, x, tensors, a)
            case "batch_norm":
                value = other.batch_norm(layer, x, tensors, a)
            case "global_average_pool" | "average_pool":
                value = other.average(layer, x, a)
            case "softmax":
                value = other.softmax(x, a)
            case "add":
                value = other.add(x, inputs[1], a)
            case "max_pool":
                return other.maximum(layer, x)
            case "concat":
                return other.concat(list(inputs))
            case "relu" | "relu6":
                return other.clipped(layer, x, a)
            case _:
                raise ValueError(f"op: no bound is known for {layer.op!r}")
        value = value.stored(arithmetic)
        return replace(value, error=value.error * SLACK)


def propagate(
    network: Network,
    tensors: Mapping[str, Array],
    inputs: Mapping[str, Array | Value],
    arithmetic: Arithmetic,
) -> dict[str, Value]:
    """Every layer's value and bound, when the errors of one layer are the next one's input.

    For a unit of a few layers (a convolution, its batch norm, its activation) that is the bound
    to judge by; through a whole network it grows by the product of the layers' norms and
    says little. A backend that folds batch norm itself never has the convolution's own
    output: its bound is infinite, and the batch norm's is that of the folded pair.
    """
    known = {name: a if isinstance(a, Value) else Value.given(a) for name, a in inputs.items()}
    layers = {layer.name: layer for layer in network.layers}
    for layer in network.layers:
        values = [known[name] for name in layer.inputs]
        value = step(layer, values, tensors, arithmetic)
        before = layers.get(layer.inputs[0])
        if layer.op == "batch_norm" and arithmetic.folds_in and before is not None:
            x = known[before.inputs[0]]
            pair = other.folded(before, layer, x, tensors, arithmetic).stored(arithmetic)
            # Whichever way the backend goes about it, it is within the larger of the two.
            value = replace(pair, error=np.maximum(value.error, pair.error * SLACK))
        known[layer.name] = value
    return known
