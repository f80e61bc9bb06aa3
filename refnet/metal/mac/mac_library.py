"""The Metal device: the kernels of .metal files, compiled by the system and run on its GPU.

It keeps the promise of `refnet.metal.device.Library` through pyobjc-framework-Metal:

    library = MacLibrary(Path("depthwise.metal"))
    library.dispatch("depthwise3x3", (5, 7, 6), (8, 8, 1), {0: x, 1: y}, {0: sizes, 1: w, 2: b})

What is proven of it: on Linux it runs against a stand-in for pyobjc's calls that is stricter than
Metal itself. It has not run on Apple hardware; for that there is `refnet metal doctor`.

Selectors are written as pyobjc spells them: each colon is an underscore, the arguments follow in
order. An NSError** argument is passed as None and comes back as the second of a pair.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from refnet.metal.bindings import check_dispatch, is_written
from refnet.metal.cpu.source import kernels_of
from refnet.metal.device import Array, Kernel, MetalError, Size
from refnet.metal.mac.bridge import Bridge, load, open_device, told
from refnet.metal.mac.limits import check_limits, group_counts
from refnet.metal.mac.numbers import (
    FAST_FUNCTIONS,
    MATH_MODES,
    PRECISE_FUNCTIONS,
    STATUS_ERROR,
)
from refnet.metal.mac.resources import Resources
from refnet.metal.mac.sources import joined


class MacLibrary:
    """Several .metal files compiled into one library on this machine's GPU.

    math: "safe" as IEEE 754 has it; "relaxed" and "fast" let the compiler reorder sums, and then
        the oracle's bounds do not hold.
    bridge: the Metal to use; by default pyobjc's.

    `seconds` is the GPU's own time for the last dispatch, 0.0 before the first; `math_told` says
    how the system was asked for the math mode.
    """

    def __init__(self, *paths: Path, math: str = "safe", bridge: Bridge | None = None) -> None:
        if math not in MATH_MODES:
            raise MetalError(f"math: {math!r}, expected one of {', '.join(MATH_MODES)}")
        self._bridge = bridge or load()
        self._metal = self._bridge.metal
        self.seconds, self.math_told = 0.0, ""
        text = joined(paths)
        self._kernels = kernels_of(text)
        with self._bridge.pool():
            self.device = open_device(self._bridge)
            self._library = self._compiled(text, math)
            # One queue for the library's life: Metal makes few of them, and each keeps memory.
            self._queue = self.device.newCommandQueue()
        self._pipelines: dict[str, Any] = {}
        self._resources = Resources(self._metal, self.device)

    @property
    def kernels(self) -> Mapping[str, Kernel]:
        """Every kernel by its name."""
        return self._kernels

    def dispatch(
        self,
        name: str,
        grid: Size,
        threadgroup: Size,
        textures: Mapping[int, Array] = {},
        buffers: Mapping[int, Array] = {},
        threadgroup_bytes: Mapping[int, int] = {},
    ) -> None:
        """Run one kernel over a grid, wait, and bring back what it wrote.

        See `refnet.metal.device.Library.dispatch`. Every array goes to the GPU and back: this is
        for checking, and an app keeps its textures there. Raises MetalError.
        """
        if name not in self._kernels:
            raise MetalError(
                f"{name}: no such kernel; there are {', '.join(sorted(self._kernels))}"
            )
        kernel = self._kernels[name]
        with self._bridge.pool():
            check_dispatch(kernel, grid, threadgroup, textures, buffers, threadgroup_bytes)
            check_limits(kernel, textures, buffers)
            most = self.pipeline(name).maxTotalThreadsPerThreadgroup()
            groups, wide = group_counts(kernel, grid, threadgroup, most)
            try:
                self._run(kernel, groups, wide, textures, buffers, threadgroup_bytes)
            finally:
                self._resources.give_back()

    def pipeline(self, name: str) -> Any:
        """The compute pipeline state of a kernel: Metal compiles it for this GPU, once."""
        if name not in self._pipelines:
            function = self._library.newFunctionWithName_(name)
            if function is None:
                raise MetalError(f"{name}: Metal's compiler made no function of this name")
            state, error = self.device.newComputePipelineStateWithFunction_error_(function, None)
            if state is None:
                raise MetalError(f"{name}: {told(error)}")
            self._pipelines[name] = state
        return self._pipelines[name]

    def _compiled(self, text: str, math: str) -> Any:
        options = self._metal.MTLCompileOptions.alloc().init()
        if options.respondsToSelector_("setMathMode:"):  # since macOS 15
            options.setMathMode_(MATH_MODES[math])
            # A setting of its own, whose default is fast: exp() would be fast in safe mode too.
            precise = PRECISE_FUNCTIONS if math == "safe" else FAST_FUNCTIONS
            options.setMathFloatingPointFunctions_(precise)
            functions = "precise" if precise == PRECISE_FUNCTIONS else "fast"
            self.math_told = f"{math}, {functions} functions (MTLMathMode)"
        else:
            # The default is True: reordered sums, and no NaN. False is both safe and precise.
            options.setFastMathEnabled_(math != "safe")
            self.math_told = f"{math} (fastMathEnabled, before macOS 15)"
        library, error = self.device.newLibraryWithSource_options_error_(text, options, None)
        # Not `if error`: a library that did compile may bring one, MTLLibraryErrorCompileWarning.
        if library is None:
            raise MetalError(f"metal: {told(error)}")
        return library

    def _run(
        self,
        kernel: Kernel,
        groups: Size,
        wide: Size,
        textures: Mapping[int, Array],
        buffers: Mapping[int, Array],
        threadgroup_bytes: Mapping[int, int],
    ) -> None:
        lend = self._resources
        drawn = {
            index: lend.texture(textures[index], arrayed="texture2d_array" in one.type)
            for index, one in kernel.bindings("texture").items()
        }
        held = {index: lend.buffer(buffers[index]) for index in kernel.bindings("buffer")}
        command = self._queue.commandBuffer()
        encoder = command.computeCommandEncoder()
        try:
            encoder.setComputePipelineState_(self.pipeline(kernel.name))
            # Textures, buffers and threadgroup memory are three tables, each counted from 0.
            for index, texture in drawn.items():
                encoder.setTexture_atIndex_(texture, index)
            for index, buffer in held.items():
                encoder.setBuffer_offset_atIndex_(buffer, 0, index)
            for index, length in threadgroup_bytes.items():
                encoder.setThreadgroupMemoryLength_atIndex_(int(length), index)
            # Threadgroups, not dispatchThreads:..., which counts threads: the smaller threadgroups
            # that it puts at the ends are not what the kernels, with their guards, are checked by.
            size = self._metal.MTLSizeMake
            encoder.dispatchThreadgroups_threadsPerThreadgroup_(size(*groups), size(*wide))
        finally:
            # Committing or releasing a command buffer with an open encoder ends the process.
            encoder.endEncoding()
        command.commit()
        command.waitUntilCompleted()
        # commit raises nothing: a timeout or a page fault on the GPU is found here or nowhere.
        if command.status() == STATUS_ERROR or command.error() is not None:
            raise MetalError(f"{kernel.name}: the GPU stopped: {told(command.error())}")
        # Both are 0.0 until the GPU is done. They time the GPU alone: no upload, no waiting.
        self.seconds = command.GPUEndTime() - command.GPUStartTime()
        for index, one in kernel.bindings("texture").items():
            if is_written(one):
                lend.read_texture(drawn[index], textures[index])
        for index, one in kernel.bindings("buffer").items():
            if is_written(one):
                lend.read_buffer(held[index], buffers[index])
