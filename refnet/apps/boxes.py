"""What a detector's numbers mean: anchors, boxes about them, and the best of those that overlap.

Boxes are (top, left, bottom, right) in shares of the picture, 0 .. 1, as TensorFlow has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from refnet.arguments import check_count

Array = np.ndarray[Any, Any]

# The published pipeline (ssd_mobilenet_v2_coco.config and anchor_generators/
# multiple_grid_anchor_generator.py in tensorflow/models): scales rise in equal steps, the first
# map has three small boxes, the others one a ratio and one between their scale and the next.
SCALES = (0.2, 0.95)
RATIOS = (1.0, 2.0, 0.5, 3.0, 0.3333)
FIRST = ((0.1, 1.0), (SCALES[0], 2.0), (SCALES[0], 0.5))  # scale, ratio of width to height
# What the network's four numbers are divided by: centre, then size.
VARIANCES = np.array([10.0, 10.0, 5.0, 5.0])


def anchors(maps: Sequence[tuple[int, int]], image: tuple[int, int] = (1, 1)) -> Array:
    """The boxes that a detector starts from: some at every place of every map.

    >>> anchors([(1, 1), (1, 1)])[0].round(3).tolist()      # a tenth of the picture, centred
    [0.45, 0.45, 0.55, 0.55]
    >>> len(anchors([(19, 19), (10, 10), (5, 5), (3, 3), (2, 2), (1, 1)]))
    1917

    maps: (rows, columns) of each. image: rows and columns of the network's input; sizes are shares
    of its shorter side, so that a square box is square in pixels.
    Returns (N, 4): map by map, row by row, column by column.
    """
    low, high = SCALES
    steps = max(len(maps) - 1, 1)
    scales = [low + (high - low) * k / steps for k in range(len(maps))] + [1.0]
    tall, wide = (min(image) / side for side in image)
    found = []
    for k, (rows, columns) in enumerate(maps):
        between = (scales[k] * scales[k + 1]) ** 0.5
        shapes = FIRST if k == 0 else (*((scales[k], ratio) for ratio in RATIOS), (between, 1.0))
        height = tall * np.array([scale / ratio**0.5 for scale, ratio in shapes])
        width = wide * np.array([scale * ratio**0.5 for scale, ratio in shapes])
        y = ((np.arange(rows) + 0.5) / rows)[:, np.newaxis, np.newaxis]
        x = ((np.arange(columns) + 0.5) / columns)[:, np.newaxis]
        corners = (y - height / 2, x - width / 2, y + height / 2, x + width / 2)
        here = np.stack(np.broadcast_arrays(*corners), axis=-1)
        found.append(here.reshape(-1, 4))
    return np.concatenate(found)


def decode(codes: Array, boxes: Array) -> Array:
    """Boxes from the network's numbers, (N, 4), about the anchors, (N, 4).

    >>> decode(np.zeros((1, 4)), np.array([[0.25, 0.25, 0.75, 0.75]])).tolist()     # where it was
    [[0.25, 0.25, 0.75, 0.75]]

    The centre moves by codes / 10 of the anchor's height and width; the size is multiplied by
    exp(codes / 5) (Fast R-CNN's coding, with SSD's variances).
    """
    size = boxes[:, 2:] - boxes[:, :2]
    centre = boxes[:, :2] + size / 2
    moved = codes / VARIANCES
    centre = centre + moved[:, :2] * size
    half = np.exp(moved[:, 2:]) * size / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def overlap(one: Array, others: Array) -> Array:
    """Area in common over area of both together (IoU), of a box with each of (N, 4).

    >>> others = np.array([[0, 0.5, 1, 1.5], [2, 2, 3, 3]])
    >>> overlap(np.array([0, 0, 1, 1]), others).round(3).tolist()
    [0.333, 0.0]
    """
    ends = np.minimum(one[2:], others[:, 2:]) - np.maximum(one[:2], others[:, :2])
    common = np.prod(np.maximum(ends, 0), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1) + np.prod(one[2:] - one[:2])
    together = areas - common
    return np.divide(common, together, out=np.zeros(common.shape), where=together > 0)


def suppress(boxes: Array, scores: Array, *, most: float = 0.6, limit: int = 100) -> list[int]:
    """Non-maximum suppression: the best box, then the best of those that do not overlap it, ...

    >>> boxes = np.array([[0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, 2, 1, 3]])
    >>> suppress(boxes, np.array([0.9, 0.8, 0.7]))
    [0, 2]

    boxes: (N, 4); scores: (N,). Of two that overlap by more than `most` only the better stays, of
    equals the first. Returns at most `limit` row numbers, the best first.
    """
    check_count(limit, "limit")
    left = [int(k) for k in np.argsort(-scores, kind="stable")]
    kept: list[int] = []
    while left and len(kept) < limit:
        best, *rest = left
        kept.append(best)
        apart = overlap(boxes[best], boxes[rest]) <= most
        left = [k for k, stays in zip(rest, apart, strict=True) if stays]
    return kept


def best(
    boxes: Array, scores: Array, *, least: float, most: float = 0.6, limit: int = 100
) -> list[tuple[int, int]]:
    """(row, class) of what is found, the surest first: suppression for each class by itself.

    boxes: (N, 4); scores: (N, classes), class 0 the background, which is not looked for.
    """
    found = []
    for kind in range(1, scores.shape[1]):
        (rows,) = np.nonzero(scores[:, kind] >= least)
        kept = suppress(boxes[rows], scores[rows, kind], most=most, limit=limit)
        found += [(int(rows[k]), kind) for k in kept]
    found.sort(key=lambda pair: -scores[pair])
    return found[:limit]
