"""Preprocess vectors: small pictures, and the tensor that each named recipe makes of them.

>>> [f"{name} {height} x {width}" for name, (height, width) in PICTURES.items()]
['even 48 x 64', 'odd 37 x 51', 'small 20 x 28', 'wide 40 x 130', 'tall 131 x 33']

A recipe is a geometry, which makes a grid of 0 .. 255, and a normalisation, (g / over - mean)
* times / std. Where Pillow resizes, the grid is whole numbers and owed to the bit. The tensor is
owed within `bound`.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnet.backend import Arithmetic
from refnet.bounds import Value
from refnet.bounds.formats import growth, unit
from refnet.oracle.bundle_format import Writer
from refnet.oracle.seeded import seed_of, words
from refnet.preprocessing import RECIPES

Array = np.ndarray[Any, Any]

PICTURES = {
    "even": (48, 64),
    "odd": (37, 51),
    "small": (20, 28),  # to be enlarged
    "wide": (40, 130),
    "tall": (131, 33),
}
# Their grids are fractions; the others' are Pillow's.
BILINEAR = ("tf-slim", "half-pixel", "tf-resize")
_PLUS_MINUS_ONE: dict[str, Any] = {
    "over": 127.5, "mean": [1.0, 1.0, 1.0], "times": 1.0, "std": [1.0, 1.0, 1.0],
    "channels": "RGB",
}  # fmt: skip
# The constants as the recipes' authors publish them, told a second time beside preprocessing.py.
NORMALISATIONS: dict[str, dict[str, Any]] = dict.fromkeys(RECIPES, _PLUS_MINUS_ONE) | {
    "torchvision": {
        "over": 255.0, "mean": [0.485, 0.456, 0.406], "times": 1.0, "std": [0.229, 0.224, 0.225],
        "channels": "RGB",
    },
    "caffe": {
        "over": 1.0, "mean": [103.94, 116.78, 123.68], "times": 0.017, "std": [1.0, 1.0, 1.0],
        "channels": "BGR",
    },
}  # fmt: skip


def pixels_of(name: str) -> NDArray[np.uint8]:
    """A picture: ramps with noise on them, another in each channel, no two alike.

    >>> pixels_of("small").shape, pixels_of("small")[0, 0].tolist()
    ((20, 28, 3), [52, 65, 92])
    """
    height, width = PICTURES[name]
    noise = (words(seed_of(f"picture/{name}"), height * width * 3) >> np.uint64(58)).astype(int)
    rows, columns = np.arange(height)[:, None, None], np.arange(width)[:, None]
    ramp = 150 * rows // height * np.array([1, 0, 1]) + 100 * columns // width * np.array([0, 1, 1])
    base = np.array([0, 40, -60]) + ramp + noise.reshape(height, width, 3) + np.array([0, 0, 110])
    return np.clip(base, 0, 255).astype(np.uint8)


def png(pixels: NDArray[np.uint8]) -> bytes:
    """The picture as a PNG file, uncompressed: compressors differ from machine to machine."""
    height, width, _ = pixels.shape
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)  # filter 0: as it is
    blocks = [lines[i : i + 65535] for i in range(0, len(lines), 65535)]
    packed = b"\x78\x01"
    for n, block in enumerate(blocks):
        size = len(block)
        packed += bytes([n == len(blocks) - 1]) + size.to_bytes(2, "little")
        packed += (size ^ 0xFFFF).to_bytes(2, "little") + block
    packed += zlib.adler32(lines).to_bytes(4, "big")
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    parts = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
        for kind, data in parts
    )


def add_preprocess(writer: Writer, size: int) -> None:
    """Every picture by every recipe."""
    for name, recipe in RECIPES.items():
        writer.recipes[name] = {"summary": recipe.summary, **NORMALISATIONS[name]}
    for picture in PICTURES:
        pixels = pixels_of(picture)
        stored = writer.store(f"{picture}/pixels", pixels, "preprocess", "HWC", "ramps and noise")
        writer.plain[f"{picture}.png"] = png(pixels)
        writer.pictures[picture] = {"file": f"{picture}.png", "pixels": stored}
        for name, recipe in RECIPES.items():
            case = f"{picture}-{name}"
            made = f"refnet.preprocessing, {name}"
            tensor = recipe(pixels, size)
            writer.store(f"{case}/tensor", tensor, "preprocess", "NHWC", made)
            if name not in BILINEAR:
                grid = recipe.geometry(pixels, size)[np.newaxis]
                writer.store(f"{case}/grid", grid, "preprocess", "NHWC", made)
            writer.cases[case] = {
                "suite": "preprocess",
                "kind": "preprocess",
                "picture": picture,
                "recipe": name,
                "resolution": size,
                "owed": ["tensor"],
            }


def owed_tensor(
    grid: Array, name: str, arithmetic: Arithmetic, sides: tuple[int, int] = (0, 0)
) -> Value:
    """What a recipe's normalisation owes of its grid (1, H, W, 3), RGB, and how far it may be off.

    >>> value = owed_tensor(np.full((1, 1, 1, 3), 255.0), "squash", Arithmetic())
    >>> value.exact.ravel().tolist(), bool((value.error < 19 * 2.0**-24).all())
    ([1.0, 1.0, 1.0], True)

    sides: of the picture after the crop, where the grid is bilinear and so a fraction.

    The tensor is A g - B, A = times / (over std), B = mean times / std. However it is written,
    a term passes at most six roundings: 1 / over rounded and multiplied by, the subtraction, std
    (or times) rounded, its reciprocal rounded, and multiplied by. So they cost at most
    ((1 + u)^6 - 1) (A |g| + |B|). The oracle's own float64 roundings are as many, so u is the
    arithmetic's plus 2^-53.

    A bilinear grid is off before that. Its positions, at most H (W) pixels, pass at most three
    roundings, and as interpolation is continuous with a slope of at most 255 a pixel in each
    direction, also where the pixel that is read changes, that is 255 ((1 + u)^3 - 1)(H + W).
    Each mean a + f (b - a) of numbers up to 255 rounds a difference, a product and a sum, one
    mean upon another: with pixels scaled to 0 .. 1 before, seven times 255 u.
    Last it is written in the storage format, where that has fewer bits.
    """
    said = NORMALISATIONS[name]
    turned = grid[..., ::-1] if said["channels"] == "BGR" else grid
    scale = said["times"] / np.array(said["std"])
    mean, A = np.array(said["mean"]), scale / said["over"]
    exact = (turned / said["over"] - mean) * scale
    u = unit(arithmetic.accumulate, arithmetic) + 2.0**-53
    size = A * turned + mean * scale
    error = growth(6, u) * size
    if name in BILINEAR:
        error = error + (1 + growth(6, u)) * A * 255 * (growth(7, u) + growth(3, u) * sum(sides))
    return Value(exact, error, size).stored(arithmetic).settled()


def owed(case: dict[str, Any], pixels: Array, grid: Array | None, arithmetic: Arithmetic) -> Value:
    """What a case of a bundle owes as its tensor: from its stored grid, or from its pixels."""
    name, resolution = case["recipe"], case["resolution"]
    if grid is not None:
        return owed_tensor(grid.astype(np.float64), name, arithmetic)
    H, W, _ = pixels.shape
    kept = (H, W) if name == "tf-resize" else (H - 2 * (H // 16), W - 2 * (W // 16))
    made = RECIPES[name].geometry(pixels, resolution)[np.newaxis].astype(np.float64)
    return owed_tensor(made, name, arithmetic, kept)
