"""Networks of one operation, on whole numbers so small that every sum is exact in float32.

Every product is at most 16 and every sum has fewer than 2^11 terms, so sum |w||x| + |b| stays
below 2^15 << 2^24: each partial sum is an integer that float32 holds, whatever the order, and
any direct engine owes the very bits. Batch, rows, columns and channels all differ.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from refnet.layer import (
    Attrs,
    BatchNormAttrs,
    ConvAttrs,
    DepthwiseAttrs,
    Layer,
    MaxPoolAttrs,
    PointwiseAttrs,
    PoolAttrs,
)
from refnet.network import Network

BATCH = 2
PADDINGS = ("same", "valid", (1, 1, 1, 1), (0, 1, 0, 1), (2, 0, 1, 3))


def one(
    op: str,
    attrs: Attrs | None = None,
    params: dict[str, tuple[int, ...]] | None = None,
    *shapes: tuple[int, ...],
) -> Network:
    """A network of one layer called "y" that reads inputs called "x0", "x1", ..."""
    inputs = {f"x{n}": shape for n, shape in enumerate(shapes)}
    return Network(op, (Layer("y", op, tuple(inputs), attrs, params or {}),), inputs, ("y",))


def conv(attrs: ConvAttrs, size: tuple[int, int], M: int, N: int, kernel: Any, bias=True):
    params = {"weight": (*kernel, M // attrs.groups, N)} | ({"bias": (N,)} if bias else {})
    return one("conv2d", attrs, params, (*size, M))


def depthwise(attrs: DepthwiseAttrs, size: tuple[int, int], M: int, q: int, kernel: Any, bias=True):
    params = {"weight": (*kernel, M, q)} | ({"bias": (M * q,)} if bias else {})
    return one("depthwise_conv2d", attrs, params, (*size, M))


def convolutions() -> dict[str, Network]:
    """Standard, grouped, depthwise and pointwise, under every padding, stride and dilation."""
    cases = {}
    for n, padding in enumerate(PADDINGS):
        for stride in (1, 2, (3, 1)):
            said = f"{padding} stride {stride}"
            size = (7 + n, 10 - n)
            cases[f"conv2d 3x3 {said}"] = conv(ConvAttrs(padding, stride), size, 3, 5, (3, 3))
            cases[f"depthwise 3x3 {said}"] = depthwise(
                DepthwiseAttrs(padding, stride), size, 5, 1, (3, 3)
            )
        cases[f"conv2d 2x5 dilated {padding}"] = conv(
            ConvAttrs(padding, 1, (2, 1)), (8, 11), 4, 3, (2, 5)
        )
        cases[f"depthwise 3x2 dilated {padding}"] = depthwise(
            DepthwiseAttrs(padding, 1, 2), (9, 8), 3, 1, (3, 2)
        )
        cases[f"depthwise 5x5 times 3 {padding}"] = depthwise(
            DepthwiseAttrs(padding, 2), (9, 12), 4, 3, (5, 5)
        )
    for groups in (2, 3):
        cases[f"conv2d in {groups} groups"] = conv(
            ConvAttrs("same", 2, 1, groups), (7, 8), 6, 12, (3, 3)
        )
    # Where fast algorithms would be chosen: many channels, 3 x 3 or 5 x 5, stride 1.
    cases["conv2d 3x3, 32 to 48"] = conv(ConvAttrs("same"), (17, 14), 32, 48, (3, 3))
    cases["conv2d 5x5, 16 to 32"] = conv(ConvAttrs("same"), (17, 14), 16, 32, (5, 5))
    cases["depthwise 3x3, 64"] = depthwise(DepthwiseAttrs("same"), (17, 14), 64, 1, (3, 3))
    cases["conv2d without bias"] = conv(ConvAttrs("same"), (5, 6), 3, 4, (3, 3), bias=False)
    cases["depthwise without bias"] = depthwise(
        DepthwiseAttrs("same"), (5, 6), 3, 1, (3, 3), bias=False
    )
    cases["kernel larger than the map"] = conv(ConvAttrs("same"), (2, 3), 4, 5, (5, 7))
    cases["stride larger than the kernel"] = conv(ConvAttrs("same", 4), (9, 11), 3, 5, (2, 3))
    cases["depthwise, one channel"] = depthwise(DepthwiseAttrs("same"), (6, 5), 1, 1, (3, 3))
    cases["conv2d, one channel"] = conv(ConvAttrs("same"), (6, 5), 1, 1, (3, 3))
    for stride in (1, 2, (3, 2)):
        params = {"weight": (1, 1, 5, 7), "bias": (7,)}
        cases[f"pointwise stride {stride}"] = one(
            "pointwise_conv2d", PointwiseAttrs(stride), params, (8, 9, 5)
        )
    cases["pointwise, 1280 channels"] = one(
        "pointwise_conv2d", PointwiseAttrs(), {"weight": (1, 1, 1280, 11)}, (3, 2, 1280)
    )
    return cases


def others() -> dict[str, Network]:
    """Everything else that gives whole numbers, or fractions with a power of two below."""
    cases = {
        "dense": one("dense", None, {"weight": (9, 7), "bias": (7,)}, (9,)),
        "dense without bias": one("dense", None, {"weight": (1280, 5)}, (1280,)),
        "relu": one("relu", None, None, (4, 5, 3)),
        "relu of a vector": one("relu", None, None, (6,)),
        "relu6": one("relu6", None, None, (4, 5, 3)),
        "add": one("add", None, None, (4, 5, 3), (4, 5, 3)),
        "concat": one("concat", None, None, (4, 5, 3), (4, 5, 1), (4, 5, 7)),
        "concat of one": one("concat", None, None, (4, 5, 3)),
        "global average of 4 x 8": one("global_average_pool", None, None, (4, 8, 3)),
        "global average of one": one("global_average_pool", None, None, (1, 1, 5)),
    }
    for epsilon in (0.25, 2.0**-10):
        norm = dict.fromkeys(("gamma", "beta", "mean", "variance"), (5,))
        cases[f"batch norm, epsilon {epsilon}"] = one(
            "batch_norm", BatchNormAttrs(epsilon), norm, (3, 4, 5)
        )
    for n, padding in enumerate(PADDINGS):
        for stride in (1, 2, 3):
            said = f"{padding} stride {stride}"
            size = (7 + n, 10 - n)
            cases[f"max pool 4x4 {said}"] = one(
                "max_pool", MaxPoolAttrs(4, padding, stride), None, (*size, 3)
            )
            cases[f"average pool 2x4 over all {said}"] = one(
                "average_pool", PoolAttrs((2, 4), padding, stride, True), None, (*size, 3)
            )
    for stride in (1, 2):
        cases[f"average pool 2x2 inside, stride {stride}"] = one(
            "average_pool", PoolAttrs(2, "same", stride), None, (5, 7, 3)
        )
        cases[f"average pool 2x2 inside (0, 1, 0, 1), stride {stride}"] = one(
            "average_pool", PoolAttrs(2, (0, 1, 0, 1), stride), None, (5, 7, 3)
        )
        cases[f"average pool 2x2 inside (1, 0, 1, 0), stride {stride}"] = one(
            "average_pool", PoolAttrs(2, (1, 0, 1, 0), stride), None, (5, 7, 3)
        )
    cases["max pool, padding that no window reads"] = one(
        "max_pool", MaxPoolAttrs(2, (0, 2, 1, 2), 3), None, (5, 7, 3)
    )
    cases["average pool, windows of padding alone"] = one(
        "average_pool", PoolAttrs(2, (3, 1, 2, 0), 1, True), None, (5, 4, 3)
    )
    return cases


def drawn(network: Network, seed: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    """(tensors, inputs): integers in -4 .. 4, a quarter of them 0 or more of each sign.

    A batch norm's variance makes sqrt(variance + epsilon) 1 or 2, so that it stays exact: the sum
    is formed without rounding, its root is exact, and halves are multiples of 2^-1.
    """
    rng = np.random.default_rng(seed)
    tensors = {
        name: rng.integers(-4, 5, shape).astype(np.float32)
        for name, shape in network.params().items()
    }
    for layer in network.layers:
        if isinstance(layer.attrs, BatchNormAttrs):
            roots = rng.choice([1.0, 2.0], layer.params["variance"])
            variance = roots**2 - layer.attrs.epsilon
            tensors[f"{layer.name}.variance"] = variance.astype(np.float32)
    inputs = {
        name: rng.integers(-4, 5, (BATCH, *shape)).astype(np.float32)
        for name, shape in network.inputs.items()
    }
    return tensors, inputs
