"""A dispatch that does not fit its kernel is refused before it runs, in one line that says why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from refnet.metal.bindings import check_dispatch
from refnet.metal.cpu.source import kernels_of
from refnet.metal.device import Kernel, MetalError

KERNELS = kernels_of("""
struct Params { uint n; };
kernel void layer(texture2d_array<half, access::sample> from [[texture(0)]],
                  texture2d_array<half, access::write> to [[texture(1)]],
                  constant Params& params [[buffer(0)]],
                  const device half4* weights [[buffer(1)]],
                  device float* sums [[buffer(2)]],
                  threadgroup float* memory [[threadgroup(0)]],
                  ushort3 gid [[thread_position_in_grid]]) {}
kernel void image(texture2d<float, access::read_write> picture [[texture(0)]],
                  ushort2 gid [[thread_position_in_grid]]) {}
""")


def halves(*shape: int) -> np.ndarray[Any, Any]:
    return np.zeros(shape, np.float16)


def fitting() -> dict[str, Any]:
    return {
        "textures": {0: halves(2, 3, 3, 4), 1: halves(2, 3, 3, 4)},
        "buffers": {0: np.zeros(4, np.uint8), 1: halves(36), 2: np.zeros(1, np.float32)},
        "threadgroup_bytes": {0: 64},
    }


def check(
    kernel: Kernel, grid: Any = (3, 3, 2), threadgroup: Any = (3, 3, 1), **given: Any
) -> None:
    check_dispatch(kernel, grid, threadgroup, **given)


def read_only(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    array.flags.writeable = False
    return array


def test_what_fits_is_let_pass() -> None:
    check(KERNELS["layer"], **fitting())
    given = fitting()
    given["buffers"][1] = read_only(np.zeros(72, np.uint8))  # plain bytes, and only read
    given["textures"][0] = np.zeros((2, 3, 3, 4), np.uint8)
    check(KERNELS["layer"], **given)


@pytest.mark.parametrize(
    ("where", "index", "value", "said"),
    [
        ("textures", 0, None, "texture 0 (from) is missing"),
        ("buffers", 2, None, "buffer 2 (sums) is missing"),
        ("threadgroup_bytes", 0, None, "threadgroup 0 (memory) is missing"),
        (
            "textures",
            7,
            halves(1, 1, 1, 4),
            "texture 7 is given, but the kernel has texture 0 (from), texture 1 (to)",
        ),
        (
            "buffers",
            3,
            halves(1),
            "buffer 3 is given, but the kernel has "
            "buffer 0 (params), buffer 1 (weights), buffer 2 (sums)",
        ),
        (
            "textures",
            0,
            np.zeros((2, 3, 3, 4)),
            "texture 0 (from): float64, expected one of float16, float32, uint8",
        ),
        (
            "textures",
            0,
            halves(3, 3, 4),
            "texture 0 (from): shape (3, 3, 4), expected (slices, H, W, 4), none of them 0",
        ),
        (
            "textures",
            0,
            halves(2, 3, 3, 3),
            "texture 0 (from): shape (2, 3, 3, 3), expected (slices, H, W, 4), none of them 0",
        ),
        ("textures", 0, halves(2, 3, 6, 4)[:, :, ::2], "texture 0 (from): not C-contiguous"),
        ("textures", 0, [1], "texture 0 (from): list, expected an array"),
        (
            "textures",
            1,
            read_only(halves(1, 1, 1, 4)),
            "texture 1 (to): a read-only array, but the kernel writes to it",
        ),
        (
            "buffers",
            1,
            np.zeros(36, np.float32),
            "buffer 1 (weights): float32, but the kernel has const device half4*",
        ),
        (
            "buffers",
            2,
            np.zeros(4, np.int32),
            "buffer 2 (sums): int32, but the kernel has device float*",
        ),
        (
            "buffers",
            2,
            read_only(np.zeros(4, np.float32)),
            "buffer 2 (sums): a read-only array, but the kernel writes to it",
        ),
        ("buffers", 1, halves(72)[::2], "buffer 1 (weights): not contiguous"),
        ("threadgroup_bytes", 0, 40, "threadgroup 0 (memory): 40 bytes, expected a multiple of 16"),
        ("threadgroup_bytes", 0, 32784, "32784 bytes of threadgroup memory, at most 32768"),
    ],
)
def test_a_binding_that_does_not_fit_is_named(
    where: str, index: int, value: Any, said: str
) -> None:
    given = fitting()
    if value is None:
        del given[where][index]
    else:
        given[where][index] = value
    with pytest.raises(MetalError) as fault:
        check(KERNELS["layer"], **given)
    assert str(fault.value) == f"layer: {said}"


def test_a_texture2d_has_one_slice_and_a_texture_is_not_written_while_it_is_read() -> None:
    nothing: dict[str, Any] = {"buffers": {}, "threadgroup_bytes": {}}
    check(KERNELS["image"], (3, 3, 1), textures={0: halves(1, 3, 3, 4)}, **nothing)
    with pytest.raises(
        MetalError, match=r"^image: texture 0 \(picture\): 2 slices, but the kernel"
    ):
        check(KERNELS["image"], (3, 3, 1), textures={0: halves(2, 3, 3, 4)}, **nothing)
    given = fitting()
    given["textures"][1] = given["textures"][0]
    with pytest.raises(
        MetalError, match=r"texture 1 \(to\) is written, and shares its memory with"
    ):
        check(KERNELS["layer"], **given)


def test_a_position_in_ushort_that_would_wrap_is_refused() -> None:
    check(KERNELS["layer"], (65535, 1, 1), (256, 1, 1), **fitting())
    with pytest.raises(
        MetalError, match=r"^layer: grid: 65792 threads along x, but gid is ushort3"
    ):
        check(KERNELS["layer"], (65537, 1, 1), (256, 1, 1), **fitting())


@pytest.mark.parametrize("size", [(1.0, 1, 1), (np.float32(2), 1, 1), 3, (1, 1), (1, 0, 1), "abc"])
def test_a_size_is_three_whole_numbers(size: Any) -> None:
    with pytest.raises(MetalError, match=r"^layer: grid: .*, expected three whole numbers of 1 or"):
        check(KERNELS["layer"], size, **fitting())
    with pytest.raises(MetalError, match=r"^layer: threadgroup: .*, expected three whole numbers"):
        check(KERNELS["layer"], (3, 3, 1), size, **fitting())
    check(KERNELS["layer"], np.array([3, 3, 1]), [np.int64(3), 1, 1], **fitting())
    with pytest.raises(MetalError, match=r"threadgroup 0 \(memory\): 64.0 bytes, expected a mult"):
        check(KERNELS["layer"], **{**fitting(), "threadgroup_bytes": {0: 64.0}})
