"""From another framework's layers to a Network's tensors.

A reader turns a file into a list of `ForeignLayer`s in the order in which they run. The list is
then laid beside the network's own layers, one to one, and every shape must fit. Order and
shapes are what all frameworks share; names are not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from refnet.layer import KERNEL_OPS, Layer
from refnet.network import Network

Array = np.ndarray[Any, Any]

# The axes of a foreign kernel: O outputs, I inputs, H rows, W columns; "1HWO" is a
# depthwise kernel of TensorFlow Lite, whose last axis is channels times multiplier.
Layout = Literal["OIHW", "OHWI", "1HWO", "HWIO", "OI", "IO"]


@dataclass(frozen=True)
class ForeignLayer:
    """A convolution or a fully connected layer, with the batch norm that follows it, if any.

    >>> ForeignLayer("fc", np.zeros((1000, 1024)), "OIHW")
    Traceback (most recent call last):
    ...
    ValueError: 'fc': a kernel of shape (1000, 1024), expected 4 axes

    norm: gamma, beta, mean and variance. said: what the file says of stride, padding and
    activation, as a Layer's attributes would; empty where the format holds no such thing.
    """

    name: str
    kernel: Array
    layout: Layout
    bias: Array | None = None
    norm: Mapping[str, Array] | None = None
    said: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        shape, axes = self.kernel.shape, len(self.layout)
        if len(shape) != axes or 0 in shape:
            raise ValueError(f"{self.name!r}: a kernel of shape {shape}, expected {axes} axes")
        if self.layout == "1HWO" and shape[0] != 1:
            raise ValueError(f"{self.name!r}: a depthwise kernel of shape {shape}, not (1, ...)")


def has_batch_norm(layers: Sequence[ForeignLayer]) -> bool:
    """Whether the convolutions of a file carry batch norm; they must do so all or none.

    >>> kernel, norm = np.zeros((8, 3, 3, 3)), {"gamma": np.ones(8)}
    >>> has_batch_norm([ForeignLayer("conv", kernel, "OIHW", norm=norm)])
    True
    """
    with_norm = [layer.norm is not None for layer in layers if layer.kernel.ndim == 4]
    if any(with_norm[:-1]) and not all(with_norm[:-1]):  # the last one may be the classifier
        raise ValueError(
            f"batch norm: {sum(with_norm)} of {len(with_norm)} convolutions have one; "
            f"a file that folds some of them only is not read yet"
        )
    return any(with_norm)


def assign(network: Network, layers: Sequence[ForeignLayer]) -> dict[str, Array]:
    """The tensors of `network`, taken from `layers` in order.

    >>> layer = Layer("classifier", "dense", ("x",), params={"weight": (4, 10)})
    >>> network = Network("one layer", (layer,), {"x": (4,)}, ("classifier",))
    >>> found = assign(network, [ForeignLayer("fc", np.zeros((10, 4), np.float32), "OI")])
    >>> found["classifier.weight"].shape            # PyTorch's (N, M), turned
    (4, 10)

    Raises ValueError, naming both layers, where counts, shapes, biases, strides, paddings or
    activations do not fit.
    """
    own = [layer for layer in network.layers if layer.op in KERNEL_OPS]
    if len(own) != len(layers):
        raise ValueError(
            f"{len(layers)} layers with kernels, but {network.name} has {len(own)}: "
            f"is it another network?"
        )
    followers = {layer.inputs[0]: layer for layer in reversed(network.layers)}
    tensors: dict[str, Array] = {}
    for layer, foreign in zip(own, layers, strict=True):
        where = f"{foreign.name!r} (for {layer.name!r} of {network.name})"
        _check_said(layer, followers, foreign, where)
        values = {"weight": _kernel(layer, foreign, where)}
        if foreign.bias is not None:
            values["bias"] = foreign.bias
        _put(tensors, layer, values, where)
        norm = followers.get(layer.name)
        if norm is not None and norm.op == "batch_norm":
            _put(tensors, norm, dict(foreign.norm or {}), where)
        elif foreign.norm is not None:
            raise ValueError(f"{where}: has a batch norm, where the network has none")
    return tensors


def _put(tensors: dict[str, Array], layer: Layer, values: dict[str, Array], where: str) -> None:
    if set(values) != set(layer.params):
        raise ValueError(f"{where}: holds {sorted(values)}, expected {sorted(layer.params)}")
    for parameter, shape in layer.params.items():
        value = values[parameter]
        if value.shape != shape:
            raise ValueError(f"{where}: {parameter} has shape {value.shape}, expected {shape}")
        if value.dtype != np.float32:
            raise ValueError(f"{where}: {parameter} is {value.dtype}, expected float32")
        tensors[f"{layer.name}.{parameter}"] = np.ascontiguousarray(value)


def _kernel(layer: Layer, foreign: ForeignLayer, where: str) -> Array:
    """The kernel in refnet's order of axes; its shape is checked by the caller."""
    a, layout = foreign.kernel, foreign.layout
    if layer.op == "dense":
        return _matrix(a, layout)
    if layer.op == "depthwise_conv2d":
        multiplier = layer.params["weight"][3]
        if layout == "OIHW":  # output channel m * multiplier + q, as in refnet
            if a.shape[1] != 1:
                raise ValueError(f"{where}: filters {a.shape} that see several channels")
            split = a.reshape(-1, multiplier, *a.shape[1:])[:, :, 0]
            return split.transpose(2, 3, 0, 1)
        if layout == "1HWO":
            return a[0].reshape(*a.shape[1:3], -1, multiplier)
        return a
    order = {"OIHW": (2, 3, 1, 0), "OHWI": (1, 2, 3, 0), "HWIO": (0, 1, 2, 3)}
    if layout not in order:
        raise ValueError(f"{where}: a kernel laid out {layout}, expected {', '.join(order)}")
    return a.transpose(order[layout])


def _matrix(a: Array, layout: Layout) -> Array:
    """A fully connected layer's weights as (M, N); some files hold them as a 1x1 kernel."""
    if layout == "OIHW":
        return a.reshape(a.shape[0], -1).T
    if layout == "OHWI":
        return a.reshape(a.shape[0], -1).T
    if layout == "OI":
        return a.T
    return a.reshape(-1, a.shape[-1])


def _check_said(
    layer: Layer, followers: Mapping[str, Layer], foreign: ForeignLayer, where: str
) -> None:
    """What the file says of stride, padding and activation is what the network does."""
    if not foreign.said:
        return
    activation = followers.get(layer.name)
    does = {
        "activation": activation.op if activation and activation.op.startswith("relu") else None,
        "stride": 1,
        "dilation": 1,
        **layer.keywords(),
    }
    for key, said in foreign.said.items():
        if key in does and does[key] != said:
            raise ValueError(f"{where}: {key} is {said!r}, but the network has {does[key]!r}")
