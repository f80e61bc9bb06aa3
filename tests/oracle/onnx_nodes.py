"""ONNX nodes as calls of refnet's operations: no more than layouts and attributes turned round.

What refnet has no operation for raises UnsaidError, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import NodeProto, helper

from refnet import ops
from refnet.geometry import Padding

U = 2.0**-24  # float32's unit roundoff


class UnsaidError(Exception):
    """refnet has no operation that says this; the text is the reason."""


@dataclass(frozen=True)
class Call:
    """compute: the node's answer. allowed: how far two right float32 answers may be apart."""

    compute: Callable[..., np.ndarray]
    allowed: Callable[..., Any]


def call_of(node: NodeProto, opset: int, inputs: list[np.ndarray]) -> Call:
    """The call for one node; UnsaidError where there is none."""
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type not in NODES:
        raise UnsaidError(f"{node.op_type} is no operation of refnet's")
    return NODES[node.op_type](attributes, opset, inputs)


def sums(compute: Callable[..., np.ndarray], terms: int) -> Call:
    """A sum of products: both answers are within gamma_terms of sum |w||x| (see test_twins)."""

    def allowed(*inputs: np.ndarray) -> np.ndarray:
        gamma = terms * U / (1 - terms * U)
        return 2 * gamma * compute(*(abs(a).astype(np.float64) for a in inputs))

    return Call(compute, allowed)


def exact(compute: Callable[..., np.ndarray]) -> Call:
    """Nothing is rounded, or the same number once on both sides."""
    return Call(compute, lambda *inputs: 0)


def conv(said: dict[str, Any], opset: int, inputs: list[np.ndarray]) -> Call:
    x, w = inputs[:2]
    groups, channels = said.get("group", 1), x.shape[1]
    window = Window(said, x.shape[2:], w.shape[2:])
    keywords = {"stride": window.stride, "dilation": window.dilation, "padding": window.padding}

    def compute(x: np.ndarray, w: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
        maps, kernels = window.last(x), window.flat(w)
        if groups == channels > 1:  # (M * q, 1, rows, columns) as (rows, columns, M, q)
            kernels = kernels.reshape(channels, -1, *kernels.shape[2:]).transpose(2, 3, 0, 1)
            y = ops.depthwise_conv2d(maps, kernels, b, **keywords)
        else:
            kernels = kernels.transpose(2, 3, 1, 0)
            y = ops.conv2d(maps, kernels, b, groups=groups, **keywords)
        return window.first(y)

    return sums(compute, math.prod(w.shape[1:]) + 1)


def batch_norm(said: dict[str, Any], opset: int, inputs: list[np.ndarray]) -> Call:
    if said.get("training_mode", 0):
        raise UnsaidError("training: refnet only uses batch norm's statistics")
    epsilon = said.get("epsilon", 1e-5)

    def compute(x: np.ndarray, *parameters: np.ndarray) -> np.ndarray:
        y = ops.batch_norm(np.moveaxis(x, 1, -1), *parameters, epsilon=epsilon)
        return np.moveaxis(y, -1, 1)

    def allowed(*inputs: np.ndarray) -> np.ndarray:
        """Eight roundings at most on any term of |gamma| (|x| + |mean|) / root + |beta|."""
        x, gamma, beta, mean, variance = (abs(a).astype(np.float64) for a in inputs)
        return 2 * 8 * U * compute(x, gamma, beta, -mean, variance)

    return Call(compute, allowed)


def clip(said: dict[str, Any], opset: int, inputs: list[np.ndarray]) -> Call:
    ends = [None if a is None else float(a) for a in [*inputs, None, None][1:3]]
    if inputs[0].dtype.kind == "f" and ends == [0, 6]:
        return exact(lambda x, *ends: ops.relu6(x))
    if ends == [0, None]:
        return exact(lambda x, *ends: ops.relu(x))
    raise UnsaidError("other ends than ReLU's and ReLU6's")


def softmax(said: dict[str, Any], opset: int, inputs: list[np.ndarray]) -> Call:
    axis = said.get("axis", -1 if opset >= 13 else 1)
    if opset < 13 and axis != inputs[0].ndim - 1:
        raise UnsaidError("before opset 13: over several axes at once")

    def compute(x: np.ndarray) -> np.ndarray:
        rows = np.moveaxis(x, axis, -1)
        y = ops.softmax(rows.reshape(-1, rows.shape[-1])).reshape(rows.shape)
        return np.moveaxis(y, -1, axis)

    def allowed(x: np.ndarray) -> np.ndarray:
        """Relatively |x - max| u for the difference, 4 u for exp, N u for the sum, u besides."""
        spread = float(np.ptp(x))
        return 2 * (x.shape[axis] + 6 + spread) * U * compute(x.astype(np.float64))

    return Call(compute, allowed)


def global_average_pool(said: dict[str, Any], opset: int, inputs: list[np.ndarray]) -> Call:
    def compute(x: np.ndarray) -> np.ndarray:
        return ops.global_average_pool(x.transpose(0, 2, 3, 1))[:, :, np.newaxis, np.newaxis]

    return sums(compute, math.prod(inputs[0].shape[2:]) + 1)


def average_pool(said: dict[str, Any], opset: int, inputs: list[np.ndarray]) -> Call:
    window = Window(said, inputs[0].shape[2:], said["kernel_shape"])
    if window.dilation != (1, 1):
        raise UnsaidError("dilated pools")

    def compute(x: np.ndarray) -> np.ndarray:
        return window.first(
            ops.average_pool(
                window.last(x),
                window.kernel,
                stride=window.stride,
                padding=window.padding,
                include_padding=bool(said.get("count_include_pad", 0)),
            )
        )

    return sums(compute, math.prod(window.kernel) + 1)


def max_pool(said: dict[str, Any], opset: int, inputs: list[np.ndarray]) -> Call:
    window = Window(said, inputs[0].shape[2:], said["kernel_shape"])
    if window.dilation != (1, 1):
        raise UnsaidError("dilated pools")

    def compute(x: np.ndarray) -> np.ndarray:
        keywords = {"stride": window.stride, "padding": window.padding}
        return window.first(ops.max_pool(window.last(x), window.kernel, **keywords))

    return exact(compute)


def gemm(said: dict[str, Any], opset: int, inputs: list[np.ndarray]) -> Call:
    alpha, beta = said.get("alpha", 1.0), said.get("beta", 1.0)

    def compute(a: np.ndarray, b: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
        a, b = (a.T if said.get("transA", 0) else a), (b.T if said.get("transB", 0) else b)
        product = ops.dense(a.dtype.type(alpha) * a, b)
        if c is None:
            return product
        return ops.add(product, np.broadcast_to(c.dtype.type(beta) * c, product.shape))

    terms = inputs[0].shape[0 if said.get("transA", 0) else 1]
    return sums(compute, terms + 4)  # alpha, beta times C, their own rounding, the sum


def matmul(said: dict[str, Any], opset: int, inputs: list[np.ndarray]) -> Call:
    def compute(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        rows, columns = a[np.newaxis] if a.ndim == 1 else a, b[:, np.newaxis] if b.ndim == 1 else b
        several = np.broadcast_shapes(rows.shape[:-2], columns.shape[:-2])
        rows = np.broadcast_to(rows, (*several, *rows.shape[-2:]))
        columns = np.broadcast_to(columns, (*several, *columns.shape[-2:]))
        y = np.empty((*several, rows.shape[-2], columns.shape[-1]), rows.dtype)
        for at in np.ndindex(several):
            y[at] = ops.dense(rows[at], columns[at])
        y = y.squeeze(-1) if b.ndim == 1 else y
        return y.squeeze(-1 if b.ndim == 1 else -2) if a.ndim == 1 else y

    return sums(compute, inputs[0].shape[-1])


def add(said: dict[str, Any], opset: int, inputs: list[np.ndarray]) -> Call:
    if inputs[0].shape != inputs[1].shape:
        raise UnsaidError("broadcasting: a residual sum has equal shapes")
    return exact(ops.add)


NODES = {
    "Conv": conv,
    "BatchNormalization": batch_norm,
    "Relu": lambda said, opset, inputs: exact(ops.relu),
    "Clip": clip,
    "Softmax": softmax,
    "GlobalAveragePool": global_average_pool,
    "AveragePool": average_pool,
    "MaxPool": max_pool,
    "Gemm": gemm,
    "MatMul": matmul,
    "Add": add,
}


class Window:
    """A node's kernel, stride, dilation and padding; one spatial axis counts as a single column."""

    def __init__(self, said: dict[str, Any], size: tuple[int, ...], kernel: Any) -> None:
        if len(size) > 2:
            raise UnsaidError("three spatial axes")
        self.line = len(size) == 1
        rank, more = len(size), [1] * self.line
        self.kernel = (*kernel, *more)
        self.stride = (*said.get("strides", [1] * rank), *more)
        self.dilation = (*said.get("dilations", [1] * rank), *more)
        pads = list(said.get("pads", [0] * 2 * rank))
        before, after = (*pads[:rank], *[0] * self.line), (*pads[rank:], *[0] * self.line)
        self.size = (*size, *more)
        auto = said.get("auto_pad", b"NOTSET").decode()
        self.padding: Padding
        if auto == "SAME_UPPER":
            self.padding = "same"
        elif auto == "VALID":
            self.padding = "valid"
        else:
            ends = [
                self._lower(axis) if auto == "SAME_LOWER"
                else (before[axis], after[axis] + self._ceiling(axis, before, after, said))
                for axis in (0, 1)
            ]  # fmt: skip
            self.padding = (*ends[0], *ends[1])

    def _reach(self, axis: int) -> int:
        return (self.kernel[axis] - 1) * self.dilation[axis] + 1

    def _lower(self, axis: int) -> tuple[int, int]:
        """SAME_LOWER: an odd remainder of padding goes before the map."""
        stride, size = self.stride[axis], self.size[axis]
        total = max((-(-size // stride) - 1) * stride + self._reach(axis) - size, 0)
        return total - total // 2, total // 2

    def _ceiling(self, axis: int, before: Any, after: Any, said: dict[str, Any]) -> int:
        """What ceil_mode adds at the end: room for one more window, if it starts in the map."""
        stride = self.stride[axis]
        room = self.size[axis] + before[axis] + after[axis] - self._reach(axis)
        outputs = -(-room // stride) + 1
        if not said.get("ceil_mode", 0) or (outputs - 1) * stride >= self.size[axis] + before[axis]:
            return 0
        return (outputs - 1) * stride - room

    def flat(self, a: np.ndarray) -> np.ndarray:
        """Two spatial axes, whatever came."""
        return a[..., np.newaxis] if self.line else a

    def last(self, x: np.ndarray) -> np.ndarray:
        """NCHW as NHWC."""
        return self.flat(x).transpose(0, 2, 3, 1)

    def first(self, y: np.ndarray) -> np.ndarray:
        """NHWC as it came."""
        y = y.transpose(0, 3, 1, 2)
        return y[..., 0] if self.line else y
