"""The pairs of V2's own convolutions and batch norms, each on its own input."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

import refnet
from refnet.models import mobilenet_v2
from refnet.network import PYTORCH, Layer, Network
from tests.bounds.simulated import Simulated


@dataclass(frozen=True)
class Pair:
    """A convolution, its batch norm, the float32 input that it meets, and the unit of both."""

    convolution: Layer
    norm: Layer
    x: np.ndarray
    unit: Network


@cache
def tensors() -> dict[str, np.ndarray]:
    return dict(refnet.load("v2").tensors)


@cache
def pairs(resolution: int = 32) -> tuple[Pair, ...]:
    """All 52, on a map that is as smooth as a photo's: sums of cosines, brought to -2 .. 2."""
    network = mobilenet_v2(resolution=resolution, conventions=PYTORCH)
    rng = np.random.default_rng(0)
    at = np.arange(resolution) / resolution
    waves = np.cos(2 * np.pi * (np.arange(1, 9)[:, None] * at + rng.random((3, 8, 1))))
    fall = rng.standard_normal((3, 8, 8)) / np.add.outer(np.arange(1, 9), np.arange(1, 9))
    image = np.einsum("mab,mai,mbj->ijm", fall, waves, waves)[None]
    image = (2 * image / abs(image).max()).astype(np.float32)
    names = [layer.name for layer in network.layers]
    known = {"image": image} | refnet.run(network, tensors(), image, taps=names)
    return tuple(
        Pair(network[norm.inputs[0]], norm, known[network[norm.inputs[0]].inputs[0]],
             network.cut([norm.name], inputs=[network[norm.inputs[0]].inputs[0]]))
        for norm in network.layers
        if norm.op == "batch_norm"
    )  # fmt: skip


def folded(pair: Pair, simulated: Simulated) -> dict[str, np.ndarray]:
    """The convolution's tensors with the norm folded in, each operation rounded to `folds_in`."""
    a = simulated.arithmetic

    def q(values):
        return simulated.fit(values, a.folds_in)

    gamma, beta, mean, variance = (q(tensors()[n]) for n in pair.norm.tensor_names())
    s = q(gamma * q(1 / q(np.sqrt(q(variance + q(pair.norm.attrs.epsilon))))))
    w = q(tensors()[f"{pair.convolution.name}.weight"])
    last = w.shape[2:] if pair.convolution.op == "depthwise_conv2d" else (-1,)
    name = pair.convolution.name
    return {f"{name}.weight": q(w * s.reshape(last)), f"{name}.bias": q(beta - q(mean * s))}
