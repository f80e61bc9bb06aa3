"""MobileNet V1 with standard convolutions: what the V1 paper measures its blocks against.

Source: MobileNets (arXiv:1704.04861), section 4.1, Table 4, row "Conv MobileNet".
"""

from __future__ import annotations

from dataclasses import replace

from refnet.geometry import Pair
from refnet.models.builder import Builder
from refnet.models.mobilenet_v1 import BLOCKS
from refnet.network import TENSORFLOW, Conventions, Network


def mobilenet_standard(
    resolution: Pair = 224,
    *,
    classes: int | None = None,
    conventions: Conventions = TENSORFLOW,
    batch_norm: bool = True,
) -> Network:
    """V1 with one standard 3x3 convolution, of the same stride, for each separable block.

    >>> from refnet.cost import macs, parameters
    >>> network = mobilenet_standard(batch_norm=False)
    >>> macs(network), parameters(network)
    (4867293184, 29288104)

    The shapes between the blocks are V1's. Options: as for mobilenet_v1.
    """
    if classes is not None:
        conventions = replace(conventions, classes=classes)
    builder = Builder(resolution, conventions, batch_norm=batch_norm)
    builder.convolution("stem", 32, kernel=3, stride=2)
    for number, (channels, stride) in enumerate(BLOCKS, 1):
        builder.convolution(f"block{number}", channels, kernel=3, stride=stride)
    builder.classifier()
    return builder.network(f"mobilenet_standard_{builder.size}", ["softmax"])
