"""Claims of the two papers: their tables, recomputed row by row.

>>> print(*(claim.id for claim in CLAIMS[:3]))
paper-v1-table2 paper-v1-table2-rest paper-v1-95-75
"""

from __future__ import annotations

from fractions import Fraction

from refnet.apps.claims.networks import (
    book,
    cost_of,
    count,
    layers,
    mac_readings,
    parameter_readings,
    ratio,
    single,
    size,
)
from refnet.apps.claims.verdicts import Claim, Readings, Values
from refnet.cost.formulas import (
    parameters,
    separable_macs,
    separable_ratio,
    separable_weights,
    standard_macs,
    standard_weights,
)
from refnet.models.mobilenet_v1 import BLOCKS

TYPES = ("pointwise_conv2d", "depthwise_conv2d", "conv2d", "dense")


def _mac_shares() -> dict[str, Fraction]:
    """Table 2: the share of V1's multiply-accumulates by type of layer."""
    return {op: ratio(cost_of("v1", op), count("v1")) for op in TYPES}


def _parameter_shares() -> dict[str, Fraction]:
    """The share of the weights, each batch norm folded into its convolution."""
    whole = book("v1").total("weights", "biases")
    shares = {}
    for op in TYPES:
        own = {layer.name for layer in layers("v1", op)}
        counted = sum(r.count for r in book("v1").only("weights", "biases") if r.layer in own)
        shares[op] = ratio(counted, whole)
    return shares


def _weight_shares() -> dict[str, Fraction]:
    """The share of the weights alone, without any bias."""
    counts = {op: sum(r.count for r in book("v1").only("weights") if r.op == op) for op in TYPES}
    return {op: ratio(counts[op], sum(counts.values())) for op in TYPES}


def _table2() -> Readings:
    return {"all taps": (_mac_shares()["conv2d"],)}


def _table2_mended() -> Values:
    """From the layers of the paper's own Table 1."""
    return (_mac_shares()["conv2d"],)


def _table2_rest() -> Readings:
    macs, learned, weights = _mac_shares(), _parameter_shares(), _weight_shares()
    three = tuple(macs[op] for op in TYPES if op != "conv2d")
    return {
        "batch norm folded to a bias a channel": three + tuple(learned[op] for op in TYPES),
        "weights alone": three + tuple(weights[op] for op in TYPES),
    }


def _most_in_pointwise() -> Readings:
    op = "pointwise_conv2d"
    return {"multiply-accumulates and parameters": (_mac_shares()[op], _parameter_shares()[op])}


def _table3() -> Readings:
    """One layer, 14 x 14 x 512 to 512, shrunk step by step; weights only."""
    narrow, rho = 384, Fraction(160, 224)  # 0.75 of 512; 0.714 to three digits
    return {
        "all taps, weights": (
            standard_macs(3, 512, 512, 14),
            standard_weights(3, 512, 512),
            separable_macs(3, 512, 512, 14),
            separable_weights(3, 512, 512),
            separable_macs(3, 512, 512, 14, alpha=0.75),
            separable_weights(3, narrow, narrow),
            separable_macs(3, 512, 512, 14, alpha=0.75, rho=rho),
            separable_weights(3, narrow, narrow),
        )
    }


def _full_convolutions() -> Readings:
    numbers = size("mobilenet_standard")
    return {way: (n, numbers) for way, n in mac_readings("mobilenet_standard").items()}


def _rows(*options: dict[str, float | int | bool]) -> Readings:
    """Multiply-accumulates of several V1s, then their parameters."""
    sizes = tuple(size("v1", **o) for o in options)
    ways = [mac_readings("v1", **o) for o in options]
    return {way: tuple(found[way] for found in ways) + sizes for way in ways[0]}


def _resolutions() -> Readings:
    ways = [mac_readings("v1", resolution=r) for r in (224, 192, 160, 128)]
    return {way: tuple(found[way] for found in ways) for way in ways[0]}


def _dogs() -> Readings:
    """120 breeds instead of 1000 classes."""
    narrow = {"alpha": 0.75, "classes": 120}
    return {
        "120 classes": (
            size("v1", classes=120),
            size("v1", **narrow),
            count("v1", resolution=192, **narrow),
        )
    }


def _eight_to_nine() -> Readings:
    """The least and the most that V1's blocks save, by the formula."""
    saved = [1 / separable_ratio(3, N) for N, _ in BLOCKS]
    return {"all taps": (min(saved), max(saved))}


def _squeezenet_cost() -> dict[str, int]:
    """At 227 the maps are those of the SqueezeNet paper."""
    at_227 = mac_readings("squeezenet", resolution=227)
    return {
        "224 x 224, all taps": count("squeezenet"),
        **{f"227 x 227, {way}": n for way, n in at_227.items()},
    }


def _squeezenet_ratio() -> Readings:
    small = count("v1", alpha=0.5, resolution=160)
    return {way: (ratio(n, small),) for way, n in _squeezenet_cost().items()}


def _vgg_ratios() -> Readings:
    smaller = ratio(size("vgg16"), size("v1"))
    return {"all taps": (smaller, ratio(count("vgg16"), count("v1")))}


def _vgg_cost() -> Readings:
    return single(mac_readings("vgg16"))


def _layers_28() -> Readings:
    kernels = layers("v1", "conv2d", "depthwise_conv2d", "pointwise_conv2d", "dense")
    return {"layers with weights": (len(kernels),)}


def _wide() -> Readings:
    return single(mac_readings("v2", alpha=1.4))


def _wide_parameters() -> Readings:
    return single(parameter_readings("v2", alpha=1.4))


def _smallest() -> Readings:
    return single(mac_readings("v2", alpha=0.35, resolution=96))


def _classifier_holds_the_rest() -> Readings:
    """Of the parameters outside pointwise layers, the share in the fully connected one."""
    outside = size("v1") - sum(
        parameters(x.params["weight"][2] * x.params["weight"][3], x.params["weight"][3], bias=True)
        for x in layers("v1", "pointwise_conv2d")
    )
    channels, classes = layers("v1", "dense")[0].params["weight"]
    return {"batch norm folded": (ratio((channels + 1) * classes, outside),)}


_BUT = "No way of counting that we know gives it"

CLAIMS = (
    Claim(
        "paper-v1-table2", "V1 Table 2", "share of the first layer in V1's multiply-adds",
        ("1.19 %",), _table2,
        "Two digits swapped: as printed, the column adds up to 99.29 %.",
        mended=_table2_mended,
    ),
    Claim(
        "paper-v1-table2-rest", "V1 Table 2",
        "multiply-adds in 1x1, depthwise and dense layers; parameters in 1x1, depthwise, 3x3 "
        "and dense layers",
        ("94.86 %", "3.06 %", "0.18 %", "74.59 %", "1.06 %", "0.02 %", "24.33 %"), _table2_rest,
        "The dense layer without its thousand biases.",
    ),
    Claim(
        "paper-v1-95-75", "V1 3.2", "share of 1x1 layers in multiply-adds and parameters",
        ("95 %", "75 %"), _most_in_pointwise,
        "The paper calls the first one a share of time.",
    ),
    Claim(
        "paper-v1-nearly-all-fc", "V1 3.2",
        "share of the dense layer in the parameters outside 1x1 layers: nearly all",
        ("~ 100 %",), _classifier_holds_the_rest,
        "\"Nearly\" may miss by a sixteenth, which still leaves fifteen of sixteen.",
        about=Fraction(1, 16),
    ),
    Claim(
        "paper-v1-table3", "V1 Table 3",
        "one layer: multiply-adds and weights, full, separable, alpha 0.75, rho 0.714",
        ("462 M", "2.36 M", "52.3 M", "0.27 M", "29.6 M", "0.15 M", "15.1 M", "0.15 M"), _table3,
    ),
    Claim(
        "paper-v1-full-conv", "V1 Table 4", "V1 with standard convolutions",
        ("4866 M", "29.3 M"), _full_convolutions,
        "But V1's own 569 M, in the next row, has the fully connected layer in it.",
    ),
    Claim(
        "paper-v1-shallow", "V1 Table 5", "V1 without its five middle blocks",
        ("307 M", "2.9 M"), lambda: _rows({"shallow": True}),
    ),
    Claim(
        "paper-v1-alpha", "V1 Table 6", "V1 at alpha 1, 0.75, 0.5, 0.25",
        ("569 M", "325 M", "149 M", "41 M", "4.2 M", "2.6 M", "1.3 M", "0.5 M"),
        lambda: _rows({}, {"alpha": 0.75}, {"alpha": 0.5}, {"alpha": 0.25}),
    ),
    Claim(
        "paper-v1-rho", "V1 Table 7", "V1 at 224, 192, 160, 128",
        ("569 M", "418 M", "290 M", "186 M"), _resolutions, "290 M is cut off; 569 M is rounded.",
    ),
    Claim(
        "paper-v1-vgg16", "V1 Table 8", "multiply-adds of VGG-16",
        ("15300 M",), _vgg_cost, "The zeros only fill up: three digits.", digits=3,
    ),
    Claim(
        "paper-v1-32-27", "V1 4.2", "VGG-16 over V1: parameters, multiply-adds",
        ("32 x", "27 x"), _vgg_ratios,
    ),
    Claim(
        "paper-v1-0.5-160", "V1 Table 9", "V1 at alpha 0.5 and 160",
        ("76 M", "1.32 M"), lambda: _rows({"alpha": 0.5, "resolution": 160}),
    ),
    Claim(
        "paper-v1-squeezenet-params", "V1 Table 9", "parameters of SqueezeNet",
        ("1.25 M",), lambda: {"1000 classes": (size("squeezenet"),)},
    ),
    Claim(
        "paper-v1-squeezenet-macs", "V1 Table 9", "multiply-adds of SqueezeNet",
        ("1700 M",), lambda: single(_squeezenet_cost()),
        "A conjecture, from two digits. It stands beside V1's 76 M, for which a multiplication "
        "and an addition count as one.",
        digits=2,
    ),
    Claim(
        "paper-v1-squeezenet-22", "V1 4.2", "SqueezeNet's cost over that of V1 at 0.5 and 160",
        ("22 x",), _squeezenet_ratio,
        "SqueezeNet's operations over V1's multiply-accumulates. Counted alike it is half of it.",
    ),
    Claim(
        "paper-v1-dogs", "V1 Table 10",
        "V1 for 120 breeds of dogs: parameters, at alpha 0.75 too; multiply-adds at 0.75 and 192",
        ("3.3 M", "1.9 M", "239 M"), _dogs,
    ),
    Claim(
        "paper-v1-8-to-9", "V1 3.1", "how many times less a separable layer computes",
        ("8 x", "9 x"), _eight_to_nine, "The least and the most of V1's thirteen blocks.",
    ),
    Claim("paper-v1-28", "V1 3.2", "layers of V1", ("28",), _layers_28),
    Claim(
        "paper-v2-params", "V2 Table 4", "parameters of V2",
        ("3.4 M",), lambda: single(parameter_readings("v2")), "Cut off.",
    ),
    Claim(
        "paper-v2-v1-macs", "V2 Table 4", "multiply-adds of V1",
        ("575 M",), lambda: single(mac_readings("v1")), f"{_BUT}; the V1 paper prints 569 M.",
    ),
    Claim(
        "v2-width-1.4", "V2 Table 4", "multiply-adds of V2 at alpha 1.4",
        ("585 M",), _wide, f"{_BUT}, with the authors' own rule for rounding channels.",
    ),
    Claim(
        "v2-width-1.4-params", "V2 Table 4", "parameters of V2 at alpha 1.4",
        ("6.9 M",), _wide_parameters, f"{_BUT}; nothing else in the paper tells what was meant.",
    ),
    Claim(
        "paper-v2-smallest", "V2 6.1", "multiply-adds of the smallest V2, alpha 0.35 at 96",
        ("7",), _smallest, f"{_BUT}, also not if a unit, millions, was lost.",
    ),
    Claim(
        "paper-v2-smallest-params", "V2 6.1", "parameters of the smallest V2",
        ("1.7 M",), lambda: single(parameter_readings("v2", alpha=0.35)),
    ),
)  # fmt: skip
