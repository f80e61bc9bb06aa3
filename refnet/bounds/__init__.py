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
errors that came in have become. `refnet.bounds.linear`, `norm` and `other` hold them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from refnet.backend import Arithmetic
from refnet.bounds import norm, other, resize
from refnet.bounds.linear import linear
from refnet.bounds.value import Value
from refnet.layer import KERNEL_OPS, Layer
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
    a = arithmetic
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        x, *others = (value.read(a) for value in inputs)
        match layer.op:
            case "conv2d" | "depthwise_conv2d" | "pointwise_conv2d" | "dense":
                value = linear(layer, x, tensors, a)
            case "batch_norm":
                value = norm.batch_norm(layer, x, tensors, a)
            case "global_average_pool" | "average_pool":
                value = other.average(layer, x, a)
            case "resize_bilinear":
                value = resize.resize_bilinear(layer, x, a)
            case "sigmoid":
                value = other.sigmoid(x, a)
            case "softmax":
                value = other.softmax(x, a)
            case "add":
                value = other.add(x, others[0], a)
            case "max_pool":
                return other.maximum(layer, x).settled()
            case "concat":
                return other.concat([x, *others]).settled()
            case "relu" | "relu6":
                return other.clipped(layer, x).settled()
            case _:
                raise ValueError(f"op: no bound is known for {layer.op!r}")
        return value.stored(a).settled()


def propagate(
    network: Network,
    tensors: Mapping[str, Array],
    inputs: Mapping[str, Array | Value],
    arithmetic: Arithmetic,
) -> dict[str, Value]:
    """Every layer's value and bound, when the errors of one layer are the next one's input.

    For a unit of a few layers (a convolution, its batch norm, its activation) that is the bound
    to judge by; through a whole network it grows by the product of the layers' norms and
    says little. Whether numbers are rounded to storage between the layers or kept as they were
    accumulated, they are within the bound. With `folds_in` a batch norm's bound holds for the
    folded pair as well as for the two layers one after the other.
    """
    known = {name: a if isinstance(a, Value) else Value.given(a) for name, a in inputs.items()}
    layers = {layer.name: layer for layer in network.layers}
    for layer in network.layers:
        values = [known[name] for name in layer.inputs]
        value = step(layer, values, tensors, arithmetic)
        before = layers.get(layer.inputs[0])
        if layer.op == "batch_norm" and arithmetic.folds_in and before is not None:
            value = _or_folded(value, before, layer, known, tensors, arithmetic)
        known[layer.name] = value
    return known


def _or_folded(
    value: Value,
    before: Layer,
    layer: Layer,
    known: Mapping[str, Value],
    tensors: Mapping[str, Array],
    arithmetic: Arithmetic,
) -> Value:
    """A batch norm's value with the larger bound of two: as it is, and folded with `before`."""
    if before.op not in KERNEL_OPS:
        return value
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        x = known[before.inputs[0]].read(arithmetic)
        pair = norm.folded(before, layer, x, tensors, arithmetic).stored(arithmetic).settled()
        # The two are computed differently in float64 too.
        error = pair.error + abs(pair.exact - value.exact)
        return replace(value, error=np.maximum(value.error, error)).settled()
