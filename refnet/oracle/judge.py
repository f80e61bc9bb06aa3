"""The verdict on a backend's answer: right by proof, or wrong and where.

Special values, the whole policy:

* NaN: where the oracle has NaN the answer must be NaN, and nowhere else.
* Infinities: where the oracle is infinite the answer must be the same infinity. Where the
  oracle is finite but the declared arithmetic may overflow, nothing is promised and nothing is
  judged; such elements are counted.
* -0.0 and 0.0 are the same answer: the sign of a zero depends on the order of summation.
* Subnormal numbers are numbers; a backend that flushes them to 0 declares it, and its bound
  is wider by what that can lose.
* A tap on the padding touches nothing: a weight that is NaN there makes no NaN. A backend that
  multiplies it with a zero of padding does, and so weights must be finite.

>>> value = Value(np.array([1.0, 2.0]), np.array([0.5, 0.5]), np.ones(2))
>>> compare(np.array([1.25, 2.75]), value).ratio
1.5
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from refnet.backend import Arithmetic, Case
from refnet.bounds import Value, propagate
from refnet.bounds.formats import float_format, holds

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Verdict:
    """One tensor judged.

    >>> value = Value(np.array([1.0, 2.0]), np.array([0.5, 0.5]), np.ones(2))
    >>> print(compare(np.array([1.25, 2.75]), value))
    1 of 2 wrong, worst at (1,): 2.75, expected 2 (bound 0.5)

    ratio: the largest |answer - oracle| / bound (over 1 is wrong; infinite for a NaN or an
    infinity out of place). wrong: how many elements are. at, answer, expected, bound: the worst
    one. equal: the share of elements that equal the oracle rounded to float32. problem: what
    keeps the answer from being judged at all, a shape for instance.
    """

    ratio: float
    wrong: int
    elements: int
    at: tuple[int, ...]
    answer: float
    expected: float
    bound: float
    equal: float
    not_judged: int = 0
    exact: bool = False
    problem: str = ""

    @property
    def holds(self) -> bool:
        """Whether the answer is right."""
        return not self.problem and self.wrong == 0

    def __str__(self) -> str:
        if self.problem:
            return self.problem
        if self.holds:
            return "bit-equal" if self.exact else f"err/bound {self.ratio:.3g}"
        owed = "bit equality is owed" if self.exact else f"bound {self.bound:.3g}"
        return (
            f"{self.wrong:,} of {self.elements:,} wrong, worst at {self.at}: "
            f"{self.answer:.9g}, expected {self.expected:.9g} ({owed})"
        )


def judge(case: Case, answer: Mapping[str, Array], arithmetic: Arithmetic) -> dict[str, Verdict]:
    """A verdict for each output of a case; the network is judged as one unit, from its inputs.

    >>> from refnet.oracle.suites import operations, random_case
    >>> case = random_case(dict(operations())["relu6"], "demo")
    >>> [judge(case, y, Arithmetic())["y"].holds for y in (case.expected, {})]
    [True, False]

    For one operation, or for the few layers that engines fuse. A whole network is judged layer
    by layer, each on the backend's own input to it: see `refnet.oracle.check`.
    """
    owed = owes_equality(case, arithmetic)
    known = {} if owed else propagate(case.network, case.tensors, case.inputs, arithmetic)
    verdicts = {}
    for name in case.network.outputs:
        expected = case.expected[name]
        value = Value(expected, np.zeros(expected.shape), abs(expected)) if owed else known[name]
        verdicts[name] = compare(answer.get(name), value, exact=owed)
    return verdicts


def owes_equality(case: Case, arithmetic: Arithmetic) -> bool:
    """Whether a case's sums are exact in this arithmetic, whatever their order.

    >>> from refnet.oracle.suites import questions
    >>> case = next(questions("ops")).case                  # whole numbers
    >>> [owes_equality(case, Arithmetic(algorithm=name)) for name in ("direct", "winograd")]
    [True, False]
    """
    if case.exact_below is None or arithmetic.algorithm != "direct":
        return False
    formats = (arithmetic.storage, arithmetic.accumulate)
    if any(case.exact_below > 2 ** float_format(name).bits for name in formats):
        return False
    factors = (*case.inputs.values(), *case.tensors.values())
    return all(holds(a, arithmetic.inputs) and holds(a, arithmetic.storage) for a in factors)


def compare(answer: Array | None, value: Value, *, exact: bool = False) -> Verdict:
    """An answer beside the oracle's value and bound, by the policy above.

    >>> value = Value(np.array([np.inf]), np.zeros(1), np.ones(1))
    >>> compare(np.array([np.inf]), value).holds, compare(np.array([3e38]), value).holds
    (True, False)
    """
    problem = _unjudgeable(answer, value.exact)
    if problem:
        return unanswered(value.exact.size, problem, exact=exact)
    assert answer is not None
    found, expected = answer.astype(np.float64), value.exact
    if not expected.size:
        return Verdict(0.0, 0, 0, (), 0.0, 0.0, 0.0, 1.0, exact=exact)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        difference = abs(found - expected)
        ratio = np.where(difference == 0, 0.0, difference / value.error)
        special = ~np.isfinite(expected)
        same = np.where(np.isnan(expected), np.isnan(found), found == expected)
        ratio = np.where(special, np.where(same, 0.0, np.inf), ratio)
        ratio = np.where(~special & ~np.isfinite(found), np.inf, ratio)
        ratio = np.where(np.isnan(ratio), np.inf, ratio)  # NaN for a bound lets nothing pass
        free = ~special & np.isinf(value.error)
        ratio = np.where(free, 0.0, ratio)
        equal = float(np.mean((found == expected.astype(np.float32)) | (special & same)))
    worst = np.unravel_index(int(np.argmax(ratio)), ratio.shape)
    return Verdict(
        float(ratio[worst]), int((ratio > 1).sum()), ratio.size, tuple(int(i) for i in worst),
        float(found[worst]), float(expected[worst]), float(value.error[worst]), equal,
        int(free.sum()), exact,
    )  # fmt: skip


def unanswered(elements: int, problem: str, *, exact: bool = False) -> Verdict:
    """The verdict on an answer that cannot be judged at all.

    >>> str(unanswered(8, "no answer"))
    'no answer'
    """
    nan = float("nan")
    return Verdict(np.inf, 0, elements, (), nan, nan, nan, 0.0, exact=exact, problem=problem)


def _unjudgeable(answer: Any, expected: Array) -> str:
    if answer is None:
        return "no answer"
    if not isinstance(answer, np.ndarray):
        return f"answer of type {type(answer).__name__}, expected an array"
    if answer.shape != expected.shape:
        return f"shape {answer.shape}, expected {expected.shape}"
    if answer.dtype.kind not in "fiu":
        return f"numbers of type {answer.dtype}, expected floats"
    return ""
