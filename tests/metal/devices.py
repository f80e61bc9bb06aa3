"""What the tests of the CPU device share: the compiler, or the reason to skip; the probes."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from refnet.metal.cpu import CpuLibrary
from refnet.metal.cpu.compiler import find_compiler
from refnet.metal.device import MetalError

Array = np.ndarray[Any, Any]
PROBES = Path(__file__).with_name("probes")


def no_compiler() -> str:
    try:
        find_compiler()
    except MetalError as problem:
        return str(problem)
    return ""


needs_compiler = pytest.mark.skipif(bool(no_compiler()), reason=no_compiler() or "has a compiler")


@functools.cache
def probe(name: str, order: Literal["forward", "backward"] = "forward") -> CpuLibrary:
    return CpuLibrary(PROBES / f"{name}.metal", order=order)


def number(value: object, dtype: str = "uint32") -> Array:
    return np.array(value, dtype).reshape(-1)
