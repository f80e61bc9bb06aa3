"""Check a backend: every operation, and whole networks layer by layer on its own inputs.

In a whole network errors pile up, and to compare outputs says little. So each layer is judged
alone: the oracle computes it, in float64, from what the BACKEND had as that layer's input, and
the bound is that of one layer. The first layer that is wrong is then certain, and no later one is
blamed for it. This is done twice: with every layer shown, and with only the ends of units shown (a
convolution with its batch norm and activation), which is how engines like to run.

>>> from refnet.oracle.adapters.ops import Ops
>>> report = check(Ops(), "ops")
>>> report.holds, report.first_bad
(True, None)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from refnet.backend import Arithmetic, Backend, Case
from refnet.bounds import Value, propagate
from refnet.bounds.formats import float_format
from refnet.checkpoints import fetched
from refnet.errors import one_line
from refnet.layer import Layer
from refnet.network import Network
from refnet.oracle.diagnose import explain
from refnet.oracle.judge import compare, judge, owes_equality, unanswered
from refnet.oracle.photos import real_questions
from refnet.oracle.results import LayerResult, Report, Result
from refnet.oracle.shown import cut, tapped
from refnet.oracle.suites import Question, questions
from refnet.oracle.units import FOLLOWERS, layers_of, units_of
from refnet.run import run

Array = np.ndarray[Any, Any]
ANYTHING = (Exception, SystemExit)  # what a stranger's code may raise


def check(
    backend: Backend,
    suite: str = "all",
    *,
    arithmetic: Arithmetic | None = None,
    name: str = "",
    explaining: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Ask a backend all questions of a suite and judge its answers.

    >>> from refnet.oracle.adapters.ops import Ops
    >>> asked = []
    >>> check(Ops(), "ops", progress=asked.append).holds, asked[0]
    (True, 'conv2d-0-exact')

    arithmetic: to judge by, instead of what the backend declares.
    explaining: in how many wrong results of each suite, the first ones, to look for a known
        mistake.
    progress: called with the name of each question before it is asked.
    """
    declared = arithmetic or backend.arithmetic
    bits = min(24, float_format(declared.storage).bits, float_format(declared.inputs).bits)
    results: list[Result] = []
    left: dict[str, int] = {}  # how many may still be explained, suite by suite
    for question in all_questions(suite, bits):
        progress(question.case.id)
        named = False  # the same network shown in another way has the same mistake
        for result in ask(backend, question, declared):
            if not result.holds and left.setdefault(question.suite, explaining) and not named:
                said = explain(backend, result, question, declared)
                result = replace(result, diagnosis=said)
                left[question.suite] -= 1
                named = bool(said)
            results.append(result)
    return Report(name or type(backend).__name__, declared, tuple(results))


def all_questions(suite: str, bits: int = 24) -> Iterator[Question]:
    """Drawn questions, then real photos through real weights.

    Weights that do not come with refnet are used where they have been fetched; nothing is
    downloaded for a question.
    """
    yield from questions(suite, bits=bits)
    for model in ("v1", "v2"):
        if suite in (model, "all"):
            yield from real_questions(model)
    if suite in fetched.ALIASES and fetched.at_hand(suite):
        yield from real_questions(suite)


def ask(
    backend: Backend,
    question: Question,
    arithmetic: Arithmetic,
    modes: Sequence[str] = ("shown", "fused"),
) -> list[Result]:
    """One question: a single operation as a whole, a network layer by layer, in each of the modes.

    >>> from refnet.oracle.adapters.ops import Ops
    >>> (result,) = ask(Ops(), next(questions("ops")), Arithmetic())
    >>> result.holds, str(result.worst.verdict)
    (True, 'bit-equal')
    """
    case = question.case
    if len(case.network.layers) == 1:
        return [_ask_operation(backend, question, arithmetic)]
    oracle = run(
        case.network, case.tensors, case.inputs, taps=[la.name for la in case.network.layers]
    )
    found_results = []
    shown = layers_of(case.network, arithmetic)
    fused = units_of(case.network, folds=bool(arithmetic.folds_in))
    for mode, units in (("shown", shown), ("fused", fused)):
        if mode not in modes:
            continue
        try:
            answers = tapped(backend, case, [unit.outputs[0] for unit in units])
        except NotImplementedError:
            continue
        except ANYTHING as problem:  # whatever a stranger's backend may raise is its answer
            found_results.append(_raised(question, mode, problem))
            continue
        layers = _judge_units(case, units, answers, oracle, arithmetic)
        found_results.append(Result(question.suite, question.kind, case.id, mode, layers))
    if not found_results:
        units = units_of(case.network)
        try:
            answers = cut(backend, case, units)
        except NotImplementedError as reason:
            return [Result(question.suite, question.kind, case.id, "cut", (), one_line(reason))]
        except ANYTHING as problem:
            return [_raised(question, "cut", problem)]
        layers = _judge_units(case, units, answers, oracle, arithmetic)
        found_results.append(Result(question.suite, question.kind, case.id, "cut", layers))
    return found_results


def _ask_operation(backend: Backend, question: Question, arithmetic: Arithmetic) -> Result:
    case = question.case
    try:
        answers = tapped(backend, case, list(case.network.outputs))
        verdicts = judge(case, answers, arithmetic)
    except NotImplementedError as reason:
        return Result(question.suite, question.kind, case.id, "whole", (), one_line(reason))
    except ANYTHING as problem:
        return _raised(question, "whole", problem)
    (layer,) = case.network.layers
    found = LayerResult(layer.name, layer.op, verdicts[layer.name], np.nan, np.nan, np.nan)
    return Result(question.suite, question.kind, case.id, "whole", (found,))


def _raised(question: Question, mode: str, problem: BaseException) -> Result:
    """A backend that raises has answered wrongly."""
    layers = question.case.network.layers
    layer = layers[0] if len(layers) == 1 else Layer("the whole network", "", ())
    said = f"raised {type(problem).__name__}: {one_line(problem)}"
    verdict = unanswered(question.case.expected[question.case.network.outputs[0]].size, said)
    found = LayerResult(layer.name, layer.op, verdict, np.nan, np.nan, np.nan)
    return Result(question.suite, question.kind, question.case.id, mode, (found,))


def _judge_units(
    case: Case,
    units: list[Network],
    answers: Mapping[str, Array],
    oracle: Mapping[str, Array],
    arithmetic: Arithmetic,
) -> tuple[LayerResult, ...]:
    exact = owes_equality(case, arithmetic)
    known = {**case.inputs, **oracle}
    found = []
    for unit in units:
        (name,) = unit.outputs
        useless = [feed for feed in unit.inputs if _useless(answers.get(feed), known, feed)]
        if useless:
            value = Value.given(oracle[name])
            reason = f"its input {useless[0]} was not answered as it should be"
            verdict = unanswered(value.exact.size, reason)
        else:
            given = {feed: np.asarray(answers[feed], np.float64) for feed in unit.inputs}
            value = propagate(unit, case.tensors, given, arithmetic)[name]
            # Whole numbers are owed exactly only as long as all before them were right.
            owed = exact and all(np.array_equal(given[feed], known[feed]) for feed in given)
            if owed:
                value = replace(value, error=np.zeros(value.exact.shape))
            verdict = compare(answers.get(name), value, exact=owed)
        free, condition, likely = _facts(answers.get(name), value, oracle[name], arithmetic)
        op = next((la.op for la in unit.layers if la.op not in FOLLOWERS), unit.layers[0].op)
        found.append(LayerResult(name, op, verdict, free, condition, likely))
    return tuple(found)


def _facts(
    answer: Array | None, value: Value, oracle: Array, arithmetic: Arithmetic
) -> tuple[float, float, float]:
    """Distance from the oracle's own run, condition, error on the scale of a random walk."""
    if not isinstance(answer, np.ndarray) or answer.shape != oracle.shape:
        return np.nan, np.nan, np.nan
    u = float_format(arithmetic.accumulate).unit
    with np.errstate(all="ignore"):
        free = float(abs(answer - oracle).max() / max(float(abs(oracle).max()), 1e-300))
        nonzero = value.exact != 0
        condition = value.size[nonzero] / abs(value.exact[nonzero])
        walk = np.sqrt(value.terms) * u * value.size
        likely = abs(answer - value.exact)[walk > 0] / walk[walk > 0]
    return (
        free,
        float(np.median(condition)) if condition.size else np.nan,
        float(likely.max()) if likely.size else 0.0,
    )


def _useless(answer: Any, known: Mapping[str, Array], name: str) -> bool:
    """Whether what a backend gave cannot be a layer's input."""
    shape = known[name].shape
    return not (
        isinstance(answer, np.ndarray) and answer.shape == shape and answer.dtype.kind in "fiu"
    )
