"""What adapters share: late imports, and arrays that cross the border between the layouts."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from refnet.network import Network

Array = np.ndarray[Any, Any]


def require(module: str, install: str) -> Any:
    """The module, or one line that says how to get it.

    >>> require("no_such_engine", "no-such-engine")
    Traceback (most recent call last):
    ...
    ValueError: backend: no_such_engine is not installed; pip install no-such-engine
    """
    try:
        return import_module(module)
    except ImportError:
        raise ValueError(f"backend: {module} is not installed; pip install {install}") from None


def on_arm() -> bool:
    """Whether this machine's processor is one that engines have Winograd kernels for."""
    return platform.machine().lower() in ("aarch64", "arm64")


def to_nchw(a: Array) -> Array:
    """A map with its channels before its rows; arrays of other ranks as they are.

    >>> to_nchw(np.zeros((1, 5, 7, 3))).shape, to_nchw(np.zeros((1, 3))).shape
    ((1, 3, 5, 7), (1, 3))
    """
    return np.ascontiguousarray(a.transpose(0, 3, 1, 2) if a.ndim == 4 else a)


def to_nhwc(a: Array) -> Array:
    """The inverse of `to_nchw`, in memory of its own."""
    return np.array(a.transpose(0, 2, 3, 1) if a.ndim == 4 else a, order="C")


def taken(network: Network, inputs: Mapping[str, Array], batch: int) -> dict[str, Array]:
    """The network's inputs in float32, refused where they do not fit what was prepared for."""
    found = {}
    for name, shape in network.inputs.items():
        if name not in inputs:
            raise ValueError(f"inputs: {name!r} {(batch, *shape)} of {network.name} is missing")
        if inputs[name].shape != (batch, *shape):
            raise ValueError(
                f"inputs: {name!r} has shape {inputs[name].shape}, but this was prepared for "
                f"{(batch, *shape)}"
            )
        found[name] = np.ascontiguousarray(inputs[name], np.float32)
    return found


def named(network: Network, answers: Iterable[Array]) -> dict[str, Array]:
    """An engine's answers, in the order of the network's outputs, by name and as NHWC."""
    return {name: to_nhwc(np.asarray(a)) for name, a in zip(network.outputs, answers, strict=True)}
