"""Every operation as the loops that ARE its formula.

Nothing here is optimised, and nothing is shared with `ops`: the bounds test, the paddings and
the output sizes are its own, so that agreement of the two means something. Any number type
works: floats, integers, and Fractions in object arrays, on which the arithmetic is exact.

`tally` counts the multiply-accumulates (MACs) that are executed. A tap that falls on the
padding multiplies nothing and is not counted; a bias is an addition and is not a MAC.

Arrays are NHWC, kernels (D_K, D_K, M, N): the order of the MobileNets paper.
"""

from refnet.definition.common import Tally
from refnet.definition.convolutions import (
    conv2d,
    dense,
    depthwise_conv2d,
    pointwise_conv2d,
    separable_conv2d,
)
from refnet.definition.elementwise import (
    add,
    batch_norm,
    concat,
    relu,
    relu6,
    sigmoid,
    softmax,
)
from refnet.definition.pools import (
    average_pool,
    global_average_pool,
    max_pool,
)
from refnet.definition.resize import resize_bilinear

# The operations that take a `tally`: those that multiply and accumulate.
COUNTED = frozenset({"conv2d", "depthwise_conv2d", "pointwise_conv2d", "separable_conv2d", "dense"})

__all__ = [
    "COUNTED",
    "Tally",
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
