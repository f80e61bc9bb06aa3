"""Small networks of whole numbers, drawn at random, on which float32 has no excuse.

Chains, blocks as in V1 and V2, residual sums and concatenations of every operation but sigmoid and
softmax, on odd maps, with any stride, dilation, padding and multiplier. A value may have several
readers, each with a padding of its own; any value may be an output or a tap.

Weights are -1, 0 and 1, inputs and biases small integers; batch norms multiply by -1, 1 or 2 (their
variance and epsilon add up to 4, a square), and means divide by powers of two. So every sum is of
multiples of one power of two, and where the magnitudes of such a sum's terms add up to less than
2^24 of these, float32 makes no rounding error in any order: see `refnet.oracle.exact`. `exact`
proves that for the very numbers that are used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from refnet.arguments import check_pair
from refnet.engine import Tricks
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
from refnet.network import Network
from refnet.run import apply, run

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
Details = tuple[Attrs | None, dict[str, Shape]]

EPSILON = 3.0  # with a variance of 1 the root is 2
ON_MAPS = (
    "conv2d", "depthwise_conv2d", "pointwise_conv2d", "batch_norm", "relu", "relu6",
    "max_pool", "average_pool", "add", "concat", "resize_bilinear",
)  # fmt: skip
ON_VECTORS = ("dense", "batch_norm", "relu", "relu6", "add")

SIDES = st.one_of(st.integers(1, 9), st.sampled_from([4, 6, 8, 8, 12]))
STRIDES = st.one_of(
    st.sampled_from([1, 1, 2, 2, 3]), st.tuples(st.integers(1, 4), st.integers(1, 4))
)
DILATIONS = st.sampled_from([1, 1, 1, 1, 2, (1, 2), (2, 1)])
KERNELS = st.one_of(st.just((3, 3)), st.tuples(st.integers(1, 4), st.integers(1, 4)))
PADDINGS = st.one_of(
    st.sampled_from(["same", "same", "valid"]), st.tuples(*[st.integers(0, 3)] * 4)
)

# What engines fuse with the layer before, the blocks of V1 and V2, and anything in any order ("").
ENDS = st.sampled_from([[], ["batch_norm"], ["relu"], ["relu6"], ["batch_norm", "relu6"]])
SEPARABLE = ("pointwise_conv2d", "depthwise_conv2d", "pointwise_conv2d", "add")
_BLOCK = st.tuples(*[ENDS] * len(SEPARABLE)).map(
    lambda ends: [name for op, end in zip(SEPARABLE, ends, strict=True) for name in (op, *end)]
)
BLOCKS = st.one_of(
    st.lists(st.just(""), min_size=1, max_size=4),
    st.tuples(st.sampled_from(["conv2d", *SEPARABLE[:2]]), ENDS).map(lambda two: [two[0], *two[1]]),
    ENDS.map(lambda end: ["global_average_pool", "dense", *end]),
    _BLOCK,
    _BLOCK,  # twice as often, as they are stored in the most ways
)
# What a depthwise layer reads is stored as its stride, dilation and window have it best.
PAIRS = st.tuples(ENDS, ENDS).map(
    lambda ends: ["pointwise_conv2d", *ends[0], "depthwise_conv2d", *ends[1]]
)
TRICKS = st.one_of(
    st.just(Tricks()), st.sets(st.sampled_from(Tricks.names())).map(lambda t: Tricks.without(*t))
)


@dataclass(frozen=True)
class Drawn:
    """A network, its tensors, taps, two batches of inputs, and what the second one gives."""

    network: Network
    tensors: Mapping[str, Array]
    taps: tuple[str, ...]
    before: Mapping[str, Array]
    inputs: Mapping[str, Array]
    expected: Mapping[str, Array]  # every layer and input

    @property
    def batch(self) -> int:
        return len(next(iter(self.inputs.values())))


@st.composite
def drawn(draw: st.DrawFn, most: int = 12, blocks: st.SearchStrategy[list[str]] = BLOCKS) -> Drawn:
    """A network of up to `most` layers, and whole numbers for it."""
    shapes: dict[str, Shape] = {"x": (1, draw(SIDES), draw(SIDES), draw(st.integers(1, 7)))}
    if draw(st.integers(0, 3)) == 0:
        shapes["x2"] = draw(st.sampled_from([shapes["x"], (*shapes["x"][:3], 2)]))
    inputs = {name: shape[1:] for name, shape in shapes.items()}
    layers: list[Layer] = []
    ops = [op for block in draw(st.lists(blocks, min_size=1, max_size=3)) for op in block]
    for k, op in enumerate(ops[:most]):
        layer = draw(_layers(f"l{k}", op, shapes))
        try:
            shapes[layer.name] = output_shape(layer, [shapes[name] for name in layer.inputs])
        except ValueError:  # the kernel does not fit its map
            layer = Layer(layer.name, "relu", layer.inputs[:1])
            shapes[layer.name] = shapes[layer.inputs[0]]
        layers.append(layer)
    names = st.sets(st.sampled_from([*shapes]), max_size=3)
    outputs = tuple(sorted(draw(names) | {layers[-1].name}))
    network = Network("drawn", tuple(layers), inputs, outputs)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return numbers(network, rng, draw(st.integers(1, 2)), tuple(sorted(draw(names))))


def numbers(
    network: Network, rng: np.random.Generator, batch: int = 1, taps: tuple[str, ...] = ()
) -> Drawn:
    """Whole numbers for a network."""
    tensors = {}
    for layer in network.layers:
        for name, parameter in zip(layer.tensor_names(), layer.params, strict=True):
            tensors[name] = _tensor(rng, parameter, layer.params[parameter])
    before, inputs = (
        {k: rng.integers(-4, 5, (batch, *s)).astype(float) for k, s in network.inputs.items()}
        for _ in range(2)
    )
    everything = [*network.inputs, *(layer.name for layer in network.layers)]
    expected = run(network, tensors, inputs, taps=everything)
    return Drawn(network, tensors, taps, before, inputs, expected)


def _tensor(rng: np.random.Generator, parameter: str, shape: Shape) -> Array:
    match parameter:
        case "weight":
            return rng.choice([-1.0, 0.0, 0.0, 1.0], shape)
        case "variance":
            return np.ones(shape)
        case "gamma":
            return rng.choice([-2.0, 2.0, 4.0], shape)
        case _:
            return rng.integers(-3, 4, shape).astype(float)


@st.composite
def _layers(draw: st.DrawFn, name: str, op: str, shapes: Mapping[str, Shape]) -> Layer:
    """One more layer, of any operation unless `op` says which; mostly on the latest value."""
    known = list(shapes)
    back = draw(st.sampled_from([0] * 6 + [1, 2, 3] if op else [0, 0, 1, 1, 2, 3]))
    x = known[-1 - min(back, len(known) - 1)]
    able = ON_VECTORS if len(shapes[x]) == 2 else (*ON_MAPS, *_global(shapes[x]))
    op = op if op in able else draw(st.sampled_from(able))
    attrs, params = draw(_details(op, shapes[x]))
    inputs: tuple[str, ...] = (x,)
    if op in ("add", "concat"):
        fits = slice(None) if op == "add" else slice(0, 3)
        alike = [v for v in known if len(shapes[v]) == len(shapes[x])]
        alike = [v for v in alike if shapes[v][fits] == shapes[x][fits]]
        count = 1 if op == "add" else draw(st.integers(0, 2))
        inputs += tuple(draw(st.sampled_from(alike)) for _ in range(count))
    return Layer(name, op, inputs, attrs, params)


def _global(shape: Shape) -> tuple[str, ...]:
    """A mean over the whole map is exact where its pixels are a power of two."""
    pixels = shape[1] * shape[2]
    return () if pixels & (pixels - 1) else ("global_average_pool",)


@st.composite
def _details(draw: st.DrawFn, op: str, shape: Shape) -> Details:
    """Attributes, and the parameters' shapes."""
    M, N = shape[-1], draw(st.sampled_from([1, 2, 3, 5, 8, 24, 24]))
    kernel, padding = draw(KERNELS), draw(PADDINGS)
    stride, dilation, biased = draw(STRIDES), draw(DILATIONS), draw(st.booleans())
    match op:
        case "conv2d":
            groups = draw(st.sampled_from([g for g in (1, 1, 2, 3) if M % g == 0]))
            attrs = ConvAttrs(padding, stride, dilation, groups)
            return attrs, _learned((*kernel, M // groups, N * groups), N * groups, biased)
        case "depthwise_conv2d":
            multiplier = draw(st.sampled_from([1, 1, 1, 2, 3]))
            weight = (*kernel, M, multiplier)
            return DepthwiseAttrs(padding, stride, dilation), _learned(
                weight, M * multiplier, biased
            )
        case "pointwise_conv2d":
            stride = draw(st.one_of(st.just(1), st.just(1), STRIDES))
            return PointwiseAttrs(stride), _learned((1, 1, M, N), N, biased)
        case "dense":
            return None, _learned((M, N), N, biased)
        case "batch_norm":
            vectors = ("gamma", "beta", "mean", "variance")
            return BatchNormAttrs(EPSILON), dict.fromkeys(vectors, (M,))
        case "max_pool":
            return MaxPoolAttrs(kernel, draw(_pads(kernel)), stride), {}
        case "average_pool":
            # Of 1, 2 or 4 elements a side; where padding does not count, 4 would leave a 3.
            counted = draw(st.booleans())
            size = draw(st.tuples(*[st.sampled_from([1, 2, 4] if counted else [1, 2])] * 2))
            return PoolAttrs(size, draw(_pads(size)), stride, counted), {}
        case "resize_bilinear":
            _, H, W, _ = shape
            if H * W > 100:  # one after the other they would grow without end
                return ResizeAttrs((H, W), "aligned"), {}
            # Weights of 1/2, or 1/4 and 3/4 on half pixels, on either axis.
            corners = draw(st.sampled_from(["aligned", "half-pixel", "asymmetric"]))
            size = (2 * H - 1, 2 * W - 1) if corners == "aligned" else (2 * H, 2 * W)
            return ResizeAttrs(size, corners), {}
    return None, {}


def _learned(weight: Shape, N: int, biased: bool) -> dict[str, Shape]:
    return {"weight": weight, "bias": (N,)} if biased else {"weight": weight}


def _pads(size: Sequence[int]) -> st.SearchStrategy[Any]:
    """Less padding than the window is long, so that every window holds an element."""
    rows, columns = (st.integers(0, side - 1) for side in size)
    return st.one_of(st.sampled_from(["same", "valid"]), st.tuples(rows, rows, columns, columns))


def exact(case: Drawn) -> bool:
    """Whether every sum's magnitudes, in units of its finest number, stay below 2^24."""
    known, tensors = case.expected, case.tensors
    size = {name: abs(known[name]) for name in case.network.inputs}
    units = dict.fromkeys(case.network.inputs, 1)
    for layer in case.network.layers:
        x, names = [abs(known[name]) for name in layer.inputs], layer.tensor_names()
        unit = max(units[name] for name in layer.inputs)
        sizes = {name: abs(tensors[name]) for name in names}
        if layer.op == "batch_norm":  # folded or not: |s| (sum |w||x| + |b| + |mean|) + |beta|
            gamma, beta, mean, _ = (sizes[name] for name in names)
            size[layer.name] = gamma / 2 * (size[layer.inputs[0]] + mean) + beta
        else:
            size[layer.name] = apply(layer, x, sizes)
        if layer.op in ("average_pool", "global_average_pool"):
            unit *= _divisor(layer, x[0])
        if layer.op == "resize_bilinear":
            unit *= 4 * 16  # differences of neighbours on the way, a quarter on both axes
        units[layer.name] = unit
        if size[layer.name].max() * unit >= 2**24:
            return False
    return True


def _divisor(layer: Layer, x: Array) -> int:
    if isinstance(layer.attrs, PoolAttrs):
        return math.prod(check_pair(layer.attrs.size, "size"))
    return int(x.shape[1] * x.shape[2])
