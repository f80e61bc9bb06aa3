"""SqueezeNet 1.0 (Iandola and others, arXiv:1602.07360), Table 1."""

from __future__ import annotations

from refnet.geometry import Pair
from refnet.models.builder import Builder, refuse_batch_norm, with_relu
from refnet.network import CAFFE, Conventions, Network

#         s1x1  e1x1  e3x3   channels of the squeeze and of the two expand layers: fire2 to fire9
FIRES = [(16,  64,  64),
         (16,  64,  64),
         (32, 128, 128),
         (32, 128, 128),
         (48, 192, 192),
         (48, 192, 192),
         (64, 256, 256),
         (64, 256, 256)]  # fmt: skip
POOLED = (4, 8)  # a max pool follows these fire modules


def squeezenet(
    resolution: Pair = 224,
    *,
    classes: int | None = None,
    conventions: Conventions = CAFFE,
    batch_norm: bool = False,
) -> Network:
    """SqueezeNet 1.0: eight fire modules between two convolutions; no dense layer at all.

    >>> network = squeezenet()
    >>> network.shapes()["fire9.concat"], network.shapes()["conv10"]
    ((1, 13, 13, 512), (1, 13, 13, 1000))

    The first convolution is not padded, and the pools round their size up, in the authors' Caffe
    model as in torchvision's. The maps of the paper's table, 111 after conv1 and 55 after the
    first pool, come about at a resolution of 227; at 224 they are 109 and 54, and from
    the second pool on the same.
    resolution: 21 or more. classes, conventions, batch_norm: as for vgg16.
    """
    refuse_batch_norm(batch_norm, "squeezenet")
    builder = Builder(resolution, with_relu(conventions, classes), batch_norm=False)
    builder.convolution("conv1", 96, kernel=7, stride=2, padding="valid")
    builder.max_pool("pool1", size=3, stride=2, ceil=True)
    for number, (squeeze, one, three) in enumerate(FIRES, 2):
        _fire(builder, f"fire{number}", squeeze, one, three)
        if number in POOLED:
            builder.max_pool(f"pool{number}", size=3, stride=2, ceil=True)
    builder.pointwise("conv10", builder.conventions.classes)  # with its ReLU, unlike other scores
    builder.add("pool", "global_average_pool")
    builder.add("softmax", "softmax")
    return builder.network(f"squeezenet_{builder.size}", ["softmax"])


def _fire(builder: Builder, name: str, squeeze: int, one: int, three: int) -> None:
    """A fire module (figure 1): few 1x1 filters, then 1x1 and 3x3 filters side by side."""
    builder.pointwise(f"{name}.squeeze", squeeze)
    squeezed = builder.last
    builder.pointwise(f"{name}.expand1x1", one)
    expanded = builder.last
    builder.last = squeezed
    builder.convolution(f"{name}.expand3x3", three, kernel=3, stride=1)
    builder.concat(f"{name}.concat", [expanded, builder.last])
