"""A Network as a PyTorch module, written as its users write one: eager, fused by nobody.

Padding that is the same on both sides is the convolution's own; TensorFlow's, which is not, needs
`pad` before it, as in every port to PyTorch. An activation works in place where only it reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from refnet import geometry
from refnet.apps.bench.files import Array, Job
from refnet.arguments import check_pair
from refnet.layer import Layer
from refnet.network import Network

Step = Callable[..., Any]  # tensors -> tensor


def ready(job: Job) -> Callable[[], list[Array]]:
    """The job's outputs, NCHW; options: `channels_last`, the order of a map's axes in memory."""
    torch: Any = import_module("torch")
    torch.set_num_threads(job.threads)
    checkpoint = job.checkpoint()
    channels_last: bool = job.options["channels_last"]
    forward = forward_of(checkpoint.network, checkpoint.tensors, channels_last=channels_last)
    x = torch.from_numpy(job.nchw()).to(memory_format=_order(torch, channels_last))
    (name,) = checkpoint.network.inputs

    def run() -> list[Array]:
        return [answer.numpy() for answer in forward({name: x})]

    return run


def forward_of(
    network: Network, tensors: Mapping[str, Array], *, channels_last: bool
) -> Callable[[Mapping[str, Any]], list[Any]]:
    """From NCHW tensors by name to the network's outputs.

    Raises NotImplementedError for batch norm, which is to be folded, and for a mean over windows
    that overhang a map on one side alone.
    """
    torch: Any = import_module("torch")
    order = _order(torch, channels_last)
    steps = [(layer, _step(torch, network, layer, tensors, order)) for layer in network.layers]
    last = {name: layer.name for layer in network.layers for name in layer.inputs}
    over = {  # let go when its last reader has run, as a module's local variable would be
        layer.name: [
            n
            for n in dict.fromkeys(layer.inputs)
            if last[n] == layer.name and n not in network.outputs
        ]
        for layer in network.layers
    }

    def forward(inputs: Mapping[str, Any]) -> list[Any]:
        known = dict(inputs)
        with torch.inference_mode():
            for layer, step in steps:
                known[layer.name] = step(*(known[name] for name in layer.inputs))
                for name in over[layer.name]:
                    del known[name]
        return [known[name] for name in network.outputs]

    return forward


def _order(torch: Any, channels_last: bool) -> Any:
    return torch.channels_last if channels_last else torch.contiguous_format


def _step(
    torch: Any, network: Network, layer: Layer, tensors: Mapping[str, Array], order: Any
) -> Step:
    """One layer as a function of tensors."""
    functional = torch.nn.functional
    match layer.op:
        case "conv2d" | "depthwise_conv2d" | "pointwise_conv2d":
            return _convolution(torch, network, layer, tensors, order)
        case "dense":
            weight, bias = _tensors(torch, layer, tensors)
            return lambda x: functional.linear(x, weight, bias)
        case "relu" | "relu6":
            activation = getattr(functional, layer.op)
            alone = _only_reader(network, layer)
            return lambda x: activation(x, inplace=alone)
        case "global_average_pool":
            return lambda x: functional.adaptive_avg_pool2d(x, 1).flatten(1)
        case "average_pool" | "max_pool":
            return _pool(torch, network, layer)
        case "add":
            return lambda x, y: x + y
        case "concat":
            return lambda *xs: torch.cat(xs, dim=1)
        case "resize_bilinear" if layer.keywords()["corners"] != "asymmetric":
            said: dict[str, Any] = layer.keywords()
            size, aligned = check_pair(said["size"], "size"), said["corners"] == "aligned"
            return lambda x: functional.interpolate(x, size, mode="bilinear", align_corners=aligned)
        case "sigmoid":
            return torch.sigmoid
        case "softmax":
            return lambda x: functional.softmax(x, dim=1)
    raise NotImplementedError(f"layer {layer.name!r}: {layer.op} in PyTorch")


def _tensors(torch: Any, layer: Layer, tensors: Mapping[str, Array]) -> tuple[Any, Any]:
    """A layer's weight with its axes in PyTorch's order, and its bias or None."""
    a = tensors[f"{layer.name}.weight"]
    if layer.op == "depthwise_conv2d":
        a = a.transpose(2, 3, 0, 1).reshape(-1, 1, *a.shape[:2])
    else:
        a = a.transpose(3, 2, 0, 1) if a.ndim == 4 else a.T
    bias = tensors[f"{layer.name}.bias"] if "bias" in layer.params else None
    return torch.from_numpy(a.copy()), None if bias is None else torch.from_numpy(bias.copy())


def _convolution(
    torch: Any, network: Network, layer: Layer, tensors: Mapping[str, Array], order: Any
) -> Step:
    functional = torch.nn.functional
    weight, bias = _tensors(torch, layer, tensors)
    weight = weight.contiguous(memory_format=order)
    said: dict[str, Any] = layer.keywords()
    M = network.shapes()[layer.inputs[0]][3]
    groups = M if layer.op == "depthwise_conv2d" else said.get("groups", 1)
    stride, dilation = said["stride"], said.get("dilation", 1)
    edges = _edges(network, layer, weight.shape[2:])
    own = _symmetric(edges)
    if own is not None:
        return lambda x: functional.conv2d(x, weight, bias, stride, own, dilation, groups)
    return lambda x: functional.conv2d(
        functional.pad(x, edges), weight, bias, stride, 0, dilation, groups
    )


def _pool(torch: Any, network: Network, layer: Layer) -> Step:
    functional = torch.nn.functional
    said: dict[str, Any] = layer.keywords()
    size, stride = check_pair(said["size"], "size"), said["stride"]
    edges = _edges(network, layer, size)
    own = _symmetric(edges)
    if layer.op == "max_pool":
        if own is not None and all(2 * p <= k for p, k in zip(own, size, strict=True)):
            return lambda x: functional.max_pool2d(x, size, stride, own)
        return lambda x: functional.max_pool2d(
            functional.pad(x, edges, value=-torch.inf), size, stride
        )
    if own is None:
        raise NotImplementedError(f"layer {layer.name!r}: a mean with padding {edges} in PyTorch")
    counted = said["include_padding"]
    return lambda x: functional.avg_pool2d(x, size, stride, own, count_include_pad=counted)


def _edges(network: Network, layer: Layer, kernel: Any) -> tuple[int, int, int, int]:
    """left, right, top, bottom: the order of `pad`."""
    said: dict[str, Any] = layer.keywords()
    _, H, W, _ = network.shapes()[layer.inputs[0]]
    rows, columns = geometry.axes(
        (H, W),
        (kernel[0], kernel[1]),
        stride=said["stride"],
        padding=said.get("padding", "valid"),
        dilation=said.get("dilation", 1),
    )
    return columns.before, columns.after, rows.before, rows.after


def _symmetric(edges: tuple[int, int, int, int]) -> tuple[int, int] | None:
    """(rows, columns) of padding where it is the same on both sides, else None.

    >>> _symmetric((1, 1, 0, 0)), _symmetric((0, 1, 0, 1))
    ((0, 1), None)
    """
    left, right, top, bottom = edges
    return (top, left) if (left, top) == (right, bottom) else None


def _only_reader(network: Network, layer: Layer) -> bool:
    """Whether nobody else looks at what this layer reads, so that it may be overwritten."""
    (read,) = layer.inputs
    readers = Counter(name for other in network.layers for name in other.inputs)
    return readers[read] == 1 and read not in network.outputs and read not in network.inputs
