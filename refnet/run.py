"""Run a Network on `ops`, or on the loops of `definition`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from refnet import definition, ops
from refnet.network import Layer, Network

Array = np.ndarray[Any, Any]


def run(
    network: Network,
    tensors: Mapping[str, Array],
    x: Array | Mapping[str, Array],
    *,
    using: ModuleType = ops,
    taps: Iterable[str] = (),
    tally: definition.Tally | None = None,
) -> dict[str, Array]:
    """The network's outputs, and any other layer's asked for in `taps`, by name.

    >>> from refnet.models import mobilenet_v1
    >>> network = mobilenet_v1(alpha=0.25, resolution=32)
    >>> rng = np.random.default_rng(0)
    >>> tensors = {name: rng.random(shape) for name, shape in network.params().items()}
    >>> answer = run(network, tensors, rng.random((1, 32, 32, 3)), taps=["pool"])
    >>> {name: y.shape for name, y in answer.items()}
    {'pool': (1, 256), 'softmax': (1, 1000)}

    x: (B, H, W, M), or one such array for each of several inputs by name.
    using: `ops`, `definition`, or any module with their functions; `tally` counts what
    `definition` executes. The arithmetic is that of the arrays' number type.
    Raises ValueError where a tensor is missing or a shape is not the network's.
    """
    known = _inputs(network, x)
    check_tensors(network, tensors)
    wanted = {*network.outputs, *taps}
    for name in wanted - {layer.name for layer in network.layers} - set(known):
        raise ValueError(f"taps: {name!r} is not a layer of {network.name}")
    readers = _last_readers(network)
    answer = {name: known[name] for name in wanted & set(known)}
    for layer in network.layers:
        inputs = [known[name] for name in layer.inputs]
        known[layer.name] = apply(layer, inputs, tensors, using=using, tally=tally)
        if layer.name in wanted:
            answer[layer.name] = known[layer.name]
        for name in readers.get(layer.name, ()):
            del known[name]  # nobody reads it again: let its memory go
    return answer


def apply(
    layer: Layer,
    inputs: list[Array],
    tensors: Mapping[str, Array],
    *,
    using: ModuleType = ops,
    tally: definition.Tally | None = None,
) -> Array:
    """One layer on its inputs: the function that its `op` names.

    >>> apply(Layer("r", "relu", ("x",)), [np.array([-1.0, 2.0])], {}).tolist()
    [0.0, 2.0]
    """
    operation = getattr(using, layer.op)
    keywords = layer.keywords()
    if tally is not None and layer.op in definition.COUNTED:
        keywords["tally"] = tally
    params = (tensors[name] for name in layer.tensor_names())
    y: Array = operation(*inputs, *params, **keywords)
    return y


def check_tensors(network: Network, tensors: Mapping[str, Array]) -> None:
    """Every tensor that the network needs is there, in the shape that it needs.

    >>> from refnet.models import mobilenet_v2
    >>> check_tensors(mobilenet_v2(), {})
    Traceback (most recent call last):
    ...
    ValueError: tensors: 'stem.weight' (3, 3, 3, 32) of mobilenet_v2_1.0_224 is missing
    """
    for name, shape in network.params().items():
        if name not in tensors:
            raise ValueError(f"tensors: {name!r} {shape} of {network.name} is missing")
        if tensors[name].shape != shape:
            raise ValueError(
                f"tensors: {name!r} has shape {tensors[name].shape}, "
                f"but {network.name} needs {shape}"
            )


def _inputs(network: Network, x: Array | Mapping[str, Array]) -> dict[str, Array]:
    if not isinstance(x, Mapping):
        if len(network.inputs) != 1:
            raise ValueError(f"x: one array, but {network.name} reads {tuple(network.inputs)}")
        x = dict.fromkeys(network.inputs, x)
    for name, shape in network.inputs.items():
        if name not in x:
            raise ValueError(f"x: {name!r} {('B', *shape)} of {network.name} is missing")
        if x[name].shape[1:] != tuple(shape) or x[name].ndim != len(shape) + 1:
            wanted = ", ".join(["B", *map(str, shape)])
            raise ValueError(f"x: shape {x[name].shape}, but {network.name} takes ({wanted})")
    return {name: x[name] for name in network.inputs}


def _last_readers(network: Network) -> dict[str, list[str]]:
    """For each layer, the arrays that it is the last to read."""
    last: dict[str, str] = {}
    for layer in network.layers:
        for name in layer.inputs:
            last[name] = layer.name
    readers: dict[str, list[str]] = {}
    for name, reader in last.items():
        readers.setdefault(reader, []).append(name)
    return readers
