"""Claims about pixels: the lecture's Sobel examples, the article's preprocessing, its kernel.

>>> _patch().tolist()
[[100, 100, 50], [100, 0, 50], [100, 100, 50]]
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from refnet import ops, preprocessing
from refnet.apps.claims.verdicts import Claim, Readings, Values
from refnet.network import CAFFE, TENSORFLOW, Conventions
from refnet.separability import SOBEL_X, SOBEL_Y, edges, split

Array = np.ndarray[Any, Any]

# The lecture's second example gives products only, a to h: clockwise from the top right corner.
AROUND = ((0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0), (0, 0), (0, 1))
X_PRODUCTS = (50, 100, 50, 0, -100, -200, -100, 0)
Y_PRODUCTS = (50, 0, -50, -200, -100, 0, 100, 200)


EDGE_IMAGE = ((400, 100, 200, 200), *[(100, 100, 200, 200)] * 4)  # the first example, as printed


def _hidden() -> Readings:
    column, row = split(SOBEL_X)
    return {"": (SOBEL_X.size, column.size + row.size)}


def _product() -> Readings:
    column, row = np.array([1, 2, 1]), np.array([-1, 0, 1])
    return {"": (int((np.outer(column, row) != SOBEL_X).sum()),)}


def _response(kernel: Array, patch: Array) -> int:
    return int((kernel * patch).sum())


def _edge_400() -> Readings:
    """Columns of 100, 100, 200, 200, at the second column."""
    return {"": (int(edges(np.array(EDGE_IMAGE[1:4])).gx[0, 0]),)}


def _edge_products() -> Readings:
    """The products of the left and of the right column, from top to bottom."""
    products = SOBEL_X * np.array(EDGE_IMAGE[1:4])[:, :3]
    left, right = products[:, 0].tolist(), products[:, 2].tolist()
    return {"": (*left, *right)}


def _first_pixel() -> Readings:
    """What the rest of its column holds."""
    (pixel,) = {row[0] for row in EDGE_IMAGE[1:]}
    return {"the column's other pixels": (pixel,)}


def _first_pixel_mended() -> Values:
    """The column that the printed products -100, -200, -100 make, over the weights -1, -2, -1."""
    (pixel,) = {Fraction(p, w) for p, w in zip((-100, -200, -100), (-1, -2, -1), strict=True)}
    return (pixel,)


def _flat() -> Readings:
    same = np.full((3, 3), 100)
    return {"": (_response(SOBEL_X, same), _response(SOBEL_Y, same))}


def _patch() -> Array:
    """The pixels that both lists of products imply; the centre, which neither weighs, is 0."""
    patch = np.zeros((3, 3), int)
    for at, x, y in zip(AROUND, X_PRODUCTS, Y_PRODUCTS, strict=True):
        pixels = {p // w for p, w in ((x, int(SOBEL_X[at])), (y, int(SOBEL_Y[at]))) if w}
        (patch[at],) = pixels  # the two lists agree, or this fails
    return patch


def _second_example() -> Readings:
    return {"": (_response(SOBEL_X, _patch()), _response(SOBEL_Y, _patch()))}


STD = ("0.229", "0.224", "0.225")  # ImageNet's, of pixels from 0 to 1: torchvision's constants
MEAN = ("0.485", "0.456", "0.406")
VGG_MEAN = ("123.68", "116.779", "103.939")  # the mean pixel that VGG-16 was published with


def _scale() -> Readings:
    """One over the standard deviation of red, green and blue, of pixels from 0 to 255."""
    return {"": tuple(1 / (255 * Fraction(std)) for std in STD)}


def _means() -> Readings:
    return {
        "ImageNet's means as torchvision has them": tuple(255 * Fraction(m) for m in MEAN),
        "the mean pixel published with VGG-16": tuple(map(Fraction, VGG_MEAN)),
    }


def _channel_order() -> Readings:
    """Which of red, green and blue a Caffe tensor's three channels answer to."""
    order = []
    for channel in range(3):
        pixels = np.zeros((3, 1, 1, 3), np.uint8)
        for colour in range(3):
            pixels[colour, :, :, colour] = 255
        seen = [preprocessing.preprocess(p, "caffe", 1)[0, 0, 0, channel] for p in pixels]
        order.append("RGB"[int(np.argmax(seen))])
    return {"": tuple(order)}


def _crop() -> Readings:
    """What the recipe keeps of 224 rows that each hold their own number, and of the area."""
    pixels = np.zeros((224, 224, 3), np.uint8)
    pixels += np.arange(224, dtype=np.uint8)[:, np.newaxis, np.newaxis]
    x = preprocessing.preprocess(pixels, "tf-slim", 224)
    first = round((float(x.min()) + 1) * 127.5)
    side = Fraction(224 - 2 * first, 224)
    return {"of the area": (side**2,), "of each side": (side,)}


def _metal_kernel(x: Array, w: Array, stride: int) -> Array:
    """The article's kernel as it stands: nine samples around gid * stride, zero outside."""
    H, W, M = x.shape
    y = np.zeros((-(-H // stride), -(-W // stride), M), int)
    for row, column in np.ndindex(y.shape[:2]):
        for t in range(9):
            i, j = row * stride + t // 3 - 1, column * stride + t % 3 - 1
            if 0 <= i < H and 0 <= j < W:
                y[row, column] += x[i, j] * w[t]
    return y


def _differing(conventions: Conventions) -> int:
    """Outputs of the kernel that differ, at both of V1's strides, on an even side."""
    random, wrong = np.random.default_rng(8), 0
    for stride in (1, 2):
        x, w = random.integers(-9, 10, (6, 6, 4)), random.integers(-9, 10, (9, 4))
        padding = conventions.pad(3)
        y = ops.depthwise_conv2d(x[None], w.reshape(3, 3, 4, 1), padding=padding, stride=stride)
        wrong += int((y[0] != _metal_kernel(x, w, stride)).sum())
    return wrong


def _metal() -> Readings:
    return {"Caffe's padding": (_differing(CAFFE),), "TensorFlow's": (_differing(TENSORFLOW),)}


CLAIMS = (
    Claim("sobel-rank", "lecture 3.1", "numbers of Sobel's kernel, and those it hides",
          ("9", "6"), _hidden,
          "It is of rank 1. A scale moves freely between column and row, so the six numbers have "
          "five degrees of freedom."),
    Claim("sobel-product", "lecture 3.1", "entries of Gx that [1 2 1]^T [-1 0 1] gets wrong",
          ("0",), _product),
    Claim("sobel-400", "lecture 3.1", "response to the edge from 100 to 200", ("400",), _edge_400),
    Claim("sobel-400-products", "lecture 3.1", "the six products it adds up",
          ("-100", "-200", "-100", "200", "400", "200"), _edge_products),
    Claim("sobel-first-pixel", "lecture 3.1", "the example image's first pixel",
          (str(EDGE_IMAGE[0][0]),),
          _first_pixel, "The printed products need 100, as do the words beside. As we have the "
          "text; it may be an accident of its layout.", mended=_first_pixel_mended),
    Claim("sobel-flat", "lecture 3.1", "response where all pixels are equal", ("0", "0"), _flat),
    Claim("sobel-200", "lecture 3.1", "the second example: x, y", ("-200", "0"), _second_example,
          "Its patch, rebuilt: both lists of products imply the same pixels."),
    Claim("preprocess", "article", "the scale, for red, green, blue", ("0.017", "0.017", "0.017"),
          _scale,
          "The article wonders what it is for: it is about one over ImageNet's standard "
          "deviation, 57 to 58 of 255, one number for all three channels."),
    Claim("preprocess-means", "article", "the means of red, green, blue",
          ("123.68", "116.78", "103.94"), _means),
    Claim("preprocess-order", "article", "the order of channels", ("B", "G", "R"),
          _channel_order, "As the recipe \"caffe\" gives it."),
    Claim("central-crop", "lecture 6.4", "share of the image's area that the crop keeps",
          ("87.5 %",), _crop, "TensorFlow's central_fraction is of each side."),
    Claim("metal-depthwise-symmetric", "article", "outputs of the depthwise kernel that are wrong",
          ("0",), _metal,
          "With padding 1 on every side, as its Caffe weights want it. TensorFlow's weights pad "
          "even sides at the end only when the stride is 2."),
)  # fmt: skip
