"""Address-coded probes: the output reads back which weight met which pixel.

Every weight is another whole number, and every picture of a batch has a single 1. So each number
of the output is one weight, and its value is that weight's address; which picture it lies in
says what pixel the weight met, and where it lies, for which output. Nothing is left to guess:
a wrong padding, a flipped or turned kernel, channels in another order, a stride that begins at
another pixel each read back differently.

>>> from refnet.layer import Layer, PointwiseAttrs
>>> from refnet.oracle.adapters.ops import Ops
>>> layer = Layer("y", "pointwise_conv2d", ("x",), PointwiseAttrs(), {"weight": (1, 1, 2, 3)})
>>> print(probe(Ops(), layer, (2, 1, 2)))
all 12 weights met the pixels that they should
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from refnet.arguments import Shape
from refnet.backend import Backend, Case
from refnet.layer import ConvAttrs, DepthwiseAttrs, Layer, PointwiseAttrs
from refnet.network import Network
from refnet.run import run

Array = np.ndarray[Any, Any]
Address = tuple[int, ...]

# op, input, attributes, kernel: even and odd maps, no two axes of one length.
LAYERS: list[tuple[str, Shape, Any, Shape]] = [
    ("conv2d", (6, 4, 3), ConvAttrs("same", 2), (3, 3, 3, 5)),
    ("conv2d", (6, 4, 3), ConvAttrs((1, 1, 1, 1), 2), (3, 3, 3, 5)),
    ("conv2d", (5, 7, 3), ConvAttrs("same", 2), (3, 3, 3, 4)),
    ("conv2d", (5, 6, 2), ConvAttrs("same"), (2, 3, 2, 4)),
    ("conv2d", (7, 6, 2), ConvAttrs("valid", 1, 2), (3, 2, 2, 3)),
    ("conv2d", (5, 3, 4), ConvAttrs("same", 1, 1, 2), (3, 3, 2, 6)),
    ("depthwise_conv2d", (6, 4, 5), DepthwiseAttrs("same", 2), (3, 3, 5, 1)),
    ("depthwise_conv2d", (6, 4, 5), DepthwiseAttrs((1, 1, 1, 1), 2), (3, 3, 5, 1)),
    ("depthwise_conv2d", (4, 5, 3), DepthwiseAttrs("same"), (3, 3, 3, 2)),
    ("pointwise_conv2d", (5, 4, 3), PointwiseAttrs(2), (1, 1, 3, 7)),
    ("dense", (6,), None, (6, 5)),
]


@dataclass(frozen=True)
class Reading:
    """What one output made of one pixel.

    output, pixel: their places, channel last. used: the address of the weight that the answer's
    number is, None for a number that is no weight's; expected: of the one it should be. An empty
    address says that the pixel is not met at all.
    """

    output: Address
    pixel: Address
    used: Address | None
    expected: Address
    number: float

    def __str__(self) -> str:
        if self.used is None:
            what = f"made {self.number:g}, which is no weight, of pixel {self.pixel}"
        elif self.used:
            what = f"used weight {self.used} on pixel {self.pixel}"
        else:
            what = f"did not meet pixel {self.pixel}"
        owed = f"expected weight {self.expected}" if self.expected else "expected none there"
        return f"output {self.output} {what}, {owed}"


@dataclass(frozen=True)
class Readback:
    """A probe read back: what is wrong, and how many weights should have met a pixel."""

    wrong: tuple[Reading, ...]
    owed: int
    problem: str = ""

    @property
    def holds(self) -> bool:
        """Whether every weight met the pixels that it should, and no others."""
        return not self.problem and not self.wrong

    def __str__(self) -> str:
        if self.problem:
            return self.problem
        if not self.wrong:
            return f"all {self.owed} weights met the pixels that they should"
        shown = "\n".join(str(reading) for reading in self.wrong[:3])
        more = f"\nand {len(self.wrong) - 3} more" if len(self.wrong) > 3 else ""
        return shown + more


def probe(backend: Backend, layer: Layer, image: Shape) -> Readback:
    """Ask a backend which weight of a layer meets which pixel of an input of shape `image`.

    layer: a convolution or a fully connected layer; a bias is left out. image: (H, W, M), or
    (M,) for a fully connected layer. The backend gets as many pictures as there are pixels.
    Raises ValueError where codes and pixels are too many to be told apart in float32.
    """
    case = probe_case(f"probe-{layer.name}", layer, image)
    runner = backend.prepare(case.network, case.tensors, math.prod(image))
    answer = runner({"x": case.inputs["x"].astype(np.float32)})
    return readback(case, answer.get(layer.name))


def probe_case(name: str, layer: Layer, image: Shape) -> Case:
    """The probe of a layer as an exact case.

    K weights are coded K + 1 .. 2 K in C order: the sum of any two is more than 2 K, so that no
    sum is taken for a weight.
    """
    weight = layer.params.get("weight")
    if weight is None:
        raise ValueError(f"layer {layer.name!r}: {layer.op} has no weights to read back")
    count, pixels = math.prod(weight), math.prod(image)
    if 2 * count > 2**24 or pixels > 2**12:
        raise ValueError(
            f"layer {layer.name!r}: {count:,} weights and {pixels:,} pixels, expected at most "
            f"{2**23:,} and {2**12:,}: probe a smaller one"
        )
    alone = Layer(layer.name, layer.op, ("x",), layer.attrs, {"weight": weight})
    network = Network(name, (alone,), {"x": image}, (layer.name,))
    codes = np.arange(count + 1, 2 * count + 1, dtype=np.float64).reshape(weight)
    tensors = {f"{layer.name}.weight": codes}
    inputs = {"x": np.eye(pixels).reshape(pixels, *image)}
    below = 2**11 if 2 * count < 2**11 else 2**24
    return Case(name, network, tensors, inputs, run(network, tensors, inputs), below)


def readback(case: Case, answer: Array | None) -> Readback:
    """What the answer to a probe says, beside the truth."""
    (name,) = case.network.outputs
    truth = case.expected[name]
    codes = case.tensors[f"{name}.weight"]
    owed = int(np.count_nonzero(truth))
    if answer is None:
        return Readback((), owed, "no answer")
    if answer.shape != truth.shape:
        return Readback((), owed, f"shape {answer.shape}, expected {truth.shape}")
    image = case.inputs["x"].shape[1:]
    wrong = []
    for place in np.argwhere(answer != truth):
        picture, *output = (int(i) for i in place)
        pixel = tuple(int(i) for i in np.unravel_index(picture, image))
        found = float(answer[tuple(place)])
        meant = _address(float(truth[tuple(place)]), codes.shape) or ()
        wrong.append(Reading(tuple(output), pixel, _address(found, codes.shape), meant, found))
    wrong.sort(key=lambda reading: (reading.output, reading.pixel))
    return Readback(tuple(wrong), owed)


def cases() -> Iterator[Case]:
    """The probes of a bundle."""
    for n, (op, image, attrs, weight) in enumerate(LAYERS):
        layer = Layer("y", op, ("x",), attrs, {"weight": weight})
        yield probe_case(f"probe-{n:02}-{op.split('_')[0]}", layer, image)


def _address(number: float, shape: Shape) -> Address | None:
    """The place of the weight whose code a number is; empty for 0, None where it is no code."""
    if number == 0:
        return ()
    count = math.prod(shape)
    code = number - count - 1
    if not (0 <= code < count and code == int(code)):
        return None
    return tuple(int(i) for i in np.unravel_index(int(code), shape))
