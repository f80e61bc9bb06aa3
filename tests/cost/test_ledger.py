"""Whole networks: three routes, the ledger's rows, memory."""

from __future__ import annotations

import csv
import io
import json
import re

import numpy as np
import pytest

from refnet import definition, mobilenet_v1, mobilenet_v2, run
from refnet.cost import ledger, macs, parameters, peak_bytes, traffic
from refnet.cost.ledger import PARAMETERS, UNITS
from refnet.cost.routes import layer_macs_by_ones, layer_macs_by_tally, network_macs

MODELS = pytest.mark.parametrize("model", [mobilenet_v1, mobilenet_v2], ids=["v1", "v2"])


@MODELS
@pytest.mark.parametrize("counting", ["all taps", "executed"])
def test_three_routes_agree_on_whole_networks_at_32(model, counting):
    network = model(resolution=32)
    count = macs(network, counting)
    assert network_macs(network, layer_macs_by_ones, counting) == count
    if counting == "executed":
        assert network_macs(network, layer_macs_by_tally, counting) == count


@MODELS
def test_formula_and_ones_agree_at_224(model):
    for counting in ("all taps", "executed"):
        network = model()
        assert network_macs(network, layer_macs_by_ones, counting) == macs(network, counting)


@pytest.mark.slow
@MODELS
def test_the_loops_execute_what_the_formula_says_at_224(model):
    """Some minutes: every single multiplication of a whole network, in Python."""
    network = model(batch_norm=False).cut(["classifier"])
    tensors = {name: np.ones(shape) for name, shape in network.params().items()}
    tally = definition.Tally()
    run(network, tensors, np.ones((1, 224, 224, 3)), using=definition, tally=tally)
    expected = {"mobilenet_v1_1.0_224": 567_875_744, "mobilenet_v2_1.0_224": 299_676_304}
    assert tally.macs == macs(network, "executed") == expected[network.name]


def test_the_padding_costs_alike_at_stride_2_whichever_side_it_is_on():
    """SAME pads the end of an even map and symmetric padding the start: mirror images."""
    from refnet import PYTORCH

    for model in (mobilenet_v1, mobilenet_v2):
        symmetric = model(conventions=PYTORCH)
        assert macs(symmetric, "executed") == macs(model(), "executed")


@pytest.mark.parametrize(("resolution", "share"), [(224, "95.0"), (96, "88.7"), (32, "70.3")])
def test_the_share_of_v2s_depthwise_taps_that_meet_the_map(resolution, share):
    book = ledger(mobilenet_v2(resolution=resolution))
    rows = [row for row in book if row.op == "depthwise_conv2d"]
    executed = sum(row.count for row in rows if row.kind == "executed macs")
    every = sum(row.count for row in rows if row.kind == "macs")
    assert f"{100 * executed / every:.1f}" == share


@MODELS
@pytest.mark.parametrize("batch_norm", [True, False])
def test_the_ledger_adds_up_to_what_is_counted_elsewhere(model, batch_norm):
    network = model(batch_norm=batch_norm)
    book = ledger(network)
    assert book.total("macs") == macs(network)
    assert book.total("executed macs") == macs(network, "executed")
    learned = [kind for kind in PARAMETERS if kind not in ("mean", "variance")]
    assert book.total(*learned) == parameters(network)
    assert book.total("bytes of parameters") == 4 * book.total(*PARAMETERS)


def test_the_rows_of_a_known_network():
    """V2: 6,678,112 elements of batch norm and ten residual sums (as fvcore's and thop's own
    figures imply), 6,105,792 of ReLU6, 7 x 7 x 1280 pooled."""
    book = ledger(mobilenet_v2())
    assert {kind: book.total(kind) for kind in UNITS if not kind.startswith("bytes")} == {
        "macs": 300_774_272, "executed macs": 299_676_304, "bias additions": 1000,
        "batch norm": 6_678_112, "activations": 6_105_792, "residual additions": 216_384,
        "pooled": 62_720, "pooling outputs": 1280, "interpolated": 0, "sigmoid": 0, "softmax": 1000,
        "weights": 3_469_760,
        "biases": 1000, "gamma": 17_056, "beta": 17_056, "mean": 17_056, "variance": 17_056,
    }  # fmt: skip


def test_folding_trades_batch_norm_for_a_bias_a_channel():
    before, after = ledger(mobilenet_v1()), ledger(mobilenet_v1(batch_norm=False))
    assert before.total("macs") == after.total("macs")
    assert after.total("batch norm") == 0
    assert after.total("bias additions") == before.total("batch norm") + 1000
    assert after.total("biases") == before.total("gamma") + 1000


def test_work_grows_with_the_batch_and_parameters_do_not():
    one, three = ledger(mobilenet_v2()), ledger(mobilenet_v2(), batch=3)
    for kind in UNITS:
        grows = kind not in (*PARAMETERS, "bytes of parameters")
        assert three.total(kind) == one.total(kind) * (3 if grows else 1)


def test_kinds_of_different_units_are_not_added_up():
    book = ledger(mobilenet_v1())
    with pytest.raises(ValueError, match="macs, executed macs have different units, so no sum"):
        book.total("macs", "executed macs")
    with pytest.raises(ValueError, match=re.escape("kind: 'flops', expected one of macs, ")):
        book.total("flops")


def test_the_ledger_goes_out_as_json_and_csv_and_is_sorted():
    book = ledger(mobilenet_v1()).only("weights", "macs").sorted()
    rows = json.loads(book.to_json())["rows"]
    assert [row["count"] for row in rows] == sorted((row["count"] for row in rows), reverse=True)
    assert {row["kind"] for row in rows} == {"weights", "macs"}
    read = list(csv.DictReader(io.StringIO(book.to_csv())))
    assert [int(row["count"]) for row in read] == [row["count"] for row in rows]


def test_traffic_is_what_goes_in_and_out_of_each_layer():
    """The first layer of V1 by hand: 224 x 224 x 3 in, 112 x 112 x 32 out, 864 + 32 numbers."""
    first, activation, *_ = traffic(mobilenet_v1(batch_norm=False))
    assert (first.read, first.written, first.parameters) == (602_112, 1_605_632, 3_584)
    assert float(first.intensity) == 10_838_016 / (602_112 + 1_605_632 + 3_584)
    assert (activation.moved, activation.intensity) == (0, 0)


def test_the_peak_is_where_the_widest_pair_of_maps_meets():
    """V1: block 1's pointwise layer reads 112 x 112 x 32 and writes 112 x 112 x 64.
    V2: block 2's depthwise layer reads 112 x 112 x 96 and writes 56 x 56 x 96."""
    assert peak_bytes(mobilenet_v1()) == 4 * 112 * 112 * (32 + 64)
    assert peak_bytes(mobilenet_v2()) == 4 * 96 * (112**2 + 56**2)
    assert peak_bytes(mobilenet_v2(), batch=2, itemsize=2) == peak_bytes(mobilenet_v2())


def test_a_residual_keeps_its_entry_alive():
    """Blocks 2 and 3 of V2: while block 3 filters 56 x 56 x 144, its 24-channel entry waits."""
    block = mobilenet_v2(batch_norm=False).cut(["block3.add"], inputs=["block2.project"])
    assert peak_bytes(block) == 4 * 56 * 56 * (24 + 144 + 144)
