"""MobileNet V1 (Howard and others, arXiv:1704.04861), Table 1."""

from __future__ import annotations

from dataclasses import replace

from refnet.arguments import check_positive
from refnet.geometry import Pair
from refnet.models.builder import Atrous, Builder
from refnet.network import TENSORFLOW, Conventions, Network

#          N  s      output channels of the pointwise layer, stride of the depthwise layer
BLOCKS = [(64, 1),
          (128, 2), (128, 1),
          (256, 2), (256, 1),
          (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1),
          (1024, 2), (1024, 1)]  # fmt: skip
# Table 1 prints stride 2 in the last depthwise row; the 7 x 7 maps before and after it, and the
# multiply-adds of the paper's Table 8, need stride 1.

SHALLOW = [block for n, block in enumerate(BLOCKS) if n not in range(6, 11)]


def mobilenet_v1(
    alpha: float = 1.0,
    resolution: Pair = 224,
    *,
    shallow: bool = False,
    classes: int | None = None,
    conventions: Conventions = TENSORFLOW,
    batch_norm: bool = True,
) -> Network:
    """MobileNet V1: one convolution, then 13 depthwise separable blocks, then the classifier.

    >>> network = mobilenet_v1()
    >>> network.shapes()["block13.pointwise"]
    (1, 7, 7, 1024)

    alpha: the width multiplier; every channel count becomes int(alpha * count).
    resolution: side of the input image, or (rows, columns).
    shallow: without the five middle blocks of 14 x 14 x 512 (Table 3).
    classes: as in `conventions` unless given.
    batch_norm: False gives the folded network, with one bias a channel instead.
    Raises ValueError where alpha leaves a layer without a channel.
    """
    check_positive(alpha, "alpha")
    if shallow not in (True, False):
        raise ValueError(f"shallow: {shallow!r}, expected True or False")
    if classes is not None:
        conventions = replace(conventions, classes=classes)
    builder = Builder(resolution, conventions, batch_norm=batch_norm)
    backbone(builder, alpha, shallow=shallow)
    builder.classifier()
    rows, columns, _ = builder.inputs["image"]
    size = f"{rows}" if rows == columns else f"{rows}x{columns}"
    kind = "_shallow" if shallow else ""
    return builder.network(f"mobilenet_v1{kind}_{alpha}_{size}", ["softmax"])


def backbone(
    builder: Builder, alpha: float, *, shallow: bool = False, output_stride: int = 32
) -> None:
    """The stem and the blocks, added to a network in the making; output_stride as for V2's."""
    builder.convolution("stem", _scaled(32, alpha), kernel=3, stride=2)
    atrous = Atrous(output_stride, reached=2)
    for number, (channels, wanted) in enumerate(SHALLOW if shallow else BLOCKS, 1):
        stride, dilation = atrous.next(wanted)
        builder.depthwise(f"block{number}.depthwise", stride=stride, dilation=dilation)
        builder.pointwise(f"block{number}.pointwise", _scaled(channels, alpha))


def _scaled(channels: int, alpha: float) -> int:
    """alpha * channels, rounded down: Keras's rule (the paper's alphas all divide)."""
    scaled = int(channels * alpha)
    if scaled < 1:
        raise ValueError(f"alpha: {alpha} leaves none of {channels} channels")
    return scaled
