"""What goes wrong in a detector's last layers: sigmoids, and the order of a box's numbers.

A layer is known for one of a detector's by its name, as `refnet.models.ssdlite` has them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from refnet.oracle.situation import Situation, Variants

Array = np.ndarray[Any, Any]

# A box's four numbers are centre (y, x), then size (height, width): what else there is.
ORDERS = {"x before y": (1, 0, 3, 2), "size before centre": (2, 3, 0, 1),
          "width, height, x, y": (3, 2, 1, 0)}  # fmt: skip
VARIANCES = (10.0, 10.0, 5.0, 5.0)  # what decoding divides them by


def sigmoid(s: Situation) -> Variants:
    """Missing, twice, or where there should be none."""
    layer = s.first("sigmoid")
    if layer is not None:
        yield "missing", s.with_layer(layer, None)
        yield "twice", s.appended("sigmoid")
    elif s.kernel_layer is not None and s.first("relu", "relu6", "softmax") is None:
        yield "where there should be none", s.appended("sigmoid")


def box_order(s: Situation) -> Variants:
    """A box's numbers in another order, or grouped by what they are and not by box."""
    (name,) = s.network.outputs
    N = s.network.shapes()[name][-1]
    each = _numbers_of_a_box(s, name)
    if each < 2 or N % each:
        return
    if name.startswith("box"):
        for said, order in ORDERS.items():
            yield said, _permuted(s, np.arange(N).reshape(-1, 4)[:, order].ravel())
    if each < N:
        what = "number" if name.startswith("box") else "class"
        grouped = np.arange(N).reshape(-1, each).T.ravel()
        yield f"{what} by {what}, not box by box", _permuted(s, grouped)
        yield f"box by box where {what} by {what} was read", _permuted(s, np.argsort(grouped))


def _numbers_of_a_box(s: Situation, name: str) -> int:
    """Four for its place, one a class for what it holds; 0 where the layer is none of these."""
    if name.startswith("box"):
        return 4
    if name.startswith(("class", "score")) and s.network.conventions is not None:
        return s.network.conventions.classes
    return 0


def _permuted(s: Situation, order: Array) -> Situation:
    def permute(y: Array) -> Array:
        return y[..., order]

    step: Callable[[Array], Array] = permute
    return replace(s, after=(*s.after, step))


def variances(s: Situation) -> Variants:
    """Already divided by what only decoding should divide by, or the reverse."""
    layer = s.kernel_layer
    if layer is None or not layer.name.startswith("box") or s.network.outputs != (layer.name,):
        return
    N = s.network.shapes()[layer.name][-1]
    if N % 4:
        return
    by = np.tile(VARIANCES, N // 4)
    for said, factor in (("divided by 10 and 5 here already", 1 / by), ("times 10 and 5", by)):
        changed = s
        for name in layer.tensor_names():  # weight and bias end in the output's channels
            changed = changed.with_tensor(name, s.tensors[name] * factor)
        yield said, changed
