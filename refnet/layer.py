"""One operation of a network as data, and the shape that it makes of the shapes it reads.

A Layer's `op` is the name of a function in `definition` and `ops`; its inputs, then its
parameters in the order given, are that function's positional arguments, and its attributes are
the keywords. One rule, so that a runner needs no table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from refnet import arguments, geometry
from refnet.arguments import Shape
from refnet.geometry import Corners, Padding, Pair


@dataclass(frozen=True)
class ConvAttrs:
    """Keywords of conv2d.

    >>> ConvAttrs("same", stride=2)
    ConvAttrs(padding='same', stride=2, dilation=1, groups=1)
    """

    padding: Padding
    stride: Pair = 1
    dilation: Pair = 1
    groups: int = 1


@dataclass(frozen=True)
class DepthwiseAttrs:
    """Keywords of depthwise_conv2d.

    >>> DepthwiseAttrs((1, 1, 1, 1), stride=2)
    DepthwiseAttrs(padding=(1, 1, 1, 1), stride=2, dilation=1)
    """

    padding: Padding
    stride: Pair = 1
    dilation: Pair = 1


@dataclass(frozen=True)
class PointwiseAttrs:
    """Keywords of pointwise_conv2d.

    >>> PointwiseAttrs()                            # a 1x1 kernel has nothing to pad
    PointwiseAttrs(stride=1)
    """

    stride: Pair = 1


@dataclass(frozen=True)
class PoolAttrs:
    """Keywords of average_pool.

    >>> PoolAttrs(3, "same")                        # at the edge a mean of fewer than nine
    PoolAttrs(size=3, padding='same', stride=1, include_padding=False)
    """

    size: Pair
    padding: Padding
    stride: Pair = 1
    include_padding: bool = False


@dataclass(frozen=True)
class MaxPoolAttrs:
    """Keywords of max_pool.

    >>> MaxPoolAttrs(3, "valid", stride=2)
    MaxPoolAttrs(size=3, padding='valid', stride=2)
    """

    size: Pair
    padding: Padding
    stride: Pair = 1


@dataclass(frozen=True)
class BatchNormAttrs:
    """Keywords of batch_norm.

    >>> Layer("norm", "batch_norm", ("x",), BatchNormAttrs(epsilon=1e-3)).keywords()
    {'epsilon': 0.001}
    """

    epsilon: float


@dataclass(frozen=True)
class ResizeAttrs:
    """Keywords of resize_bilinear.

    >>> ResizeAttrs((33, 33), "aligned")
    ResizeAttrs(size=(33, 33), corners='aligned')
    """

    size: Pair
    corners: Corners


WindowAttrs = ConvAttrs | DepthwiseAttrs | PointwiseAttrs | PoolAttrs | MaxPoolAttrs


Attrs = WindowAttrs | BatchNormAttrs | ResizeAttrs

# The attributes of each operation that has any, and the operations that have a kernel.
ATTRS: dict[str, type[Attrs]] = {
    "conv2d": ConvAttrs,
    "depthwise_conv2d": DepthwiseAttrs,
    "pointwise_conv2d": PointwiseAttrs,
    "average_pool": PoolAttrs,
    "max_pool": MaxPoolAttrs,
    "batch_norm": BatchNormAttrs,
    "resize_bilinear": ResizeAttrs,
}
KERNEL_OPS = ("conv2d", "depthwise_conv2d", "pointwise_conv2d", "dense")


@dataclass(frozen=True)
class Layer:
    """One operation: its function's name, the names of what it reads, and its parameters.

    >>> layer = Layer("fc", "dense", ("pool",), params={"weight": (1024, 1000), "bias": (1000,)})
    >>> layer.tensor_names()
    ('fc.weight', 'fc.bias')
    """

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
        case (("relu" | "relu6" | "sigmoid"), None):
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
        case "resize_bilinear", ResizeAttrs() as a:
            arguments.check_rank(x, "x", "B, H, W, M")
            arguments.check_corners(a.corners)
            return (x[0], *arguments.check_pair(a.size, "size"), x[3])
        case "add", None:
            arguments.check_add(x, inputs[1])
            return x
        case "concat", None:
            arguments.check_concat(inputs)
            return (*x[:3], sum(shape[3] for shape in inputs))
    raise ValueError(f"op: {layer.op!r} does not take {type(layer.attrs).__name__}")


# How many arrays each operation reads (None: one or more), and which parameters it takes; a bias
# may be left out.
SIGNATURES: dict[str, tuple[int | None, tuple[str, ...]]] = {
    "conv2d": (1, ("weight", "bias")),
    "depthwise_conv2d": (1, ("weight", "bias")),
    "pointwise_conv2d": (1, ("weight", "bias")),
    "dense": (1, ("weight", "bias")),
    "batch_norm": (1, ("gamma", "beta", "mean", "variance")),
    "relu": (1, ()),
    "relu6": (1, ()),
    "sigmoid": (1, ()),
    "softmax": (1, ()),
    "global_average_pool": (1, ()),
    "average_pool": (1, ()),
    "max_pool": (1, ()),
    "resize_bilinear": (1, ()),
    "add": (2, ()),
    "concat": (None, ()),
}


def _check_signature(layer: Layer, inputs: int) -> None:
    if layer.op not in SIGNATURES:
        raise ValueError(f"op: {layer.op!r}, expected one of {', '.join(SIGNATURES)}")
    count, params = SIGNATURES[layer.op]
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
