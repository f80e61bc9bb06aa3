"""What a plan runs as one: a layer with the batch norm folded into it and its activation.

>>> from refnet.models import mobilenet_v2
>>> network = mobilenet_v2()
>>> tensors = {name: np.ones(shape) for name, shape in network.params().items()}
>>> [unit.name for unit in units_of(network, tensors, ())[:2]]
['stem.activation', 'block1.depthwise.activation']

Whoever wants to see what lies inside a unit sees it, and no other number changes by that: a value
before its activation is copied on the way, a convolution before its batch norm is computed again.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refnet.arguments import check_pair
from refnet.folding import FOLDABLE, folded_values
from refnet.geometry import Axis, axes
from refnet.layer import KERNEL_OPS, ConvAttrs, DepthwiseAttrs, Layer, MaxPoolAttrs, PoolAttrs
from refnet.network import Network

Array = np.ndarray[Any, Any]
ROLLED = "rolled"  # the operation of two units in one
ACTIVATIONS = ("relu", "relu6")
ACTIVATED = (*KERNEL_OPS, "batch_norm", "add")  # operations that can end with an activation


@dataclass(frozen=True)
class Unit:
    """A layer as it is run.

    name: the value that it makes, called after its last layer. params: the layer's, in float32,
    folded. activation: what ends it. before: the name of the value before the activation, where
    somebody wants to see it.
    """

    name: str
    layer: Layer
    params: tuple[Array, ...]
    activation: str | None = None
    before: str | None = None

    @property
    def bias(self) -> Array | None:
        """(N,), of an operation that has a kernel and a bias."""
        return self.params[1] if len(self.params) == 2 else None


@dataclass(frozen=True)
class Rolled(Unit):
    """Two units in one, `first` and then `then`; see `refnet.engine.rolling`.

    shape, phases: of the map between them, of which only some rows are there at a time.
    """

    first: Unit = field(kw_only=True)
    then: Unit = field(kw_only=True)
    shape: tuple[int, int, int] = field(kw_only=True)
    phases: int = field(kw_only=True)

    @property
    def window(self) -> tuple[Axis, Axis]:
        """What the second slides over the map between them."""
        return window_of(self.then, self.shape)

    def met_by(self, rows: slice) -> slice:
        """The rows between that some output rows meet, counted on beyond the map's edges."""
        axis, _ = self.window
        first, last = rows.start * axis.stride, (rows.stop - 1) * axis.stride
        return slice(first - axis.before, last - axis.before + axis.reach)

    def rows_of(self, rows: slice) -> slice:
        """Those of them that are rows of the map."""
        met = self.met_by(rows)
        return slice(max(0, met.start), min(self.shape[0], met.stop))

    def own_rows(self, rows: slice) -> slice:
        """Those that no output row above has met, which is another worker's."""
        above = self.rows_of(slice(0, rows.start)).stop if rows.start else 0
        return slice(above, self.rows_of(rows).stop)


def units_of(network: Network, tensors: Mapping[str, Array], wanted: Collection[str]) -> list[Unit]:
    """The network in units, in its own order; `wanted` names the values that must be shown."""
    readers, names = _readers(network), [layer.name for layer in network.layers]
    after = dict(itertools.pairwise(names))
    units: list[Unit] = []
    done: set[str] = set()
    for layer in network.layers:
        if layer.name in done:
            continue
        last, params = layer, _float32(tensors[name] for name in layer.tensor_names())
        follower = _follower(last, readers)
        # One that does not stand next to its convolution is judged by what is shown of that, and
        # so it is run on that.
        if follower and follower.name == after.get(layer.name) and _folds(layer, follower):
            if layer.name in wanted:
                units.append(Unit(layer.name, layer, params))
            params = _folded(layer, follower, tensors)
            last = follower
            follower = _follower(last, readers)
        before = None
        if follower and follower.op in ACTIVATIONS and layer.op in ACTIVATED:
            before = last.name if last.name in wanted else None
            last = follower
        activation = last.op if last is not layer and last.op in ACTIVATIONS else None
        units.append(Unit(last.name, layer, params, activation, before))
        done.update(_chain(layer, last, network))
    return units


def window_of(unit: Unit, shape: tuple[int, ...]) -> tuple[Axis, Axis]:
    """The rows and columns of a unit that slides a window over a map of (H, W, M)."""
    attrs = unit.layer.attrs
    assert isinstance(attrs, ConvAttrs | DepthwiseAttrs | PoolAttrs | MaxPoolAttrs)
    if isinstance(attrs, ConvAttrs | DepthwiseAttrs):
        rows, columns = unit.params[0].shape[:2]
        dilation = attrs.dilation
    else:
        (rows, columns), dilation = check_pair(attrs.size, "size"), 1
    return axes(
        (shape[0], shape[1]),
        (rows, columns),
        stride=attrs.stride,
        padding=attrs.padding,
        dilation=dilation,
    )


def _readers(network: Network) -> dict[str, list[Layer]]:
    readers: dict[str, list[Layer]] = {layer.name: [] for layer in network.layers}
    for layer in network.layers:
        for name in layer.inputs:
            if name in readers:
                readers[name].append(layer)
    return readers


def _follower(layer: Layer, readers: Mapping[str, list[Layer]]) -> Layer | None:
    """The only layer that reads this one, if there is just one."""
    return readers[layer.name][0] if len(readers[layer.name]) == 1 else None


def _folds(layer: Layer, follower: Layer) -> bool:
    return follower.op == "batch_norm" and layer.op in FOLDABLE


def _folded(layer: Layer, norm: Layer, tensors: Mapping[str, Array]) -> tuple[Array, ...]:
    """A convolution's weight and bias with its batch norm in them.

    Raises ValueError where float32 does not hold them: an infinite weight would make NaN of the
    zeros of a border, where the oracle has no product.
    """
    with np.errstate(all="ignore"):
        params = _float32(folded_values(layer, norm, tensors))
    if not all(np.isfinite(p).all() for p in params):
        raise ValueError(
            f"tensors: {layer.name!r} with {norm.name!r} folded into it holds numbers that are "
            "not finite in float32"
        )
    return params


def _chain(first: Layer, last: Layer, network: Network) -> set[str]:
    """The names from `last` back to `first`."""
    names = {last.name}
    while last is not first:
        last = network[last.inputs[0]]
        names.add(last.name)
    return names


def _float32(arrays: Any) -> tuple[Array, ...]:
    with np.errstate(over="ignore"):
        return tuple(np.asarray(a).astype(np.float32, copy=False) for a in arrays)
