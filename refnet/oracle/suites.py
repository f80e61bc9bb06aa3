"""The questions that a backend is asked: single operations and whole networks.

Of each question there are two kinds. Exact ones hold whole numbers, on which bit equality is
owed; random ones real numbers, judged by the proven bound. The sizes are chosen so that no two
axes can be taken for one another: odd and even, kernels larger than the map, strides larger than
the kernel, 1, 3, 4, 5 and 1280 channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refnet.arguments import Shape
from refnet.backend import Case
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
)
from refnet.network import Network
from refnet.oracle.exact import exact_case, reach_of
from refnet.oracle.seeded import seed_of, uniform, words
from refnet.oracle.whole import WHOLE, exact_networks, random_networks
from refnet.run import run

Array = np.ndarray[Any, Any]

# rows, columns, M, N, kernel, stride, dilation, padding, groups: standard convolutions
CONVOLUTIONS: list[tuple[Any, ...]] = [
    (8, 6, 3, 5, 3, 1, 1, "same", 1),
    (8, 6, 3, 5, 3, 2, 1, "same", 1),  # even: SAME pads the end
    (7, 9, 3, 5, 3, 2, 1, "same", 1),  # odd: both ends
    (8, 6, 3, 5, 3, 2, 1, (1, 1, 1, 1), 1),  # the same shape, another answer
    (8, 7, 4, 6, 3, 1, 1, "valid", 1),
    (9, 8, 1, 4, 5, 2, 1, "same", 1),
    (6, 7, 5, 4, 2, 2, 1, "same", 1),  # an even kernel
    (9, 7, 3, 4, 3, 1, 2, "same", 1),
    (11, 10, 3, 4, 3, 1, 3, "valid", 1),
    (2, 3, 4, 5, 5, 1, 1, "same", 1),  # a kernel larger than the map
    (9, 10, 3, 4, 2, 5, 1, "same", 1),  # a stride larger than the kernel
    (6, 9, 4, 3, (3, 1), (1, 2), 1, "same", 1),
    (7, 5, 3, 4, (1, 4), 1, (1, 1), (0, 0, 1, 2), 1),
    (7, 8, 4, 5, 3, 1, 1, (0, 2, 3, 1), 1),  # four different sides
    (6, 5, 6, 4, 3, 2, 1, "same", 2),
    (5, 6, 6, 9, 3, 1, 1, "same", 3),
    (4, 3, 1280, 4, 1, 1, 1, "valid", 1),
]
# rows, columns, M, multiplier, kernel, stride, dilation, padding: depthwise convolutions
DEPTHWISE: list[tuple[Any, ...]] = [
    (8, 6, 5, 1, 3, 1, 1, "same"),
    (8, 6, 5, 1, 3, 2, 1, "same"),
    (7, 9, 5, 1, 3, 2, 1, "same"),
    (8, 6, 5, 1, 3, 2, 1, (1, 1, 1, 1)),
    (9, 7, 1, 1, 3, 1, 1, "valid"),
    (7, 6, 3, 2, 3, 2, 1, "same"),
    (6, 8, 4, 3, 3, 1, 1, (1, 0, 0, 2)),
    (10, 9, 4, 1, 3, 1, 2, "same"),
    (2, 3, 4, 1, 5, 1, 1, "same"),
    (9, 10, 3, 1, 2, 4, 1, "same"),
    (6, 7, 4, 1, 5, 2, 1, "same"),
    (4, 3, 1280, 1, 3, 1, 1, "same"),
]
# rows, columns, M, N, stride
POINTWISE = [(5, 6, 3, 4, 1), (7, 5, 4, 3, 2), (3, 2, 1, 5, 1), (2, 3, 1280, 5, 1), (4, 5, 5, 1, 1)]
DENSE = [(3, 4), (1, 5), (1280, 7)]
# rows, columns, M, size, stride, padding
POOLS: list[tuple[Any, ...]] = [
    (8, 6, 3, 2, 2, "valid"),
    (7, 9, 4, 2, 1, "valid"),
    (9, 8, 5, 4, 3, "valid"),
    (7, 10, 4, 3, 2, "same"),  # windows that overhang the map
    (8, 5, 3, 3, 1, (1, 1, 1, 1)),
]
# rows, columns, M, size, corners: larger, smaller, as large; the first of each kind is exact
RESIZES: list[tuple[Any, ...]] = [
    (3, 5, 4, (5, 9), "aligned"),
    (4, 3, 3, (8, 6), "half-pixel"),
    (3, 5, 2, (6, 10), "asymmetric"),
    (1, 1, 5, (4, 3), "aligned"),
    (5, 4, 3, (7, 13), "aligned"),
    (5, 4, 3, (7, 13), "half-pixel"),
    (5, 4, 3, (7, 13), "asymmetric"),
    (9, 7, 4, (4, 3), "aligned"),
    (9, 7, 4, (4, 3), "half-pixel"),
    (9, 7, 4, (1, 5), "aligned"),
    (33, 6, 3, (257, 6), "aligned"),
]
SUITES = ("ops", "v1", "v2", "all", "ssdlite", "deeplab", "special")
ALL = SUITES[:3]  # what "all" asks; the others are asked for by name


@dataclass(frozen=True)
class Question:
    """A case, and the suite and kind that it belongs to.

    >>> question = next(questions("ops"))
    >>> question.suite, question.kind, question.case.id
    ('ops', 'exact', 'conv2d-0-exact')
    """

    suite: str
    kind: str  # "exact", "random" or "real"
    case: Case


def questions(suite: str, *, bits: int = 24) -> Iterator[Question]:
    """All questions of a suite; random numbers have `bits` significant bits.

    >>> sum(1 for question in questions("ops") if question.kind == "exact") > 40
    True
    """
    if suite not in SUITES:
        raise ValueError(f"suite: {suite!r}, expected one of {', '.join(SUITES)}")
    wanted = ALL if suite == "all" else (suite,)
    if "ops" in wanted:
        for name, network in operations():
            if exact := _exact(name, network):
                yield Question("ops", "exact", exact)
            yield Question("ops", "random", random_case(network, name, bits=bits))
    for model in ("v1", "v2"):
        if model in wanted:
            yield from networks(model, bits=bits)
    if suite in WHOLE:
        yield from networks(suite, bits=bits)
    if suite == "special":
        yield from special_values(bits=bits)


def special_values(*, bits: int = 24) -> Iterator[Question]:
    """Operations on inputs with NaN, both infinities, -0.0 and a subnormal number among them.

    >>> sum(1 for _ in special_values()) > 20
    True

    A suite of its own, since few engines promise anything here: the policy that they are judged
    by is that of `refnet.oracle.judge`.
    """
    values = (np.nan, np.inf, -np.inf, -0.0, 2.0**-140)
    for name, network in operations():
        if name.endswith("-bias") or name.startswith(("softmax", "resize")):
            continue  # a softmax of an infinity is NaN throughout; a resize's 0 times one is free
        case = random_case(network, name, bits=bits)
        inputs = {feed: x.copy() for feed, x in case.inputs.items()}
        for feed, x in inputs.items():
            drawn = words(seed_of(f"{name}/{feed}/special"), len(values))
            x.flat[[int(word) % x.size for word in drawn]] = values
        with np.errstate(invalid="ignore"):
            expected = run(network, case.tensors, inputs)
        special = replace(case, id=f"{name}-special", inputs=inputs, expected=expected)
        yield Question("special", "special", special)


def operations() -> Iterator[tuple[str, Network]]:
    """A network of one operation for each line of the tables above, with and without bias.

    >>> [name for name, _ in operations()][:4]
    ['conv2d-0', 'conv2d-0-bias', 'conv2d-1', 'conv2d-1-bias']
    """
    for n, (H, W, M, N, kernel, stride, dilation, padding, groups) in enumerate(CONVOLUTIONS):
        kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
        attrs = ConvAttrs(padding, stride, dilation, groups)
        weight = (*kernel, M // groups, N)
        yield from _single(f"conv2d-{n}", "conv2d", (H, W, M), attrs, weight, N)
    for n, (H, W, M, multiplier, kernel, stride, dilation, padding) in enumerate(DEPTHWISE):
        weight = (kernel, kernel, M, multiplier)
        attrs_ = DepthwiseAttrs(padding, stride, dilation)
        yield from _single(
            f"depthwise-{n}", "depthwise_conv2d", (H, W, M), attrs_, weight, M * multiplier
        )
    for n, (H, W, M, N, stride) in enumerate(POINTWISE):
        yield from _single(
            f"pointwise-{n}", "pointwise_conv2d", (H, W, M), PointwiseAttrs(stride), (1, 1, M, N), N
        )
    for n, (M, N) in enumerate(DENSE):
        yield from _single(f"dense-{n}", "dense", (M,), None, (M, N), N)
    for n, (H, W, M, size, stride, padding) in enumerate(POOLS):
        image = {"x": (H, W, M)}
        average, largest = PoolAttrs(size, padding, stride), MaxPoolAttrs(size, padding, stride)
        yield f"average-{n}", _network(f"average-{n}", image, "average_pool", average)
        yield f"max-{n}", _network(f"max-{n}", image, "max_pool", largest)
        if padding != "valid":
            counted = PoolAttrs(size, padding, stride, include_padding=True)
            name = f"average-{n}-padding-counted"
            yield name, _network(name, image, "average_pool", counted)
    for name, whole in (("8x8", (8, 8, 5)), ("7x5", (7, 5, 3)), ("1x1", (1, 1, 4))):
        yield f"global-{name}", _network(f"global-{name}", {"x": whole}, "global_average_pool")
    vectors = dict.fromkeys(("gamma", "beta", "mean", "variance"), (5,))
    for epsilon in (1e-3, 1e-5):
        name = f"batch-norm-{epsilon:g}"
        norm = BatchNormAttrs(epsilon)
        yield name, _network(name, {"x": (4, 6, 5)}, "batch_norm", norm, vectors)
    for n, (H, W, M, size, corners) in enumerate(RESIZES):
        name = f"resize-{n}-{corners}"
        attrs_of = ResizeAttrs(size, corners)
        yield name, _network(name, {"x": (H, W, M)}, "resize_bilinear", attrs_of)
    for op in ("relu", "relu6", "sigmoid"):
        yield op, _network(op, {"x": (5, 4, 3)}, op)
    two = {"x": (3, 5, 4), "x2": (3, 5, 4)}
    yield "add", _network("add", two, "add")
    yield "concat", _network("concat", {"x": (3, 5, 4), "x2": (3, 5, 1)}, "concat")
    for N in (2, 5, 1000):
        yield f"softmax-{N}", _network(f"softmax-{N}", {"x": (N,)}, "softmax")


def random_case(network: Network, name: str, *, bits: int = 24, batch: int = 2) -> Case:
    """A network on uniform numbers: weights in -1 .. 1, inputs in -4 .. 4, variances in 1/2 .. 3/2.

    >>> case = random_case(dict(operations())["relu6"], "demo", batch=1)
    >>> case.inputs["x"].shape, case.expected["y"].min() >= 0, case.exact_below
    ((1, 5, 4, 3), np.True_, None)

    Inputs of some single operations reach farther (see `reach_of`). Weights are scaled down by a
    power of two near the root of the taps they add up, so that activations keep their size
    through a deep network; scaled by powers of two, the numbers
    keep their `bits` significant bits.
    """
    tensors = {}
    for layer in network.layers:
        for tensor, (parameter, shape) in zip(
            layer.tensor_names(), layer.params.items(), strict=True
        ):
            drawn = uniform(seed_of(f"{name}/{tensor}"), shape, bits=bits - 1)
            if parameter in ("variance", "gamma"):
                drawn = 1 + drawn / 2
            elif parameter == "weight":
                taps = np.prod(shape[:2] if layer.op == "depthwise_conv2d" else shape[:-1])
                drawn = drawn * 2.0 ** -np.floor(np.log2(taps / 3) / 2)
            tensors[tensor] = drawn
    inputs = {
        feed: reach_of(network) * uniform(seed_of(f"{name}/{feed}"), (batch, *shape), bits=bits)
        for feed, shape in network.inputs.items()
    }
    return Case(name, network, tensors, inputs, run(network, tensors, inputs))


def networks(model: str, *, bits: int = 24) -> Iterator[Question]:
    """A whole network on whole numbers under both paddings, and on random ones, unfolded.

    >>> next(networks("v1")).case.id
    'mobilenet_v1_1.0_64-tensorflow'
    """
    for conventions in ("tensorflow", "pytorch"):
        for plain in exact_networks(model, conventions, resolution=64):
            yield Question(model, "exact", exact_case(plain, f"{plain.name}-{conventions}"))
        for unfolded in random_networks(model, conventions, alpha=0.5, resolution=96):
            name = f"{unfolded.name}-{conventions}"
            yield Question(model, "random", random_case(unfolded, name, bits=bits, batch=1))


def _single(
    name: str, op: str, image: tuple[int, ...], attrs: Attrs | None, weight: tuple[int, ...], N: int
) -> Iterator[tuple[str, Network]]:
    yield name, _network(name, {"x": image}, op, attrs, {"weight": weight})
    biased = {"weight": weight, "bias": (N,)}
    yield f"{name}-bias", _network(f"{name}-bias", {"x": image}, op, attrs, biased)


def _network(
    name: str,
    inputs: Mapping[str, Shape],
    op: str,
    attrs: Attrs | None = None,
    params: Mapping[str, Shape] | None = None,
) -> Network:
    layer = Layer("y", op, tuple(inputs), attrs, params or {})
    return Network(name, (layer,), inputs, ("y",))


def _exact(name: str, network: Network) -> Case | None:
    """The exact case of an operation, where it has one: not for batch norm and softmax."""
    try:
        return replace(exact_case(network, f"{name}-exact", batch=2), id=f"{name}-exact")
    except ValueError:
        return None
