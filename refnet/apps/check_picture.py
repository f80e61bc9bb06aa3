"""The picture that `refnet check --plot` draws: err/bound and drift, layer by layer."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from refnet.checkpoints.files import write_whole
from refnet.oracle.report import drift
from refnet.oracle.results import Report, Result

FLOOR = 1e-6  # bit-equal layers are drawn here: a logarithm has no place for 0


def draw(report: Report, path: Path) -> None:
    """A panel for each network that was judged by the bound: how near, and how far it drifts."""
    results = [
        result
        for result in report.results
        if result.mode in ("shown", "cut") and not all(la.verdict.exact for la in result.layers)
    ]
    if not results:
        raise ValueError(f"--plot: nothing to draw, no network was judged by {report.backend}")
    figure = Figure(figsize=(11, 2.6 * len(results) + 0.6), layout="constrained")
    for panel, result in zip(figure.subplots(len(results), 1, squeeze=False), results, strict=True):
        _panel(panel[0], result)
    verdict = "all hold" if report.holds else "NOT all hold"
    figure.suptitle(f"{report.backend} ({report.arithmetic}): {verdict}", fontsize=11)
    written = io.BytesIO()
    figure.savefig(written, format=path.suffix.lstrip(".").lower(), dpi=120)
    write_whole(path, written.getvalue())


def _panel(axes: Axes, result: Result) -> None:
    at = range(len(result.layers))
    ratios = [min(max(layer.verdict.ratio, FLOOR), 1e9) for layer in result.layers]
    good = [layer.verdict.holds for layer in result.layers]
    axes.axhline(1, color="#a03030", linewidth=1)
    axes.text(0, 1.3, "the bound", color="#a03030", fontsize=8)
    for held, colour, marker, label in (
        (True, "#3b6ea8", "o", "err/bound, each layer on its own input"),
        (False, "#c03020", "X", "wrong"),
    ):
        chosen = [(n, ratio) for n, ratio, ok in zip(at, ratios, good, strict=True) if ok is held]
        if chosen:
            x, y = zip(*chosen, strict=True)
            axes.scatter(x, y, s=14 if held else 40, color=colour, marker=marker, label=label)
    axes.plot(
        [n for n, layer in enumerate(result.layers) if layer in drift(result)],
        [max(layer.free, 1e-9) for layer in drift(result)],
        color="#b8860b", linewidth=1, label="drift of the whole run (relative)",
    )  # fmt: skip
    axes.set_yscale("log")
    axes.set_title(f"{result.id}, {result.mode}", fontsize=9, loc="left")
    axes.legend(fontsize=7, loc="upper right", frameon=False, ncols=3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.set_xlabel("layer", fontsize=8)
