"""Layers done otherwise: norms, activations, residuals, biases, classes, precision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from refnet.backend import Format
from refnet.bounds.formats import rounded
from refnet.layer import BatchNormAttrs
from refnet.oracle.situation import Situation, Variants

Array = np.ndarray[Any, Any]
NARROW: tuple[Format, ...] = ("bfloat16", "float16")  # the coarser grid lies on the finer one


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
    yield "none", s.with_layer(layer, None)


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
        said = f"only {layer.inputs[kept]}, without {layer.inputs[lost]}"
        yield said, s.with_layer(layer, None, reads=kept)
    for twice in layer.inputs:
        yield f"{twice} twice", s.appended("add", also=(twice,))


def residual_too_many(s: Situation) -> Variants:
    """An input of the unit added to its output, or to what its activation reads."""
    if s.first("add", "concat") is not None:
        return
    (output,) = s.network.outputs
    shapes, activation = s.network.shapes(), s.first("relu", "relu6")
    for name in s.network.inputs:
        if shapes[name] == shapes[output]:
            yield f"{name} added", s.appended("add", also=(name,))
            if activation is not None and activation.inputs[0] != name:
                said = f"{name} added, before the activation"
                yield said, s.inserted(activation, "add", (name,))


def bias(s: Situation) -> Variants:
    """The additive term missing or twice."""
    for layer in s.network.layers:
        name = f"{layer.name}.bias" if "bias" in layer.params else f"{layer.name}.beta"
        if name in s.tensors and name in s.network.params():
            yield "missing", s.with_tensor(name, np.zeros_like(s.tensors[name]))
            yield "twice", s.with_tensor(name, 2 * s.tensors[name])


def classes(s: Situation) -> Variants:
    """The classes moved by one, or the first one left out."""
    layer = s.first("dense", "softmax")
    if layer is not None:
        for by in (1, -1):
            yield f"{by:+d}", replace(s, after=(*s.after, rolled(by)))
        yield "without the first one", replace(s, after=(*s.after, lambda y: y[..., 1:]))


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
    yield "missing", s.with_layer(layer, None)
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
            inputs = {feed: rounded(x, form) for feed, x in s.inputs.items()}
            of_weights = not np.array_equal(narrow, s.tensors[name])
            of_inputs = any(not np.array_equal(inputs[feed], x) for feed, x in s.inputs.items())
            if of_weights:
                yield f"weights in {form}", s.with_tensor(name, narrow)
            if of_inputs:
                yield f"inputs in {form}", replace(s, inputs=inputs)
            if of_weights and of_inputs:
                both = replace(s.with_tensor(name, narrow), inputs=inputs)
                yield f"weights and inputs in {form}", both

    return variants


def accumulated(s: Situation) -> Variants:
    """Not a value of its own: a wider bound, in which a sum of too few bits lies."""
    if s.kernel_layer is None and s.first("global_average_pool", "average_pool") is None:
        return
    for form in NARROW:
        if s.arithmetic.accumulate not in NARROW:
            yield f"in {form}", replace(s, arithmetic=replace(s.arithmetic, accumulate=form))
