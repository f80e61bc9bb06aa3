"""Networks of whole numbers, on which a right backend has no excuse: bit equality is owed.

Weights are -1, 0 or 1, biases small integers, and ReLU6 keeps activations in 0 .. 6, so that a
whole MobileNet stays in the integers up to its logits; the pool divides by a power of two. A sum
whose terms' magnitudes add up to less than 2^24 is exact in float32 in any order, with or
without fused multiply-adds; below 2^11 it is exact in float16 as well. That is proven for every
layer on the very input that is used, by adding up the magnitudes.

>>> from refnet.models import mobilenet_v2
>>> network = mobilenet_v2(resolution=32, batch_norm=False).cut(["classifier"])
>>> case = exact_case(network, "demo")
>>> case.exact_below <= 2**24
True
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from refnet import ops
from refnet.arguments import check_pair
from refnet.backend import Case
from refnet.geometry import neighbours
from refnet.layer import ResizeAttrs
from refnet.network import Network
from refnet.oracle.seeded import integers, seed_of, words
from refnet.run import apply, run

Array = np.ndarray[Any, Any]


def integer_tensors(network: Network, name: str, nonzero: int = 8) -> dict[str, Array]:
    """Weights of -1, 0 and 1 with about `nonzero` others than 0 in a filter, biases in -3 .. 3.

    >>> from refnet.models import mobilenet_v1
    >>> tensors = integer_tensors(mobilenet_v1(alpha=0.25, batch_norm=False), "demo")
    >>> np.unique(tensors["stem.weight"]).tolist()
    [-1.0, 0.0, 1.0]

    Every tensor is drawn from the seed of "name/tensor": whether a weight is 0 from the high
    bits of its word, its sign from the lowest.
    """
    tensors = {}
    for layer in network.layers:
        for tensor, (parameter, shape) in zip(
            layer.tensor_names(), layer.params.items(), strict=True
        ):
            seed = seed_of(f"{name}/{tensor}")
            if parameter != "weight":
                tensors[tensor] = integers(seed, shape, -3, 3)
                continue
            taps = math.prod(shape[:2] if layer.op == "depthwise_conv2d" else shape[:-1])
            drawn = words(seed, math.prod(shape))
            kept = drawn >> np.uint64(11) < np.uint64(min(1.0, nonzero / taps) * 2**53)
            signs = 1.0 - 2.0 * (drawn & np.uint64(1)).astype(np.float64)
            tensors[tensor] = np.where(kept, signs, 0.0).reshape(shape)
    return tensors


def exact_case(network: Network, name: str, *, nonzero: int = 8, batch: int = 1) -> Case:
    """A network on whole numbers, with the proof that they stay exact.

    >>> from refnet.models import mobilenet_v1
    >>> exact_case(mobilenet_v1(alpha=0.25, resolution=32, batch_norm=False), "demo")
    Traceback (most recent call last):
    ...
    ValueError: layer 'softmax': softmax leaves the whole numbers

    Raises ValueError where they do not: a pool over a number of elements that is no power of
    two, a softmax, sums of 2^24 or more.
    """
    tensors, reach = integer_tensors(network, name, nonzero), reach_of(network)
    inputs = {
        feed: integers(seed_of(f"{name}/{feed}"), (batch, *shape), -reach, reach)
        for feed, shape in network.inputs.items()
    }
    most = largest_sum(network, tensors, inputs)
    below = next((2**bits for bits in (11, 24) if most < 2**bits), None)
    if below is None:
        raise ValueError(f"{network.name}: magnitudes add up to {most:g}, expected under 2^24")
    return Case(name, network, tensors, inputs, run(network, tensors, inputs), below)


# How far inputs reach from 0: 4, but for single operations that do something else farther out.
REACH = {"relu": 16, "relu6": 16, "max_pool": 16, "sigmoid": 16, "softmax": 128}


def reach_of(network: Network) -> int:
    """The largest input that a question about this network holds.

    >>> from refnet.oracle.suites import operations
    >>> [reach_of(network) for name, network in operations() if name in ("relu6", "add")]
    [16, 4]

    ReLU6 must be seen to clip, and a softmax without its largest logit taken out to overflow.
    """
    return REACH.get(network.layers[0].op, 4) if len(network.layers) == 1 else 4


def largest_sum(
    network: Network, tensors: Mapping[str, Array], inputs: Mapping[str, Array]
) -> float:
    """The largest sum of |w||x| + |b| anywhere in the network, in units of its finest number.

    >>> from refnet.layer import Layer
    >>> layer = Layer("y", "dense", ("x",), params={"weight": (2, 1)})
    >>> weight, x = np.array([[1.0], [-1.0]]), np.array([[3.0, 4.0]])
    >>> largest_sum(Network("y", (layer,), {"x": (2,)}, ("y",)), {"y.weight": weight}, {"x": x})
    7.0

    A mean over 2^k elements makes numbers of k more bits: their sums count 2^k times. So does a
    resize whose weights are multiples of 2^-k, and once more 4 times for those engines that form
    differences of neighbours on the way.
    """
    for layer in network.layers:
        if layer.op in ("sigmoid", "softmax", "batch_norm"):
            raise ValueError(f"layer {layer.name!r}: {layer.op} leaves the whole numbers")
    sizes = {name: abs(tensor) for name, tensor in tensors.items()}
    names = [layer.name for layer in network.layers]
    known = dict(inputs) | run(network, tensors, inputs, taps=names)
    finest = dict.fromkeys(network.inputs, 1)  # every number is a multiple of 1 / finest
    most = max(float(abs(a).max()) for a in inputs.values())
    for layer in network.layers:
        values = [known[name] for name in layer.inputs]
        scale = max(finest[name] for name in layer.inputs)
        if layer.op in ("global_average_pool", "average_pool"):
            scale *= _power_of_two(layer.name, values[0], layer.keywords())
        if isinstance(layer.attrs, ResizeAttrs):
            scale *= _finest_weight(layer.name, values[0], layer.attrs)
        finest[layer.name] = scale
        if layer.op == "add":
            size = abs(values[0]) + abs(values[1])
        else:
            size = apply(layer, [abs(value) for value in values], sizes, using=ops)
        most = max(most, float(size.max()) * scale)
    return most


def _finest_weight(name: str, x: Array, said: ResizeAttrs) -> int:
    """4 times what the weights of a resize are multiples of, which must be a power of two."""
    finest = 4
    for m, output in zip(x.shape[1:3], check_pair(said.size, "size"), strict=True):
        places = neighbours(m, output, said.corners)
        parts = [Fraction(n.part, n.whole).denominator for n in places if n.upper > n.lower]
        # The step itself, m / n, is computed too.
        parts.append((Fraction(m - 1, max(output - 1, 1)) if said.corners == "aligned"
                      else Fraction(m, 2 * output)).denominator)  # fmt: skip
        finest *= max(parts)
        if any(part & (part - 1) for part in parts):
            raise ValueError(f"layer {name!r}: {m} to {output} pixels: weights that are not exact")
    return finest


def _power_of_two(name: str, x: Array, said: Mapping[str, Any]) -> int:
    """The divisor of a pool, which must be exact."""
    if "size" not in said:
        count = x.shape[1] * x.shape[2]
    else:
        size = said["size"]
        count = size * size if isinstance(size, int) else math.prod(size)
        if said["padding"] != "valid" and not said["include_padding"]:
            raise ValueError(f"layer {name!r}: windows of several sizes, whose means are not exact")
    if count & (count - 1):
        raise ValueError(f"layer {name!r}: a mean of {count} elements is not exact")
    return int(count)
