"""A Report as text and as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from refnet.oracle.results import LayerResult, Report, Result
from refnet.tables import Row, align, flush_right


def text(report: Report, *, layers: bool = False) -> str:
    """The report for a terminal: a line a question, what is wrong, the verdict.

    >>> from refnet.oracle.adapters.ops import Ops
    >>> from refnet.oracle.check import check
    >>> text(check(Ops(), "ops")).endswith(" questions: all hold")
    True

    layers: a table of every layer of every network as well.
    """
    lines = [f"{report.backend} ({report.arithmetic})", ""]
    rows: list[Row] = [
        ("suite", "kind", "question", "shown as", "right", "err/bound", "at", "drift")
    ]
    for suite, kind in dict.fromkeys((r.suite, r.kind) for r in report.results):
        group = [r for r in report.results if (r.suite, r.kind) == (suite, kind) and r.layers]
        single = [result for result in group if result.mode == "whole"]
        rows += [_operations(suite, kind, single)] if single else []
        rows += [_network(result) for result in group if result.mode != "whole"]
    lines.append(align(rows))
    cannot = [result for result in report.results if result.cannot]
    if cannot:
        lines += ["", "Not answered, as the backend says itself:"]
        lines += [f"  {result.id}: {result.cannot}" for result in cannot]
    wrong = [result for result in report.results if not result.holds]
    if wrong:
        lines += ["", "Wrong:"]
        lines += [f"  {_wrong(result)}" for result in wrong]
    told_of = {r.diagnosis: f"{r.id}, {r.mode}" for r in reversed(wrong) if r.diagnosis}
    if told_of:
        lines += ["", "Diagnosis:"]
        for said, where in reversed(told_of.items()):
            lines += [f"  {where}:", *(f"    {line}" for line in said.splitlines())]
    if layers:
        for result in report.results:
            if result.mode != "whole":
                lines += ["", f"{result.id}, {result.mode}", layer_table(result)]
    free = sum(la.verdict.not_judged for result in report.results for la in result.layers)
    if free:
        lines += [
            "",
            f"{free:,} numbers are not judged: the declared arithmetic may overflow there",
        ]
    asked = len(report.results) - len(cannot)
    told = f"{len(wrong)} of {asked} do not hold" if wrong else "all hold" if asked else "nothing"
    left = f", {len(cannot)} not answered" if cannot else ""
    lines += ["", f"{asked} questions: {told}{left}"]
    return "\n".join(lines)


def layer_table(result: Result) -> str:
    """Every layer of a network: how near its bound, how far the whole run has drifted.

    >>> from refnet.oracle.adapters.ops import Ops
    >>> from refnet.oracle.check import ask
    >>> from refnet.oracle.suites import questions
    >>> print(layer_table(ask(Ops(), next(questions("ops")), Ops.arithmetic)[0]))
    layer  operation  err/bound    equal  err/walk  condition  drift
    y      conv2d             0  100.0 %         -          -      -
    """
    rows = [("layer", "operation", "err/bound", "equal", "err/walk", "condition", "drift", "")]
    for layer in result.layers:
        verdict = layer.verdict
        rows.append(
            (
                layer.layer,
                layer.op,
                _number(verdict.ratio),
                f"{100 * verdict.equal:.1f} %",
                _number(layer.likely),
                _number(layer.condition),
                _number(layer.free),
                "" if verdict.holds else "WRONG",
            )
        )
    return align(flush_right(rows, 2))


def to_json(report: Report, **more: Any) -> str:
    """All that is known, as JSON; NaN is null, infinity a string.

    >>> from refnet.backend import Arithmetic
    >>> json.loads(to_json(Report("mine", Arithmetic(), ())))["results"]
    []
    """
    found = {
        "backend": report.backend,
        "arithmetic": asdict(report.arithmetic),
        "holds": report.holds,
        "results": [_result(result) for result in report.results],
    }
    found |= {key: value for key, value in more.items() if value is not None}
    return json.dumps(_plain(found), indent=1, allow_nan=False)


def _result(result: Result) -> dict[str, Any]:
    keys = ("suite", "kind", "id", "mode", "holds", "cannot", "diagnosis")
    said = {key: getattr(result, key) for key in keys}
    layers = [
        asdict(layer) | {"holds": layer.verdict.holds, "says": str(layer.verdict)}
        for layer in result.layers
    ]
    return said | {"layers": layers}


def _operations(suite: str, kind: str, group: list[Result]) -> Row:
    held = sum(result.holds for result in group)
    worst = max(group, key=lambda result: result.worst.verdict.ratio)
    exact = all(result.worst.verdict.exact for result in group)
    at = "" if exact and held == len(group) else worst.id
    name = "single operations"
    return (suite, kind, name, "", f"{held} of {len(group)}", _near(worst.worst, exact), at, "")


def _network(result: Result) -> Row:
    held = sum(layer.verdict.holds for layer in result.layers)
    exact = all(layer.verdict.exact for layer in result.layers)
    right = f"{held} of {len(result.layers)}"
    at = "" if exact and result.holds else result.worst.layer
    drift_ = "" if exact and result.holds else _number(result.layers[-1].free)
    near = _near(result.worst, exact)
    return result.suite, result.kind, result.id, result.mode, right, near, at, drift_


def _near(layer: LayerResult, exact: bool) -> str:
    if exact and layer.verdict.holds:
        return "bit-equal"
    return _number(layer.verdict.ratio)


def _wrong(result: Result) -> str:
    first = result.first_bad
    assert first is not None
    count = sum(not layer.verdict.holds for layer in result.layers)
    more = f" (and {count - 1} later)" if count > 1 else ""
    if result.mode == "whole":
        return f"{result.id}: {first.verdict}"
    return f"{result.id}, {result.mode}: first bad layer {first.layer}: {first.verdict}{more}"


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3g}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def drift(result: Result) -> list[LayerResult]:
    """The layers whose distance from the oracle's own run is known: the curve of a free run."""
    return [layer for layer in result.layers if not math.isnan(layer.free)]
