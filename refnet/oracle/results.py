"""What became of the questions: layer by layer, question by question, all together."""

from __future__ import annotations

from dataclasses import dataclass

from refnet.backend import Arithmetic
from refnet.oracle.judge import Verdict


@dataclass(frozen=True)
class LayerResult:
    """One layer or unit, judged on the backend's own input to it.

    free: largest distance from the oracle's own run of the whole network, over the largest
    number there. condition: the median of (sum of |w||x| + |b|) / |y|, how much cancels.
    likely: the largest error in units of sqrt(n) u (sum of |w||x| + |b|), where errors that are
    independent would lie (Higham and Mary, 2019). The last two are told, never judged by.
    """

    layer: str
    op: str
    verdict: Verdict
    free: float
    condition: float
    likely: float


@dataclass(frozen=True)
class Result:
    """One question answered. mode: "whole", or for networks "shown", "fused" or "cut".

    >>> from refnet.oracle.adapters.ops import Ops
    >>> from refnet.oracle.check import ask
    >>> from refnet.oracle.suites import questions
    >>> (result,) = ask(Ops(), next(questions("ops")), Ops.arithmetic)
    >>> result.id, result.mode, result.holds
    ('conv2d-0-exact', 'whole', True)

    cannot: why the backend does not answer it, if it says so itself (NotImplementedError).
    diagnosis: the known mistake that gives these numbers, in words, where it was looked for.
    """

    suite: str
    kind: str
    id: str
    mode: str
    layers: tuple[LayerResult, ...]
    cannot: str = ""
    diagnosis: str = ""

    @property
    def holds(self) -> bool:
        """Whether all of it is right."""
        return all(layer.verdict.holds for layer in self.layers)

    @property
    def first_bad(self) -> LayerResult | None:
        """The first layer that is wrong."""
        return next((layer for layer in self.layers if not layer.verdict.holds), None)

    @property
    def worst(self) -> LayerResult:
        """The layer nearest to its bound, or farthest beyond it."""
        return max(self.layers, key=lambda layer: layer.verdict.ratio)


@dataclass(frozen=True)
class Report:
    """What became of all questions.

    >>> from refnet.oracle.adapters.ops import Ops
    >>> from refnet.oracle.check import check
    >>> claimed = Arithmetic("float64", accumulate="float64")   # more than float32's products keep
    >>> result, layer = check(Ops(), "ops", arithmetic=claimed).first_bad
    >>> result.id, layer.verdict.holds
    ('conv2d-0', False)
    """

    backend: str
    arithmetic: Arithmetic
    results: tuple[Result, ...]

    @property
    def holds(self) -> bool:
        """Whether the backend is right: it answered something, and all of that holds."""
        answered = any(not result.cannot for result in self.results)
        return answered and all(result.holds for result in self.results)

    @property
    def first_bad(self) -> tuple[Result, LayerResult] | None:
        """The first layer that is wrong, in the order of the questions."""
        for result in self.results:
            if (layer := result.first_bad) is not None:
                return result, layer
        return None
