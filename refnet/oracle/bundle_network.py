"""A Network as plain data that any language can read, and back.

>>> from refnet.models import mobilenet_v1
>>> data = to_data(mobilenet_v1(resolution=32))
>>> data["layers"][0]["attrs"]["padding"], data["layers"][0]["attrs"]["pads"]
('same', [0, 1, 0, 1])

Nothing is left to be worked out: "same" comes with the four numbers that it means here, every
layer with the shape of its output.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from refnet import geometry
from refnet.arguments import Shape, check_pair
from refnet.layer import ATTRS, Layer
from refnet.network import Conventions, Network

PAIRS = ("stride", "dilation", "size")

# Axes: N batch, H rows, W columns, C channels; of kernels I inputs, O outputs, M multiplier.
_WEIGHTS = {
    "conv2d": "HWIO",
    "pointwise_conv2d": "HWIO",
    "depthwise_conv2d": "HWIM",
    "dense": "IO",
}


def to_data(network: Network) -> dict[str, Any]:
    """The network as dictionaries, lists, texts and numbers."""
    shapes = network.shapes()
    return {
        "inputs": {name: list(shape) for name, shape in network.inputs.items()},
        "outputs": list(network.outputs),
        "conventions": None if network.conventions is None else asdict(network.conventions),
        "layers": [
            {
                "name": layer.name,
                "op": layer.op,
                "inputs": list(layer.inputs),
                "attrs": _attrs(layer, shapes[layer.inputs[0]]),
                "params": [
                    {"name": name, "shape": list(shape)} for name, shape in layer.params.items()
                ],
                "shape": list(shapes[layer.name][1:]),
            }
            for layer in network.layers
        ],
    }


def from_data(name: str, data: Mapping[str, Any]) -> Network:
    """The network that `to_data` told; raises ValueError where a layer contradicts itself."""
    said = data["conventions"]
    network = Network(
        name,
        tuple(_layer(layer) for layer in data["layers"]),
        {feed: tuple(shape) for feed, shape in data["inputs"].items()},
        tuple(data["outputs"]),
        None if said is None else Conventions(**said),
    )
    shapes = network.shapes()
    for layer in data["layers"]:
        found = shapes[layer["name"]][1:]
        if list(found) != layer["shape"]:
            raise ValueError(
                f"layer {layer['name']!r}: makes {found}, but {layer['shape']} is said"
            )
    return network


def layout(op: str, parameter: str) -> str:
    """The axes of a parameter, in order."""
    return _WEIGHTS[op] if parameter == "weight" else "C"


def layout_of(shape: Shape) -> str:
    """The axes of what flows between layers, batch first."""
    return {4: "NHWC", 2: "NC"}[len(shape)]


def _attrs(layer: Layer, x: Shape) -> dict[str, Any]:
    said: dict[str, Any] = layer.keywords()
    for key in PAIRS:
        if key in said:
            said[key] = list(check_pair(said[key], key))
    if "padding" not in said:
        return said
    kernel = said.get("size") or layer.params["weight"][:2]
    axes = geometry.axes(
        (x[1], x[2]),
        (kernel[0], kernel[1]),
        stride=tuple(said["stride"]),
        padding=said["padding"],
        dilation=tuple(said.get("dilation", (1, 1))),
    )
    said["pads"] = [side for axis in axes for side in (axis.before, axis.after)]
    if not isinstance(said["padding"], str):
        said["padding"] = list(said["padding"])
    return said


def _layer(data: Mapping[str, Any]) -> Layer:
    said = {key: value for key, value in data["attrs"].items() if key != "pads"}
    said = {key: tuple(value) if isinstance(value, list) else value for key, value in said.items()}
    kind = ATTRS.get(data["op"])
    params = {one["name"]: tuple(one["shape"]) for one in data["params"]}
    attrs = None if kind is None else kind(**said)
    return Layer(data["name"], data["op"], tuple(data["inputs"]), attrs, params)
