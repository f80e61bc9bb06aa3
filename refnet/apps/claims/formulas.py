"""Claims about one layer: the formulas, judged by the loops that count while they run.

>>> _exceptions(lambda k, m, n, p: n * p**2 * k**2 * m, "conv2d")
0
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from refnet import definition, ops
from refnet.apps.claims.verdicts import Claim, Readings, Values
from refnet.channel_separability import as_standard
from refnet.cost.formulas import (
    depthwise_weights,
    separable_macs,
    separable_ratio,
    separable_weights,
    standard_macs,
    standard_weights,
)
from refnet.models.mobilenet_v1 import BLOCKS

# D_K, M, N, the output's side D_p and the stride, for which every formula is tried.
CASES = list(product((1, 2, 3), (1, 3), (1, 2, 4), (1, 2, 3), (1, 2)))
Formula = Callable[[int, int, int, int], int]


def _tally(op: str, k: int, m: int, n: int, p: int, stride: int) -> int:
    """What the loops count on a map that the windows just cover, with no padding."""
    side = (p - 1) * stride + k
    x, tally = np.ones((1, side, side, m), int), definition.Tally()
    said: dict[str, Any] = {"padding": "valid", "stride": stride, "tally": tally}
    deep, wide = np.ones((k, k, m, 1), int), np.ones((1, 1, m, n), int)
    if op == "conv2d":
        definition.conv2d(x, np.ones((k, k, m, n), int), **said)
    if op in ("depthwise", "separable"):
        x = definition.depthwise_conv2d(x, deep, **said)
    if op == "separable":
        definition.pointwise_conv2d(x, wide, tally=tally)
    if op == "pointwise":
        definition.pointwise_conv2d(x[:, :p, :p], wide, tally=tally)
    return tally.macs


def _exceptions(formula: Formula, op: str) -> int:
    """Cases in which the loops count otherwise."""
    return sum(formula(k, m, n, p) != _tally(op, k, m, n, p, s) for k, m, n, p, s in CASES)


def _formula(formula: Formula, op: str) -> Callable[[], Readings]:
    return lambda: {"no padding": (_exceptions(formula, op),)}


def _ratio_at_every_stride() -> Readings:
    wrong = sum(
        Fraction(_tally("separable", *case), _tally("conv2d", *case))
        != separable_ratio(case[0], case[2])
        for case in CASES
    )
    return {"no padding": (wrong,)}


def _standard_filter() -> Readings:
    """What one filter multiplies at one place, as a product of D_K = 3 and M = 5."""
    meant = {"Dk x M": 3 * 5, "Dk x Dk x M": 3 * 3 * 5}
    counted = _tally("conv2d", 3, 5, 1, 1, 1)
    return {"": tuple(text for text, products in meant.items() if products == counted)}


def _filter_mended() -> Values:
    """The lecture's next line, on the multiplications of one convolution."""
    return ("Dk x Dk x M",)


def _lower_case_n() -> Readings:
    """Of M*Dp^2*(Dk^2+n), the symbol that N filters make vary."""
    with_n = {n: _tally("separable", 3, 2, n, 2, 1) for n in (1, 4)}
    right = all(count == 2 * 2**2 * (3**2 + n) for n, count in with_n.items())
    return {"": ("M*Dp^2*(Dk^2+N)" if right else "another",)}


def _lower_case_mended() -> Values:
    """The same formula, one line below and in the table of complexities."""
    return ("M*Dp^2*(Dk^2+N)",)


def _separable_weights() -> Readings:
    deep = depthwise_weights(3, 3)
    whole = separable_weights(3, 3, 3)
    return {"weights": (standard_weights(3, 3, 3), deep, whole - deep, whole)}


def _one_channel() -> Readings:
    deep = depthwise_weights(3, 3)
    return {"weights": (deep, separable_weights(3, 3, 1) - deep)}


def _products_of_sizes() -> Readings:
    """The three 1 x 3 filters, and the three 3 x 3 x 3 ones, as the shapes of their arrays."""
    pointwise, standard = np.zeros((3, 1, 3)), np.zeros((3, 3, 3, 3))
    return {"": tuple("x".join(map(str, w.shape)) for w in (pointwise, standard))}


def _products_mended() -> Values:
    """From the sums printed beside: 36 = 27 + 9, where 9 is so many times 1x3; and 81."""
    return f"{(36 - 27) // 3}x1x3", f"{81 // 27}x3x3x3"


def _always_cheaper() -> Readings:
    """N up to 1024 at which a 3 x 3 separable layer is no cheaper."""
    dear = [N for N in range(1, 1025) if separable_ratio(3, N) >= 1]
    return {"all N from 1": (len(dear),)}


def _nine_times() -> Readings:
    """At the fewest and at the most channels of V1's blocks."""
    channels = [N for N, _ in BLOCKS]
    ends = (min(channels), max(channels))
    return {"all taps": tuple(1 / separable_ratio(3, N) for N in ends)}


def _times_nine() -> Readings:
    """N = 1024, D_K = 3, one pixel of one channel."""
    standard = standard_macs(3, 1, 1024, 1)
    return {
        "a depthwise convolution": (Fraction(standard, depthwise_weights(3, 1)),),
        "a depthwise separable convolution": (Fraction(standard, separable_macs(3, 1, 1024, 1)),),
    }


def _depthwise_example() -> tuple[Any, Any, Any]:
    random = np.random.default_rng(3)
    x = random.integers(-9, 10, (1, 8, 8, 3))
    deep = random.integers(1, 10, (3, 3, 3, 1))  # no zero among them, so that zeros tell
    return x, deep, as_standard(deep)


def _depthwise_as_standard() -> Readings:
    """The lecture's 3 x 8 x 8 input: outputs that differ, and how many times the work."""
    x, deep, wide = _depthwise_example()
    tallies = definition.Tally(), definition.Tally()
    a = definition.depthwise_conv2d(x, deep, padding="same", tally=tallies[0])
    b = definition.conv2d(x, wide, padding="same", tally=tallies[1])
    times = Fraction(tallies[1].macs, tallies[0].macs)
    return {"taps on the padding left out": (int((a != b).sum()), times)}


def _depthwise_weights() -> Readings:
    _, deep, wide = _depthwise_example()
    weights = int(np.count_nonzero(deep))
    return {
        "all weights": (weights, wide.size),
        "weights that are not zero": (weights, int(np.count_nonzero(wide))),
    }


def _fractions(shape: tuple[int, ...], seed: int) -> Any:
    values = np.random.default_rng(seed).integers(-99, 100, shape)
    return np.vectorize(lambda v: Fraction(int(v), 7), otypes=[object])(values)


def _ensemble() -> Readings:
    """7 x 7 pixels of 8 channels, 5 classes: predictions, and logits of the mean that differ."""
    x, w, b = _fractions((1, 7, 7, 8), 1), _fractions((8, 5), 2), _fractions((5,), 3)
    pixels = ops.dense(x.reshape(49, 8), w, b)
    mean = pixels.sum(axis=0) / len(pixels)
    of_mean = ops.dense(ops.global_average_pool(x), w, b)[0]
    return {"logits": (len(pixels), int((mean != of_mean).sum()))}


def _without_batch_norm() -> Readings:
    """Outputs that change where a batch norm is left out, or folded into the weights.

    In Fractions; the standard deviation of channel c is (c + 2)/3, so that no root is taken.
    """
    x, w = _fractions((1, 4, 4, 2), 4), _fractions((3, 3, 2, 3), 5)
    gamma, beta, mean = (_fractions((3,), seed) for seed in (6, 7, 8))
    scale = gamma / np.array([Fraction(c + 2, 3) for c in range(3)])
    plain = ops.conv2d(x, w, padding="same")
    normed = (plain - mean) * scale + beta
    folded = ops.conv2d(x, w * scale, beta - mean * scale, padding="same")
    return {
        "left out": (int((plain != normed).sum()),),
        "folded into the convolution": (int((folded != normed).sum()),),
    }


def _relu6() -> Readings:
    x = np.arange(-32, 97) / 8
    wanted = [min(max(0, v), 6) for v in x.tolist()]
    return {"at eighths from -4 to 12": (int((ops.relu6(x) != wanted).sum()),)}


_NONE = f"Counted: exceptions, in {len(CASES)} small cases, by the loops of refnet.definition."

CLAIMS = (
    Claim("formula-standard", "lecture 3.2", "multiplications: N Dp^2 Dk^2 M", ("0",),
          _formula(lambda k, m, n, p: n * p**2 * k**2 * m, "conv2d"), _NONE),
    Claim("formula-depthwise", "lecture 3.3", "multiplications: M Dk^2 Dp^2", ("0",),
          _formula(lambda k, m, n, p: m * k**2 * p**2, "depthwise"), _NONE),
    Claim("formula-pointwise", "lecture 3.4", "multiplications: M Dp^2 N", ("0",),
          _formula(lambda k, m, n, p: m * p**2 * n, "pointwise"), _NONE),
    Claim("formula-separable", "lecture 3.5", "multiplications: M Dp^2 (Dk^2 + N)", ("0",),
          _formula(lambda k, m, n, p: m * p**2 * (k**2 + n), "separable"), _NONE),
    Claim("ratio-any-stride", "lecture 3.5", "the ratio is 1/N + 1/Dk^2 at every stride", ("0",),
          _ratio_at_every_stride,
          f"{_NONE} With padding it holds if all taps are counted, those on the padding too."),
    Claim("formula-filter", "lecture 3.2", "the size of a standard filter", ("Dk x M",),
          _standard_filter, "The next line has the factor that is lost here.",
          mended=_filter_mended),
    Claim("formula-small-n", "lecture 3.5", "a separable layer's multiplications",
          ("M*Dp^2*(Dk^2+n)",), _lower_case_n, "N, as one line below.",
          mended=_lower_case_mended),
    Claim("ratio-1024", "lecture 3.5", "cost ratio at N = 1024, Dk = 3", ("0.112",),
          lambda: {"": (separable_ratio(3, 1024),)}),
    Claim("ratio-100", "lecture 3.5", "cost ratio at N = 100, Dk = 512", ("0.010004",),
          lambda: {"": (separable_ratio(512, 100),)}),
    Claim("ratio-100-times", "lecture 3.5", "how many times less that is", ("100",),
          lambda: {"": (1 / separable_ratio(512, 100),)}),
    Claim("times-nine", "lecture 3.5",
          "a standard layer's cost, N = 1024, over that of a depthwise convolution", ("9 x",),
          _times_nine, "The lecture leaves out the word \"separable\"."),
    Claim("nine-times", "article", "how many times faster 3 x 3 separable layers are",
          ("~ 9 x", "~ 9 x"), _nine_times,
          "At 64 and at 1024 channels; 9 is the limit for ever more. The formula is 9/(N + 9) "
          "short of it, an eighth at 64, which is the width allowed.", about=Fraction(1, 8)),
    Claim("separable-81-36", "lecture 3.1",
          "weights, 3 channels to 3: standard, depthwise, pointwise, separable",
          ("81", "27", "9", "36"), _separable_weights),
    Claim("separable-one-channel", "lecture 3.1", "weights, 3 channels to 1: depthwise, pointwise",
          ("27", "3"), _one_channel),
    Claim("separable-31x3", "lecture 3.1", "sizes of the pointwise and of the standard filters",
          ("31x3", "33x3x3"), _products_of_sizes,
          "A multiplication sign is lost in each, or a dot as in section 3.5. The sums beside "
          "them, 36 = 27 + 9 and 81, tell where.", mended=_products_mended),
    Claim("separable-always", "article", "N at which a 3 x 3 separable layer is not cheaper: none",
          ("0",), _always_cheaper,
          "N = 1 alone: Dk^2 + N reaches Dk^2 N at N = Dk^2/(Dk^2 - 1). With a 1 x 1 kernel it is "
          "never cheaper."),
    Claim("depthwise-as-standard", "lecture 3.3",
          "a depthwise convolution as a standard one: outputs that differ, times the filters",
          ("0", "3"), _depthwise_as_standard, "Every filter has zeros for all channels but one."),
    Claim("depthwise-same-weights", "lecture 3.3", "weights of the two: they stay the same",
          ("27", "27"), _depthwise_weights),
    Claim("pool-49", "lecture 6.5", "a 7 x 7 pool is an ensemble: predictions, logits that differ",
          ("49", "0"), _ensemble,
          "A dense layer is linear, so the mean of 49 predictions is the prediction of the mean: "
          "exactly, in Fractions. After the softmax it would not be."),
    Claim("batch-norm-ignored", "article", "outputs that change without the batch norms", ("0",),
          _without_batch_norm, "Batch norm is at work after training, too, until it is folded."),
    Claim("relu6", "lecture 6.1", "ReLU6 is min(max(0, x), 6): exceptions", ("0",), _relu6),
)  # fmt: skip
