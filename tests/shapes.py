"""Shapes of convolutions, drawn so that no two axes can be taken for one another."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

SIDES = st.integers(1, 4)


@dataclass(frozen=True)
class Case:
    """One convolution: shapes, keywords, and the seed of its numbers."""

    x: tuple[int, int, int, int]
    w: tuple[int, int, int, int]
    biased: bool
    keywords: dict[str, Any]
    seed: int

    def integers(self, dtype: Any = np.int64) -> tuple[np.ndarray, ...]:
        """Small integers, whose products and sums are exact in every number type."""
        rng = np.random.default_rng(self.seed)
        return tuple(rng.integers(-9, 10, shape).astype(dtype) for shape in self._shapes())

    def floats(self, dtype: Any = np.float64) -> tuple[np.ndarray, ...]:
        """Numbers over six decades, so that rounding and cancellation happen."""
        rng = np.random.default_rng(self.seed)
        return tuple(
            (rng.standard_normal(shape) * 10.0 ** rng.uniform(-3, 3, shape)).astype(dtype)
            for shape in self._shapes()
        )

    @property
    def filters(self) -> int:
        return self.w[3]

    def _shapes(self) -> list[tuple[int, ...]]:
        return [self.x, self.w] + [(self.filters,)] * self.biased


@dataclass(frozen=True)
class DepthwiseCase(Case):
    @property
    def filters(self) -> int:
        return self.w[2] * self.w[3]


def fractions(array: np.ndarray) -> np.ndarray:
    """The same numbers, exact."""
    exact = np.empty(array.shape, object)
    exact.flat = [Fraction(value) for value in array.ravel().tolist()]
    return exact


@st.composite
def windows(draw: st.DrawFn) -> dict[str, Any]:
    """Stride, dilation and padding: each axis its own, often larger than kernel or map."""
    pair = st.one_of(st.integers(1, 5), st.tuples(st.integers(1, 5), st.integers(1, 5)))
    edges = st.tuples(*[st.integers(0, 3)] * 4)
    return {
        "stride": draw(pair),
        "dilation": draw(st.one_of(st.just(1), st.tuples(st.integers(1, 3), st.integers(1, 3)))),
        "padding": draw(st.one_of(st.sampled_from(["same", "valid"]), edges)),
    }


@st.composite
def maps(draw: st.DrawFn) -> tuple[int, int, int]:
    """Batch, rows and columns, all different."""
    B, H, W = draw(st.permutations(range(1, 8)).map(lambda p: p[:3]))
    return min(B, 3) if min(B, 3) not in (H, W) else B, H, W


@st.composite
def conv_cases(draw: st.DrawFn) -> Case:
    """Standard convolutions, grouped or not, with every axis of another length."""
    B, H, W = draw(maps())
    groups = draw(st.integers(1, 3))
    M = draw(st.integers(1, 4).filter(lambda m: m * groups not in (H, W)))
    N = groups * draw(st.integers(1, 3).filter(lambda n: n != M))
    kernel = draw(st.tuples(SIDES, SIDES))
    keywords = {**draw(windows()), "groups": groups}
    seed = draw(st.integers(0, 2**32 - 1))
    return Case((B, H, W, M * groups), (*kernel, M, N), draw(st.booleans()), keywords, seed)


@st.composite
def depthwise_cases(draw: st.DrawFn) -> DepthwiseCase:
    """Depthwise convolutions with a multiplier of 1 to 3."""
    B, H, W = draw(maps())
    M = draw(st.integers(1, 6).filter(lambda m: m not in (H, W)))
    kernel = draw(st.tuples(SIDES, SIDES))
    w = (*kernel, M, draw(st.integers(1, 3)))
    seed = draw(st.integers(0, 2**32 - 1))
    return DepthwiseCase((B, H, W, M), w, draw(st.booleans()), draw(windows()), seed)
