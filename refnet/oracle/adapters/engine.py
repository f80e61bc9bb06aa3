"""refnet's own fast engine, judged like everybody else's."""

from __future__ import annotations

from collections.abc import Mapping

from refnet.backend import Arithmetic, Array, Runner
from refnet.engine import Plan, Tricks, plan
from refnet.network import Network
from refnet.oracle.adapters.border import taken


class Engine:
    """The plan that `refnet classify` runs, in float32, batch norm folded in float64.

    >>> Engine().arithmetic.folds_in
    'float64'

    threads, tricks: as for `refnet.plan`. What it shows is copied on the way, and a convolution
    whose batch norm is folded is computed once more to be shown, so that no number of the plan
    that is judged differs from the plan that is timed.
    """

    arithmetic = Arithmetic(folds_in="float64")

    def __init__(self, *, threads: int = 1, tricks: Tricks | None = None) -> None:
        self._threads, self._tricks = threads, tricks

    def prepare(self, network: Network, tensors: Mapping[str, Array], batch: int = 1) -> Runner:
        """One plan, whose workers end when nobody holds it any more."""
        made: Plan = plan(network, tensors, batch=batch, threads=self._threads, tricks=self._tricks)
        return lambda inputs: made(taken(network, inputs, batch))
