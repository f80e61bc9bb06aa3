"""All that `refnet bench` found, with what it was found on: as JSON, and as a table's heading."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from refnet.apps.bench.peers import FLOOR
from refnet.apps.bench.results import Line, Run
from refnet.apps.bench.rounds import ITERATIONS, SECONDS
from refnet.apps.bench.table import BESIDE
from refnet.oracle.environment import environment

FORMAT = 1


@dataclass(frozen=True)
class Report:
    """The runs, and what they were made with.

    pinned: the environment's variables that pin the BLAS; unpinned: whether it ran without them.
    absent: engines that are not installed, with the command that mends it.
    without: tricks of refnet's engine that are off in all its rows.
    """

    runs: Sequence[Run]
    environment: Mapping[str, str]
    rounds: int
    pinned: Mapping[str, str] = field(default_factory=dict)
    unpinned: bool = False
    absent: Mapping[str, str] = field(default_factory=dict)
    without: Sequence[str] = ()


def machine() -> dict[str, str]:
    """Versions, platform, processor: what a time depends on, and nobody's name.

    >>> list(machine())
    ['refnet', 'Python', 'NumPy', 'platform', 'processor', 'cores']
    """
    said = environment()
    del said["BLAS"]  # each run tells its own
    return said | {"processor": _processor(), "cores": str(cores())}


def cores() -> int:
    """The processor's cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text("utf-8", errors="replace")
    except OSError:
        told = ""
    names = (line.partition(":")[2] for line in told.splitlines() if line.startswith("model name"))
    return next(names, "").strip() or platform.processor() or platform.machine()


def heading(report: Report) -> str:
    """What all the tables have in common."""
    said = report.environment
    lines = [
        f"{said['processor']}, {said['cores']} cores; {said['platform']}; "
        f"Python {said['Python']}; NumPy {said['NumPy']}",
        "One image, float32, batch norm folded, from an input in the engine's own layout to the "
        "logits, or to all outputs.",
        f"ms: the median call of the quietest of {report.rounds} round(s); spread: how much longer "
        "the loudest round's was.",
        "|error|: the largest difference of a number from the float64 oracle's; all name its five "
        "best classes, or are right as a line says.",
    ]
    if report.unpinned and report.pinned:
        lines.append(f"without {', '.join(f'{k}={v}' for k, v in report.pinned.items())}")
    if report.without:
        lines.append(f"refnet's rows are without {', '.join(report.without)}")
    if report.absent:
        told = "; ".join(f"{name} ({how})" for name, how in report.absent.items())
        lines.append(f"not installed: {told}")
    return "\n".join(lines)


def to_json(report: Report) -> str:
    """Seconds and bytes throughout; null where something was not measured."""
    said = {
        "format": FORMAT,
        "environment": dict(report.environment),
        "pinned": dict(report.pinned),
        "unpinned": report.unpinned,
        "not installed": dict(report.absent),
        "without": list(report.without),
        "rounds": report.rounds,
        "seconds of a round": SECONDS,
        "calls of a round": ITERATIONS,
        "runs": [_run(run) for run in report.runs],
    }
    return json.dumps(said, indent=1, allow_nan=False)


def _run(run: Run) -> dict[str, Any]:
    floor = run.line(FLOOR.name)
    return {
        "model": run.model,
        "network": run.network,
        "input": run.asked,
        "threads": run.threads,
        "blas": run.blas,
        "engines": [_line(run, line) for line in run.lines],
        "split": dict(run.split),
        "products": [list(shape) for shape in run.products],
        "flops of products": run.flops,
        "floor FLOP/s": run.flops / floor.quietest if floor else None,
    }


def _line(run: Run, line: Line) -> dict[str, Any]:
    finite = line.difference is not None and line.difference < float("inf")
    return {
        "name": line.name,
        "version": line.version,
        "refused": line.refused or None,
        "quietest": line.quietest if line.timed else None,
        "loudest": line.loudest if line.timed else None,
        "ratios": {name: run.ratio(line, name) for name in BESIDE},
        "rss": line.rss,
        "difference": line.difference if finite else None,
        "best": list(line.best),
        "rounds": [vars(found) for found in line.rounds],
    }
