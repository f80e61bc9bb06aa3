"""The report: gathered once from the disk, then written as text, as JSON and as a page.

What follows from the photos and the variants stands in `figures`, and is the same however often a
run was ended and taken up again; what depends on the day stands in `time`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from refnet.apps.evaluate.evaluator import Record, Task
from refnet.apps.evaluate.layouts import Dataset, Other, Photo, Unusable
from refnet.apps.evaluate.names import Classes
from refnet.apps.evaluate.records import Records
from refnet.apps.evaluate.statistics import Share, mcnemar
from refnet.apps.evaluate.summary import Pair, Summary
from refnet.apps.evaluate.tasks import stamp
from refnet.apps.evaluate.variants import Variant

ALL_PAIRS = 8  # variants, of which each is compared with each; of more, each with the first
JUDGED_BY = "Wilson, 95 %"


@dataclass
class Report:
    """All that is known at the end."""

    dataset: str
    layout: str
    classes: Classes
    variants: Sequence[Variant]
    summaries: list[Summary]
    pairs: dict[tuple[int, int], Pair]
    photos: int = 0
    unusable: list[tuple[str, str]] = field(default_factory=list)
    others: int = 0
    judged: list[dict[str, Any]] = field(default_factory=list)
    time: dict[str, Any] = field(default_factory=dict)

    @property
    def unread(self) -> list[tuple[str, str]]:
        """Every photo that some variant has no answer to, and every thing that is none."""
        found = dict(self.unusable)
        for variant, summary in zip(self.variants, self.summaries, strict=True):
            for image, reason in summary.problems:
                if found.setdefault(image, reason) != reason:
                    found[image] += f"; {variant.title}: {reason}"
        return sorted(found.items())


def gather(
    dataset: Dataset, classes: Classes, variants: Sequence[Variant], records: Sequence[Records]
) -> Report:
    """Go through the dataset once more, and through the records in its order."""
    pairs = {
        (a, b): Pair()
        for a, b in combinations(range(len(variants)), 2)
        if a == 0 or len(variants) <= ALL_PAIRS
    }
    summaries = [Summary() for _ in variants]
    report = Report(dataset.name, dataset.layout, classes, variants, summaries, pairs)
    for each in records:
        each.index()
    for entry in dataset:
        if isinstance(entry, Other):
            report.others += 1
        elif isinstance(entry, Unusable):
            report.unusable.append((entry.name, entry.reason))
        else:
            report.photos += 1
            found = [record_of(entry, each) for each in records]
            for summary, record in zip(summaries, found, strict=True):
                summary.add(record)
            for (a, b), pair in pairs.items():
                pair.add(found[a], found[b])
    return report


def record_of(photo: Photo, records: Records) -> Record:
    """A photo's record; one that was changed in the meantime has none, and that is said."""
    size, mtime = stamp(photo.path)
    found = records.find(photo.name, photo.label, size, mtime)
    if found is not None:
        return found
    task = Task(photo.name, photo.path, photo.label, size, mtime, (0,))
    said = "was changed or added while the others were evaluated"
    return task.failed("no such file" if size < 0 else said)[0]


def rows(dataset: Dataset, records: Records) -> Iterator[Record]:
    """All records of a variant, in the dataset's order."""
    for entry in dataset:
        if isinstance(entry, Photo):
            yield record_of(entry, records)


def figures(report: Report) -> dict[str, Any]:
    """What does not depend on the day, as plain data."""
    return {
        "dataset": report.dataset,
        "layout": report.layout,
        "photos": report.photos,
        "not_read": [{"image": name, "reason": why} for name, why in report.unread],
        "not_pictures_by_name": report.others,
        "interval": JUDGED_BY,
        "variants": [
            _variant(report, variant, summary)
            for variant, summary in zip(report.variants, report.summaries, strict=True)
        ],
        "pairs": [_pair(report, a, b, pair) for (a, b), pair in report.pairs.items()],
        "judged": report.judged,
    }


def _variant(report: Report, variant: Variant, summary: Summary) -> dict[str, Any]:
    name = report.classes.name
    return {
        "model": variant.network,
        "preprocessing": variant.recipe,
        "engine": variant.engine,
        "tensors_sha256": variant.tensors,
        "versions": variant.versions,
        "macs": variant.macs,
        "parameters": variant.parameters,
        "photos": summary.photos,
        "top1": _share(summary.top1),
        "top5": _share(summary.top5),
        "calibration_error": summary.calibration_error() if summary.photos else None,
        "calibration": [
            {"bin": n, "mean": each.mean, **_share(share)}
            for n, each, share in summary.calibration()
        ],
        "confused": [
            {"class": name(right), "said": name(said), "times": count}
            for right, said, count in summary.confused()
        ],
        "surest_mistakes": [
            {
                "image": one.image,
                "class": name(one.label),
                "said": name(one.said),
                "p": one.p,
                "rank": one.rank,
            }
            for one in summary.mistakes()
        ],
        "classes": [
            {"number": label, "class": name(label), "photos": of, "top1": one, "top5": five}
            for label, (of, one, five) in sorted(summary.classes.items())
        ],
    }


def _share(share: Share) -> dict[str, Any]:
    value = share.value if share.of else None
    return {
        "count": share.count,
        "of": share.of,
        "share": value,
        "low": share.low,
        "high": share.high,
    }


def _pair(report: Report, a: int, b: int, pair: Pair) -> dict[str, Any]:
    name = report.classes.name
    by, image = pair.largest
    return {
        "a": report.variants[a].title,
        "b": report.variants[b].title,
        "photos": pair.both,
        "other_first_class": pair.changed,
        "other_five_classes": pair.sets,
        "only_a_right": pair.only_a,
        "only_b_right": pair.only_b,
        "mcnemar_p": mcnemar(pair.only_a, pair.only_b),
        "largest_difference": by,
        "largest_difference_at": image,
        "changes": [
            {
                "image": photo,
                "class": name(one["label"]),
                "a": [[name(n), p] for n, p in one["top"][:2]],
                "b": [[name(n), p] for n, p in other["top"][:2]],
                "difference": by,
            }
            for by, photo, one, other in pair.changes()
        ],
    }
