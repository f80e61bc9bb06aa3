"""What V1's and V2's authors print of the networks that they have trained, at every width and side.

Costs and sizes in it can be counted again, accuracies can only be quoted: most of these networks'
weights are not to be had. Chapters 10 and 11 do the counting.

>>> smallest = PUBLISHED["v1"][-1]
>>> smallest.alpha, smallest.resolution, smallest.macs, smallest.top1
(0.25, 128, 14, 41.5)
"""

from __future__ import annotations

from typing import NamedTuple


class Printed(NamedTuple):
    """A row: the width multiplier, the side of the image, millions of multiply-accumulates and of
    parameters, and the accuracies on ImageNet's 50,000 photos for validation, in percent."""

    alpha: float
    resolution: int
    macs: int
    parameters: float
    top1: float
    top5: float


# Source: the tables of TensorFlow's own models, research/slim/nets/mobilenet_v1.md and
# research/slim/nets/mobilenet/README.md in github.com/tensorflow/models (float checkpoints).
PUBLISHED: dict[str, tuple[Printed, ...]] = {
    "v1": (
        Printed(1.0, 224, 569, 4.24, 70.9, 89.9),
        Printed(1.0, 192, 418, 4.24, 70.0, 89.2),
        Printed(1.0, 160, 291, 4.24, 68.0, 87.7),
        Printed(1.0, 128, 186, 4.24, 65.2, 85.8),
        Printed(0.75, 224, 317, 2.59, 68.4, 88.2),
        Printed(0.75, 192, 233, 2.59, 67.2, 87.3),
        Printed(0.75, 160, 162, 2.59, 65.3, 86.0),
        Printed(0.75, 128, 104, 2.59, 62.1, 83.9),
        Printed(0.5, 224, 150, 1.34, 63.3, 84.9),
        Printed(0.5, 192, 110, 1.34, 61.7, 83.6),
        Printed(0.5, 160, 77, 1.34, 59.1, 81.9),
        Printed(0.5, 128, 49, 1.34, 56.3, 79.4),
        Printed(0.25, 224, 41, 0.47, 49.8, 74.2),
        Printed(0.25, 192, 34, 0.47, 47.7, 72.3),
        Printed(0.25, 160, 21, 0.47, 45.5, 70.3),
        Printed(0.25, 128, 14, 0.47, 41.5, 66.3),
    ),
    "v2": (
        Printed(1.4, 224, 582, 6.06, 75.0, 92.5),
        Printed(1.3, 224, 509, 5.34, 74.4, 92.1),
        Printed(1.0, 224, 300, 3.47, 71.8, 91.0),
        Printed(1.0, 192, 221, 3.47, 70.7, 90.1),
        Printed(1.0, 160, 154, 3.47, 68.8, 89.0),
        Printed(1.0, 128, 99, 3.47, 65.3, 86.9),
        Printed(1.0, 96, 56, 3.47, 60.3, 83.2),
        Printed(0.75, 224, 209, 2.61, 69.8, 89.6),
        Printed(0.75, 192, 153, 2.61, 68.7, 88.9),
        Printed(0.75, 160, 107, 2.61, 66.4, 87.3),
        Printed(0.75, 128, 69, 2.61, 63.2, 85.3),
        Printed(0.75, 96, 39, 2.61, 58.8, 81.6),
        Printed(0.5, 224, 97, 1.95, 65.4, 86.4),
        Printed(0.5, 192, 71, 1.95, 63.9, 85.4),
        Printed(0.5, 160, 50, 1.95, 61.0, 83.2),
        Printed(0.5, 128, 32, 1.95, 57.7, 80.8),
        Printed(0.5, 96, 18, 1.95, 51.2, 75.8),
        Printed(0.35, 224, 59, 1.66, 60.3, 82.9),
        Printed(0.35, 192, 43, 1.66, 58.2, 81.2),
        Printed(0.35, 160, 30, 1.66, 55.7, 79.1),
        Printed(0.35, 128, 20, 1.66, 50.8, 75.0),
        Printed(0.35, 96, 11, 1.66, 45.5, 70.4),
    ),
}
