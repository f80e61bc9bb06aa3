"""The picture that `refnet scaling --plot` draws: time and memory against cost, both networks."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullFormatter, StrMethodFormatter

from refnet.apps.scaling.answers import Scaling
from refnet.apps.scaling.rounds import Point
from refnet.apps.scaling.sizes import FACTORS, along, grid
from refnet.checkpoints.files import write_whole

# Dark and light, round and square: grey tells the networks apart as well.
LOOKS = {"v1": ("#1f4e79", "o"), "v2": ("#d98a1f", "s")}
STYLES: dict[str, Any] = {"alpha": "-", "resolution": "--", "batch": ":"}
UNITS = {"resolution": ", pixels", "batch": ", images"}
SMALL = 8


def draw(found: Scaling, path: Path) -> None:
    """Above, time and time for each MAC against MACs; below, memory along each factor."""
    figure = Figure(figsize=(10, 7.2), layout="constrained", facecolor="white")
    rows: list[Any] = [["time"] * 3 + ["unit"] * 3, [f for f in FACTORS for _ in range(2)]]
    panels = figure.subplot_mosaic(rows, height_ratios=(1.25, 1))
    _times(panels["time"], found)
    _units(panels["unit"], found)
    for factor in FACTORS:
        _memory(panels[factor], found, factor)
    top = max(panels[factor].get_ylim()[1] for factor in FACTORS)
    for factor in FACTORS:
        panels[factor].set_ylim(0, top)
    for panel in panels.values():
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=SMALL)
    written = io.BytesIO()
    figure.savefig(written, format=path.suffix.lstrip(".").lower(), dpi=120)
    write_whole(path, written.getvalue())


def _times(axes: Axes, found: Scaling) -> None:
    """Every width at every resolution; a line for what proportional time would be."""
    for model in found.models:
        colour, marker = LOOKS[model]
        x, y = _places(grid(found.points, model))
        axes.scatter(x, [1e3 * seconds for seconds in y], s=22, color=colour, marker=marker,
                     label=f"{model}, every alpha at every resolution")  # fmt: skip
    fits = found.fits[tuple(found.models)]
    if ("macs",) in fits:
        unit = fits[("macs",)].coefficients["macs"]
        ends = [f(p.cost.macs for p in grid(found.points, *found.models)) for f in (min, max)]
        axes.plot([m / 1e6 for m in ends], [1e3 * unit * m for m in ends], color="#707070",
                  linewidth=1, label=f"in proportion: {1e12 * unit:.1f} us/MMAC")  # fmt: skip
    _logarithmic(axes, "x", "y")
    axes.set_title("time of one image, one thread", fontsize=10, loc="left")
    axes.set_xlabel("multiply-accumulates, millions", fontsize=9)
    axes.set_ylabel("milliseconds", fontsize=9)
    axes.legend(fontsize=SMALL, frameon=False, loc="upper left")


def _units(axes: Axes, found: Scaling) -> None:
    """Time for each MAC along each factor, and twice its least."""
    for model in found.models:
        colour, marker = LOOKS[model]
        for factor, style in STYLES.items():
            points = along(found.points, model, factor)
            x, y = [p.cost.macs / 1e6 for p in points], [1e12 * p.unit for p in points]
            axes.plot(x, y, color=colour, linestyle=style, linewidth=1.2, **_dots(marker))
        least = found.knee(model, "alpha").least
        axes.axhline(2e12 * least, color=colour, linewidth=0.8, alpha=0.6)
        axes.text(
            0.99, 2e12 * least, f"twice {model}'s least along alpha", color=colour,
            fontsize=SMALL, ha="right", va="bottom", transform=axes.get_yaxis_transform(),
        )  # fmt: skip
    axes.set_ylim(bottom=0)
    _logarithmic(axes, "x")
    axes.set_title("time for a million multiply-accumulates", fontsize=10, loc="left")
    axes.set_xlabel("multiply-accumulates of one call, millions", fontsize=9)
    axes.set_ylabel("microseconds", fontsize=9)
    lines = [
        Line2D([], [], color=colour, label=model, **_dots(marker))
        for model, (colour, marker) in LOOKS.items()
        if model in found.models
    ]
    lines += [Line2D([], [], color="#404040", linestyle=s, label=f) for f, s in STYLES.items()]
    axes.legend(handles=lines, fontsize=SMALL, frameon=False, ncols=5, loc="lower left")


def _memory(axes: Axes, found: Scaling, factor: str) -> None:
    """What a plan holds, and the peak of a process that runs it alone."""
    ticks: set[float] = set()
    for model in found.models:
        colour, marker = LOOKS[model]
        points = along(found.points, model, factor)
        x = [getattr(point.size, factor) for point in points]
        look = {"color": colour, "linewidth": 1.2, **_dots(marker)}
        axes.plot(x, [p.held / 1e6 for p in points], label=f"{model}: held by the plan", **look)
        peaks = [(at, p.peak.after / 1e6) for at, p in zip(x, points, strict=True) if p.peak]
        if peaks:
            at, after = zip(*peaks, strict=True)
            look |= {"markerfacecolor": "white", "linestyle": "--"}
            axes.plot(at, after, label=f"{model}: peak of a process", **look)
        ticks |= set(x)
    axes.set_xticks(apart(sorted(ticks)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.set_xlabel(f"{factor}{UNITS.get(factor, '')}", fontsize=9)
    if factor == FACTORS[0]:
        axes.set_title("memory", fontsize=10, loc="left")
        axes.set_ylabel("megabytes", fontsize=9)
        axes.legend(fontsize=SMALL, frameon=False, loc="upper left")


def apart(ticks: Sequence[float]) -> list[float]:
    """Those ticks whose numbers have room: a tenth of the axis from one to the next.

    >>> apart([0.25, 0.35, 0.5, 1.4])
    [0.25, 0.5, 1.4]
    """
    kept = list(ticks[:1])
    for tick in ticks[1:]:
        if tick - kept[-1] >= (ticks[-1] - ticks[0]) / 10:
            kept.append(tick)
    return kept


def _dots(marker: str) -> dict[str, Any]:
    return {"marker": marker, "markersize": 4}


def _places(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [point.cost.macs / 1e6 for point in points], [point.quietest for point in points]


def _logarithmic(axes: Axes, *which: str) -> None:
    """Logarithmic axes with plain numbers at 1, 2, 5, 10, ..."""
    for name in which:
        axis = axes.xaxis if name == "x" else axes.yaxis
        (axes.set_xscale if name == "x" else axes.set_yscale)("log")
        axis.set_major_locator(FixedLocator([m * 10.0**k for k in range(-3, 6) for m in (1, 2, 5)]))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())
