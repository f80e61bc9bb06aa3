"""From pixels to the tensor that a checkpoint wants: named recipes, each fixed to the pixel.

"Resize to 224 x 224" names no computation. Libraries differ in where the centre of a pixel
lies, in whether they average when they shrink, and in what they crop first; and a classifier
sees the difference. V1's own checkpoint calls matplotlib's photo of Grace Hopper a bow tie (.863)
under the recipe that its published accuracy was measured with. With half-pixel centres, an
improvement by any other standard, it sees a military uniform (.596); with Pillow's resize of the
same crop the two are level (.486 and .484). Accuracy over many photos hardly moves. So a recipe
has a name, a checkpoint names its recipe, and to compare two implementations of a network on
"the same photo" is to compare nothing until both use the same one.

>>> pixels = np.full((480, 640, 3), 255, np.uint8)
>>> x = preprocess(pixels, "tf-slim")
>>> x.shape, x.dtype, x.min(), x.max()
((1, 224, 224, 3), dtype('float32'), np.float32(1.0), np.float32(1.0))
>>> list(RECIPES)
['tf-slim', 'half-pixel', 'pillow-crop', 'pillow-box', 'squash', 'tf-resize', 'torchvision',
'caffe']
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from refnet import arguments
from refnet.geometry import Pair

Array = np.ndarray[Any, Any]
Pixels = NDArray[np.uint8]  # (H, W, 3), RGB
Axis = tuple[Array, Array, Array]  # for each output: lower neighbour, upper neighbour, fraction


@dataclass(frozen=True)
class Preprocessing:
    """One recipe: a geometry, which still counts in 0 .. 255, then a normalisation.

    >>> recipe = RECIPES["squash"]
    >>> recipe(np.zeros((3, 5, 3), np.uint8), 2).tolist()[0][0]
    [[-1.0, -1.0, -1.0], [-1.0, -1.0, -1.0]]

    geometry: (H, W, 3) uint8 and a resolution -> (resolution, resolution, 3), uint8 or float64;
        one that takes any shape is asked for rows and columns too -> (rows, columns, 3);
    normalise: that array -> floats of the same shape, rounded to float32 once, at the very end.
    """

    name: str
    summary: str
    geometry: Callable[[Pixels, Any], Array]
    normalise: Callable[[Array], Array]
    any_shape: bool = False

    def __call__(self, pixels: Pixels, resolution: Pair = 224) -> NDArray[np.float32]:
        """The tensor (1, rows, columns, 3); see `preprocess`."""
        if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
            what = pixels.dtype if isinstance(pixels, np.ndarray) else type(pixels).__name__
            raise ValueError(f"pixels: {what}, expected a uint8 array (H, W, 3)")
        arguments.check_rank(pixels.shape, "pixels", "H, W, 3")
        if pixels.shape[2] != 3 or 0 in pixels.shape:
            raise ValueError(f"pixels: shape {pixels.shape}, expected (H, W, 3), none of them 0")
        rows, columns = arguments.check_pair(resolution, "resolution")
        if rows != columns and not self.any_shape:
            able = ", ".join(name for name, recipe in RECIPES.items() if recipe.any_shape)
            raise ValueError(
                f"resolution: {rows} x {columns}, but {self.name} makes squares; {able} do not"
            )
        x = self.normalise(self.geometry(pixels, rows if rows == columns else (rows, columns)))
        return np.ascontiguousarray(x[np.newaxis], dtype=np.float32)


def preprocess(
    pixels: Pixels, recipe: str | Preprocessing, resolution: Pair = 224
) -> NDArray[np.float32]:
    """The input tensor of one picture, by a recipe or by the name of one.

    >>> blue = np.zeros((8, 8, 3), np.uint8)
    >>> blue[:, :, 2] = 255
    >>> preprocess(blue, "tf-slim", 2)[0, 0, 0].tolist()                # RGB, -1 .. 1
    [-1.0, -1.0, 1.0]
    >>> preprocess(blue, "caffe", 2)[0, 0, 0].round(3)                  # BGR, about a mean colour
    array([ 2.568, -1.985, -2.103], dtype=float32)

    pixels: (H, W, 3) uint8, RGB; returns (1, resolution, resolution, 3) float32; of the recipes
    that take the whole picture, tf-resize and squash, also (1, rows, columns, 3).
    Raises ValueError for an unknown recipe, a shape that it does not make, pixels of another type
    or shape, and a picture so thin that a recipe would have to blow it up beyond Pillow's limit.
    """
    if isinstance(recipe, str) and recipe in RECIPES:
        recipe = RECIPES[recipe]
    if not isinstance(recipe, Preprocessing):
        raise ValueError(f"recipe: {recipe!r}, expected one of {', '.join(RECIPES)}")
    return recipe(pixels, resolution)


def stretched(pixels: Pixels, recipe: Preprocessing, size: tuple[int, int]) -> NDArray[np.float32]:
    """The input tensor of a whole picture at any size, normalised as a recipe does.

    >>> stretched(np.zeros((8, 6, 3), np.uint8), RECIPES["squash"], (2, 4)).shape
    (1, 2, 4, 3)

    size: rows and columns; Pillow's antialiased bilinear, as in the recipe "squash".
    """
    rows, columns = arguments.check_pair(size, "size")
    x = recipe.normalise(np.asarray(_pillow(pixels, rows, columns)))
    return np.ascontiguousarray(x[np.newaxis], dtype=np.float32)


# Geometry in two steps: what is kept, and how it is resampled.


def _central(pixels: Pixels) -> Pixels:
    """The central 87.5 % of each side, cut at whole pixels.

    TensorFlow's central_crop drops int((H - 0.875 H) / 2) rows at each end; 0.875 is exact in
    binary, so that is H // 16 for every H.
    """
    H, W, _ = pixels.shape
    return pixels[H // 16 : H - H // 16, W // 16 : W - W // 16]


def _corner_aligned(size: int, resolution: int) -> Axis:
    """Output i reads position i * size / resolution: pixels are points, the first at 0.

    The positions are worked out in whole numbers: no rounding decides which pixel is read.
    """
    lower, rest = np.divmod(np.arange(resolution) * size, resolution)
    return lower, np.minimum(lower + 1, size - 1), rest / resolution


def _half_pixel(size: int, resolution: int) -> Axis:
    """Output i reads (i + 1/2) * size / resolution - 1/2: pixels are squares, the edges meet."""
    position = (2 * np.arange(resolution) + 1) * size - resolution  # in units of 1/(2 resolution)
    lower, rest = np.divmod(np.maximum(position, 0), 2 * resolution)
    return lower, np.minimum(lower + 1, size - 1), rest / (2 * resolution)


def _bilinear(pixels: Pixels, rows: Axis, columns: Axis) -> Array:
    """The weighted mean of four neighbours, in float64; no averaging when the picture shrinks."""
    top, bottom, fy = rows
    left, right, fx = columns
    fy, fx = fy[:, np.newaxis, np.newaxis], fx[:, np.newaxis]
    upper = _between(pixels[np.ix_(top, left)], pixels[np.ix_(top, right)], fx)
    lower = _between(pixels[np.ix_(bottom, left)], pixels[np.ix_(bottom, right)], fx)
    return _between(upper, lower, fy)


def _between(a: Array, b: Array, fraction: Array) -> Array:
    """a + fraction (b - a): exactly a where a = b, so a flat picture stays flat."""
    result: Array = a + fraction * (b.astype(np.float64) - a)
    return result


def _pillow(
    pixels: Pixels, height: int, width: int, box: tuple[float, float, float, float] | None = None
) -> Image.Image:
    """Pillow's BILINEAR: a triangle filter as wide as the shrinkage, in rounded 8-bit numbers."""
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR, box=box)


def _tf_slim(pixels: Pixels, resolution: int) -> Array:
    kept = _central(pixels)
    H, W, _ = kept.shape
    return _bilinear(kept, _corner_aligned(H, resolution), _corner_aligned(W, resolution))


def _tf_resize(pixels: Pixels, resolution: Pair) -> Array:
    H, W, _ = pixels.shape
    rows, columns = arguments.check_pair(resolution, "resolution")
    return _bilinear(pixels, _corner_aligned(H, rows), _corner_aligned(W, columns))


def _half_pixel_crop(pixels: Pixels, resolution: int) -> Array:
    kept = _central(pixels)
    H, W, _ = kept.shape
    return _bilinear(kept, _half_pixel(H, resolution), _half_pixel(W, resolution))


def _pillow_crop(pixels: Pixels, resolution: int) -> Array:
    return np.asarray(_pillow(_central(pixels), resolution, resolution))


def _pillow_box(pixels: Pixels, resolution: int) -> Array:
    H, W, _ = pixels.shape
    box = (0.0625 * W, 0.0625 * H, 0.9375 * W, 0.9375 * H)  # left, top, right, bottom
    return np.asarray(_pillow(pixels, resolution, resolution, box))


def _squash(pixels: Pixels, resolution: Pair) -> Array:
    rows, columns = arguments.check_pair(resolution, "resolution")
    return np.asarray(_pillow(pixels, rows, columns))


def _shorter_side(pixels: Pixels, resolution: int) -> Array:
    """The shorter side to resolution / 0.875 (224: 256), then the square in the centre."""
    H, W, _ = pixels.shape
    side = round(resolution / 0.875)
    # torchvision cuts the longer side down to an integer, it does not round it.
    if W <= H:
        height, width = int(side * H / W), side
    else:
        height, width = side, int(side * W / H)
    if Image.MAX_IMAGE_PIXELS is not None and height * width > 2 * Image.MAX_IMAGE_PIXELS:
        raise ValueError(
            f"pixels: {H} x {W} would be resized to {height} x {width}, more than the "
            f"{2 * Image.MAX_IMAGE_PIXELS} pixels that Pillow allows; crop the picture first"
        )
    top, left = round((height - resolution) / 2), round((width - resolution) / 2)
    # Cropped before it becomes an array: a long strip, blown up, fills memory once and not twice.
    resized = _pillow(pixels, height, width)
    return np.asarray(resized.crop((left, top, left + resolution, top + resolution)))


# Normalisation: from 0 .. 255 to the range that the network was trained on.


def _plus_minus_one(x: Array) -> Array:
    result: Array = x / 127.5 - 1
    return result


def _imagenet(x: Array) -> Array:
    """Mean 0 and variance 1 over ImageNet's training photos, in float32 at each step as torch."""
    mean = np.array([0.485, 0.456, 0.406], np.float32)
    std = np.array([0.229, 0.224, 0.225], np.float32)
    result: Array = (x.astype(np.float32) / np.float32(255) - mean) / std
    return result


def _caffe(x: Array) -> Array:
    """Mean 0 in blue, green, red: the order in which OpenCV, and so Caffe, reads a picture."""
    mean = np.array([103.94, 116.78, 123.68], np.float32)
    result: Array = (x[:, :, ::-1].astype(np.float32) - mean) * np.float32(0.017)
    return result


RECIPES: dict[str, Preprocessing] = {
    recipe.name: recipe
    for recipe in (
        # V1's own: tensorflow/models, slim/preprocessing/inception_preprocessing.py, for_eval.
        Preprocessing(
            "tf-slim",
            "central 87.5 %, bilinear from the corner without antialiasing, -1 .. 1",
            _tf_slim,
            _plus_minus_one,
        ),
        # As OpenCV's INTER_LINEAR and torch's interpolate(align_corners=False) place a pixel.
        Preprocessing(
            "half-pixel",
            "central 87.5 %, bilinear from pixel centres without antialiasing, -1 .. 1",
            _half_pixel_crop,
            _plus_minus_one,
        ),
        Preprocessing(
            "pillow-crop",
            "central 87.5 % in whole pixels, Pillow's antialiased bilinear, -1 .. 1",
            _pillow_crop,
            _plus_minus_one,
        ),
        Preprocessing(
            "pillow-box",
            "central 87.5 % in fractions of a pixel, Pillow's antialiased bilinear, -1 .. 1",
            _pillow_box,
            _plus_minus_one,
        ),
        Preprocessing(
            "squash",
            "the whole picture whatever its shape, Pillow's antialiased bilinear, -1 .. 1",
            _squash,
            _plus_minus_one,
            any_shape=True,
        ),
        # TensorFlow's detectors: the graph itself resizes what it is fed (ResizeBilinear).
        Preprocessing(
            "tf-resize",
            "the whole picture whatever its shape, bilinear from the corner without antialiasing, "
            "-1 .. 1",
            _tf_resize,
            _plus_minus_one,
            any_shape=True,
        ),
        # V2's own: torchvision's ImageClassification(crop_size=224), whose resize is to 256.
        Preprocessing(
            "torchvision",
            "shorter side to 256 by Pillow's antialiased bilinear, centre 224, ImageNet mean/std",
            _shorter_side,
            _imagenet,
        ),
        # The Caffe port of 2017 (shicai/MobileNet-Caffe).
        Preprocessing(
            "caffe",
            "geometry of torchvision; blue, green, red, less their mean, times 0.017",
            _shorter_side,
            _caffe,
        ),
    )
}
