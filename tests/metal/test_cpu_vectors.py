"""Vectors, functions and pointers of the CPU device, against NumPy on the same numbers."""

from __future__ import annotations

import numpy as np

from tests.metal.devices import needs_compiler, probe

pytestmark = needs_compiler
ONE = (1, 1, 1)


def test_swizzles_pick_and_place_lanes() -> None:
    x, y = np.array([1, 2, 3, 5], np.float32), np.zeros((9, 4), np.float32)
    probe("vectors").dispatch("swizzles", ONE, ONE, buffers={0: x, 1: y})
    assert y.tolist() == [
        [5, 3, 2, 1],  # wzyx
        [3, 2, 1, 5],  # rgb.bgr, a
        [1 + 3, 1 + 5, 2 + 3, 2 + 5],
        [2, 1, 13, 25],  # xy = yx reads both before it writes
        [4, 1, 13, 2],  # wx = (1, 2) * 2
        [0, 1, 2, 4],
        [1 * 3 + 2 * 2 + 3 * 1, 2, 2, 5],
        [-5, -1, -2, -3],
        [5, 3, 2, 1],  # wzyx = itself
    ]


def test_integers_wrap_and_shift_as_their_types_say_and_structs_are_laid_out_as_in_metal() -> None:
    params = np.zeros(
        1, np.dtype([("size", "2u2"), ("stride", "i2"), ("", "V10"), ("scale", "4f4")])
    )
    params["size"], params["stride"] = (3, 4), 2
    y = np.zeros((6, 4), np.int32)
    probe("vectors").dispatch("integers", ONE, ONE, buffers={0: y, 1: params})
    assert y.tolist() == [
        [-3, -4, 3, 32],
        [3, -3, 3, 2],  # division truncates
        [1, 0, 2, 1],
        [5, 9, 13, 17],
        [4, 5, 6, 7],  # uchar: modulo 256
        [1, 2, 2, 2],
    ]


def test_functions_are_numpys_on_edges_and_special_values() -> None:
    x = np.array([-2.5, -1.5, -0.5, 0, 0.5, 1.5, 2.5, 6.5, 1e9, -1e9, np.inf, -np.inf], np.float32)
    y, h = np.zeros((len(x), 3, 4), np.float32), np.zeros((len(x), 4), np.float16)
    probe("vectors").dispatch("functions", (len(x), 1, 1), ONE, buffers={0: x, 1: y, 2: h})
    expected = [np.fmax(x, 0), np.fmin(x, 0), np.clip(x, 0, 6), np.abs(x)]
    np.testing.assert_array_equal(y[:, 0], np.stack(expected, axis=1))
    expected = [np.floor(x), np.ceil(x), np.trunc(x), np.rint(x)]
    np.testing.assert_array_equal(y[:, 1], np.stack(expected, axis=1))
    expected = [np.clip(x + np.float32(c), -1, 1) for c in (0.5, 1.5, 2.5, 0)]
    np.testing.assert_array_equal(y[:, 2], np.stack(expected, axis=1))
    with np.errstate(over="ignore"):
        z = x.astype(np.float16)
    expected = [np.sqrt(np.abs(z)), np.fmax(z, np.float16(0)), np.floor(z), -z]
    np.testing.assert_array_equal(h, np.stack(expected, axis=1))


def test_max_and_clamp_of_no_number_give_the_other_argument() -> None:
    # Metal's specification of fmax and fmin, of which clamp is made.
    x = np.array([np.nan], np.float32)
    y, h = np.ones((1, 3, 4), np.float32), np.ones((1, 4), np.float16)
    probe("vectors").dispatch("functions", ONE, ONE, buffers={0: x, 1: y, 2: h})
    assert y[0, 0, :3].tolist() == [0, 0, 0]
    assert np.isnan(y[0, 0, 3])
    assert np.isnan(y[0, 1]).all()
    assert y[0, 2].tolist() == [-1, -1, -1, -1]


def test_pointers_move_cast_and_compare_within_their_buffer() -> None:
    x, y = np.arange(8, dtype=np.float16), np.zeros(8, np.float16)
    probe("vectors").dispatch("pointers", ONE, ONE, buffers={0: x, 1: y})
    assert y.tolist() == [1, 2, 3, 2 + 2, 5, 3, 42, 43]
