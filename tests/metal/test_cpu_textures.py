"""Textures of the CPU device: formats, address modes and slices, against NumPy's own padding."""

from __future__ import annotations

import numpy as np
import pytest

from refnet.metal.device import MetalError
from tests.metal.devices import Array, needs_compiler, number, probe

pytestmark = needs_compiler
ONE = (1, 1, 1)
MODES = {"zero": "constant", "edge": "edge", "wrap": "wrap", "symmetric": "symmetric"}


def drawn(*shape: int, dtype: str = "float32") -> Array:
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("kernel", MODES)
@pytest.mark.parametrize("margin", [0, 1, 3])
def test_an_address_mode_is_numpys_padding(kernel: str, margin: int) -> None:
    x = drawn(2, 4, 8, 4)  # powers of two: a normalized position is exact
    y = np.zeros((2, 4 + 2 * margin, 8 + 2 * margin, 4), np.float32)
    grid = (8 + 2 * margin, 4 + 2 * margin, 2)
    probe("textures").dispatch(kernel, grid, (4, 2, 1), {0: x, 1: y}, {0: number(margin, "int32")})
    around = ((0, 0), (margin, margin), (margin, margin), (0, 0))
    np.testing.assert_array_equal(y, np.pad(x, around, mode=MODES[kernel]))  # type: ignore[call-overload]


@pytest.mark.parametrize("shape", [(8, 8, 1), (1, 1, 1), (32, 1, 1), (3, 5, 2), (2, 2, 3)])
def test_every_pixel_of_every_slice_is_its_own_in_any_threadgroup_shape(
    shape: tuple[int, int, int],
) -> None:
    x = drawn(3, 5, 7, 4, dtype="float16")
    y = np.full_like(x, np.nan)
    probe("textures").dispatch("copy", (7, 5, 3), shape, {0: x, 1: y})
    np.testing.assert_array_equal(y, x)


def test_bytes_are_read_as_fractions_of_255_and_written_rounded() -> None:
    x = np.arange(256, dtype=np.uint8).reshape(1, 8, 8, 4)
    wide, back = np.zeros(x.shape, np.float32), np.zeros_like(x)
    probe("textures").dispatch("copy_floats", (8, 8, 1), (8, 8, 1), {0: x, 1: wide})
    np.testing.assert_array_equal(wide, x.astype(np.float32) / np.float32(255))
    probe("textures").dispatch("copy_floats", (8, 8, 1), (8, 8, 1), {0: wide, 1: back})
    np.testing.assert_array_equal(back, x)
    wild = np.array([-1, 2, 0.5, 1.5 / 255], np.float32).reshape(1, 1, 1, 4)
    out = np.zeros((1, 1, 1, 4), np.uint8)
    probe("textures").dispatch("copy_floats", ONE, ONE, {0: wild, 1: out})
    assert out.ravel().tolist() == [0, 255, 128, 2]


def test_a_float_texture_in_a_half_kernel_is_rounded_to_half() -> None:
    x = drawn(1, 3, 3, 4)
    y = np.zeros_like(x)
    probe("textures").dispatch("copy", (3, 3, 1), (3, 3, 1), {0: x, 1: y})
    np.testing.assert_array_equal(y, x.astype(np.float16).astype(np.float32))


@pytest.mark.parametrize(
    ("at", "place"),
    [
        ((3, 0, 0), "(3, 0) of slice 0"),  # one beyond the row's end, though inside the array
        ((0, 2, 0), "(0, 2) of slice 0"),
        ((0, 0, 2), "(0, 0) of slice 2"),
        ((0xFFFFFFFF, 1, 1), "(4294967295, 1) of slice 1"),  # -1
    ],
)
def test_reading_or_writing_outside_a_texture_is_named(
    at: tuple[int, int, int], place: str
) -> None:
    texture, to = drawn(2, 2, 3, 4, dtype="float16"), np.zeros(4, np.float16)
    where = number((*at, 0))
    with pytest.raises(MetalError) as fault:
        probe("textures").dispatch("read_at", ONE, ONE, {3: texture}, {0: to, 1: where})
    line = f"read at {place}, outside 3 x 2 in 2 slices, by thread (0, 0, 0)"
    assert str(fault.value) == f"read_at: texture 3 (from): {line}"
    before = texture.copy()
    with pytest.raises(MetalError, match=r"^write_at: texture 1 \(to\): write at \(\d+, \d\) of "):
        probe("textures").dispatch("write_at", ONE, ONE, {1: texture}, {1: where})
    np.testing.assert_array_equal(texture, before)


@pytest.mark.parametrize(
    ("at", "fault"),
    [
        ((1.0, 0.5), r"sample at \(1, 0.5\), on the border of two pixels"),
        ((0.5, -1.0), r"sample at \(0.5, -1\), on the border of two pixels"),
        ((0.5, 0.999), "on the border"),
        ((1.001, 0.5), "on the border"),  # within a step of 1/256, to which a GPU may round
        ((np.nan, 0.5), "which is no position"),
        ((0.5, np.inf), "which is no position"),
    ],
)
def test_a_sample_that_no_pixel_certainly_holds_is_named(
    at: tuple[float, float], fault: str
) -> None:
    texture, to = drawn(1, 2, 3, 4, dtype="float16"), np.zeros(4, np.float16)
    with pytest.raises(MetalError, match=r"^sample_at: texture 0 \(from\): .*" + fault):
        probe("textures").dispatch(
            "sample_at", ONE, ONE, {0: texture}, {0: to, 1: number(at, "float32")}
        )


def test_samplers_that_do_not_run_here_say_so() -> None:
    texture, to = drawn(1, 2, 3, 4, dtype="float16"), np.zeros(4, np.float16)
    with pytest.raises(MetalError, match=r"sample_linear: .* filter::linear, which does not run"):
        probe("textures").dispatch("sample_linear", ONE, ONE, {0: texture}, {0: to})
    with pytest.raises(MetalError, match=r"address::repeat with coord::pixel, which does not run"):
        probe("textures").dispatch("sample_repeat", ONE, ONE, {0: texture}, {0: to})
