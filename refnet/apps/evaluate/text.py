"""The report for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from refnet.apps.evaluate.columns import fitted, folded
from refnet.apps.evaluate.progress import clock
from refnet.apps.evaluate.report import Report
from refnet.apps.evaluate.statistics import mcnemar
from refnet.apps.evaluate.summary import Pair, Summary
from refnet.errors import printable
from refnet.oracle.markup import number

SHOWN = 10  # lines of a list, before the rest is left to the files


def text(report: Report, width: int | None = None) -> str:
    """All sections, in lines of at most `width` characters as far as words allow.

    What is in a file's name and would drive a terminal is shown as an escape.

    >>> from refnet.apps.evaluate.names import Classes
    >>> print(text(Report("mine", "table", Classes.imagenet(), [], [], {})))
    mine: 0 photos (table)
    """
    parts = [
        _heading(report),
        _accuracy(report, width),
        _pairs(report, width),
        *_variants(report, width),
        _unread(report),
        _time(report, width),
    ]
    return "\n\n".join("\n".join(part) for part in map(list, parts) if part)


def _heading(report: Report) -> Iterator[str]:
    others = f"; beside them files that are no pictures: {report.others}" if report.others else ""
    classes = {label for summary in report.summaries for label in summary.classes}
    of = f" of {counted(len(classes), 'class', 'classes')}" if classes else ""
    photos = counted(report.photos, "photo", "photos")
    yield f"{printable(report.dataset)}: {photos}{of} ({report.layout}{others})"


def counted(number: int, one: str, many: str) -> str:
    """A number of things.

    >>> counted(1, "photo", "photos"), counted(1200, "photo", "photos")
    ('1 photo', '1,200 photos')
    """
    return f"{number:,} {one if number == 1 else many}"


def _accuracy(report: Report, width: int | None) -> Iterator[str]:
    if not report.variants:
        return
    heads = ["model", "preprocessing", "engine", "top-1", "", "top-5", ""]
    rows = [heads]
    for variant, summary in zip(report.variants, report.summaries, strict=True):
        row = [variant.network, variant.recipe, variant.engine]
        for share in (summary.top1, summary.top5):
            row += [f"{share.count:,} of {share.of:,}", share.told()]
        rows.append(row)
    yield from fitted(rows, width, names=3)
    yield "In brackets: the interval of 95 % (Wilson)."


def _pairs(report: Report, width: int | None) -> Iterator[str]:
    if not report.pairs:
        return
    rows = [["A", "B", "other answer", "only A right", "only B", "p", "largest difference"]]
    for (a, b), pair in report.pairs.items():
        rows.append(
            [
                short(report, a),
                short(report, b),
                f"{pair.changed:,} of {pair.both:,}",
                f"{pair.only_a:,}",
                f"{pair.only_b:,}",
                number(mcnemar(pair.only_a, pair.only_b)),
                number(pair.largest[0]),
            ]
        )
    yield from fitted(rows, width, names=2, between=" and ")
    said = "p: how likely so uneven a split were if both were equally good (McNemar, exact)."
    yield from folded(said, width, "")
    if len(report.pairs) == 1:
        yield from _changes(report, report.pairs[0, 1], width)


def _changes(report: Report, pair: Pair, width: int | None) -> Iterator[str]:
    name = report.classes.name
    changes = pair.changes()
    if changes:
        yield ""
        yield "Photos with another answer, those that differ most first:"
        rows = [["  photo", "is", "A says", "B says", "differs by"]]
        for by, photo, a, b in changes[:SHOWN]:
            said = [f"{name(n)} {p:.3f}" for n, p in (a["top"][0], b["top"][0])]
            rows.append([f"  {printable(photo)}", name(a["label"]), *said, f"{by:.3g}"])
        yield from fitted(rows, width)
        if pair.changed > SHOWN:
            yield f"  and {pair.changed - SHOWN} more"
    if not report.judged:
        return
    yield ""
    for one in report.judged:
        told = f"{printable(one['image'])}, {one['engine']}: {one['told']}"
        yield from folded(told, width, "")
    if all(one["holds"] for one in report.judged):
        yield "So what differs there is rounding, magnified by the layers after it."
    else:
        yield "So what differs there is more than rounding."


def short(report: Report, n: int) -> str:
    """What tells a variant from the others."""
    parts = [(v.network, v.recipe, v.engine) for v in report.variants]
    told = [part for i, part in enumerate(parts[n]) if len({each[i] for each in parts}) > 1]
    return ", ".join(told) or report.variants[n].versions


def _variants(report: Report, width: int | None) -> Iterator[list[str]]:
    for variant, summary in zip(report.variants, report.summaries, strict=True):
        if summary.photos and len(report.variants) <= 2:
            lines = (folded(line, width, "  ") for line in _variant(report, summary))
            table = _classes(report, summary, width)
            yield [f"{variant.title}:", *chain.from_iterable(lines), *table]


def _variant(report: Report, summary: Summary) -> Iterator[str]:
    name = report.classes.name
    confused = summary.confused()
    if confused:
        said = [f"{name(a)} → {name(b)} {count}" for a, b, count in confused[:5]]
        yield f"most confused (is → said): {', '.join(said)}"
    sure = summary.mistakes()
    if sure:
        said = [f"{name(m.label)} → {name(m.said)} {m.p:.3f}" for m in sure[:5]]
        yield f"surest mistakes: {', '.join(said)}"
    bins = [
        f"{100 * each.mean:.0f} → {100 * share.value:.0f} ({each.photos:,})"
        for _, each, share in summary.calibration()
    ]
    yield f"calibration, % sure → % right (photos): {', '.join(bins)}"
    yield f"mean distance of the two: {100 * summary.calibration_error():.1f} points"


def _classes(report: Report, summary: Summary, width: int | None) -> Iterator[str]:
    """A table of the classes that it has right least often."""
    found = summary.worst_classes()
    rows = [["  class", "photos", "top-1", "top-5"]]
    for label, (of, one, five) in found[:SHOWN]:
        rows.append([f"  {report.classes.name(label)}", f"{of:,}", f"{one:,}", f"{five:,}"])
    said = f"of {len(found):,} classes the {SHOWN} that it has right least often"
    yield from folded(f"{said}:" if len(found) > SHOWN else "each class:", width, "  ")
    yield from fitted(rows, width)


def _unread(report: Report) -> Iterator[str]:
    unread = report.unread
    if unread:
        yield f"Not evaluated: {len(unread):,}"
        yield from (f"  {printable(name)}: {printable(why)}" for name, why in unread)


def _time(report: Report, width: int | None) -> Iterator[str]:
    time = report.time
    if not time:
        return
    said = f"{counted(time['new'], 'photo', 'photos')} evaluated in {clock(time['seconds'])}"
    if time["new"]:
        said += f" ({time['rate']:.3g}/s, {time['where']})"
    if report.photos > time["new"]:
        said += f"; {report.photos - time['new']:,} were known before"
    yield said
    rows = [["", "read", "preprocess", "network", "multiply-accumulates"]]
    for variant, summary in zip(report.variants, report.summaries, strict=True):
        if summary.photos:
            each = [f"{1e3 * value / summary.photos:.1f} ms" for value in summary.seconds]
            rows.append([variant.title, *each, f"{variant.macs / 1e6:.1f} M"])
    yield from fitted(rows, width)
