"""The cost of one layer in closed form: exact integers, exact fractions.

A multiply-accumulate is counted in one of two ways, and the two are never mixed:

* "all taps": every tap of every output, those on the padding too. The papers' way, in which
  D_K^2 M N D_G^2 is the cost of a convolution whatever its padding.
* "executed": only the taps that meet the map. What a loop that skips the padding really does.

>>> standard_macs(3, 3, 32, 224, stride=2)                 # the first layer of MobileNet V1
10838016
>>> standard_macs(3, 3, 32, 224, stride=2, counting="executed")
10773600
>>> separable_ratio(3, 1024)
Fraction(1033, 9216)

Sides D_K and D_F are one number or (rows, columns). What cannot be (no channel, a negative
padding, a kernel that does not fit) raises ValueError; any size of map gets its exact count, a
multiple of the stride or not. alpha and rho scale channels and sides, rounded down.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Literal

from refnet import geometry
from refnet.arguments import check_count, check_pair, check_positive
from refnet.geometry import Axis, Padding, Pair

Counting = Literal["all taps", "executed"]
Number = int | float | Fraction


def taps(
    D_K: Pair,
    D_F: Pair,
    *,
    stride: Pair = 1,
    padding: Padding = "same",
    dilation: Pair = 1,
    counting: Counting = "all taps",
) -> int:
    """Pairs of an output and a tap of its window: products of one channel with one filter.

    >>> taps(3, 4), taps(3, 4, counting="executed")        # a 4 x 4 map: 16 windows of 9
    (144, 100)

    All taps: D_K^2 D_G^2. Executed: rows and columns are independent, so the count is the
    product of what each axis executes.
    """
    for side in check_pair(D_K, "D_K"):
        if side > 1_000_000:
            raise ValueError(f"D_K: {side}, expected at most 1,000,000 taps a side")
    if counting not in ("all taps", "executed"):
        raise ValueError(f"counting: {counting!r}, expected 'all taps' or 'executed'")
    axes = geometry.axes(
        check_pair(D_F, "D_F"),
        check_pair(D_K, "D_K"),
        stride=stride,
        padding=padding,
        dilation=dilation,
    )
    if counting == "all taps":
        return math.prod(axis.kernel * axis.output for axis in axes)
    return math.prod(executed_on_axis(axis) for axis in axes)


def executed_on_axis(axis: Axis) -> int:
    """Pairs of an output and a tap along one axis that meet the map, in closed form.

    >>> executed_on_axis(Axis(size=4, kernel=3, stride=1, dilation=1, before=1, after=1))   # of 12
    10

    Tap i of output r reads r s + o with o = i d - before. It meets the map for
    ceil(-o / s) <= r <= floor((size - 1 - o) / s), and r lies in 0 .. D_G - 1.
    """
    total = 0
    for i in range(axis.kernel):
        offset = i * axis.dilation - axis.before
        first = max(0, -(offset // axis.stride))
        last = min(axis.output - 1, (axis.size - 1 - offset) // axis.stride)
        total += max(0, last - first + 1)
    return total


def standard_macs(
    D_K: Pair,
    M: int,
    N: int,
    D_F: Pair,
    *,
    stride: Pair = 1,
    padding: Padding = "same",
    dilation: Pair = 1,
    groups: int = 1,
    counting: Counting = "all taps",
) -> int:
    """D_K^2 M N D_G^2, for a map of D_F^2; with groups, each filter sees M / groups channels.

    >>> standard_macs(3, 3, 3, 1)                          # 81 weights, one pixel
    81

    Source: MobileNets (arXiv:1704.04861), section 3.1, equation 2.
    """
    M, N, groups = check_count(M, "M"), check_count(N, "N"), check_count(groups, "groups")
    if M % groups or N % groups:
        raise ValueError(f"groups: {groups} does not divide M = {M} and N = {N}")
    window = taps(D_K, D_F, stride=stride, padding=padding, dilation=dilation, counting=counting)
    return window * (M // groups) * N


def depthwise_macs(
    D_K: Pair,
    M: int,
    D_F: Pair,
    *,
    multiplier: int = 1,
    stride: Pair = 1,
    padding: Padding = "same",
    dilation: Pair = 1,
    counting: Counting = "all taps",
) -> int:
    """D_K^2 M D_G^2, `multiplier` times.

    >>> depthwise_macs(3, 3, 1)
    27

    Source: MobileNets (arXiv:1704.04861), section 3.1, equation 4.
    """
    M, multiplier = check_count(M, "M"), check_count(multiplier, "multiplier")
    window = taps(D_K, D_F, stride=stride, padding=padding, dilation=dilation, counting=counting)
    return window * M * multiplier


def pointwise_macs(M: int, N: int, D_F: Pair, *, stride: Pair = 1) -> int:
    """M N D_G^2. A 1x1 kernel has no padding, so both ways of counting agree.

    >>> pointwise_macs(3, 3, 1)
    9
    """
    return standard_macs(1, M, N, D_F, stride=stride, padding="valid")


def separable_macs(
    D_K: Pair,
    M: int,
    N: int,
    D_F: Pair,
    *,
    multiplier: int = 1,
    stride: Pair = 1,
    padding: Padding = "same",
    dilation: Pair = 1,
    alpha: Number = 1,
    rho: Number = 1,
    counting: Counting = "all taps",
) -> int:
    """D_K^2 M D_G^2 + M N D_G^2: filter, then combine; M and N times alpha, D_F times rho.

    >>> separable_macs(3, 3, 3, 1)                         # against 81 for the standard one
    36

    Source: MobileNets (arXiv:1704.04861), section 3.1, equation 5, and 3.4, equation 7.
    """
    M, N = scaled(M, alpha, "alpha"), scaled(N, alpha, "alpha")
    rows, columns = (scaled(side, rho, "rho") for side in check_pair(D_F, "D_F"))
    filtering = depthwise_macs(
        D_K, M, (rows, columns),
        multiplier=multiplier, stride=stride, padding=padding, dilation=dilation,
        counting=counting,
    )  # fmt: skip
    outputs = geometry.axes(
        (rows, columns), check_pair(D_K, "D_K"), stride=stride, padding=padding, dilation=dilation
    )
    return filtering + pointwise_macs(M * multiplier, N, (outputs[0].output, outputs[1].output))


def dense_macs(M: int, N: int) -> int:
    """M N.

    >>> dense_macs(1024, 1000)
    1024000
    """
    return check_count(M, "M") * check_count(N, "N")


def separable_ratio(D_K: Pair, N: int) -> Fraction:
    """1/N + 1/D_K^2: a separable layer's cost over the standard one's, all taps counted.

    >>> separable_ratio(3, 1024), float(separable_ratio(512, 100))
    (Fraction(1033, 9216), 0.010003814697265625)

    It holds at every stride, map and padding, since both layers make the same outputs; not for
    executed taps, where the standard layer's padding is skipped N times over.
    Source: MobileNets (arXiv:1704.04861), section 3.1.
    """
    rows, columns = check_pair(D_K, "D_K")
    return Fraction(1, check_count(N, "N")) + Fraction(1, rows * columns)


def parameters(
    weights: int, channels: int, *, bias: bool = False, batch_norm: Literal[0, 2, 4] = 0
) -> int:
    """Numbers of a layer: its weights, a bias a channel, and batch norm's two or four a channel.

    >>> parameters(standard_weights(3, 3, 32), 32, batch_norm=4)
    992

    batch_norm: 2 counts what is learned (gamma, beta), 4 the statistics too.
    """
    if batch_norm not in (0, 2, 4):
        raise ValueError(f"batch_norm: {batch_norm!r}, expected 0, 2 or 4 numbers a channel")
    if bias not in (True, False):
        raise ValueError(f"bias: {bias!r}, expected True or False")
    weights, channels = check_count(weights, "weights"), check_count(channels, "channels")
    return weights + channels * (int(bias) + batch_norm)


def standard_weights(D_K: Pair, M: int, N: int, *, groups: int = 1) -> int:
    """D_K^2 M N weights, over the number of groups: the cost for one pixel, all taps.

    >>> standard_weights(3, 32, 64), standard_weights(3, 32, 64, groups=32)
    (18432, 576)
    """
    return standard_macs(D_K, M, N, check_pair(D_K, "D_K"), groups=groups, padding="valid")


def depthwise_weights(D_K: Pair, M: int, *, multiplier: int = 1) -> int:
    """D_K^2 M weights, `multiplier` times.

    >>> depthwise_weights(3, 32), depthwise_weights(3, 32, multiplier=2)
    (288, 576)
    """
    return depthwise_macs(D_K, M, check_pair(D_K, "D_K"), multiplier=multiplier, padding="valid")


def separable_weights(D_K: Pair, M: int, N: int, *, multiplier: int = 1) -> int:
    """D_K^2 M + M N weights.

    >>> standard_weights(3, 3, 3), separable_weights(3, 3, 3), separable_weights(3, 3, 1)
    (81, 36, 30)
    """
    first = depthwise_weights(D_K, M, multiplier=multiplier)
    return first + standard_weights(1, M * multiplier, N)


def scaled(count: int, factor: Number, name: str) -> int:
    """count * factor, rounded down; a float such as 0.1 counts as the decimal that it prints.

    >>> scaled(32, 0.75, "alpha"), scaled(10, 0.3, "alpha")
    (24, 3)
    """
    count = check_count(count, "count")
    check_positive(factor, name)
    exact = factor if isinstance(factor, Fraction) else Fraction(str(factor))
    if (whole := int(count * exact)) < 1:
        raise ValueError(f"{name}: {factor} leaves nothing of {count}")
    return whole
