"""Reader of TensorFlow.js graph models: model.json, and beside it the shards with the numbers.

The file is a TensorFlow graph that has been optimised: what was one batch norm is, by turns, gone
into the convolution's weights, a product and a sum after it, or there in full. All are folded
here, in float64, and rounded once; a sum that was moved behind a residual connection is found
there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from refnet.checkpoints.foreign import ForeignLayer

Array = np.ndarray[Any, Any]
Node = Mapping[str, Any]

KERNELS = ("Conv2D", "DepthwiseConv2dNative")
SUMS = ("Add", "AddV2", "BiasAdd")


def read(path: Path) -> list[ForeignLayer]:
    """The convolutions of a model, as a walk back from its outputs meets them.

    Raises ValueError where a shard is missing or cut short, and for numbers that are quantised.
    """
    return [layer for layer, _ in _layers(path)]


def ends(path: Path) -> list[str]:
    """For each of these layers the node that has its value, for who runs the graph itself."""
    return [end for _, end in _layers(path)]


def _layers(path: Path) -> list[tuple[ForeignLayer, str]]:
    try:
        described = json.loads(path.read_text("utf-8"))
        graph = _Graph(described["modelTopology"]["node"], weights(path))
        return [graph.layer(node) for node in graph.in_order() if node["op"] in KERNELS]
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError) as bad:
        raise ValueError(f"not a TensorFlow.js graph model ({bad!r})") from None


def weights(path: Path) -> dict[str, Array]:
    """Every tensor of a model's shards by name: the anchors of a detector, for one.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "shard").write_bytes(np.arange(2, dtype="<f4").tobytes())
    ...     said = {"name": "x", "shape": [2], "dtype": "float32"}
    ...     manifest = {"weightsManifest": [{"paths": ["shard"], "weights": [said]}]}
    ...     _ = Path(folder, "model.json").write_text(json.dumps(manifest))
    ...     weights(Path(folder, "model.json"))["x"].tolist()
    [0.0, 1.0]
    """
    found = {}
    for group in json.loads(path.read_text("utf-8"))["weightsManifest"]:
        data = b"".join((path.parent / name).read_bytes() for name in group["paths"])
        at = 0
        for said in group["weights"]:
            name, shape = said["name"], tuple(said["shape"])
            if "quantization" in said:
                raise ValueError(f"tensor {name!r} is quantised, which is not read")
            kind = {"float32": "<f4", "int32": "<i4"}[said["dtype"]]
            count = math.prod(shape)
            if len(data) < at + 4 * count:
                raise ValueError(f"the shards end within tensor {name!r}")
            found[name] = np.frombuffer(data, kind, count, at).reshape(shape)
            at += 4 * count
        if at != len(data):
            raise ValueError(f"{len(data) - at} bytes of the shards belong to no tensor")
    return found


@dataclass
class _Graph:
    """Nodes by name, who reads each, and the constants' numbers."""

    listed: list[Node]
    constants: Mapping[str, Array]
    nodes: dict[str, Node] = field(init=False)
    readers: dict[str, list[Node]] = field(init=False)

    def __post_init__(self) -> None:
        self.nodes = {node["name"]: node for node in self.listed}
        self.readers = {}
        for node in self.listed:
            for name in _inputs(node):
                self.readers.setdefault(name, []).append(node)

    def in_order(self) -> Iterator[Node]:
        """Each node after all that it reads, beginning with what the first output reads last.

        A detector joins its maps from the first to the last, and so the last one's comes first,
        and with it all that leads there: the whole trunk before any of its branches.
        """
        done: set[str] = set()
        outputs = sorted(node["name"] for node in self.listed if node["name"] not in self.readers)
        for output in outputs:
            stack = [(output, False)]
            while stack:
                name, complete = stack.pop()
                if complete:
                    yield self.nodes[name]
                elif name not in done:
                    done.add(name)
                    stack.append((name, True))
                    reads = _inputs(self.nodes[name])
                    stack += [(read, False) for read in reads if read not in done]

    def layer(self, node: Node) -> tuple[ForeignLayer, str]:
        """A convolution with the bias and batch norm that follow it, folded into one; and the node
        that has the value after these, a residual sum and an activation."""
        said, weight, end = _said(node), _inputs(node)[1], node["name"]
        kernel = self.constants[weight].astype(np.float64)
        depthwise = node["op"] == "DepthwiseConv2dNative"
        channels = kernel.shape[2:] if depthwise else kernel.shape[3:]
        scale, bias = np.ones(math.prod(channels)), np.zeros(math.prod(channels))
        said["activation"] = None
        while len(readers := self.readers.get(end, [])) == 1 and said["activation"] is None:
            (reader,) = readers
            given = [self.constants[n] for n in _inputs(reader) if n in self.constants]
            if reader["op"] in SUMS and given:
                bias = bias + given[0]
            elif reader["op"] == "Mul" and given:
                scale, bias = scale * given[0], bias * given[0]
            elif reader["op"] == "FusedBatchNorm":
                gamma, beta, mean, variance = (a.astype(np.float64) for a in given)
                factor = gamma / np.sqrt(variance + reader["attr"]["epsilon"]["f"])
                scale, bias = scale * factor, (bias - mean) * factor + beta
            elif reader["op"] in ("Relu", "Relu6"):
                said["activation"] = reader["op"].lower()
            elif reader["op"] != "AddN":  # a residual sum that was moved before the bias's
                break
            end = reader["name"]
        folded = (kernel * scale.reshape(channels)).astype(np.float32)
        bias = bias.astype(np.float32)
        return ForeignLayer(node["name"], folded, "HWIO", bias, said=said), end


def _inputs(node: Node) -> list[str]:
    """The names of the nodes that one reads; "name:1" is its second output, "^name" an order."""
    names = (name.split(":")[0] for name in node.get("input", []))
    return [name for name in names if not name.startswith("^")]


def _said(node: Node) -> dict[str, Any]:
    """Stride, dilation and padding as a Layer has them."""
    attributes = node["attr"]
    word = attributes["padding"]["s"]
    padding = bytes(word).decode() if isinstance(word, list) else str(word)
    said: dict[str, Any] = {"padding": {"SAME": "same", "U0FNRQ==": "same"}.get(padding, "valid")}
    for key, name in (("stride", "strides"), ("dilation", "dilations")):
        if name in attributes:
            _, rows, columns, _ = map(int, attributes[name]["list"]["i"])
            said[key] = rows if rows == columns else (rows, columns)
    return said
