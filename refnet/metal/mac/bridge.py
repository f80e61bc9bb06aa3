"""The way from Python to Metal: pyobjc's module, found late, and the machine's GPU.

Elsewhere than on a Mac, and there without pyobjc-framework-Metal, it says so in one line:

>>> import platform
>>> try:
...     found = load()
... except ValueError as problem:
...     print(str(problem).split(":")[0])
... else:
...     print("metal")
metal
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from refnet.errors import MissingPackageError
from refnet.metal.device import MetalError
from refnet.metal.mac.numbers import APPLE_FAMILY


@dataclass(frozen=True)
class Bridge:
    """pyobjc's Metal module, and what opens an autorelease pool.

    Whoever has neither, a test say, hands in a pair that answers to the same names.
    """

    metal: Any
    pool: Callable[[], AbstractContextManager[Any]]


def load() -> Bridge:
    """The Metal of this machine; ValueError in one line where there is none."""
    if platform.system() != "Darwin":
        raise MetalError(f"metal: this is no Mac but {platform.system()}: Metal runs on Macs only")
    try:
        metal, objc = import_module("Metal"), import_module("objc")
    except ImportError as problem:
        raise MissingPackageError(
            f"metal: {problem}: pip install pyobjc-framework-Metal"
        ) from problem
    # Metal's command buffers and encoders are autoreleased: they live until the pool that was
    # open when they were made is drained. Python's main thread has one pool, never drained in a
    # script, so a loop of dispatches would keep all of them (pyobjc, issue 649).
    return Bridge(metal, objc.autorelease_pool)


def open_device(bridge: Bridge) -> Any:
    """The GPU, checked for what the host takes for granted."""
    device = bridge.metal.MTLCreateSystemDefaultDevice()
    if device is None:
        # Apple: the default device is nil in a process that has not loaded CoreGraphics, as
        # command line tools have not. The list of all devices does not depend on that.
        every = bridge.metal.MTLCopyAllDevices()
        device = every[0] if every is not None and len(every) else None
    if device is None:
        raise MetalError("metal: this Mac offers no Metal device to this process")
    if not device.supportsFamily_(APPLE_FAMILY):
        # Apple, MTLResourceStorageModeShared: on other GPUs than Apple's own textures cannot be
        # shared. They would have to be managed, with a blit before each reading.
        raise MetalError(
            f"metal: {device.name()} is no Apple GPU; textures in shared memory need one"
        )
    return device


def told(error: Any) -> str:
    """What an NSError says, in one line: of a compiler's many lines the first error.

    >>> class Error:
    ...     def localizedDescription(self):
    ...         return "Compilation failed:\\n\\na.metal:3:1: error: no type named 'x'\\nx y;\\n^"
    >>> told(Error()), told(None)
    ("a.metal:3:1: error: no type named 'x'", 'no reason given')
    """
    if error is None:
        return "no reason given"
    lines = str(error.localizedDescription()).splitlines()
    wrong = [line.strip() for line in lines if "error:" in line]
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    return wrong[0] + more if wrong else " ".join(" ".join(lines).split())
