"""A Core ML program read back from its folder and computed with refnet's `ops`.

The program comes from the protobuf file by coremltools' message classes, which its own converter
did not write it through; the weights come from weight.bin by the few lines below. What a value is
called, and what an operation reads, is as the file says.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refnet import ops

Array = np.ndarray[Any, Any]

TYPES = {10: np.float16, 11: np.float32, 1: np.bool_, 23: np.int32}  # MILSpec.DataType
SENTINEL = 0xDEADBEEF  # MILBlob/Blob/StorageFormat.hpp, as are the blob's fields


@dataclass(frozen=True)
class Operation:
    """One operation: the value that it makes, those that it reads, and its constants."""

    kind: str
    name: str
    reads: tuple[str, ...]
    said: dict[str, Any]


@dataclass(frozen=True)
class Program:
    """What the folder holds."""

    description: Any
    operations: tuple[Operation, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def __getitem__(self, name: str) -> Operation:
        (found,) = (operation for operation in self.operations if operation.name == name)
        return found


def read(folder: Path) -> Program:
    """The program of an .mlpackage."""
    from coremltools.proto import Model_pb2

    data = folder / "Data" / "com.apple.CoreML"
    model = Model_pb2.Model()
    model.ParseFromString((data / "model.mlmodel").read_bytes())
    blob = data / "weights" / "weight.bin"  # where any constant has ten numbers or more
    weights = blob.read_bytes() if blob.exists() else b""
    function = model.mlProgram.functions["main"]
    (block,) = function.block_specializations.values()
    return Program(
        model.description,
        tuple(_operations(block, weights)),
        tuple(value.name for value in function.inputs),
        tuple(block.outputs),
    )


def _operations(block: Any, weights: bytes) -> Iterator[Operation]:
    known: dict[str, Any] = {}
    for written in block.operations:
        (made,) = (value.name for value in written.outputs)
        if written.type == "const":
            known[made] = _value(written.attributes["val"], weights)
            continue
        reads, said = [], {}
        for argument in sorted(written.inputs):
            names = [part.name for part in written.inputs[argument].arguments]
            if argument in ("x", "values") or (argument == "y" and names[0] not in known):
                reads += names
            else:
                (name,) = names
                said[argument] = known[name]
        yield Operation(written.type, made, tuple(reads), said)


def _value(written: Any, weights: bytes) -> Any:
    kind = written.type.tensorType
    shape = tuple(side.constant.size for side in kind.dimensions)
    if written.HasField("blobFileValue"):
        return _blob(weights, written.blobFileValue.offset, TYPES[kind.dataType]).reshape(shape)
    tensor = written.immediateValue.tensor
    field = tensor.WhichOneof("value")
    if field == "bytes":  # how float16 is written
        values = np.frombuffer(tensor.bytes.values, TYPES[kind.dataType])
        return values.reshape(shape) if shape else values[0]
    values = list(getattr(tensor, field).values)
    if field == "strings":
        return values[0]
    return np.array(values, TYPES[kind.dataType]).reshape(shape) if shape else values[0]


def _blob(weights: bytes, offset: int, dtype: Any) -> Array:
    """An array of the weight file: 64 bytes about it, then its bytes where they say."""
    sentinel, _, size, start = struct.unpack_from("<IIQQ", weights, offset)
    assert sentinel == SENTINEL
    return np.frombuffer(weights, dtype, size // np.dtype(dtype).itemsize, start)


def run(program: Program, fed: dict[str, Array], dtype: Any = np.float64) -> dict[str, Array]:
    """Every value of the program, maps NCHW, all computed in one number type."""
    known = {name: x.astype(dtype) for name, x in fed.items()}
    for operation in program.operations:
        inputs = [known[name] for name in operation.reads]
        known[operation.name] = _apply(operation, inputs, dtype)
    return known


def _apply(operation: Operation, inputs: list[Array], dtype: Any) -> Array:
    x, said = inputs[0], operation.said
    match operation.kind:
        case "conv":
            return _nchw(_convolution(_nhwc(x), said, dtype))
        case "batch_norm":
            parts = (said[name].astype(dtype) for name in ("gamma", "beta", "mean", "variance"))
            return _nchw(ops.batch_norm(_nhwc(x), *parts, epsilon=float(said["epsilon"])))
        case "relu" | "relu6":
            return getattr(ops, operation.kind)(x)
        case "mul":
            return x * said["y"].astype(dtype)
        case "add" if len(inputs) == 1:
            return x + said["y"].astype(dtype)
        case "add":
            return ops.add(*inputs)
        case "concat":
            assert said["axis"] == 1
            assert not said["interleave"]
            return _nchw(ops.concat(*map(_nhwc, inputs)))
        case "reduce_mean":
            assert (list(said["axes"]), said["keep_dims"]) == ([2, 3], False)
            return ops.global_average_pool(_nhwc(x))
        case "linear":
            bias = said["bias"].astype(dtype) if "bias" in said else None
            # Laid out as the oracle's own: BLAS adds up a turned matrix in another order.
            return ops.dense(x, np.ascontiguousarray(said["weight"].astype(dtype).T), bias)
        case "softmax":
            assert said["axis"] == -1
            return ops.softmax(x)
        case "avg_pool" | "max_pool":
            return _nchw(_pool(_nhwc(x), operation.kind, said))
        case "cast":
            return x
    raise AssertionError(f"{operation.name}: {operation.kind} is not known here")


def _nhwc(x: Array) -> Array:
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def _nchw(x: Array) -> Array:
    return x.transpose(0, 3, 1, 2)


def _convolution(x: Array, said: dict[str, Any], dtype: Any) -> Array:
    """By the function of `ops` that is made for the shape, so that sums come in its order."""
    weight = said["weight"].astype(dtype).transpose(2, 3, 1, 0)  # rows, columns, M / groups, N
    weight = np.ascontiguousarray(weight)
    bias = said["bias"].astype(dtype) if "bias" in said else None
    assert said["pad_type"] == "custom"
    top, bottom, left, right = map(int, said["pad"])
    stride = tuple(map(int, said["strides"]))
    dilation, groups = tuple(map(int, said["dilations"])), int(said["groups"])
    keywords = {"padding": (top, bottom, left, right), "stride": stride, "dilation": dilation}
    rows, columns, share, N = weight.shape
    if (rows, columns) == (1, 1) and groups == 1 and not any(keywords["padding"]):
        return ops.pointwise_conv2d(x, weight, bias, stride=stride)
    if share == 1 and groups == x.shape[3] and groups > 1:
        kernel = weight.reshape(rows, columns, groups, N // groups)
        return ops.depthwise_conv2d(x, kernel, bias, **keywords)
    return ops.conv2d(x, weight, bias, groups=groups, **keywords)


def _pool(x: Array, kind: str, said: dict[str, Any]) -> Array:
    assert said["pad_type"] == "custom"
    assert not said["ceil_mode"]
    padding = tuple(map(int, said["pad"]))
    size, stride = (tuple(map(int, said[name])) for name in ("kernel_sizes", "strides"))
    if kind == "max_pool":
        return ops.max_pool(x, size=size, padding=padding, stride=stride)
    include = not said["exclude_padding_from_average"]
    return ops.average_pool(x, size=size, padding=padding, stride=stride, include_padding=include)


def count(program: Program) -> int:
    """How many numbers the program holds besides those that say how an operation is done."""
    held = (value for op in program.operations for value in op.said.values())
    return sum(math.prod(value.shape) for value in held
               if isinstance(value, np.ndarray) and value.dtype.kind == "f")  # fmt: skip
