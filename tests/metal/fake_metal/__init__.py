"""A stand-in for the slice of pyobjc-framework-Metal that refnet.metal.mac uses, run on the CPU.

It is stricter than Metal: what Metal leaves undefined, loses or ends the process for raises here,
and what it would turn (a float for a whole number, a tuple for a struct) is refused. The kernels
themselves are run by the CPU device from the text that newLibraryWithSource is given.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from refnet.metal.cpu import CpuLibrary
from refnet.metal.device import MetalError
from refnet.metal.mac.bridge import Bridge
from tests.metal.fake_metal.commands import CommandBuffer, Queue, Work
from tests.metal.fake_metal.resources import Buffer, MTLTextureDescriptor, Texture
from tests.metal.fake_metal.values import (
    MisuseError,
    NSError,
    NSObject,
    flag,
    no_out,
    one_of,
    region_make_2d,
    size_make,
    whole,
)

__all__ = ["FakeMetal", "MisuseError"]


class OldCompileOptions(NSObject):
    """Before macOS 15. Fast math is on unless one says otherwise."""

    def __init__(self) -> None:
        self.math, self.functions = 2, 0

    def setFastMathEnabled_(self, value: bool) -> None:
        fast = flag(value, "setFastMathEnabled:")
        self.math, self.functions = (2, 0) if fast else (0, 1)


class CompileOptions(OldCompileOptions):
    def setMathMode_(self, value: int) -> None:
        self.math = one_of(value, (0, 1, 2), "setMathMode:")

    def setMathFloatingPointFunctions_(self, value: int) -> None:
        self.functions = one_of(value, (0, 1), "setMathFloatingPointFunctions:")


class FakeMetal:
    """The module Metal, as `bridge` hands it to MacLibrary.

    macos: before 15 the compile options know no math mode. apple: whether the GPU is Apple's.
    most_threads: of a pipeline. warnings: whether the compiler has some. failure: what the GPU
    stops with. default: whether there is a default device; others are listed all the same.
    """

    def __init__(
        self,
        *,
        macos: int = 15,
        apple: bool = True,
        most_threads: int = 1024,
        warnings: bool = False,
        default: bool = True,
        devices: int = 1,
    ) -> None:
        self.apple, self.most_threads, self.warnings = apple, most_threads, warnings
        self.failure: str | None = None
        self.clock = 0.0
        self.pools: list[list[CommandBuffer]] = []
        self.compiled: list[Any] = []  # the options of every compilation
        self.made: list[Any] = []  # textures and buffers
        devices_ = [Device(self) for _ in range(devices)]
        self.module = SimpleNamespace(
            MTLCompileOptions=CompileOptions if macos >= 15 else OldCompileOptions,
            MTLTextureDescriptor=MTLTextureDescriptor,
            MTLSizeMake=size_make,
            MTLRegionMake2D=region_make_2d,
            MTLCreateSystemDefaultDevice=lambda: devices_[0] if default and devices_ else None,
            MTLCopyAllDevices=lambda: devices_,
        )

    @property
    def bridge(self) -> Bridge:
        return Bridge(self.module, self.autorelease_pool)

    @contextmanager
    def autorelease_pool(self) -> Iterator[None]:
        """What is in it is released at its end: by then all has to be encoded and committed."""
        self.pools.append([])
        try:
            yield
        except BaseException:
            self.pools.pop()
            raise
        for command in self.pools.pop():
            if any(encoder.open for encoder in command.encoders):
                raise MisuseError("pool: an encoder is released before its endEncoding")
            if not command.committed:
                raise MisuseError("pool: a command buffer is released that was never committed")


class Device:
    def __init__(self, fake: FakeMetal) -> None:
        self._fake = fake

    def name(self) -> str:
        return "Fake GPU"

    def supportsFamily_(self, family: int) -> bool:
        return self._fake.apple and whole(family, "supportsFamily:") == 1001

    def newCommandQueue(self) -> Queue:
        return Queue(self._fake)

    def newLibraryWithSource_options_error_(
        self, text: Any, options: Any, error: Any
    ) -> tuple[Any, Any]:
        no_out(error, "newLibraryWithSource")
        if not isinstance(text, str) or not isinstance(options, OldCompileOptions):
            raise ValueError(f"newLibraryWithSource: got {type(text)}, {type(options)}")
        if re.search(r'^[ \t]*#[ \t]*include[ \t]*"', text, re.M):
            return None, NSError("program_source:1:1: fatal error: no header is found here")
        self._fake.compiled.append(options)
        try:
            made = CompiledLibrary(self._fake, text, options)
        except MetalError as problem:
            return None, NSError(f"Compilation failed:\n\nprogram_source:1:1: error: {problem}\n^")
        warning = "program_source:1:1: warning: unused variable 'x'"
        return made, NSError(warning) if self._fake.warnings else None

    def newComputePipelineStateWithFunction_error_(
        self, function: Any, error: Any
    ) -> tuple[Any, Any]:
        no_out(error, "newComputePipelineState")
        if not isinstance(function, Function):
            raise ValueError(f"newComputePipelineState: got a {type(function).__name__}")
        return Pipeline(self._fake, function), None

    def newTextureWithDescriptor_(self, descriptor: Any) -> Texture:
        self._fake.made.append(Texture(descriptor))
        return self._fake.made[-1]

    def newBufferWithLength_options_(self, length: int, options: int) -> Buffer | None:
        if whole(length, "newBufferWithLength") == 0:
            return None
        self._fake.made.append(Buffer(length, options))
        return self._fake.made[-1]


class CompiledLibrary:
    def __init__(self, fake: FakeMetal, text: str, options: OldCompileOptions) -> None:
        self.reorders, self.fast_functions = options.math != 0, options.functions == 0
        self.cpu = _on_the_cpu(_folded(text) if self.reorders else text)
        self._text = text

    def newFunctionWithName_(self, name: Any) -> Any:
        return Function(self, name) if name in self.cpu.kernels else None

    def body(self, name: str) -> str:
        begin = re.search(rf"\bkernel\s+void\s+{name}\b", self._text)
        assert begin is not None
        rest = re.split(r"\bkernel\s+void\b", self._text[begin.end() :], maxsplit=1)
        return rest[0]


class Function:
    def __init__(self, library: CompiledLibrary, name: str) -> None:
        self.made_from, self.name = library, name


class Pipeline:
    def __init__(self, fake: FakeMetal, function: Function) -> None:
        self._fake, self._function = fake, function
        self.kernel = function.made_from.cpu.kernels[function.name]

    def maxTotalThreadsPerThreadgroup(self) -> int:
        return self._fake.most_threads

    def run(self, work: Work) -> None:
        """On the CPU; a fast exp() is played by moving what is not whole by a few bits."""
        library = self._function.made_from
        textures = {i: _in_order(texture) for i, texture in work.textures.items()}
        buffers = {i: one.memory for i, one in work.buffers.items()}
        grid = tuple(a * b for a, b in zip(work.groups, work.wide, strict=True))
        library.cpu.dispatch(
            self.kernel.name, grid, tuple(work.wide), textures, buffers, work.lengths
        )
        for i, texture in work.textures.items():
            texture.memory[...] = textures[i][..., list(texture.order)]
        if library.fast_functions and "exp(" in library.body(self.kernel.name):
            for i, parameter in self.kernel.bindings("buffer").items():
                if parameter.type.startswith("device float"):
                    floats = buffers[i].view(np.float32)
                    moved = np.isfinite(floats) & (floats != np.round(floats))
                    floats.view(np.uint32)[moved] += 64


def _folded(text: str) -> str:
    """What a compiler may make of a text where sums may be reordered and NaN does not occur."""
    text = re.sub(r"\((\S+) \+ ([\d.]+f)\) - \2", r"\1", text)
    return re.sub(r"(\S+) == \1 \?", "true ?", text)


def _in_order(texture: Texture) -> Any:
    """Red, green, blue, alpha, whatever the order in memory: the order is its own inverse."""
    return np.ascontiguousarray(texture.memory[..., list(texture.order)])


@cache
def _on_the_cpu(text: str) -> CpuLibrary:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "program_source.metal")
        path.write_text(text, "utf-8")
        return CpuLibrary(path)
