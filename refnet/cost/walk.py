"""The cost of a whole network: the closed form of each of its layers, added up."""

from __future__ import annotations

import math

from refnet.arguments import Shape
from refnet.cost.formulas import (
    Counting,
    dense_macs,
    depthwise_macs,
    pointwise_macs,
    standard_macs,
)
from refnet.network import (
    ConvAttrs,
    DepthwiseAttrs,
    Layer,
    Network,
    PointwiseAttrs,
)


def layer_macs(layer: Layer, x: Shape, counting: Counting = "all taps") -> int:
    """Multiply-accumulates of one layer that reads a map of shape x, for one image.

    >>> conv = Layer("c", "conv2d", ("x",), ConvAttrs("same"), {"weight": (3, 3, 3, 32)})
    >>> layer_macs(conv, (1, 224, 224, 3)) == 9 * 3 * 32 * 224**2
    True

    A layer that does not multiply and accumulate costs none; the ledger counts it otherwise.
    """
    weight = layer.params.get("weight", ())
    kernel, size = _two(weight), _two(x[1:])
    match layer.attrs:
        case ConvAttrs() as a:
            return standard_macs(
                kernel, x[3], weight[3], size,
                stride=a.stride, padding=a.padding, dilation=a.dilation, groups=a.groups,
                counting=counting,
            )  # fmt: skip
        case DepthwiseAttrs() as a:
            return depthwise_macs(
                kernel, x[3], size,
                multiplier=weight[3], stride=a.stride, padding=a.padding, dilation=a.dilation,
                counting=counting,
            )  # fmt: skip
        case PointwiseAttrs() as a:
            return pointwise_macs(x[3], weight[3], size, stride=a.stride)
    return dense_macs(*weight) if layer.op == "dense" else 0


def macs(network: Network, counting: Counting = "all taps") -> int:
    """Multiply-accumulates of a network, for one image.

    >>> from refnet.models import mobilenet_v1
    >>> macs(mobilenet_v1()), macs(mobilenet_v1(), "executed")
    (568740352, 567875744)
    """
    shapes = network.shapes()
    return sum(layer_macs(layer, shapes[layer.inputs[0]], counting) for layer in network.layers)


def parameters(network: Network) -> int:
    """Learned numbers: weights, biases, gamma and beta; batch norm's statistics are not learned.

    >>> from refnet.models import mobilenet_v1
    >>> parameters(mobilenet_v1()), parameters(mobilenet_v1(batch_norm=False))
    (4231976, 4221032)
    """
    return sum(
        math.prod(shape)
        for layer in network.layers
        for parameter, shape in layer.params.items()
        if parameter not in ("mean", "variance")
    )


def _two(shape: Shape) -> tuple[int, int]:
    """Rows and columns: the first two of a shape (a vector counts as a map of one pixel)."""
    return (shape[0], shape[1]) if len(shape) > 1 else (1, 1)
