"""Claims of V2's paper about detection and segmentation: its Tables 5 to 7, recomputed.

>>> print(*(claim.id for claim in CLAIMS[:3]))
paper-v2-ssd paper-v2-ssdlite-params paper-v2-ssdlite-macs
"""

from __future__ import annotations

from functools import cache
from math import prod
from typing import Any

from refnet.apps.claims.networks import count, network, size
from refnet.apps.claims.verdicts import Claim, Readings
from refnet.arguments import check_pair
from refnet.cost import layer_macs, macs

# COCO's 80 classes and the background, at the side that section 6.2 trains with.
COCO: dict[str, Any] = {"classes": 81, "resolution": 320}
# The sides that a picture of 513 is scaled to, each twice, once mirrored (DeepLabv3's "MF").
SCALED = (257, 385, 513, 641, 769, 897)
FOLDED, KEPT = "batch norm folded to a bias a channel", "batch norm kept as 2 numbers a channel"
PADDED = "dilated filters counted on maps padded to a multiple of the dilation"
STRETCHED = f"{PADDED}, and an operation for every stretched score"


def _added(**options: Any) -> tuple[int, int]:
    """Multiply-adds and parameters of what detection adds to the blocks and the last 1280."""
    trunk = {"resolution": options.get("resolution", 320), "classes": 1}
    base = network("v2", **trunk).cut(["head.activation"])
    own = network("ssdlite", **options)
    below = set(base.params())
    numbers = sum(prod(shape) for name, shape in own.params().items() if name not in below)
    return macs(own) - macs(base), numbers


def _ssd() -> Readings:
    cost, numbers = _added(lite=False, **COCO)
    return {"heads and added maps, 80 classes and the background": (numbers, cost)}


def _ssdlite_parameters() -> Readings:
    return {"heads and added maps, 80 classes and the background": (_added(**COCO)[1],)}


def _ssdlite_cost() -> Readings:
    doubled = "multiplications and additions counted apart"
    without = _added(**{**COCO, "classes": 80})[0]
    cost = _added(**COCO)[0]
    return {
        "heads and added maps, 80 classes and the background": (cost,),
        doubled: (2 * cost,),
        f"{doubled}, no background": (2 * without,),
    }


def _detectors() -> Readings:
    found: list[int] = []
    for backbone in ("v1", "v2"):
        options = {**COCO, "backbone": backbone}
        found += [size("ssdlite", **options), count("ssdlite", **options)]
    return {FOLDED: tuple(found)}


def _segmenter_parameters() -> Readings:
    rows: tuple[dict[str, Any], ...] = ({"backbone": "v1", "aspp": True}, {"aspp": True}, {})
    return {
        way: tuple(size("deeplab", batch_norm=kept, **row) for row in rows)
        for way, kept in ((FOLDED, False), (KEPT, True))
    }


@cache
def _costs(side: int, **options: Any) -> tuple[int, int, int]:
    """Multiply-adds at one size of picture in three ways: all taps, PADDED, STRETCHED."""
    made = network("deeplab", resolution=side, **options)
    shapes = made.shapes()
    plain = padded = 0
    for layer in made.layers:
        x = shapes[layer.inputs[0]]
        own = layer_macs(layer, x)
        plain += own
        rows, columns = check_pair(getattr(layer.attrs, "dilation", 1), "dilation")
        if own:
            wide = (-(-x[1] // rows) * rows) * (-(-x[2] // columns) * columns)
            own = own * wide // (x[1] * x[2])
        padded += own
    return plain, padded, padded + prod(shapes["upsampled"])


def _one_scale(**options: Any) -> Readings:
    ways = ("all taps", PADDED, STRETCHED)
    return {way: (cost,) for way, cost in zip(ways, _costs(513, **options), strict=True)}


def _many_scales(**options: Any) -> Readings:
    found: Readings = {"one scale, all taps": (_costs(513, output_stride=8, **options)[0],)}
    totals = zip(*(_costs(side, output_stride=8, **options) for side in SCALED), strict=True)
    ways = ("all taps", PADDED, STRETCHED)
    many = {
        f"six scales, each mirrored too, {way}": (2 * sum(own),)
        for way, own in zip(ways, totals, strict=True)
    }
    return {**found, **many}


_SPACE = (
    "TensorFlow ran a dilated convolution by cutting its map into as many maps as it has places, "
    "which pads it first."
)
_MF = '"MF" adds up six scales of the picture and their mirror images (DeepLabv3, section 4.1).'

CLAIMS = (
    Claim(
        "paper-v2-ssd", "V2 Table 5", "SSD's heads on V2: parameters, multiply-adds",
        ("14.8 M", "1.25 G"), _ssd, "1.25 G is cut off.",
    ),
    Claim(
        "paper-v2-ssdlite-params", "V2 Table 5", "SSDLite's heads on V2: parameters",
        ("2.1 M",), _ssdlite_parameters,
    ),
    Claim(
        "paper-v2-ssdlite-macs", "V2 Table 5", "SSDLite's heads on V2: multiply-adds",
        ("0.35 G",), _ssdlite_cost,
        "A conjecture: twice ours, where SSD's own in the row above is once ours.",
    ),
    Claim(
        "paper-v2-detectors", "V2 Table 6",
        "SSDLite on V1 and on V2: parameters and multiply-adds of each",
        ("5.1 M", "1.3 G", "4.3 M", "0.8 G"), _detectors,
        "At 320 x 320, 80 classes and the background.",
    ),
    Claim("paper-v2-map", "V2 Table 6", "COCO mAP of SSDLite on V1 and on V2", ("22.2", "22.1")),
    Claim(
        "paper-v2-deeplab-params", "V2 Table 7",
        "parameters of DeepLabv3: V1 with ASPP, V2 with and without",
        ("11.15 M", "4.52 M", "2.11 M"), _segmenter_parameters,
    ),
    Claim(
        "paper-v2-deeplab-v1-16", "V2 Table 7", "V1, ASPP, output stride 16: multiply-adds",
        ("14.25 G",), lambda: _one_scale(backbone="v1", aspp=True),
        f"Nearest is 14.23 G. {_SPACE}",
    ),
    Claim(
        "paper-v2-deeplab-v1-8", "V2 Table 7", "V1, ASPP, output stride 8, MF: multiply-adds",
        ("941.9 G",), lambda: _many_scales(backbone="v1", aspp=True),
        f"No way of counting that we know gives it. {_MF}",
    ),
    Claim(
        "paper-v2-deeplab-aspp-16", "V2 Table 7", "V2, ASPP, output stride 16: multiply-adds",
        ("5.8 G",), lambda: _one_scale(aspp=True), _SPACE,
    ),
    Claim(
        "paper-v2-deeplab-aspp-8", "V2 Table 7", "V2, ASPP, output stride 8, MF: multiply-adds",
        ("387 G",), lambda: _many_scales(aspp=True), f"{_MF} {_SPACE}",
    ),
    Claim(
        "paper-v2-deeplab-16", "V2 Table 7", "V2 without ASPP, output stride 16: multiply-adds",
        ("2.75 G",), _one_scale, _SPACE,
    ),
    Claim(
        "paper-v2-deeplab-8", "V2 Table 7", "V2 without ASPP, output stride 8, MF: multiply-adds",
        ("152.6 G",), _many_scales, f"{_MF} {_SPACE}",
    ),
    Claim(
        "paper-v2-miou", "V2 Table 7", "mIOU of V2 without ASPP at output stride 16 and 8",
        ("75.32 %", "77.33 %"),
    ),
)  # fmt: skip
