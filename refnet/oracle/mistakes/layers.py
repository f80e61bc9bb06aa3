"""Layers done otherwise: norms, activations, residuals, biases, classes, precision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from refnet.bounds.formats import rounded
from refnet.layer import BatchNormAttrs, Layer
from refnet.oracle.situation import Situation, Variants

Array = np.ndarray[Any, Any]


def epsilon(s: Situation) -> Variants:
    """Another epsilon."""
    norm = s.first("batch_norm")
    if norm is None or not isinstance(norm.attrs, BatchNormAttrs):
        return
    for epsilon in (1e-3, 1e-5, 1e-4, 1e-6, 1e-2, 0.0):
        if epsilon != norm.attrs.epsilon:
            said = f"{epsilon:g} for {norm.attrs.epsilon:g}"
            yield said, s.with_attrs(norm, BatchNormAttrs(epsilon))


def norm_parts(s: Situation) -> Variants:
    """One of the four vectors not used, or misread."""
    norm = s.first("batch_norm")
    if norm is None:
        return
    for part, value in (("mean", 0.0), ("gamma", 1.0), ("variance", 1.0)):
        name = f"{norm.name}.{part}"
        yield f"{part} not used", s.with_tensor(name, np.full_like(s.tensors[name], value))
    name = f"{norm.name}.variance"
    yield "variance taken for a deviation", s.with_tensor(name, s.tensors[name] ** 2)
    if len(s.network.layers) > 1:
        yield "left out", s.with_layer(norm, None)


def activation(s: Situation) -> Variants:
    """ReLU for ReLU6, the reverse, or none."""
    layer = s.first("relu", "relu6")
    if layer is None:
        return
    other = "relu" if layer.op == "relu6" else "relu6"
    yield f"{other} for {layer.op}", s.with_layer(layer, replace(layer, op=other))
    if len(s.network.layers) > 1:
        yield "none", s.with_layer(layer, None)
    elif layer.inputs[0] in s.inputs:
        feed = layer.inputs[0]
        yield "none", s.with_layer(layer, Layer(layer.name, "concat", (feed,)))


def activation_too_many(s: Situation) -> Variants:
    """An activation where the network has none."""
    if s.first("relu", "relu6", "softmax") is None:
        for op in ("relu6", "relu"):
            yield op, s.appended(op)


def residual(s: Situation) -> Variants:
    """One of the two terms lost, or counted twice."""
    layer = s.first("add")
    if layer is None:
        return
    for kept, lost in ((0, 1), (1, 0)):
        only = Layer(layer.name, "concat", (layer.inputs[kept],))
        yield f"only {layer.inputs[kept]}, without {layer.inputs[lost]}", s.with_layer(layer, only)
    for twice in layer.inputs:
        yield f"{twice} twice", s.appended("add", also=(twice,))


def residual_too_many(s: Situation) -> Variants:
    """An input of the unit added to its output."""
    if s.first("add", "concat") is not None:
        return
    (output,) = s.network.outputs
    shape = s.network.shapes()[output]
    for name in s.network.inputs:
        if s.network.shapes()[name] == shape:
            yield f"{name} added", s.appended("add", also=(name,))


def bias(s: Situation) -> Variants:
    """The additive term missing or twice."""
    for layer in s.network.layers:
        name = f"{layer.name}.bias" if "bias" in layer.params else f"{layer.name}.beta"
        if name in s.tensors and name in s.network.params():
            yield "missing", s.with_tensor(name, np.zeros_like(s.tensors[name]))
            yield "twice", s.with_tensor(name, 2 * s.tensors[name])


def classes(s: Situation) -> Variants:
    """The classes moved by one."""
    layer = s.first("dense", "softmax")
    if layer is not None:
        for by in (1, -1):
            yield f"{by:+d}", replace(s, after=(*s.after, rolled(by)))


def rolled(by: int) -> Callable[[Array], Array]:
    """Moved along the last axis."""
    return lambda y: np.roll(y, by, -1)


def softmax(s: Situation) -> Variants:
    """Missing, twice, or where logits were asked for."""
    layer = s.first("softmax")
    if layer is None:
        if s.first("dense") is not None:
            yield "where there should be none", s.appended("softmax")
        return
    yield "missing", s.with_layer(layer, Layer(layer.name, "concat", layer.inputs))
    yield "twice", s.appended("softmax")


def stored(*formats: Any) -> Callable[[Situation], Variants]:
    """Weights, or both factors of every product, in fewer bits than declared."""

    def variants(s: Situation) -> Variants:
        layer = s.kernel_layer
        if layer is None:
            return
        name = f"{layer.name}.weight"
        for form in formats:
            narrow = rounded(s.tensors[name], form)
            if not np.array_equal(narrow, s.tensors[name]):
                weights = s.with_tensor(name, narrow)
                yield f"weights in {form}", weights
                inputs = {feed: rounded(x, form) for feed, x in s.inputs.items()}
                yield f"weights and inputs in {form}", replace(weights, inputs=inputs)
            elif any(not np.array_equal(rounded(x, form), x) for x in s.inputs.values()):
                inputs = {feed: rounded(x, form) for feed, x in s.inputs.items()}
                yield f"inputs in {form}", replace(s, inputs=inputs)

    return variants


def accumulated(s: Situation) -> Variants:
    """Not a value of its own: a wider bound, in which a sum of too few bits lies."""
    if s.kernel_layer is None and s.first("global_average_pool", "average_pool") is None:
        return
    for form in ("float16", "bfloat16"):
        if s.arithmetic.accumulate not in ("float16", "bfloat16"):
            yield f"in {form}", replace(s, arithmetic=replace(s.arithmetic, accumulate=form))
