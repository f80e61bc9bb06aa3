"""A Report as one page of HTML that needs nothing else: to mail, to print, to hang on an issue.

>>> from refnet.oracle.adapters.ops import Ops
>>> from refnet.oracle.check import check
>>> page = to_html(check(Ops(), "ops"), environment={"Python": "3.11"})
>>> page.splitlines()[0], "All hold" in page
('<!doctype html>', True)

No script, no font, no picture from elsewhere; the page itself forbids them to whoever shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from refnet.oracle.environment import environment as environment_here
from refnet.oracle.html_networks import networks
from refnet.oracle.html_style import css
from refnet.oracle.html_tables import table
from refnet.oracle.junit import named
from refnet.oracle.markup import element, escaped, number
from refnet.oracle.report import text
from refnet.oracle.results import LayerResult, Report, Result

SHOWN = 12  # wrong questions that are listed before the rest is folded away

_FORBIDDEN = "default-src 'none'; style-src 'unsafe-inline'"
_MODES = {
    "shown": "every layer shown",
    "fused": "only the ends of fused units shown",
    "cut": "the network cut into units",
}


def to_html(
    report: Report, diagnoses: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> str:
    """The page, the same text for the same arguments.

    diagnoses: plain texts to print instead of those that the results carry.
    environment: names and values to print; None for this machine's versions and platform.
    """
    around = environment_here(report.backend) if environment is None else environment
    title = f"{report.backend}: {_told(report)}"
    body = [
        *_head(report),
        *_first_bad(report),
        *_diagnosis(diagnoses or [result.diagnosis for result in report.results]),
        *_suites(report),
        *_wrong(report),
        *networks(report),
        *_operations(report),
        *_not_answered(report),
        *_environment(report, around),
        *_plain(report),
    ]
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_FORBIDDEN}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            element("title", escaped(title)),
            element("style", css()),
            "</head>",
            "<body>",
            element("main", "\n".join(body)),
            element("footer", _footer(around)),
            "</body>",
            "</html>",
            "",
        )
    )


def _told(report: Report) -> str:
    if report.holds:
        return "all hold"
    wrong = sum(not result.holds for result in report.results)
    return f"{wrong} of {_answered(report)} do not hold" if wrong else "nothing answered"


def _answered(report: Report) -> int:
    return sum(not result.cannot for result in report.results)


def _head(report: Report) -> Iterator[str]:
    asked, answered = len(report.results), _answered(report)
    right = sum(result.holds and not result.cannot for result in report.results)
    left = f", {asked - answered} not answered" if asked > answered else ""
    sign, kind = ("✓", "is-right") if report.holds else ("✗", "is-wrong")
    yield element("h1", escaped(report.backend))
    yield element("p", "judged by refnet as ", _code(report.arithmetic), class_="faint")
    told = element("span", f"{sign} {escaped(_told(report).capitalize())}", class_=kind)
    yield element("p", told, f" · {right:,} of {answered:,} right{left}", class_="verdict")


def _first_bad(report: Report) -> Iterator[str]:
    """The card on the first wrong layer: what it is, where, by how much."""
    if report.first_bad is None:
        return
    result, layer = report.first_bad
    verdict = layer.verdict
    facts = {"question": f"{result.suite}, {result.kind}: {result.id}"}
    if result.mode != "whole":
        facts["asked with"] = _MODES.get(result.mode, result.mode)
    if verdict.problem:
        facts["problem"] = verdict.problem
    else:
        facts |= {
            "wrong": f"{verdict.wrong:,} of {verdict.elements:,} elements",
            "worst at": f"{verdict.at} {_axes(verdict.at)}",
            "answer": f"{verdict.answer:.9g}",
            "expected": f"{verdict.expected:.9g}",
            "bound": "0: bit equality is owed" if verdict.exact else f"{verdict.bound:.3g}",
            "err/bound": number(verdict.ratio),
        }
    rows = [element("dt", escaped(k)) + element("dd", escaped(v)) for k, v in facts.items()]
    name = element("p", element("span", _name(result, layer), class_="is-wrong"))
    yield element("h2", "First bad layer")
    yield element("div", name, element("dl", *rows), class_="panel bad")


def _name(result: Result, layer: LayerResult) -> str:
    return escaped(layer.op if result.mode == "whole" else named(layer))


def _axes(at: tuple[int, ...]) -> str:
    known = {4: "(image, row, column, channel)", 2: "(image, channel)"}
    return known.get(len(at), "")


def _diagnosis(diagnoses: Sequence[str]) -> Iterator[str]:
    told = dict.fromkeys(one.strip() for one in diagnoses if one.strip())  # each once
    if told:
        yield element("h2", "Diagnosis")
        yield from (element("pre", escaped(one), class_="panel bad") for one in told)


def _suites(report: Report) -> Iterator[str]:
    """A line for each suite and kind."""
    rows = []
    for suite, kind in dict.fromkeys((r.suite, r.kind) for r in report.results):
        group = [r for r in report.results if (r.suite, r.kind) == (suite, kind)]
        asked = [result for result in group if result.layers]
        right = sum(result.holds for result in asked)
        bad = right < len(asked)
        row = [suite, kind, _sign(bad, bool(asked)), f"{right} of {len(asked)}"]
        row += [str(len(group) - len(asked)), *_nearest(asked)]
        rows.append((bad, row))
    yield element("h2", "Verdict for each suite")
    heads = ("suite", "kind", "verdict", "right", "not answered", "err/bound", "at")
    yield table("Questions, and the layer nearest to its bound or farthest beyond it.", heads, rows)


def _sign(bad: bool, asked: bool) -> str:
    if not asked:
        return "– not answered"
    return "✗ wrong" if bad else "✓ holds"


def _nearest(asked: list[Result]) -> list[str]:
    if not asked:
        return ["–", ""]
    worst = max(asked, key=lambda result: result.worst.verdict.ratio)
    if all(r.holds and all(la.verdict.exact for la in r.layers) for r in asked):
        return ["bit-equal", ""]
    at = worst.id if worst.mode == "whole" else f"{worst.id}, {worst.mode}: {worst.worst.layer}"
    return [number(worst.worst.verdict.ratio), at]


def _wrong(report: Report) -> Iterator[str]:
    """Every wrong question in a sentence, the first few at once."""
    wrong = [_sentence(r, r.first_bad) for r in report.results if r.first_bad is not None]
    if not wrong:
        return
    yield element("h2", "What is wrong")
    yield element("ul", *wrong[:SHOWN])
    if wrong[SHOWN:]:
        summary = element("summary", f"{len(wrong) - SHOWN} more")
        yield element("details", summary, element("ul", *wrong[SHOWN:]))


def _sentence(result: Result, first: LayerResult) -> str:
    where = result.id if result.mode == "whole" else f"{result.id}, {result.mode}: {first.layer}"
    later = sum(not layer.verdict.holds for layer in result.layers) - 1
    more = f" (and {later} later)" if later else ""
    return element("li", _code(where), f": {escaped(first.verdict)}{more}")


def _operations(report: Report) -> Iterator[str]:
    """The single operations, folded away; what is wrong among them is told above."""
    single = [r for r in report.results if r.mode == "whole" and r.layers]
    if not single:
        return
    rows = []
    for result in single:
        layer = result.layers[0]
        equal = f"{100 * layer.verdict.equal:.1f} %"
        row = [result.id, layer.op, number(layer.verdict.ratio), equal, str(layer.verdict)]
        rows.append((not result.holds, row))
    heads = ("question", "operation", "err/bound", "equal", "in words")
    yield element("h2", "Single operations")
    right = sum(result.holds for result in single)
    summary = element("summary", f"All {len(single)}, {right} of them right")
    yield element("details", summary, table("One operation a question.", heads, rows))


def _not_answered(report: Report) -> Iterator[str]:
    cannot = [result for result in report.results if result.cannot]
    if cannot:
        yield element("h2", "Not answered")
        yield element("p", "The backend says itself that it does not do these.", class_="faint")
        items = [element("li", _code(r.id), f": {escaped(r.cannot)}") for r in cannot]
        summary = element("summary", f"All {len(cannot)}")
        few = "" if len(cannot) <= SHOWN else None
        yield element("details", summary, element("ul", *items), open=few)


def _environment(report: Report, around: Mapping[str, str]) -> Iterator[str]:
    facts = {"backend": report.backend, "arithmetic": str(report.arithmetic), **around}
    rows = [element("dt", escaped(k)) + element("dd", escaped(v)) for k, v in facts.items()]
    yield element("h2", "Environment")
    yield element("dl", *rows)


def _plain(report: Report) -> Iterator[str]:
    yield element("h2", "As plain text", class_="aside")
    copied = element("pre", escaped(text(report)), class_="panel")
    yield element("details", element("summary", "To copy from"), copied, class_="aside")


def _footer(around: Mapping[str, str]) -> str:
    version = escaped(around.get("refnet", ""))
    return element(
        "p",
        "err/bound: the distance from the exact answer to the layer's own input, over the largest "
        "that correct rounding in the declared arithmetic can leave; over 1 is wrong, by proof. "
        "Drift: the distance of the whole run from the oracle's, relative to the largest number "
        f"there; it adds up, and is not judged. refnet {version}".rstrip()
        + ".",
    )


def _code(content: object) -> str:
    return element("code", escaped(content))
