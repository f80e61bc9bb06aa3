"""`refnet features IMAGE...`: what a network sees in photos, for another program to use.

Which photos of a folder show the same thing? Eight pictures, the halves of four photos:

>>> import tempfile
>>> from PIL import Image
>>> from skimage import data
>>> kept = tempfile.TemporaryDirectory()
>>> folder = Path(kept.name)
>>> for name in ("astronaut", "chelsea", "coffee", "rocket"):
...     photo = getattr(data, name)()
...     middle = photo.shape[1] // 2
...     for side, half in (("left", photo[:, :middle]), ("right", photo[:, middle:])):
...         Image.fromarray(half).save(folder / f"{name} {side}.png")

Each is put through MobileNet V2 up to its mean over the map, 1,280 numbers that say what is there
and not where; two pictures are alike whose numbers point the same way. On the command line this
is `refnet features FOLDER --nearest 1`.

>>> paths = sorted(folder.iterdir())
>>> vectors = [found["pool"] for found in features(load("v2"), map(image.read, paths))]
>>> for path, (other,) in zip(paths, nearest(np.stack(vectors), 1), strict=True):
...     print(f"{path.stem}: {paths[other].stem}")
astronaut left: astronaut right
astronaut right: astronaut left
chelsea left: chelsea right
chelsea right: chelsea left
coffee left: coffee right
coffee right: coffee left
rocket left: rocket right
rocket right: rocket left

Every half has found its other half, with which it shares no pixel. An early layer sees colours and
edges, each in its place, and five of the eight go wrong:

>>> early = [found["block3.add"] for found in features(load("v2"), map(image.read, paths),
...                                                    ["block3.add"])]
>>> others = nearest(np.stack(early).reshape(8, -1), 1)[:, 0]
>>> sum(path.stem.split()[0] == paths[k].stem.split()[0] for path, k in zip(paths, others))
3
>>> kept.cleanup()
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refnet import image
from refnet.apps import photos
from refnet.apps.ready import Ready, add_engine, check_engine
from refnet.checkpoints import Checkpoint, fetched, load, manifest
from refnet.checkpoints.files import write_whole
from refnet.errors import one_line
from refnet.preprocessing import RECIPES, preprocess, stretched

Array = np.ndarray[Any, Any]


def features(
    checkpoint: Checkpoint,
    pictures: Iterable[Array],
    layers: Sequence[str] = ("pool",),
    size: tuple[int, int] | None = None,
    *,
    engine: str = "fast",
    threads: int = 1,
) -> Iterator[dict[str, Array]]:
    """For each picture the layers asked for, each without its batch axis.

    >>> from refnet.checkpoints import load
    >>> grey = np.full((90, 120, 3), 128, np.uint8)
    >>> (found,) = features(load("v2"), [grey], ["pool", "block3.add"], (96, 128))
    >>> found["pool"].shape, found["block3.add"].shape
    ((1280,), (24, 32, 24))

    pictures: (H, W, 3) uint8. layers: as `refnet show MODEL --layers` names them. size: rows and
    columns to which the whole picture is stretched; by default the checkpoint's own recipe makes
    its own square. Raises ValueError for an unknown layer.
    """
    with Ready(checkpoint, layers, size, engine=engine, threads=threads) as ready:
        recipe = RECIPES[checkpoint.preprocessing]
        for pixels in pictures:
            if size is None:
                x = preprocess(pixels, recipe, checkpoint.resolution[0])
            else:
                x = stretched(pixels, recipe, size)
            yield {name: y[0] for name, y in ready(x).items()}


def nearest(vectors: Array, k: int) -> Array:
    """For each row the k others that point most nearly the same way, the nearest first.

    >>> nearest(np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]]), 1).ravel().tolist()
    [2, 2, 0]

    vectors: (N, M), none of them 0; the measure is the cosine of the angle. Returns (N, k).
    """
    if not 1 <= k < len(vectors):
        raise ValueError(f"k: {k}, expected 1 .. {len(vectors) - 1} for {len(vectors)} pictures")
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    likeness = unit @ unit.T
    np.fill_diagonal(likeness, -np.inf)
    return np.argsort(-likeness, axis=1, kind="stable")[:, :k]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="a photo, a folder or a pattern")
    known = ", ".join([*manifest.ALIASES, *fetched.ALIASES])
    parser.add_argument("--model", default="v2", help=f"{known} or a checkpoint file (v2)")
    parser.add_argument(
        "--layer", action="append", metavar="NAME", help="a layer by name; may be repeated (pool)"
    )
    parser.add_argument(
        "--size", metavar="ROWSxCOLUMNS", help="of the input, any (the checkpoint's recipe)"
    )
    add_engine(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="a safetensors file")
    parser.add_argument(
        "--nearest", type=int, metavar="K", help="print the K photos most like each, by --layer"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    check_engine(arguments.engine, arguments.threads)
    layers = arguments.layer or ["pool"]
    size = None if arguments.size is None else _size(arguments.size)
    if arguments.output is None and arguments.nearest is None:
        raise ValueError("-o: expected a file to write, or --nearest K")
    if arguments.output is not None and arguments.output.suffix != ".safetensors":
        raise ValueError(f"-o: {str(arguments.output)!r}, expected a name in .safetensors")
    found = photos.find(arguments.images)
    if arguments.nearest is not None:
        _check_nearest(arguments.nearest, len(found.paths))
    read, failures = [], len(found.problems)
    for problem in found.problems:
        photos.say(f"refnet: skipped {problem}", error=True)

    def pictures() -> Iterator[Array]:
        nonlocal failures
        for path in photos.progress(found.paths):
            try:
                pixels = image.read(path)
            except (ValueError, OSError) as problem:
                photos.say(f"refnet: skipped {one_line(problem)}", error=True)
                failures += 1
                continue
            read.append(path)
            yield pixels

    engine = {"engine": arguments.engine, "threads": arguments.threads}
    checkpoint = load(arguments.model)
    made = list(features(checkpoint, pictures(), layers, size, **engine)) if found.paths else []
    if not made:
        raise ValueError("IMAGE: none that could be read")
    stacked = {name: np.stack([one[name] for one in made]) for name in layers}
    if arguments.output is not None:
        _write(arguments.output, stacked, checkpoint, read)
        for name, a in stacked.items():
            print(f"{arguments.output}: {name} {a.shape}")
    if arguments.nearest is not None:
        _print_nearest(stacked[layers[0]], read, arguments.nearest)
    return 2 if failures else 0


def _write(
    path: Path, stacked: dict[str, Array], checkpoint: Checkpoint, read: Sequence[Path]
) -> None:
    """One tensor a layer, pictures first; the header says whose pictures and whose network."""
    from safetensors.numpy import save

    tensors = {name: np.ascontiguousarray(a, np.float32) for name, a in stacked.items()}
    said = {
        "network": checkpoint.network.name,
        "preprocessing": checkpoint.preprocessing,
        "upstream_sha256": checkpoint.provenance.sha256,
        "images": [str(name) for name in read],
    }
    write_whole(path, save(tensors, metadata={"refnet": json.dumps(said, sort_keys=True)}))


def _check_nearest(k: int, count: int) -> None:
    """Refuse, before any work is done, more neighbours than there are."""
    if count < 2:
        raise ValueError(f"--nearest: {count} photo(s), expected at least 2")
    if not 1 <= k < count:
        raise ValueError(f"--nearest: {k}, expected 1 .. {count - 1} for {count} photos")


def _print_nearest(vectors: Array, read: Sequence[Path], k: int) -> None:
    flat = vectors.reshape(len(vectors), -1)
    for path, others in zip(read, nearest(flat, k), strict=True):
        print(f"{path}: {', '.join(str(read[other]) for other in others)}")


def _size(word: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", word)
    if not found:
        raise ValueError(f"--size: {word!r}, expected ROWSxCOLUMNS, as in 192x256")
    return int(found[1]), int(found[2])
