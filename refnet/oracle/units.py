"""A network in the pieces that are judged: layer by layer, or what engines fuse into one.

>>> from refnet.models import mobilenet_v2
>>> network = mobilenet_v2()
>>> len(layers_of(network, Arithmetic())), len(units_of(network))
(152, 65)
"""

from __future__ import annotations

from refnet.backend import Arithmetic
from refnet.network import Network

FOLLOWERS = ("batch_norm", "relu", "relu6")  # what engines fuse with the layer before


def units_of(network: Network, *, folds: bool = False) -> list[Network]:
    """The network in pieces that engines fuse: a layer, its batch norm, its activation.

    >>> from refnet.models import mobilenet_v2
    >>> [unit.outputs[0] for unit in units_of(mobilenet_v2())[:3]]
    ['stem.activation', 'block1.depthwise.activation', 'block1.project.norm']

    folds: for a backend that folds batch norm. One whose convolution ends a unit of its own, as
    others see it too, is judged from the convolution's input all the same.
    """
    readers: dict[str, int] = {}
    for layer in network.layers:
        for name in layer.inputs:
            readers[name] = readers.get(name, 0) + 1
    ends: list[str] = []
    for layer in network.layers:
        before = layer.inputs[0]
        follows = layer.op in FOLLOWERS and ends and ends[-1] == before
        if follows and readers[before] == 1 and before not in network.outputs:
            ends[-1] = layer.name
        else:
            ends.append(layer.name)
    fed = (*network.inputs, *ends)
    return [_piece(network, end, set(fed) - {end}, folds) for end in ends]


def layers_of(network: Network, arithmetic: Arithmetic) -> list[Network]:
    """Every layer as a network of its own; a batch norm with its convolution, if that is folded.

    A backend that folds computes the norm's output from the convolution's input, and never from
    the convolution's output, even where it shows that too.
    """
    pieces = []
    for layer in network.layers:
        feeds = layer.inputs
        if layer.op == "batch_norm" and arithmetic.folds_in and feeds[0] not in network.inputs:
            before = network[feeds[0]]
            if before.op.endswith("conv2d"):
                feeds = before.inputs
        pieces.append(network.cut([layer.name], inputs=list(dict.fromkeys(feeds))))
    return pieces


def _piece(network: Network, end: str, known: set[str], folds: bool) -> Network:
    """The layers that lead from known tensors to `end`, in a chain."""
    feeds: list[str] = []
    layer = network[end]
    while True:
        first = layer.inputs[0]
        through = folds and layer.op == "batch_norm" and first not in network.inputs
        if first in known and not (through and network[first].op.endswith("conv2d")):
            feeds += layer.inputs
            break
        layer = network[layer.inputs[0]]
    return network.cut([end], inputs=list(dict.fromkeys(feeds)))
