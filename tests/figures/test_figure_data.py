"""What the figures of chapters 0 to 9 show, against loops, papers, pencil; and that it is seen."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import chain
from typing import Any

import numpy as np
import pytest

from figures import load
from refnet import definition
from refnet.apps.claims.table1 import TABLE1
from refnet.cost import macs, parameters
from refnet.definition.common import place
from refnet.models import mobilenet_v1
from tests.figures.layout import words
from tests.figures.shown import lines, ones, said, table1_as_printed


@pytest.mark.parametrize(("D_F", "D_K", "M", "N"), [(6, 3, 3, 3), (8, 5, 4, 2), (4, 4, 1, 1)])
def test_sliding_kernel_counts_what_the_loops_count(D_F: int, D_K: int, M: int, N: int) -> None:
    tally = definition.Tally()
    y = definition.conv2d(ones(1, D_F, D_F, M), ones(D_K, D_K, M, N), padding="valid", tally=tally)
    n = load("sliding_kernel").data(D_F=D_F, D_K=D_K, M=M, N=N)
    assert (n["D_G"], n["all"]) == (y.shape[1], tally.macs)
    assert n["one output"] == y[0, 0, 0, 0]  # of ones with ones: each product adds 1


def test_sliding_kernel_shows_its_counts() -> None:
    assert "one number of the output: DK · DK · M = 100 products" in said(
        "sliding_kernel", D_F=8, D_K=5, M=4, N=5
    )
    assert "the whole output: 100 · DG2 · N = 8,000" in said(
        "sliding_kernel", D_F=8, D_K=5, M=4, N=5
    )


@pytest.mark.parametrize(("D_F", "D_K", "M"), [(6, 3, 3), (9, 5, 2)])
def test_one_channel_counts_what_the_loops_count(D_F: int, D_K: int, M: int) -> None:
    tally, standard = definition.Tally(), definition.Tally()
    x = ones(1, D_F, D_F, M)
    y = definition.depthwise_conv2d(x, ones(D_K, D_K, M, 1), padding="valid", tally=tally)
    definition.conv2d(x, ones(D_K, D_K, M, M), padding="valid", tally=standard)
    n = load("one_channel").data(D_F=D_F, D_K=D_K, M=M)
    assert (n["D_G"], n["one output"]) == (y.shape[1], y[0, 0, 0, 0])
    assert (n["all"], n["standard"]) == (tally.macs, standard.macs)


def test_one_channel_shows_a_row_a_channel_and_its_counts() -> None:
    shown = said("one_channel", D_F=9, D_K=5, M=2)
    assert {"channel 1", "channel 2", "DK2 · M · DG2 = 1,250 products"} <= shown
    assert "channel 3" not in shown


def test_column_is_the_sum_that_a_pencil_makes() -> None:
    n = load("column").data()
    assert n["output"] == [1 * 1 + 2 * 1 + 3 * 1, 1 * 0 + 2 * 0 + 3 * 5]
    other = load("column").data(pixel=(2, -1), weights=((3, 1, 0), (4, 0, 5)))
    assert (other["M"], other["N"], other["output"]) == (2, 3, [2, 2, -5])


def test_column_shows_its_numbers() -> None:
    assert {"−5", "M · N = 6"} <= said("column", pixel=(2, -1), weights=((3, 1, 0), (4, 0, 5)))


@pytest.mark.parametrize(("D_K", "M", "N"), [(3, 3, 3), (5, 4, 4), (3, 3, 1)])
def test_two_steps_counts_what_the_loops_count_at_one_pixel(D_K: int, M: int, N: int) -> None:
    whole, first, second = (definition.Tally() for _ in range(3))
    x = ones(1, D_K, D_K, M)
    definition.conv2d(x, ones(D_K, D_K, M, N), padding="valid", tally=whole)
    y = definition.depthwise_conv2d(x, ones(D_K, D_K, M, 1), padding="valid", tally=first)
    definition.pointwise_conv2d(y, ones(1, 1, M, N), tally=second)
    n = load("two_steps").data(D_K=D_K, M=M, N=N)
    assert [n["standard"], n["depthwise"], n["pointwise"]] == [whole.macs, first.macs, second.macs]
    assert n["separable"] == first.macs + second.macs


def test_two_steps_shows_81_against_27_and_9() -> None:
    shown = said("two_steps")
    assert {"DK2 · M · N = 81 products a pixel", "DK2 · M = 27", "M · N = 9"} <= shown
    assert "together 36 products a pixel" in shown
    assert re.findall(r"\d\d+", load("two_steps").ALT) == ["81", "27", "36"]


def test_the_staircase_is_the_papers_table_1() -> None:
    layers = load("table1_staircase").data()["layers"]
    assert [(side, channels) for _, side, channels, _ in layers] == table1_as_printed()
    # Stride 2: in the first layer and where the paper's depthwise rows say so, the last of which
    # is its misprint (the claim "table1-last-dw").
    printed = [row[0] for row in TABLE1]
    assert sum(stride == 2 for *_, stride in layers) == sum("s2" in kind for kind in printed) - 1


def test_the_staircase_names_each_step_once() -> None:
    shown = [word.letters for word in words(load("table1_staircase").draw())]
    sides = [224, 112, 56, 28, 14, 7, 1]
    channels = [3, 32, 64, 128, 256, 512, 1024, 1000]
    assert sorted(filter(str.isdigit, shown)) == sorted(map(str, sides + channels))
    spoken = set(map(int, re.findall(r"\d+", load("table1_staircase").ALT)))
    assert set(sides + channels) <= spoken | {1}
    assert spoken <= {*sides, *channels, 2}  # 2 is the stride


def test_the_staircase_is_as_high_as_its_logarithms() -> None:
    layers = load("table1_staircase").data()["layers"]
    axes = load("table1_staircase").draw().axes[0]
    heights = [patch.get_path().get_extents().height for patch in axes.patches[: 2 * len(layers)]]
    expected = [12 * (1 + np.log2(size)) for layer in layers for size in layer[1:3]]
    # A corner is a top plus a height, below 512, so rounded by 2^-45 at most; the difference of two
    # corners gives the height back and is rounded by less.
    np.testing.assert_allclose(heights, expected, rtol=0, atol=2 * 2.0**-45)


@pytest.mark.parametrize("D_K", [3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_padding_falls_where_the_loops_begin(D_K: int, stride: int) -> None:
    sizes = (6, 7, 8, 9)
    found = load("padding_falls").data(sizes=sizes, D_K=D_K, stride=stride)
    half = D_K // 2
    for size in sizes:
        for name, padding in (("SAME", "same"), ("symmetric", (half,) * 4), ("valid", "valid")):
            begin, _, outputs, _ = place(
                (size, size), (D_K, D_K), (stride, stride), (1, 1), padding
            )
            said = found[size][name]
            assert said["before"] == begin
            assert said["windows"] == [n * stride - begin for n in range(outputs)]


def test_padding_falls_as_the_alternative_text_says() -> None:
    even, odd = (load("padding_falls").data()[size] for size in (6, 7))
    assert [kind["windows"] for kind in even.values()] == [[0, 2, 4], [-1, 1, 3], [0, 2]]
    assert [(kind["before"], kind["after"]) for kind in even.values()] == [(0, 1), (1, 1), (0, 0)]
    assert odd["SAME"] == odd["symmetric"]


def test_padding_falls_draws_a_dot_in_the_middle_of_every_window() -> None:
    numbers = load("padding_falls").data()
    axes = load("padding_falls").draw().axes[0]
    # 18 points a cell, the map's first cell at 28 and at 206: one cell of padding before each.
    expected = [
        left + 18 * (begin + 1.5)
        for size, left in ((6, 28), (7, 206))
        for kind in numbers[size].values()
        for begin in kind["windows"]
    ]
    assert [float(line.get_xdata()[0]) for line in axes.lines] == expected


def test_cost_ratio_is_the_formula_and_passes_1_at_a_single_output_channel() -> None:
    n = load("cost_ratio").data()
    for D_K, ratios in n["ratio"].items():
        exact = [Fraction(1, N) + Fraction(1, D_K**2) for N in n["N"]]
        assert ratios == [float(ratio) for ratio in exact]
        assert [ratio > 1 for ratio in exact] == [N == 1 for N in n["N"]]
    assert n["N"] == sorted(set(n["N"]))


def test_cost_ratio_draws_its_data_and_speaks_of_it() -> None:
    n = load("cost_ratio").data()
    drawn = lines(load("cost_ratio").draw())
    for ratios in n["ratio"].values():
        assert (n["N"], ratios) in drawn
    at = dict(zip(n["N"], n["ratio"][3], strict=True))
    assert n["blocks"] == [64, 1024]
    spoken = load("cost_ratio").ALT
    assert f"from {at[64]:.3f} down to {at[1024]:.3f}" in spoken
    assert all(f"1/{D_K**2}" in spoken for D_K in n["ratio"])


def test_relu6_is_the_smaller_of_relu_and_6_and_straight_between_its_points() -> None:
    n = load("relu6").data()
    assert n["relu"] == [max(0, x) for x in n["x"]]
    assert n["relu6"] == [min(max(0, x), 6) for x in n["x"]]
    assert {0, 6} <= set(n["x"]), "where the graphs have corners"
    assert lines(load("relu6").draw()) == [(n["x"], n["relu6"]), (n["x"], n["relu"])]


@pytest.mark.parametrize(
    "kernel", [None, [[1, 4, 6], [2, 8, 12], [-1, -4, -6]], [[1, 2, 1], [0, 0, 0], [-1, -2, -1]]]
)
def test_sobel_is_every_product_of_its_column_and_its_row(kernel: Any) -> None:
    given = {} if kernel is None else {"kernel": kernel}
    n = load("sobel_factors").data(**given)
    products = [[c * r for r in n["row"]] for c in n["column"]]
    assert n["kernel"] == products == (kernel or [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    assert (n["numbers"], n["kept"]) == (9, 6)


def test_sobel_shows_every_number_of_the_three() -> None:
    n = load("sobel_factors").data()
    everything = [*n["column"], *n["row"], *chain(*n["kernel"])]
    shown = [word.letters for word in words(load("sobel_factors").draw())]
    numbers = [text for text in shown if re.fullmatch(r"−?\d+", text)]
    assert sorted(numbers) == sorted(str(v).replace("-", "−") for v in everything)
    assert "9 numbers from 3 + 3 = 6" in shown


@pytest.mark.parametrize("given", [{}, {"kernels": (((1, 0), (0, 1)), ((0, 1), (-1, 0)))}])
def test_im2col_product_is_the_convolution_of_the_loops(given: dict[str, Any]) -> None:
    n = load("im2col").data(**given)
    assert (np.array(n["rows"]) @ np.array(n["columns"])).tolist() == n["output"]
    x = np.array(n["map"])[np.newaxis, ..., np.newaxis]
    w = np.array(n["kernels"]).transpose(1, 2, 0)[:, :, np.newaxis]
    assert definition.conv2d(x, w, padding="valid").reshape(-1, n["N"]).tolist() == n["output"]
    assert len(n["rows"]) == n["D_G"] ** 2


def test_im2col_shows_every_number_of_its_tables() -> None:
    n = load("im2col").data()
    tables = [*n["map"], *n["rows"], *n["columns"], *n["output"], *chain(*n["kernels"])]
    shown = [word.letters for word in words(load("im2col").draw())]
    numbers = [text for text in shown if re.fullmatch(r"−?\d+", text)]
    assert sorted(numbers) == sorted(str(v).replace("-", "−") for v in chain(*tables))


def test_folding_is_what_a_pencil_makes_of_it() -> None:
    n = load("folding").data()
    # z = 2 * 3; y = 6 (z - 2)/sqrt(4) + 5; s = 6/sqrt(4); w' = 2 s; b' = 5 - 2 s; y' = w' 3 + b'.
    assert (n["z"], n["y"]) == (6, 17)
    assert (n["scale"], n["folded w"], n["folded b"], n["folded y"]) == (3, 6, -1, 17)
    other = load("folding").data(x=-2.5, variance=8, epsilon=1)
    assert (other["z"], other["y"], other["folded y"]) == (-5, -9, -9)


def test_folding_shows_both_ways_in_numbers() -> None:
    assert {"2 · 3", "6 · (6 − 2) / 2 + 5", "6 · 3 + (−1)", "w′ = w s = 6"} <= said("folding")
    assert "x = 3 both give 17" in load("folding").ALT


def test_alpha_cost_adds_up_to_the_network_at_every_width() -> None:
    n = load("alpha_cost").data()
    for alpha, products, numbers in zip(n["alpha"], n["macs"], n["parameters"], strict=True):
        network = mobilenet_v1(alpha, batch_norm=False)
        assert (sum(products), sum(numbers)) == (macs(network), parameters(network))
        assert all(part > 0 for part in products + numbers)


def test_alpha_cost_is_the_papers_table_6() -> None:
    n = load("alpha_cost").data()  # the paper: 41, 149, 325, 569 million; 0.5, 1.3, 2.6, 4.2
    assert [round(sum(parts) / 1e6) for parts in n["macs"]] == [41, 149, 325, 569]
    assert [round(sum(parts) / 1e6, 1) for parts in n["parameters"]] == [0.5, 1.3, 2.6, 4.2]


def test_only_the_pointwise_part_of_the_cost_goes_with_alpha_squared() -> None:
    n = load("alpha_cost").data()
    pointwise, depthwise, rest = zip(*n["macs"], strict=True)
    assert pointwise == tuple(pointwise[-1] * alpha**2 for alpha in n["alpha"])
    assert depthwise == tuple(depthwise[-1] * alpha for alpha in n["alpha"])
    assert rest == tuple(rest[-1] * alpha for alpha in n["alpha"])


def test_alpha_cost_draws_its_shares_as_bars() -> None:
    n = load("alpha_cost").data()
    _, *panels = load("alpha_cost").draw().axes
    for panel, costs in zip(panels, (n["macs"], n["parameters"]), strict=True):
        bars = [bar.get_height() for bar in panel.patches]
        shares = [part / sum(costs[-1]) for parts in costs for part in parts]
        # A bar is kept as its two ends, at most 1: their sum and difference are rounded by 2^-54
        # each, and the end that the next bar begins at is not rounded again.
        np.testing.assert_allclose(bars, shares, rtol=0, atol=2 * 2.0**-54)
        marks = [line.get_ydata()[0] for line in panel.lines]
        assert marks == [alpha**2 for alpha in n["alpha"][:-1]]
