"""Reader of Caffe's .caffemodel files, through protobuf and no generated code.

Of Caffe's format only the fields that a MobileNet needs are declared; protobuf skips the rest.
A .caffemodel keeps its layers in the order in which they run.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from refnet.checkpoints.foreign import ForeignLayer
from refnet.errors import MissingPackageError

Array = np.ndarray[Any, Any]

# Message, field, number, type, as in caffe.proto; a "*" means repeated.
_SCHEMA = {
    "BlobShape": [("dim", 1, "int64*")],
    "BlobProto": [
        ("num", 1, "int64"),  # the four sizes of old, before `shape`
        ("channels", 2, "int64"),
        ("height", 3, "int64"),
        ("width", 4, "int64"),
        ("data", 5, "float*"),
        ("shape", 7, "BlobShape"),
    ],
    "ConvolutionParameter": [("pad", 3, "uint32*"), ("stride", 6, "uint32*")],
    "LayerParameter": [
        ("name", 1, "string"),
        ("type", 2, "string"),
        ("blobs", 7, "BlobProto*"),
        ("convolution_param", 106, "ConvolutionParameter"),
    ],
    "NetParameter": [("layers", 2, "bytes*"), ("layer", 100, "LayerParameter*")],
}


def read(path: Path) -> list[ForeignLayer]:
    """The convolutions and inner products of a .caffemodel file, in order of execution.

    Raises ValueError where the file is cut short, is no such file, or is older than 2015.
    """
    try:
        from google.protobuf.message import DecodeError

        net = _net_class()()
    except ImportError:
        raise MissingPackageError(
            "reading .caffemodel needs protobuf: pip install 'refnet[convert]'"
        ) from None
    try:
        net.ParseFromString(path.read_bytes())
    except DecodeError as problem:
        raise ValueError(f"not a whole Caffe model ({problem})") from None
    if net.layers:
        raise ValueError("layers in the form before 2015 (V1LayerParameter), which is not read")
    return _layers(net)


@cache
def _net_class() -> Any:
    """The class of a NetParameter, made of the schema above in a pool of its own."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field_type = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="caffe", package="caffe", syntax="proto2")
    for message, fields in _SCHEMA.items():
        declared = file.message_type.add(name=message)
        for name, number, kind in fields:
            scalar = kind.removesuffix("*")
            repeated = field_type.LABEL_REPEATED if kind.endswith("*") else 0
            field = declared.field.add(
                name=name, number=number, label=repeated or field_type.LABEL_OPTIONAL
            )
            if scalar in _SCHEMA:
                field.type, field.type_name = field_type.TYPE_MESSAGE, f".caffe.{scalar}"
            else:
                field.type = getattr(field_type, f"TYPE_{scalar.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("caffe.NetParameter"))


def _layers(net: Any) -> list[ForeignLayer]:
    layers: list[ForeignLayer] = []
    before = ""  # the type of the layer with blobs before this one
    for layer in net.layer:
        if not layer.blobs:
            continue
        where = f"layer {layer.name!r} ({layer.type})"
        blobs = [_array(blob, where) for blob in layer.blobs]
        match layer.type:
            case "Convolution" | "DepthwiseConvolution":
                kernel, bias = blobs[0], _vector(blobs[1]) if len(blobs) > 1 else None
                said = _said(layer)
                layers.append(ForeignLayer(layer.name, kernel, "OIHW", bias, said=said))
            case "InnerProduct":
                kernel, bias = _matrix(blobs[0]), _vector(blobs[1]) if len(blobs) > 1 else None
                layers.append(ForeignLayer(layer.name, kernel, "OI", bias))
            case "BatchNorm":
                if before not in ("Convolution", "DepthwiseConvolution"):
                    raise ValueError(f"{where}: follows no convolution")
                layers[-1] = replace(layers[-1], norm=_statistics(blobs, where))
            case "Scale":
                if before != "BatchNorm":
                    raise ValueError(f"{where}: follows no BatchNorm")
                gamma = _vector(blobs[0])
                beta = _vector(blobs[1]) if len(blobs) > 1 else np.zeros_like(gamma)
                norm = {**(layers[-1].norm or {}), "gamma": gamma, "beta": beta}
                layers[-1] = replace(layers[-1], norm=norm)
            case _:
                raise ValueError(f"{where}: holds numbers, and is no layer of a MobileNet's")
        before = layer.type
    return layers


def _statistics(blobs: list[Array], where: str) -> dict[str, Array]:
    """Mean and variance, which Caffe keeps as running sums beside the factor to divide by.

    gamma and beta are those of a BatchNorm that no Scale follows.
    """
    if len(blobs) != 3 or blobs[2].size != 1:
        raise ValueError(f"{where}: {len(blobs)} blobs, expected mean, variance and one factor")
    mean, variance, factor = (_vector(blob) for blob in blobs)
    with np.errstate(all="ignore"):  # an infinity is found, and named, when all is assembled
        mean, variance = (
            sums / factor if factor[0] else np.zeros_like(sums) for sums in (mean, variance)
        )
    ones = np.ones_like(mean)
    return {"gamma": ones, "beta": np.zeros_like(mean), "mean": mean, "variance": variance}


def _said(layer: Any) -> dict[str, Any]:
    """Stride and padding, where they are written as one number for both axes."""
    parameters, said = layer.convolution_param, {}
    if len(parameters.stride) == 1:
        said["stride"] = parameters.stride[0]
    if len(parameters.pad) == 1:
        said["padding"] = (parameters.pad[0],) * 4
    return said


def _array(blob: Any, where: str) -> Array:
    old = (blob.num, blob.channels, blob.height, blob.width)
    shape = tuple(blob.shape.dim) if blob.HasField("shape") else old
    if math.prod(shape) != len(blob.data):
        raise ValueError(f"{where}: a blob of {len(blob.data)} numbers for shape {shape}")
    return np.array(blob.data, np.float32).reshape(shape)


def _vector(blob: Array) -> Array:
    """One number a channel; files of old keep vectors as (1, 1, 1, N)."""
    return blob.reshape(-1)


def _matrix(blob: Array) -> Array:
    """(N, M); files of old keep it as (1, 1, N, M)."""
    return blob[0, 0] if blob.ndim == 4 and blob.shape[:2] == (1, 1) else blob
