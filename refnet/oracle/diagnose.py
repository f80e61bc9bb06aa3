"""Which known mistake gives exactly these wrong numbers?

Every mistake of the library is made on purpose, on the very inputs that the backend had, and its
result compared with the backend's answer, within the bound. One that reproduces every element is
the diagnosis; where none does, common ones are tried two at a time; where nothing fits, that is
said, for a wrong name is worse than none.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refnet.backend import Arithmetic, Backend
from refnet.network import Network
from refnet.oracle.judge import compare
from refnet.oracle.mistakes import MISTAKES, Mistake
from refnet.oracle.results import Result
from refnet.oracle.shown import tensors_shown
from refnet.oracle.situation import Situation
from refnet.oracle.suites import Question
from refnet.oracle.trace import written_in
from refnet.oracle.units import layers_of, units_of

Array = np.ndarray[Any, Any]
ROWS, CHANNELS = 4, 8  # of the map's top, and of its last channels, to try a variant on first

PATIENCE = 8.0  # seconds for mistakes two at a time
LATER = 12  # later bad layers that a mistake is tried on


@dataclass(frozen=True)
class Finding:
    """Mistakes that together reproduce the answer, each with what is special about it."""

    mistakes: tuple[Mistake, ...]
    details: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The mistakes' names."""
        return tuple(mistake.name for mistake in self.mistakes)


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
        found: dict[frozenset[str], tuple[str, ...]] = {}
        for finding in self.findings:  # two that can be made in either order are one answer
            found.setdefault(frozenset(finding.names), finding.names)
        return tuple(found.values())

    def said_of(self, names: tuple[str, ...]) -> str:
        """An answer with all that is special about it; what of that cannot be told apart by or."""
        said = [finding for finding in self.findings if finding.names == names]
        parts = []
        for n, name in enumerate(names):
            details = dict.fromkeys(f.details[n] for f in said if f.details[n])
            parts.append(f"{name} ({' or '.join(details)})" if details else name)
        return " together with ".join(parts)

    def __str__(self) -> str:
        ruled_out = len(MISTAKES) - len({name for names in self.names for name in names})
        if not self.findings:
            return (
                f"{self.layer}: none of the {len(MISTAKES)} known mistakes fits "
                f"({self.tried} variants tried, {self.pairs} of them two at a time)"
            )
        first = self.findings[0]
        lines = [f"{self.layer}: {self.said_of(first.names)}"]
        for mistake in first.mistakes:
            lines += [f"  what it is: {mistake.says}", f"  remedy: {mistake.remedy}"]
        if len(self.names) > 1:
            others = "; or ".join(self.said_of(names) for names in self.names[1:])
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
    if found and found[0].mistakes[0].kind != "suspicion":
        return Diagnosis(name, tuple(found), tried, 0)
    together, pairs = _together(situation, answer)
    return Diagnosis(name, tuple(together or found), tried + pairs, pairs)


def _together(situation: Situation, answer: Array) -> tuple[list[Finding], int]:
    """Common mistakes two at a time, as many as PATIENCE allows; and how many were tried."""
    found: list[Finding] = []
    pairs, end = 0, time.monotonic() + PATIENCE
    for one, two in _pairs():
        for detail, variant in _variants(one, situation):
            for detail2, both in _variants(two, variant):
                if time.monotonic() > end:
                    return found, pairs
                pairs += 1
                if _fits(both, answer):
                    found.append(Finding((one, two), (detail, detail2)))
    return found, pairs


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
    if not first.findings or len(bad) == 1:
        return str(first)
    # What the first layer cannot tell apart, the later ones often can.
    agreeing: dict[tuple[str, ...], int] = {}
    for names in first.names:
        one = next(finding for finding in first.findings if finding.names == names)
        agreeing[names] = 0
        for name in bad[1 : 1 + LATER]:
            later = _situation(units[name], known, question, arithmetic)
            agreeing[names] += later is not None and _agrees(one, later, known[name])
    most = max(agreeing.values())
    kept = tuple(f for f in first.findings if agreeing.get(f.names, 0) == most)
    looked = len(bad[1 : 1 + LATER])
    return (
        f"{replace(first, findings=kept)}\n"
        f"  the same mistake reproduces {most} of the next {looked} bad layers"
    )


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

    First a part of it, which rules most variants out at a fraction of the cost.
    """
    with np.errstate(all="ignore"):
        part, beside = variant, answer
        if answer.ndim == 4 and answer.shape[1] > 4 * ROWS and (top := part.top(ROWS)):
            part, beside = top, beside[:, :ROWS]
        if last := part.last_channels(CHANNELS):
            part, beside = last, beside[..., -CHANNELS:]
        if part is not variant and not _reproduces(part, beside):
            return False
        return _reproduces(variant, answer)


def _reproduces(variant: Situation, answer: Array) -> bool:
    exact = variant.exact()
    if exact.shape != answer.shape:
        return False
    # A glance first: most variants are far off, and their bounds need not be computed.
    scale = float(np.max(abs(exact), initial=0.0))
    if scale > 0 and not float(np.median(abs(answer - exact))) <= 0.05 * scale:
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
