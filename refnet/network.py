"""A network as data: layers, what feeds them, the shapes of their parameters. No arithmetic.

>>> stem = Layer("stem", "conv2d", ("image",), ConvAttrs(padding="same", stride=2),
...              {"weight": (3, 3, 3, 32)})
>>> network = Network("one layer", (stem,), {"image": (224, 224, 3)}, outputs=("stem",))
>>> network.shapes(batch=1)["stem"]
(1, 112, 112, 32)

A Layer's `op` is the name of a function in `definition` and `ops`; its inputs, then its
parameters in the order given, are that function's positional arguments, and its attributes are
the keywords. One rule, so that a runner needs no table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from refnet import arguments, geometry
from refnet.arguments import Shape
from refnet.geometry import Padding, Pair


@dataclass(frozen=True)
class ConvAttrs:
    """Keywords of conv2d."""

    padding: Padding
    stride: Pair = 1
    dilation: Pair = 1
    groups: int = 1


@dataclass(frozen=True)
class DepthwiseAttrs:
    """Keywords of depthwise_conv2d."""

    padding: Padding
    stride: Pair = 1
    dilation: Pair = 1


@dataclass(frozen=True)
class PointwiseAttrs:
    """Keywords of pointwise_conv2d."""

    stride: Pair = 1


@dataclass(frozen=True)
class PoolAttrs:
    """Keywords of average_pool."""

    size: Pair
    padding: Padding
    stride: Pair = 1
    include_padding: bool = False


@dataclass(frozen=True)
class MaxPoolAttrs:
    """Keywords of max_pool."""

    size: Pair
    padding: Padding
    stride: Pair = 1


@dataclass(frozen=True)
class BatchNormAttrs:
    """Keywords of batch_norm."""

    epsilon: float


WindowAttrs = ConvAttrs | DepthwiseAttrs | PointwiseAttrs | PoolAttrs | MaxPoolAttrs
Attrs = WindowAttrs | BatchNormAttrs


@dataclass(frozen=True)
class Conventions:
    """What two implementations of "the same" network may do differently.

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
class Layer:
    """One operation: its function's name, the names of what it reads, and its parameters."""

    name: str
    op: str
    inputs: tuple[str, ...]
    attrs: Attrs | None = None
    params: Mapping[str, Shape] = field(default_factory=dict)

    def tensor_names(self) -> tuple[str, ...]:
        """The keys of this layer's parameters in a checkpoint, in the operation's order."""
        return tuple(f"{self.name}.{parameter}" for parameter in self.params)

    def keywords(self) -> dict[str, object]:
        """The attributes as the operation's keyword arguments."""
        return {} if self.attrs is None else dict(vars(self.attrs))


@dataclass(frozen=True)
class Network:
    """Layers in an order in which they can run, the shapes of the inputs, the outputs' names.

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


def output_shape(layer: Layer, inputs: Sequence[Shape]) -> Shape:
    """The shape that a layer makes of the shapes it reads; checks its parameters' shapes too.

    >>> pool = Layer("pool", "global_average_pool", ("x",))
    >>> output_shape(pool, [(1, 7, 7, 1024)])
    (1, 1024)
    """
    _check_signature(layer, len(inputs))
    x, params = inputs[0], layer.params
    bias = params.get("bias")
    match layer.op, layer.attrs:
        case "conv2d", ConvAttrs() as a:
            arguments.check_conv(x, params["weight"], bias, a.groups)
            return (x[0], *_map(x, params["weight"], a), params["weight"][3])
        case "depthwise_conv2d", DepthwiseAttrs() as a:
            arguments.check_depthwise(x, params["weight"], bias)
            return (x[0], *_map(x, params["weight"], a), x[3] * params["weight"][3])
        case "pointwise_conv2d", PointwiseAttrs() as a:
            arguments.check_pointwise(x, params["weight"], bias)
            return (x[0], *_map(x, params["weight"], a), params["weight"][3])
        case "dense", None:
            arguments.check_dense(x, params["weight"], bias)
            return (x[0], params["weight"][1])
        case "batch_norm", BatchNormAttrs():
            arguments.check_batch_norm(x, *params.values())
            return x
        case (("relu" | "relu6"), None):
            return x
        case "softmax", None:
            arguments.check_rank(x, "x", "B, N")
            return x
        case "global_average_pool", None:
            arguments.check_rank(x, "x", "B, H, W, M")
            return (x[0], x[3])
        case "average_pool", PoolAttrs() as a:
            arguments.check_rank(x, "x", "B, H, W, M")
            return (x[0], *_map(x, arguments.check_pair(a.size, "size"), a), x[3])
        case "max_pool", MaxPoolAttrs() as a:
            arguments.check_rank(x, "x", "B, H, W, M")
            return (x[0], *_map(x, arguments.check_pair(a.size, "size"), a), x[3])
        case "add", None:
            arguments.check_add(x, inputs[1])
            return x
        case "concat", None:
            arguments.check_concat(inputs)
            return (*x[:3], sum(shape[3] for shape in inputs))
    raise ValueError(f"op: {layer.op!r} does not take {type(layer.attrs).__name__}")


# How many arrays each operation reads (None: one or more), and which parameters it takes; a bias
# may be left out.
_SIGNATURES: dict[str, tuple[int | None, tuple[str, ...]]] = {
    "conv2d": (1, ("weight", "bias")),
    "depthwise_conv2d": (1, ("weight", "bias")),
    "pointwise_conv2d": (1, ("weight", "bias")),
    "dense": (1, ("weight", "bias")),
    "batch_norm": (1, ("gamma", "beta", "mean", "variance")),
    "relu": (1, ()),
    "relu6": (1, ()),
    "softmax": (1, ()),
    "global_average_pool": (1, ()),
    "average_pool": (1, ()),
    "max_pool": (1, ()),
    "add": (2, ()),
    "concat": (None, ()),
}


def _check_signature(layer: Layer, inputs: int) -> None:
    if layer.op not in _SIGNATURES:
        raise ValueError(f"op: {layer.op!r}, expected one of {', '.join(_SIGNATURES)}")
    count, params = _SIGNATURES[layer.op]
    if inputs != count and (count is not None or inputs < 1):
        reads = "one or more" if count is None else count
        raise ValueError(f"inputs: {inputs}, but {layer.op} reads {reads}")
    given = tuple(layer.params)
    if given != params and not (params[-1:] == ("bias",) and given == params[:-1]):
        raise ValueError(f"params: {given}, but {layer.op} takes {params} in this order")


def _map(x: Shape, kernel: Shape, attrs: WindowAttrs) -> tuple[int, int]:
    """The rows and columns that a window of kernel[0] x kernel[1] taps makes of x's."""
    rows, columns = geometry.axes(
        (x[1], x[2]),
        (kernel[0], kernel[1]),
        stride=attrs.stride,
        padding=getattr(attrs, "padding", "valid"),
        dilation=getattr(attrs, "dilation", 1),
    )
    return rows.output, columns.output


def _check_known(names: Sequence[str], known: set[str], where: str) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{where}: reads {name!r}, which nothing before it makes")
