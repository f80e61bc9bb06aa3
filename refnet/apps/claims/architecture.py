"""Claims about what the networks look like: layers, strides, blocks, the maps between them.

>>> [claim.id for claim in CLAIMS][:2]
['layers-30', 'blocks-13']
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from refnet.apps.claims.networks import layers, network, ratio
from refnet.apps.claims.verdicts import Claim, Readings
from refnet.arguments import Shape
from refnet.network import Layer


def _stride(layer: Layer) -> int:
    return int(getattr(layer.attrs, "stride", 1))


def _learned(model: str) -> list[Layer]:
    return layers(model, "conv2d", "depthwise_conv2d", "pointwise_conv2d", "dense")


def _layer_count() -> Readings:
    others = layers("v1", "global_average_pool", "softmax")
    learned = len(_learned("v1"))
    return {"layers with weights": (learned,), "pool and softmax too": (learned + len(others),)}


def _shallow() -> Readings:
    depthwise = [len(layers("v1", "depthwise_conv2d", shallow=s)) for s in (False, True)]
    pointwise = [len(layers("v1", "pointwise_conv2d", shallow=s)) for s in (False, True)]
    pairs = depthwise[0] - depthwise[1]
    return {
        "depthwise and pointwise layers": (pairs + pointwise[0] - pointwise[1],),
        "a depthwise and a pointwise layer counted as one": (pairs,),
    }


def _stride_two() -> Readings:
    return {"layers of stride 2": (sum(_stride(layer) == 2 for layer in _learned("v1")),)}


def _opening() -> Readings:
    """The first nine layers: kind, and the stride or how many times the channels."""
    words = []
    for layer in _learned("v1")[:9]:
        M, N = layer.params["weight"][2:]
        match layer.op:
            case "pointwise_conv2d":
                words.append(f"pointwise x{N // M}")
            case "depthwise_conv2d":
                words.append(f"depthwise s{_stride(layer)}")
            case _:
                words.append(f"conv s{_stride(layer)}")
    return {"": tuple(words)}


def _blocks(model: str) -> Iterator[tuple[Layer, Layer]]:
    """Depthwise layers, each with the pointwise layer that follows."""
    pointwise = [x for x in layers(model, "pointwise_conv2d") if x.name.startswith("block")]
    after = [layer for layer in pointwise if not layer.name.endswith(".expand")]
    return zip(layers(model, "depthwise_conv2d"), after, strict=True)


def _channels(pointwise: Layer) -> tuple[int, int]:
    M, N = pointwise.params["weight"][2:]
    return M, N


def _no_doubling() -> Readings:
    exceptions = [
        depthwise
        for depthwise, pointwise in _blocks("v1")
        if _stride(depthwise) == 2 and _channels(pointwise)[1] != 2 * _channels(pointwise)[0]
    ]
    return {"exceptions": (len(exceptions),)}


def _kept_or_doubled() -> Readings:
    factors = [ratio(*reversed(_channels(pointwise))) for _, pointwise in _blocks("v1")]
    return {"exceptions": (sum(factor not in (1, 2) for factor in factors),)}


def _ends(model: str) -> Shape:
    """The map that the classifier's pool reads."""
    shapes = network(model).shapes()
    return shapes[layers(model, "global_average_pool")[0].inputs[0]][1:]


def _last_map() -> Readings:
    return {"224 x 224": (" x ".join(map(str, _ends("v1"))),)}


def _multipliers() -> Readings:
    deep = layers("v1", "depthwise_conv2d")
    return {"layers": (sum(layer.params["weight"][3] != 1 for layer in deep),)}


def _halved() -> Readings:
    """Layers of V1 that at alpha = 0.5 do not have half the outputs."""
    full, half = layers("v1", "pointwise_conv2d"), layers("v1", "pointwise_conv2d", alpha=0.5)
    pairs = zip(full, half, strict=True)
    return {"exceptions": (sum(_channels(a)[1] != 2 * _channels(b)[1] for a, b in pairs),)}


def _activations_per_block() -> Readings:
    """ReLUs in one of V1's blocks, and in the standard convolution that it replaces."""

    def found(model: str) -> int:
        relus = layers(model, "relu6")
        return sum(layer.name.startswith("block5.") for layer in relus)

    return {"block 5": (found("v1"), found("mobilenet_standard"))}


def _without_activation() -> Readings:
    """Convolutions of V1 whose output no activation reads."""
    read = {name for layer in layers("v1", "relu6") for name in layer.inputs}
    kernels = layers("v1", "conv2d", "depthwise_conv2d", "pointwise_conv2d")
    return {"convolutions": (sum(layer.name not in read for layer in kernels),)}


def _inside(number: int) -> tuple[int, ...]:
    """Channels of a V2 block: those it reads, filters and gives."""
    shapes = network("v2").shapes()
    named = {layer.name: layer for layer in network("v2").layers}
    names = [f"block{number}.{part}" for part in ("expand", "depthwise", "project")]
    present = [name for name in names if name in named]
    entry = shapes[named[present[0]].inputs[0]][-1]
    return entry, shapes[names[1]][-1], shapes[names[2]][-1]


def _v2_numbers() -> range:
    return range(1, len(layers("v2", "depthwise_conv2d")) + 1)


def _v2_blocks() -> Readings:
    return {"blocks": (len(_v2_numbers()),)}


def _expansions() -> Readings:
    """The expansion of the first block that expands, and how many have another."""
    found = [ratio(_inside(n)[1], _inside(n)[0]) for n in _v2_numbers()]
    expanding = [t for n, t in zip(_v2_numbers(), found, strict=True) if n > 1]
    others = sum(t != expanding[0] for t in expanding)
    return {"all blocks but the first": (expanding[0], others)}


def _example_block() -> Readings:
    return {"block 3": _inside(3)}


def _first_block() -> Readings:
    stem = layers("v2", "conv2d")[0]
    expanding = sum(x.name == "block1.expand" for x in layers("v2", "pointwise_conv2d"))
    side, _, _, N = stem.params["weight"]
    return {"the first convolution counted with it": (f"{side} x {side}", N, expanding)}


def _expansion_grows() -> Readings:
    expand = [x for x in layers("v2", "pointwise_conv2d") if x.name.endswith(".expand")]
    return {"exceptions": (sum(_channels(x)[1] <= _channels(x)[0] for x in expand),)}


def _projection_shrinks() -> Readings:
    found = [_channels(pointwise) for _, pointwise in _blocks("v2")]
    return {"exceptions": (sum(N >= M for M, N in found),)}


def _residuals() -> Readings:
    """Blocks that add their input though channels differ, or do not though they are equal."""
    adding = {layer.name.removesuffix(".add") for layer in layers("v2", "add")}
    wrong = [n for n in _v2_numbers() if (f"block{n}" in adding) != _equal_ends(n)]
    return {"exceptions": (len(wrong),)}


def _equal_ends(number: int) -> bool:
    entry, _, end = _inside(number)
    return entry == end


def _projections_activated() -> Readings:
    projections = {pointwise.name for _, pointwise in _blocks("v2")}
    read = {name for layer in layers("v2", "relu6") for name in layer.inputs}
    return {"projections": (len(projections & read),)}


def _between_blocks(model: str) -> list[Shape]:
    """The maps that one block hands to the next."""
    shapes = network(model).shapes()
    return [shapes[last.name][1:] for _, last in _blocks(model)]


def _maps(model: str) -> list[Shape]:
    shapes = network(model).shapes()
    return [shapes[layer.name][1:] for layer in network(model).layers]


def _largest_of_v1() -> Readings:
    numbers = max(_maps("v1"), key=math.prod)
    channels = max((m for m in _maps("v1") if len(m) == 3), key=lambda m: m[2])
    return {
        "by numbers held": (" x ".join(map(str, numbers)),),
        "by channels": (" x ".join(map(str, channels)),),
    }


def _v1_over_v2() -> Readings:
    def largest(maps: list[Shape]) -> int:
        return max(map(math.prod, maps))

    return {
        "all that flows": (ratio(largest(_maps("v1")), largest(_maps("v2"))),),
        "what flows between blocks": (
            ratio(largest(_between_blocks("v1")), largest(_between_blocks("v2"))),
        ),
    }


_NONE = "Counted: exceptions."

CLAIMS = (
    Claim("layers-30", "article", "layers of V1", ("30",), _layer_count, "The paper counts 28."),
    Claim("blocks-13", "article", "depthwise separable blocks of V1", ("13",),
          lambda: {"blocks": (len(list(_blocks("v1"))),)}),
    Claim("conv-once", "article", "standard convolutions in V1", ("1",),
          lambda: {"larger than 1 x 1": (len(layers("v1", "conv2d")),)}),
    Claim("opening-layers", "article", "V1's first nine layers",
          ("conv s2", "depthwise s1", "pointwise x2", "depthwise s2", "pointwise x2",
           "depthwise s1", "pointwise x1", "depthwise s2", "pointwise x2"), _opening),
    Claim("stride-only-first", "lecture 3.2", "layers of V1 with stride 2: the first alone",
          ("1",), _stride_two, "The lecture's own Table 1 has more of them."),
    Claim("stride-doubles", "lecture 6.1", "stride 2 without a doubling of channels: never",
          ("0",), _no_doubling, _NONE),
    Claim("v1-kept-or-doubled", "lecture 6.2", "V1's pointwise layers keep or double channels",
          ("0",), _kept_or_doubled, _NONE),
    Claim("v1-last-map", "article", "what V1 makes of an image before the pool",
          ("7 x 7 x 1024",), _last_map),
    Claim("v1-no-pools", "lecture 6.1", "pooling layers between V1's blocks", ("0",),
          lambda: {"": (len(layers("v1", "max_pool", "average_pool")),)}),
    Claim("v1-multiplier", "article", "depthwise layers of V1 with a channel multiplier", ("0",),
          _multipliers),
    Claim("five-layers", "article", "layers that the shallow V1 leaves out", ("5",), _shallow),
    Claim("alpha-halves", "lecture 6.1", "alpha = 0.5 halves every layer's channels", ("0",),
          _halved, _NONE),
    Claim("relu-twice", "article", "ReLUs in a separable block, and in a standard layer",
          ("2", "1"), _activations_per_block),
    Claim("relu-after-all", "article", "convolutions of V1 without a ReLU", ("0",),
          _without_activation),
    Claim("v2-blocks", "lecture 6.2", "blocks of V2", ("17",), _v2_blocks),
    Claim("v2-expansion", "lecture 6.2", "expansion of a V2 block; blocks with another", ("6", "0"),
          _expansions, "The first block does not expand."),
    Claim("v2-24-144-24", "lecture 6.2", "channels through a V2 block", ("24", "144", "24"),
          _example_block),
    Claim("v2-first-block", "lecture 6.2",
          "V2's first block: a convolution, its channels, no expansion", ("3 x 3", "32", "0"),
          _first_block, "The V2 paper counts that convolution as a layer of its own."),
    Claim("v2-expansion-grows", "lecture 6.2", "an expansion always adds channels", ("0",),
          _expansion_grows, _NONE),
    Claim("v2-projection-shrinks", "lecture 6.2", "a projection always removes channels", ("0",),
          _projection_shrinks, _NONE),
    Claim("v2-residuals", "lecture 6.2", "blocks add their input where channels stay equal",
          ("0",), _residuals,
          f"{_NONE} The side must stay, too; in V2 no block of stride 2 keeps its channels."),
    Claim("v2-linear", "lecture 6.2", "projections with an activation", ("0",),
          _projections_activated),
    Claim("v1-tensors-largest", "lecture 6.3", "V1's largest tensor", ("7 x 7 x 1024",),
          _largest_of_v1, "The one with the most channels; it holds a sixteenth of the largest."),
    Claim("v1-tensors-larger", "lecture 6.3", "V1's largest tensor over V2's: larger", ("> 1",),
          _v1_over_v2, "Inside its blocks V2 holds more than V1 ever does."),
)  # fmt: skip
