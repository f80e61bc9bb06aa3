"""An examination of a host: any MacLibrary, on the stand-in for Metal, against NumPy.

What is expected is worked out by NumPy here, in the two or three operations that a probe kernel
consists of, on whole numbers; so all of it is exact. A host that is wrong raises or differs.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refnet.metal.device import MetalError
from tests.metal.fake_metal import FakeMetal

PROBE = Path(__file__).with_name("mac_probe.metal")
Open = Callable[..., Any]  # MacLibrary


def examine(open_library: Open, selftest: Callable[[Any], Any], selftest_source: Path) -> None:
    """Everything that the host does, on a new and on an old macOS."""
    for macos in (15, 14):
        fake = FakeMetal(macos=macos, warnings=True)
        library = open_library(selftest_source, bridge=fake.bridge)
        wrong = [one for one in selftest(library) if not one.holds]
        assert not wrong, wrong
        (options,) = fake.compiled
        assert (options.math, options.functions) == (0, 1), "fast math is on"
        assert ("MTLMathMode" in library.math_told) == (macos == 15), "told otherwise than asked"
    fake = FakeMetal(most_threads=64)
    library = open_library(PROBE, bridge=fake.bridge)
    for _ in range(2):  # the second time in textures and buffers that were used before
        shift(library)
        reverse(library)
        picture(library, np.uint8)
        picture(library, np.float32)  # a plain texture and an array of one shape and type
    made = len(fake.made)
    shift(library)
    assert len(fake.made) == made, "a texture or buffer is made anew for every dispatch"
    shift(library, np.float32)  # the same shapes as before in another type
    assert library.seconds == 0.25
    refusals(library, fake)


def shift(library: Any, dtype: Any = np.float16) -> None:
    """A map moved by (-2, 1), read-only weights, a buffer that is read and written."""
    slices, height, width = 3, 5, 7
    x = np.arange(slices * height * width * 4).reshape(slices, height, width, 4).astype(dtype)
    out = np.full_like(x, np.nan)
    bias = (100 * np.arange(1, slices * 4 + 1)).astype(np.float16)
    bias.flags.writeable = False
    counts = np.arange(slices * height * width, dtype=np.float32)
    before = counts.copy()
    buffers = {3: np.array([-2, 1], np.float32).view(np.uint8), 0: bias, 1: counts}
    library.dispatch("probe_shift", (width, height, slices), (4, 2, 2), {0: out, 2: x}, buffers)
    moved = np.zeros_like(x)
    moved[:, :-1, 2:] = x[:, 1:, :-2]
    expected = moved + bias.astype(dtype).reshape(slices, 1, 1, 4)
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(counts, before + 1)


def reverse(library: Any) -> None:
    x, y = np.arange(32, dtype=np.float32), np.full(32, np.nan, np.float32)
    lengths = {0: 32, 1: 32}
    library.dispatch("probe_reverse", (32, 1, 1), (8, 1, 1), {}, {1: x, 0: y}, lengths)
    np.testing.assert_array_equal(y, x.reshape(4, 8)[:, ::-1].ravel())


def picture(library: Any, dtype: Any) -> None:
    """Bytes 0 and 255 are read as 0 and 1; four different lanes."""
    pixels = np.zeros((1, 3, 2, 4), dtype)
    one = 255 if dtype is np.uint8 else 1
    pixels[0, 0, 0, 0] = pixels[0, 1, 1, 2] = pixels[0, 2, 0] = one
    out = np.full((1, 3, 2, 4), np.nan, np.float32)
    library.dispatch("probe_picture", (2, 3, 1), (4, 4, 1), {0: pixels, 1: out})
    np.testing.assert_array_equal(out, 255 * (pixels == one))


def refusals(library: Any, fake: FakeMetal) -> None:
    """What is refused is refused in one line that names the kernel, and leaves all usable."""
    x, y = np.zeros(128, np.float32), np.zeros(128, np.float32)
    one, both = (128, 1, 1), {0: 512, 1: 512}
    with pytest.raises(MetalError, match=r"probe_reverse: threadgroup: .* 128 threads.* most 64"):
        library.dispatch("probe_reverse", one, one, {}, {1: x, 0: y}, both)
    fake.failure = "Caused GPU Timeout Error (00000002:kIOGPUCommandBufferCallbackErrorTimeout)"
    with pytest.raises(MetalError, match=r"^probe_reverse: the GPU stopped: Caused GPU Timeout"):
        reverse(library)
    fake.failure = None
    reverse(library)
