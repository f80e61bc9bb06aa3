"""resize_bilinear and sigmoid: the loops, the vectors, and what others make of the same map."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from refnet import definition, ops
from refnet.backend import Arithmetic
from refnet.bounds import Value, bound, step
from refnet.geometry import neighbours
from refnet.layer import Layer, ResizeAttrs
from tests.shapes import fractions, maps

CORNERS = st.sampled_from(["aligned", "half-pixel", "asymmetric"])
SIZES = st.tuples(st.integers(1, 13), st.integers(1, 13))


def drawn(shape, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


@given(maps(), SIZES, CORNERS, st.integers(0, 2**32 - 1))
def test_loops_and_vectors_agree_exactly_in_fractions(image, size, corners, seed):
    x = fractions(drawn((*image, 2), seed))
    expected = definition.resize_bilinear(x, size=size, corners=corners)
    found = ops.resize_bilinear(x, size=size, corners=corners)
    assert found.shape == (image[0], *size, 2)
    assert (found == expected).all()


@given(maps(), SIZES, CORNERS, st.integers(0, 2**32 - 1))
def test_loops_and_vectors_agree_in_floats_within_the_bound(image, size, corners, seed):
    layer = Layer("y", "resize_bilinear", ("x",), ResizeAttrs(size, corners))
    for dtype, name in ((np.float32, "float32"), (np.float64, "float64")):
        x = drawn((*image, 2), seed).astype(dtype)
        exact = definition.resize_bilinear(fractions(x), size=size, corners=corners)
        error = bound(layer, [x], {}, Arithmetic(storage=name, accumulate=name))
        for made in (definition, ops):
            y = made.resize_bilinear(x, size=size, corners=corners)
            assert y.dtype == dtype
            assert (abs(fractions(y) - exact) <= error).all()


def test_a_position_off_by_the_declared_roundings_is_within_the_bound_and_one_step_is_not():
    """33 to 257, positions in float32: what engines compute. The other convention is outside."""
    x = drawn((1, 33, 33, 1), 0).astype(np.float32)
    layer = Layer("y", "resize_bilinear", ("x",), ResizeAttrs(257, "aligned"))
    error = bound(layer, [x], {}, Arithmetic())
    exact = ops.resize_bilinear(x.astype(np.float64), size=257, corners="aligned")
    other = ops.resize_bilinear(x.astype(np.float64), size=257, corners="half-pixel")
    assert (abs(other - exact) > error).mean() > 0.9
    scale = np.float32(32) / np.float32(256) * np.float32(1 + 2.0**-23)  # the step, one bit off
    p = np.minimum(np.arange(257, dtype=np.float32) * scale, np.float32(32))
    lower = p.astype(int)
    f, upper = (p - lower).astype(np.float32), np.minimum(lower + 1, 32)
    rows = x[0, lower, :, 0] * (1 - f)[:, None] + x[0, upper, :, 0] * f[:, None]
    y = rows[:, lower] * (1 - f) + rows[:, upper] * f
    assert (abs(y - exact[0, :, :, 0]) <= error[0, :, :, 0]).all()


def test_positions_are_inside_the_map_and_parts_below_a_whole():
    for corners in ("aligned", "half-pixel", "asymmetric"):
        for m in range(1, 9):
            for n in range(1, 18):
                for place in neighbours(m, n, corners):
                    assert 0 <= place.lower <= place.upper <= m - 1
                    assert 0 <= place.part < place.whole


def test_a_flat_map_stays_flat_and_a_map_of_its_own_size_itself():
    x = drawn((1, 5, 4, 3), 1)
    for corners in ("aligned", "half-pixel", "asymmetric"):
        assert np.array_equal(ops.resize_bilinear(x, size=(5, 4), corners=corners), x)
        flat = ops.resize_bilinear(np.full((1, 3, 5, 1), 4.0), size=(8, 11), corners=corners)
        assert np.allclose(flat, 4, rtol=4 * 2.0**-52, atol=0)


def test_integers_become_floats_and_nonsense_is_refused():
    x = np.arange(4).reshape(1, 2, 2, 1)
    for made in (ops, definition):
        assert made.resize_bilinear(x, size=3, corners="aligned").dtype == np.float64
        with pytest.raises(ValueError, match="corners: 'tf'"):
            made.resize_bilinear(x, size=3, corners="tf")
        with pytest.raises(ValueError, match="size"):
            made.resize_bilinear(x, size=0, corners="aligned")


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=20))
def test_sigmoid_is_scipys(values):
    """expit is SciPy's; exp is within an ulp or two there as here, and so 8 ulps hold both."""
    x = np.array(values)
    for made in (ops, definition):
        assert np.allclose(made.sigmoid(x), expit(x), rtol=8 * 2.0**-53, atol=2.0**-1022)


def test_sigmoid_keeps_floats_takes_integers_and_passes_nan_on():
    for made in (ops, definition):
        assert made.sigmoid(np.array([0.0], np.float32)).dtype == np.float32
        assert made.sigmoid(np.array([0, 1])).tolist()[0] == 0.5
        assert math.isnan(made.sigmoid(np.array([np.nan]))[0])
        assert made.sigmoid(np.array([np.inf, -np.inf])).tolist() == [1.0, 0.0]


def test_three_ways_to_a_sigmoid_are_within_its_bound_and_a_table_of_256_is_not():
    x = np.linspace(-60, 60, 4001).astype(np.float32).reshape(1, -1)
    value = step(Layer("y", "sigmoid", ("x",)), [Value.given(x)], {}, Arithmetic())
    with np.errstate(over="ignore"):
        ways = (
            1 / (1 + np.exp(-x)),
            np.exp(np.minimum(x, 0)) / (np.exp(np.minimum(x, 0)) + np.exp(-np.maximum(x, 0))),
            np.tanh(x / 2) / 2 + np.float32(0.5),
        )
    for y in ways:
        assert y.dtype == np.float32
        assert (abs(y - value.exact) <= value.error).all()
    coarse = np.round(ways[0] * 256) / 256
    assert (abs(coarse - value.exact) > value.error).any()


def test_sigmoid_passes_an_error_that_came_in_on():
    x = np.linspace(-8, 8, 33)
    value = step(
        Layer("y", "sigmoid", ("x",)), [Value(x, np.full(33, 0.25), abs(x))], {}, Arithmetic()
    )
    for sign in (1, -1):
        assert (abs(expit(x + sign * 0.25) - value.exact) <= value.error).all()
    assert Fraction(float(value.error[16])) < Fraction(1, 12)  # at 0: a slope of a quarter
