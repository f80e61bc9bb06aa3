"""Every operation refuses what does not fit, in the same words in both twins."""

from __future__ import annotations

import re

import numpy as np
import pytest

from refnet import definition, ops

x, w = np.zeros((1, 8, 8, 4)), np.zeros((3, 3, 4, 16))
PER_CHANNEL = [np.zeros(4)] * 4

REFUSED = [
    ("conv2d", (x, w[:, :, :3]), {}, "w: 3 input channels, but x has 4"),
    ("conv2d", (x[0], w), {}, "x: 3 axes (8, 8, 4), expected (B, H, W, M)"),
    ("conv2d", (x, w[0]), {}, "w: 3 axes (3, 4, 16), expected (D_K, D_K, M, N)"),
    ("conv2d", (x, w, np.zeros(4)), {}, "b: shape (4,), expected (16,)"),
    ("conv2d", (x, w[:, :, :2]), {"groups": 3}, "w: 2 input channels in each of 3 groups"),
    ("conv2d", (x, w[:, :, :1, :6]), {"groups": 4}, "groups: 4 does not divide the 6 output"),
    ("conv2d", (x, w), {"groups": 0}, "groups: 0, expected a whole number of at least 1"),
    ("conv2d", (x, w), {"stride": -1}, "stride: -1, expected a whole number of at least 1"),
    ("conv2d", (x, w), {"padding": "full"}, "padding: 'full', expected 'same', 'valid'"),
    ("conv2d", (x[:, :2], w), {"padding": "valid"}, "kernel: spans 3 rows"),
    ("conv2d", (x[:, :0], w), {}, "x: an axis of no elements (1, 0, 8, 4)"),
    ("conv2d", (x, w[:0]), {}, "w: an axis of no elements (0, 3, 4, 16)"),
    ("depthwise_conv2d", (x, w[:, :, :3]), {}, "w: filters for 3 channels, but x has 4"),
    ("depthwise_conv2d", (x, w, np.zeros(4)), {}, "b: shape (4,), expected (64,)"),
    ("pointwise_conv2d", (x, w), {}, "w: a kernel of 3 x 3, expected 1 x 1"),
    ("separable_conv2d", (x, w, w), {"activation": "tanh"}, "activation: 'tanh', expected"),
    ("dense", (x[0, 0], w[0, 0, :3]), {}, "w: 3 inputs, but x has 4"),
    ("batch_norm", (x, *PER_CHANNEL[:3], np.zeros(1)), {"epsilon": 1.0}, "variance: shape (1,)"),
    (
        "batch_norm",
        (x[0, 0], *PER_CHANNEL[:3], np.full(4, -1.0)),
        {"epsilon": 0.5},
        "variance: -1.0 + epsilon 0.5 in channel 0 has no root",
    ),
    ("softmax", (x,), {}, "x: 4 axes (1, 8, 8, 4), expected (B, N)"),
    ("global_average_pool", (x[:, :0],), {}, "x: an axis of no elements"),
    ("average_pool", (x, 0), {}, "size: 0, expected a whole number of at least 1"),
    ("average_pool", (x[:, :1], 1), {"padding": (1, 0, 0, 0)}, "leaves a window with no element"),
    ("max_pool", (x[0], 2), {}, "x: 3 axes (8, 8, 4), expected (B, H, W, M)"),
    ("max_pool", (x[:, :0], 2), {}, "x: an axis of no elements (1, 0, 8, 4)"),
    ("max_pool", (x, 0), {}, "size: 0, expected a whole number of at least 1"),
    ("max_pool", (x[:, :2], 3), {"padding": "valid"}, "kernel: spans 3 rows"),
    ("max_pool", (x[:, :1], 1), {"padding": (1, 0, 0, 0)}, "leaves a window with no element"),
    ("concat", (), {}, "xs: no array, expected at least one"),
    ("concat", (x, x[0]), {}, "xs[1]: 3 axes (8, 8, 4), expected (B, H, W, M)"),
    ("concat", (x, x, x[:, :1]), {}, "xs[2]: shape (1, 1, 8, 4), but xs[0] has (1, 8, 8, 4)"),
    ("add", (x, x[:, :1]), {}, "y: shape (1, 1, 8, 4), but x has (1, 8, 8, 4)"),
]
PADDED = ("conv2d", "depthwise_conv2d", "separable_conv2d", "average_pool", "max_pool")


@pytest.mark.parametrize("module", [definition, ops], ids=["definition", "ops"])
@pytest.mark.parametrize(("name", "arrays", "keywords", "message"), REFUSED)
def test_refusals_name_what_came_and_what_was_expected(module, name, arrays, keywords, message):
    if name in PADDED:
        keywords = {"padding": "same", **keywords}
    with pytest.raises(ValueError, match=re.escape(message)) as refusal:
        getattr(module, name)(*arrays, **keywords)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("module", [definition, ops], ids=["definition", "ops"])
def test_padding_is_never_implied(module):
    with pytest.raises(TypeError, match="padding"):
        module.conv2d(x, w)


@pytest.mark.parametrize("module", [definition, ops], ids=["definition", "ops"])
def test_an_empty_batch_gives_an_empty_answer(module):
    assert module.conv2d(x[:0], w, padding="same").shape == (0, 8, 8, 16)
    assert module.dense(np.zeros((0, 4)), np.zeros((4, 2))).shape == (0, 2)
