"""Sobel's edges: the sources' worked examples, a photo, and the angle's direction."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from refnet import ops
from refnet.separability import SOBEL_X, SOBEL_Y, edges, luma


def test_the_edge_between_100_and_200_answers_400():
    """The source's first worked example; on the flat right-hand side Sobel answers 0."""
    image = np.array([[100, 100, 200, 200]] * 7)
    products = SOBEL_X * image[:3, :3]
    assert products.tolist() == [[-100, 0, 200], [-200, 0, 400], [-100, 0, 200]]
    assert products.sum() == 400
    found = edges(image)
    assert (found.gx == 400).all()
    assert not found.gy.any()
    assert not edges(np.full((7, 4), 100)).gx.any()


# The source's second example prints products only, walking round the centre pixel.
X_PRODUCTS = [50, 100, 50, 0, -100, -200, -100, 0]
Y_PRODUCTS = [50, 0, -50, -200, -100, 0, 100, 200]
PATCH = np.array([[100, 100, 50], [100, 0, 50], [100, 100, 50]])  # the centre: any number
RING = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]  # clockwise


def patch_of(walk: list[tuple[int, int]]) -> np.ndarray | None:
    """The brightnesses that give both rows of products along this walk, if there are any."""
    patch = np.zeros((3, 3), int)
    for place, x, y in zip(walk, X_PRODUCTS, Y_PRODUCTS, strict=True):
        weights = int(SOBEL_X[place]), int(SOBEL_Y[place])
        pixel = max(p // w if w else 0 for p, w in zip((x, y), weights, strict=True))
        if pixel < 0 or (pixel * weights[0], pixel * weights[1]) != (x, y):
            return None
        patch[place] = pixel
    return patch


def test_the_second_examples_products_are_those_of_one_patch_alone():
    """Sixteen walks round the centre are possible; only clockwise from the top right fits."""
    walks = [
        [RING[(start + way * i) % 8] for i in range(8)] for start in range(8) for way in (1, -1)
    ]
    fits = {tuple(walk[:2]): patch_of(walk) for walk in walks}
    assert [start for start, patch in fits.items() if patch is not None] == [((0, 2), (1, 2))]
    assert np.array_equal(fits[(0, 2), (1, 2)], PATCH)


@pytest.mark.parametrize("centre", [0, 50, 255])
def test_the_second_example_answers_minus_200_and_0_whatever_its_centre(centre):
    patch = PATCH.copy()
    patch[1, 1] = centre
    found = edges(patch)
    assert found.gx.tolist() == [[-200]]
    assert found.gy.tolist() == [[0]]
    assert found.magnitude.tolist() == [[200.0]]
    assert found.direction.tolist() == [[math.pi]]  # brighter on the left


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return pytest.importorskip("skimage.data", reason="its photo is used").camera()


def test_edges_of_a_photo_are_scipys_and_scikit_images_bit_for_bit(photo):
    """Bytes times at most 2: exact in all three. Both count y downwards; scikit-image divides
    by 4, which in binary is exact too."""
    filters = pytest.importorskip("skimage.filters", reason="it is the judge")
    found, wide = edges(photo), photo.astype(np.int64)
    inside = (slice(1, -1), slice(1, -1))
    assert np.array_equal(found.gx, ndimage.sobel(wide, axis=1)[inside])
    assert np.array_equal(found.gy, -ndimage.sobel(wide, axis=0)[inside])
    assert np.array_equal(found.gx, 4 * filters.sobel_v(photo.astype(float))[inside])
    assert np.array_equal(found.gy, -4 * filters.sobel_h(photo.astype(float))[inside])
    for answer, kernel in ((found.gx, SOBEL_X), (found.gy, SOBEL_Y)):
        y = ops.conv2d(wide[None, ..., None], kernel[..., None, None], padding="valid")
        assert np.array_equal(answer, y[0, ..., 0])
    single = edges(photo.astype(np.float32))
    assert single.gx.dtype == single.magnitude.dtype == np.float32
    assert np.array_equal(single.gy, found.gy)


def test_magnitude_and_direction_are_the_gradient_in_polar_form(photo):
    """hypot and cosine are within an ulp, the angle within one of pi, 2 epsilon: with the
    product's rounding under 8 epsilon of the magnitude. The root of a whole number is rounded
    once."""
    gx, gy, magnitude, direction = edges(photo)
    assert (abs(magnitude - np.sqrt(gx**2 + gy**2)) <= 2 * np.spacing(magnitude)).all()
    allowance = 8 * 2.0**-52 * magnitude
    assert (abs(magnitude * np.cos(direction) - gx) <= allowance).all()
    assert (abs(magnitude * np.sin(direction) - gy) <= allowance).all()
    assert magnitude.max() <= math.sqrt(20) * 255  # the most that a byte's gradient can be


def test_the_steepest_gradient_is_sqrt_20_times_the_brightest_pixel():
    """Over all 256 black and white surroundings: a linear function is largest at a corner."""
    patches = [[(bits >> i) & 1 for i in range(8)] for bits in range(256)]
    squares = []
    for patch in patches:
        image = np.zeros((3, 3), int)
        image[tuple(zip(*RING, strict=True))] = patch
        squares.append(int(edges(image).gx[0, 0] ** 2 + edges(image).gy[0, 0] ** 2))
    assert max(squares) == 20


@pytest.mark.parametrize(("quarter", "angle"), [(0, 0.0), (1, 0.5), (2, 1.0), (3, -0.5)])
def test_direction_points_to_the_brighter_side_counter_clockwise_from_the_right(quarter, angle):
    ramp = np.tile(np.arange(5), (5, 1))  # brighter to the right
    assert (edges(np.rot90(ramp, quarter)).direction == angle * math.pi).all()


def test_luma_is_pillows_to_its_rounding():
    """Pillow takes the weights as whole 65536ths, off by under 1/65536 each, and rounds."""
    image = pytest.importorskip("PIL.Image", reason="it reads the photo")
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    theirs = np.asarray(image.fromarray(pixels).convert("L"))
    assert (abs(luma(pixels) - theirs) <= 0.5 + 3 * 255 / 65536).all()
    grey = np.arange(256)
    assert np.array_equal(luma(np.stack([grey] * 3, axis=-1)), grey)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: edges(np.zeros((2, 9))), "image: 2 x 9, expected at least 3 x 3"),
        (lambda: edges(np.zeros((9, 9, 3))), r"grey: 3 axes \(9, 9, 3\), expected \(H, W\)"),
        (lambda: edges(np.zeros((9, 9), object)), "grey: object numbers"),
        (lambda: luma(np.zeros((9, 9, 4))), r"pixels: shape \(9, 9, 4\), expected \(..., 3\)"),
    ],
)
def test_a_mistake_is_answered_by_what_came_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()
