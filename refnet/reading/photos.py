"""Sample photos that come with matplotlib and scikit-image: nothing is fetched."""

from __future__ import annotations

import tempfile
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from refnet import arguments, image, supply
from refnet.errors import MissingPackageError

# name -> what it shows; hopper is a file of matplotlib's, the others are scikit-image's.
PHOTOS = {
    "hopper": "Grace Hopper, in uniform, before a flag",
    "astronaut": "Eileen Collins, in a space suit, before a model of the Shuttle",
    "chelsea": "a tabby cat's face",
    "coffee": "a cup of coffee on a wooden table",
}


def photo(name: str = "hopper", side: int | None = None) -> NDArray[np.uint8]:
    """A sample photo: "hopper", "astronaut", "chelsea" (a cat) or "coffee".

    >>> photo("hopper").shape, photo("hopper", side=64).shape
    ((600, 512, 3), (64, 64, 3))

    Returns (H, W, 3) uint8, RGB; with `side`, the largest square in the middle, resized to (side,
    side, 3) by Pillow's antialiased bilinear. Raises ValueError for another name, and where the
    package that brings the photo (scikit-image for all but the first) is not installed. Where
    `refnet.supply` has a photo's pixels, as PNG, these are taken.
    """
    pixels = _whole(name)
    if side is None:
        return pixels
    from PIL import Image

    side = arguments.check_count(side, "side")
    H, W, _ = pixels.shape
    short = min(H, W)
    left, top = (W - short) / 2, (H - short) / 2
    box = (left, top, left + short, top + short)
    resized = Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR, box=box)
    return np.array(resized)


def _whole(name: str) -> NDArray[np.uint8]:
    if name not in PHOTOS:
        raise ValueError(f"name: {name!r}, expected one of {', '.join(PHOTOS)}")
    if brought := supply.bring(f"photos/{name}.png"):  # first: two decoders of JPEG differ
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"{name}.png")
            path.write_bytes(brought)
            return image.read(path)
    if name == "hopper":
        from matplotlib import cbook

        return image.read(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
    try:
        samples = import_module("skimage.data")
    except ModuleNotFoundError:
        raise MissingPackageError(
            f"name: {name!r} comes with scikit-image, which is not installed: "
            "pip install 'refnet[book]'"
        ) from None
    return np.array(getattr(samples, name)(), np.uint8)
