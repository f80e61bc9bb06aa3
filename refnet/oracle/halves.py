"""Layers in half, with sums in float, judged to the last bit that the proof leaves open.

A kernel that adds up in float32 is within e of the layer's value ref, and rounds once, to half.
Rounding is monotone, so what it writes lies in half(ref - e) .. half(ref + e); most often both ends
are one number. Each layer is judged on the backend's own input to it, with the weights in half.

>>> import numpy as np
>>> from refnet.metal import Runner, open_library, program_of
>>> from refnet.models import mobilenet_v1
>>> rng = np.random.default_rng(0)
>>> network = mobilenet_v1(alpha=0.25, resolution=32, batch_norm=False)
>>> tensors = {k: rng.normal(0, 0.1, shape) for k, shape in network.params().items()}
>>> run = Runner(program_of(network, tensors), open_library())
>>> x = rng.uniform(-1, 1, (1, 32, 32, 3)).astype(np.float16)
>>> verdicts = judge_halves(network, tensors, {"image": x}, run(x, taps=unit_ends(network)))
>>> len(verdicts), sum(verdict.outside for verdict in verdicts)
(30, 0)

`refnet check metal` asks more questions, and judges them by what the adapter declares; its bound
has to allow for any storage in half, so it is wider.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from refnet.backend import Arithmetic
from refnet.bounds import propagate
from refnet.folding import fold
from refnet.network import Network
from refnet.oracle.units import FOLLOWERS, units_of

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class HalfVerdict:
    """One layer with its activation.

    outside: how many of its elements are beyond the interval, or NaN. equal: the share of all that
    are the oracle's value, rounded once; told, never judged by. ratio: the largest distance from
    ref, over that of the interval's end on the same side (over 1 is outside).
    """

    layer: str
    op: str
    elements: int
    outside: int
    equal: float
    ratio: float

    @property
    def holds(self) -> bool:
        """Whether every element lies inside."""
        return self.outside == 0


def unit_ends(network: Network) -> list[str]:
    """The layers whose outputs are written down: convolutions with what is fused behind them."""
    return [unit.outputs[0] for unit in units_of(network)]


def judge_halves(
    network: Network,
    tensors: Mapping[str, Array],
    inputs: Mapping[str, Array],
    answers: Mapping[str, Array],
    arithmetic: Arithmetic | None = None,
) -> list[HalfVerdict]:
    """A verdict for every unit of a network; `answers` holds what it made of each `unit_ends`.

    inputs: as the backend had them, so numbers of float16. Maps are owed in float16, and vectors,
    which refnet's kernels keep in buffers of float, in float32.
    arithmetic: of the sums; float32, rounded to nearest, unless given. A GPU's may say
    rounding="any"; then its last conversion, to half, may go to either neighbour too.
    """
    arithmetic = arithmetic or Arithmetic()
    folded, values = fold(network, tensors)
    stored = {name: _stored(name, value) for name, value in values.items()}
    renamed = {end: _folded_name(network, end) for end in unit_ends(network)}
    known = {**inputs, **{renamed[end]: answers[end] for end in renamed}}
    found = []
    for unit, end in zip(units_of(folded), renamed, strict=True):
        (name,) = unit.outputs
        given = {feed: known[feed].astype(np.float64) for feed in unit.inputs}
        value = propagate(unit, stored, given, arithmetic)[name]
        op = next((la.op for la in unit.layers if la.op not in FOLLOWERS), unit.layers[0].op)
        found.append(_verdict(end, op, known[name], value.exact, value.error, arithmetic))
    return found


def _verdict(
    layer: str, op: str, y: Array, exact: Array, error: Array, arithmetic: Arithmetic
) -> HalfVerdict:
    kind = np.float16 if exact.ndim == 4 else np.float32
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        low, high = _ends(exact - error, exact + error, kind, arithmetic)
        found = y.astype(np.float64)
        inside = (low <= found) & (found <= high)
        off, room = abs(found - exact), np.where(found < exact, exact - low, high - exact)
        ratio = np.where(off == 0, 0.0, off / np.maximum(room, 0.0))
        equal = float(np.mean(found == exact.astype(kind)))
    worst = float(np.where(np.isnan(ratio), np.inf, ratio).max(initial=0.0))
    return HalfVerdict(layer, op, exact.size, int((~inside).sum()), equal, worst)


def _ends(low: Array, high: Array, kind: Any, arithmetic: Arithmetic) -> tuple[Array, Array]:
    """The ends of an interval as they are stored: rounded to nearest, or outwards for "any"."""
    stored = [end.astype(kind) for end in (low, high)]
    if arithmetic.rounding == "any":
        below, above = np.nextafter(stored[0], kind(-np.inf)), np.nextafter(stored[1], kind(np.inf))
        stored = [
            np.where(stored[0] > low, below, stored[0]),
            np.where(stored[1] < high, above, stored[1]),
        ]
    return stored[0].astype(np.float64), stored[1].astype(np.float64)


def _stored(name: str, value: Array) -> Array:
    """A folded tensor as it is packed: biases in float32, weights in float16."""
    kind = np.float32 if name.endswith(".bias") else np.float16
    return value.astype(kind).astype(np.float64)


def _folded_name(network: Network, end: str) -> str:
    """What a unit's end is called once its norm is folded: the convolution's own name."""
    layer = network[end]
    return layer.inputs[0] if layer.op == "batch_norm" else end
