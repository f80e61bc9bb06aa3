"""The known mistakes of segmenters and detectors, planted: dilations, resizes, joins, boxes.

The edits share no code with `refnet.oracle.mistakes`: they are made in ONNX's own graph.
"""

from __future__ import annotations

import numpy as np

from tests.oracle.edits import (
    Edit,
    after,
    attributes,
    gather,
    operator,
    reordered,
    step,
)
from tests.oracle.planting import Plant

# Channels of box1 and class1 of the small detector: six boxes, of four numbers or five classes.
BOX, CLASS = np.arange(24).reshape(6, 4), np.arange(30).reshape(6, 5)


def window(name: str, rate: int, *pads: int) -> Edit:
    """A window of another dilation, and its padding: top, left, bottom, right."""
    return attributes(name, dilations=[rate, rate], pads=list(pads))


def unit(block: int) -> str:
    """A block's dilated convolution, and its activation."""
    return f"block{block}.expand.activation..block{block}.depthwise.activation"


def task_plants() -> list[Plant]:
    """Every mistake of refnet.oracle.mistakes.maps and boxes, in several ways and places."""
    made: list[Plant] = []

    def plant(mistake: str, said: str, where: str, layer: str, edit: Edit) -> None:
        made.append(Plant(mistake, said, where, layer, edit))

    name = "dilation"
    plant(name, "none", "conv2d-7 exact", "y", window("y", 1, 1, 1, 1, 1))
    plant(name, "none", f"deeplab random {unit(15)}", "block15.depthwise",
          window("block15.depthwise", 1, 1, 1, 1, 1))  # fmt: skip
    plant(name, "2 for 4", f"deeplab exact {unit(17)}", "block17.depthwise",
          window("block17.depthwise", 2, 2, 2, 2, 2))  # fmt: skip
    plant(name, "2 where the stride was taken", f"deeplab random {unit(7)}", "block7.depthwise",
          window("block7.depthwise", 2, 2, 2, 2, 2))  # fmt: skip
    plant(
        name,
        "none",
        "deeplab random block17.project..aspp1.activation",
        "aspp1",
        window("aspp1", 1, 1, 1, 1, 1),
    )
    name = "padding of a dilated window"
    plant(name, "begins as if undilated", f"deeplab exact {unit(17)}", "block17.depthwise",
          window("block17.depthwise", 4, 1, 1, 7, 7))  # fmt: skip
    plant(name, "all at the end", "depthwise-7 random", "y", window("y", 2, 0, 0, 4, 4))
    plant(name, "all at the start", f"deeplab random {unit(9)}", "block9.depthwise",
          window("block9.depthwise", 2, 4, 4, 0, 0))  # fmt: skip
    plant(name, "1 on each side, a smaller map", "conv2d-7 exact", "y", window("y", 2, 1, 1, 1, 1))
    name, mode = "corners of a resize", "coordinate_transformation_mode"
    plant(name, "half pixel for aligned", "deeplab random projection..upsampled", "upsampled",
          attributes("upsampled", **{mode: "half_pixel"}))  # fmt: skip
    plant(name, "asymmetric for aligned", "resize-0-aligned exact", "y",
          attributes("y", **{mode: "asymmetric"}))  # fmt: skip
    plant(name, "aligned for half pixel", "resize-5-half-pixel random", "y",
          attributes("y", **{mode: "align_corners"}))  # fmt: skip
    plant(name, "the nearest pixel", "deeplab random projection..upsampled", "upsampled",
          attributes("upsampled", mode="nearest"))  # fmt: skip
    plant(name, "the pixel below", "resize-6-asymmetric random", "y",
          attributes("y", mode="nearest", nearest_mode="floor"))  # fmt: skip
    name = "order of a concatenation"
    plant(name, "the pooled branch last", "deeplab random block17.project..concat", "concat",
          reordered("concat", 1, 2, 3, 4, 0))  # fmt: skip
    plant(name, "two branches exchanged", "deeplab exact block17.project..concat", "concat",
          reordered("concat", 0, 1, 3, 2, 4))  # fmt: skip
    plant(
        name,
        "a branch twice",
        "deeplab random block17.project..concat",
        "concat",
        reordered("concat", 0, 1, 2, 2, 4),
    )
    plant(name, "exchanged", "concat exact", "y", reordered("y", 1, 0))
    name = "sigmoid"
    plant(name, "missing", "sigmoid random", "y", operator("y", "Identity"))
    plant(
        name,
        "twice",
        "ssdlite random extra1.pointwise..score2",
        "score2",
        after("score2", step("Sigmoid")),
    )
    plant(
        name,
        "too early",
        "ssdlite random extra3.pointwise..class4",
        "class4",
        after("class4", step("Sigmoid")),
    )
    name = "order of box numbers"
    plant(name, "x before y", "ssdlite exact head..box1", "box1",
          after("box1", gather(BOX[:, [1, 0, 3, 2]].ravel())))  # fmt: skip
    plant(
        name,
        "number by number",
        "ssdlite random head..box1",
        "box1",
        after("box1", gather(BOX.T.ravel())),
    )
    plant(name, "class by class", "ssdlite exact head..class1", "class1",
          after("class1", gather(CLASS.T.ravel())))  # fmt: skip
    plant(name, "size before centre", "ssdlite random extra4.pointwise..box5", "box5",
          after("box5", gather(BOX[:, [2, 3, 0, 1]].ravel())))  # fmt: skip
    name = "variances of boxes"
    for where, said, spread in (
        ("ssdlite random head..box1", "divided", (0.1, 0.1, 0.2, 0.2)),
        ("ssdlite random extra4.pointwise..box5", "multiplied", (10.0, 10.0, 5.0, 5.0)),
    ):
        layer = where[-4:]
        factors = np.tile(np.float32(spread), 6).reshape(1, -1, 1, 1)
        plant(name, said, where, layer, after(layer, step("Mul", factors)))
    return made
