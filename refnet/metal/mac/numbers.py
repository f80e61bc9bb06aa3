"""The numbers of Metal's C enumerations that the host uses.

pyobjc gives most of them by name, but only from the release on that knew them: MTLMathMode came
with macOS 15. The numbers never change, being part of the system's binary interface. From Apple's
documentation of each enumeration, and pyobjc-framework-Metal's own tests (PyObjCTest), which
compare them one by one.
"""

from __future__ import annotations

TEXTURE_2D, TEXTURE_2D_ARRAY = 2, 3  # MTLTextureType

# MTLPixelFormat of a texture of four channels. 80, which is easily taken for 70, is BGRA8Unorm:
# the same bytes with red and blue swapped.
PIXEL_FORMATS = {"float16": 115, "float32": 125, "uint8": 70}  # RGBA16Float, 32Float, 8Unorm

USAGE_READ_WRITE = 1 | 2  # MTLTextureUsageShaderRead | ShaderWrite
TEXTURE_SHARED = 0  # MTLStorageModeShared
BUFFER_SHARED = (
    0  # MTLResourceStorageModeShared: the storage mode shifted by 4, and default caching
)
STATUS_ERROR = 5  # MTLCommandBufferStatusError

MATH_MODES = {"safe": 0, "relaxed": 1, "fast": 2}  # MTLMathMode
FAST_FUNCTIONS, PRECISE_FUNCTIONS = 0, 1  # MTLMathFloatingPointFunctions

APPLE_FAMILY = 1001  # MTLGPUFamilyApple1, which every later Apple GPU also supports

# Metal Feature Set Tables, Apple families: the largest texture, its layers, the argument tables.
MOST_PIXELS, MOST_SLICES = 16384, 2048
MOST_BUFFERS, MOST_TEXTURES = 31, 128
