"""Number formats: their unit roundoff, and the ends of their range.

>>> float_format("float16").unit == 2.0**-11
True
>>> growth(9, 2.0**-24) < 9 * 2.0**-24 * (1 + 1e-6)
True
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from refnet.backend import Arithmetic, Format

Array = np.ndarray[Any, Any]

# A float64 computation of a bound is itself rounded; it adds up far fewer than 2^20 terms.
SLACK = 1 + 2.0**-30


@dataclass(frozen=True)
class FloatFormat:
    """A binary format: significant bits (the hidden one included), smallest and largest exponent.

    unit: the relative error of rounding to nearest, 2^-bits.
    """

    bits: int
    least_exponent: int
    largest: float

    @property
    def unit(self) -> float:
        """Relative rounding error to nearest."""
        return 2.0**-self.bits

    @property
    def smallest_normal(self) -> float:
        """Below it numbers are subnormal, or flushed to 0."""
        return 2.0**self.least_exponent

    @property
    def smallest(self) -> float:
        """The smallest subnormal: the spacing of numbers below the normal ones."""
        return 2.0 ** max(self.least_exponent - self.bits + 1, -1074)


# IEEE 754 binary64, 32 and 16; bfloat16 and NVIDIA's TF32 have float32's exponents.
_FORMATS = {
    "float64": FloatFormat(53, -1022, float(np.finfo(np.float64).max)),
    "float32": FloatFormat(24, -126, float(np.finfo(np.float32).max)),
    "tf32": FloatFormat(11, -126, (2 - 2.0**-10) * 2.0**127),
    "float16": FloatFormat(11, -14, 65504.0),
    "bfloat16": FloatFormat(8, -126, (2 - 2.0**-7) * 2.0**127),
}


def float_format(name: Format) -> FloatFormat:
    """The format of that name."""
    return _FORMATS[name]


def unit(name: Format, arithmetic: Arithmetic) -> float:
    """The unit roundoff of a format under a backend's rounding: "any" costs twice "nearest"."""
    return _FORMATS[name].unit * (1 if arithmetic.rounding == "nearest" else 2)


def growth(n: float, u: float) -> float:
    """(1 + u)^n - 1: how far n roundings of relative size u can carry a term.

    It bounds |product of n factors (1 + d) - 1| for every |d| <= u, and is at most
    gamma_n = n u / (1 - n u) wherever that exists (Higham, Accuracy and Stability of Numerical
    Algorithms, lemma 3.1); unlike gamma_n it also exists for n u >= 1. Rounding never takes away
    more than u / (1 + u) of a number (Jeannerod and Rump, On relative errors of floating-point
    operations, 2018), so dividing by a rounded number is at most one more factor 1 + u too.
    """
    exponent = n * math.log1p(u)
    return math.expm1(exponent) if exponent < 700 else math.inf


def rounded(a: Array, name: Format) -> Array:
    """float64 numbers rounded to nearest even in a format; beyond its range they are infinite.

    >>> rounded(np.array([1 + 2.0**-9, 1e-8, 7e4]), "float16").tolist()
    [1.001953125, 0.0, inf]
    """
    form = _FORMATS[name]
    if name == "float64":
        return a.astype(np.float64)
    wide = a.astype(np.float64)
    _, exponent = np.frexp(wide)  # wide = m * 2^exponent, 1/2 <= |m| < 1
    step = np.ldexp(1.0, np.maximum(exponent, form.least_exponent + 1) - form.bits)
    with np.errstate(invalid="ignore", over="ignore"):
        nearest = np.where(np.isfinite(wide), np.round(wide / step) * step, wide)
    return np.where(abs(nearest) > form.largest, np.copysign(np.inf, wide), nearest)


def narrower(name: Format, than: Format) -> bool:
    """Whether numbers of format `than` may have to be rounded to fit into a format."""
    form, wide = _FORMATS[name], _FORMATS[than]
    return form.bits < wide.bits or form.least_exponent > wide.least_exponent


def least_step(name: Format, arithmetic: Arithmetic) -> float:
    """The most that one operation can lose where its result underflows, beside what it rounds."""
    form = _FORMATS[name]
    return form.smallest_normal if arithmetic.flushes_subnormals else form.smallest


def lost(a: Array, error: Array | float, name: Format, arithmetic: Arithmetic) -> Array:
    """The most that writing numbers within `error` of `a` in a format can change them.

    >>> lost(np.array([1.0, 1 / 3, 7e4]), 0.0, "float16", Arithmetic()).round(5).tolist()
    [0.0, 0.00016, inf]

    0 for known numbers (error 0) that are the format's own; infinite where they may be beyond
    its range. With flushed subnormals, up to all of a number that may be subnormal.
    """
    form = _FORMATS[name]
    reach = abs(a) + error
    with np.errstate(invalid="ignore", over="ignore"):
        own = (error == 0) & (rounded(a, name) == a)
        change = np.where(own, 0.0, unit(name, arithmetic) * reach + form.smallest)
        change = np.where(~own & (reach * SLACK > form.largest), np.inf, change)
        if arithmetic.flushes_subnormals:
            below = abs(a) - error < form.smallest_normal
            change = change + np.where(below, np.minimum(reach, form.smallest_normal), 0.0)
    return np.where(np.isfinite(a), change, 0.0)


def holds(a: Array, name: Format) -> bool:
    """Whether every number of an array is one of the format's, so that rounding changes none."""
    return bool(np.array_equal(rounded(a, name), a.astype(np.float64), equal_nan=True))
