"""The picture that `refnet bench --plot` draws: a panel a run, a bar an engine."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from refnet.apps.bench.peers import FLOOR, REFNET
from refnet.apps.bench.results import Line, Run, title
from refnet.apps.bench.table import shown_name
from refnet.checkpoints.files import write_whole

WIDEST = 3.5  # times refnet's own bar; what is slower is cut off there, its number beside it
# Grey tells them apart as well: dark, light, and light with hatching.
OWN, OTHER, BELOW = "#1f4e79", "#a9c4de", "#ffffff"


def draw(runs: Sequence[Run], path: Path) -> None:
    """Networks from top to bottom, numbers of threads from left to right."""
    drawn = [run for run in runs if any(line.timed for line in run.lines)]
    if not drawn:
        raise ValueError("--plot: nothing to draw, no engine was timed")
    networks = list(dict.fromkeys(run.network for run in drawn))
    threads = list(dict.fromkeys(run.threads for run in drawn))
    most = max(sum(line.timed for line in run.lines) for run in drawn)
    figure = Figure(
        figsize=(5.4 * len(threads) + 0.6, (0.3 * most + 0.9) * len(networks) + 0.6),
        layout="constrained",
        facecolor="white",
    )
    panels = figure.subplots(len(networks), len(threads), squeeze=False)
    for panel in panels.flat:
        panel.set_visible(False)
    for run in drawn:
        _panel(panels[networks.index(run.network), threads.index(run.threads)], run)
    figure.supxlabel(
        "milliseconds an image: median of the quietest round; the thin line ends at the loudest "
        "round's",
        fontsize=9,
    )
    written = io.BytesIO()
    figure.savefig(written, format=path.suffix.lstrip(".").lower(), dpi=120)
    write_whole(path, written.getvalue())


def _panel(axes: Axes, run: Run) -> None:
    """Bars of one run, the fastest on top."""
    axes.set_visible(True)
    lines = sorted((line for line in run.lines if line.timed), key=lambda line: line.quietest)
    own = run.line(REFNET.name) or lines[0]
    right = min(WIDEST * own.quietest, 1.15 * max(line.loudest for line in lines)) * 1e3
    for row, line in enumerate(lines):
        _bar(axes, row, line, right)
    axes.set_yticks(range(len(lines)), [shown_name(run, line) for line in lines], fontsize=9)
    axes.set_xlim(0, right * 1.2)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.tick_params(axis="x", labelsize=8)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title(run.network, run.threads), fontsize=10, loc="left")


def _bar(axes: Axes, row: int, line: Line, right: float) -> None:
    quietest, loudest = 1e3 * line.quietest, 1e3 * line.loudest
    floor = line.name == FLOOR.name
    axes.barh(
        row,
        min(quietest, right),
        height=0.68,
        color=OWN if line.name == REFNET.name else BELOW if floor else OTHER,
        edgecolor="#404040",
        linewidth=0.6,
        hatch="////" if floor else None,
    )
    end = min(loudest, right)
    axes.plot([min(quietest, right), end], [row, row], color="#404040", linewidth=1)
    cut = " (cut off)" if quietest > right else ""
    axes.text(end + 0.01 * right, row, f"{quietest:.2f}{cut}", va="center", fontsize=8)
