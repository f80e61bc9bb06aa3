"""What a backend was asked for one unit of layers, in a form that a mistake can be made in.

A mistake is a function from a Situation to others: the same unit with another padding, a turned
kernel, a forgotten bias. What a backend that makes the mistake would answer is then computed like
any other value, with its bound; and two mistakes together are one applied to the other's result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from refnet import geometry
from refnet.arguments import check_pair
from refnet.backend import Arithmetic
from refnet.bounds import Value, propagate
from refnet.layer import KERNEL_OPS, Attrs, Layer
from refnet.network import Network
from refnet.run import run

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Situation:
    """A unit of layers with its tensors and the inputs that the backend had.

    after: what is done with the unit's output by the mistakes made so far (a permutation,
    say), applied to its value and to its error alike.
    """

    network: Network
    tensors: Mapping[str, Array]
    inputs: Mapping[str, Array]
    arithmetic: Arithmetic
    after: tuple[Callable[[Array], Array], ...] = field(default=())

    def exact(self) -> Array:
        """The unit's output in float64."""
        (name,) = self.network.outputs
        y = run(self.network, self.tensors, self.inputs)[name]
        for change in self.after:
            y = change(y)
        return y

    def value(self) -> Value:
        """The same with its bound under the declared arithmetic."""
        (name,) = self.network.outputs
        value = propagate(self.network, self.tensors, self.inputs, self.arithmetic)[name]
        for change in self.after:
            value = replace(
                value,
                exact=change(value.exact),
                error=abs(change(value.error)),
                size=abs(change(value.size)),
            )
        return value

    @property
    def kernel_layer(self) -> Layer | None:
        """The unit's convolution or fully connected layer."""
        return next((layer for layer in self.network.layers if layer.op in KERNEL_OPS), None)

    def first(self, *ops: str) -> Layer | None:
        """The unit's first layer of one of these operations."""
        return next((layer for layer in self.network.layers if layer.op in ops), None)

    def with_tensor(self, name: str, values: Array) -> Situation:
        """Another tensor under the same name; its shape must stay."""
        if values.shape != self.tensors[name].shape:
            raise ValueError(f"{name}: shape {values.shape}, expected {self.tensors[name].shape}")
        return replace(self, tensors={**self.tensors, name: values})

    def with_layer(self, layer: Layer, changed: Layer | None, reads: int = 0) -> Situation:
        """Another layer in a layer's place, or none: then its readers read what it read."""
        layers: list[Layer] = []
        outputs = self.network.outputs
        for own in self.network.layers:
            if own.name == layer.name:
                if changed is not None:
                    layers.append(changed)
                continue
            if changed is None:
                renamed = tuple(layer.inputs[reads] if n == layer.name else n for n in own.inputs)
                own = replace(own, inputs=renamed)
            layers.append(own)
        if changed is None:
            outputs = tuple(layer.inputs[reads] if n == layer.name else n for n in outputs)
        return replace(self, network=replace(self.network, layers=tuple(layers), outputs=outputs))

    def with_attrs(self, layer: Layer, attrs: Attrs) -> Situation:
        """The same layer with other attributes."""
        return self.with_layer(layer, replace(layer, attrs=attrs))

    def appended(
        self, op: str, attrs: Attrs | None = None, also: tuple[str, ...] = ()
    ) -> Situation:
        """One more layer at the end, reading the output (and other tensors)."""
        (output,) = self.network.outputs
        layer = Layer(f"{output}+{op}", op, (output, *also), attrs)
        network = replace(self.network, layers=(*self.network.layers, layer), outputs=(layer.name,))
        return replace(self, network=network)

    def inserted(self, before: Layer, op: str, also: tuple[str, ...]) -> Situation:
        """One more layer between a layer and its first input."""
        source = before.inputs[0]
        new = Layer(f"{source}+{op}", op, (source, *also))
        layers = list(self.network.layers)
        at = next(n for n, own in enumerate(layers) if own.name == before.name)
        layers[at : at + 1] = [new, replace(before, inputs=(new.name, *before.inputs[1:]))]
        return replace(self, network=replace(self.network, layers=tuple(layers)))

    def with_input(self, name: str, values: Array) -> Situation:
        """Another input, of any size: the unit's output may change its shape with it."""
        inputs = {**self.inputs, name: values}
        shapes = {feed: a.shape[1:] for feed, a in inputs.items()}
        return replace(self, inputs=inputs, network=replace(self.network, inputs=shapes))

    def axes_of(self, layer: Layer) -> tuple[geometry.Axis, geometry.Axis] | None:
        """Rows and columns of a layer with a window that reads one of the unit's inputs."""
        said: dict[str, Any] = layer.keywords()
        if "padding" not in said or layer.inputs[0] not in self.inputs:
            return None
        weight = layer.params["weight"]
        _, H, W, _ = self.inputs[layer.inputs[0]].shape
        return geometry.axes(
            (H, W), (weight[0], weight[1]),
            stride=said["stride"], padding=said["padding"], dilation=said["dilation"],
        )  # fmt: skip

    def repositioned(self, layer: Layer, top: int, bottom: int, left: int, right: int) -> Situation:
        """The window begins elsewhere; where that is inside the map, the map is cropped."""
        feed = layer.inputs[0]
        x = self.inputs[feed]
        sides = (top, bottom, left, right)
        crop = [max(0, -side) for side in sides]
        x = x[:, crop[0] : x.shape[1] - crop[1], crop[2] : x.shape[2] - crop[3]]
        said: dict[str, Any] = layer.keywords() | {"padding": tuple(max(0, s) for s in sides)}
        assert layer.attrs is not None
        return self.with_input(feed, x).with_attrs(layer, type(layer.attrs)(**said))

    def top(self, rows: int) -> Situation | None:
        """The same for the output's first rows alone; None where the unit has no rows to cut.

        It is computed from the input's first rows, by a window that has no padding at the end:
        what is known of the top of a large map costs a fraction of the map. `after` turns
        channels, never rows.
        """
        layer = self.kernel_layer
        if any(x.ndim != 4 for x in self.inputs.values()) or not self.network.layers:
            return None
        whole = ("dense", "softmax", "resize_bilinear")  # an output depends on more than its top
        if any("pool" in own.op or own.op in whole for own in self.network.layers):
            return None
        known = {feed: x[:, :rows] for feed, x in self.inputs.items()}
        cut = replace(self, inputs=known)
        if layer is not None:
            feed = layer.inputs[0]
            if sum(feed in own.inputs for own in self.network.layers) > 1 or feed not in known:
                return None
            said: dict[str, Any] = layer.keywords()
            axes = self.axes_of(layer)
            if axes is None:
                stride = check_pair(said["stride"], "stride")[0]
                needed = (rows - 1) * stride + 1
            else:
                down, across = axes
                needed = (rows - 1) * down.stride + down.reach - down.before
                said["padding"] = (down.before, 0, across.before, across.after)
            if needed < 1 or needed >= self.inputs[feed].shape[1]:
                return None
            known[feed] = self.inputs[feed][:, :needed]
            assert layer.attrs is not None
            changed = replace(layer, attrs=type(layer.attrs)(**said))
            layers = tuple(changed if own is layer else own for own in self.network.layers)
        else:
            layers = self.network.layers
        shapes = {feed: x.shape[1:] for feed, x in known.items()}
        network = replace(self.network, layers=layers, inputs=shapes)
        return replace(cut, network=network)

    def last_channels(self, count: int) -> Situation | None:
        """The same for the output's last channels alone; None where that would save nothing.

        After the kernel's layer every channel is on its own, unless `after` moves them.
        """
        layer, layers = self.kernel_layer, self.network.layers
        if layer is None or self.after or layer.op == "depthwise_conv2d":
            return None
        if layer.keywords().get("groups", 1) != 1 or layer.params["weight"][-1] <= 4 * count:
            return None
        channelwise = ("batch_norm", "relu", "relu6", "add")
        if any(own is not layer and own.op not in channelwise for own in layers):
            return None
        beside = {name for own in layers if own is not layer for name in own.inputs}
        if layer.inputs[0] in beside:
            return None
        params = {
            own.name: {name: (*shape[:-1], count) for name, shape in own.params.items()}
            for own in layers
        }
        inputs = {feed: x[..., -count:] if feed in beside else x for feed, x in self.inputs.items()}
        network = replace(
            self.network,
            layers=tuple(replace(own, params=params[own.name]) for own in layers),
            inputs={feed: x.shape[1:] for feed, x in inputs.items()},
        )
        tensors = {name: a[..., -count:] for name, a in self.tensors.items()}
        return replace(self, network=network, tensors=tensors, inputs=inputs)


# What a mistake makes of a situation: what is special about this variant, and the situation.
Variants = Iterator[tuple[str, Situation]]
