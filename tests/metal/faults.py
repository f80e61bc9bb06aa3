"""Faults planted in the kernels' own text: what a slip of the pen makes of them.

Each has a place on which it shows, a piece of a real network on a real photo, and, where the
oracle's list of mistakes holds it, the name that the diagnosis has to give.
"""

from __future__ import annotations

from dataclasses import dataclass

CONV, DEPTHWISE, POINTWISE = "conv3x3.metal", "depthwise3x3.metal", "pointwise.metal"
ELEMENTWISE, CLASSIFIER = "elementwise.metal", "classifier.metal"

STEM = "v1 image..stem.activation"
BLOCK2 = "v1 block1.pointwise.activation..block2.depthwise.activation"  # stride 2 on 48 x 48
BLOCK3 = "v1 block2.pointwise.activation..block3.depthwise.activation"  # stride 1 on 24 x 24
POINT3 = "v1 block3.depthwise.activation..block3.pointwise.activation"
SUM3 = "v2 block2.project.norm..block3.add"
HEAD = "v1 block13.pointwise.activation..softmax"
SOFTMAX = "softmax-1000 random"  # numbers from -128 to 128: exp of the wrong difference overflows

BARRIER = "threadgroup_barrier(mem_flags::mem_threadgroup);"


@dataclass(frozen=True)
class Fault:
    """file: which of the kernels' files; edits: old and new text, everywhere it stands.

    where: the piece of a network. mistake: what the diagnosis must call it, "" where the oracle
    knows no such mistake; "stopped" where the device itself refuses to go on; "order" where the
    answer is right, but its bits depend on the order in which the threads run.
    """

    file: str
    edits: tuple[tuple[str, str], ...]
    where: str
    mistake: str = ""


def one(file: str, old: str, new: str, where: str, mistake: str = "") -> Fault:
    return Fault(file, ((old, new),), where, mistake)


FAULTS: dict[str, Fault] = {
    "the last tap dropped": one(DEPTHWISE, "tap < 9", "tap < 8", BLOCK3, "tap lost"),
    "the first tap dropped": one(DEPTHWISE, "short tap = 0", "short tap = 1", BLOCK3, "tap lost"),
    "a tap of the first layer dropped": one(CONV, "tap < 9", "tap < 8", STEM, "tap lost"),
    "clamp_to_edge": one(DEPTHWISE, "clamp_to_zero", "clamp_to_edge", BLOCK3),
    "clamp_to_edge in the first layer": one(CONV, "clamp_to_zero", "clamp_to_edge", STEM),
    "a sample half a pixel on": one(DEPTHWISE, "+ 0.5f", "+ 1.0f", BLOCK3, "stopped"),
    "a sample at the pixel's corner": one(CONV, "+ 0.5f", "+ 0.0f", STEM, "stopped"),
    "a sample a pixel on": one(DEPTHWISE, "+ 0.5f", "+ 1.5f", BLOCK3, "stride phase"),
    "rows for columns": one(
        DEPTHWISE, "int2(tap % 3, tap / 3)", "int2(tap / 3, tap % 3)", BLOCK3,
        "kernel rows and columns swapped",
    ),
    "the kernel turned": one(
        DEPTHWISE, "weights[tap * slices", "weights[(8 - tap) * slices", BLOCK3, "kernel flipped"
    ),
    "padding the wrong way": one(
        DEPTHWISE, "int2(params.padLeft, params.padTop)",
        "int2(1 - params.padLeft, 1 - params.padTop)", BLOCK2, "padding of another framework",
    ),
    "stride forgotten": one(DEPTHWISE, " * int(params.stride)", "", BLOCK2),
    "weights by another stride": one(
        DEPTHWISE, "weights[tap * slices + gid.z]", "weights[gid.z * 9 + tap]", BLOCK3
    ),
    "lanes swapped": one(
        DEPTHWISE, "sum += x * float4", "sum += x.yxwz * float4", BLOCK3
    ),
    "lanes of the weights swapped": one(
        POINTWISE, "wy = float4(w[1])", "wy = float4(w[2])", POINT3
    ),
    "bias missing": one(DEPTHWISE, "sum = bias[gid.z]", "sum = float4(0.0f)", BLOCK3, "bias"),
    "bias of the first slice": one(POINTWISE, "sum0 = bias[gid.z]", "sum0 = bias[0]", POINT3),
    "bias twice": one(CONV, "sum = bias[gid.z]", "sum = 2.0f * bias[gid.z]", STEM, "bias"),
    "ReLU for ReLU6": one(
        DEPTHWISE, "clamp(sum, params.lowest, params.highest)", "max(sum, params.lowest)", BLOCK3,
        "activation",
    ),
    "no activation": one(
        CONV, "clamp(sum, params.lowest, params.highest)", "sum", STEM, "activation"
    ),
    "the activation before the bias": Fault(
        DEPTHWISE,
        (
            ("sum = bias[gid.z]", "sum = float4(0.0f)"),
            ("clamp(sum, params.lowest, params.highest)",
             "clamp(sum, params.lowest, params.highest) + bias[gid.z]"),
        ),
        BLOCK3,
    ),
    # Not named: in float16 storage every answer is on float16's grid, which is the trace that the
    # diagnosis looks for.
    "sums in half": Fault(
        POINTWISE,
        (
            ("float4 sum0 = bias[gid.z], sum1", "half4 sum0 = half4(bias[gid.z]), sum1"),
            *(
                (f"sum{n} += {lane}.{c} * w{c}", f"sum{n} += half4({lane}.{c} * w{c})")
                for n, lane in enumerate("abcd") for c in "xyzw"
            ),
            *((f"clamp(sum{n}, low", f"clamp(float4(sum{n}), low") for n in range(4)),
        ),
        POINT3,
    ),
    "products in half": one(
        DEPTHWISE, "sum += x * float4(weights[tap * slices + gid.z])",
        "sum += float4(half4(x) * weights[tap * slices + gid.z])", BLOCK3,
    ),
    "the last slice not read": one(
        POINTWISE, "slice < params.inSlices", "slice + 1 < params.inSlices", POINT3,
        "channel tail lost",
    ),
    "one slice too many": one(
        POINTWISE, "slice < params.inSlices", "slice <= params.inSlices", POINT3, "stopped"
    ),
    "the guard one too early": one(
        DEPTHWISE, "gid.x >= output.get_width()", "gid.x + 1 >= output.get_width()", BLOCK3
    ),
    "the guard one too late": one(
        DEPTHWISE, "gid.x >= output.get_width()", "gid.x > output.get_width()", BLOCK3, "stopped"
    ),
    "no guard": one(DEPTHWISE, "gid.x >= output.get_width() ||", "", BLOCK3, "stopped"),
    "the last pixel of four not written": one(
        POINTWISE, "first + 3 < width", "first + 4 < width", POINT3
    ),
    "the wrong one of four pixels": one(
        POINTWISE, "half4(clamp(sum2, low, high)), p2", "half4(clamp(sum3, low, high)), p2", POINT3
    ),
    "the sum's second term forgotten": one(
        ELEMENTWISE, "gid.z)) + float4(second", "gid.z)) + 0.0f * float4(second",
        SUM3, "residual",
    ),
    "a term twice": one(
        ELEMENTWISE, "float4 sum = float4(first", "float4 sum = 2.0f * float4(first", SUM3,
        "residual",
    ),
    "a sum of another slice": one(
        ELEMENTWISE, "second.read(gid.xy, gid.z)", "second.read(gid.xy, 0)", SUM3
    ),
    "a mean without the last row": one(CLASSIFIER, "y < height;", "y + 1 < height;", HEAD),
    "a mean over one too many": one(
        CLASSIFIER, "float(width * height)", "float(width * height + 1)", HEAD
    ),
    "the classifier's bias missing": one(CLASSIFIER, "sum = bias[gid]", "sum = 0.0f", HEAD, "bias"),
    "the classifier's last inputs not read": one(
        CLASSIFIER, "slice < params.inSlices", "slice + 4 < params.inSlices", HEAD,
        "channel tail lost",
    ),
    "the last class not written": one(
        CLASSIFIER, "gid >= params.outputs", "gid + 1 >= params.outputs", HEAD
    ),
    "the classifier's weights by another stride": one(
        CLASSIFIER, "weights[slice * params.outputs + gid]",
        "weights[gid * params.inSlices + slice]", HEAD,
    ),
    "no softmax": one(
        CLASSIFIER, "output[i] = exp(input[i] - largest) / sum", "output[i] = input[i]", HEAD,
        "softmax",
    ),
    "softmax not divided": one(CLASSIFIER, "largest) / sum", "largest)", HEAD),
    "a halving that loses the odd one": one(
        CLASSIFIER, "if (other < left) scratch[me] +=", "if (other + 1 < left) scratch[me] +=", HEAD
    ),
    "no barrier after the first maxima": one(
        CLASSIFIER, f"scratch[me] = largest;\n    {BARRIER}", "scratch[me] = largest;", SOFTMAX,
        "order",
    ),
    "no barrier before scratch is used again": one(
        CLASSIFIER, f"largest = scratch[0];\n    {BARRIER}", "largest = scratch[0];", SOFTMAX
    ),
    "no barrier between the halvings": one(
        CLASSIFIER, f"scratch[me] += scratch[other];\n        {BARRIER}",
        "scratch[me] += scratch[other];", HEAD,
    ),
    "a barrier that some threads never reach": one(
        CLASSIFIER, "float sum = 0.0f;\n    for (uint i = me",
        "if (me >= 7) return;\n    float sum = 0.0f;\n    for (uint i = me", HEAD, "stopped",
    ),
}  # fmt: skip

# Of the file preprocess.metal, judged by the recipes themselves: the recipe on which each shows.
PREPROCESS: dict[str, tuple[str, str, str]] = {
    "red and blue not exchanged": ("colour = colour.zyxw;", "colour = colour.xyzw;", "caffe"),
    "0 .. 1 for 0 .. 255": (" * 255.0f", " * 1.0f", "tf-slim"),
    "the mean not taken away": ("pixel - params.mean", "pixel", "torchvision"),
    "the mean taken away after the scale": (
        "(pixel - params.mean) * params.scale", "pixel * params.scale - params.mean", "caffe"
    ),
    "the picture read as halves": ("picture.read(gid)", "float4(half4(picture.read(gid)))",
                                   "tf-slim"),
    "alpha kept": ("image.write(half4(colour)", "image.write(half4(float4(colour.xyz, 1.0f))",
                   "tf-slim"),
}  # fmt: skip
