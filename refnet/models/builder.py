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
        self.activation: str = conventions.activation  # of what is added from here on
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
        self,
        name: str,
        channels: int,
        *,
        kernel: Pair,
        stride: int,
        dilation: int = 1,
        padding: Padding | None = None,
    ) -> None:
        """A standard convolution with what follows it; padding by the conventions unless given."""
        if padding is None:
            rows, columns = check_pair(kernel, "kernel")
            reach = ((rows - 1) * dilation + 1, (columns - 1) * dilation + 1)
            padding = self.conventions.pad(reach)
        attrs = ConvAttrs(padding, stride, dilation)
        weight = (*check_pair(kernel, "kernel"), self.channels, channels)
        self._learned(name, "conv2d", attrs, weight, channels, activation=True)

    def depthwise(self, name: str, *, kernel: int = 3, stride: int, dilation: int = 1) -> None:
        """A depthwise convolution, one filter a channel, with what follows it."""
        reach = (kernel - 1) * dilation + 1
        attrs = DepthwiseAttrs(self.conventions.pad(reach), stride, dilation)
        weight = (kernel, kernel, self.channels, 1)
        self._learned(name, "depthwise_conv2d", attrs, weight, self.channels, activation=True)

    def pointwise(self, name: str, channels: int, *, activation: bool = True) -> None:
        """A 1x1 convolution with what follows it; a projection has no activation."""
        weight = (1, 1, self.channels, channels)
        attrs = PointwiseAttrs()
        self._learned(name, "pointwise_conv2d", attrs, weight, channels, activation=activation)

    def predictor(self, name: str, channels: int, *, kernel: int = 1) -> None:
        """A convolution with a bias and nothing after it: a network's last layer."""
        params = {"weight": (kernel, kernel, self.channels, channels), "bias": (channels,)}
        if kernel == 1:
            self.add(name, "pointwise_conv2d", PointwiseAttrs(), params)
        else:
            self.add(name, "conv2d", ConvAttrs(self.conventions.pad(kernel)), params)

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
            self.add(f"{name}.activation", self.activation)


class Atrous:
    """Strides until an output stride is reached; from then on dilations in their place.

    >>> atrous = Atrous(8, reached=4)
    >>> [atrous.next(stride) for stride in (2, 1, 2, 1, 2, 1)]
    [(2, 1), (1, 1), (1, 1), (1, 2), (1, 2), (1, 4)]

    Source: the authors' implementation (tensorflow/models, slim, `conv_blocks` and
    `mobilenet.py`): the layer whose stride is taken keeps the dilation of those before it.
    """

    def __init__(self, output_stride: int, *, reached: int) -> None:
        if output_stride not in (8, 16, 32):
            raise ValueError(f"output_stride: {output_stride!r}, expected 8, 16 or 32")
        self._most, self._reached, self._dilation = output_stride, reached, 1

    def next(self, stride: int) -> tuple[int, int]:
        """The (stride, dilation) of the next layer, whose table asks for `stride`."""
        if self._reached * stride <= self._most:
            self._reached *= stride
            return stride, self._dilation
        dilation = self._dilation
        self._dilation *= stride
        return 1, dilation


def with_relu(conventions: Conventions, classes: int | None) -> Conventions:
    """The conventions of a network whose paper knows no ReLU6; its classes, where given.

    >>> from refnet.network import TENSORFLOW
    >>> with_relu(TENSORFLOW, 10)
    Conventions(padding='same', epsilon=0.001, activation='relu', classes=10)
    """
    classes = conventions.classes if classes is None else classes
    return replace(conventions, activation="relu", classes=classes)


def with_classes(conventions: Conventions, classes: int | None, usual: int) -> Conventions:
    """The conventions of a network that is not trained on ImageNet: `usual` classes where neither
    `classes` nor the conventions, which have ImageNet's 1000 unless told otherwise, say another
    number.

    >>> from refnet.network import TENSORFLOW
    >>> with_classes(TENSORFLOW, None, 21).classes, with_classes(TENSORFLOW, 5, 21).classes
    (21, 5)
    """
    if classes is None:
        classes = usual if conventions.classes == 1000 else conventions.classes
    return replace(conventions, classes=classes)


def refuse_batch_norm(batch_norm: bool, model: str) -> None:
    """Every model takes the option; these were published with a bias instead."""
    if batch_norm:
        raise ValueError(f"batch_norm: {batch_norm!r}, but {model} has a bias in its place")
