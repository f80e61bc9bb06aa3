"""A Network as a program in MIL, Core ML's language: one operation a layer, maps NCHW."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refnet.arguments import Shape, check_pair
from refnet.export.affine import Affine
from refnet.export.windows import read_after, window_axes
from refnet.layer import BatchNormAttrs, Layer, MaxPoolAttrs, PoolAttrs
from refnet.network import Network

Array = np.ndarray[Any, Any]


def written(name: str) -> str:
    """A layer's name as MIL has it.

    >>> written("stem.activation")
    'stem_activation'
    """
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def turned(shape: Shape) -> Shape:
    """NHWC as NCHW; other ranks as they are."""
    return (shape[0], shape[3], shape[1], shape[2]) if len(shape) == 4 else shape


def program_of(
    ct: Any, network: Network, tensors: Mapping[str, Array], affine: Affine | None, batch: int
) -> Any:
    """The network in MIL, one operation a layer."""
    from coremltools.converters.mil.mil import Builder, Function, Program

    shapes = network.shapes(batch)
    holders = {
        written(name): Builder.placeholder(shape=turned(shapes[name])) for name in network.inputs
    }
    with Function(holders, opset_version=ct.target.iOS15) as main:
        known = {name: main.inputs[written(name)] for name in network.inputs}
        if affine is not None:
            (name,) = network.inputs
            scale, bias = (
                values.astype(np.float32).reshape(1, 3, 1, 1)
                for values in (affine.scale, affine.bias)
            )
            x = Builder.mul(x=known[name], y=scale, name=f"{written(name)}_scaled")
            known[name] = Builder.add(x=x, y=bias, name=f"{written(name)}_biased")
        graph = _Graph(Builder, tensors, shapes, known)
        for layer in network.layers:
            _add(graph, layer)
        main.set_outputs([graph.known[name] for name in network.outputs])
    program = Program()
    program.add_function("main", main)
    return program


@dataclass
class _Graph:
    """The values of the program as operations add them."""

    builder: Any
    tensors: Mapping[str, Array]
    shapes: Mapping[str, Shape]
    known: dict[str, Any] = field(default_factory=dict)

    def operation(self, kind: str, layer: Layer, **said: Any) -> None:
        """One operation, which makes the value of a layer."""
        make = getattr(self.builder, kind)
        self.known[layer.name] = make(name=written(layer.name), **said)

    def parameter(self, layer: Layer, name: str) -> Array:
        """A tensor of the checkpoint, in float32."""
        return np.ascontiguousarray(self.tensors[f"{layer.name}.{name}"], np.float32)


def _add(graph: _Graph, layer: Layer) -> None:
    """The operation of one layer."""
    inputs = [graph.known[name] for name in layer.inputs]
    x = inputs[0]
    match layer.op:
        case "conv2d" | "depthwise_conv2d" | "pointwise_conv2d":
            _convolution(graph, layer, x)
        case "dense":
            said = {"weight": graph.parameter(layer, "weight").T.copy()}
            if "bias" in layer.params:
                said["bias"] = graph.parameter(layer, "bias")
            graph.operation("linear", layer, x=x, **said)
        case "batch_norm":
            _batch_norm(graph, layer, x)
        case "relu" | "relu6":
            graph.operation(layer.op, layer, x=x)
        case "softmax":
            graph.operation("softmax", layer, x=x, axis=-1)
        case "global_average_pool":
            graph.operation("reduce_mean", layer, x=x, axes=[2, 3], keep_dims=False)
        case "average_pool" | "max_pool":
            _pool(graph, layer, x)
        case "add":
            graph.operation("add", layer, x=x, y=inputs[1])
        case "concat":
            graph.operation("concat", layer, values=inputs, axis=1)
        case _:
            raise ValueError(f"layer {layer.name!r}: no MIL operation is known for {layer.op!r}")


def _convolution(graph: _Graph, layer: Layer, x: Any) -> None:
    said: dict[str, Any] = layer.keywords()
    kernel = layer.params["weight"]
    values = graph.parameter(layer, "weight")
    if layer.op == "depthwise_conv2d":  # filter q of channel m is output m * multiplier + q
        groups = kernel[2]
        values = values.transpose(2, 3, 0, 1).reshape(-1, 1, *kernel[:2])
    else:
        groups = said.get("groups", 1)
        values = values.transpose(3, 2, 0, 1)  # (N, M / groups, rows, columns)
    rows, columns = window_axes(layer, graph.shapes[layer.inputs[0]], (kernel[0], kernel[1]))
    bias = {"bias": graph.parameter(layer, "bias")} if "bias" in layer.params else {}
    graph.operation(
        "conv",
        layer,
        x=x,
        weight=np.ascontiguousarray(values),
        **bias,
        pad_type="custom",
        pad=[rows.before, rows.after, columns.before, columns.after],
        strides=[rows.stride, columns.stride],
        dilations=[rows.dilation, columns.dilation],
        groups=groups,
    )


def _batch_norm(graph: _Graph, layer: Layer, x: Any) -> None:
    assert isinstance(layer.attrs, BatchNormAttrs)
    rank = len(graph.shapes[layer.inputs[0]])
    if rank != 4:
        raise ValueError(f"layer {layer.name!r}: batch norm of {rank} axes, expected 4")
    said = {name: graph.parameter(layer, name) for name in layer.params}
    graph.operation("batch_norm", layer, x=x, epsilon=np.float32(layer.attrs.epsilon), **said)


def _pool(graph: _Graph, layer: Layer, x: Any) -> None:
    assert isinstance(layer.attrs, PoolAttrs | MaxPoolAttrs)
    size = check_pair(layer.attrs.size, "size")
    rows, columns = window_axes(layer, graph.shapes[layer.inputs[0]], size)
    said: dict[str, Any] = {
        "kernel_sizes": list(size),
        "strides": [rows.stride, columns.stride],
        "pad_type": "custom",
        "pad": [rows.before, read_after(rows), columns.before, read_after(columns)],
    }
    if layer.op == "max_pool":
        graph.operation("max_pool", layer, x=x, **said)
        return
    include = isinstance(layer.attrs, PoolAttrs) and layer.attrs.include_padding
    graph.operation("avg_pool", layer, x=x, exclude_padding_from_average=not include, **said)
