"""The report as one page of HTML that needs nothing else: no script, no font, no file beside it.

>>> from refnet.apps.evaluate.names import Classes
>>> report = Report("mine", "table", Classes.imagenet(), [], [], {})
>>> page(report, Dataset("mine", "table", lambda: iter(()))).splitlines()[0]
'<!doctype html>'
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from refnet import __version__
from refnet.apps.evaluate.layouts import Dataset, Photo
from refnet.apps.evaluate.page_parts import (
    STYLE,
    calibration,
    folded,
    interval,
    mistake,
    share,
    table,
    thumbnail,
    under,
)
from refnet.apps.evaluate.progress import clock
from refnet.apps.evaluate.report import JUDGED_BY, Report
from refnet.apps.evaluate.statistics import mcnemar, wilson
from refnet.apps.evaluate.summary import Pair, Summary
from refnet.apps.evaluate.text import counted, short
from refnet.oracle.html_style import css
from refnet.oracle.markup import element, escaped, number

_FORBIDDEN = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
SHOWN = 12  # lines of a list, or photos, before the rest is folded away


def page(report: Report, dataset: Dataset) -> str:
    """The page; dataset: where the photos of the mistakes are found again."""
    wanted = {m.image for summary in report.summaries for m in summary.mistakes()}
    paths = {e.name: e.path for e in dataset if isinstance(e, Photo) and e.name in wanted}
    pictures = {name: made for name, path in paths.items() if (made := thumbnail(path))}
    body = [
        *_head(report),
        *_accuracy(report),
        *_pairs(report),
        *_variants(report, pictures),
        *_unread(report),
        *_time(report),
    ]
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_FORBIDDEN}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            element("title", escaped(f"Accuracy on {report.dataset}")),
            element("style", css() + STYLE),
            "</head>",
            "<body>",
            element("main", "\n".join(body)),
            element("footer", _footer()),
            "</body>",
            "</html>",
            "",
        )
    )


def _head(report: Report) -> Iterator[str]:
    classes = {label for summary in report.summaries for label in summary.classes}
    yield element("h1", escaped(report.dataset))
    said = counted(report.photos, "photo", "photos")
    said += f" of {counted(len(classes), 'class', 'classes')} · {report.layout}"
    if report.others:
        said += f" · files that are no pictures: {report.others:,}"
    yield element("p", escaped(said), class_="faint")
    if report.unread:
        link = element("a", f"{len(report.unread):,} not evaluated", href="#not-evaluated")
        yield element("p", element("span", "✗ ", link, class_="is-wrong"))


def _accuracy(report: Report) -> Iterator[str]:
    if not report.variants:
        return
    rows = []
    for variant, summary in zip(report.variants, report.summaries, strict=True):
        one, five = summary.top1, summary.top5
        name = escaped(variant.network).replace("_", "_<wbr>")  # where a phone may break it
        named = name + under(f"{variant.recipe}, {variant.engine}")
        rows.append([named, share(one), share(five), interval(one, five)])
    yield element("h2", "Accuracy")
    made = table(
        f"Below each share, and as a line: the interval of shares that would be no surprise "
        f"({JUDGED_BY}). Filled: top-1; open: top-5.",
        ["model", "top-1", "top-5", "0 to 100 %"],
        rows,
        numbers={1, 2},
    )
    yield element("div", made, class_="shares")


def _pairs(report: Report) -> Iterator[str]:
    if not report.pairs:
        return
    rows = []
    for (a, b), pair in report.pairs.items():
        p = mcnemar(pair.only_a, pair.only_b)
        cells = [short(report, a), short(report, b), f"{pair.changed:,} of {pair.both:,}"]
        cells += [f"{pair.only_a:,}", f"{pair.only_b:,}", number(p), number(pair.largest[0])]
        rows.append([escaped(cell) for cell in cells])
    yield element("h2", "Where they disagree")
    yield table(
        "p: how likely so uneven a split of the photos that only one of them has right were, if "
        "both were equally good (McNemar's exact test).",
        ["A", "B", "another answer", "only A right", "only B right", "p", "differ by"],
        rows,
        numbers={2, 3, 4, 5, 6},
    )
    for (a, b), pair in report.pairs.items():
        if pair.changed:
            yield _changes(report, a, b, pair)
    if report.judged:
        yield from _judged(report)


def _changes(report: Report, a: int, b: int, pair: Pair) -> str:
    name = report.classes.name
    rows = []
    for by, photo, one, other in pair.changes():
        said = [f"{name(n)} {p:.3f}" for n, p in (one["top"][0], other["top"][0])]
        rows.append([escaped(c) for c in (photo, name(one["label"]), *said, f"{by:.3g}")])
    caption = (
        f"A: {short(report, a)}; B: {short(report, b)}. By how much a probability differs at most, "
        f"the largest first."
    )
    made = table(caption, ["photo", "is", "A says", "B says", "differs by"], rows, numbers={4})
    summary = f"{short(report, a)} and {short(report, b)}: {pair.changed:,} photos"
    return folded(summary, made, opened=len(report.pairs) == 1 and pair.changed <= SHOWN)


def _judged(report: Report) -> Iterator[str]:
    right = all(one["holds"] for one in report.judged)
    said = [f"{one['image']}, {one['engine']}: {one['told']}" for one in report.judged]
    end = "rounding, magnified by later layers" if right else "more than rounding"
    lines = [element("p", escaped(line)) for line in said]
    lines.append(element("p", element("strong", f"So the difference there is {end}.")))
    yield element("div", *lines, class_="panel" if right else "panel bad")


def _variants(report: Report, pictures: Mapping[str, str]) -> Iterator[str]:
    for variant, summary in zip(report.variants, report.summaries, strict=True):
        if not summary.photos:
            continue
        yield element("h2", escaped(variant.title))
        yield element("div", *_calibration(summary), class_="beside")
        yield from _mistakes(report, summary, pictures)
        yield from _confused(report, summary)
        yield _classes(report, summary)


def _calibration(summary: Summary) -> Iterator[str]:
    error = f"{100 * summary.calibration_error():.1f} points"
    yield element("figure", calibration(summary))
    rows = [
        [
            f"{10 * n} to {10 * n + 10} %",
            f"{each.photos:,}",
            f"{100 * each.mean:.1f} %",
            share.told(),
        ]
        for n, each, share in summary.calibration()
    ]
    heads = ["probability said", "photos", "mean", "right"]
    made = table("", heads, rows, numbers={1, 2, 3})
    told = "Is it right as often as it says? On average the two are apart by "
    yield element("div", element("p", told, element("strong", error), "."), made)


def _mistakes(report: Report, summary: Summary, pictures: Mapping[str, str]) -> Iterator[str]:
    shown = [mistake(m, report.classes, pictures.get(m.image)) for m in summary.mistakes()]
    if shown:
        few = SHOWN if len(report.variants) > 2 else len(shown)
        yield element("h3", "The surest mistakes")
        yield element("div", *shown[:few], class_="photos")


def _confused(report: Report, summary: Summary) -> Iterator[str]:
    name = report.classes.name
    found = summary.confused()
    if found:
        rows = [[escaped(name(a)), escaped(name(b)), f"{count:,}"] for a, b, count in found]
        yield element("h3", "The most confused classes")
        heads = ["is", "was called", "photos"]
        few = table("", heads, rows[:SHOWN], numbers={2})
        yield (
            few
            if len(rows) <= SHOWN
            else few
            + folded(f"{len(rows) - SHOWN} more", table("", heads, rows[SHOWN:], numbers={2}))
        )


def _classes(report: Report, summary: Summary) -> str:
    """Every class, the worst first."""
    name = report.classes.name
    rows = []
    for label, (of, one, five) in summary.worst_classes():
        cells = [
            name(label),
            f"{label}",
            f"{of:,}",
            wilson(one, of).told(),
            wilson(five, of).told(),
        ]
        rows.append([escaped(cell) for cell in cells])
    heads = ["class", "number", "photos", "top-1", "top-5"]
    made = table("The classes it has right least often come first.", heads, rows, {1, 2, 3, 4})
    return folded(f"All {len(rows):,} classes", made)


def _unread(report: Report) -> Iterator[str]:
    unread = report.unread
    if unread:
        yield element("h2", "Not evaluated", id="not-evaluated")
        rows = [[escaped(name), escaped(why)] for name, why in unread]
        heads = ["photo", "why"]
        yield table("", heads, rows[:SHOWN], long={1})
        if rows[SHOWN:]:
            more = table("", heads, rows[SHOWN:], long={1})
            yield folded(f"{len(rows) - SHOWN:,} more", more, printed=True)


def _time(report: Report) -> Iterator[str]:
    """Between two comments: what alone depends on the day."""
    time = report.time
    yield "<!-- time -->"
    if time:
        yield element("h2", "Time and cost")
        said = f"{counted(time['new'], 'photo', 'photos')} evaluated in {clock(time['seconds'])}"
        said += f", {time['rate']:.3g} a second ({time['where']})" if time["new"] else ""
        if report.photos > time["new"]:
            said += f"; {report.photos - time['new']:,} were known from before"
        yield element("p", escaped(said + "."))
        yield _costs(report)
        around: Mapping[str, str] = time["environment"]
        facts = [element("dt", escaped(k)) + element("dd", escaped(v)) for k, v in around.items()]
        yield element("h3", "Environment")
        yield element("dl", *facts)
    yield "<!-- /time -->"


def _costs(report: Report) -> str:
    rows = []
    for variant, summary in zip(report.variants, report.summaries, strict=True):
        each = [value / summary.photos if summary.photos else 0.0 for value in summary.seconds]
        cells = [variant.title, *(f"{1e3 * value:.1f} ms" for value in each)]
        cells += [f"{variant.macs / 1e6:,.1f} M", f"{variant.parameters / 1e6:.2f} M"]
        cells += [f"{variant.macs * summary.photos / 1e12:.3g} T"]
        rows.append([escaped(cell) for cell in cells])
    heads = ["a photo", "read", "preprocess", "network", "MACs", "parameters", "MACs in all"]
    caption = "MACs: multiply-accumulates. Times are wall-clock, in the process that had the photo."
    return table(caption, heads, rows, numbers={1, 2, 3, 4, 5, 6})


def _footer() -> str:
    return element("p", f"Made by refnet {escaped(__version__)}. The photos are their owners'.")
