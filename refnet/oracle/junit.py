"""A Report as JUnit XML, which continuous integration reads: a testcase for each question.

>>> from refnet.oracle.adapters.ops import Ops
>>> from refnet.oracle.check import check
>>> print(to_junit(check(Ops(), "ops")).splitlines()[1])
<testsuites name="refnet: Ops" tests="..." failures="0" errors="0" skipped="0" time="0">

There is no standard, only readers. Written is what all of them know: of a suite its counts, of a
testcase its name and class, of a failure its message, type and text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from refnet.oracle.markup import element, escaped
from refnet.oracle.results import LayerResult, Report, Result

MOST = 20  # wrong layers that a failure's text tells


def to_junit(report: Report, environment: Mapping[str, str] | None = None) -> str:
    """The XML, the same text for the same arguments.

    A network that was asked in two ways makes two testcases. A failure's message is the first bad
    layer and its verdict, its text all wrong layers and the diagnosis; what the backend does not
    answer is skipped.
    environment: further properties, beside the backend and its arithmetic.
    """
    groups: dict[str, list[Result]] = {}
    for result in report.results:
        groups.setdefault(f"refnet.{result.suite}.{result.kind}", []).append(result)
    about = {"backend": report.backend, "arithmetic": report.arithmetic, **(environment or {})}
    suites = [_suite(name, group, about) for name, group in groups.items()]
    whole = element(
        "testsuites", "\n", *suites, **_counts(f"refnet: {report.backend}", report.results)
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{whole}\n'


def _counts(name: str, results: Sequence[Result]) -> dict[str, object]:
    return {
        "name": name,
        "tests": len(results),
        "failures": sum(not result.holds for result in results),
        "errors": 0,  # a backend that raises has answered wrongly
        "skipped": sum(bool(result.cannot) for result in results),
        "time": 0,  # the report holds none, and some readers make "not a number" of its absence
    }


def _suite(name: str, group: list[Result], about: Mapping[str, object]) -> str:
    said = [element("property", name=key, value=value) for key, value in about.items()]
    cases = [_case(name, result) + "\n" for result in group]
    properties = element("properties", *said)
    return element("testsuite", "\n", properties, "\n", *cases, **_counts(name, group)) + "\n"


def _case(suite: str, result: Result) -> str:
    name = result.id if result.mode == "whole" else f"{result.id}, {result.mode}"
    inside = []
    if result.cannot:
        inside.append(element("skipped", message=result.cannot))
    elif result.first_bad is not None:
        message = told(result)
        inside.append(element("failure", escaped(_all(result)), message=message, type="wrong"))
    return element("testcase", *inside, classname=suite, name=name, time=0)


def told(result: Result) -> str:
    """A wrong result in one line: the first bad layer and its verdict; "" for a right one.

    >>> from refnet.oracle.judge import unanswered
    >>> layer = LayerResult("stem", "conv2d", unanswered(1, "no answer"), 0.0, 1.0, 0.0)
    >>> told(Result("v1", "real", "photo", "shown", (layer,)))
    'first bad layer stem (conv2d): no answer'
    """
    first = result.first_bad
    if first is None:
        return ""
    if result.mode == "whole":
        return f"{first.op}: {first.verdict}"
    return f"first bad layer {named(first)}: {first.verdict}"


def named(layer: LayerResult) -> str:
    """A layer and its operation; what raised as a whole has none.

    >>> from refnet.oracle.judge import unanswered
    >>> named(LayerResult("stem", "conv2d", unanswered(1, "no answer"), 0.0, 1.0, 0.0))
    'stem (conv2d)'
    """
    return f"{layer.layer} ({layer.op})" if layer.op else layer.layer


def _all(result: Result) -> str:
    wrong = [layer for layer in result.layers if not layer.verdict.holds]
    lines = [told(result), ""]
    lines += [f"{named(layer)}: {layer.verdict}" for layer in wrong[:MOST]]
    if wrong[MOST:]:
        lines.append(f"and {len(wrong) - MOST} more")
    if result.diagnosis:
        lines += ["", result.diagnosis]
    return "\n".join(lines)
