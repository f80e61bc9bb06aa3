"""What `refnet bench` prints: a table a run, and under it where refnet's time goes."""

from __future__ import annotations

from importlib.util import find_spec

from refnet.apps.bench.peers import FLOOR, REFNET
from refnet.apps.bench.results import Line, Run, title
from refnet.tables import Row, align, flush_right

BESIDE = (REFNET.name, "onnxruntime")  # each engine's time is divided by theirs
HEAD = ("engine", "version", "ms", "spread", *(f"/ {name}" for name in BESIDE), "RSS MB", "|error|")


def text(run: Run) -> str:
    """The fastest first; then what was refused, the split, the floor, the BLAS.

    >>> from refnet.apps.bench.results import Round
    >>> rounds = Round(0.008, 0.007, 31), Round(0.010, 0.007, 25)
    >>> line = Line("refnet", "0.1.0", rounds, rss=100 << 20)
    >>> print(text(Run("v1", "mobilenet_v1_1.0_224", "a.jpg", 1, (line,))))
    mobilenet_v1_1.0_224, 1 thread, a.jpg
    <BLANKLINE>
    engine  version    ms  spread  / refnet  / onnxruntime  RSS MB  |error|
    refnet  0.1.0    8.00   +25 %      1.00              -     105        -
    """
    timed = sorted((line for line in run.lines if line.timed), key=lambda line: line.quietest)
    parts = [f"{title(run.network, run.threads)}, {run.asked}"]
    parts += [run.criterion, ""] if run.criterion else [""]
    if timed:
        parts.append(align(flush_right([HEAD, *(_row(run, line) for line in timed)], 2)))
    parts += [f"not timed: {line.name}: {line.refused}" for line in run.lines if line.refused]
    below = [said for said in (_split(run), _floor(run), _blas(run)) if said]
    return "\n".join([*parts, "", *below] if below else parts)


def shown_name(run: Run, line: Line) -> str:
    """An engine's name, and for the floor among engines on several threads that it is on one."""
    return f"{line.name} (1 thread)" if line.name == FLOOR.name and run.threads > 1 else line.name


def _row(run: Run, line: Line) -> Row:
    floor = line.name == FLOOR.name
    return (
        shown_name(run, line),
        line.version,
        f"{1e3 * line.quietest:.2f}",
        f"+{100 * line.spread:.0f} %",
        *(_number(run.ratio(line, name), ".2f") for name in BESIDE),
        "-" if floor else _number(line.rss and line.rss / 1e6, ".0f"),
        _number(line.difference, ".1e"),
    )


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _split(run: Run) -> str:
    whole = sum(run.split.values())
    shares = (
        f"{kind} {1e3 * seconds:.2f} ms ({seconds / whole:.0%})"
        for kind, seconds in run.split.items()
    )
    return f"{REFNET.name}'s time: {', '.join(shares)}" if whole else ""


def _blas(run: Run) -> str:
    core = "" if find_spec("threadpoolctl") else " (pip install threadpoolctl to see its core)"
    return f"BLAS: {run.blas}{core}" if run.blas else ""


def _floor(run: Run) -> str:
    line = run.line(FLOOR.name)
    if line is None:
        return ""
    rate = run.flops / line.quietest / 1e9
    return (
        f"{FLOOR.name}: refnet's matrix products alone, on one thread: "
        f"{1e3 * line.quietest:.2f} ms, {rate:.0f} GFLOP/s"
    )
