"""The known mistakes of those who port networks, each as something that can be computed.

Every mistake has a name, what it is in the words of the common frameworks, its remedy, and the
variants in which it comes (which tap, which row). A variant that does not change a unit, or
does not apply to it, is not among them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from refnet.oracle.mistakes import boxes, inputs, kernels, layers, maps
from refnet.oracle.situation import Situation, Variants


@dataclass(frozen=True)
class Mistake:
    """name: a few words; says: what it is; remedy: what to do.

    kind: "structure" for other values altogether, which are tried in pairs too; "precision" for
    values of their own that are close to the right ones; "suspicion" for what has no values of
    its own, only a wider bound in which the answer lies and a trace that it leaves.
    of_input: made of the input, and so not at will before or after another such one.
    """

    name: str
    says: str
    remedy: str
    variants: Callable[[Situation], Variants]
    kind: Literal["structure", "precision", "suspicion"] = "structure"
    of_input: bool = False


MISTAKES = (
    Mistake(
        "padding of another framework",
        "at stride 2 on an even map TensorFlow and Keras pad the end, PyTorch and Caffe the start",
        "pad (0, 1, 0, 1) for TensorFlow's weights (ZeroPad2d((0, 1, 0, 1)) and padding=0 in "
        "PyTorch), 1 on each side for torchvision's and Caffe's",
        kernels.padding,
    ),
    Mistake(
        "padding for another size", "SAME padding worked out from the wrong axes",
        "SAME needs the map's rows and columns (onnx.reference 1.14 to 1.22 took batch and "
        "channels: update it)", kernels.padding_of_another_size,
    ),
    Mistake(
        "dilation", "the taps of a kernel lie at another distance, or side by side",
        "at output stride 16 or 8 a layer whose stride is taken keeps the dilation of those "
        "before it; the next ones have twice that", maps.dilation,
    ),
    Mistake(
        "padding of a dilated window", "put on one side, or worked out as if it were not dilated",
        "pad for the window's reach, (kernel - 1) * dilation + 1, half of it on each side",
        maps.dilated_padding,
    ),
    Mistake(
        "stride phase", "the window starts at another pixel",
        "compute the first input as output * stride - padding_before, not from the centre",
        kernels.phase,
    ),
    Mistake(
        "kernel flipped", "a true convolution instead of a cross-correlation",
        "do not turn the kernel: every deep learning framework correlates",
        kernels.weights(kernels.flipped),
    ),
    Mistake(
        "kernel rows and columns swapped", "kh and kw exchanged",
        "PyTorch is OIHW, TensorFlow HWIO: check the order in which the kernel is read",
        kernels.weights(kernels.turned),
    ),
    Mistake(
        "input and output channels swapped", "the kernel's buffer is read as its transpose",
        "TensorFlow keeps (..., in, out), PyTorch (out, in, ...): transpose, do not reshape",
        kernels.crossed,
    ),
    Mistake(
        "kernel buffer order", "the kernel's numbers are right and lie in another order",
        "transpose (3, 2, 0, 1) from TensorFlow's (rows, columns, in, out) to PyTorch's (out, in, "
        "rows, columns), and copy: do not reshape", kernels.buffer,
    ),
    Mistake(
        "depthwise multiplier order", "outputs grouped by filter instead of by channel",
        "output channel = channel * multiplier + filter", kernels.multiplier,
    ),
    Mistake(
        "layout", "channels first read as channels last, or the reverse",
        "transpose (0, 2, 3, 1) from NCHW to NHWC, do not reshape", inputs.layout, of_input=True,
    ),
    Mistake("colour order", "BGR for RGB", "reverse the image's last axis once (OpenCV reads BGR)",
            inputs.colours, of_input=True),
    Mistake(
        "pixel scale", "another mean or scale of the image",
        "feed what the checkpoint's recipe makes: refnet weights list, refnet/preprocessing.py",
        inputs.scale, of_input=True,
    ),
    Mistake(
        "picture turned", "the image is mirrored, upside down or transposed",
        "check the order of rows and columns, and whether row 0 is at the top", inputs.picture,
        of_input=True,
    ),
    Mistake(
        "batch norm epsilon", "another number added to the variance",
        "1e-3 in TensorFlow and Keras, 1e-5 in PyTorch and Caffe", layers.epsilon,
    ),
    Mistake("batch norm", "one of its four vectors is not used, or is misread",
            "gamma (x - mean) / sqrt(variance + epsilon) + beta", layers.norm_parts),
    Mistake("activation", "another one, or none",
            "ReLU6 is min(max(x, 0), 6): nn.ReLU6, tf.nn.relu6", layers.activation),
    Mistake("activation too many", "where the network has none",
            "V2's projection is linear: no activation after block*.project",
            layers.activation_too_many),
    Mistake("residual", "missing, or counted twice",
            "V2 adds a block's input where stride is 1 and the channels agree", layers.residual),
    Mistake("residual too many", "added where the network has none",
            "V2 adds a block's input only where stride is 1 and the channels agree",
            layers.residual_too_many),
    Mistake(
        "corners of a resize", "pixels at other places, or the nearest in place of a mean",
        "align_corners=True for \"aligned\", half_pixel_centers=True for \"half-pixel\", neither "
        "for \"asymmetric\" (TensorFlow); ONNX's coordinate_transformation_mode; mode linear",
        maps.corners,
    ),
    Mistake(
        "order of a concatenation", "its parts in another order, or one of them twice",
        "the layer's inputs say the order; DeepLab's pooled branch comes first in TensorFlow, last "
        "in torchvision", maps.joined,
    ),
    Mistake("bias", "missing, or added twice",
            "folding turns beta - mean * scale into the bias: add it once", layers.bias),
    Mistake("tap lost", "one position of the kernel is not read",
            "check the loop's last index, and the guard at the border", kernels.tap),
    Mistake("channel tail lost", "the last channels are not read or not written",
            "the vector loop must handle a count that is no multiple of its lanes", kernels.tail),
    Mistake("class index", "off by one", "1001 classes begin with background, 1000 do not",
            layers.classes),
    Mistake("softmax", "missing, twice, or where logits were asked for",
            "compare logits with logits", layers.softmax),
    Mistake(
        "sigmoid", "missing, twice, or where logits were asked for",
        "a detector's scores are each a sigmoid of its own, once, and no softmax", boxes.sigmoid,
    ),
    Mistake(
        "order of box numbers", "x for y, size for centre, or number by number and not box by box",
        "channel = box * 4 + number, and box * classes + class; numbers are y, x, height, width",
        boxes.box_order,
    ),
    Mistake(
        "variances of boxes", "divided by 10 and 5 in the network as well as in decoding",
        "leave the network's numbers alone: decoding divides by 10, 10, 5 and 5", boxes.variances,
    ),
    Mistake(
        "factors in fewer bits", "products of numbers that were rounded first",
        "TF32 off (torch.backends.cuda.matmul.allow_tf32 = False), precision hints to float32, or "
        "declare inputs= or storage= in the arithmetic",
        layers.stored("tf32", "float16", "bfloat16"), kind="precision",
    ),
    Mistake(
        "sums in fewer bits", "sums are written down in a narrower format on the way",
        "accumulate in float32, or declare accumulate= in the arithmetic", layers.accumulated,
        kind="suspicion",
    ),
)  # fmt: skip
