"""VGG-16 (Simonyan and Zisserman, arXiv:1409.1556), Table 1, configuration D."""

from __future__ import annotations

from refnet.geometry import Pair
from refnet.models.builder import Builder, refuse_batch_norm, with_relu
from refnet.network import CAFFE, Conventions, Network

#           N   3x3 convolutions before the block's max pool
BLOCKS = [(64, 2),
          (128, 2),
          (256, 3),
          (512, 3),
          (512, 3)]  # fmt: skip


def vgg16(
    resolution: Pair = 224,
    *,
    classifier: bool = True,
    classes: int | None = None,
    conventions: Conventions = CAFFE,
    batch_norm: bool = False,
) -> Network:
    """VGG-16: 13 convolutions of 3x3 in five blocks, each halved by a max pool; 3 dense layers.

    >>> network = vgg16()
    >>> network.shapes()["pool5"], network.shapes()["fc6"]
    ((1, 7, 7, 512), (1, 1, 1, 4096))

    The first dense layer reads the flattened 7 x 7 x 512 map: that is a 7x7 convolution without
    padding, weight for weight, and the other two are 1x1 convolutions. So written they read
    larger images too, and the mean over the map of scores is the answer (section 3.2).
    resolution: 224 or more; without the dense layers (`classifier=False`) 32 or more.
    classes: as in `conventions` unless given. conventions: of these, the activation is always
        ReLU, and both paddings are the same, as all convolutions have stride 1.
    batch_norm: only False: the published network has a bias in its place.
    """
    refuse_batch_norm(batch_norm, "vgg16")
    builder = Builder(resolution, with_relu(conventions, classes), batch_norm=False)
    for block, (channels, convolutions) in enumerate(BLOCKS, 1):
        for number in range(1, convolutions + 1):
            builder.convolution(f"conv{block}_{number}", channels, kernel=3, stride=1)
        builder.max_pool(f"pool{block}", size=2, stride=2)
    if not classifier:
        return builder.network(f"vgg16_features_{builder.size}", ["pool5"])
    builder.convolution("fc6", 4096, kernel=7, stride=1, padding="valid")
    builder.pointwise("fc7", 4096)
    builder.pointwise("fc8", builder.conventions.classes, activation=False)
    builder.add("pool", "global_average_pool")
    builder.add("softmax", "softmax")
    return builder.network(f"vgg16_{builder.size}", ["softmax"])
