"""The stand-in for Metal is strict: what Metal leaves undefined or ends the process for raises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from tests.metal.fake_metal import FakeMetal, MisuseError
from tests.metal.fake_metal.values import MTLSize

TEXT = """#include <metal_stdlib>
using namespace metal;
kernel void copy(texture2d_array<half, access::read> in [[texture(0)]],
                 texture2d_array<half, access::write> out [[texture(1)]],
                 constant uint& n [[buffer(0)]],
                 uint3 gid [[thread_position_in_grid]])
{
    if (gid.x >= out.get_width() || gid.y >= out.get_height() || gid.z >= n) return;
    out.write(in.read(gid.xy, gid.z), gid.xy, gid.z);
}
kernel void scratch(device float* y [[buffer(0)]], threadgroup float* t [[threadgroup(0)]],
                    uint i [[thread_position_in_grid]])
{
    t[0] = 1.0f;
    y[i] = 2.0f;
}
"""


class Bench:
    """A device, a library and two textures of 2 slices, 3 rows and 5 columns."""

    def __init__(self, **given: Any) -> None:
        self.fake = FakeMetal(**given)
        self.metal = self.fake.module
        self.device = self.metal.MTLCreateSystemDefaultDevice()
        options = self.metal.MTLCompileOptions.alloc().init()
        options.setFastMathEnabled_(False)
        self.compiled, _ = self.device.newLibraryWithSource_options_error_(TEXT, options, None)
        self.queue = self.device.newCommandQueue()
        self.a, self.b = self.texture(), self.texture()
        self.n = self.device.newBufferWithLength_options_(4, 0)
        self.n.contents().as_buffer(4)[:] = np.uint32(2).tobytes()

    def texture(self, **settings: int) -> Any:
        descriptor = self.metal.MTLTextureDescriptor.alloc().init()
        known = {
            "TextureType": 3, "PixelFormat": 115, "Width": 5, "Height": 3, "ArrayLength": 2,
            "Usage": 3, "StorageMode": 0,
        }  # fmt: skip
        for name, value in {**known, **settings}.items():
            getattr(descriptor, f"set{name}_")(value)
        return self.device.newTextureWithDescriptor_(descriptor)

    def pipeline(self, name: str) -> Any:
        function = self.compiled.newFunctionWithName_(name)
        return self.device.newComputePipelineStateWithFunction_error_(function, None)[0]

    @contextmanager
    def encoding(self, *leave_out: str) -> Iterator[Any]:
        """A command buffer, and an encoder with all of `copy` bound but what is left out."""
        with self.fake.autorelease_pool():
            command = self.queue.commandBuffer()
            encoder = command.computeCommandEncoder()
            if "pipeline" not in leave_out:
                encoder.setComputePipelineState_(self.pipeline("copy"))
            if "texture" not in leave_out:
                encoder.setTexture_atIndex_(self.a, 0)
            encoder.setTexture_atIndex_(self.b, 1)
            encoder.setBuffer_offset_atIndex_(self.n, 0, 0)
            yield command, encoder

    def go(self, encoder: Any, groups: Any = (2, 2, 1), wide: Any = (4, 2, 2)) -> None:
        size = self.metal.MTLSizeMake
        encoder.dispatchThreadgroups_threadsPerThreadgroup_(size(*groups), size(*wide))

    def put(self, data: Any, **changed: Any) -> None:
        given = {"region": self.metal.MTLRegionMake2D(0, 0, 5, 3), "level": 0, "k": 0,
                 "row": 40, "image": 0, "texture": self.a, **changed}  # fmt: skip
        given["texture"].replaceRegion_mipmapLevel_slice_withBytes_bytesPerRow_bytesPerImage_(
            given["region"], given["level"], given["k"], data, given["row"], given["image"]
        )

    def get(self, data: Any, **changed: Any) -> None:
        given = {"region": self.metal.MTLRegionMake2D(0, 0, 5, 3), "level": 0, "k": 0,
                 "row": 40, "image": 120, "texture": self.b, **changed}  # fmt: skip
        given["texture"].getBytes_bytesPerRow_bytesPerImage_fromRegion_mipmapLevel_slice_(
            data, given["row"], given["image"], given["region"], given["level"], given["k"]
        )


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_right_use_copies_a_texture(bench: Bench) -> None:
    pictures = np.arange(2 * 3 * 5 * 4, dtype=np.float16).reshape(2, 3, 5, 4)
    for k in (0, 1):
        bench.put(pictures[k].tobytes(), k=k)
    with bench.encoding() as (command, encoder):
        bench.go(encoder)
        encoder.endEncoding()
        assert command.GPUEndTime() == 0.0
        command.commit()
        command.waitUntilCompleted()
    for k in (0, 1):
        found = bytearray(120)
        bench.get(found, k=k)
        assert bytes(found) == pictures[k].tobytes()
    assert command.GPUEndTime() - command.GPUStartTime() == 0.25
    assert (command.status(), command.error()) == (4, None)


def ended(bench: Bench, then: Callable[[Any, Any], None]) -> None:
    with bench.encoding() as (command, encoder):
        bench.go(encoder)
        encoder.endEncoding()
        then(command, encoder)


def unbound(bench: Bench, what: str) -> None:
    with bench.encoding(what) as (_, encoder):
        bench.go(encoder)


def dispatched(bench: Bench, **sizes: Any) -> None:
    with bench.encoding() as (_, encoder):
        bench.go(encoder, **sizes)


def raw_sizes(bench: Bench) -> None:
    with bench.encoding() as (_, encoder):
        encoder.dispatchThreadgroups_threadsPerThreadgroup_((1, 1, 1), MTLSize(1, 1, 1))


def bound(bench: Bench, set_up: Callable[[Any], None]) -> None:
    with bench.encoding() as (_, encoder):
        set_up(encoder)
        bench.go(encoder)


def left_open(bench: Bench) -> None:
    with bench.encoding() as (_, encoder):
        bench.go(encoder)


def scratch(bench: Bench, length: int) -> None:
    with bench.fake.autorelease_pool():
        encoder = bench.queue.commandBuffer().computeCommandEncoder()
        encoder.setComputePipelineState_(bench.pipeline("scratch"))
        encoder.setBuffer_offset_atIndex_(bench.n, 0, 0)
        if length:
            encoder.setThreadgroupMemoryLength_atIndex_(length, 0)
        bench.go(encoder, (1, 1, 1), (1, 1, 1))


def committed_then(bench: Bench, then: Callable[[], Any]) -> None:
    ended(bench, lambda command, _: (command.commit(), then()))  # type: ignore[func-returns-value]


ZEROS = bytes(120)
MISUSES: dict[str, tuple[Callable[[Bench], Any], str]] = {
    "texture read back before waiting": (
        lambda b: committed_then(b, lambda: b.get(bytearray(120))), "wait until it is done"),
    "buffer looked into before waiting": (
        lambda b: committed_then(b, b.n.contents), "wait until it is done"),
    "texture filled before waiting": (
        lambda b: committed_then(b, lambda: b.put(ZEROS)), "wait until it is done"),
    "commit with an open encoder": (
        lambda b: bound(b, lambda e: b.fake.pools[-1][-1].commit()), "encoding is not ended"),
    "encoder never ended": (left_open, "before its endEncoding"),
    "never committed": (lambda b: ended(b, lambda c, e: None), "never committed"),
    "committed twice": (lambda b: ended(b, lambda c, e: (c.commit(), c.commit())), "twice"),
    "waited before commit": (lambda b: ended(b, lambda c, e: c.waitUntilCompleted()), "for ever"),
    "encoder ended twice": (lambda b: ended(b, lambda c, e: e.endEncoding()), "after endEnc"),
    "two encoders at a time": (
        lambda b: bound(b, lambda e: b.fake.pools[-1][-1].computeCommandEncoder()), "another is"),
    "no pool": (lambda b: b.queue.commandBuffer(), "no autorelease pool"),
    "no pipeline": (lambda b: unbound(b, "pipeline"), "no pipeline is set"),
    "a texture not bound": (lambda b: unbound(b, "texture"), r"textures \[1\], has \[0, 1\]"),
    "too many threads": (lambda b: dispatched(b, wide=(32, 32, 2)), "2048 threads, the pipeline"),
    "no threadgroup": (lambda b: dispatched(b, groups=(0, 1, 1)), "dispatchThreadgroups"),
    "usage without write": (
        lambda b: bound(b, lambda e: e.setTexture_atIndex_(b.texture(Usage=1), 1)), "usage 1 for"),
    "usage without read": (
        lambda b: bound(b, lambda e: e.setTexture_atIndex_(b.texture(Usage=2), 0)), "usage 2 for"),
    "plain texture for an array": (
        lambda b: bound(
            b, lambda e: e.setTexture_atIndex_(b.texture(TextureType=2, ArrayLength=1), 0)),
        "type 2 bound to"),
    "buffer offset": (
        lambda b: bound(b, lambda e: e.setBuffer_offset_atIndex_(b.n, 4, 0)), "offset: 4"),
    "buffer index": (
        lambda b: bound(b, lambda e: e.setBuffer_offset_atIndex_(b.n, 0, 31)), "index: 31"),
    "threadgroup memory not set": (lambda b: scratch(b, 0), r"threadgroups \[\], has \[0\]"),
    "threadgroup memory of 20": (lambda b: scratch(b, 20), "20 is no multiple of 16"),
    "too much threadgroup memory": (lambda b: scratch(b, 32784), "32784 bytes of threadgroup"),
    "pixel format of nothing": (lambda b: b.texture(PixelFormat=25), "25 is none of"),
    "texture type 3D": (lambda b: b.texture(TextureType=7), "7 is none of"),
    "a wide texture": (lambda b: b.texture(Width=16385), "16385, expected 0 to 16384"),
    "too many slices": (lambda b: b.texture(ArrayLength=2049), "2049, expected 0 to 2048"),
    "plain texture of slices": (lambda b: b.texture(TextureType=2), "plain 2D texture is 1"),
    "private texture": (
        lambda b: b.put(ZEROS, texture=b.texture(StorageMode=2)), "not in shared memory"),
    "too few bytes, upload": (lambda b: b.put(bytes(119)), "119 bytes for 3 rows of 40"),
    "too few bytes, download": (lambda b: b.get(bytearray(119)), "119 bytes for 3 rows of 40"),
    "rows too short": (lambda b: b.put(ZEROS, row=32), "32 bytes per row"),
    "rows of half pixels": (lambda b: b.put(bytes(200), row=44), "44 bytes per row"),
    "bytes per image, 2D": (lambda b: b.put(ZEROS, image=120), "only 3D has any"),
    "wrong bytes per image": (lambda b: b.get(bytearray(120), image=40), "40 bytes per image"),
    "region too wide": (
        lambda b: b.put(ZEROS, region=b.metal.MTLRegionMake2D(1, 0, 5, 3)), "leaves 5 x 3"),
    "region on its side": (
        lambda b: b.put(bytes(200), region=b.metal.MTLRegionMake2D(0, 0, 3, 5)), "leaves 5 x 3"),
    "empty region": (
        lambda b: b.put(ZEROS, region=b.metal.MTLRegionMake2D(5, 3, 0, 0)), "not flat or empty"),
    "slice of nothing": (lambda b: b.put(ZEROS, k=2), "slice: 2, expected 0 to 1"),
    "mipmap": (lambda b: b.put(ZEROS, level=1), "level: 1, expected 0 to 0"),
    "a view too long": (lambda b: b.n.contents().as_buffer(5), "5 bytes of a buffer of 4"),
}  # fmt: skip


@pytest.mark.parametrize(("misuse", "said"), MISUSES.values(), ids=MISUSES.keys())
def test_misuse_raises(misuse: Callable[[Bench], Any], said: str, bench: Bench) -> None:
    with pytest.raises(MisuseError, match=said):
        misuse(bench)


NOT_BRIDGED: dict[str, tuple[Callable[[Bench], Any], str]] = {
    "a float": (lambda b: b.texture(Width=5.0), "unsigned long long"),
    "a bool": (lambda b: b.texture(Usage=True), "unsigned long long"),
    "a NumPy number": (lambda b: b.texture(Width=np.int64(5)), "unsigned long long"),
    "a tuple for MTLSize": (raw_sizes, "tuple, expected MTLSize"),
    "a tuple for MTLRegion": (lambda b: b.put(ZEROS, region=((0, 0, 0), (5, 3, 1))), "MTLRegion"),
    "bytes that cannot be written": (lambda b: b.get(ZEROS), "bytes cannot be written to"),
    "a list for bytes": (lambda b: b.put([0] * 120), "a list has no bytes"),
    "bytes with gaps": (lambda b: b.put(memoryview(bytes(240))[::2]), "bytes with gaps"),
    "an array for a buffer": (
        lambda b: bound(b, lambda e: e.setBuffer_offset_atIndex_(np.zeros(4), 0, 0)), "ndarray"),
    "a selector as a number": (
        lambda b: b.metal.MTLCompileOptions.alloc().init().respondsToSelector_(1), "SEL"),
    "a number for a bool": (
        lambda b: b.metal.MTLCompileOptions.alloc().init().setFastMathEnabled_(0), "BOOL"),
    "a path for the source": (
        lambda b: b.device.newLibraryWithSource_options_error_(
            b"", b.metal.MTLCompileOptions.alloc().init(), None), "newLibraryWithSource"),
    "an out argument": (
        lambda b: b.device.newComputePipelineStateWithFunction_error_(
            b.compiled.newFunctionWithName_("copy"), ZEROS), "out argument, expected None"),
}  # fmt: skip


@pytest.mark.parametrize(("use", "said"), NOT_BRIDGED.values(), ids=NOT_BRIDGED.keys())
def test_what_pyobjc_would_have_to_turn_is_refused(
    use: Callable[[Bench], Any], said: str, bench: Bench
) -> None:
    with pytest.raises(ValueError, match=said):
        use(bench)


def test_unknown_selectors_fail(bench: Bench) -> None:
    options = bench.metal.MTLCompileOptions.alloc().init()
    assert options.respondsToSelector_("setMathMode:")
    assert not options.respondsToSelector_("setMathMode")
    old = Bench(macos=14).metal.MTLCompileOptions.alloc().init()
    assert not old.respondsToSelector_("setMathMode:")
    with pytest.raises(AttributeError):
        bench.device.newTextureWithDescriptor(None)
    with pytest.raises(AttributeError):
        bench.metal.MTLTextureDescriptor.alloc().init().setDepth_(1)
    with pytest.raises(TypeError):
        bench.queue.commandBuffer(0)


def test_new_textures_and_buffers_hold_noise(bench: Bench) -> None:
    assert bench.texture().memory.view(np.uint8).all()
    assert bench.device.newBufferWithLength_options_(16, 0).contents().as_buffer(16)[3] == 0xFF
    assert bench.device.newBufferWithLength_options_(0, 0) is None
