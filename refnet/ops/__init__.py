"""The operations of `definition`, vectorised: the arithmetic of the reference.

Same names, same arguments, same order of axes; nothing cleverer than a reader can follow. The
number type is kept: float32 in, float32 out; integers and Fractions stay exact.

A convolution is one product for each tap of the kernel: tap (i, j) meets a regular grid of
pixels, that grid times w[i, j] is added to the outputs it belongs to. `geometry` says which
grid lies inside the map, so nothing is ever padded, and what lies outside is never touched.
"""

from refnet.ops.convolutions import (
    conv2d,
    dense,
    depthwise_conv2d,
    pointwise_conv2d,
    separable_conv2d,
)
from refnet.ops.elementwise import (
    add,
    batch_norm,
    concat,
    relu,
    relu6,
    sigmoid,
    softmax,
)
from refnet.ops.pools import (
    average_pool,
    global_average_pool,
    max_pool,
)
from refnet.ops.resize import resize_bilinear

__all__ = [
    "add",
    "average_pool",
    "batch_norm",
    "concat",
    "conv2d",
    "dense",
    "depthwise_conv2d",
    "global_average_pool",
    "max_pool",
    "pointwise_conv2d",
    "relu",
    "relu6",
    "resize_bilinear",
    "separable_conv2d",
    "sigmoid",
    "softmax",
]
