"""Multiply-accumulates and parameters of a layer, from its shapes alone.

Here a multiply-accumulate is counted for every tap, those on the padding included: the papers'
way of counting, in which a layer costs D_K^2 M N for each pixel that it makes.
"""

from __future__ import annotations

import math

from refnet.arguments import Shape
from refnet.network import Layer, Network


def layer_macs(layer: Layer, output: Shape) -> int:
    """Multiply-accumulates of one layer that makes `output`, for one image.

    >>> from refnet.network import ConvAttrs
    >>> conv = Layer("c", "conv2d", ("x",), ConvAttrs("same"), {"weight": (3, 3, 3, 32)})
    >>> layer_macs(conv, (1, 112, 112, 32))
    10838016

    Each output element is a sum of D_K D_K M products (M / groups of them with groups, one
    channel for depthwise), that is, of one filter: all of the kernel but its last axis.
    Source: MobileNets (arXiv:1704.04861), section 3.1, equations 2, 4 and 5.
    """
    weight = layer.params.get("weight", ())
    elements = math.prod(output[1:])
    match layer.op:
        case "conv2d" | "pointwise_conv2d" | "dense":
            return elements * math.prod(weight[:-1])
        case "depthwise_conv2d":
            return elements * weight[0] * weight[1]
    return 0


def macs(network: Network) -> int:
    """Multiply-accumulates of a network, for one image, padding counted."""
    shapes = network.shapes()
    return sum(layer_macs(layer, shapes[layer.name]) for layer in network.layers)


def parameters(network: Network) -> int:
    """Learned numbers: weights, biases, gamma and beta; batch norm's statistics are not learned."""
    return sum(
        math.prod(shape)
        for layer in network.layers
        for parameter, shape in layer.params.items()
        if parameter not in ("mean", "variance")
    )
