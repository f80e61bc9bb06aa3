"""The picture that `refnet scaling --roofline` draws: each layer under this machine's roofs."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from refnet.apps.cost_picture import KINDS
from refnet.apps.scaling.roofline import Roofs, Spot
from refnet.checkpoints.files import write_whole

MARKERS = {"conv2d": "^", "dense": "D", "pointwise_conv2d": "o", "depthwise_conv2d": "s"}
SMALL = 8


class View(NamedTuple):
    """What is seen: multiply-accumulates a byte from left to right, thousand millions a second."""

    left: float
    right: float
    bottom: float
    top: float


def view_of(roofs: Roofs, spots: Sequence[Spot]) -> View:
    """Room for every layer and for both roofs, whatever the machine.

    >>> roofs = Roofs(gemm=100e9, bandwidth=50e9, einsum=8e9, side=1024, array=1 << 27)
    >>> view = view_of(roofs, [Spot("v1", "stem", "conv2d", 10**7, 10**6, 0.01)])
    >>> view.left, view.right, view.top
    (0.1, 100.0, 160.0)
    """
    left = min([0.1, roofs.ridge / 5, *(0.8 * spot.intensity for spot in spots)])
    right = max([100.0, 5 * roofs.ridge, *(1.2 * spot.intensity for spot in spots)])
    rates = [spot.rate for spot in spots]
    bottom = min([*rates, roofs.einsum, roofs.roof(left)])
    return View(left, right, 0.7 * bottom / 1e9, 1.6 * max([*rates, roofs.gemm]) / 1e9)


def draw(roofs: Roofs, spots: Sequence[Spot], path: Path) -> None:
    """A panel for each network; a mark for each layer that multiplies."""
    shown = [spot for spot in spots if spot.op in MARKERS]
    models, view = list(dict.fromkeys(spot.model for spot in shown)), view_of(roofs, shown)
    figure = Figure(figsize=(5 * len(models), 4.6), layout="constrained", facecolor="white")
    panels = figure.subplots(1, len(models), squeeze=False, sharey=True)[0]
    for panel, model in zip(panels, models, strict=True):
        _scales(panel, view)
        _roofs(panel, roofs, view)
        _layers(panel, [spot for spot in shown if spot.model == model])
        panel.set_title(f"{model}, alpha 1, 224 x 224, one thread", fontsize=10, loc="left")
        panel.set_xlabel("multiply-accumulates for each byte moved", fontsize=9)
    panels[0].set_ylabel("GMAC/s (1 MAC: 2 floating-point operations)", fontsize=9)
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center",
        ncols=min(4, 2 * len(models)), fontsize=9, frameon=False,
    )  # fmt: skip
    written = io.BytesIO()
    figure.savefig(written, format=path.suffix.lstrip(".").lower(), dpi=120)
    write_whole(path, written.getvalue())


def _scales(axes: Axes, view: View) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.set_xlim(view.left, view.right)
    axes.set_ylim(view.bottom, view.top)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=SMALL)


def _roofs(axes: Axes, roofs: Roofs, view: View) -> None:
    """The two roofs, and what einsum reaches below them."""
    gemm, einsum, slope = (rate / 1e9 for rate in (roofs.gemm, roofs.einsum, roofs.bandwidth))
    at = [view.left, roofs.ridge, view.right]
    axes.plot(at, [roofs.roof(x) / 1e9 for x in at], color="#202020", linewidth=1.6)
    beside: dict[str, Any] = {"ha": "right", "va": "bottom", "fontsize": SMALL}
    axes.text(view.right * 0.93, 1.06 * gemm, f"matrix product {gemm:.0f} GMAC/s", **beside)
    # Halfway up, in logarithms, and turned as its roof is there.
    x = math.sqrt(view.left * roofs.ridge)
    axes.text(
        x, 1.12 * slope * x, f"memory {slope:.0f} GB/s",
        rotation=math.degrees(math.atan(slope)), rotation_mode="anchor",
        transform_rotates_text=True, ha="center", va="bottom", fontsize=SMALL,
    )  # fmt: skip
    grey: dict[str, Any] = {"color": "#606060"}
    meets = max(view.left, einsum / slope)
    axes.plot([meets, view.right], [einsum, einsum], linewidth=1, linestyle="--", **grey)
    axes.text(
        view.right * 0.93, 1.05 * einsum, f"einsum from the cache {einsum:.1f} GMAC/s",
        **beside, **grey,
    )  # fmt: skip


def _layers(axes: Axes, spots: Sequence[Spot]) -> None:
    for op, marker in MARKERS.items():
        name, colour = KINDS[op]
        kind = [spot for spot in spots if spot.op == op]
        axes.scatter(
            [spot.intensity for spot in kind], [spot.rate / 1e9 for spot in kind],
            s=32, color=colour, marker=marker, edgecolor="white", linewidth=0.5, zorder=3,
            label=name,
        )  # fmt: skip
