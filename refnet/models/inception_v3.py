"""Inception V3 (Szegedy and others, arXiv:1512.00567), Table 1, without its auxiliary classifier.

The paper leaves channels open; these are of the published models, equal in TensorFlow, Keras and
torchvision, whose names for the modules (5b to 7c) are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from refnet.geometry import Padding, Pair
from refnet.models.builder import Builder, with_relu
from refnet.network import TENSORFLOW, Conventions, Network, PoolAttrs


class Conv(NamedTuple):
    """A convolution with batch norm and ReLU; with stride 2 it is not padded.

    >>> Conv(64, 5)
    Conv(channels=64, kernel=5, stride=1)
    """

    channels: int
    kernel: Pair = 1
    stride: int = 1


Step = Conv | Literal["average", "max"]
# The steps of a branch follow one another; a list ends it, whose members read the same map.
Branch = tuple[Step | list[Conv], ...]

ROW, COLUMN = (1, 7), (7, 1)  # a 7x7 kernel taken apart (section 3.2)
FORK = [Conv(384, (1, 3)), Conv(384, (3, 1))]  # side by side (figure 7)


def factorised(pool: int) -> list[Branch]:
    """Figure 5: a 5x5 kernel as two of 3x3, beside one that was kept.

    >>> [conv.kernel for conv in factorised(32)[2]]
    [1, 3, 3]
    """
    return [
        (Conv(64),),
        (Conv(48), Conv(64, 5)),
        (Conv(64), Conv(96, 3), Conv(96, 3)),
        ("average", Conv(pool)),
    ]


def asymmetric(n: int) -> list[Branch]:
    """Figure 6: 7x7 kernels as 1x7 and 7x1, with n channels between them.

    >>> [conv.kernel for conv in asymmetric(128)[1]]
    [1, (1, 7), (7, 1)]
    """
    return [
        (Conv(192),),
        (Conv(n), Conv(n, ROW), Conv(192, COLUMN)),
        (Conv(n), Conv(n, COLUMN), Conv(n, ROW), Conv(n, COLUMN), Conv(192, ROW)),
        ("average", Conv(192)),
    ]


EXPANDED: list[Branch] = [  # figure 7
    (Conv(320),),
    (Conv(384), FORK),
    (Conv(448), Conv(384, 3), FORK),
    ("average", Conv(192)),
]
MODULES: dict[str, list[Branch]] = {
    "mixed5b": factorised(32),
    "mixed5c": factorised(64),
    "mixed5d": factorised(64),
    "mixed6a": [(Conv(384, 3, 2),), (Conv(64), Conv(96, 3), Conv(96, 3, 2)), ("max",)],
    "mixed6b": asymmetric(128),
    "mixed6c": asymmetric(160),
    "mixed6d": asymmetric(160),
    "mixed6e": asymmetric(192),
    "mixed7a": [
        (Conv(192), Conv(320, 3, 2)),
        (Conv(192), Conv(192, ROW), Conv(192, COLUMN), Conv(192, 3, 2)),
        ("max",),
    ],
    "mixed7b": EXPANDED,
    "mixed7c": EXPANDED,
}


def inception_v3(
    resolution: Pair = 299,
    *,
    classes: int | None = None,
    conventions: Conventions = TENSORFLOW,
    batch_norm: bool = True,
) -> Network:
    """Inception V3: a stem, eleven modules of parallel branches, the classifier.

    >>> network = inception_v3()
    >>> network.shapes()["mixed5d"], network.shapes()["mixed6e"], network.shapes()["mixed7c"]
    ((1, 35, 35, 288), (1, 17, 17, 768), (1, 8, 8, 2048))

    Parameters are counted in three ways: 23,834,568 with gamma and beta (torchvision, without
    its auxiliary classifier); 23,817,352 with one number a channel: folded, or TensorFlow's
    way, which has no gamma; and Keras's total of 23,851,784, which adds to that the mean and
    the variance.
    resolution: 75 or more. classes, batch_norm: as for mobilenet_v1.
    conventions: the activation is always ReLU. "same" averages only what lies inside the map
        (TensorFlow), "symmetric" divides by 9 at the edge too (torchvision).
    Both epsilons of the published models are 1e-3, also torchvision's.
    """
    builder = Builder(resolution, with_relu(conventions, classes), batch_norm=batch_norm)
    builder.convolution("conv1a", 32, kernel=3, stride=2, padding="valid")
    builder.convolution("conv2a", 32, kernel=3, stride=1, padding="valid")
    builder.convolution("conv2b", 64, kernel=3, stride=1)
    builder.max_pool("pool2", size=3, stride=2)
    builder.pointwise("conv3b", 80)
    builder.convolution("conv4a", 192, kernel=3, stride=1, padding="valid")
    builder.max_pool("pool4", size=3, stride=2)
    for name, branches in MODULES.items():
        _module(builder, name, branches)
    builder.classifier()
    return builder.network(f"inception_v3_{builder.size}", ["softmax"])


def _module(builder: Builder, name: str, branches: Sequence[Branch]) -> None:
    """Branches that read the same map, and their channels side by side."""
    entry, ends = builder.last, []
    for number, branch in enumerate(branches, 1):
        builder.last = entry
        ends += _branch(builder, f"{name}.{number}", branch)
    builder.concat(name, ends)


def _branch(builder: Builder, name: str, branch: Branch) -> list[str]:
    """The steps of a branch; returns where it ends, in two layers if it forks."""
    for place, step in enumerate(branch, 1):
        if isinstance(step, list):
            fork, ends = builder.last, []
            for side, conv in zip("ab", step, strict=True):
                builder.last = fork
                _step(builder, f"{name}.{place}{side}", conv)
                ends.append(builder.last)
            return ends
        _step(builder, f"{name}.{place}", step)
    return [builder.last]


def _step(builder: Builder, name: str, step: Step) -> None:
    if step == "max":
        builder.max_pool(name, size=3, stride=2)
    elif step == "average":
        said = builder.conventions
        attrs = PoolAttrs(3, said.pad(3), include_padding=said.padding == "symmetric")
        builder.add(name, "average_pool", attrs)
    elif step.kernel == 1:
        builder.pointwise(name, step.channels)
    else:
        padding: Padding | None = None if step.stride == 1 else "valid"
        builder.convolution(
            name, step.channels, kernel=step.kernel, stride=step.stride, padding=padding
        )
