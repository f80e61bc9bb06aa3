"""The arithmetics and the data that the tests of the bounds run over."""

from __future__ import annotations

from typing import Any

import numpy as np

from refnet.backend import Arithmetic

ARITHMETICS = {
    text: Arithmetic.parse(text)
    for text in (
        "storage=float32",
        "storage=float32,rounding=any",
        "storage=float32,flushes_subnormals=True",
        "storage=float32,inputs=tf32",
        "storage=float32,inputs=tf32,rounding=any,flushes_subnormals=True",
        "storage=float16",
        "storage=float16,flushes_subnormals=True",
        "storage=float16,accumulate=float16",
        "storage=float16,accumulate=float16,rounding=any",
        "storage=float16,accumulate=float16,flushes_subnormals=True",
        "storage=bfloat16",
        "storage=bfloat16,accumulate=bfloat16,rounding=any",
        "storage=float32,accumulate=float16",
        "storage=float64,accumulate=float32",
        "storage=float64,accumulate=float64",
    )
}


def normal(rng: Any, shape: Any) -> np.ndarray:
    return rng.standard_normal(shape)


def wide(rng: Any, shape: Any) -> np.ndarray:
    """Thirty decades: in float32 products underflow, and nearly overflow."""
    return rng.standard_normal(shape) * 10.0 ** rng.uniform(-24, 14, shape)


def half_wide(rng: Any, shape: Any) -> np.ndarray:
    """float16's whole range: subnormal below 6e-5, up to 65504."""
    return rng.choice([-1, 1], shape) * np.exp2(rng.uniform(-25, 16, shape)).clip(0, 65504)


def cancelling(rng: Any, shape: Any) -> np.ndarray:
    """Neighbours along every axis have opposite signs and nearly one size."""
    signs = (-1.0) ** np.indices(shape).sum(axis=0)
    return signs * (1 + rng.standard_normal(shape) * 2.0**-12) * 100


def subnormal(rng: Any, shape: Any) -> np.ndarray:
    """float32's subnormals, and in the same array float16's."""
    return rng.integers(-99, 100, shape) * np.where(rng.random(shape) < 0.5, 2.0**-149, 2.0**-24)


def positive(rng: Any, shape: Any) -> np.ndarray:
    """Nothing cancels: every partial sum is rounded on the largest scale."""
    return rng.uniform(1, 2, shape)


def zero(rng: Any, shape: Any) -> np.ndarray:
    return np.zeros(shape)


DATA = {f.__name__: f for f in (normal, wide, half_wide, cancelling, subnormal, positive, zero)}


def ratio(found: np.ndarray, exact: np.ndarray, bound: np.ndarray) -> float:
    """The largest |found - exact| / bound; where the bound is infinite nothing is asked."""
    asked = np.isfinite(bound)
    off = abs(np.where(asked, found, 0.0) - np.where(asked, exact, 0.0))
    assert not np.isnan(bound).any()
    assert not np.isnan(off).any()
    over = np.divide(off, bound, out=np.where(off > 0, np.inf, 0.0), where=asked & (bound > 0))
    return float(np.where(asked, over, 0.0).max(initial=0.0))
