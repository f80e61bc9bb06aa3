"""A network as data: layers, what feeds them, the shapes of their parameters. No arithmetic.

>>> stem = Layer("stem", "conv2d", ("image",), ConvAttrs(padding="same", stride=2),
...              {"weight": (3, 3, 3, 32)})
>>> network = Network("one layer", (stem,), {"image": (224, 224, 3)}, outputs=("stem",))
>>> network.shapes(batch=1)["stem"]
(1, 112, 112, 32)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from refnet import arguments
from refnet.arguments import Shape
from refnet.geometry import Padding, Pair
from refnet.layer import (
    Attrs,
    BatchNormAttrs,
    ConvAttrs,
    DepthwiseAttrs,
    Layer,
    MaxPoolAttrs,
    PointwiseAttrs,
    PoolAttrs,
    ResizeAttrs,
    output_shape,
)

__all__ = [
    "CAFFE",
    "CONVENTIONS",
    "PYTORCH",
    "TENSORFLOW",
    "Attrs",
    "BatchNormAttrs",
    "ConvAttrs",
    "Conventions",
    "DepthwiseAttrs",
    "Layer",
    "MaxPoolAttrs",
    "Network",
    "PointwiseAttrs",
    "PoolAttrs",
    "ResizeAttrs",
    "output_shape",
]


@dataclass(frozen=True)
class Conventions:
    """What two implementations of "the same" network may do differently.

    >>> TENSORFLOW.pad(3), PYTORCH.pad(3)
    ('same', (1, 1, 1, 1))

    padding: where stride 2 on an even map puts its one row of padding: "same" at the end
        (TensorFlow), "symmetric" at the start (PyTorch, Caffe). Same shapes, other values.
    epsilon: added to batch norm's variance. activation: ReLU6, or the papers' first ReLU.
    classes: 1000 for ImageNet; 1001 where class 0 is "background".
    """

    padding: Literal["same", "symmetric"]
    epsilon: float
    activation: Literal["relu", "relu6"]
    classes: int = 1000

    def __post_init__(self) -> None:
        if self.padding not in ("same", "symmetric"):
            raise ValueError(f"padding: {self.padding!r}, expected 'same' or 'symmetric'")
        if self.activation not in ("relu", "relu6"):
            raise ValueError(f"activation: {self.activation!r}, expected 'relu' or 'relu6'")
        arguments.check_positive(self.epsilon, "epsilon")
        arguments.check_count(self.classes, "classes")

    def pad(self, kernel: Pair) -> Padding:
        """The padding argument of a convolution under these conventions."""
        rows, columns = (side // 2 for side in arguments.check_pair(kernel, "kernel"))
        return "same" if self.padding == "same" else (rows, rows, columns, columns)


TENSORFLOW = Conventions("same", 1e-3, "relu6")


PYTORCH = Conventions("symmetric", 1e-5, "relu6")


CAFFE = Conventions("symmetric", 1e-5, "relu")


CONVENTIONS = {"tensorflow": TENSORFLOW, "pytorch": PYTORCH, "caffe": CAFFE}


@dataclass(frozen=True)
class Network:
    """Layers in an order in which they can run, the shapes of the inputs, the outputs' names.

    >>> Network("broken", (Layer("relu", "relu", ("map",)),), {"image": (8, 8, 3)}, ("relu",))
    Traceback (most recent call last):
    ...
    ValueError: layer 'relu': reads 'map', which nothing before it makes

    `inputs` maps a name to a shape without its batch axis: {"image": (224, 224, 3)}.
    Raises ValueError, naming the layer, where a name is unknown or shapes do not fit.
    """

    name: str
    layers: tuple[Layer, ...]
    inputs: Mapping[str, Shape]
    outputs: tuple[str, ...]
    conventions: Conventions | None = None

    def __post_init__(self) -> None:
        known = set(self.inputs)
        for layer in self.layers:
            if layer.name in known:
                raise ValueError(f"layer {layer.name!r}: the name is taken")
            _check_known(layer.inputs, known, f"layer {layer.name!r}")
            known.add(layer.name)
        _check_known(self.outputs, known, "outputs")
        self.shapes()

    def __str__(self) -> str:
        from refnet.tables import table  # the table needs this module's types

        return table(self)

    def __getitem__(self, name: str) -> Layer:
        """The layer of that name."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(f"layer: {name!r} is not in {self.name}")

    @property
    def input_shape(self) -> Shape:
        """The shape of the only input, without its batch axis."""
        if len(self.inputs) != 1:
            raise ValueError(f"{self.name} has {len(self.inputs)} inputs: {tuple(self.inputs)}")
        return next(iter(self.inputs.values()))

    def shapes(self, batch: int = 1) -> dict[str, Shape]:
        """The shape of every input and of every layer's output.

        >>> from refnet.models import mobilenet_v1
        >>> mobilenet_v1(alpha=0.5, resolution=160).shapes()["pool"]
        (1, 512)
        """
        known = {name: (batch, *shape) for name, shape in self.inputs.items()}
        for layer in self.layers:
            try:
                known[layer.name] = output_shape(layer, [known[name] for name in layer.inputs])
            except ValueError as problem:
                raise ValueError(f"layer {layer.name!r}: {problem}") from None
        return known

    def params(self) -> dict[str, Shape]:
        """The shape of every tensor that a checkpoint of this network holds."""
        return {
            name: shape
            for layer in self.layers
            for name, shape in zip(layer.tensor_names(), layer.params.values(), strict=True)
        }

    def cut(self, outputs: Sequence[str], inputs: Sequence[str] | None = None) -> Network:
        """The part that leads to `outputs`, fed at `inputs` (layers or inputs of this one).

        >>> from refnet.models import mobilenet_v1
        >>> features = mobilenet_v1().cut(["pool"])           # a feature extractor
        >>> features.outputs, features.shapes()["pool"]
        (('pool',), (1, 1024))
        """
        shapes = self.shapes()
        feeds = tuple(self.inputs) if inputs is None else tuple(inputs)
        _check_known((*outputs, *feeds), set(shapes), "cut")
        needed, kept = set(outputs) - set(feeds), []
        for layer in reversed(self.layers):
            if layer.name in needed:
                kept.append(layer)
                needed.discard(layer.name)
                needed.update(set(layer.inputs) - set(feeds))
        if needed:
            raise ValueError(f"cut: {sorted(outputs)} also needs {sorted(needed)} as an input")
        return replace(
            self,
            layers=tuple(reversed(kept)),
            inputs={name: shapes[name][1:] for name in feeds},
            outputs=tuple(outputs),
        )


def _check_known(names: Sequence[str], known: set[str], where: str) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{where}: reads {name!r}, which nothing before it makes")
