"""MobileNet V2 (Sandler and others, arXiv:1801.04381), Table 2."""

from __future__ import annotations

from dataclasses import replace

from refnet.arguments import check_count, check_positive
from refnet.geometry import Pair
from refnet.models.builder import Atrous, Builder
from refnet.network import TENSORFLOW, Conventions, Network

#           t    c  n  s      expansion, channels, repeats, first stride
BLOCKS = [(1,  16, 1, 1),
          (6,  24, 2, 2),
          (6,  32, 3, 2),
          (6,  64, 4, 2),
          (6,  96, 3, 1),
          (6, 160, 3, 2),
          (6, 320, 1, 1)]  # fmt: skip


def mobilenet_v2(
    alpha: float = 1.0,
    resolution: Pair = 224,
    *,
    expansion: int = 6,
    divisor: int = 8,
    classes: int | None = None,
    conventions: Conventions = TENSORFLOW,
    batch_norm: bool = True,
) -> Network:
    """MobileNet V2: 17 inverted residual blocks that expand, filter and project.

    >>> network = mobilenet_v2()
    >>> network.shapes()["block2.expand"], network.shapes()["block2.project"]
    ((1, 112, 112, 96), (1, 56, 56, 24))

    alpha: the width multiplier; channels are rounded to a multiple of `divisor`. The last
        1280 channels only grow with it (section 6.1: for alpha < 1 they stay).
    expansion: t of every block but the first, which does not expand.
    A block adds its input to its output where its stride is 1 and both have as many channels; a
    projection has no activation (section 3.2: a ReLU would destroy what few channels carry).
    classes, conventions, batch_norm: as for mobilenet_v1.
    """
    if classes is not None:
        conventions = replace(conventions, classes=classes)
    check_positive(alpha, "alpha")
    check_count(expansion, "expansion")
    check_count(divisor, "divisor")
    builder = Builder(resolution, conventions, batch_norm=batch_norm)
    backbone(builder, alpha, expansion=expansion, divisor=divisor)
    builder.pointwise("head", rounded(1280 * max(1.0, alpha), divisor))
    builder.classifier()
    rows, columns, _ = builder.inputs["image"]
    size = f"{rows}" if rows == columns else f"{rows}x{columns}"
    return builder.network(f"mobilenet_v2_{alpha}_{size}", ["softmax"])


def backbone(
    builder: Builder,
    alpha: float,
    *,
    expansion: int = 6,
    divisor: int = 8,
    output_stride: int = 32,
) -> None:
    """The stem and the 17 blocks, added to a network in the making.

    output_stride: pixels of the image to one of the last map. Once it is reached, a block that
    would take every second pixel takes all, and the filters of those after it are dilated to
    reach as far as before (DeepLabv3, arXiv:1706.05587, section 3.1).
    """
    builder.convolution("stem", rounded(32 * alpha, divisor), kernel=3, stride=2)
    atrous = Atrous(output_stride, reached=2)
    number = 0
    for t, c, n, s in BLOCKS:
        for repeat in range(n):
            number += 1
            stride, dilation = atrous.next(s if repeat == 0 else 1)
            _block(
                builder,
                f"block{number}",
                expansion=1 if t == 1 else expansion,
                channels=rounded(c * alpha, divisor),
                stride=stride,
                dilation=dilation,
            )


def rounded(channels: float, divisor: int) -> int:
    """The multiple of `divisor` nearest to `channels`, but at least 90 % of it, and at least one.

    >>> rounded(96 * 0.35, 8), rounded(16 * 0.35, 8)
    (32, 8)

    Source: the authors' implementation (tensorflow/models, slim, `_make_divisible`).
    """
    nearest = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * channels else nearest


def _block(
    builder: Builder, name: str, *, expansion: int, channels: int, stride: int, dilation: int
) -> None:
    """An inverted residual block (figure 3): expand, filter each channel, project."""
    entry = builder.last
    if expansion != 1:
        builder.pointwise(f"{name}.expand", builder.channels * expansion)
    builder.depthwise(f"{name}.depthwise", stride=stride, dilation=dilation)
    builder.pointwise(f"{name}.project", channels, activation=False)
    if stride == 1 and builder.shapes[entry][-1] == channels:
        builder.residual(f"{name}.add", entry)
