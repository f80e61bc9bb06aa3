"""A photo classified in the reader's browser, by refnet: the answer, its layers, their maps.

The page asks in three steps, so that the first answer does not wait for the rest: `classify`, then
`layers` (how long each took), then `maps` (what one of them made), when the reader asks.
"""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from refnet import image
from refnet.checkpoints import Checkpoint, load, manifest
from refnet.cost import macs, parameters
from refnet.cost.walk import layer_macs
from refnet.engine import Plan, plan
from refnet.network import Network
from refnet.preprocessing import RECIPES, preprocess

Array = np.ndarray[Any, Any]
Say = Callable[[dict[str, Any]], None]

TOP = 5
SIDE = 640  # pixels of a picture of maps, at least
MOST = 64  # maps that are shown at first


@dataclass
class _Model:
    """A checkpoint that is ready, and what it made of the last photo."""

    checkpoint: Checkpoint
    network: Network  # folded: what is run
    plan: Plan
    labels: tuple[str, ...]
    x: Array | None = None
    parts: tuple[str, ...] = ()
    maps: dict[str, Array] = field(default_factory=dict)


_models: dict[str, _Model] = {}


def classify(say: Say, data: Any, name: str, model: str, decoded: Any = None) -> dict[str, Any]:
    """What `refnet classify` answers for the picture file in `data`, and the logits.

    decoded: the same file's pixels as the browser unpacks them, {"width", "height", "rgba"}, which
    are taken instead; refnet's reader still says whether it is a photo.

    Raises ValueError, in one line that begins with the name, for a file that is no photo.
    """
    pixels = _pixels(bytes(data), name)
    if decoded is not None and pixels.shape[:2] == (decoded["height"], decoded["width"]):
        pixels = np.frombuffer(bytes(decoded["rgba"]), np.uint8).reshape(*pixels.shape[:2], 4)[
            ..., :3
        ]
    ready = _ready(model)
    recipe = RECIPES[ready.checkpoint.preprocessing]
    ready.x, ready.maps = preprocess(pixels, recipe, ready.checkpoint.resolution[0]), {}
    start = time.perf_counter()
    made = ready.plan(ready.x)
    seconds = time.perf_counter() - start
    probabilities, logits = (made[shown][0] for shown in _ends(ready.network))
    best = np.argsort(-probabilities, kind="stable")[:TOP]
    seen = np.clip(np.round(recipe.geometry(pixels, ready.checkpoint.resolution[0])), 0, 255)
    H, W, _ = pixels.shape
    return {
        "image": name,
        "size": [W, H],
        "model": ready.network.name,
        "preprocessing": recipe.name,
        "macs": macs(ready.network),
        "parameters": parameters(ready.network),
        "seconds": seconds,
        "top": [
            {"label": ready.labels[n], "index": int(n), "probability": float(probabilities[n])}
            for n in best
        ],
        "logits": [float(logit) for logit in logits],
        "seen": _png(Image.fromarray(seen.astype(np.uint8))),
    }


def layers(say: Say, model: str) -> list[dict[str, Any]]:
    """Each part of the last run: its name, the shape of its map, its cost, its time."""
    ready = _models[model]
    assert ready.x is not None
    shapes = ready.network.shapes()
    timed = ready.plan.time_layers(ready.x, rounds=1)
    ready.parts = tuple(timed)
    return [
        {
            "name": _plain(name),
            "of": name,
            "shape": list(shapes[_folded(name)][1:]),
            "macs": _macs_of(ready.network, name),
            "seconds": seconds,
        }
        for name, seconds in timed.items()
    ]


def maps(say: Say, model: str, of: str, every: bool = False) -> dict[str, Any]:
    """What one part made of the last photo: a picture of its maps, and what it shows in words."""
    ready = _models[model]
    assert ready.x is not None
    if not ready.maps:
        shown = ready.parts or tuple(ready.plan.time_layers(ready.x, rounds=1))
        tapped = plan(ready.checkpoint.network, ready.checkpoint.tensors, taps=shown)
        ready.maps = tapped(ready.x)
    found = ready.maps[of][0]
    if found.ndim == 1:  # one number a channel
        found = found[np.newaxis, np.newaxis]
    picture, low, high, count = mosaic(found, found.shape[2] if every else MOST)
    H, W, C = found.shape
    which = "all" if count == C else f"the {count} strongest of"
    words = f"{_plain(of)}: {which} {C:,} maps of {H} × {W}, from {low:.3g} (black) to {high:.3g}"
    return {"png": _png(picture), "alt": words, "shown": count, "channels": C}


def mosaic(maps: Array, most: int) -> tuple[Image.Image, float, float, int]:
    """Maps (H, W, C) side by side, the strongest first: the picture, its limits, how many.

    >>> picture, low, high, shown = mosaic(np.ones((2, 2, 9), np.float32), 4)
    >>> picture.size[0] == picture.size[1] >= 640, low, high, shown
    (True, 0.0, 1.0, 4)

    All have the same limits: what is brighter is stronger. Zero is black, or, where some numbers
    are negative, the grey in the middle.
    """
    H, W, _ = maps.shape
    strongest = np.argsort(-np.abs(maps).mean(axis=(0, 1)), kind="stable")[:most]
    chosen = maps[:, :, strongest]
    high = float(np.abs(maps).max()) or 1.0
    low = -high if (maps < 0).any() else 0.0
    columns = int(np.ceil(np.sqrt(len(strongest))))
    rows = -(-len(strongest) // columns)
    grid = np.zeros((rows * (H + 1), columns * (W + 1)), np.uint8)  # a dark line between them
    for place, one in enumerate(np.moveaxis(chosen, 2, 0)):
        top, left = (place // columns) * (H + 1), (place % columns) * (W + 1)
        grid[top : top + H, left : left + W] = np.round(255 * (one - low) / (high - low))
    larger = max(1, -(-SIDE // grid.shape[1]))
    size = (grid.shape[1] * larger, grid.shape[0] * larger)
    picture = Image.fromarray(grid).resize(size, Image.Resampling.NEAREST)
    return picture, low, high, len(strongest)


def _ready(model: str) -> _Model:
    if model not in _models:
        checkpoint = load(model)
        folded = checkpoint.fold(np.float64).network
        _, logits = _ends(folded)
        made = plan(checkpoint.network, checkpoint.tensors, taps=[logits])
        classes = folded.shapes()[logits][1]
        _models[model] = _Model(checkpoint, folded, made, manifest.labels(classes))
    return _models[model]


def _ends(network: Network) -> tuple[str, str]:
    """The names of the probabilities and of what they are made of, the logits."""
    (output,) = network.outputs
    (last,) = (layer for layer in network.layers if layer.name == output)
    return output, last.inputs[0]


def _pixels(data: bytes, name: str) -> Array:
    """A file's pixels; the browser's own name for it, and not a path, stands in an error."""
    with TemporaryDirectory() as folder:
        path = Path(folder, Path(name).name or "photo")
        path.write_bytes(data)
        try:
            return image.read(path)
        except ValueError as problem:
            raise ValueError(str(problem).replace(str(path), name)) from None


def _plain(name: str) -> str:
    """A part's name without that of the last small thing in it."""
    return name.removesuffix(".activation").removesuffix(".norm")


def _folded(name: str) -> str:
    """Where its numbers stand in the folded network, which has no norms."""
    return name.removesuffix(".norm")


def _macs_of(network: Network, name: str) -> int:
    shapes: Mapping[str, Any] = network.shapes()
    found = [layer for layer in network.layers if layer.name == _plain(name)]
    return sum(layer_macs(layer, shapes[layer.inputs[0]]) for layer in found)


def _png(picture: Image.Image) -> str:
    written = io.BytesIO()
    picture.save(written, "png")
    return base64.b64encode(written.getvalue()).decode()
