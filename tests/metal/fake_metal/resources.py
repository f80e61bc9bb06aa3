"""Textures and buffers. New ones hold noise; while the GPU may use them nobody may look."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.metal.fake_metal.values import (
    MisuseError,
    MTLRegion,
    NSObject,
    one_of,
    readable,
    struct,
    whole,
    writable,
)

Array = np.ndarray[Any, Any]
# MTLPixelFormat: the type of a number, and the place of red, green, blue and alpha in a pixel.
FORMATS = {
    115: (np.float16, (0, 1, 2, 3)),
    125: (np.float32, (0, 1, 2, 3)),
    70: (np.uint8, (0, 1, 2, 3)),
    80: (np.uint8, (2, 1, 0, 3)),  # BGRA
}
READ, WRITE = 1, 2


class MTLTextureDescriptor(NSObject):
    def __init__(self) -> None:
        self.type, self.format, self.width, self.height = 2, 80, 1, 1
        self.slices, self.usage, self.storage = 1, READ, 1  # Apple's defaults on a Mac

    def setTextureType_(self, value: int) -> None:
        self.type = one_of(value, (2, 3), "setTextureType:")

    def setPixelFormat_(self, value: int) -> None:
        self.format = one_of(value, tuple(FORMATS), "setPixelFormat:")

    def setWidth_(self, value: int) -> None:
        self.width = whole(value, "setWidth:", below=16385)

    def setHeight_(self, value: int) -> None:
        self.height = whole(value, "setHeight:", below=16385)

    def setArrayLength_(self, value: int) -> None:
        self.slices = whole(value, "setArrayLength:", below=2049)

    def setUsage_(self, value: int) -> None:
        self.usage = whole(value, "setUsage:", below=4)

    def setStorageMode_(self, value: int) -> None:
        self.storage = one_of(value, (0, 1, 2), "setStorageMode:")


class Resource:
    """busy: by how many command buffers that are not done it is used."""

    busy = 0

    def idle(self, doing: str) -> None:
        if self.busy:
            raise MisuseError(f"{doing}: the GPU may still be at work on it: wait until it is done")


class Texture(Resource):
    def __init__(self, descriptor: Any) -> None:
        if type(descriptor) is not MTLTextureDescriptor:
            raise ValueError(f"newTextureWithDescriptor: got a {type(descriptor).__name__}")
        if descriptor.type == 2 and descriptor.slices != 1:
            raise MisuseError("newTextureWithDescriptor: array length of a plain 2D texture is 1")
        if 0 in (descriptor.width, descriptor.height, descriptor.slices):
            raise MisuseError("newTextureWithDescriptor: an empty texture")
        self.type, self.usage, self.storage = descriptor.type, descriptor.usage, descriptor.storage
        dtype, self.order = FORMATS[descriptor.format]
        shape = (descriptor.slices, descriptor.height, descriptor.width, 4)
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        self.memory: Array = np.full(size, 0xA5, np.uint8).view(dtype).reshape(shape)

    def replaceRegion_mipmapLevel_slice_withBytes_bytesPerRow_bytesPerImage_(
        self, region: Any, level: int, k: int, data: Any, row: int, image: int
    ) -> None:
        what = "replaceRegion"
        self.idle(what)
        target = self._part(region, level, k, what)
        if whole(image, what) != 0:
            raise MisuseError(f"{what}: {image} bytes per image: only 3D has any")
        target[...] = self._rows(readable(data, what), row, target, what)

    def getBytes_bytesPerRow_bytesPerImage_fromRegion_mipmapLevel_slice_(
        self, data: Any, row: int, image: int, region: Any, level: int, k: int
    ) -> Any:
        what = "getBytes"
        self.idle(what)
        source = self._part(region, level, k, what)
        if whole(image, what) not in (0, row * source.shape[0]):
            raise MisuseError(f"{what}: {image} bytes per image, rows of {row} x {source.shape[0]}")
        self._rows(writable(data, what), row, source, what)[...] = source
        return data

    def _part(self, region: Any, level: int, k: int, what: str) -> Array:
        if self.storage != 0:
            raise MisuseError(f"{what}: not in shared memory, needs a blit first")
        (x, y, z), (width, height, depth) = struct(region, MTLRegion, what)
        slices, most_high, most_wide, _ = self.memory.shape
        whole(level, f"{what}: level", below=1)
        whole(k, f"{what}: slice", below=slices)
        if (z, depth) != (0, 1) or 0 in (width, height):
            raise MisuseError(f"{what}: region {region} is not flat or empty")
        if x + width > most_wide or y + height > most_high:
            raise MisuseError(f"{what}: region {region} leaves {most_wide} x {most_high}")
        part: Array = self.memory[k, y : y + height, x : x + width]
        return part

    def _rows(self, view: memoryview, row: int, like: Array, what: str) -> Array:
        """The bytes as rows of pixels, `row` bytes from one to the next."""
        height, width, _ = like.shape
        pixel = 4 * like.itemsize
        if whole(row, what) < width * pixel or row % pixel:
            raise MisuseError(f"{what}: {row} bytes per row, expected at least {width} x {pixel}")
        if len(view) < row * (height - 1) + width * pixel:
            raise MisuseError(f"{what}: {len(view)} bytes for {height} rows of {row}")
        flat = np.frombuffer(view, np.uint8)
        strides = (row, pixel, like.itemsize)
        found: Array = np.ndarray(like.shape, like.dtype, flat, 0, strides)
        return found


class VarList:
    """objc.varlist: an address. as_buffer believes the count; here a wrong one is found."""

    def __init__(self, memory: Array) -> None:
        self._memory = memory

    def as_buffer(self, count: int) -> memoryview:
        if whole(count, "as_buffer") > len(self._memory):
            raise MisuseError(f"as_buffer: {count} bytes of a buffer of {len(self._memory)}")
        return memoryview(self._memory[:count])


class Buffer(Resource):
    def __init__(self, length: int, options: int) -> None:
        one_of(options, (0,), "newBufferWithLength: options")
        self.memory: Array = np.full(whole(length, "newBufferWithLength"), 0xFF, np.uint8)

    def length(self) -> int:
        return len(self.memory)

    def contents(self) -> VarList:
        self.idle("contents")
        return VarList(self.memory)
