"""The arithmetic of `refnet scaling`, on made-up times whose answers are known."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnet.apps.scaling.answers import FORMS, TERMS, Scaling, answers
from refnet.apps.scaling.fits import exponent, fit, knee
from refnet.apps.scaling.roofline import Roofs, Spot, array_bytes, by_kind, by_layer, last_cache
from refnet.apps.scaling.rounds import Point
from refnet.apps.scaling.sizes import (
    ALPHAS,
    BATCHES,
    FACTORS,
    RESOLUTIONS,
    Size,
    along,
    cost_of,
    drawn,
    grid,
    image,
    sizes_of,
    tensors_for,
)
from refnet.cost import macs, parameters, traffic
from refnet.engine import plan
from refnet.run import run

EPS = sys.float_info.epsilon
ROOFS = Roofs(gemm=100e9, bandwidth=50e9, einsum=8e9, side=1024, array=1 << 27)


def points_of(model: str, seconds) -> list[Point]:
    """Every size of a model, with the times that a function of its cost gives."""
    costs = [(size, cost_of(size)) for size in sizes_of(model)]
    return [Point(size, cost, 1, (seconds(cost), 2 * seconds(cost))) for size, cost in costs]


def spots_of(model: str) -> list[Spot]:
    """A layer of each kind that is told of: 1 in 4 of the MACs, 3 in 4 of the time."""
    return [
        Spot(model, "a", "depthwise_conv2d", 10**9, 10**9, 0.75),
        Spot(model, "b", "pointwise_conv2d", 3 * 10**9, 10**8, 0.25),
    ]


# Fits


@pytest.mark.parametrize("terms", FORMS)
def test_a_fit_finds_the_coefficients_that_times_were_made_of(terms):
    """The sum of squares is 0 there and nowhere else: the columns are independent."""
    made = dict(zip(TERMS, (3e-4, 1.5e-11, 7e-11, 4e-11), strict=True))
    points = grid(points_of("v2", lambda cost: sum(made[t] * TERMS[t](cost) for t in terms)), "v2")
    costs = {term: [TERMS[term](point.cost) for point in points] for term in terms}
    found = fit(costs, [point.quietest for point in points])
    columns = np.array(list(costs.values())) / [point.quietest for point in points]
    condition = np.linalg.cond((columns / np.linalg.norm(columns, axis=1)[:, None]).T)
    # Solved by normal equations at worst: condition^2 times the rounding of as many sums
    # (Higham, Accuracy and Stability of Numerical Algorithms, section 20.4).
    bound = condition**2 * len(points) * len(terms) * EPS
    assert bound < 1e-9
    for term in terms:
        assert abs(found.coefficients[term] / made[term] - 1) <= bound
    assert found.rms <= bound


def test_a_term_that_would_save_time_is_left_out():
    """Times 2 x - 1 / 2 want a fixed part below 0. Without it b = sum(r) / sum(r^2), r = x / t."""
    x = [1, 2, 3, 5]
    seconds = [Fraction(3, 2), Fraction(7, 2), Fraction(11, 2), Fraction(19, 2)]
    ratios = [Fraction(cost) / second for cost, second in zip(x, seconds, strict=True)]
    expected = sum(ratios) / sum(r * r for r in ratios)
    found = fit({"fixed": [1] * 4, "x": x}, [float(second) for second in seconds])
    assert found.coefficients["fixed"] == 0
    # One column, of condition 1: the rounding of two sums of four products, and of two divisions.
    assert abs(Fraction(found.coefficients["x"]) / expected - 1) <= 16 * EPS


def test_errors_are_relative_to_what_was_measured():
    """Times 1 and 1 for costs 1 and 2: the least squares of (b - 1, 2 b - 1) are at b = 3 / 5."""
    found = fit({"x": [1, 2]}, [1.0, 1.0])
    assert np.allclose(found.errors, [-0.4, 0.2], rtol=0, atol=4 * EPS)
    assert found.worst == 0
    assert math.isclose(found.rms, math.sqrt(0.1), rel_tol=8 * EPS)


def test_no_fit_has_as_many_terms_as_sizes():
    assert fit({"fixed": [1, 1], "x": [1, 2]}, [1.0, 3.0]) is None
    assert fit({"fixed": [1, 1, 1], "x": [1, 2, 3]}, [1.0, 3.0, 4.0]) is not None


# Exponents and knees


@pytest.mark.parametrize(("seconds", "k"), [([1, 4, 16], 1), ([7, 7, 7], 0), ([1, 2, 4], 0.5)])
def test_the_exponent_of_a_power_is_its_power(seconds, k):
    # Each logarithm is right to an ulp, of at most log(16) = 2.8, over a range as large.
    assert abs(exponent([1, 4, 16], seconds) - k) <= 8 * EPS


def test_an_exponent_does_not_depend_on_units():
    in_seconds = exponent([1, 3, 10], [1.0, 2.0, 5.0])
    assert math.isclose(in_seconds, exponent([1, 3, 10], [1e3, 2e3, 5e3]), rel_tol=64 * EPS)


def test_one_size_has_no_exponent():
    assert exponent([1], [2]) is None


@given(st.dictionaries(st.integers(1, 10**9), st.floats(1e-6, 1e3), min_size=1), st.floats(1, 10))
def test_from_the_knee_on_no_unit_takes_more_than_so_many_times_the_least(times_of, times):
    costs = list(times_of)
    found = knee(costs, list(times_of.values()), times)
    units = {cost: seconds / cost for cost, seconds in times_of.items()}
    far = {cost for cost, unit in units.items() if unit > times * min(units.values())}
    assert (found.least, found.most) == (min(units.values()), max(units.values()))
    assert found.beyond == max(far, default=None)
    assert found.from_ == min((c for c in costs if c > max(far, default=0)), default=None)


# Sizes and their costs


@pytest.mark.parametrize("model", ALPHAS)
def test_every_width_meets_every_resolution_and_every_batch_stands_once(model):
    sizes = sizes_of(model)
    assert len(set(sizes)) == len(sizes) == len(ALPHAS[model]) * len(RESOLUTIONS) + len(BATCHES) - 1
    points = points_of(model, lambda cost: cost.macs)
    for factor, values in zip(FACTORS, (ALPHAS[model], RESOLUTIONS, BATCHES), strict=True):
        assert [getattr(point.size, factor) for point in along(points, model, factor)] == [*values]
    assert len(grid(points, model)) == len(ALPHAS[model]) * len(RESOLUTIONS)


def test_a_batch_costs_as_many_times_the_products_and_maps_and_once_the_parameters():
    one, four = (cost_of(Size("v2", 0.5, 96, batch)) for batch in (1, 4))
    network = Size("v2", 0.5, 96).network()
    assert one.macs == macs(network)
    assert one.parameters == four.parameters == 4 * parameters(network)
    assert (four.macs, four.activations) == (4 * one.macs, 4 * one.activations)
    assert one.activations + one.parameters == sum(layer.moved for layer in traffic(network))


def test_tensors_are_the_same_for_every_resolution_and_for_every_run():
    found = tensors_for([Size("v1", 0.25, 96), Size("v1", 0.25, 224), Size("v2", 0.35, 96)])
    assert list(found) == [("v1", 0.25), ("v2", 0.35)]
    again = drawn(Size("v1", 0.25, 128).network())
    assert all(np.array_equal(a, again[name]) for name, a in found["v1", 0.25].items())


@pytest.mark.parametrize("size", [Size("v1", 0.25, 32), Size("v2", 0.35, 32), Size("v2", 1.4, 32)])
def test_no_layer_of_a_drawn_network_has_a_subnormal_number(size):
    """They would be slower than others, and times would hang on the values."""
    network = size.network()
    taps = [layer.name for layer in network.layers]
    for y in run(network, drawn(network), image(size), taps=taps).values():
        assert y.dtype == np.float32
        assert np.isfinite(y).all()
        assert not np.any((y != 0) & (np.abs(y) < np.finfo(np.float32).tiny))


# The roofline


@pytest.mark.parametrize("model", ALPHAS)
def test_a_layer_s_place_is_what_the_cost_model_counts(model):
    """An integer over an integer is rounded once, and so is a Fraction."""
    for moved in traffic(Size(model).network()):
        spot = Spot(model, moved.layer, "", moved.macs, moved.moved, 0.5)
        assert spot.intensity == float(moved.intensity)
        assert spot.rate == 2 * moved.macs


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_who_takes_the_least_time_is_as_fast_as_the_lower_roof(made, moved):
    spot = Spot("v1", "a", "dense", made, moved, 1.0)
    least = spot.least(ROOFS)
    assert least == max(made / ROOFS.gemm, moved / ROOFS.bandwidth)
    # Three roundings on each side.
    assert math.isclose(made / least, ROOFS.roof(spot.intensity), rel_tol=6 * EPS)


def test_the_roofs_meet_at_the_ridge():
    assert ROOFS.ridge == 2
    assert ROOFS.roof(2) == ROOFS.gemm
    assert (ROOFS.roof(1), ROOFS.roof(4)) == (ROOFS.bandwidth, ROOFS.gemm)


def test_every_unit_of_a_plan_is_charged_to_the_layer_that_moves_its_bytes():
    size = Size("v2", 0.35, 32)
    network = size.network()
    with plan(network, drawn(network)) as ready:
        units = ready.time_layers(image(size), rounds=1)
    found = by_layer(network, dict.fromkeys(units, 1.0))
    moving = {layer.layer for layer in traffic(network) if layer.moved}
    assert set(found) == moving | {"softmax"}
    assert sum(found.values()) == len(units)


def test_kinds_stand_in_the_order_of_their_products():
    found = by_kind([*spots_of("v1"), *spots_of("v2")], "v2")
    assert list(found) == ["pointwise_conv2d", "depthwise_conv2d"]
    assert all(spot.model == "v2" for kind in found.values() for spot in kind)


def test_the_largest_cache_that_linux_tells_is_the_last(tmp_path):
    assert last_cache(tmp_path) is None
    for number, size in enumerate(["48K", "32768K", "1M"]):
        (tmp_path / f"index{number}").mkdir()
        (tmp_path / f"index{number}" / "size").write_text(f"{size}\n")
    assert last_cache(tmp_path) == 32 << 20
    (tmp_path / "index0" / "size").write_text("")
    assert last_cache(tmp_path) is None


@given(st.one_of(st.none(), st.integers(1, 1 << 29)))
def test_no_cache_holds_the_arrays_that_memory_is_measured_by(cache):
    """Two arrays are in use; a cache of half a gigabyte is the largest that they get beyond."""
    assert 2 * array_bytes(cache) > (cache or 0)
    assert array_bytes(cache) % 4 == 0


# Answers


def test_time_that_is_proportional_is_told_to_be():
    lines = answers(
        Scaling(["v1"], points_of("v1", lambda c: 2e-11 * c.macs)), ROOFS, spots_of("v1")
    )
    text = "\n".join(lines)
    assert "A million takes 20.0 us at" in text
    assert ": 1.00 times as long." in text
    assert "MACs^1.00 along alpha, MACs^1.00 along resolution, MACs^1.00 along batch;" in text
    assert text.count("nowhere (at most 1.00 times)") == 3
    assert "by MACs alone 0%, + a fixed part 0%" in text
    assert "It cuts MACs by 3.80 x, time by 3.80 x." in text


def test_time_that_goes_as_the_root_is_told_to():
    """Along alpha the MACs fall to 41.0 of 568.7 million: a unit takes the root of that, 3.72."""
    points = points_of("v1", lambda cost: 1e-6 * math.sqrt(cost.macs))
    lines = answers(Scaling(["v1"], points), ROOFS, spots_of("v1"))
    assert "MACs^0.50 along alpha, MACs^0.50 along resolution, MACs^0.50 along batch;" in lines[1]
    assert "along alpha up to 41.0 MMAC, no more from 149.5 on;" in lines[2]
    assert "It cuts MACs by 3.80 x, time by 1.95 x." in "\n".join(lines)


def test_v2_stands_beside_v1_where_both_are_measured():
    v1 = points_of("v1", lambda cost: 3e-11 * cost.macs)
    both = [*v1, *points_of("v2", lambda cost: 5e-3)]
    spots = [*spots_of("v1"), *spots_of("v2")]
    (said,) = (
        line for line in answers(Scaling(["v1", "v2"], both), ROOFS, spots) if "beside" in line
    )
    # 568740352 MACs of 30 ps are 17.06 ms, and 5 is 0.29 of that.
    assert "takes 0.29 of its time: it is 3.41 times as fast." in said
    assert not any("beside" in line for line in answers(Scaling(["v1"], v1), ROOFS, spots))


def test_depthwise_layers_are_told_with_what_they_could_wait_for():
    """A giga-MAC and a gigabyte: 20 ms at 50 GB/s, 125 ms at 8 GMAC/s; 3 GMAC: 30 at 100."""
    points = points_of("v1", lambda cost: 2e-11 * cost.macs)
    said = answers(Scaling(["v1"], points), ROOFS, spots_of("v1"))[-1]
    assert "hold 25.0% of the MACs and take 75% of the time, 750.00 ms." in said
    assert "in 20.00 ms; np.einsum, from the cache, would take their sums in 125.00 ms." in said
    assert "Pointwise layers take 250.00 ms; at the matrix product's roof it would be 30.00" in said


def test_the_quietest_round_counts():
    point = replace(points_of("v1", lambda cost: 1.0)[0], seconds=(3.0, 2.0, 4.0))
    assert (point.quietest, point.spread, point.unit) == (2, 1, 2 / point.cost.macs)
