"""Adds layers one after the other and keeps track of shapes, so that a model stays a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from refnet.arguments import Shape, check_pair
from refnet.geometry import Padding, Pair
from refnet.network import (
    Attrs,
    BatchNormAttrs,
    ConvAttrs,
    Conventions,
    DepthwiseAttrs,
    Layer,
    MaxPoolAttrs,
    Network,
    PointwiseAttrs,
    output_shape,
)


class Builder:
    """A network in the making; each method appends to the last layer.

    >>> from refnet.network import TENSORFLOW
    >>> builder = Builder(8, TENSORFLOW, batch_norm=True)
    >>> builder.convolution("stem", 4, kernel=3, stride=2)
    >>> [layer.name for layer in builder.network("tiny", ["stem.activation"]).layers]
    ['stem', 'stem.norm', 'stem.activation']
    """

    def __init__(self, resolution: Pair, conventions: Conventions, *, batch_norm: bool) -> None:
        self.conventions, self.batch_norm = conventions, batch_norm
        self.inputs: dict[str, Shape] = {"image": (*check_pair(resolution, "resolution"), 3)}
        self.layers: list[Layer] = []
        self.last = "image"
        self.shapes: dict[str, Shape] = {"image": (1, *self.inputs["image"])}

    @property
    def channels(self) -> int:
        """Channels of the last layer's output."""
        return self.shapes[self.last][-1]

    @property
    def size(self) -> str:
        """The input's side, or rows and columns, as a network's name tells it."""
        rows, columns, _ = self.inputs["image"]
        return f"{rows}" if rows == columns else f"{rows}x{columns}"

    def add(
        self,
        name: str,
        op: str,
        attrs: Attrs | None = None,
        params: dict[str, Shape] | None = None,
        also: tuple[str, ...] = (),
    ) -> None:
        """Any layer, reading the last one (and `also` others)."""
        layer = Layer(name, op, (self.last, *also), attrs, params or {})
        self.shapes[name] = output_shape(layer, [self.shapes[i] for i in layer.inputs])
        self.layers.append(layer)
        self.last = name

    def convolution(
        self, name: str, channels: int, *, kernel: Pair, stride: int, padding: Padding | None = None
    ) -> None:
        """A standard convolution with what follows it; padding by the conventions unless given."""
        padding = self.conventions.pad(kernel) if padding is None else padding
        attrs = ConvAttrs(padding=padding, stride=stride)
        weight = (*check_pair(kernel, "kernel"), self.channels, channels)
        self._learned(name, "conv2d", attrs, weight, channels, activation=True)

    def depthwise(self, name: str, *, kernel: int = 3, stride: int) -> None:
        """A depthwise convolution, one filter a channel, with what follows it."""
        attrs = DepthwiseAttrs(padding=self.conventions.pad(kernel), stride=stride)
        weight = (kernel, kernel, self.channels, 1)
        self._learned(name, "depthwise_conv2d", attrs, weight, self.channels, activation=True)

    def pointwise(self, name: str, channels: int, *, activation: bool = True) -> None:
        """A 1x1 convolution with what follows it; a projection has no activation."""
        weight = (1, 1, self.channels, channels)
        attrs = PointwiseAttrs()
        self._learned(name, "pointwise_conv2d", attrs, weight, channels, activation=activation)

    def residual(self, name: str, other: str) -> None:
        """The sum of the last layer and an earlier one."""
        self.add(name, "add", also=(other,))

    def max_pool(self, name: str, *, size: int, stride: int, ceil: bool = False) -> None:
        """Max pooling without padding, or with the output's size rounded up (`ceil`).

        Rounding up is as many rows at the bottom, and columns at the right, as the last window
        lacks: Caffe's pools, and ceil_mode in PyTorch.
        """
        padding: Padding = "valid"
        if ceil:
            _, rows, columns, _ = self.shapes[self.last]
            padding = (0, (size - rows) % stride, 0, (size - columns) % stride)
        self.add(name, "max_pool", MaxPoolAttrs(size, padding, stride))

    def concat(self, name: str, branches: Sequence[str]) -> None:
        """The channels of several layers, one after the other."""
        self.last = branches[0]
        self.add(name, "concat", also=tuple(branches[1:]))

    def classifier(self) -> None:
        """Mean of each channel, one fully connected layer (the logits), softmax."""
        self.add("pool", "global_average_pool")
        classes = self.conventions.classes
        weight = (self.channels, classes)
        self.add("classifier", "dense", params={"weight": weight, "bias": (classes,)})
        self.add("softmax", "softmax")

    def network(self, name: str, outputs: list[str]) -> Network:
        """What has been built."""
        return Network(name, tuple(self.layers), self.inputs, tuple(outputs), self.conventions)

    def _learned(
        self, name: str, op: str, attrs: Attrs, weight: Shape, channels: int, *, activation: bool
    ) -> None:
        """A convolution, then batch norm (or, folded, a bias), then the activation."""
        if self.batch_norm:
            self.add(name, op, attrs, {"weight": weight})
            vectors = ("gamma", "beta", "mean", "variance")
            norm = BatchNormAttrs(self.conventions.epsilon)
            self.add(f"{name}.norm", "batch_norm", norm, dict.fromkeys(vectors, (channels,)))
        else:
            self.add(name, op, attrs, {"weight": weight, "bias": (channels,)})
        if activation:
            self.add(f"{name}.activation", self.conventions.activation)


def with_relu(conventions: Conventions, classes: int | None) -> Conventions:
    """The conventions of a network whose paper knows no ReLU6; its classes, where given.

    >>> from refnet.network import TENSORFLOW
    >>> with_relu(TENSORFLOW, 10)
    Conventions(padding='same', epsilon=0.001, activation='relu', classes=10)
    """
    classes = conventions.classes if classes is None else classes
    return replace(conventions, activation="relu", classes=classes)


def refuse_batch_norm(batch_norm: bool, model: str) -> None:
    """Every model takes the option; these were published with a bias instead."""
    if batch_norm:
        raise ValueError(f"batch_norm: {batch_norm!r}, but {model} has a bias in its place")
