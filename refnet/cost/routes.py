"""Two further ways to a count, by running the layer instead of by a closed form.

By ones: a convolution of ones with ones adds up its own products, so the sum of its output is
the number of multiply-accumulates. By tally: the loops of `definition` count as they run.
Both count what is executed; to count all taps, the ones are extended over the padding first, as
far as the loops' own paddings reach. The tally shares nothing with the closed forms; `ops` has
its paddings from the same `geometry` as they, and is held to the loops by tests of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from refnet import definition, ops
from refnet.arguments import Shape, check_pair
from refnet.cost.formulas import Counting
from refnet.definition.common import place
from refnet.network import ConvAttrs, DepthwiseAttrs, Layer, Network
from refnet.run import apply

Array = np.ndarray[Any, Any]


def layer_macs_by_ones(layer: Layer, x: Shape, counting: Counting = "all taps") -> int:
    """Multiply-accumulates of a layer, read off a convolution of ones with ones.

    >>> conv = Layer("c", "conv2d", ("x",), ConvAttrs("same"), {"weight": (3, 3, 2, 5)})
    >>> layer_macs_by_ones(conv, (1, 4, 4, 2), "executed")
    1000
    """
    ones, layer = _ones(layer, x, counting)
    return int(apply(layer, [ones], _weights(layer), using=ops).sum())


def layer_macs_by_tally(layer: Layer, x: Shape, counting: Counting = "all taps") -> int:
    """Multiply-accumulates of a layer, counted by the loops while they run.

    >>> conv = Layer("c", "conv2d", ("x",), ConvAttrs("same"), {"weight": (3, 3, 2, 5)})
    >>> layer_macs_by_tally(conv, (1, 4, 4, 2), "executed")
    1000
    """
    ones, layer = _ones(layer, x, counting)
    tally = definition.Tally()
    apply(layer, [ones], _weights(layer), using=definition, tally=tally)
    return tally.macs


def network_macs(
    network: Network,
    count: Callable[[Layer, Shape, Counting], int],
    counting: Counting = "all taps",
) -> int:
    """The sum over a network's layers of any of the ways to count one.

    >>> from refnet.models import mobilenet_v1
    >>> network_macs(mobilenet_v1(), layer_macs_by_ones, "executed")
    567875744
    """
    shapes = network.shapes()
    return sum(
        count(layer, shapes[layer.inputs[0]], counting)
        for layer in network.layers
        if layer.op in definition.COUNTED
    )


def _weights(layer: Layer) -> dict[str, Array]:
    return {f"{layer.name}.weight": np.ones(layer.params["weight"], np.int64)}


def _ones(layer: Layer, x: Shape, counting: Counting) -> tuple[Array, Layer]:
    """A map of ones for one image, and the layer without bias; for all taps, padded with ones."""
    layer = replace(layer, params={"weight": layer.params["weight"]})
    ones = np.ones((1, *x[1:]), np.int64)
    if counting == "all taps" and isinstance(layer.attrs, ConvAttrs | DepthwiseAttrs):
        a = layer.attrs
        kernel = check_pair(layer.params["weight"][:2], "D_K")
        stride, dilation = check_pair(a.stride, "stride"), check_pair(a.dilation, "dilation")
        # Where the loops themselves would begin and how often: `geometry` has no part in it.
        *begins, rows, columns = place((x[1], x[2]), kernel, stride, dilation, a.padding)
        around = []
        for axis, outputs in enumerate((rows, columns)):
            last = (outputs - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis]
            around.append((begins[axis], max(0, last + 1 - begins[axis] - x[1 + axis])))
        ones = np.pad(ones, ((0, 0), *around, (0, 0)), constant_values=1)
        layer = replace(layer, attrs=replace(a, padding="valid"))
    return ones, layer
