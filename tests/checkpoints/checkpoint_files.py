"""Known tensors for small networks, and their kernels in other frameworks' orders of axes.

Everything here is indexed one filter at a time, so that it shares nothing with the readers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from refnet.checkpoints.checkpoint import Checkpoint, Provenance
from refnet.models import build
from refnet.network import CAFFE

KERNEL_OPS = ("conv2d", "depthwise_conv2d", "pointwise_conv2d", "dense")
NORM = ("gamma", "beta", "mean", "variance")


@dataclass(frozen=True)
class Known:
    """A layer with a kernel: what a file of another framework has to hold for it."""

    name: str
    op: str
    weight: np.ndarray
    bias: np.ndarray | None
    norm: dict[str, np.ndarray] | None


def random_tensors(network, seed=0):
    """float32 tensors of the right shapes; no two alike, variances positive."""
    rng = np.random.default_rng(seed)
    return {
        name: (
            rng.uniform(0.5, 2, shape) if name.endswith("variance") else rng.normal(size=shape)
        ).astype(np.float32)
        for name, shape in network.params().items()
    }


def known_layers(network, tensors):
    """The network's kernels in order, each with its bias and its batch norm."""
    found = []
    for layer in network.layers:
        if layer.op in KERNEL_OPS:
            bias = tensors.get(f"{layer.name}.bias")
            norm = None
            if f"{layer.name}.norm.gamma" in tensors:
                norm = {key: tensors[f"{layer.name}.norm.{key}"] for key in NORM}
            weight = tensors[f"{layer.name}.weight"]
            found.append(Known(layer.name, layer.op, weight, bias, norm))
    return found


def filters(known):
    """The kernel as a list of filters, one an output channel, each (H, W, inputs)."""
    w = known.weight
    if known.op == "depthwise_conv2d":
        return [w[:, :, m, q, None] for m in range(w.shape[2]) for q in range(w.shape[3])]
    if known.op == "dense":
        return [w[None, None, :, n] for n in range(w.shape[1])]
    return [w[:, :, :, n] for n in range(w.shape[3])]


def oihw(known):
    """PyTorch's and Caffe's order."""
    return np.stack([np.stack([f[:, :, i] for i in range(f.shape[2])]) for f in filters(known)])


def oi(known):
    """A fully connected layer of PyTorch, Caffe or TensorFlow Lite."""
    return np.stack([f[0, 0] for f in filters(known)])


def ohwi(known):
    """TensorFlow Lite's convolution."""
    return np.stack(filters(known))


def one_hwo(known):
    """TensorFlow Lite's depthwise convolution."""
    return np.stack([f[:, :, 0] for f in filters(known)], axis=2)[None]


def assert_same_tensors(found, expected):
    """Same names, same types, same bits."""
    assert set(found) == set(expected)
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype, name
        assert found[name].shape == tensor.shape, name
        assert found[name].tobytes() == tensor.tobytes(), name


OPTIONS = {"alpha": 0.125, "resolution": 32}


def small(seed=0, batch_norm=True):
    """A whole checkpoint of 137 small tensors, or 56 without batch norm."""
    conventions = replace(CAFFE, classes=5)
    network = build("v1", conventions=conventions, batch_norm=batch_norm, **OPTIONS)
    made_by = Provenance("upstream.caffemodel", "0" * 64, "none", "a test")
    return Checkpoint("v1", OPTIONS, network, random_tensors(network, seed), "caffe", "", made_by)
