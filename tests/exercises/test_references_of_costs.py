"""The references of the chapters on cost: against closed forms, SciPy, papers and tools."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import sqrt

import numpy as np
import pytest
from scipy import signal

from refnet import mobilenet_v1
from refnet.cost import macs
from refnet.exercises import find
from refnet.exercises.chapter_10 import SHALLOW, V1_POINTWISE, V1_REST
from refnet.exercises.chapter_11 import V1, V2
from tests.cost.test_counters import PRINTED


def reference(number: str):
    return find(number).reference


def test_channels_of_a_thinner_v1_are_its_models():
    widths = tuple(mobilenet_v1().params()[f"block{n}.pointwise.weight"][3] for n in range(1, 14))
    thin = mobilenet_v1(0.35).params()
    found = tuple(thin[f"block{n}.pointwise.weight"][3] for n in range(1, 14))
    assert reference("10.1")(widths, Fraction("0.35")) == found


@pytest.mark.parametrize("alpha", [1, 0.75, 0.5, 0.25])
@pytest.mark.parametrize("side", [224, 192, 160, 128, 32])
def test_two_multipliers_give_v1s_cost(alpha, side):
    classifier = 1024 * 1000
    parts = V1_POINTWISE, V1_REST - classifier, classifier
    found = reference("10.2")(*parts, Fraction(alpha), Fraction(side, 224))
    assert found == macs(mobilenet_v1(alpha, side))


def test_widths_of_the_thinnest_v2_are_keras():
    """keras.applications.MobileNetV2(alpha=0.35): the first layer, the seven groups of blocks."""
    asked = (0.35 * c for c in (32, 16, 24, 32, 64, 96, 160, 320))
    assert [reference("10.3")(c, 8) for c in asked] == [16, 8, 8, 16, 24, 32, 56, 112]


def test_the_widest_that_costs_what_the_shallow_one_does_solves_the_quadratic():
    assert macs(mobilenet_v1(shallow=True)) == SHALLOW
    root = (sqrt(V1_REST**2 + 4 * V1_POINTWISE * SHALLOW) - V1_REST) / (2 * V1_POINTWISE)
    assert reference("10.5")(SHALLOW, V1_POINTWISE, V1_REST) == int(100 * root)


def test_files_are_as_large_as_sources_and_tools_say():
    size = reference("11.1")
    assert size(*V1, 1000, 1) == 4_221_032  # the article
    assert size(*V1, 1001, 4) == 4_254_889  # the lecture
    assert (size(*V1, 1000, 4), size(*V2, 1000, 4)) == PRINTED["keras"]
    assert size(*V2, 1000, 2) == 3_504_872  # torchvision's own count of its parameters
    for numbers in PRINTED["keras"]:
        found = [pair for sizes in (V1, V2) for pair in reference("11.2")(numbers, *sizes)]
        assert found == [(1000, 4)]


class Spied:
    """A number that keeps a tally."""

    def __init__(self, tally):
        self.tally = tally

    def __mul__(self, other):
        self.tally["multiplications"] += 1
        return self

    def __add__(self, other):
        self.tally["additions"] += 1
        return self


@pytest.mark.parametrize("bias", [False, True])
def test_operations_are_those_that_numpy_does_with_numbers_that_count(bias):
    D_K, M, N, D_G = 3, 2, 5, 4
    tally = Counter()
    windows, kernel = (
        np.full(shape, Spied(tally)) for shape in ((D_G**2, D_K**2 * M), (D_K**2 * M, N))
    )
    y = windows @ kernel
    if bias:
        y + np.full(N, Spied(tally))
    expected = tally["multiplications"], tally["additions"]
    assert reference("11.3")(D_K, M, N, D_G, bias) == expected


@pytest.mark.parametrize(("D_F", "D_K"), [(4, 3), (2, 5), (1, 7), (9, 7), (6, 1)])
def test_taps_on_the_map_are_scipys_products_of_ones(D_F, D_K):
    ones = np.ones((D_F, D_F), int), np.ones((D_K, D_K), int)
    padded = signal.correlate2d(*ones, mode="full")
    edge = D_K // 2  # "same" of SciPy is as large as the larger of the two
    inner = padded[edge : edge + D_F, edge : edge + D_F]
    assert reference("11.4")(D_F, D_K) == inner.sum()


@pytest.mark.parametrize(
    ("tool", "expected"),
    [("fvcore", (1, 2, 0, 1)), ("thop", (1, 4, 0, 0)), ("torch", (2, 0, 0, 0))],
)
def test_factors_are_found_of_what_tools_printed_for_v2(tool, expected):
    counts = (300_774_272, 6_678_112, 6_105_792, 62_720)
    assert reference("11.5")(PRINTED[tool][1], counts) == expected
