"""What the figures of chapters 10 to 17 show, against loops and papers; and that it is seen."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from figures import load
from refnet import definition
from refnet.cost import parameters
from refnet.cost.routes import layer_macs_by_ones, network_macs
from refnet.definition.common import place
from refnet.metal.packing import to_texture
from refnet.models import mobilenet_v1, mobilenet_v2
from tests.cost.test_counters import PRINTED
from tests.figures.layout import words
from tests.figures.shown import ones, said, table1_as_printed


@pytest.mark.parametrize("side", [192, 224])
def test_one_pixel_more_is_a_pixel_more_in_every_map(side: int) -> None:
    few, more = load("one_pixel_more").data(side=side)["sides"]
    assert few == [side // 2**halving for halving in range(6)]
    assert more == [count + 1 for count in few]


def test_one_pixel_more_costs_what_convolutions_of_ones_count() -> None:
    small, large = (
        network_macs(mobilenet_v1(1.0, side, batch_norm=False), layer_macs_by_ones)
        for side in (192, 193)
    )
    assert load("one_pixel_more").data(side=192)["macs"] == large / small - 1


def test_one_pixel_more_names_its_shares() -> None:
    # A pencil: 113^2 / 112^2 = 1.0179, 57^2 / 56^2 = 1.0360, ..., 8^2 / 7^2 = 1.3061.
    shares = [word for word in said("one_pixel_more") if word.endswith(" %")]
    assert {"+2 %", "+4 %", "+7 %", "+15 %", "+31 %", "multiply-accumulates +13 %"} <= set(shares)


def test_accuracy_cost_has_the_papers_costs() -> None:
    # V1 paper, Tables 6 and 7, and 5 for the shallow one.
    curves = load("accuracy_cost").data()["curves"]
    assert [round(points[0][0]) for points in curves.values()] == [569, 325, 149, 41]
    assert [int(cost) for cost, _ in curves[1.0]] == [568, 418, 290, 186]
    assert round(load("accuracy_cost").data()["shallow"][0]) == 307


def test_accuracy_cost_draws_a_point_for_each_network() -> None:
    n = load("accuracy_cost").data(sides=(224, 160))
    _, axes = load("accuracy_cost").draw(sides=(224, 160)).axes
    drawn = [tuple(zip(*line.get_data(), strict=True)) for line in axes.lines]
    assert drawn == [tuple(points) for points in [*n["curves"].values(), [n["shallow"]]]]


@pytest.mark.parametrize("M", [1, 3, 4, 6, 8])
def test_texels_hold_the_channels_that_packing_puts_there(M: int) -> None:
    n = load("texels").data(M=M)
    packed = to_texture(np.arange(1, M + 1, dtype=float).reshape(1, 1, M))[:, 0, 0]
    lanes = [[int(channel) - 1 if channel else None for channel in row] for row in packed]
    assert n["slices"] == lanes
    assert n["filling"] == int((packed == 0).sum())


def test_texels_shows_each_lane() -> None:
    assert {"c0", "c5", "slice 1", "filling: 2 of 8 lanes"} <= said("texels")
    assert "slice 1" not in said("texels", M=3)


@pytest.mark.parametrize("given", [{}, {"width": 7, "height": 9, "group": (8, 4)}])
def test_threadgroups_counts_threads_one_by_one(given: dict[str, Any]) -> None:
    n = load("threadgroups").data(**given)
    (width, height), (across, down) = n["map"], n["group"]
    seen = {(X * across + x, Y * down + y) for X, Y, x, y in np.ndindex(*n["groups"], across, down)}
    working = {(x, y) for x, y in seen if x < width and y < height}
    assert len(working) == width * height  # none is left out
    assert (n["launched"], n["idle"]) == (len(seen), len(seen) - len(working))


def test_threadgroups_draws_a_dot_for_each_thread_at_work() -> None:
    n = load("threadgroups").data()
    assert len(load("threadgroups").draw().axes[0].lines) == n["launched"] - n["idle"] == 70
    assert set(re.findall(r"\d+", load("threadgroups").ALT)) == {"10", "7", "4", "3", "2", "96",
                                                                  "70", "26"}  # fmt: skip


@pytest.mark.parametrize("given", [{}, {"one": (1, 1, 4, 4), "other": (0, 2, 6, 9)}])
def test_overlap_counts_pixels_one_by_one(given: dict[str, Any]) -> None:
    n = load("overlap").data(**given)
    one, other = (
        {(r, c) for r in range(t, b) for c in range(left, right)}
        for t, left, b, right in n["boxes"]
    )
    assert (n["common"], n["together"]) == (len(one & other), len(one | other))
    assert n["areas"] == [len(one), len(other)]
    assert n["overlap"] == round(len(one & other) / len(one | other), 2)


def test_overlap_says_its_numbers_in_the_picture_and_in_words() -> None:
    n = load("overlap").data()
    assert f"{n['common']} / {n['together']} = {n['overlap']}" in said("overlap")
    alone = [area - n["common"] for area in n["areas"]]
    spoken = re.findall(r"[\d./]+\d", load("overlap").ALT)
    assert spoken == ["16", *map(str, alone), "16", "44", "16/44", "0.36"]


@pytest.mark.parametrize("D_F", [9, 10, 11])
def test_atrous_windows_are_the_taps_of_a_dilated_convolution(D_F: int) -> None:
    """The loops say: an impulse at each place in turn, and which outputs see it."""
    n = load("atrous").data(D_F=D_F)
    x = np.eye(D_F, dtype=int).reshape(D_F, 1, D_F, 1)
    w = ones(1, 3, 1, 1)
    padding = (0, 0, 2, 2)
    spread = definition.conv2d(x, w, padding=padding, dilation=(1, 2))[:, 0, :, 0]
    centre = n["dilated"][0][1]
    for shift, taps in enumerate(n["dilated"]):
        assert np.flatnonzero(spread[:, centre + shift]).tolist() == taps
    strided = definition.conv2d(x[:, :, ::2], w, padding=(0, 0, 1, 1))[:, 0, :, 0]
    assert np.flatnonzero(strided[:, centre // 2]).tolist() == n["strided"] == n["dilated"][0]


def test_parameter_steps_are_the_counts_that_sources_and_tools_print() -> None:
    n = load("parameter_steps").data()
    counts = [sum(parts) for parts in n["counts"]]
    assert counts[1] == 4_221_032  # the article
    assert counts[4] == 4_253_864  # Keras, as printed by itself
    assert counts[5] == 4_254_889  # the lecture
    assert counts[2] == parameters(mobilenet_v1())
    assert counts[0] == sum(
        math.prod(shape) for name, shape in mobilenet_v1().params().items() if "weight" in name
    )


def test_parameter_steps_writes_every_count_and_draws_every_part() -> None:
    n = load("parameter_steps").data(alpha=0.25, classes=10)
    shown = said("parameter_steps", alpha=0.25, classes=10)
    assert {f"{sum(parts):,}" for parts in n["counts"]} <= shown
    assert "four, and 11 classes" in shown
    axes = load("parameter_steps").draw(alpha=0.25, classes=10).axes[0]
    legend = 5
    assert len(axes.patches) == sum(map(len, n["counts"])) + legend


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_counter_bars_add_up_to_what_the_tools_printed(model: str) -> None:
    n = load("counter_bars").data(model=model)
    place_ = ("v1", "v2").index(model)
    assert {tool: sum(parts) for tool, parts in n["tools"].items()} == {
        tool: printed[place_] for tool, printed in PRINTED.items() if tool != "keras"
    }


def test_counter_bars_are_as_long_as_their_figures() -> None:
    n = load("counter_bars").data()
    axes = load("counter_bars").draw().axes[0]
    widths = [patch.get_path().get_extents().width for patch in axes.patches]
    parts = [part for found in n["tools"].values() for part in found if part]
    scale = widths[0] / parts[0]
    # In points, below 512, where half a step is 2^-45. An end is rounded at most five times (three
    # sums, a product, a sum), a width has two ends, and the scale is off as a width is, times at
    # most 2.1, which is the longest bar over the first: 10 * 2^-45 * 3.1 < 2^-40.
    expected = [scale * part for part in parts]
    np.testing.assert_allclose(widths[: len(parts)], expected, rtol=0, atol=2.0**-40)


def test_spiral_comes_back_by_least_squares_from_what_the_relu_leaves() -> None:
    n = load("spiral").data()
    x = np.array(n["x"])
    for d, drawn in n["back"].items():
        T = np.array(n["T"][d])
        bent = np.array([[max(0.0, z) for z in row] for row in (x @ T.T).tolist()])
        expected = 2 * np.linalg.lstsq(T, bent.T)[0].T
        # Drawn are four decimals, of a point that was not yet rounded to as many: half of 10^-4
        # and, for x, as much through T+ ReLU T, at most 2 |T+| |T| times as long.
        reach = 2 * np.linalg.cond(T) * 0.5e-4 * 2**0.5
        np.testing.assert_allclose(drawn, expected, rtol=0, atol=0.5e-4 + reach)


def test_spiral_loses_what_fewer_than_two_awake_numbers_cannot_tell() -> None:
    n = load("spiral").data()
    for d, lost in n["lost"].items():
        T = np.array(n["T"][d])
        for point, gone in zip(n["x"], lost, strict=True):
            sums = T @ point
            if min(abs(sums)) > 1e-3:  # else the rounding of the point decides
                assert gone == (np.linalg.matrix_rank(T[sums > 0]) < 2)
    shares = [sum(lost) / len(lost) for lost in n["lost"].values()]
    assert shares == sorted(shares, reverse=True)
    assert shares[-2:] == [0, 0]


def test_inverted_residual_is_the_papers_table_2_and_its_cost() -> None:
    n = load("inverted_residual").data()
    # Table 1 of V2's paper: h w M to h w t M to h w N, and h w M t (M + k^2 + N) products.
    assert n["V2"]["channels"] == [24, 6 * 24, 6 * 24, 24]
    assert n["V2"]["products"] == 24 * 6 * (24 + 9 + 24)
    assert n["V1"]["products"] == 9 * 128 + 128 * 128
    assert [bent for _, bent in n["V2"]["steps"]] == [True, True, False]
    assert not load("inverted_residual").data(block=2)["V2"]["added"]
    assert "8,208 products a pixel" in said("inverted_residual")
    assert "17,536 products a pixel" in load("inverted_residual").ALT
    assert "the input is added" not in said("inverted_residual", block=2)


def test_roofline_puts_every_layer_on_the_lower_roof() -> None:
    n = load("roofline").data()
    for name, network in (("V1", mobilenet_v1()), ("V2", mobilenet_v2())):
        for _, intensity, rate, _ in n[name]:
            assert rate == (n["gemm"] if intensity >= n["ridge"] else n["bandwidth"] * intensity)
        # Shares of whole numbers, each rounded by half of 2^-53 of at most 1.
        assert abs(sum(share for *_, share in n[name]) - 1) <= len(n[name]) * 2.0**-53
        assert len(n[name]) == sum("weight" in layer.params for layer in network.layers)


def test_roofline_speaks_of_its_layers() -> None:
    n, spoken = load("roofline").data(), load("roofline").ALT
    flat = {
        name: [intensity >= n["ridge"] for op, intensity, *_ in n[name] if op.startswith("point")]
        for name in ("V1", "V2")
    }
    assert f"Of V1's {len(flat['V1'])} pointwise layers {sum(flat['V1'])} are on" in spoken
    assert f"of V2's {len(flat['V2'])} only {sum(flat['V2'])}" in spoken
    assert f"meets at {n['ridge']:.0f}" in spoken
    # 9 / 8 at most, in the limit of large maps: nine products for two numbers of four bytes.
    assert all(i < 9 / 8 for name in flat for op, i, *_ in n[name] if op.startswith("depth"))
    assert all(i < n["ridge"] for name in flat for op, i, *_ in n[name] if op == "dense")


def test_map_sizes_are_those_of_the_papers_tables() -> None:
    n = load("map_sizes").data()
    table1 = [side**2 * channels for side, channels in table1_as_printed()]
    # V1's maps are what the rows after the first read, without what follows the last pool.
    assert [size for size, _ in n["V1"]] == table1[1:-2]
    # V2, table 2: its largest map is inside the block that makes 56 x 56 x 24 of 112 x 112 x 16.
    assert max(n["V2"]) == (112 * 112 * 16 * 6, False)
    handed_on = [
        112**2 * 16,
        56**2 * 24,
        28**2 * 32,
        14**2 * 64,
        14**2 * 96,
        7**2 * 160,
        7**2 * 320,
    ]
    times = (1, 2, 3, 4, 3, 3, 1)
    expected = [size for size, count in zip(handed_on, times, strict=True) for _ in range(count)]
    assert [size for size, between in n["V2"] if between] == [112**2 * 32, *expected, 7**2 * 1280]


def test_map_sizes_draws_its_maps_and_names_the_largest() -> None:
    n = load("map_sizes").data()
    _, *panels = load("map_sizes").draw().axes
    for axes, maps in zip(panels, n.values(), strict=True):
        assert [bar.get_height() for bar in axes.patches] == [size for size, _ in maps]
    assert {"802,816", "1,204,224"} <= said("map_sizes")
    assert f"{max(n['V2'])[0] / 1000:,.0f} thousand" in load("map_sizes").ALT
    assert f"{max(n['V1'])[0] / 1000:,.0f} thousand" in load("map_sizes").ALT


@pytest.mark.parametrize(("W", "C"), [(4, 2), (8, 1), (4, 1)])
def test_whole_rows_meets_what_the_sum_over_a_window_meets(W: int, C: int) -> None:
    """Each tap of each output; how many there are, the loops' own padding rule says."""
    n = load("whole_rows").data(W=W, C=C)
    for stride, key, stored in (
        (1, "pixel by pixel", "stored"),
        (1, "whole row", "stored"),
        (2, "two phases", "stored in phases"),
    ):
        _, left, _, outputs = place((3, W), (3, 3), (stride, stride), (1, 1), "same")
        assert set(range(-left, W)) <= {pixel - left for pixel in n[stored]}
        for tap, runs in enumerate(n[key]):
            met = [n[stored][a // C] for first, last in runs for a in range(first, last)]
            assert met == [stride * k + tap for k in range(outputs) for _ in range(C)]
    assert {len(runs) for runs in n["whole row"] + n["two phases"]} == {1}
    assert {len(runs) for runs in n["pixel by pixel"]} == {W}


def test_whole_rows_shows_its_runs_as_bars() -> None:
    assert "pixel by pixel: 4 runs of 2 numbers for each tap" in said("whole_rows")
    assert "whole row: 1 run of 8 numbers for each tap" in said("whole_rows")


def test_two_workers_reads_what_a_pencil_adds_up() -> None:
    n = load("two_workers").data()
    # V1's first pointwise layer: 112 x 112 pixels, 32 to 64; its last: 7 x 7, 1024 to 1024.
    assert n["first"]["rows"] == 112 * 112 * 32 + 2 * 32 * 64
    assert n["first"]["channels"] == 2 * 112 * 112 * 32 + 32 * 64
    assert n["last"]["rows"] == 7 * 7 * 1024 + 2 * 1024**2
    assert n["last"]["channels"] == 2 * 7 * 7 * 1024 + 1024**2
    counts = {f"{n[layer][way]:,}" for layer in ("first", "last") for way in ("rows", "channels")}
    assert counts <= said("two_workers")


def test_float_spacing_is_what_rounding_leaves_alone() -> None:
    """By another way: a number of b bits is one that math.frexp's mantissa holds in b bits."""
    n = load("float_spacing").data(bits=(1, 3, 11), most=20)
    for b in (1, 3, 11):
        grid = [k / 2**b for k in range(2**b, 20 * 2**b + 1)]
        assert n["written"][b] == [v for v in grid if (math.frexp(v)[0] * 2**b).is_integer()]
    assert n["missing"] == {1: 3, 3: 9, 11: 21}  # 21 is beyond the line: nothing is marked


def test_float_spacing_marks_the_first_number_that_is_missing() -> None:
    assert {"5", "9", "17"} <= said("float_spacing")
    assert "2049" not in said("float_spacing", bits=(11,))


def test_read_back_is_what_the_loops_answer() -> None:
    n = load("read_back").data()
    x = np.array(n["picture"])[None, ..., None]
    w = np.array(n["kernel"])[..., None, None]
    for name, kernel, padding in (
        ("right", w, (1, 1, 1, 1)),
        ("kernel turned", w[::-1, ::-1], (1, 1, 1, 1)),
        ("transposed", w.swapaxes(0, 1), (1, 1, 1, 1)),
        ("a row too early", w, (2, 0, 1, 1)),
    ):
        y = definition.conv2d(x, kernel, padding=padding)
        assert n[name] == y[0, ..., 0].tolist()


def test_read_back_shows_each_answer() -> None:
    shown = [word.letters for word in words(load("read_back").draw())]
    assert shown.count("10") == shown.count("18") == 5  # in the kernel and in four answers
    assert {"right", "kernel turned", "transposed", "a row too early"} <= set(shown)
