"""PyTorch, eagerly, on the CPU or on a CUDA device."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from refnet import geometry
from refnet.arguments import check_pair
from refnet.backend import Arithmetic, Array, Runner
from refnet.layer import Layer
from refnet.network import Network
from refnet.oracle.adapters.border import named, on_arm, require, taken, to_nchw
from refnet.run import check_tensors


class Torch:
    """torch.nn.functional in float32, one layer after the other; nothing is folded.

    PyTorch asks oneDNN for `convolution_direct` (uxlfoundation/oneDNN #3139). NNPACK and cuDNN,
    whose own choice of algorithm includes Winograd's and the FFT, are switched off while a
    network runs, and so is TF32; subnormals are kept (torch.set_flush_denormal is off).
    device: "cpu", or "cuda" where there is one.
    """

    def __init__(self, device: str = "cpu") -> None:
        self._torch = require("torch", "torch")
        if device.startswith("cuda") and not self._torch.cuda.is_available():
            raise ValueError(f"device: {device!r}, but PyTorch finds no CUDA device")
        self._device = device

    @property
    def arithmetic(self) -> Arithmetic:
        """float32 throughout, direct but for depthwise 3 x 3 on ARM (ATen's Convolution.cpp)."""
        return Arithmetic(algorithm="winograd" if self._device == "cpu" and on_arm() else "direct")

    def prepare(self, network: Network, tensors: Mapping[str, Array], batch: int = 1) -> Runner:
        """Tensors as PyTorch lays them out, on the device."""
        check_tensors(network, tensors)
        torch = self._torch
        numbers = {
            layer.name: [
                torch.from_numpy(_laid_out(layer, tensors[name])).to(self._device)
                for name in layer.tensor_names()
            ]
            for layer in network.layers
        }

        def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
            known = {
                name: torch.from_numpy(to_nchw(a)).to(self._device)
                for name, a in taken(network, inputs, batch).items()
            }
            with torch.inference_mode(), _pinned(torch):
                for layer in network.layers:
                    xs = [known[name] for name in layer.inputs]
                    known[layer.name] = _apply(torch, layer, xs, numbers[layer.name])
            return named(network, (known[name].cpu().numpy() for name in network.outputs))

        return run


@contextlib.contextmanager
def _pinned(torch: Any) -> Iterator[None]:
    """No TF32, no NNPACK, no cuDNN; what was set before is set again."""
    products = torch.backends.cuda.matmul
    before = products.allow_tf32
    with (
        torch.backends.nnpack.flags(enabled=False),
        torch.backends.cudnn.flags(enabled=False, allow_tf32=False),
    ):
        products.allow_tf32 = False
        try:
            yield
        finally:
            products.allow_tf32 = before


def _laid_out(layer: Layer, a: Array) -> Array:
    """A parameter in float32, with its axes in PyTorch's order."""
    if a.ndim == 4 and layer.op == "depthwise_conv2d":
        a = a.transpose(2, 3, 0, 1).reshape(-1, 1, *a.shape[:2])
    elif a.ndim == 4:
        a = a.transpose(3, 2, 0, 1)
    elif a.ndim == 2:
        a = a.T
    return np.array(a, np.float32, order="C")


def _apply(torch: Any, layer: Layer, xs: list[Any], params: list[Any]) -> Any:
    """One layer on NCHW tensors."""
    functional, x = torch.nn.functional, xs[0]
    said: dict[str, Any] = layer.keywords()
    match layer.op:
        case "conv2d" | "depthwise_conv2d" | "pointwise_conv2d":
            groups = x.shape[1] if layer.op == "depthwise_conv2d" else said.get("groups", 1)
            x = _framed(torch, layer, x, params[0].shape[2:], 0.0)
            bias = params[1] if len(params) > 1 else None
            stride, dilation = said["stride"], said.get("dilation", 1)
            return functional.conv2d(x, params[0], bias, stride, 0, dilation, groups)
        case "dense":
            return functional.linear(x, *params)
        case "batch_norm":
            gamma, beta, mean, variance = params
            return functional.batch_norm(
                x, mean, variance, gamma, beta, training=False, eps=said["epsilon"]
            )
        case "relu":
            return functional.relu(x)
        case "relu6":
            return functional.relu6(x)
        case "sigmoid":
            return torch.sigmoid(x)
        case "softmax":
            return functional.softmax(x, dim=1)
        case "resize_bilinear" if said["corners"] != "asymmetric":
            size, aligned = check_pair(said["size"], "size"), said["corners"] == "aligned"
            return functional.interpolate(x, size, mode="bilinear", align_corners=aligned)
        case "global_average_pool":
            return x.mean(dim=(2, 3))
        case "average_pool":
            return _average_pool(torch, layer, x)
        case "max_pool":
            size = check_pair(said["size"], "size")
            framed = _framed(torch, layer, x, size, -torch.inf)
            return functional.max_pool2d(framed, size, said["stride"])
        case "add":
            return xs[0] + xs[1]
        case "concat":
            return torch.cat(xs, dim=1)
    said_so = f" ({said['corners']})" if "corners" in said else ""
    raise NotImplementedError(f"layer {layer.name!r}: {layer.op}{said_so} in PyTorch")


def _average_pool(torch: Any, layer: Layer, x: Any) -> Any:
    """Sums over windows, divided by how many elements of the map each holds, or by its size."""
    pool = torch.nn.functional.avg_pool2d
    said: dict[str, Any] = layer.keywords()
    size = check_pair(said["size"], "size")
    sums, counts = (
        pool(_framed(torch, layer, a, size, 0.0), size, said["stride"], divisor_override=1)
        for a in (x, torch.ones_like(x[:1, :1]))
    )
    return sums / (size[0] * size[1] if said["include_padding"] else counts)


def _framed(torch: Any, layer: Layer, x: Any, kernel: Any, outside: float) -> Any:
    """The map inside its padding, for PyTorch's own paddings are the same on both sides."""
    said: dict[str, Any] = layer.keywords()
    rows, columns = geometry.axes(
        (x.shape[2], x.shape[3]),
        (kernel[0], kernel[1]),
        stride=said["stride"],
        padding=said.get("padding", "valid"),
        dilation=said.get("dilation", 1),
    )
    edges = (columns.before, columns.after, rows.before, rows.after)
    return torch.nn.functional.pad(x, edges, value=outside) if any(edges) else x
