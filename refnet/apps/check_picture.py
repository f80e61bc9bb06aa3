"""The picture that `refnet check --plot` draws: err/bound and drift, layer by layer."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from refnet.checkpoints.files import write_whole
from refnet.oracle.report import drift
from refnet.oracle.results import Report, Result

FLOOR, CEILING = 1e-6, 1e9  # a logarithm has no place for 0 and for infinity


def draw(report: Report, path: Path) -> None:
    """A panel for each network that was judged by the bound: how near, and how far it drifts."""
    results = [
        result
        for result in report.results
        if result.mode in ("shown", "cut") and not all(la.verdict.exact for la in result.layers)
    ]
    if not results:
        raise ValueError(f"--plot: nothing to draw, no network was judged by {report.backend}")
    figure = Figure(figsize=(11, 2.4 * len(results) + 1), layout="constrained")
    named: dict[str, Artist] = {}  # one legend serves all panels
    for panel, result in zip(figure.subplots(len(results), 1, squeeze=False), results, strict=True):
        _panel(panel[0], result)
        handles, labels = panel[0].get_legend_handles_labels()
        named |= dict(zip(labels, handles, strict=True))
    verdict = "all hold" if report.holds else "NOT all hold"
    figure.suptitle(f"{report.backend} ({report.arithmetic}): {verdict}", fontsize=11)
    figure.legend(
        list(named.values()), list(named),
        loc="outside lower center", ncols=3, fontsize=8, frameon=False,
    )  # fmt: skip
    written = io.BytesIO()
    figure.savefig(written, format=path.suffix.lstrip(".").lower(), dpi=120)
    write_whole(path, written.getvalue())


def _panel(axes: Axes, result: Result) -> None:
    at = range(len(result.layers))
    ratios = [min(max(layer.verdict.ratio, FLOOR), CEILING) for layer in result.layers]
    good = [layer.verdict.holds for layer in result.layers]
    axes.axhline(1, color="#a03030", linewidth=1)
    beside = axes.get_yaxis_transform()  # x in widths of the panel, y on its own scale
    axes.text(1.005, 1, "the bound", color="#a03030", fontsize=8, va="center", transform=beside)
    for held, colour, marker, label in (
        (True, "#3b6ea8", "o", f"err/bound of a layer on its own input (0 drawn at {FLOOR:g})"),
        (False, "#c03020", "X", f"wrong (cut off at {CEILING:g})"),
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
    axes.set_ylim(top=CEILING * 10 if not all(good) else 10)
    axes.set_title(f"{result.id}, {result.mode}", fontsize=9, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.set_xlabel("layer", fontsize=8)
