"""A Network with its tensors as a float TensorFlow Lite file, written by LiteRT's own schema.

>>> from refnet.models import mobilenet_v1
>>> network = mobilenet_v1(alpha=0.25, resolution=32, batch_norm=False)
>>> tensors = {name: np.zeros(shape) for name, shape in network.params().items()}
>>> to_tflite(network, tensors)[4:8]
b'TFL3'

Layers keep their names as the names of the tensors that they make; maps stay NHWC. "same" is the
format's own word for it; a padding that the format has no word for is an operation before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from refnet import geometry
from refnet.arguments import Shape, check_count, check_pair
from refnet.layer import BatchNormAttrs, Layer, ResizeAttrs
from refnet.network import Network
from refnet.run import check_tensors

Array = np.ndarray[Any, Any]


def to_tflite(network: Network, tensors: Mapping[str, Array], *, batch: int = 1) -> bytes:
    """The file's bytes, in float32: tensors of other types are rounded to it.

    >>> network = Network("r", (Layer("r", "relu", ("x",)),), {"x": (8, 8, 3)}, ("r",))
    >>> to_tflite(network, {})[4:8]                         # the format's identifier
    b'TFL3'

    Batch norm becomes a product with s = gamma / sqrt(variance + epsilon) and a sum with
    beta - mean * s, both computed in float64 and rounded once: the format has no other.
    Raises ValueError without the ai-edge-litert package and where a tensor is missing or has
    another shape; NotImplementedError for what the format cannot say: a mean over windows of
    several sizes under any padding but its SAME.
    Source: TensorFlow Lite schema, version 3 (tensorflow/lite/schema/schema.fbs).
    """
    try:
        import flatbuffers
        from ai_edge_litert import schema_py_generated as schema
    except ImportError:
        raise ValueError("ai_edge_litert: not installed; pip install ai-edge-litert") from None
    check_tensors(network, tensors)
    check_count(batch, "batch")
    writer = _Writer(schema, network, tensors, batch)
    for layer in network.layers:
        _add(writer, layer)
    builder = flatbuffers.Builder(1024)
    builder.Finish(writer.model().Pack(builder), b"TFL3")
    return bytes(builder.Output())


class _Writer:
    """The parts of the file as they are added; a part refers to others by number."""

    def __init__(
        self, schema: Any, network: Network, tensors: Mapping[str, Array], batch: int
    ) -> None:
        self.schema, self.network, self.tensors = schema, network, tensors
        self.shapes = network.shapes(batch)
        self.buffers = [schema.BufferT()]  # number 0 is the empty one
        self.codes: dict[int, int] = {}
        self.operators: list[Any] = []
        self.known: list[Any] = []
        self.numbers = {name: self.tensor(name, self.shapes[name]) for name in network.inputs}

    def tensor(self, name: str, shape: Shape, values: Array | None = None) -> int:
        """A tensor's number; with values it is a constant."""
        made = self.schema.TensorT()
        made.name, made.shape, made.buffer = name, list(shape), 0
        made.type = self.schema.TensorType.FLOAT32
        if values is not None:
            if values.dtype == np.int32:
                made.type = self.schema.TensorType.INT32
            held = self.schema.BufferT()
            held.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
            self.buffers.append(held)
            made.buffer = len(self.buffers) - 1
        self.known.append(made)
        return len(self.known) - 1

    def constant(self, name: str, values: Any, dtype: Any = np.float32) -> int:
        """The number of a constant tensor."""
        array = np.asarray(values, dtype)
        return self.tensor(name, array.shape, array)

    def operator(
        self,
        kind: str,
        inputs: Sequence[int],
        output: int,
        options: str = "",
        **said: Any,
    ) -> None:
        """One operation; `said` are the fields of its table of options."""
        made = self.schema.OperatorT()
        code = getattr(self.schema.BuiltinOperator, kind)
        made.opcodeIndex = self.codes.setdefault(code, len(self.codes))
        made.inputs, made.outputs = list(inputs), [output]
        if options:
            made.builtinOptionsType = getattr(self.schema.BuiltinOptions, options)
            made.builtinOptions = getattr(self.schema, f"{options}T")()
            for name, value in said.items():
                setattr(made.builtinOptions, name, value)
        self.operators.append(made)

    def model(self) -> Any:
        """The whole file."""
        graph = self.schema.SubGraphT()
        graph.name, graph.tensors, graph.operators = "main", self.known, self.operators
        graph.inputs = [self.numbers[name] for name in self.network.inputs]
        graph.outputs = [self.numbers[name] for name in self.network.outputs]
        model = self.schema.ModelT()
        model.version, model.description = 3, f"refnet: {self.network.name}"
        model.subgraphs, model.buffers, model.operatorCodes = [graph], self.buffers, []
        for code in self.codes:
            listed = self.schema.OperatorCodeT()
            # Readers take the larger of the two; the old field holds one signed byte.
            listed.builtinCode, listed.deprecatedBuiltinCode = code, min(code, 127)
            listed.version = 2 if code == self.schema.BuiltinOperator.DEPTHWISE_CONV_2D else 1
            model.operatorCodes.append(listed)
        return model


def _add(writer: _Writer, layer: Layer) -> None:
    """The operations of one layer."""
    inputs = [writer.numbers[name] for name in layer.inputs]
    output = writer.tensor(layer.name, writer.shapes[layer.name])
    writer.numbers[layer.name] = output
    match layer.op:
        case "conv2d" | "depthwise_conv2d" | "pointwise_conv2d":
            _convolution(writer, layer, inputs, output)
        case "dense":
            weight = writer.tensors[f"{layer.name}.weight"]
            parameters = [writer.constant(f"{layer.name}.weight", weight.T), _bias(writer, layer)]
            writer.operator("FULLY_CONNECTED", inputs + parameters, output, "FullyConnectedOptions")
        case "batch_norm":
            _batch_norm(writer, layer, inputs, output)
        case "relu":
            writer.operator("RELU", inputs, output)
        case "relu6":
            writer.operator("RELU6", inputs, output)
        case "sigmoid":
            writer.operator("LOGISTIC", inputs, output)
        case "softmax":
            writer.operator("SOFTMAX", inputs, output, "SoftmaxOptions", beta=1.0)
        case "global_average_pool":
            axes = writer.constant(f"{layer.name}.axes", [1, 2], np.int32)
            writer.operator("MEAN", [*inputs, axes], output, "ReducerOptions", keepDims=False)
        case "average_pool" | "max_pool":
            _pool(writer, layer, inputs, output)
        case "resize_bilinear":
            _resize(writer, layer, inputs, output)
        case "add":
            writer.operator("ADD", inputs, output, "AddOptions")
        case "concat":
            writer.operator("CONCATENATION", inputs, output, "ConcatenationOptions", axis=3)
        case _:
            raise NotImplementedError(f"layer {layer.name!r}: {layer.op} in TensorFlow Lite")


def _convolution(writer: _Writer, layer: Layer, inputs: list[int], output: int) -> None:
    weight = writer.tensors[f"{layer.name}.weight"]
    said: dict[str, Any] = {}
    if layer.op == "depthwise_conv2d":
        kind, options = "DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions"
        said["depthMultiplier"] = weight.shape[3]
        kernel = weight.reshape(1, *weight.shape[:2], -1)  # (1, rows, columns, M * multiplier)
    else:
        kind, options = "CONV_2D", "Conv2DOptions"
        kernel = weight.transpose(3, 0, 1, 2)  # (N, rows, columns, M / groups)
    x, padding = _padded(writer, layer, inputs[0], weight.shape[:2], 0.0)
    keywords: dict[str, Any] = layer.keywords()
    said["strideH"], said["strideW"] = check_pair(keywords["stride"], "stride")
    dilation = check_pair(keywords.get("dilation", 1), "dilation")
    said["dilationHFactor"], said["dilationWFactor"] = dilation
    parameters = [writer.constant(f"{layer.name}.weight", kernel), _bias(writer, layer)]
    writer.operator(kind, [x, *parameters], output, options, padding=padding, **said)


def _bias(writer: _Writer, layer: Layer) -> int:
    """A bias's number; zeros where there is none, for not every kernel can do without."""
    name, channels = f"{layer.name}.bias", writer.shapes[layer.name][-1]
    return writer.constant(name, writer.tensors[name] if name in writer.tensors
                           and "bias" in layer.params else np.zeros(channels))  # fmt: skip


def _batch_norm(writer: _Writer, layer: Layer, inputs: list[int], output: int) -> None:
    assert isinstance(layer.attrs, BatchNormAttrs)
    gamma, beta, mean, variance = (
        writer.tensors[name].astype(np.float64) for name in layer.tensor_names()
    )
    scale = gamma / np.sqrt(variance + layer.attrs.epsilon)
    scaled = writer.tensor(f"{layer.name}.scaled", writer.shapes[layer.name])
    parameters = [
        writer.constant(f"{layer.name}.scale", scale),
        writer.constant(f"{layer.name}.shift", beta - mean * scale),
    ]
    writer.operator("MUL", [*inputs, parameters[0]], scaled, "MulOptions")
    writer.operator("ADD", [scaled, parameters[1]], output, "AddOptions")


def _pool(writer: _Writer, layer: Layer, inputs: list[int], output: int) -> None:
    keywords: dict[str, Any] = layer.keywords()
    size = check_pair(keywords["size"], "size")
    stride = check_pair(keywords["stride"], "stride")
    counted = layer.op == "average_pool" and keywords["include_padding"]
    outside = 0.0 if layer.op == "average_pool" else -np.inf
    x, padding = _padded(writer, layer, inputs[0], size, outside, counted=counted)
    if x != inputs[0] and layer.op == "average_pool" and not counted:
        raise NotImplementedError(
            f"layer {layer.name!r}: a mean that leaves out padding {keywords['padding']}: "
            f"TensorFlow Lite knows only SAME and VALID"
        )
    kind = "AVERAGE_POOL_2D" if layer.op == "average_pool" else "MAX_POOL_2D"
    said = dict(zip(("filterHeight", "filterWidth", "strideH", "strideW"), size + stride,
                    strict=True))  # fmt: skip
    writer.operator(kind, [x], output, "Pool2DOptions", padding=padding, **said)


def _resize(writer: _Writer, layer: Layer, inputs: list[int], output: int) -> None:
    assert isinstance(layer.attrs, ResizeAttrs)
    corners = layer.attrs.corners
    size = writer.constant(f"{layer.name}.size", writer.shapes[layer.name][1:3], np.int32)
    writer.operator(
        "RESIZE_BILINEAR",
        [*inputs, size],
        output,
        "ResizeBilinearOptions",
        alignCorners=corners == "aligned",
        halfPixelCenters=corners == "half-pixel",
    )


def _padded(
    writer: _Writer,
    layer: Layer,
    x: int,
    kernel: Shape,
    outside: float,
    *,
    counted: bool = False,
) -> tuple[int, int]:
    """(input, the format's word for its padding); another input where padding comes before.

    counted: the padding is part of a mean, so that SAME, which leaves it out, will not do.
    """
    words, shape = writer.schema.Padding, writer.shapes[layer.inputs[0]]
    same, asked = (_edges(layer, shape, kernel, word) for word in ("same", None))
    if asked == (0, 0, 0, 0):
        return x, words.VALID
    if asked == same and not counted:
        return x, words.SAME
    top, bottom, left, right = asked
    framed = (shape[0], top + shape[1] + bottom, left + shape[2] + right, shape[3])
    edges = [(0, 0), (top, bottom), (left, right), (0, 0)]
    before = [x, writer.constant(f"{layer.name}.edges", edges, np.int32)]
    made = writer.tensor(f"{layer.name}.padded", framed)
    if outside:
        before.append(writer.constant(f"{layer.name}.outside", [outside]))
        writer.operator("PADV2", before, made, "PadV2Options")
    else:
        writer.operator("PAD", before, made, "PadOptions")
    return made, words.VALID


def _edges(
    layer: Layer, shape: Shape, kernel: Shape, word: str | None
) -> tuple[int, int, int, int]:
    """top, bottom, left, right under the layer's own padding, or under another."""
    said: dict[str, Any] = layer.keywords()
    rows, columns = geometry.axes(
        (shape[1], shape[2]),
        (kernel[0], kernel[1]),
        stride=said["stride"],
        padding=word or said.get("padding", "valid"),  # type: ignore[arg-type]
        dilation=said.get("dilation", 1),
    )
    return rows.before, rows.after, columns.before, columns.after
