"""Checks of arguments: every refusal names the argument, what came and what was expected.

Only shapes and plain numbers are looked at here; no padding is worked out and nothing is
computed, so that `definition` and `ops` may both use it and still share no arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

Shape = tuple[int, ...]


def check_count(value: Any, name: str, *, least: int = 1) -> int:
    """`value` as an int of at least `least`.

    >>> check_count(0, "stride")
    Traceback (most recent call last):
    ...
    ValueError: stride: 0, expected a whole number of at least 1
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}: {value!r}, expected a whole number of at least {least}")
    return int(value)


def check_positive(value: Any, name: str) -> float:
    """A finite number above 0.

    >>> check_positive(float("nan"), "alpha")
    Traceback (most recent call last):
    ...
    ValueError: alpha: nan, expected a number above 0
    """
    if value is not True and isinstance(value, Real) and 0 < float(value) < math.inf:
        return float(value)
    raise ValueError(f"{name}: {value!r}, expected a number above 0")


def check_pair(value: Any, name: str) -> tuple[int, int]:
    """One positive number for both axes, or a (rows, columns) pair.

    >>> check_pair(2, "stride"), check_pair((2, 1), "stride")
    ((2, 2), (2, 1))
    """
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != 2:
            raise ValueError(f"{name}: {value!r}, expected one number or a (rows, columns) pair")
        return check_count(value[0], name), check_count(value[1], name)
    number = check_count(value, name)
    return number, number


def check_padding(padding: Any) -> None:
    """Refuse anything but "same", "valid" or four counts (top, bottom, left, right).

    >>> check_padding((1, 1))
    Traceback (most recent call last):
    ...
    ValueError: padding: (1, 1), expected 'same', 'valid' or (top, bottom, left, right)
    """
    if isinstance(padding, str) and padding in ("same", "valid"):
        return
    if not isinstance(padding, tuple) or len(padding) != 4:
        raise ValueError(
            f"padding: {padding!r}, expected 'same', 'valid' or (top, bottom, left, right)"
        )
    for count in padding:
        check_count(count, "padding", least=0)


def check_corners(corners: Any) -> None:
    """Refuse a name for where a resized map's pixels lie that is none.

    >>> check_corners("tf")
    Traceback (most recent call last):
    ...
    ValueError: corners: 'tf', expected 'aligned', 'half-pixel' or 'asymmetric'
    """
    if corners not in ("aligned", "half-pixel", "asymmetric"):
        raise ValueError(f"corners: {corners!r}, expected 'aligned', 'half-pixel' or 'asymmetric'")


def check_rank(shape: Shape, name: str, axes: str) -> None:
    """The number of axes, named in `axes` as in "B, H, W, M".

    >>> check_rank((8, 8, 3), "x", "B, H, W, M")
    Traceback (most recent call last):
    ...
    ValueError: x: 3 axes (8, 8, 3), expected (B, H, W, M)
    """
    if len(shape) != axes.count(",") + 1:
        raise ValueError(f"{name}: {len(shape)} axes {shape}, expected ({axes})")


def check_not_empty(shape: Shape, name: str) -> None:
    """Every axis but the first (the batch, which may be empty) has at least one element.

    >>> check_not_empty((1, 8, 0, 3), "x")
    Traceback (most recent call last):
    ...
    ValueError: x: an axis of no elements (1, 8, 0, 3)
    """
    if 0 in shape[1:]:
        raise ValueError(f"{name}: an axis of no elements {shape}")


def check_vector(shape: Shape, name: str, length: int) -> None:
    """A vector of `length` numbers, one for each channel.

    >>> check_vector((3, 1), "b", 3)
    Traceback (most recent call last):
    ...
    ValueError: b: shape (3, 1), expected (3,): one number a channel
    """
    if shape != (length,):
        raise ValueError(f"{name}: shape {shape}, expected ({length},): one number a channel")


def shape_of(b: Any) -> Shape | None:
    """The shape of a bias that may be absent.

    >>> import numpy as np
    >>> shape_of(np.zeros(3)), shape_of(None)
    ((3,), None)
    """
    return None if b is None else b.shape


def check_conv(x: Shape, w: Shape, b: Shape | None, groups: Any) -> None:
    """The shapes of a standard convolution in `groups` groups.

    >>> check_conv((1, 8, 8, 4), (3, 3, 3, 16), None, 1)
    Traceback (most recent call last):
    ...
    ValueError: w: 3 input channels, but x has 4 (x: (1, 8, 8, 4), w: (3, 3, 3, 16))
    """
    check_rank(x, "x", "B, H, W, M")
    check_rank(w, "w", "D_K, D_K, M, N")
    check_not_empty(x, "x")
    check_kernel(w)
    groups = check_count(groups, "groups")
    if w[2] * groups != x[3]:
        each = "" if groups == 1 else f" in each of {groups} groups"
        raise ValueError(f"w: {w[2]} input channels{each}, but x has {x[3]} (x: {x}, w: {w})")
    if w[3] % groups:
        raise ValueError(f"groups: {groups} does not divide the {w[3]} output channels of w")
    if b is not None:
        check_vector(b, "b", w[3])


def check_depthwise(x: Shape, w: Shape, b: Shape | None) -> None:
    """The shapes of a depthwise convolution: one filter, or `multiplier` of them, a channel.

    >>> check_depthwise((1, 8, 8, 4), (3, 3, 3, 1), None)
    Traceback (most recent call last):
    ...
    ValueError: w: filters for 3 channels, but x has 4 (x: (1, 8, 8, 4), w: (3, 3, 3, 1))
    """
    check_rank(x, "x", "B, H, W, M")
    check_rank(w, "w", "D_K, D_K, M, multiplier")
    check_not_empty(x, "x")
    check_kernel(w)
    if w[2] != x[3]:
        raise ValueError(f"w: filters for {w[2]} channels, but x has {x[3]} (x: {x}, w: {w})")
    if b is not None:
        check_vector(b, "b", w[2] * w[3])


def check_pointwise(x: Shape, w: Shape, b: Shape | None) -> None:
    """The shapes of a 1x1 convolution.

    >>> check_pointwise((1, 8, 8, 4), (3, 3, 4, 16), None)
    Traceback (most recent call last):
    ...
    ValueError: w: a kernel of 3 x 3, expected 1 x 1 (w: (3, 3, 4, 16))
    """
    check_conv(x, w, b, 1)
    if w[:2] != (1, 1):
        raise ValueError(f"w: a kernel of {w[0]} x {w[1]}, expected 1 x 1 (w: {w})")


def check_kernel(w: Shape) -> None:
    """A kernel without a tap, or without a channel, computes nothing.

    >>> check_kernel((3, 3, 0, 16))
    Traceback (most recent call last):
    ...
    ValueError: w: an axis of no elements (3, 3, 0, 16)
    """
    if 0 in w:
        raise ValueError(f"w: an axis of no elements {w}")


def check_dense(x: Shape, w: Shape, b: Shape | None) -> None:
    """The shapes of a fully connected layer.

    >>> check_dense((1, 1024), (1000, 1024), None)          # PyTorch's order of axes
    Traceback (most recent call last):
    ...
    ValueError: w: 1000 inputs, but x has 1024 (x: (1, 1024), w: (1000, 1024))
    """
    check_rank(x, "x", "B, M")
    check_rank(w, "w", "M, N")
    check_kernel(w)
    if w[0] != x[1]:
        raise ValueError(f"w: {w[0]} inputs, but x has {x[1]} (x: {x}, w: {w})")
    if b is not None:
        check_vector(b, "b", w[1])


def check_add(x: Shape, y: Shape) -> None:
    """A residual connection joins two maps of one shape; nothing is broadcast.

    >>> check_add((1, 8, 8, 4), (1, 8, 8, 1))
    Traceback (most recent call last):
    ...
    ValueError: y: shape (1, 8, 8, 1), but x has (1, 8, 8, 4): a residual sum needs equal shapes
    """
    if x != y:
        raise ValueError(f"y: shape {y}, but x has {x}: a residual sum needs equal shapes")


def check_concat(shapes: Sequence[Shape]) -> None:
    """Maps that are joined along their channels agree in every other axis.

    >>> check_concat([(1, 8, 8, 4), (1, 7, 8, 2)])
    Traceback (most recent call last):
    ...
    ValueError: xs[1]: shape (1, 7, 8, 2), but xs[0] has (1, 8, 8, 4): only channels may differ
    """
    if not shapes:
        raise ValueError("xs: no array, expected at least one")
    for number, shape in enumerate(shapes):
        check_rank(shape, f"xs[{number}]", "B, H, W, M")
        if shape[:-1] != shapes[0][:-1]:
            raise ValueError(
                f"xs[{number}]: shape {shape}, but xs[0] has {shapes[0]}: only channels may differ"
            )


def check_batch_norm(x: Shape, gamma: Shape, beta: Shape, mean: Shape, variance: Shape) -> None:
    """The four vectors of a batch normalisation, one number for each channel of x.

    >>> check_batch_norm((1, 8, 8, 4), (4,), (4,), (3,), (4,))
    Traceback (most recent call last):
    ...
    ValueError: mean: shape (3,), expected (4,): one number a channel
    """
    named = {"gamma": gamma, "beta": beta, "mean": mean, "variance": variance}
    for name, shape in named.items():
        check_vector(shape, name, x[-1])


def check_variance(variance: Sequence[float], epsilon: float) -> None:
    """No variance is so negative that epsilon does not make up for it; NaN is let through.

    >>> check_variance([0.5, -0.25], 1e-3)
    Traceback (most recent call last):
    ...
    ValueError: variance: -0.25 + epsilon 0.001 in channel 1 has no root
    """
    for m, value in enumerate(variance):
        if value + epsilon < 0:
            raise ValueError(f"variance: {value} + epsilon {epsilon} in channel {m} has no root")


def check_activation(activation: str | None) -> None:
    """The activations of MobileNet, or none.

    >>> check_activation("swish")
    Traceback (most recent call last):
    ...
    ValueError: activation: 'swish', expected 'relu', 'relu6' or None
    """
    if activation not in (None, "relu", "relu6"):
        raise ValueError(f"activation: {activation!r}, expected 'relu', 'relu6' or None")
