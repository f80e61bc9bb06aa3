"""What `refnet evaluate` does with its words."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from shutil import get_terminal_size
from time import perf_counter
from typing import Any

from refnet.apps.evaluate import against, cluster, pool
from refnet.apps.evaluate.evaluator import Record, Task
from refnet.apps.evaluate.layouts import Dataset, Entry, Unusable, opened
from refnet.apps.evaluate.names import Classes, common
from refnet.apps.evaluate.page import page
from refnet.apps.evaluate.progress import Progress
from refnet.apps.evaluate.records import Lock, Records, write_csv
from refnet.apps.evaluate.report import Report, figures, gather, rows
from refnet.apps.evaluate.tasks import count, unfinished
from refnet.apps.evaluate.text import counted, text
from refnet.apps.evaluate.variants import Variant, variants
from refnet.arguments import check_count
from refnet.checkpoints.files import write_whole
from refnet.oracle.environment import environment
from refnet.preprocessing import RECIPES

Spread = Callable[
    [Iterator[Task], Sequence[Variant]], Generator[tuple[Task, list[Record]], None, None]
]


@dataclass(frozen=True)
class Wanted:
    """An evaluation, all of it checked."""

    dataset: Dataset
    classes: Classes
    variants: Sequence[Variant]
    out: Path
    retry: bool
    judge: int


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, report; 2 if anything could not be evaluated."""
    check_count(arguments.processes, "--processes")
    check_count(arguments.judge, "--judge", least=0)
    if not arguments.dir:
        if not arguments.against or arguments.dir is not None:
            raise ValueError("DIR: expected a folder of labelled photos")
        report = against.stored(arguments.against)
        print(json.dumps(figures(report), indent=1) if arguments.json else text(report, _width()))
        return 2 if report.unread else 0
    wanted = _wanted(arguments)
    with ExitStack() as stack:
        spread, where = _spread(arguments, stack)
        try:
            report = evaluate(wanted, spread, where)
        except KeyboardInterrupt:
            said = (
                f"refnet: what is done is kept in {wanted.out}: the same command goes on from there"
            )
            print(said, file=sys.stderr)
            raise
    if arguments.json:
        print(json.dumps({**figures(report), "time": report.time}, indent=1))
    else:
        print(text(report, _width()))
    print(f"refnet: wrote {wanted.out / 'report.html'}", file=sys.stderr)
    return 2 if report.unread else 0


def _width() -> int | None:
    """Of the terminal that is written to; None where it is a file."""
    return get_terminal_size().columns if sys.stdout.isatty() else None


def _wanted(arguments: argparse.Namespace) -> Wanted:
    models = arguments.model or ["v1", "v2"]
    recipes = arguments.preprocess or []
    recipes = list(RECIPES) if recipes == ["all"] else recipes
    engines = arguments.engine or ["fast"]
    if arguments.against:
        for option, given in (("--preprocess", recipes), ("--engine", engines)):
            if len(given) > 1:
                raise ValueError(f"{option}: given {len(given)} times, expected one to differ from")
        if len(models) > 1 and arguments.model:
            raise ValueError("--model: given twice, expected one to differ from")
        recipe = recipes[0] if recipes else ""
        found = against.operands(arguments.against, models[0], recipe, engines[0])
    else:
        found = variants(models, recipes, engines)
    classes = _classes(arguments.classes, found)
    out = Path(arguments.out)
    dataset = opened(arguments.dir, arguments.labels, classes)
    dataset = _without(out, arguments.dir, dataset, found)
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out: {out} is not a folder")
    judge = arguments.judge if arguments.against else 0
    return Wanted(dataset, classes, found, out, arguments.retry, judge)


def _without(out: Path, root: str, dataset: Dataset, found: Sequence[Variant]) -> Dataset:
    """A dataset whose folder holds the reports too: they are none of it, now or the next time."""
    if not out.resolve().is_relative_to(Path(root).resolve()):
        return dataset
    name = out.resolve().relative_to(Path(root).resolve()).as_posix()
    own = {name}
    if name == ".":
        own |= {".lock", *(f"report.{kind}" for kind in ("json", "txt", "html"))}
        own |= {f"{variant.key}.{kind}" for variant in found for kind in ("jsonl", "csv")}

    def walk() -> Iterator[Entry]:
        return (e for e in dataset if e.name not in own and not e.name.startswith(f"{name}/"))

    return replace(dataset, walk=walk)


def _classes(file: str | None, found: Sequence[Variant]) -> Classes:
    outputs = common([variant.classes for variant in found])
    if file:
        if not Path(file).is_file():
            raise FileNotFoundError(f"--classes: {file}: no such file")
        classes = Classes.listed(Path(file))
        if len(classes.names) != outputs:
            raise ValueError(f"--classes: {file} has {len(classes.names)}, expected {outputs}")
        return classes
    return Classes.imagenet() if outputs == 1000 else Classes.numbered(outputs)


def _spread(arguments: argparse.Namespace, stack: ExitStack) -> tuple[Spread, str]:
    """Who evaluates: this process, several, or a cluster."""
    if arguments.scheduler:
        if arguments.processes > 1:
            raise ValueError("--processes: the workers of --scheduler share the photos")
        client = stack.enter_context(closing(cluster.connected(arguments.scheduler)))
        return partial(cluster.spread, client=client), "on a Dask cluster"
    if arguments.processes > 1:
        processes = arguments.processes
        return partial(pool.shared, processes=processes), f"{processes} processes"
    return pool.alone, "1 process"


def evaluate(wanted: Wanted, spread: Spread = pool.alone, where: str = "1 process") -> Report:
    """Evaluate what is not evaluated yet, and report on all of it.

    Whatever ends this at any moment, the same call goes on from there.
    """
    total = _count(wanted.dataset)
    with ExitStack() as stack:
        stack.enter_context(closing(Lock(wanted.out)))
        records = [
            stack.enter_context(Records(wanted.out / f"{v.key}.jsonl", against.about_of(v)))
            for v in wanted.variants
        ]
        progress = Progress(total, [v.title for v in wanted.variants])
        tasks = unfinished(wanted.dataset, records, progress, retry=wanted.retry)
        failed: dict[str, str] = {}
        start = perf_counter()
        stack.callback(progress.close)
        with closing(spread(tasks, wanted.variants)) as answered:
            for task, found in answered:
                for n, record in zip(task.variants, found, strict=True):
                    records[n].append(record)
                    progress.add(n, record)
                    if "problem" in record:
                        failed[task.name] = task.path
                progress.done(new=True)
        seconds = perf_counter() - start
        progress.close()
        report = gather(wanted.dataset, wanted.classes, wanted.variants, records)
        report.unusable += _gone(report, failed, total)
        if wanted.judge:
            report.judged = against.judge(report, wanted.dataset, wanted.judge)
        report.time = _time(report, progress.new, seconds, where)
        _write(wanted, report, records)
        return report


def _count(dataset: Dataset) -> int:
    """How many photos there are; without any, the first reason that was found."""
    if total := count(dataset):
        return total
    reasons = (f" ({e.name}: {e.reason})" for e in dataset if isinstance(e, Unusable))
    raise ValueError(f"DIR: no picture with a class in {dataset.name}{next(reasons, '')}")


def _gone(report: Report, failed: Mapping[str, str], total: int) -> list[tuple[str, str]]:
    """Photos that were there at the beginning: a table names them still, a folder does not."""
    named = dict(report.unread)
    gone = [n for n, path in failed.items() if n not in named and not os.path.lexists(path)]
    said = [(name, "was there at the beginning, and is gone") for name in gone]
    if (fewer := total - report.photos - len(gone)) > 0:
        fewer_said = f"{counted(fewer, 'photo', 'photos')} fewer than at the beginning"
        said.append((report.dataset, fewer_said))
    return said


def _time(report: Report, new: int, seconds: float, where: str) -> dict[str, Any]:
    return {
        "new": new,
        "seconds": seconds,
        "rate": new / seconds if new else None,
        "where": where,
        "seconds_per_photo": [
            dict(zip(("read", "preprocess", "network"), _each(s), strict=True))
            for s in report.summaries
        ],
        "environment": environment(),
    }


def _each(summary: Any) -> list[float | None]:
    return [value / summary.photos if summary.photos else None for value in summary.seconds]


def _write(wanted: Wanted, report: Report, records: Sequence[Records]) -> None:
    """The tables, the JSON and the page, each whole or not at all."""
    for variant, each in zip(wanted.variants, records, strict=True):
        write_csv(wanted.out / f"{variant.key}.csv", rows(wanted.dataset, each))
    said = {**figures(report), "time": report.time}
    write_whole(wanted.out / "report.json", (json.dumps(said, indent=1) + "\n").encode())
    write_whole(wanted.out / "report.txt", (text(report) + "\n").encode("utf-8", "replace"))
    write_whole(wanted.out / "report.html", page(report, wanted.dataset).encode())
