"""Chapter 9, MobileNet V1: Table 1 built row by row."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from refnet.exercises.exercise import Arguments, Array, Draw, Exercise, Mistake, whole
from refnet.models.mobilenet_v1 import BLOCKS

Blocks = tuple[tuple[int, int], ...]
STEM = 32  # output channels of the first layer


def sides(side: int, strides: tuple[int, ...]) -> tuple[int, ...]:
    """The side of the map after each layer, with SAME padding."""
    found = []
    for stride in strides:
        side = math.ceil(side / stride)
        found.append(side)
    return tuple(found)


def block_macs(D_F: int, M: int, N: int, stride: int) -> int:
    """A depthwise 3 x 3 layer and the pointwise one after it, every tap counted."""
    D_G = math.ceil(D_F / stride)
    return (9 * M + M * N) * D_G**2


def network_macs(blocks: Blocks, resolution: int, classes: int) -> int:
    """First layer, blocks, classifier."""
    D_F, M = math.ceil(resolution / 2), STEM
    total = 27 * STEM * D_F**2
    for N, stride in blocks:
        total += block_macs(D_F, M, N, stride)
        D_F, M = math.ceil(D_F / stride), N
    return total + M * classes


def network_numbers(blocks: Blocks, classes: int) -> int:
    """Weights and biases, batch norm folded in."""
    M, total = STEM, 27 * STEM + STEM
    for N, _ in blocks:
        total += 9 * M + M + M * N + N
        M = N
    return total + M * classes + classes


def best(logits: Array, k: int) -> tuple[int, ...]:
    """The places of the k largest logits, the largest first; of equal ones the earlier."""
    order = np.argsort(-logits, kind="stable")
    return tuple(int(place) for place in order[:k])


def receptive_field(layers: tuple[tuple[int, int], ...]) -> int:
    """How many pixels a side one output number depends on."""
    reach, step = 1, 1
    for D_K, stride in layers:
        reach += (D_K - 1) * step
        step *= stride
    return reach


def _rounded_down(side: int, strides: tuple[int, ...]) -> tuple[int, ...]:
    found = [side]
    for stride in strides:
        found.append(found[-1] // stride)
    return tuple(found[1:])


def _nearest(side: int, strides: tuple[int, ...]) -> tuple[int, ...]:
    found = [side]
    for stride in strides:
        found.append(round(found[-1] / stride))
    return tuple(found[1:])


def _unpadded(side: int, strides: tuple[int, ...]) -> tuple[int, ...]:
    found = [side]
    for stride in strides:
        found.append((found[-1] - 3) // stride + 1)
    return tuple(found[1:])


def _biases(blocks: Blocks) -> int:
    """One for each output channel of each convolution."""
    channels = [STEM, *(N for N, _ in blocks)]
    return channels[0] + sum(M + N for M, N in pairwise(channels))


def _step_first(layers: tuple[tuple[int, int], ...]) -> int:
    reach, step = 1, 1
    for D_K, stride in layers:
        step *= stride
        reach += (D_K - 1) * step
    return reach


def _side_and_strides(draw: Draw) -> Arguments:
    return draw.integer(1, 99), tuple(draw.integer(1, 2) for _ in range(draw.integer(1, 5)))


def _block(draw: Draw) -> Arguments:
    return draw.integer(1, 64), draw.integer(1, 64), draw.integer(1, 64), draw.integer(1, 2)


def _some_blocks(draw: Draw) -> Blocks:
    return tuple((draw.integer(1, 64), draw.integer(1, 2)) for _ in range(draw.integer(1, 3)))


def _table(draw: Draw) -> Arguments:
    return _some_blocks(draw), draw.integer(8, 64), draw.integer(1, 20)


def _table_and_classes(draw: Draw) -> Arguments:
    return _some_blocks(draw), draw.integer(1, 20)


def _logits(draw: Draw) -> Arguments:
    n = draw.integer(1, 6)
    return draw.array(n, least=-5, most=5), draw.integer(1, n)


def _layers(draw: Draw) -> Arguments:
    layers = ((draw.choice(1, 3, 5), draw.integer(1, 2)) for _ in range(draw.integer(1, 5)))
    return (tuple(layers),)


V1 = tuple(BLOCKS)
V1_STRIDES = (2, *(stride for _, stride in BLOCKS))
# The first layer, then the blocks' depthwise and pointwise layers.
V1_LAYERS = ((3, 2), *((D_K, s) for _, stride in BLOCKS for D_K, s in ((3, stride), (1, 1))))

EXERCISES = [
    Exercise(
        "9.1", "From 224 down to 7",
        "Write `sides(side, strides)`: it takes the side of a square map and the strides of the "
        "layers that it goes through, a tuple, all with SAME padding, and returns a tuple of the "
        "sides of their outputs, one for each layer.",
        sides, _side_and_strides, [(1, (1,)), (3, (2,)), (224, V1_STRIDES), (161, (2, 1, 2))],
        [
            Mistake("rounded down", _rounded_down,
                    "You round down. SAME makes an output for every stride-th pixel, from the "
                    "first one on: ceil(side / stride)."),
            Mistake("rounded to the nearest", _nearest,
                    "round goes down as often as up. SAME makes an output for every stride-th "
                    "pixel, from the first one on: ceil(side / stride)."),
            Mistake("no padding", _unpadded,
                    "That is the size without padding; with SAME a layer of stride 1 keeps the "
                    "size."),
            Mistake("the last one alone", lambda side, strides: sides(side, strides)[-1],
                    "You return the last side; one for each layer is asked for, as a tuple."),
        ],
        level="warm-up",
    ),
    Exercise(
        "9.2", "Two rows of Table 1",
        "A block of MobileNet V1 is a depthwise 3 × 3 layer with a stride, from M to M channels, "
        "and a pointwise layer from M to N channels. Write `block_macs(D_F, M, N, stride)`: how "
        "many multiply-accumulates does it take on a map of D_F × D_F with SAME padding, every "
        "tap counted?",
        block_macs, _block,
        [(1, 1, 1, 1), (2, 1, 1, 2), (3, 1, 1, 2), (112, 32, 64, 1), (7, 512, 1024, 2)],
        [
            Mistake("input side for the depthwise layer",
                    lambda D_F, M, N, s: 9 * M * D_F**2 + M * N * math.ceil(D_F / s) ** 2,
                    "A layer with stride 2 computes only every second pixel: the depthwise layer "
                    "makes a map of ceil(D_F / stride), and that is what it costs."),
            Mistake("rounded down",
                    lambda D_F, M, N, stride: block_macs(D_F // stride, M, N, 1),
                    "You round down: an odd side has ceil(D_F / stride) outputs with SAME."),
            Mistake("stride forgotten", lambda D_F, M, N, stride: block_macs(D_F, M, N, 1),
                    "The stride makes both layers work on the smaller map."),
            Mistake("a standard layer",
                    lambda D_F, M, N, stride: 9 * M * N * math.ceil(D_F / stride) ** 2,
                    "That is a standard convolution; here 9 M and M N are added up."),
        ],
    ),
    Exercise(
        "9.3", "The whole bill",
        "Write `network_macs(blocks, resolution, classes)` for a network built as MobileNet V1 "
        "is: a standard 3 × 3 convolution with stride 2 from 3 to 32 channels, then the blocks of "
        "exercise 9.2, given as a tuple of pairs (N, stride), then the mean over the map and one "
        "fully connected layer to `classes`. Count multiply-accumulates, every tap, with SAME "
        "padding throughout. V1's own 13 blocks at 224 give the paper's 569 million, exactly "
        "568,740,352.",
        network_macs, _table,
        [(((1, 1),), 8, 1), (((64, 1), (128, 2)), 32, 10), (V1, 224, 1000), (V1, 161, 1000)],
        [
            Mistake("no classifier",
                    lambda blocks, side, classes: network_macs(blocks, side, 0),
                    "The last layer, from the last block's channels to the classes, is missing."),
            Mistake("no first layer",
                    lambda blocks, side, classes: network_macs(blocks, side, classes)
                    - 864 * math.ceil(side / 2) ** 2,
                    "The first layer is missing: 3 × 3 × 3 × 32 for each of its outputs."),
            Mistake("strides of the blocks",
                    lambda blocks, *rest: network_macs(tuple((N, 1) for N, _ in blocks), *rest),
                    "The map does not get smaller on its way: each block works on what the one "
                    "before it leaves."),
        ],
    ),
    Exercise(
        "9.4", "4,221,032",
        "Write `network_numbers(blocks, classes)` for the network of exercise 9.3: how many "
        "numbers does its file hold once every batch norm is folded into a bias, one for each "
        "output channel of each convolution, and the classifier has its biases? V1's own blocks "
        "and 1000 classes give 4,221,032.",
        network_numbers, _table_and_classes,
        [(((1, 1),), 1), (((64, 1), (128, 2)), 10), (V1, 1000)],
        [
            Mistake("weights alone",
                    lambda blocks, n: network_numbers(blocks, n) - _biases(blocks) - n,
                    "Biases are numbers too: one for each output channel of each layer."),
            Mistake("four numbers a channel",
                    lambda blocks, n: network_numbers(blocks, n) + 3 * _biases(blocks),
                    "You keep gamma, beta, mean and variance; folded, one bias a channel is left "
                    "of the four."),
            Mistake("classifier without bias",
                    lambda blocks, classes: network_numbers(blocks, classes) - classes,
                    "The classifier has a bias for each class."),
        ],
    ),
    Exercise(
        "9.5", "The best five",
        "Write `best(logits, k)`: it takes an array of shape (classes,) and returns a tuple of "
        "the places of its k largest numbers, the largest first; of equal ones the earlier place "
        "comes first.",
        best, _logits,
        [(np.array([1, 5]), 1), (np.array([2, 2, 1]), 2), (whole(1, 9), 5),
         (np.array([3, 1, 3, 0, 3]), 4)],
        [
            Mistake("smallest first",
                    lambda logits, k: tuple(np.argsort(logits, kind="stable")[:k].tolist()),
                    "Those are the smallest: argsort goes upwards."),
            Mistake("ties backwards",
                    lambda logits, k: tuple(np.argsort(logits, kind="stable")[::-1][:k].tolist()),
                    "Equal numbers come out in the wrong order: turning the order round turns "
                    "them round, too, and argsort keeps their order only with kind=\"stable\". "
                    "Sort -logits, and stably.",
                    also=(lambda logits, k: tuple(np.argsort(logits)[::-1][:k].tolist()),
                          lambda logits, k: tuple(np.argsort(-logits)[:k].tolist()))),
            Mistake("values for places",
                    lambda logits, k: tuple(np.sort(logits)[::-1][:k].tolist()),
                    "Those are the logits themselves; their places are asked for."),
        ],
    ),
    Exercise(
        "9.6", "How far does one number see?",
        "Layers follow each other, each given as a pair (D_K, stride). Write "
        "`receptive_field(layers)`: it takes a tuple of such pairs and returns how many pixels a "
        "side one number of the last map depends on, where no border is near. Two neighbouring "
        "numbers of a map lie `step` pixels of the image apart; what does each layer do to the "
        "step, and what to the reach? For V1's last 7 × 7 map it is 315: more than the image has.",
        receptive_field, _layers,
        [(((3, 1),),), (((3, 2),),), (((3, 1), (3, 1)),), (((3, 2), (3, 2), (5, 1)),),
         (V1_LAYERS,)],
        [
            Mistake("step forgotten", lambda layers: 1 + sum(D_K - 1 for D_K, _ in layers),
                    "After a layer with stride 2 a neighbour is two pixels away: D_K - 1 counts "
                    "steps, not pixels."),
            Mistake("own stride first", _step_first,
                    "A layer's own stride spreads its outputs, not its taps: it counts from the "
                    "next layer on."),
        ],
        level="problem",
    ),
]  # fmt: skip
