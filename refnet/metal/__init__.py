"""The Metal port: kernels, the devices that run them, and the network that they make.

>>> sorted(path.name for path in kernels())
['classifier.metal', 'conv3x3.metal', 'depthwise3x3.metal', 'elementwise.metal', 'pointwise.metal',
'preprocess.metal']

What is proven: the arithmetic of the kernels and the host's bindings, on the CPU, where the same
.metal files are compiled as C++; and a lint holds them to Metal's subset of it. What is not: no
compiler of Apple's has seen them from here, and nothing has run on Apple's hardware.
"""

from __future__ import annotations

import platform
from pathlib import Path

from refnet.metal.convolution import UnsupportedError
from refnet.metal.device import Library, MetalError
from refnet.metal.lowering import program_of
from refnet.metal.program import Program
from refnet.metal.runner import Runner

__all__ = [
    "DEVICES",
    "Library",
    "MetalError",
    "Program",
    "Runner",
    "UnsupportedError",
    "kernels",
    "open_library",
    "program_of",
]

DEVICES = ("cpu", "mac")


def kernels() -> tuple[Path, ...]:
    """The .metal files of the network, in the order of their names."""
    return tuple(sorted((Path(__file__).parent / "kernels").glob("*.metal")))


def open_library(device: str | None = None) -> Library:
    """All of refnet's kernels on a device: "cpu", "mac", or what this machine has.

    >>> open_library("tpu")
    Traceback (most recent call last):
    ...
    ValueError: device: 'tpu', expected cpu or mac

    A Mac's own GPU is taken where there is one; anywhere else the CPU, which needs a C++ compiler.
    """
    if device is None:
        device = "mac" if platform.system() == "Darwin" else "cpu"
    if device not in DEVICES:
        raise ValueError(f"device: {device!r}, expected {' or '.join(DEVICES)}")
    if device == "mac":
        from refnet.metal.mac.mac_library import MacLibrary

        return MacLibrary(*kernels())
    from refnet.metal.cpu import CpuLibrary

    return CpuLibrary(*kernels())
