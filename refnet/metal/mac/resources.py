"""Textures and buffers on the GPU: made once a shape, filled, and read back.

Every texture and buffer is kept and used again for the next array of its shape. pyobjc (12.1, its
issue 690) takes what methods named new... return for borrowed and retains it once more, so that
none of it is ever freed: a texture made anew for every dispatch would be lost with every dispatch.
Releasing it by hand would crash under a pyobjc that has mended this. A pool is right under both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from refnet.metal.device import MetalError
from refnet.metal.mac.numbers import (
    BUFFER_SHARED,
    PIXEL_FORMATS,
    TEXTURE_2D,
    TEXTURE_2D_ARRAY,
    TEXTURE_SHARED,
    USAGE_READ_WRITE,
)

Array = np.ndarray[Any, Any]


class Resources:
    """What a device lends: `texture` and `buffer` take and fill, `give_back` ends the loan.

    metal: pyobjc's module. device: an MTLDevice.
    """

    def __init__(self, metal: Any, device: Any) -> None:
        self._metal, self._device = metal, device
        self._free: defaultdict[Hashable, list[Any]] = defaultdict(list)
        self._lent: list[tuple[Hashable, Any]] = []

    def texture(self, array: Array, *, arrayed: bool) -> Any:
        """A texture of four channels that holds `array`, (slices, H, W, 4).

        arrayed: whether the kernel's parameter is a texture2d_array. Metal does not convert: a
        plain 2D texture bound where the kernel has an array (or the other way round) is undefined,
        and only the validation layer, off by default, says so.
        """
        key = (array.shape, array.dtype.name, arrayed)
        texture = self._take(key, lambda: self._new_texture(array, arrayed=arrayed))
        slices, height, width, _ = array.shape
        region = self._metal.MTLRegionMake2D(0, 0, width, height)  # x, y, width, height
        row = width * 4 * array.itemsize
        for k in range(slices):
            # The method fills one slice of a texture array, whatever the region. The bytes per
            # image are 0: Apple wants another number for 3D textures only.
            texture.replaceRegion_mipmapLevel_slice_withBytes_bytesPerRow_bytesPerImage_(
                region, 0, k, bytes_of(array[k]), row, 0
            )
        return texture

    def buffer(self, array: Array) -> Any:
        """A buffer that holds the bytes of `array`."""
        key = array.nbytes
        buffer = self._take(key, lambda: self._new_buffer(array.nbytes))
        # contents() is a bare address to pyobjc (objc.varlist): how many bytes lie there we must
        # say, nobody checks it, and the view does not keep the buffer alive. The pool does.
        buffer.contents().as_buffer(array.nbytes)[:] = bytes_of(array)
        return buffer

    def read_texture(self, texture: Any, array: Array) -> None:
        """Bring a texture's numbers back into `array`. Only after waitUntilCompleted.

        getBytes copies what lies there and synchronises with nothing (Apple, getBytes:...): before
        the GPU is done that is the old content.
        """
        slices, height, width, _ = array.shape
        region = self._metal.MTLRegionMake2D(0, 0, width, height)
        row = width * 4 * array.itemsize
        for k in range(slices):
            # An out argument that pyobjc knows no length of: it wants a writable buffer, and
            # believes that it is long enough. What the call returns is that buffer again.
            texture.getBytes_bytesPerRow_bytesPerImage_fromRegion_mipmapLevel_slice_(
                bytes_of(array[k]), row, row * height, region, 0, k
            )

    def read_buffer(self, buffer: Any, array: Array) -> None:
        """Bring a buffer's bytes back into `array`. Only after waitUntilCompleted."""
        bytes_of(array)[:] = buffer.contents().as_buffer(array.nbytes)

    def give_back(self) -> None:
        """All that was taken is free for the next dispatch."""
        for key, one in self._lent:
            self._free[key].append(one)
        self._lent.clear()

    def _take(self, key: Hashable, make: Callable[[], Any]) -> Any:
        free = self._free[key]
        one = free.pop() if free else make()
        self._lent.append((key, one))
        return one

    def _new_texture(self, array: Array, *, arrayed: bool) -> Any:
        slices, height, width, _ = array.shape
        # alloc().init() and the setters, not texture2DDescriptorWithPixelFormat:..., which makes
        # plain 2D textures and may set mipmaps.
        descriptor = self._metal.MTLTextureDescriptor.alloc().init()
        descriptor.setTextureType_(TEXTURE_2D_ARRAY if arrayed else TEXTURE_2D)
        descriptor.setPixelFormat_(PIXEL_FORMATS[array.dtype.name])
        descriptor.setWidth_(width)
        descriptor.setHeight_(height)
        if arrayed:
            descriptor.setArrayLength_(slices)
        # The default usage is reading alone; a kernel's write into such a texture is lost.
        descriptor.setUsage_(USAGE_READ_WRITE)
        # On a Mac the documented default is managed, which needs a blit before the CPU may look.
        descriptor.setStorageMode_(TEXTURE_SHARED)
        texture = self._device.newTextureWithDescriptor_(descriptor)
        if texture is None:
            raise MetalError(f"metal: no memory for a texture of {array.shape} {array.dtype}")
        return texture

    def _new_buffer(self, length: int) -> Any:
        buffer = self._device.newBufferWithLength_options_(length, BUFFER_SHARED)
        if buffer is None:
            raise MetalError(f"metal: no memory for a buffer of {length:,} bytes")
        return buffer


def bytes_of(array: Array) -> memoryview:
    """The bytes of a C-contiguous array, in place, as pyobjc takes a void pointer.

    >>> a = np.array([1.0, 2.0], np.float16)
    >>> bytes_of(a).nbytes, bytes_of(a).format
    (4, 'B')

    Of float16 memoryviews cannot be cast in every Python, so NumPy turns the type.
    """
    return array.reshape(-1).view(np.uint8).data
