"""DeepLabv3 on MobileNet (Chen and others, arXiv:1706.05587), as V2's paper reduces it."""

from __future__ import annotations

from refnet.arguments import check_count, check_positive
from refnet.geometry import Pair
from refnet.layer import PoolAttrs, ResizeAttrs
from refnet.models.builder import Builder, with_classes
from refnet.models.mobilenet_v1 import backbone as v1_backbone
from refnet.models.mobilenet_v2 import backbone as v2_backbone
from refnet.network import TENSORFLOW, Conventions, Network

CHANNELS = 256  # of every branch of the head
RATES = (6, 12, 18)  # dilations of the pyramid's 3 x 3 filters at output stride 16


def deeplab(
    alpha: float = 1.0,
    resolution: Pair = 513,
    *,
    backbone: str = "v2",
    output_stride: int = 16,
    aspp: bool = False,
    divisor: int = 8,
    classes: int | None = None,
    conventions: Conventions = TENSORFLOW,
    batch_norm: bool = True,
) -> Network:
    """DeepLabv3: a score for each class at every pixel.

    >>> network = deeplab(alpha=0.5, resolution=257, output_stride=8, divisor=4)
    >>> network.shapes()["block17.project.norm"], network.shapes()["upsampled"]
    ((1, 33, 33, 160), (1, 257, 257, 21))

    The blocks of MobileNet ("v1" or "v2", without what comes after the last one), dilated from
    `output_stride` on; a 1 x 1 convolution and the mean of the whole map side by side, one
    convolution of both, the classes' scores, and these stretched to the image's size.
    aspp: the full pyramid, with three dilated 3 x 3 convolutions between the two: at output
        stride 16 with RATES, at 8 with twice these. V2's paper leaves them out (section 6.3).
    divisor: V2's channels are a multiple of it. The others are those of mobilenet_v2.
    classes: 21 unless given: those of PASCAL VOC with the background.
    """
    check_positive(alpha, "alpha")
    check_count(divisor, "divisor")
    if output_stride not in (8, 16):
        raise ValueError(f"output_stride: {output_stride!r}, expected 8 or 16")
    if aspp not in (True, False):
        raise ValueError(f"aspp: {aspp!r}, expected True or False")
    if backbone not in ("v1", "v2"):
        raise ValueError(f"backbone: {backbone!r}, expected 'v1' or 'v2'")
    conventions = with_classes(conventions, classes, 21)
    builder = Builder(resolution, conventions, batch_norm=batch_norm)
    if backbone == "v1":
        v1_backbone(builder, alpha, output_stride=output_stride)
    else:
        v2_backbone(builder, alpha, divisor=divisor, output_stride=output_stride)
    builder.activation = "relu"  # the head's, whatever the blocks have
    _head(builder, [rate * 16 // output_stride for rate in RATES] if aspp else [])
    builder.predictor("classifier", conventions.classes)
    rows, columns, _ = builder.inputs["image"]
    builder.add("upsampled", "resize_bilinear", ResizeAttrs((rows, columns), "aligned"))
    kind = "_aspp" if aspp else ""
    name = f"deeplab_{backbone}_{alpha}_{builder.size}_stride{output_stride}{kind}"
    return builder.network(name, ["upsampled"])


def _head(builder: Builder, rates: list[int]) -> None:
    """What is seen of a pixel, at several distances, and of the whole picture."""
    features = builder.last
    _, rows, columns, _ = builder.shapes[features]
    builder.add("pool", "average_pool", PoolAttrs((rows, columns), "valid"))
    builder.pointwise("pooled", CHANNELS)
    builder.add("spread", "resize_bilinear", ResizeAttrs((rows, columns), "aligned"))
    branches = ["spread"]
    builder.last = features
    builder.pointwise("aspp0", CHANNELS)
    branches.append(builder.last)
    for number, rate in enumerate(rates, 1):
        builder.last = features
        builder.convolution(f"aspp{number}", CHANNELS, kernel=3, stride=1, dilation=rate)
        branches.append(builder.last)
    builder.concat("concat", branches)
    builder.pointwise("projection", CHANNELS)
