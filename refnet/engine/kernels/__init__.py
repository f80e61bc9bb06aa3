"""What a plan is made of: for each operation the NumPy calls that compute a share of its output.

A kernel computes nothing itself. It is called once, when the plan is made, and appends to a
worker's list the calls that every run will make: NumPy functions on views of memory that is
already there. `share` says which rows and channels of the output are this worker's.

`products` holds what ends in a matrix product, `windows` what slides a window over each channel,
`resize` what stretches a map, `elementwise` the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from refnet.engine.kernels import elementwise, products, resize, windows
from refnet.engine.kernels.worklist import Output, Product, Share, Worklist
from refnet.engine.maps import Map
from refnet.engine.units import Unit

__all__ = ["KERNELS", "Output", "Product", "Share", "Worklist"]

Kernel = Callable[[Worklist, Unit, Sequence[Map], Output, Share], None]

KERNELS: dict[str, Kernel] = {
    "conv2d": products.conv2d,
    "pointwise_conv2d": products.pointwise_conv2d,
    "inner_product": products.inner_product,
    "inner_sum": products.inner_sum,
    "dense": products.dense,
    "depthwise_conv2d": windows.depthwise_conv2d,
    "average_pool": windows.average_pool,
    "max_pool": windows.max_pool,
    "global_average_pool": elementwise.global_average_pool,
    "batch_norm": elementwise.batch_norm,
    "relu": elementwise.activation,
    "relu6": elementwise.activation,
    "resize_bilinear": resize.resize_bilinear,
    "sigmoid": elementwise.sigmoid,
    "softmax": elementwise.softmax,
    "add": elementwise.add,
    "concat": elementwise.concat,
}
