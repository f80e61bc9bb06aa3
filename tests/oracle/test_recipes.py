"""A tensor is enough to tell how it was made of a picture.

The scales are spelt out here as each framework's users write them, in float32.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest
from matplotlib import cbook
from PIL import Image

from refnet import image
from refnet.oracle.recipes import recognise
from refnet.preprocessing import RECIPES, preprocess

MEAN, STD = (np.array(a, np.float32) for a in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
CAFFE = np.array([123.68, 116.78, 103.94], np.float32)
SCALES = {
    "-1 .. 1": lambda p: (p / np.float32(255) - np.float32(0.5)) * np.float32(2),
    "0 .. 1": lambda p: p * np.float32(1 / 255),
    "0 .. 255": lambda p: p,
    "ImageNet's mean and deviation": lambda p: (p / np.float32(255) - MEAN) / STD,
    "ImageNet's mean, times 0.017": lambda p: (p - CAFFE) * np.float32(0.017),
}
# What each recipe is called, and the scale and order of colours that are its own.
OWN = {name: (name, "-1 .. 1", "RGB") for name in RECIPES} | {
    "torchvision": ("torchvision", "ImageNet's mean and deviation", "RGB"),
    "caffe": ("torchvision", "ImageNet's mean, times 0.017", "BGR"),
}


@functools.cache
def photo() -> np.ndarray:
    return image.read(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))


def said(geometry, colours, scale, layout=""):
    return f"{geometry}'s geometry, {colours}, scaled to {scale}{layout}"


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_recognised(recipe):
    x = preprocess(photo(), recipe, 64)
    geometry, scale, colours = OWN[recipe]
    assert recognise(x, photo()) == [said(geometry, colours, scale)]
    turned = x.transpose(0, 3, 1, 2)
    assert recognise(turned, photo()) == [said(geometry, colours, scale, ", channels first")]


@pytest.mark.parametrize("recipe", [name for name, own in OWN.items() if own[0] == name])
def test_every_geometry_is_recognised_in_every_scale_and_order_of_colours(recipe):
    pixels = RECIPES[recipe].geometry(photo(), 64).astype(np.float32)[np.newaxis]
    for scale, function in SCALES.items():
        x = function(pixels)
        assert x.dtype == np.float32
        assert recognise(x, photo()) == [said(recipe, "RGB", scale)]
        assert recognise(x[..., ::-1], photo()) == [said(recipe, "BGR", scale)]


def test_recipes_that_make_the_same_of_a_picture_are_both_named():
    """An eighth of fifteen rows is less than one: the central crop is the whole picture."""
    pixels = np.random.default_rng(1).integers(0, 256, (12, 15, 3)).astype(np.uint8)
    found = recognise(preprocess(pixels, "squash", 32), pixels)
    assert found == [said("pillow-crop", "RGB", "-1 .. 1"), said("squash", "RGB", "-1 .. 1")]


def test_grey_pictures_have_no_order_of_colours():
    pixels = np.repeat(photo()[..., :1], 3, axis=2)
    found = recognise(preprocess(pixels, "squash", 32), pixels)
    assert found == [said("squash", colours, "-1 .. 1") for colours in ("RGB", "BGR")]


def test_an_unknown_recipe_is_not_recognised():
    nearest = np.asarray(Image.fromarray(photo()).resize((64, 64), Image.Resampling.NEAREST))
    x = SCALES["-1 .. 1"](nearest.astype(np.float32))[np.newaxis]
    assert recognise(x, photo()) == []
    known = preprocess(photo(), "squash", 64)
    assert recognise(known + np.float32(1e-5), photo()) == []
    assert recognise(np.zeros((1, 64, 48, 3), np.float32), photo()) == []
    assert recognise(np.full((1, 64, 64, 3), np.nan, np.float32), photo()) == []
