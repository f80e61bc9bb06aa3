"""A Network with its tensors as an ONNX model, so that any engine that reads ONNX can run it.

>>> from refnet.models import mobilenet_v1
>>> network = mobilenet_v1(alpha=0.25, resolution=32, batch_norm=False)
>>> tensors = {name: np.zeros(shape) for name, shape in network.params().items()}
>>> model = to_onnx(network, tensors)
>>> [node.name for node in model.graph.node][:2], model.graph.node[0].op_type
(['stem', 'stem.activation'], 'Conv')

Layers keep their names: a layer's output is a tensor of the layer's name, made by a node of that
name. Maps are NCHW, as ONNX has them; tensors of other ranks are as they are. Padding is written
as numbers worked out from the shapes, for the `auto_pad` attribute is what engines get wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from refnet.arguments import Shape, check_count, check_pair
from refnet.export.windows import read_after, window_axes
from refnet.layer import BatchNormAttrs, Layer, MaxPoolAttrs, PoolAttrs, ResizeAttrs
from refnet.network import Network
from refnet.run import check_tensors

if TYPE_CHECKING:
    import onnx

Array = np.ndarray[Any, Any]

# The newest pair that onnxruntime, OpenVINO, OpenCV and onnx.reference all read.
OPSET, IR_VERSION = 17, 8


def to_onnx(
    network: Network, tensors: Mapping[str, Array], *, batch: int | None = 1
) -> onnx.ModelProto:
    """The model, in float32: tensors of other types are rounded to it.

    >>> network = Network("r", (Layer("r", "relu", ("x",)),), {"x": (8, 8, 3)}, ("r",))
    >>> [d.dim_value for d in to_onnx(network, {}).graph.input[0].type.tensor_type.shape.dim]
    [1, 3, 8, 8]

    batch: how many inputs at a time, or None to leave it open. The network's conventions and
    name are in the model's metadata, under names that begin with "refnet.".
    Raises ValueError without the onnx package, where a tensor is missing or has another shape,
    and for an output that no layer makes.
    Source: ONNX operator schemas, opset 17 (onnx.ai/onnx/operators).
    """
    package = _package()
    check_tensors(network, tensors)
    if batch is not None:
        check_count(batch, "batch")
    made = {layer.name for layer in network.layers}
    for name in network.outputs:
        if name not in made:
            raise ValueError(f"outputs: {name!r} is an input of {network.name}, not a layer")
    graph = _Graph(package, tensors, network.shapes(batch or 1))
    for layer in network.layers:
        _add(graph, layer)
    said = package.helper.make_graph(
        graph.nodes,
        network.name,
        [graph.described(name, batch) for name in network.inputs],
        [graph.described(name, batch) for name in network.outputs],
        graph.initializers,
    )
    from refnet import __version__

    model: onnx.ModelProto = package.helper.make_model(
        said,
        opset_imports=[package.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="refnet",
        producer_version=__version__,
    )
    package.helper.set_model_props(model, _metadata(network))
    return model


def _package() -> Any:
    try:
        import onnx
        import onnx.numpy_helper
    except ImportError:
        raise ValueError("onnx: not installed; pip install 'refnet[onnx]'") from None
    return onnx


def _metadata(network: Network) -> dict[str, str]:
    said = {"refnet.network": network.name}
    if network.conventions is not None:
        for convention in fields(network.conventions):
            value = getattr(network.conventions, convention.name)
            said[f"refnet.{convention.name}"] = str(value)
    return said


@dataclass
class _Graph:
    """Nodes and initializers as they are added."""

    onnx: Any
    tensors: Mapping[str, Array]
    shapes: Mapping[str, Shape]
    nodes: list[Any] = field(default_factory=list)
    initializers: list[Any] = field(default_factory=list)

    def node(self, op: str, name: str, inputs: list[str], **attributes: Any) -> str:
        """A node and the tensor that it makes, both called `name`."""
        made = self.onnx.helper.make_node(op, inputs, [name], name=name, **attributes)
        self.nodes.append(made)
        return name

    def constant(self, name: str, values: Any, dtype: Any = np.float32) -> str:
        """An initializer, in float32 unless another type is given."""
        array = np.ascontiguousarray(values, dtype).reshape(np.shape(values))
        self.initializers.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def parameters(self, names: Iterable[str]) -> list[str]:
        """Tensors of the checkpoint, as they are."""
        return [self.constant(name, self.tensors[name]) for name in names]

    def described(self, name: str, batch: int | None) -> Any:
        """An input or output: its name, type and shape in ONNX's order of axes."""
        shape = self.shapes[name]
        if len(shape) == 4:
            shape = _nchw(shape)
        sides = ["B" if batch is None else batch, *shape[1:]]
        return self.onnx.helper.make_tensor_value_info(name, self.onnx.TensorProto.FLOAT, sides)


def _add(graph: _Graph, layer: Layer) -> None:
    """The node or nodes of one layer."""
    name, inputs = layer.name, list(layer.inputs)
    match layer.op:
        case "conv2d" | "depthwise_conv2d" | "pointwise_conv2d":
            _convolution(graph, layer)
        case "dense":
            graph.node("Gemm", name, inputs + graph.parameters(layer.tensor_names()))
        case "batch_norm":
            _batch_norm(graph, layer)
        case "relu":
            graph.node("Relu", name, inputs)
        case "relu6":
            ends = [graph.constant(f"{name}.min", 0.0), graph.constant(f"{name}.max", 6.0)]
            graph.node("Clip", name, inputs + ends)
        case "sigmoid":
            graph.node("Sigmoid", name, inputs)
        case "softmax":
            graph.node("Softmax", name, inputs, axis=1)
        case "global_average_pool":
            means = graph.node("GlobalAveragePool", f"{name}.means", inputs)
            graph.node("Flatten", name, [means], axis=1)
        case "average_pool" | "max_pool":
            _pool(graph, layer)
        case "resize_bilinear":
            _resize(graph, layer)
        case "add":
            graph.node("Add", name, inputs)
        case "concat":
            graph.node("Concat", name, inputs, axis=1)
        case _:
            raise ValueError(f"layer {name!r}: no ONNX operator is known for {layer.op!r}")


def _convolution(graph: _Graph, layer: Layer) -> None:
    said: dict[str, Any] = layer.keywords()
    kernel = layer.params["weight"]
    weight = f"{layer.name}.weight"
    values = graph.tensors[weight]
    if layer.op == "depthwise_conv2d":  # filter q of channel m is output m * multiplier + q
        groups = kernel[2]
        values = values.transpose(2, 3, 0, 1).reshape(-1, 1, *kernel[:2])
    else:
        groups = said.get("groups", 1)
        values = values.transpose(3, 2, 0, 1)  # (N, M / groups, rows, columns)
    graph.constant(weight, values)
    inputs = [*layer.inputs, weight]
    if "bias" in layer.params:
        inputs += graph.parameters([f"{layer.name}.bias"])
    rows, columns = window_axes(layer, graph.shapes[layer.inputs[0]], (kernel[0], kernel[1]))
    graph.node(
        "Conv",
        layer.name,
        inputs,
        kernel_shape=kernel[:2],
        pads=[rows.before, columns.before, rows.after, columns.after],
        strides=[rows.stride, columns.stride],
        dilations=[rows.dilation, columns.dilation],
        group=groups,
    )


def _batch_norm(graph: _Graph, layer: Layer) -> None:
    assert isinstance(layer.attrs, BatchNormAttrs)
    rank = len(graph.shapes[layer.inputs[0]])
    if rank not in (2, 4):
        raise ValueError(f"layer {layer.name!r}: batch norm of {rank} axes, expected 2 or 4")
    inputs = [*layer.inputs, *graph.parameters(layer.tensor_names())]
    graph.node("BatchNormalization", layer.name, inputs, epsilon=layer.attrs.epsilon)


def _pool(graph: _Graph, layer: Layer) -> None:
    assert isinstance(layer.attrs, PoolAttrs | MaxPoolAttrs)
    size = check_pair(layer.attrs.size, "size")
    rows, columns = window_axes(layer, graph.shapes[layer.inputs[0]], size)
    # Engines refuse a padding that a window could lie in; what no window reads is left out.
    pads = [rows.before, columns.before, read_after(rows), read_after(columns)]
    inputs = list(layer.inputs)
    attributes: dict[str, Any] = {"kernel_shape": size, "strides": [rows.stride, columns.stride]}
    if layer.op == "average_pool":
        include = isinstance(layer.attrs, PoolAttrs) and layer.attrs.include_padding
        attributes["count_include_pad"] = int(include)
        if include and any(pad >= side for pad, side in zip(pads, size * 2, strict=True)):
            ends = [0, 0, *pads[:2], 0, 0, *pads[2:]]
            frame = graph.constant(f"{layer.name}.pads", ends, np.int64)
            inputs = [graph.node("Pad", f"{layer.name}.padded", [*inputs, frame])]
            pads = [0, 0, 0, 0]
    op = "AveragePool" if layer.op == "average_pool" else "MaxPool"
    graph.node(op, layer.name, inputs, pads=pads, **attributes)


# What ONNX calls them ("coordinate_transformation_mode").
CORNERS = {"aligned": "align_corners", "half-pixel": "half_pixel", "asymmetric": "asymmetric"}


def _resize(graph: _Graph, layer: Layer) -> None:
    assert isinstance(layer.attrs, ResizeAttrs)
    sizes = graph.constant(f"{layer.name}.sizes", _nchw(graph.shapes[layer.name]), np.int64)
    graph.node(
        "Resize",
        layer.name,
        [*layer.inputs, "", "", sizes],
        mode="linear",
        coordinate_transformation_mode=CORNERS[layer.attrs.corners],
    )


def _nchw(shape: Shape) -> Shape:
    return (shape[0], shape[3], shape[1], shape[2])
