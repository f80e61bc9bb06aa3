"""The trace that sums in a narrow format leave: they lie on its grid.

That an answer lies within the wide bound of half precision says little: so does one that is a
hundredth too large. But a sum that was written down in float16 has eleven significant bits, and
float32 numbers of another origin have them once in 2^13 times.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from refnet.backend import Format
from refnet.bounds import bound
from refnet.bounds.formats import float_format, rounded
from refnet.layer import BatchNormAttrs
from refnet.oracle.situation import Situation

Array = np.ndarray[Any, Any]
ENOUGH = 20  # elements; each is on the grid by chance at most once in four times: 4^-20 for all


def written_in(form: Format, situation: Situation, answer: Array) -> bool:
    """Whether the unit's sums, as far as the answer shows them, are numbers of this format.

    >>> from refnet.layer import Layer
    >>> from refnet.network import Network
    >>> from refnet.backend import Arithmetic
    >>> unit = Network("d", (Layer("d", "dense", ("x",), params={"weight": (3, 64)}),),
    ...                {"x": (3,)}, ("d",))
    >>> rng = np.random.default_rng(0)
    >>> w, x = rng.standard_normal((3, 64)), rng.standard_normal((1, 3))
    >>> s = Situation(unit, {"d.weight": w}, {"x": x}, Arithmetic())
    >>> written_in("float16", s, rounded(x @ w, "float16")), written_in("float16", s, x @ w)
    (True, False)

    What follows the sum is taken back: an activation, where it did not clip; batch norm; the
    bias, which may have been added before or after; a mean's divisor. Not, where the right
    sums are on the grid themselves (whole numbers).
    """
    right = situation.exact()
    if right.shape != answer.shape:
        return False
    return any(
        _on_grid(form, sums, slack) and not _on_grid(form, own, own_slack)
        for (sums, slack), (own, own_slack) in zip(
            _sums(situation, answer.astype(np.float64)), _sums(situation, right), strict=True
        )
    )


def _sums(s: Situation, y: Array) -> list[tuple[Array, Array]]:
    """What may have been written down, and how far float32 has carried it since."""
    slack = np.zeros(y.shape)
    activation, norm, layer = s.first("relu", "relu6"), s.first("batch_norm"), s.kernel_layer
    if activation is not None:
        clipped = (y <= 0) | ((y >= 6) if activation.op == "relu6" else False)
        y = np.where(clipped, np.nan, y)  # what is unknown is on no grid and beside none
    if norm is not None and isinstance(norm.attrs, BatchNormAttrs):
        gamma, beta, mean, variance = (s.tensors[name] for name in norm.tensor_names())
        scale = gamma / np.sqrt(variance + norm.attrs.epsilon)
        y = (y - beta) / scale + mean
        slack = bound(norm, [y], s.tensors, s.arithmetic) / abs(scale)
    found = [(y, slack)]
    unit = float_format(s.arithmetic.storage).unit
    if layer is not None and "bias" in layer.params:
        found.append((y - s.tensors[f"{layer.name}.bias"], slack + unit * abs(y)))
    pool = s.first("global_average_pool")
    if pool is not None:
        _, H, W, _ = s.inputs[pool.inputs[0]].shape
        found.append((y * (H * W), unit * abs(y) * (H * W)))
    return found


def _on_grid(form: Format, sums: Array, slack: Array) -> bool:
    """Whether all of them are the format's numbers, of those of which that can be told."""
    _, exponent = np.frexp(sums)
    least = float_format(form).least_exponent + 1
    step = np.ldexp(1.0, np.maximum(exponent, least) - float_format(form).bits)
    told = np.isfinite(sums) & (sums != 0) & (8 * slack <= step)  # 2 slack is a quarter of a step
    off = abs(sums - rounded(sums, form)) > slack
    return bool(np.count_nonzero(told) >= ENOUGH and not off[told].any())
