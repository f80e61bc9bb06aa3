"""Fold batch norm into the convolution before it: the same function with fewer operations.

gamma (conv(x, w) - mean) / sqrt(variance + epsilon) + beta is a convolution again, with
w' = w * s and b' = beta - mean * s, where s = gamma / sqrt(variance + epsilon) a channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from refnet.network import BatchNormAttrs, Layer, Network
from refnet.run import check_tensors

Array = np.ndarray[Any, Any]
FOLDABLE = ("conv2d", "depthwise_conv2d", "pointwise_conv2d")  # what a batch norm folds into


def fold(
    network: Network, tensors: Mapping[str, Array], dtype: Any = np.float64
) -> tuple[Network, dict[str, Array]]:
    """The network without its batch norms, and the tensors that go with it.

    >>> from refnet.models import mobilenet_v2
    >>> network = mobilenet_v2(alpha=0.35, resolution=32)
    >>> tensors = {name: np.ones(shape) for name, shape in network.params().items()}
    >>> folded, _ = fold(network, tensors)
    >>> [layer.name for layer in folded.layers[:3]], folded["stem"].params["bias"]
    (['stem', 'stem.activation', 'block1.depthwise'], (16,))

    The factors are computed in float64, and the results rounded once to `dtype`.
    A tap on a batch norm's output becomes a tap on the convolution's. A network without
    batch norm comes back with its tensors as `dtype`.
    Raises ValueError for a batch norm that does not follow a convolution directly, or whose
    convolution something else reads too: there is nothing to fold it into.
    """
    check_tensors(network, tensors)
    before = {layer.name: layer for layer in network.layers}
    folded: dict[str, Layer] = {}
    renamed: dict[str, str] = {}
    values = {name: tensors[name].astype(dtype) for name in network.params()}
    for layer in network.layers:
        inputs = tuple(renamed.get(name, name) for name in layer.inputs)
        if layer.op != "batch_norm":
            folded[layer.name] = replace(layer, inputs=inputs)
            continue
        convolution = before.get(layer.inputs[0])
        _check_foldable(network, layer, convolution)
        assert convolution is not None
        weight, bias = folded_values(convolution, layer, tensors)
        name = convolution.name
        values[f"{name}.weight"] = weight.astype(dtype)
        values[f"{name}.bias"] = bias.astype(dtype)
        for gone in layer.tensor_names():
            del values[gone]
        shapes = {"weight": convolution.params["weight"], "bias": bias.shape}
        folded[name] = replace(folded[name], params=shapes)
        renamed[layer.name] = name
    outputs = tuple(renamed.get(name, name) for name in network.outputs)
    return replace(network, layers=tuple(folded.values()), outputs=outputs), values


def folded_values(
    convolution: Layer, norm: Layer, tensors: Mapping[str, Array]
) -> tuple[Array, Array]:
    """w' and b' of a convolution and the batch norm that follows it, in float64.

    >>> from refnet.network import DepthwiseAttrs
    >>> conv = Layer("c", "depthwise_conv2d", ("x",), DepthwiseAttrs("same"), {"weight": (1,) * 4})
    >>> norm = Layer("n", "batch_norm", ("c",), BatchNormAttrs(0.0), dict.fromkeys("gbmv", (1,)))
    >>> values = zip(norm.tensor_names(), (6.0, 5.0, 2.0, 4.0), strict=True)
    >>> tensors = {name: np.array([value]) for name, value in values}
    >>> weight, bias = folded_values(conv, norm, {**tensors, "c.weight": np.ones((1, 1, 1, 1))})
    >>> weight.item(), bias.item()                  # 6 (x - 2) / 2 + 5
    (3.0, -1.0)
    """
    assert isinstance(norm.attrs, BatchNormAttrs)
    gamma, beta, mean, variance = (tensors[name].astype(np.float64) for name in norm.tensor_names())
    scale = gamma / np.sqrt(variance + norm.attrs.epsilon)
    weight = tensors[f"{convolution.name}.weight"].astype(np.float64)
    if "bias" in convolution.params:
        mean = mean - tensors[f"{convolution.name}.bias"].astype(np.float64)
    # The output channel is the last axis; of a depthwise kernel (channel, multiplier) the last two.
    last = weight.shape[2:] if convolution.op == "depthwise_conv2d" else weight.shape[3:]
    return weight * scale.reshape(last), beta - mean * scale


def _check_foldable(network: Network, norm: Layer, convolution: Layer | None) -> None:
    if convolution is None or convolution.op not in FOLDABLE:
        raise ValueError(f"layer {norm.name!r}: no convolution before it to fold it into")
    readers = [layer.name for layer in network.layers if convolution.name in layer.inputs]
    if readers != [norm.name] or convolution.name in network.outputs:
        raise ValueError(
            f"layer {norm.name!r}: {convolution.name!r} is read elsewhere too, so its "
            f"batch norm cannot be folded into it"
        )
