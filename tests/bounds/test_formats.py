"""`rounded` bit for bit beside NumPy's casts, ml_dtypes and rounding done on the bits."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnet.backend import Arithmetic
from refnet.bounds.formats import (
    SLACK,
    float_format,
    growth,
    holds,
    least_step,
    lost,
    narrower,
    rounded,
    unit,
)
from tests.bounds.simulated import FORMATS

NAMES = ("float64", "float32", "tf32", "float16", "bfloat16")


def every_half() -> np.ndarray:
    return np.arange(2**16, dtype=np.uint16).view(np.float16)


def many(dtype: type = np.float32) -> np.ndarray:
    """Random bit patterns: every exponent, subnormals, infinities and NaN; and float16's ties."""
    bits = np.random.default_rng(0).integers(0, 2**32, 200_000, dtype=np.uint32)
    halves = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float64)
    ties = np.concatenate([(halves[1:] + halves[:-1]) / 2, [65504.0, 65519.99, 65520.0, 65536.0]])
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 2.0**-149, 2.0**-133, 2.0**-25, 3.4e38]
    with np.errstate(invalid="ignore"):
        return np.concatenate([bits.view(np.float32), ties, -ties, special]).astype(dtype)


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Bit for bit, but for which NaN it is."""
    nan = np.isnan(a)
    return bool(
        np.array_equal(nan, np.isnan(b))
        and np.array_equal(a[~nan], b[~nan])
        and np.array_equal(np.signbit(a[~nan]), np.signbit(b[~nan]))
    )


def on_bits(a: np.ndarray, dropped: int) -> np.ndarray:
    """float32 rounded to nearest even by adding to its bits, the `dropped` last ones cut off."""
    bits = a.view(np.uint32).astype(np.uint64)
    half = (1 << (dropped - 1)) - 1 + ((bits >> dropped) & 1)
    up = ((bits + half) >> dropped << dropped).astype(np.uint32).view(np.float32)
    return np.where(np.isfinite(a), up, a)


def test_every_float16_is_one_of_float16s_numbers():
    values = every_half()
    numbers = values[~np.isnan(values)].astype(np.float64)
    assert len(numbers) == 2**16 - 2 * 1023
    assert same(rounded(numbers, "float16"), numbers)
    assert holds(numbers, "float32")
    assert holds(numbers, "tf32")
    assert not holds(numbers, "bfloat16")
    assert np.isnan(rounded(np.array([np.nan]), "float16")).all()


@pytest.mark.parametrize("name", ["float16", "float32"])
def test_rounded_is_numpys_own_cast(name):
    singles = many().astype(np.float64)
    rng = np.random.default_rng(1)
    doubles = rng.standard_normal(100_000) * np.exp2(rng.uniform(-160, 140, 100_000))
    for values in (singles, doubles):
        with np.errstate(over="ignore"):
            assert same(rounded(values, name), values.astype(name).astype(np.float64))


@pytest.mark.parametrize(("name", "dropped"), [("bfloat16", 16), ("tf32", 13)])
def test_rounded_is_rounding_to_nearest_even_on_the_bits_of_float32(name, dropped):
    values = many()
    assert same(rounded(values, name), on_bits(values, dropped).astype(np.float64))


def test_rounded_to_bfloat16_is_ml_dtypes_cast():
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes has the other bfloat16")
    values = many()
    with np.errstate(over="ignore", invalid="ignore"):
        expected = values.astype(ml_dtypes.bfloat16).astype(np.float64)
    assert same(rounded(values, "bfloat16"), expected)


@pytest.mark.parametrize("name", NAMES)
def test_the_formats_are_those_of_their_standards(name):
    """IEEE 754-2019, table 3.5; bfloat16 and TF32 as float32 with the last 16 and 13 bits cut."""
    form = float_format(name)
    if name in ("float64", "float32", "float16"):
        info = np.finfo(name)
        assert form.unit == info.eps / 2
        assert form.smallest_normal == info.smallest_normal
        assert form.smallest == info.smallest_subnormal
        assert form.largest == info.max
    else:
        bits, least, largest = FORMATS[name]
        assert (form.unit, form.smallest_normal) == (2.0**-bits, 2.0**least)
        assert form.smallest == 2.0 ** (least - bits + 1)
        assert form.largest == largest
        cut = np.array([0x7F7F_FFFF], np.uint32) >> (24 - bits) << (24 - bits)
        assert form.largest == float(cut.view(np.float32)[0])


@given(st.integers(1, 60), st.sampled_from([2.0**-53, 2.0**-24, 2.0**-11, 2.0**-7]))
def test_growth_is_one_plus_u_to_the_n_less_one_and_at_most_gamma(n, u):
    exact = (1 + Fraction(u)) ** n - 1
    found = Fraction(growth(n, u))
    assert abs(found - exact) <= exact * Fraction(1, 2**50)
    assert found <= n * Fraction(u) / (1 - n * Fraction(u)) * Fraction(SLACK)


def test_growth_of_very_many_roundings_is_infinite():
    assert growth(10**6, 2.0**-7) == np.inf


def test_which_formats_are_narrower():
    pairs = {(a, b) for a in NAMES for b in NAMES if narrower(a, b)}
    held = {  # every number of the second is one of the first's
        ("float64", b) for b in NAMES
    } | {("float32", b) for b in ("float32", "tf32", "float16", "bfloat16")}
    held |= {("tf32", b) for b in ("tf32", "float16", "bfloat16")}
    held |= {("float16", "float16"), ("bfloat16", "bfloat16")}
    assert pairs == {(a, b) for a in NAMES for b in NAMES} - held


@pytest.mark.parametrize("name", ["float32", "tf32", "float16", "bfloat16"])
@pytest.mark.parametrize("rounding", ["nearest", "any"])
@pytest.mark.parametrize("flushes", [False, True])
def test_no_rounding_loses_more_than_lost(name, rounding, flushes):
    """Nearest, up and down, and subnormals flushed before or after."""
    arithmetic = Arithmetic(rounding=rounding, flushes_subnormals=flushes)
    form = float_format(name)
    rng = np.random.default_rng(2)
    a = rng.standard_normal(20_000) * np.exp2(rng.uniform(-150, 130, 20_000))
    a = np.concatenate([a, rng.standard_normal(20_000) * np.exp2(rng.uniform(-30, 18, 20_000))])
    for error in (0.0, abs(a) * rng.uniform(0, 0.5, a.shape)):
        bound = lost(a, error, name, arithmetic)
        for other in (a, a + error, a - error):
            ways = [rounded(other, name)]
            if rounding == "any":
                below = np.where(abs(ways[0]) > abs(other), ways[0] * (1 - form.unit * 1.5), other)
                ways += [other + unit(name, arithmetic) * other * 0.999, rounded(below, name)]
            if flushes:
                ways += [np.where(abs(way) < form.smallest_normal, 0, way) for way in tuple(ways)]
                ways.append(np.where(abs(other) < form.smallest_normal, 0, ways[0]))
            for way in ways:
                own = rounded(a, name) == a
                if np.any(error) or way is ways[0]:
                    with np.errstate(invalid="ignore"):
                        assert (abs(way - other) <= bound).all()
                else:
                    beyond = own & (way != a) & ~(flushes & (abs(a) < form.smallest_normal))
                    assert (beyond | (abs(way - other) <= bound)).all()
    assert (lost(rounded(a, name), 0.0, name, Arithmetic()) == 0).all()
    assert least_step(name, arithmetic) == (form.smallest_normal if flushes else form.smallest)
