"""`refnet separate`: a kernel taken apart, in space on a photo, in depth on a real first layer."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

import numpy as np

from refnet import image
from refnet.apps import picture
from refnet.channel_separability import (
    full_terms,
    separation_errors,
    separation_macs,
    terms_that_pay,
)
from refnet.checkpoints import load
from refnet.checkpoints.files import write_whole
from refnet.separability import SOBEL_X, SOBEL_Y, edges, luma, split
from refnet.tables import Row, align, flush_right

Array = np.ndarray[Any, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        "what", metavar="MODEL|IMAGE", help="a checkpoint (v1, v2, a file), or a photo for Sobel"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it to FILE")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """A checkpoint's first layer as a table, or a photo's edges."""
    if arguments.plot:
        picture.check(arguments.plot, 1)
    if image.is_image_name(arguments.what):
        return _edges(Path(arguments.what), arguments.plot)
    checkpoint = load(arguments.what).fold()
    kernel = checkpoint.tensors["stem.weight"]
    print(first_layer(kernel, checkpoint.network.name))
    if arguments.plot:
        _draw_errors(kernel, checkpoint.network.name, arguments.plot)
    return 0


def first_layer(kernel: Array, name: str) -> str:
    """A standard kernel as a sum of depthwise separable ones: error and cost, term by term.

    >>> print(first_layer(np.ones((3, 3, 2, 4)), "ones").splitlines()[2])
    terms  MACs a pixel  of the standard 72  error of the weights
    """
    errors, shape = separation_errors(kernel), kernel.shape
    standard = int(np.prod(shape))
    heading = ("terms", "MACs a pixel", f"of the standard {standard}", "error of the weights")
    rows: list[Row] = [heading]
    for terms, error in enumerate(errors):
        if terms:
            macs = separation_macs(shape, terms)
            rows.append((str(terms), f"{macs:,}", f"{macs / standard:.3f}", f"{error:.4f}"))
    D_Ky, D_Kx, M, N = shape
    head = f"{name}: first layer, {D_Ky} x {D_Kx} x {M} x {N}, as a sum of separable ones"
    pays = terms_that_pay(shape)
    return (
        f"{head}\n\n{align(flush_right(rows, 0))}\n\n"
        f"exact with {full_terms(shape)} terms; cheaper than the standard layer up to {pays}"
    )


def _edges(photo: Path, plot: Path | None) -> int:
    grey = luma(image.read(photo))
    found = edges(grey)
    for name, kernel in (("Gx", SOBEL_X), ("Gy", SOBEL_Y)):
        column, row = split(kernel)
        print(f"{name} = {column.tolist()} x {row.tolist()}: 9 numbers from 3 + 3")
    rows: list[Row] = [("", "smallest", "mean", "largest")]
    for name, values in zip(("Gx", "Gy", "magnitude"), found[:3], strict=True):
        rows.append((name, *(f"{f(values):.1f}" for f in (np.min, np.mean, np.max))))
    print(f"\n{align(flush_right(rows))}")
    if plot:
        _draw_edges(photo.name, grey, found, plot)
    return 0


def _draw_edges(name: str, grey: Array, found: Any, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 3.6), layout="constrained")
    axes = figure.subplots(1, 5)
    widest = float(np.max(found.magnitude))
    shown = {
        f"{name}, grey": (grey, "gray", None, None),
        "Gx: left to right": (found.gx, "gray", -widest, widest),
        "Gy: bottom to top": (found.gy, "gray", -widest, widest),
        "magnitude": (found.magnitude, "gray", 0, widest),
        "direction, where there is an edge": (
            np.where(found.magnitude > 0.1 * widest, found.direction, np.nan),
            "twilight", -np.pi, np.pi,
        ),
    }  # fmt: skip
    for panel, (title, (values, colours, low, high)) in zip(axes, shown.items(), strict=True):
        panel.imshow(values, cmap=colours, vmin=low, vmax=high)
        panel.set_title(title, fontsize=9)
        panel.axis("off")
    _save(figure, path)


def _draw_errors(kernel: Array, name: str, path: Path) -> None:
    from matplotlib.figure import Figure

    errors = separation_errors(kernel)
    terms = range(len(errors))
    cost = [separation_macs(kernel.shape, t) / kernel.size if t else 0.0 for t in terms]
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(terms, errors, "o-", color="#3b6ea8", label="error of the weights (Frobenius)")
    axes.plot(terms, cost, "s--", color="#c1662b", label="cost, of the standard layer's")
    axes.axhline(1, color="#999999", linewidth=0.8)
    axes.set(xlabel="depthwise separable terms", ylim=(0, None), title=f"{name}: first layer")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    written = io.BytesIO()
    figure.savefig(written, format=path.suffix.lstrip(".").lower(), dpi=120)
    write_whole(path, written.getvalue())
