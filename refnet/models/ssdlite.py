"""SSD (Liu and others, arXiv:1512.02325) on MobileNet, and SSDLite (V2's paper, section 6.2)."""

from __future__ import annotations

from collections.abc import Sequence

from refnet.arguments import check_count, check_positive
from refnet.geometry import Pair
from refnet.models.builder import Builder, with_classes
from refnet.models.mobilenet_v1 import backbone as v1_backbone
from refnet.models.mobilenet_v2 import backbone as v2_backbone
from refnet.models.mobilenet_v2 import rounded
from refnet.network import TENSORFLOW, Conventions, Network

# Boxes at every place of the six maps, and the channels of the four maps that are added: first
# fewer, then these at half the rows and columns (tensorflow/models, object_detection,
# ssd_mobilenet_v2_feature_extractor.py and the published pipeline).
BOXES = (3, 6, 6, 6, 6, 6)
EXTRAS = ((256, 512), (128, 256), (128, 256), (64, 128))


def ssdlite(
    alpha: float = 1.0,
    resolution: Pair = 300,
    *,
    backbone: str = "v2",
    lite: bool = True,
    divisor: int = 8,
    classes: int | None = None,
    conventions: Conventions = TENSORFLOW,
    batch_norm: bool = True,
) -> Network:
    """SSDLite: at every place of six maps, four numbers a box and a probability a class.

    >>> network = ssdlite()
    >>> [network.shapes()[f"box{k}"] for k in (0, 5)], network.shapes()["score0"]
    ([(1, 19, 19, 12), (1, 1, 1, 24)], (1, 19, 19, 273))
    >>> sum(H * W * C // 4 for _, H, W, C in (network.shapes()[f"box{k}"] for k in range(6)))
    1917

    The outputs are box0 .. box5, then score0 .. score5. The first map comes from inside a
    block: V2's 14th, after its expansion and before its stride (section 6.2: "the first layer of
    SSDLite is attached to the expansion of layer 15", the stem counted). What the boxes mean is
    refnet.apps.detect's to say. lite: depthwise separable heads and added maps; False gives SSD's
    own, 3 x 3 convolutions throughout. classes: 91 unless given: COCO's, 0 the background.
    The other arguments are those of `deeplab`.
    """
    check_positive(alpha, "alpha")
    check_count(divisor, "divisor")
    if lite not in (True, False):
        raise ValueError(f"lite: {lite!r}, expected True or False")
    if backbone not in ("v1", "v2"):
        raise ValueError(f"backbone: {backbone!r}, expected 'v1' or 'v2'")
    conventions = with_classes(conventions, classes, 91)
    builder = Builder(resolution, conventions, batch_norm=batch_norm)
    if backbone == "v1":
        v1_backbone(builder, alpha)
        maps = ["block11.pointwise.activation", "block13.pointwise.activation"]
    else:
        v2_backbone(builder, alpha, divisor=divisor)
        builder.pointwise("head", rounded(1280 * max(1.0, alpha), divisor))
        maps = ["block14.expand.activation", "head.activation"]
    for number, (fewer, channels) in enumerate(EXTRAS, 1):
        builder.pointwise(f"extra{number}.reduce", fewer)
        if lite:
            builder.depthwise(f"extra{number}.depthwise", stride=2)
            builder.pointwise(f"extra{number}.pointwise", channels)
        else:
            builder.convolution(f"extra{number}.convolution", channels, kernel=3, stride=2)
        maps.append(builder.last)
    _heads(builder, maps, lite=lite)
    kind = "ssdlite" if lite else "ssd"
    outputs = [f"{what}{k}" for what in ("box", "score") for k in range(len(maps))]
    return builder.network(f"{kind}_{backbone}_{alpha}_{builder.size}", outputs)


def _heads(builder: Builder, maps: Sequence[str], *, lite: bool) -> None:
    """Two for each map: one for the boxes, one for their classes; the last map's are the first."""
    for what, numbers in (("box", 4), ("class", builder.conventions.classes)):
        for k in reversed(range(len(maps))):
            builder.last = maps[k]
            if lite:
                builder.depthwise(f"{what}{k}.depthwise", stride=1)
            builder.predictor(f"{what}{k}", BOXES[k] * numbers, kernel=1 if lite else 3)
            if what == "class":
                builder.add(f"score{k}", "sigmoid")
