"""The picture that `refnet cost --plot` draws: where the products, numbers and bytes are."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from refnet.apps.picture import check
from refnet.checkpoints.files import write_whole
from refnet.cost.ledger import PARAMETERS, ledger
from refnet.cost.memory import traffic
from refnet.network import Network

# Colours that also differ in grey, from dark to light.
KINDS = {
    "conv2d": ("standard", "#7a3b10"),
    "dense": ("fully connected", "#5b4a8a"),
    "pointwise_conv2d": ("pointwise", "#3b7ea8"),
    "depthwise_conv2d": ("depthwise", "#e8a13a"),
}


def draw(network: Network, path: Path) -> None:
    """Three rows of bars, one bar a layer with weights, coloured by its kind."""
    check(path, 1)
    counts = ledger(network).by_layer()
    moved = {t.layer: t.moved for t in traffic(network)}
    layers = [layer for layer in network.layers if layer.op in KINDS]
    panels = {
        "multiply-accumulates (all taps), millions": [
            counts[layer.name].get("macs", 0) / 1e6 for layer in layers
        ],
        "parameters, thousands": [
            sum(counts[layer.name].get(kind, 0) for kind in PARAMETERS) / 1e3 for layer in layers
        ],
        "bytes moved, millions": [moved[layer.name] / 1e6 for layer in layers],
    }
    figure = Figure(figsize=(max(8.0, 0.24 * len(layers) + 2), 8), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True)
    colours = [KINDS[layer.op][1] for layer in layers]
    for panel, (title, heights) in zip(axes, panels.items(), strict=True):
        panel.bar(range(len(layers)), heights, color=colours, width=0.8)
        panel.set_title(f"{title}: {sum(heights):,.1f} in these layers", fontsize=10, loc="left")
        panel.spines[["top", "right"]].set_visible(False)
        panel.margins(x=0.01)
    axes[-1].set_xticks(
        range(len(layers)), [layer.name for layer in layers], rotation=90, fontsize=7
    )
    present = {layer.op for layer in layers}
    patches = [Patch(color=c, label=name) for op, (name, c) in KINDS.items() if op in present]
    axes[0].legend(handles=patches, fontsize=8, frameon=False, ncols=len(patches))
    figure.suptitle(network.name, fontsize=12)
    written = io.BytesIO()
    figure.savefig(written, format=path.suffix.lstrip(".").lower(), dpi=120)
    write_whole(path, written.getvalue())
