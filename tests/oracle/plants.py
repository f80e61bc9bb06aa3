"""The known mistakes, planted: which edit, of which question, and the layer that is then bad.

The edits share no code with `refnet.oracle.mistakes`: they are made in ONNX's own graph.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from tests.oracle.edits import (
    Edit,
    after,
    before,
    cast,
    change,
    epsilon,
    gather,
    lost,
    operator,
    padded,
    pads,
    partial_sums,
    reshape,
    reverse,
    rounded,
    split,
    step,
    transpose,
)
from tests.oracle.planting import Plant
from tests.oracle.task_plants import task_plants

HALF, BRAIN = TensorProto.FLOAT16, TensorProto.BFLOAT16
MEAN, STD = (np.float32(a) for a in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))


# Edits of the picture, put between it and the layer that reads it.


def scaled(name: str, factor: object, offset: object) -> Edit:
    """factor x + offset, channel by channel."""
    shape = [1, 3, 1, 1]
    values = [np.broadcast_to(np.float32(a), 3).reshape(shape) for a in (factor, offset)]
    return before(name, step("Mul", values[0]), step("Add", values[1]))


def read_as_nhwc(name: str, *shape: int) -> Edit:
    """An NCHW buffer taken for NHWC: `shape` is the map's, (B, H, W, M)."""
    return before(name, reshape(*shape), transpose(0, 3, 1, 2))


def read_as_nchw(name: str, B: int, H: int, W: int, M: int) -> Edit:
    return before(name, transpose(0, 2, 3, 1), reshape(B, M, H, W))


BGR = gather([2, 1, 0])

# Kernels as buffers, OIHW in the graph.


def io_read_as_oi(w: np.ndarray) -> np.ndarray:
    """A buffer of (rows, columns, in, out) read as (rows, columns, out, in)."""
    N, M, *kernel = w.shape
    return w.transpose(2, 3, 1, 0).reshape(*kernel, N, M).transpose(2, 3, 0, 1)


def oi_read_as_io(w: np.ndarray) -> np.ndarray:
    N, M, *kernel = w.shape
    return w.transpose(2, 3, 0, 1).reshape(*kernel, M, N).transpose(3, 2, 0, 1)


def hwio_read_as_oihw(w: np.ndarray) -> np.ndarray:
    return w.transpose(2, 3, 1, 0).reshape(w.shape)


def oihw_read_as_hwio(w: np.ndarray) -> np.ndarray:
    N, M, *kernel = w.shape
    return w.reshape(*kernel, M, N).transpose(3, 2, 0, 1)


def hwc_read_as_chw(w: np.ndarray) -> np.ndarray:
    return w[:, 0].transpose(1, 2, 0).reshape(w.shape)


def chw_read_as_hwc(w: np.ndarray) -> np.ndarray:
    channels, _, *kernel = w.shape
    return w.reshape(*kernel, channels).transpose(2, 0, 1)[:, np.newaxis]


def regrouped(multiplier: int, from_filters: bool):
    """The filters of a depthwise kernel in the order of the other grouping."""

    def function(w: np.ndarray) -> np.ndarray:
        order = np.arange(len(w)).reshape(-1, multiplier).T.ravel()
        return w[np.argsort(order)] if from_filters else w[order]

    return function


def tail(name: str, channels: int, count: int) -> Edit:
    """The last outputs are multiplied by 0."""
    mask = np.ones((1, channels, 1, 1), np.float32)
    mask[:, channels - count :] = 0
    return after(name, step("Mul", mask))


V1_STEM, V2_STEM = "v1 image..block1.pointwise.activation", "v2 image..block2.expand.activation"
V1_BLOCK2 = "v1 block1.pointwise.activation..block2.pointwise.activation"
V1_BLOCK6 = "v1 block5.pointwise.activation..block7.depthwise.activation"
V1_BLOCK3 = "v1 block2.pointwise.activation..block4.depthwise.activation"
V2_BLOCK2, V2_BLOCK3 = (
    "v2 block1.project.norm..block2.project.norm",
    "v2 block2.project.norm..block3.add",
)
V2_BLOCK13 = "v2 block12.add..block14.expand.activation"
V1_HEAD, V2_HEAD = "v1 block13.pointwise.activation..softmax", "v2 block17.project.norm..softmax"


def plants() -> list[Plant]:
    """Every mistake of the library, mostly in several ways and places."""
    made: list[Plant] = []

    def plant(mistake: str, said: str, where: str, layer: str, edit: Edit) -> None:
        made.append(Plant(mistake, said, where, layer, edit))

    name = "padding of another framework"
    plant(name, "symmetric for SAME", "conv2d-1 exact", "y", pads("y", 1, 1, 1, 1))
    plant(name, "SAME for symmetric", "conv2d-3 random", "y", pads("y", 0, 1, 0, 1))
    plant(name, "symmetric for SAME", "v1 whole", "block2.depthwise",
          pads("block2.depthwise", 1, 1, 1, 1))  # fmt: skip
    plant(name, "SAME for symmetric", V2_STEM, "stem", pads("stem", 0, 1, 0, 1))
    plant(name, "symmetric for SAME", "v1 exact", "block4.depthwise",
          pads("block4.depthwise", 1, 1, 1, 1))  # fmt: skip
    name = "padding for another size"
    plant(name, "SAME of 2 x 3 on 8 x 6", "conv2d-1 exact", "y", pads("y", 0, 1, 1, 1))
    plant(name, "SAME of 2 x 5 on 7 x 9", "depthwise-2 random", "y", pads("y", 0, 1, 1, 1))
    plant(name, "SAME of 6 x 7 on 7 x 6", "depthwise-5 exact", "y", pads("y", 0, 1, 1, 1))
    plant(name, "SAME of 1 x 64 on 48 x 48", V1_BLOCK2, "block2.depthwise",
          pads("block2.depthwise", 1, 1, 0, 1))  # fmt: skip
    name = "stride phase"
    plant(name, "a row further down", "conv2d-0 exact", "y", pads("y", 0, 2, 1, 1))
    plant(name, "a row and a column on, cropped", "depthwise-1 random", "y",
          padded("y", -1, 2, -1, 2))  # fmt: skip
    plant(name, "a column to the left", V1_BLOCK6, "block7.depthwise",
          pads("block7.depthwise", 1, 1, 2, 0))  # fmt: skip
    plant(name, "a row too early", V2_BLOCK2, "block2.depthwise",
          pads("block2.depthwise", 2, 0, 1, 1))  # fmt: skip

    def flip(w):
        return w[:, :, ::-1, ::-1]

    def turn(w):
        return w.transpose(0, 1, 3, 2)

    for name, function in (("kernel flipped", flip), ("kernel rows and columns swapped", turn)):
        plant(name, "", "conv2d-4 exact", "y", change("y.weight", function))
        plant(name, "", V1_BLOCK6, "block6.depthwise", change("block6.depthwise.weight", function))
        plant(name, "", V2_STEM, "stem", change("stem.weight", function))
    name = "input and output channels swapped"
    plant(name, "(out, in) read as (in, out)", "conv2d-0 exact", "y",
          change("y.weight", oi_read_as_io))  # fmt: skip
    plant(name, "(in, out) read as (out, in)", "conv2d-0-bias random", "y",
          change("y.weight", io_read_as_oi))  # fmt: skip
    plant(name, "(in, out) read as (out, in)", V2_BLOCK3, "block3.project",
          change("block3.project.weight", hwio_read_as_oihw))  # fmt: skip
    plant(name, "transposed", V1_BLOCK3, "block3.pointwise",
          change("block3.pointwise.weight", lambda w: w.transpose(1, 0, 2, 3)))  # fmt: skip
    plant(name, "(out, in) read as (in, out)", V2_HEAD, "classifier",
          change("classifier.weight", lambda w: w.T.reshape(w.shape)))  # fmt: skip
    name = "kernel buffer order"
    plant(name, "HWIO read as OIHW", V2_STEM, "stem", change("stem.weight", hwio_read_as_oihw))
    plant(name, "OIHW read as HWIO", V1_STEM, "stem", change("stem.weight", oihw_read_as_hwio))
    plant(name, "HWC read as CHW", V1_BLOCK6, "block6.depthwise",
          change("block6.depthwise.weight", hwc_read_as_chw))  # fmt: skip
    plant(name, "CHW read as HWC", "depthwise-1 random", "y", change("y.weight", chw_read_as_hwc))
    name = "depthwise multiplier order"
    plant(name, "outputs grouped by filter", "depthwise-5 exact", "y",
          after("y", gather([0, 2, 4, 1, 3, 5])))  # fmt: skip
    plant(name, "filters stored by filter", "depthwise-6-bias exact", "y",
          change("y.weight", regrouped(3, True)))  # fmt: skip
    plant(name, "filters read by filter", "depthwise-6-bias random", "y",
          change("y.weight", regrouped(3, False)))  # fmt: skip
    name = "layout"
    plant(name, "NCHW read as NHWC", "conv2d-0 exact", "y", read_as_nhwc("y", 2, 8, 6, 3))
    plant(name, "NHWC read as NCHW", V1_STEM, "stem", read_as_nchw("stem", 1, 96, 96, 3))
    plant(name, "NCHW read as NHWC", V2_STEM, "stem", read_as_nhwc("stem", 1, 96, 96, 3))
    name = "colour order"
    plant(name, "", "conv2d-1-bias random", "y", before("y", BGR))
    plant(name, "", V1_STEM, "stem", before("stem", BGR))
    plant(name, "", V2_STEM, "stem", before("stem", BGR))
    name = "pixel scale"
    plant(name, "0 .. 1 for -1 .. 1", V1_STEM, "stem", scaled("stem", 0.5, 0.5))
    plant(name, "0 .. 255 for -1 .. 1", V1_STEM, "stem", scaled("stem", 127.5, 127.5))
    plant(name, "-1 .. 1 for ImageNet's", V2_STEM, "stem", scaled("stem", 2 * STD, 2 * MEAN - 1))
    name = "picture turned"
    plant(name, "upside down", V1_STEM, "stem", before("stem", reverse(2)))
    plant(name, "mirrored", V2_STEM, "stem", before("stem", reverse(3)))
    plant(name, "rows for columns", V1_STEM, "stem", before("stem", transpose(0, 1, 3, 2)))
    plant(name, "by half a turn", "conv2d-0 exact", "y", before("y", reverse(2), reverse(3)))
    plant(name, "by a quarter", V2_STEM, "stem", before("stem", transpose(0, 1, 3, 2), reverse(2)))
    name = "batch norm epsilon"
    plant(name, "1e-3 for 1e-5", V2_BLOCK3, "block3.depthwise.norm",
          epsilon("block3.depthwise.norm", 1e-3))  # fmt: skip
    plant(name, "1e-5 for 1e-3", "batch-norm-0.001 random", "y", epsilon("y", 1e-5))
    plant(name, "1e-3 for 1e-5", "v2 whole", "block7.depthwise.norm",
          epsilon("block7.depthwise.norm", 1e-3))  # fmt: skip
    name = "batch norm"
    plant(name, "no mean", "batch-norm-1e-05 random", "y", change("y.mean", np.zeros_like))
    plant(name, "no gamma", V2_BLOCK3, "block3.project.norm",
          change("block3.project.norm.gamma", np.ones_like))  # fmt: skip
    plant(name, "variance for deviation", V2_BLOCK2, "block2.expand.norm",
          change("block2.expand.norm.variance", np.square))  # fmt: skip
    name = "activation"
    plant(name, "ReLU for ReLU6", V1_STEM, "stem.activation", operator("stem.activation", "Relu"))
    plant(name, "none", V2_BLOCK13, "block13.expand.activation",
          operator("block13.expand.activation", "Identity"))  # fmt: skip
    plant(name, "none", "relu exact", "y", operator("y", "Identity"))
    plant(name, "none", "v1 exact", "block3.pointwise.activation",
          operator("block3.pointwise.activation", "Identity"))  # fmt: skip
    name = "activation too many"
    plant(name, "ReLU6", V2_BLOCK2, "block2.project.norm",
          after("block2.project.norm", step("Clip", np.float32(0), np.float32(6))))  # fmt: skip
    plant(name, "ReLU", "conv2d-5-bias random", "y", after("y", step("Relu")))
    plant(name, "ReLU", V2_BLOCK3, "block3.add", after("block3.add", step("Relu")))
    name = "residual"
    plant(name, "missing", V2_BLOCK3, "block3.add", operator("block3.add", "Identity"))
    plant(
        name, "missing", "v2 whole", "block6.add", operator("block6.add", "Identity", inputs=(1,))
    )
    plant(name, "twice", "add exact", "y", after("y", step("Add", also=("x2",))))
    name = "residual too many"
    plant(name, "", "depthwise-0-bias exact", "y", after("y", step("Add", also=("x",))))
    plant(name, "", V1_BLOCK3, "block3.pointwise",
          after("block3.pointwise",
                step("Add", also=("block3.depthwise.activation",))))  # fmt: skip
    name = "bias"
    plant(name, "missing", V1_BLOCK3, "block3.pointwise",
          change("block3.pointwise.bias", np.zeros_like))  # fmt: skip
    plant(name, "twice", "conv2d-7-bias exact", "y", change("y.bias", lambda b: 2 * b))
    plant(name, "beta missing", V2_BLOCK2, "block2.depthwise.norm",
          change("block2.depthwise.norm.beta", np.zeros_like))  # fmt: skip
    plant(name, "missing", "v1 exact", "classifier", change("classifier.bias", np.zeros_like))
    name = "tap lost"
    taps = (slice(None), slice(None))
    plant(name, "the last", "conv2d-0 exact", "y", change("y.weight", lost(*taps, 2, 2)))
    plant(name, "the first", V1_BLOCK6, "block6.depthwise",
          change("block6.depthwise.weight", lost(*taps, 0, 0)))  # fmt: skip
    plant(name, "in the middle", V2_STEM, "stem", change("stem.weight", lost(*taps, 1, 1)))
    name = "channel tail lost"
    plant(name, "the last 4 inputs", V1_BLOCK3, "block3.pointwise",
          change("block3.pointwise.weight", lost(slice(None), slice(124, None))))  # fmt: skip
    plant(name, "the last of 1280 inputs", "pointwise-3-bias random", "y",
          change("y.weight", lost(slice(None), slice(1279, None))))  # fmt: skip
    plant(name, "the last output", "conv2d-1-bias random", "y", tail("y", 5, 1))
    plant(name, "the last output", "depthwise-0-bias exact", "y", tail("y", 5, 1))
    plant(name, "the last 8 outputs", V2_BLOCK3, "block3.project", tail("block3.project", 24, 8))
    name = "class index"
    plant(name, "one up", V1_HEAD, "classifier",
          after("classifier", gather(np.roll(np.arange(1001), 1))))  # fmt: skip
    plant(name, "one down", "dense-2-bias random", "y",
          after("y", gather(np.roll(np.arange(7), -1))))  # fmt: skip
    plant(name, "no background", V1_HEAD, "softmax", after("softmax", gather(np.arange(1, 1001))))
    plant(name, "one down", V2_HEAD, "softmax",
          after("softmax", gather(np.roll(np.arange(1000), -1))))  # fmt: skip
    name = "softmax"
    plant(name, "missing", V1_HEAD, "softmax", operator("softmax", "Identity"))
    plant(name, "twice", V2_HEAD, "softmax", after("softmax", step("Softmax", axis=1)))
    plant(name, "too many", "dense-2-bias random", "y", after("y", step("Softmax", axis=1)))
    made += task_plants()
    name = "factors in fewer bits"
    for where, layer in ((V1_BLOCK3, "block3.pointwise"), (V2_BLOCK13, "block13.project")):
        for bits, form in ((11, "tf32"), (8, "bfloat16")):
            narrow = change(f"{layer}.weight", rounded(bits))
            plant(name, f"weights in {form}", where, layer, narrow)
            both = together(narrow, split(bits)(layer))
            plant(name, f"weights and inputs in {form}", where, layer, both)
    plant(name, "weights in float16", V2_STEM, "stem",
          change("stem.weight", lambda w: w.astype(np.float16)))  # fmt: skip
    plant(name, "inputs in float16", "conv2d-5 random", "y", before("y", *cast(HALF)))
    name = "sums in fewer bits"
    plant(name, "8 partial sums in float16", V1_BLOCK6, "block6.pointwise",
          partial_sums("block6.pointwise", 8, HALF))  # fmt: skip
    plant(name, "16 partial sums in bfloat16", V1_BLOCK3, "block3.pointwise",
          partial_sums("block3.pointwise", 16, BRAIN))  # fmt: skip
    plant(name, "16 partial sums in float16", V2_BLOCK13, "block13.project",
          partial_sums("block13.project", 16, HALF))  # fmt: skip
    return made


def together(*edits: Edit) -> Edit:
    def edit(model) -> None:
        for one in edits:
            one(model)

    return edit
