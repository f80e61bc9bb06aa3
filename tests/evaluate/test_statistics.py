"""Intervals and tests against SciPy's, and against sums that are written out."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from refnet.apps.evaluate.statistics import mcnemar, wilson

counts = st.integers(0, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts)
def test_wilsons_interval_is_scipys(pair):
    count, of = pair
    found = wilson(count, of)
    if of == 0:
        assert (found.low, found.high) == (0, 1)
        return
    expected = stats.binomtest(count, of).proportion_ci(method="wilson")
    # Both round a dozen times, of numbers up to 1: 2**-53 each, and SciPy's deviations to 1e-15.
    assert abs(found.low - expected.low) < 1e-13
    assert abs(found.high - expected.high) < 1e-13
    assert 0 <= found.low <= found.value <= found.high <= 1


@given(st.integers(0, 499), st.integers(0, 499))
def test_mcnemars_test_is_the_sum_of_binomials(a, b):
    """In Fractions; the one division of whole numbers is rounded once, so not a bit may differ."""
    n, k = a + b, min(a, b)
    tail = sum(Fraction(comb(n, i), 2**n) for i in range(k + 1))
    assert mcnemar(a, b) == (1.0 if a == b else float(2 * tail))


def test_mcnemars_test_is_scipys_exact_binomial_test():
    # SciPy's binomial is an incomplete beta function, good to some 1e-13 of itself.
    assert mcnemar(9, 1) == pytest.approx(stats.binomtest(9, 10).pvalue, rel=1e-12)
    assert mcnemar(31, 52) == pytest.approx(stats.binomtest(31, 83).pvalue, rel=1e-12)


def test_thousands_of_photos_are_no_trouble():
    assert 0 < mcnemar(2000, 2300) < 1e-5
    assert mcnemar(40_000, 1) == 0.0
