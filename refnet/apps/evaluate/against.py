"""Two variants side by side: what `--against A B` means, and what it finds out beyond a report."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refnet.apps.evaluate import variants as named
from refnet.apps.evaluate.judge import judged
from refnet.apps.evaluate.layouts import Dataset, Photo
from refnet.apps.evaluate.names import Classes
from refnet.apps.evaluate.records import Records, about
from refnet.apps.evaluate.report import Report
from refnet.apps.evaluate.summary import Pair, Summary
from refnet.apps.evaluate.variants import Variant
from refnet.checkpoints import load


def operands(words: Sequence[str], model: str, recipe: str, engine: str) -> list[Variant]:
    """The two variants; what an operand does not say is the base's.

    recipe: "" for each model's own.

    >>> [one.title for one in operands(["tf-slim", "v1,squash"], "v1", "", "fast")]
    ['mobilenet_v1_1.0_224, tf-slim, fast', 'mobilenet_v1_1.0_224, squash, fast']
    """
    made = []
    for word in words:
        model_, recipe_, engine_ = named.words(word, (model, recipe, engine))
        checkpoint = load(model_)
        recipe_ = recipe_ or checkpoint.preprocessing
        made.append(named.variant(model_, recipe_, engine_, checkpoint))
    if made[0] == made[1]:
        raise ValueError(f"--against: {' and '.join(words)} are the same, {made[0].title}")
    return made


def rounding_only(a: Variant, b: Variant) -> bool:
    """Whether two variants compute the same function of a photo, on two engines."""
    return (a.tensors, a.recipe) == (b.tensors, b.recipe)


def judge(report: Report, dataset: Dataset, most: int) -> list[dict[str, Any]]:
    """Put the photos on which the first two variants differ most to both engines."""
    a, b = report.variants[:2]
    pair = report.pairs[0, 1]
    if not rounding_only(a, b):
        return []
    photos = [photo for _, photo, _, _ in pair.changes()[:most]] or [pair.largest[1]][:most]
    paths = {e.name: e.path for e in dataset if isinstance(e, Photo) and e.name in photos}
    found = []
    for photo in filter(paths.get, photos):
        for each in (a, b):
            said = judged(each.model, each.recipe, each.engine, paths[photo])
            found.append(
                {"image": photo, "engine": said.engine, "holds": said.holds, "told": said.told}
            )
    return found


def stored(words: Sequence[str]) -> Report:
    """Two evaluations that were made before, perhaps on two machines, by their records."""
    files = [_records(word) for word in words]
    heads = [about(file)["variant"] for file in files]
    counts = {1000 if head["classes"] == 1001 else head["classes"] for head in heads}
    if len(counts) > 1:
        raise ValueError(f"--against: networks of {sorted(counts)} classes cannot be compared")
    (count,) = counts
    classes = Classes.imagenet() if count == 1000 else Classes.numbered(count)
    kinds = [Variant(model="", **head) for head in heads]
    report = Report(" and ".join(words), "records", classes, kinds, [Summary(), Summary()], {})
    report.pairs[0, 1] = pair = Pair()
    with Records(files[0], about_of(kinds[0])) as a, Records(files[1], about_of(kinds[1])) as b:
        for one in a:
            other = b.find(one["image"], one["label"], one["bytes"])
            if other is None:
                report.unusable.append((one["image"], f"not in {words[1]}"))
                continue
            report.photos += 1
            report.summaries[0].add(one)
            report.summaries[1].add(other)
            pair.add(one, other)
        for other in b:
            if a.find(other["image"], other["label"], other["bytes"]) is None:
                report.unusable.append((other["image"], f"not in {words[0]}"))
    return report


def about_of(variant: Variant) -> dict[str, Any]:
    """What the first line of a variant's records says; not under which name a file lay."""
    facts = {name: value for name, value in vars(variant).items() if name != "model"}
    return {"variant": facts}


def _records(word: str) -> Path:
    """The one file of records that a word means: itself, or that of a folder."""
    if os.path.isdir(word):
        found = sorted(Path(word).glob("*.jsonl"))
        if len(found) != 1:
            said = ", ".join(path.name for path in found) or "none"
            raise ValueError(f"--against: {word}: {len(found)} files of records ({said}); name one")
        return found[0]
    if os.path.isfile(word):
        return Path(word)
    raise ValueError(f"--against: {word!r}: no such folder or file of records")
