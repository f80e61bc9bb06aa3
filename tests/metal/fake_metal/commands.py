"""Queue, command buffer, encoder: nothing runs before it is committed and waited for."""

from __future__ import annotations

import math
from typing import Any

from tests.metal.fake_metal.resources import READ, WRITE, Buffer, Resource, Texture
from tests.metal.fake_metal.values import MisuseError, MTLSize, NSError, struct, whole

MOST_THREADGROUP_BYTES = 32768
GPU_SECONDS = 0.25  # that every command buffer takes, by the clock of this GPU


class Queue:
    def __init__(self, fake: Any) -> None:
        self._fake = fake

    def commandBuffer(self) -> CommandBuffer:
        if not self._fake.pools:
            raise MisuseError("commandBuffer: no autorelease pool is open, it would never be freed")
        made = CommandBuffer(self._fake)
        self._fake.pools[-1].append(made)
        return made


class CommandBuffer:
    def __init__(self, fake: Any) -> None:
        self._fake = fake
        self.encoders: list[Encoder] = []
        self.committed = False
        self._status, self._error = 0, None
        self._times = (0.0, 0.0)

    def computeCommandEncoder(self) -> Encoder:
        if self.committed or any(encoder.open for encoder in self.encoders):
            raise MisuseError("computeCommandEncoder: another is open, or all is committed")
        self.encoders.append(Encoder())
        return self.encoders[-1]

    def commit(self) -> None:
        if self.committed:
            raise MisuseError("commit: committed twice")
        if any(encoder.open for encoder in self.encoders):
            raise MisuseError("commit: command encoding is not ended")  # Metal ends the process
        self.committed, self._status = True, 2

    def waitUntilCompleted(self) -> None:
        if not self.committed:
            raise MisuseError("waitUntilCompleted: nothing is committed, it would wait for ever")
        if self._status in (4, 5):
            return
        self._status = 4
        if self._fake.failure is not None:
            self._status, self._error = 5, NSError(self._fake.failure)
        for encoder in self.encoders:
            for work in encoder.dispatches:
                if self._status == 4:
                    work.pipeline.run(work)
                for one in work.resources():
                    one.busy -= 1
        self._fake.clock += 1.0
        self._times = (self._fake.clock, self._fake.clock + GPU_SECONDS)

    def status(self) -> int:
        return self._status

    def error(self) -> Any:
        return self._error

    def GPUStartTime(self) -> float:
        return self._times[0]

    def GPUEndTime(self) -> float:
        return self._times[1]


class Work:
    """One dispatch as it was encoded."""

    def __init__(self, encoder: Encoder, groups: MTLSize, wide: MTLSize) -> None:
        self.pipeline, self.groups, self.wide = encoder.pipeline, groups, wide
        self.textures, self.buffers = dict(encoder.textures), dict(encoder.buffers)
        self.lengths = dict(encoder.lengths)

    def resources(self) -> list[Resource]:
        return [*self.textures.values(), *self.buffers.values()]


class Encoder:
    def __init__(self) -> None:
        self.open = True
        self.pipeline: Any = None
        self.textures: dict[int, Texture] = {}
        self.buffers: dict[int, Buffer] = {}
        self.lengths: dict[int, int] = {}
        self.dispatches: list[Work] = []

    def setComputePipelineState_(self, pipeline: Any) -> None:
        self._still_open()
        if not hasattr(pipeline, "maxTotalThreadsPerThreadgroup"):
            raise ValueError(f"setComputePipelineState: got a {type(pipeline).__name__}")
        self.pipeline = pipeline

    def setTexture_atIndex_(self, texture: Any, index: int) -> None:
        self._still_open()
        if type(texture) is not Texture:
            raise ValueError(f"setTexture: got a {type(texture).__name__}")
        self.textures[whole(index, "setTexture: index", below=128)] = texture

    def setBuffer_offset_atIndex_(self, buffer: Any, offset: int, index: int) -> None:
        self._still_open()
        if type(buffer) is not Buffer:
            raise ValueError(f"setBuffer: got a {type(buffer).__name__}")
        whole(offset, "setBuffer: offset", below=1)
        self.buffers[whole(index, "setBuffer: index", below=31)] = buffer

    def setThreadgroupMemoryLength_atIndex_(self, length: int, index: int) -> None:
        self._still_open()
        if whole(length, "setThreadgroupMemoryLength") % 16:
            raise MisuseError(f"setThreadgroupMemoryLength: {length} is no multiple of 16")
        self.lengths[whole(index, "setThreadgroupMemoryLength: index", below=31)] = length

    def dispatchThreadgroups_threadsPerThreadgroup_(self, groups: Any, wide: Any) -> None:
        self._still_open()
        what = "dispatchThreadgroups"
        groups, wide = struct(groups, MTLSize, what), struct(wide, MTLSize, what)
        if self.pipeline is None:
            raise MisuseError(f"{what}: no pipeline is set")
        if 0 in groups or 0 in wide:
            raise MisuseError(f"{what}: {groups} threadgroups of {wide}")
        most = self.pipeline.maxTotalThreadsPerThreadgroup()
        if math.prod(wide) > most:
            raise MisuseError(f"{what}: {math.prod(wide)} threads, the pipeline takes {most}")
        if sum(self.lengths.values()) > MOST_THREADGROUP_BYTES:
            raise MisuseError(f"{what}: {sum(self.lengths.values())} bytes of threadgroup memory")
        self._check_bound(self.pipeline.kernel)
        work = Work(self, groups, wide)
        for one in work.resources():
            one.idle(what)
        for one in work.resources():
            one.busy += 1
        self.dispatches.append(work)

    def endEncoding(self) -> None:
        self._still_open()
        self.open = False

    def _still_open(self) -> None:
        if not self.open:
            raise MisuseError("encoder: used after endEncoding")

    def _check_bound(self, kernel: Any) -> None:
        for kind, bound in (
            ("texture", self.textures),
            ("buffer", self.buffers),
            ("threadgroup", self.lengths),
        ):
            declared = kernel.bindings(kind)
            if set(declared) != set(bound):
                raise MisuseError(f"{kernel.name}: {kind}s {sorted(bound)}, has {sorted(declared)}")
        for index, parameter in kernel.bindings("texture").items():
            texture, where = self.textures[index], f"{kernel.name}: texture {index}"
            if texture.type != (3 if "texture2d_array" in parameter.type else 2):
                raise MisuseError(f"{where}: type {texture.type} bound to {parameter.type}")
            written = "access::write" in parameter.type or "access::read_write" in parameter.type
            needed = WRITE if written else READ
            if not texture.usage & needed:
                raise MisuseError(f"{where}: usage {texture.usage} for {parameter.type}")
