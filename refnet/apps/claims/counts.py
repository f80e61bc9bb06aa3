"""Claims about whole networks: how many parameters, how many multiply-accumulates.

>>> [claim.id for claim in CLAIMS][:2]
['params-v1-folded', 'params-v1-metal']
"""

from __future__ import annotations

from fractions import Fraction

from refnet.apps.claims.networks import (
    book,
    cost_of,
    count,
    dense_cost,
    layers,
    mac_readings,
    parameter_readings,
    ratio,
    single,
    size,
)
from refnet.apps.claims.verdicts import Claim, Readings


def _parameters_of(model: str) -> Readings:
    return single(parameter_readings(model))


def _v2_over_v1() -> Readings:
    v1, v2 = parameter_readings("v1"), parameter_readings("v2")
    return {way: (ratio(v2[way], v1[way]),) for way in v1}


def _in_half4() -> Readings:
    """Depthwise weights and all biases go four channels at a time: any idle lanes?"""
    idle = sum(-layer.params["weight"][2] % 4 for layer in layers("v1", "depthwise_conv2d"))
    for layer in layers("v1", "conv2d", "depthwise_conv2d", "pointwise_conv2d", "dense"):
        idle += -layer.params["bias"][0] % 4
    return {"numbers and idle lanes": (size("v1") + idle,)}


def _smaller() -> Readings:
    return {"parameters, SqueezeNet's over V1's": (ratio(size("squeezenet"), size("v1")),)}


def _twice() -> Readings:
    return {"all taps": (ratio(count("v1"), count("v2")),)}


def _nine_times() -> Readings:
    return {"all taps": (ratio(count("mobilenet_standard"), count("v1")),)}


def _alpha_half() -> Readings:
    """The factors by which alpha = 0.5 shrinks V1."""
    factors = (
        ratio(count("v1"), count("v1", alpha=0.5)),
        ratio(size("v1"), size("v1", alpha=0.5)),
    )
    return {"all taps, batch norm folded": factors}


ALPHAS = ((0.75, Fraction(3, 4)), (0.5, Fraction(1, 2)), (0.25, Fraction(1, 4)))


def _alpha_squared() -> Readings:
    """What is left of the cost at each alpha; alpha^2 of it, were there no depthwise layers."""
    full = count("v1")
    pointwise = cost_of("v1", "pointwise_conv2d")
    return {
        "the whole network": tuple(ratio(count("v1", alpha=a), full) for a, _ in ALPHAS),
        "pointwise layers alone": tuple(
            ratio(cost_of("v1", "pointwise_conv2d", alpha=a), pointwise) for a, _ in ALPHAS
        ),
    }


def _alpha_squared_parameters() -> Readings:
    def without_classifier(alpha: float) -> int:
        (dense,) = layers("v1", "dense", alpha=alpha)
        channels, classes = dense.params["weight"]
        return size("v1", alpha=alpha) - (channels + 1) * classes

    return {
        "the whole network": tuple(ratio(size("v1", alpha=a), size("v1")) for a, _ in ALPHAS),
        "the fully connected layer left out": tuple(
            ratio(without_classifier(a), without_classifier(1.0)) for a, _ in ALPHAS
        ),
    }


def _rho_squared() -> Readings:
    """Cost over rho^2 times the full cost; the classifier does not see the resolution."""
    full = count("v1")
    sides = (192, 160, 128)
    left = tuple(ratio(count("v1", resolution=r) * 224**2, full * r**2) for r in sides)
    return {"the whole network": left}


def _depthwise_cheap() -> Readings:
    elsewhere = cost_of("v1", "pointwise_conv2d") + dense_cost("v1")
    return {"multiply-accumulates": (ratio(elsewhere, count("v1")),)}


def _folding_saves() -> Readings:
    """Batch norm's multiplications that folding removes."""
    return {"multiplications": (book("v1", batch_norm=True).total("batch norm"),)}


SIXTH, EIGHTH = Fraction(1, 6), Fraction(1, 8)

CLAIMS = (
    Claim(
        "params-v1-folded", "article", "parameters of V1, its batch norms folded",
        ("4,221,032",), lambda: _parameters_of("v1"),
        "1000 classes, one bias a channel. The lecture repeats it.",
    ),
    Claim(
        "params-v1-metal", "lecture 6.4", "parameters of V1 in the author's Metal version",
        ("4,254,889",), lambda: _parameters_of("v1"),
        "The source wonders what was counted: 1001 classes, and batch norms unfolded.",
    ),
    Claim(
        "params-v2-metal", "lecture 6.4", "parameters of V2 in the author's Metal version",
        ("3,510,505",), lambda: _parameters_of("v2"),
        "Just what the lecture's own remark on TensorFlow's V2 implies: batch norm after "
        "depthwise layers only, a bias elsewhere.",
    ),
    Claim(
        "params-v1-table", "lecture 6.4", "parameters of V1, from Google's table",
        ("4.24 M",), lambda: _parameters_of("v1"),
        "A conjecture, as three digits do not settle it.",
    ),
    Claim(
        "params-v2-table", "lecture 6.4", "parameters of V2, from Google's table",
        ("3.47 M",), lambda: _parameters_of("v2"),
        "A conjecture, as three digits do not settle it; and not the way that V1's 4.24 M "
        "was counted.",
    ),
    Claim(
        "params-v2-ratio", "lecture 6.4", "V2's share of V1's parameters",
        ("~ 80 %",), _v2_over_v1,
        "80 % is one digit, good to 5 in 80. Every way of counting gives 82 to 83 %.",
        about=Fraction(1, 16),
    ),
    Claim(
        "params-v1-million", "article", "V1 beside Inception V3 and VGG-16: its parameters",
        ("4 M",), lambda: _parameters_of("v1"),
    ),
    Claim(
        "inception", "article", "parameters of Inception V3",
        ("24 M",), lambda: {"batch norm folded": (size("inception_v3"),)},
    ),
    Claim(
        "vgg16", "article", "parameters of VGG-16",
        ("138 M",), lambda: {"1000 classes": (size("vgg16"),)},
    ),
    Claim(
        "vgg16-over", "article", "a lower bound for VGG-16's parameters",
        ("> 130 M",), lambda: {"1000 classes": (size("vgg16"),)},
    ),
    Claim(
        "squeezenet", "article", "SqueezeNet has fewer parameters than V1",
        ("< 1",), _smaller, "SqueezeNet 1.0.",
    ),
    Claim(
        "metal-params-count", "article", "numbers that the Metal weight files hold",
        ("4,221,032",), _in_half4,
        "The source's half4 layout takes four channels at a time. All of V1's depthwise layers "
        "and biases are multiples of four, so no lane is idle.",
    ),
    Claim(
        "macs-v1", "lecture 6.4", "multiply-accumulates of V1", ("569 M",),
        lambda: single(mac_readings("v1")),
    ),
    Claim(
        "macs-v2", "lecture 6.4", "multiply-accumulates of V2", ("300 M",),
        lambda: single(mac_readings("v2")),
        "All taps give 301 M when rounded; without taps on the padding it is 300 M.",
    ),
    Claim(
        "v2-twice-as-fast", "lecture 6.4", "V1's multiply-accumulates over V2's: almost twice",
        ("~ 2 x",), _twice,
        "\"Almost\" may miss by a sixteenth, less than the quarter that one digit allows. "
        "Multiply-accumulates are not time: see speed-as-macs.",
        about=Fraction(1, 16),
    ),
    Claim(
        "nine-times-network", "lecture 6.1", "V1's work beside a net of its shape: 9 times less",
        ("~ 9 x",), _nine_times,
        "Against V1 with standard convolutions. The formula itself stays an eighth short of 9 "
        "at N = 64, which is the width allowed.",
        about=EIGHTH,
    ),
    Claim(
        "alpha-half", "lecture 6.1", "what alpha = 0.5 divides V1's cost and parameters by",
        ("4 x", "3 x"), _alpha_half,
    ),
    Claim(
        "alpha-squared", "lecture 5.1", "cost left at alpha 0.75, 0.5, 0.25: alpha^2",
        ("~ 0.5625", "~ 0.25", "~ 0.0625"), _alpha_squared,
        "Only a pointwise layer's cost falls as alpha^2; a depthwise layer's, the first "
        "layer's and the classifier's fall as alpha. The V1 paper says \"roughly\"; the width, "
        "a sixth, is halfway from alpha^2 to alpha at 0.75.",
        about=SIXTH,
    ),
    Claim(
        "alpha-squared-params", "V1 3.3", "parameters left at alpha 0.75, 0.5, 0.25: alpha^2",
        ("~ 0.5625", "~ 0.25", "~ 0.0625"), _alpha_squared_parameters,
        "The classifier holds a quarter of V1's parameters, and they fall as alpha. The width is "
        "a sixth, halfway from alpha^2 to alpha at 0.75.",
        about=SIXTH,
    ),
    Claim(
        "rho-squared", "V1 3.4", "cost over rho^2 times the full cost, at 192, 160 and 128",
        ("1.00", "1.00", "1.00"), _rho_squared,
        "Every side stays whole at these resolutions; only the classifier does not shrink.",
    ),
    Claim(
        "depthwise-cheap", "article", "share of pointwise and fully connected layers: the most",
        ("> 50 %",), _depthwise_cheap,
        "As multiply-accumulates; the article speaks of time. Of that share the fully connected "
        "layer has next to nothing: its weight is in bytes.",
    ),
    Claim(
        "folding-saves", "article", "multiplications saved by folding batch norm",
        ("> 0",), _folding_saves, "One for every output of a convolution.",
    ),
)  # fmt: skip
