"""A dozen common mistakes, two at a time; and mistakes that the library does not know."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from tests.oracle.edits import (
    Edit,
    after,
    before,
    change,
    epsilon,
    lost,
    operator,
    pads,
    reverse,
    step,
)
from tests.oracle.planting import Plant
from tests.oracle.plants import BGR, MEAN, STD, V1_BLOCK3, V1_BLOCK6, V2_BLOCK13, V2_STEM, scaled

# V2's real weights on a photo of 32 x 32; ten of the dozen meet in the first unit.
PLACE = "v2 small image..block3.add"
EVERY = slice(None)
DOZEN = [
    Plant("padding of another framework", "", PLACE, "stem", pads("stem", 0, 1, 0, 1)),
    Plant("kernel flipped", "", PLACE, "stem",
          change("stem.weight", lambda w: w[:, :, ::-1, ::-1])),
    Plant("kernel rows and columns swapped", "", PLACE, "stem",
          change("stem.weight", lambda w: w.transpose(0, 1, 3, 2))),
    Plant("colour order", "", PLACE, "stem", before("stem", BGR)),
    Plant("pixel scale", "", PLACE, "stem", scaled("stem", 2 * STD, 2 * MEAN - 1)),
    Plant("picture turned", "", PLACE, "stem", before("stem", reverse(3))),
    Plant("tap lost", "", PLACE, "stem", change("stem.weight", lost(EVERY, EVERY, 2, 1))),
    Plant("batch norm epsilon", "", PLACE, "stem.norm", epsilon("stem.norm", 1e-3)),
    Plant("bias", "", PLACE, "stem.norm", change("stem.norm.beta", np.zeros_like)),
    Plant("activation", "", PLACE, "stem.activation", operator("stem.activation", "Identity")),
    Plant("activation too many", "", PLACE, "block1.project.norm",
          after("block1.project.norm", step("Relu"))),
    Plant("residual", "", PLACE, "block3.add", operator("block3.add", "Identity", inputs=(1,))),
]  # fmt: skip
PAIRS = list(combinations(DOZEN, 2))


def strangers() -> list[Plant]:
    """Mistakes that nobody has given a name; `mistake` says what they are."""
    made: list[Plant] = []

    def plant(said: str, where: str, layer: str, edit: Edit) -> None:
        made.append(Plant(said, "", where, layer, edit))

    tap = lost(7, EVERY, 1, 2)
    plant("a tap lost in one channel", V1_BLOCK6, "block6.depthwise",
          change("block6.depthwise.weight", tap))  # fmt: skip
    plant("a tap lost in one filter", "conv2d-0 random", "y",
          change("y.weight", lost(2, 1, 0, 0)))  # fmt: skip
    for where, layer in ((V2_BLOCK13, "block13.project"), (V2_STEM, "stem")):
        plant("a gain of 1.01", where, layer, after(layer, step("Mul", np.float32(1.01))))
    plant("weights times 1.01", "conv2d-8-bias exact", "y", change("y.weight", lambda w: 1.01 * w))
    plant("a thousandth more everywhere", "dense-0 random", "y",
          after("y", step("Add", np.float32(1e-3))))  # fmt: skip
    swapped = np.arange(96)
    swapped[[3, 70]] = 70, 3
    plant("two outputs swapped", V2_BLOCK13, "block13.project",
          after("block13.project", step("Gather", swapped, axis=1)))  # fmt: skip
    noise = np.random.default_rng(5).standard_normal((1, 96, 6, 6)).astype(np.float32)
    plant("noise of a thousandth", V2_BLOCK13, "block13.project",
          after("block13.project", step("Add", 1e-3 * noise)))  # fmt: skip
    plant("noise of a thousandth of each", V2_BLOCK13, "block13.project",
          after("block13.project", step("Mul", 1 + 1e-3 * noise)))  # fmt: skip
    plant("clipped at 5", V1_BLOCK3, "block3.depthwise.activation",
          after("block3.depthwise.activation", step("Min", np.float32(5))))  # fmt: skip
    plant("clipped at 5", "relu6 random", "y", after("y", step("Min", np.float32(5))))
    plant("a kernel moved by one tap", V1_BLOCK6, "block6.depthwise",
          change("block6.depthwise.weight", lambda w: np.roll(w, 1, 3)))  # fmt: skip
    plant("a kernel moved by one tap", "conv2d-0-bias random", "y",
          change("y.weight", moved))  # fmt: skip
    mask = np.ones((1, 32, 1, 1), np.float32)
    mask[0, 11] = 0
    plant("a dead output in the middle", V2_STEM, "stem", after("stem", step("Mul", mask)))
    plant("the mean of nine taps, not their sum", V1_BLOCK6, "block6.depthwise",
          change("block6.depthwise.weight", lambda w: w / 9))  # fmt: skip
    plant("the other sign", "conv2d-0 exact", "y", after("y", step("Neg")))
    plant("the other sign", V2_BLOCK13, "block13.project", after("block13.project", step("Neg")))
    plant("leaky ReLU", "relu random", "y", operator("y", "LeakyRelu"))
    plant("a sum instead of a mean", "global-7x5 random", "y",
          after("y", step("Mul", np.float32(35))))  # fmt: skip
    plant("every answer 0", "pointwise-0 exact", "y", after("y", step("Mul", np.float32(0))))
    plant("a batch of copies", "conv2d-0 exact", "y",
          after("y", step("Gather", np.array([0, 0]), axis=0)))  # fmt: skip
    return made


def moved(w: np.ndarray) -> np.ndarray:
    """One tap on, the last row lost."""
    held = np.zeros_like(w)
    held[:, :, 1:] = w[:, :, :-1]
    return held
