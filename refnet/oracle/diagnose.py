"""Which known mistake gives exactly these wrong numbers?

Every mistake of the library is made on purpose, on the very inputs that the backend had, and its
result compared with the backend's answer, within the bound. One that reproduces every element is
the diagnosis; where none does, common ones are tried two at a time; where nothing fits, that is
said, for a wrong name is worse than none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refnet.backend import Arithmetic, Backend
from refnet.network import Network
from refnet.oracle.check import Result, layers_of, tensors_shown, units_of
from refnet.oracle.judge import compare
from refnet.oracle.mistakes import MISTAKES, Mistake
from refnet.oracle.situation import Situation
from refnet.oracle.suites import Question
from refnet.oracle.trace import written_in

Array = np.ndarray[Any, Any]
ROWS = 4  # of the map's top, to try a variant on first


@dataclass(frozen=True)
class Finding:
    """Mistakes that together reproduce the answer, each with what is special about it."""

    mistakes: tuple[Mistake, ...]
    details: tuple[str, ...]

    def __str__(self) -> str:
        parts = [
            f"{mistake.name} ({detail})" if detail else mistake.name
            for mistake, detail in zip(self.mistakes, self.details, strict=True)
        ]
        return " together with ".join(parts)


@dataclass(frozen=True)
class Diagnosis:
    """What fits, best first, and how many were tried.

    findings: all that reproduce every element; several of different names cannot be told apart on
    this input. tried: how many variants, single and in pairs, were computed.
    """

    layer: str
    findings: tuple[Finding, ...]
    tried: int
    pairs: int

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """The different answers, as tuples of mistakes' names."""
        found = (tuple(m.name for m in finding.mistakes) for finding in self.findings)
        return tuple(dict.fromkeys(found))

    def __str__(self) -> str:
        ruled_out = len(MISTAKES) - len({name for names in self.names for name in names})
        if not self.findings:
            return (
                f"{self.layer}: none of the {len(MISTAKES)} known mistakes fits "
                f"({self.tried} variants tried, {self.pairs} of them two at a time)"
            )
        first = self.findings[0]
        lines = [f"{self.layer}: {first}"]
        for mistake in first.mistakes:
            lines += [f"  what it is: {mistake.says}", f"  remedy: {mistake.remedy}"]
        if len(self.names) > 1:
            others = " or ".join(
                str(next(f for f in self.findings if tuple(m.name for m in f.mistakes) == names))
                for names in self.names[1:]
            )
            lines.append(f"  cannot be told apart here from: {others}")
        else:
            sure = {
                "structure": "every element is reproduced within its bound",
                "precision": "every element is reproduced within its bound",
                "suspicion": "which sums, and in which order, is not known; but all are numbers "
                "of that format, and within its bound",
            }[first.mistakes[0].kind]
            lines.append(f"  {sure}; none of the other {ruled_out} mistakes fits")
        return "\n".join(lines)


def diagnose(situation: Situation, answer: Array, layer: str = "") -> Diagnosis:
    """The known mistakes, alone or two together, that give `answer` in this situation."""
    tried = 0
    found: list[Finding] = []
    for mistake in MISTAKES:
        for detail, variant in _variants(mistake, situation):
            tried += 1
            if mistake.kind != "suspicion":
                fits = _fits(variant, answer)
            else:  # one of them says it all: the coarser format's grid is part of the finer one's
                suspected = any(finding.mistakes == (mistake,) for finding in found)
                fits = not suspected and _suspected(variant, situation, answer)
            if fits:
                found.append(Finding((mistake,), (detail,)))
    for kind in ("structure", "precision", "suspicion"):  # the most telling kind that fits
        best = [finding for finding in found if finding.mistakes[0].kind == kind]
        if best:
            found = best
            break
    name = layer or situation.network.outputs[0]
    if found:
        return Diagnosis(name, tuple(found), tried, 0)
    pairs = 0
    for one, two in _pairs():
        for detail, variant in _variants(one, situation):
            for detail2, both in _variants(two, variant):
                pairs += 1
                if _fits(both, answer):
                    found.append(Finding((one, two), (detail, detail2)))
    return Diagnosis(name, tuple(found), tried + pairs, pairs)


def explain(backend: Backend, result: Result, question: Question, arithmetic: Arithmetic) -> str:
    """The diagnosis of a result's first bad layer, and on how many later ones it holds too.

    The backend is asked once more for what it had there. An empty text where all holds, or where
    it does not answer.
    """
    bad, units, known = _asked_again(backend, result, question, arithmetic)
    if not known:
        return ""
    first = _diagnosed(units[bad[0]], known, question, arithmetic)
    if first is None:
        return ""
    text = str(first)
    if first.findings and len(bad) > 1:
        agreeing, looked = 0, 0
        for name in bad[1:13]:
            looked += 1
            later = _situation(units[name], known, question, arithmetic)
            agreeing += later is not None and _agrees(first.findings[0], later, known[name])
        text += f"\n  the same mistake reproduces {agreeing} of the next {looked} bad layers"
    return text


def diagnosis_of(
    backend: Backend, result: Result, question: Question, arithmetic: Arithmetic
) -> Diagnosis | None:
    """The same as data, of the first bad layer; None where all holds or nothing is shown."""
    bad, units, known = _asked_again(backend, result, question, arithmetic)
    return _diagnosed(units[bad[0]], known, question, arithmetic) if known else None


def _asked_again(
    backend: Backend, result: Result, question: Question, arithmetic: Arithmetic
) -> tuple[list[str], dict[str, Network], Mapping[str, Array]]:
    """The bad layers, the units by their outputs, and what the backend had and made there."""
    bad = [layer.layer for layer in result.layers if not layer.verdict.holds]
    case = question.case
    units = {unit.outputs[0]: unit for unit in _units(case.network, result.mode, arithmetic)}
    if not bad:
        return bad, units, {}
    try:
        return bad, units, tensors_shown(backend, case, list(units), result.mode)
    except Exception:  # it raised before, or shows nothing: there is nothing to go by
        return bad, units, {}


def _diagnosed(
    unit: Network, known: Any, question: Question, arithmetic: Arithmetic
) -> Diagnosis | None:
    situation = _situation(unit, known, question, arithmetic)
    name = unit.outputs[0]
    return None if situation is None else diagnose(situation, known[name], name)


def _situation(
    unit: Network, known: Any, question: Question, arithmetic: Arithmetic
) -> Situation | None:
    numbers = (known.get(name) for name in (*unit.inputs, *unit.outputs))
    if not all(isinstance(a, np.ndarray) and a.dtype.kind in "fiu" for a in numbers):
        return None
    if any(known[name].shape[1:] != shape for name, shape in unit.inputs.items()):
        return None  # the layer before gave another shape
    tensors = {name: np.asarray(question.case.tensors[name], np.float64) for name in unit.params()}
    inputs = {name: np.asarray(known[name], np.float64) for name in unit.inputs}
    return Situation(unit, tensors, inputs, arithmetic)


def _agrees(finding: Finding, situation: Situation, answer: Array) -> bool:
    """Whether the same mistakes, in any of their variants, explain another layer."""
    variants = [situation]
    for mistake in finding.mistakes:
        variants = [made for before in variants for _, made in _variants(mistake, before)]
    return any(_fits(variant, answer) for variant in variants)


def _variants(mistake: Mistake, situation: Situation) -> Iterator[tuple[str, Situation]]:
    """The variants that can be made at all."""
    try:
        yield from mistake.variants(situation)
    except ValueError:  # a shape that does not fit: the mistake is not possible here
        return


def _fits(variant: Situation, answer: Array) -> bool:
    """Whether a variant gives every element of the answer, within its bound.

    First the top of the map, which rules most variants out at a fraction of the cost.
    """
    with np.errstate(all="ignore"):
        top = variant.top(ROWS) if answer.ndim == 4 and answer.shape[1] > 4 * ROWS else None
        if top is not None and not _reproduces(top, answer[:, :ROWS]):
            return False
        return _reproduces(variant, answer)


def _reproduces(variant: Situation, answer: Array) -> bool:
    exact = variant.exact()
    if exact.shape != answer.shape:
        return False
    # A glance first: most variants are far off, and their bounds need not be computed.
    scale = float(np.max(abs(exact), initial=0.0)) + 1e-300
    if not float(np.median(abs(answer - exact))) <= 0.05 * scale:
        return False
    return compare(answer, variant.value()).holds


def _suspected(variant: Situation, situation: Situation, answer: Array) -> bool:
    """Within the wider bound, off in many places, and with the trace of a narrow format."""
    value = situation.value()
    if value.exact.shape != answer.shape:
        return False
    with np.errstate(all="ignore"):
        off = abs(answer - value.exact) > value.error
        counted = value.error > 0  # too few bits spare nothing, a slip does
        if np.count_nonzero(off & counted) * 10 < np.count_nonzero(counted):
            return False
        return written_in(variant.arithmetic.accumulate, situation, answer) and _fits(
            variant, answer
        )


def _pairs() -> Iterator[tuple[Mistake, Mistake]]:
    """Every two, in the order in which a backend meets them; in both where they do not commute."""
    common: Sequence[Mistake] = [m for m in MISTAKES if m.kind == "structure"]
    for n, one in enumerate(common):
        for two in common[n + 1 :]:
            yield one, two
            if one.of_input and two.of_input:
                yield two, one


def _units(network: Network, mode: str, arithmetic: Arithmetic) -> list[Network]:
    if mode in ("shown", "whole"):
        return layers_of(network, arithmetic)
    return units_of(network)
