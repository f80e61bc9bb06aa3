"""Reader of float TensorFlow Lite files, through the schema that the `tflite` package carries."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np

from refnet.checkpoints.foreign import ForeignLayer, Layout
from refnet.errors import MissingPackageError

Array = np.ndarray[Any, Any]


def read(path: Path) -> list[ForeignLayer]:
    """The convolutions and fully connected layers of a .tflite file, in order of execution.

    Raises ValueError where the file is cut short, is quantised, or is no such file.
    """
    try:
        import tflite
    except ImportError:
        raise MissingPackageError(
            "reading .tflite needs the tflite package: pip install 'refnet[convert]'"
        ) from None
    data = path.read_bytes()
    if data[4:8] != b"TFL3":
        raise ValueError("not a TensorFlow Lite file (no TFL3 mark)")
    try:
        return _layers(tflite, tflite.Model.GetRootAsModel(data, 0))
    except (struct.error, IndexError, TypeError, AttributeError, OverflowError) as problem:
        raise ValueError(f"a damaged or cut TensorFlow Lite file ({problem})") from None


def _layers(tflite: Any, model: Any) -> list[ForeignLayer]:
    graph = model.Subgraphs(0)
    layers = []
    for n in range(graph.OperatorsLength()):
        operator = graph.Operators(n)
        code = _code(model, operator)
        layout: Layout
        if code == tflite.BuiltinOperator.CONV_2D:
            layout, options = "OHWI", tflite.Conv2DOptions()
        elif code == tflite.BuiltinOperator.DEPTHWISE_CONV_2D:
            layout, options = "1HWO", tflite.DepthwiseConv2DOptions()
        elif code == tflite.BuiltinOperator.FULLY_CONNECTED:
            layout, options = "OI", tflite.FullyConnectedOptions()
        else:
            continue
        table = operator.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
        layers.append(_layer(tflite, model, graph, operator, layout, options))
    return layers


def _layer(
    tflite: Any, model: Any, graph: Any, operator: Any, layout: Layout, options: Any
) -> ForeignLayer:
    kernel = graph.Tensors(operator.Inputs(1))
    bias = operator.Inputs(2) if operator.InputsLength() > 2 else -1
    functions = tflite.ActivationFunctionType
    names = {functions.NONE: None, functions.RELU: "relu", functions.RELU6: "relu6"}
    said: dict[str, Any] = {"activation": names.get(options.FusedActivationFunction(), "another")}
    if layout != "OI":
        said["padding"] = "same" if options.Padding() == tflite.Padding.SAME else "valid"
        said["stride"] = _both(options.StrideH(), options.StrideW())
        said["dilation"] = _both(options.DilationHFactor(), options.DilationWFactor())
    return ForeignLayer(
        kernel.Name().decode(),
        _tensor(tflite, model, kernel),
        layout,
        None if bias < 0 else _tensor(tflite, model, graph.Tensors(bias)),
        said=said,
    )


def _both(rows: int, columns: int) -> int | tuple[int, int]:
    """One number where both axes have the same."""
    return rows if rows == columns else (rows, columns)


def _tensor(tflite: Any, model: Any, tensor: Any) -> Array:
    name = tensor.Name().decode()
    if tensor.Type() != tflite.TensorType.FLOAT32:
        raise ValueError(f"tensor {name!r} is not float32: a quantised file is not read yet")
    raw = model.Buffers(tensor.Buffer()).DataAsNumpy()
    if isinstance(raw, int):  # what the package gives for an empty buffer
        raise ValueError(f"tensor {name!r} holds no numbers")
    shape = tuple(tensor.ShapeAsNumpy().tolist())
    if raw.nbytes != 4 * math.prod(shape):
        raise ValueError(f"tensor {name!r} holds {raw.nbytes} bytes for shape {shape}")
    return raw.view("<f4").reshape(shape)


def _code(model: Any, operator: Any) -> int:
    """The operator's kind; files before 2020 keep it in a field of one byte."""
    code = model.OperatorCodes(operator.OpcodeIndex())
    return max(int(code.BuiltinCode()), int(code.DeprecatedBuiltinCode()))
