"""Six faults, planted in loops that share nothing with the probes, read back as six stories."""

from __future__ import annotations

import numpy as np
import pytest

from refnet import definition
from refnet.backend import Arithmetic
from refnet.layer import ConvAttrs, DepthwiseAttrs, Layer, MaxPoolAttrs, PointwiseAttrs
from refnet.oracle.adapters.ops import Ops
from refnet.oracle.judge import judge
from refnet.oracle.probes import cases, probe, probe_case, readback
from refnet.run import run

IMAGE = (8, 6, 4)
LAYER = Layer("y", "conv2d", ("x",), ConvAttrs((0, 1, 0, 1), 2), {"weight": (3, 3, 4, 4)})


class Port:
    """A convolution as someone may write it; `before` pads, `phase` is the first row it sees."""

    arithmetic = Arithmetic()

    def __init__(self, before=0, phase=0, turn=lambda w: w, look=lambda x: x):
        self.before, self.phase, self.turn, self.look = before, phase, turn, look

    def prepare(self, network, tensors, batch=1):
        w = self.turn(tensors["y.weight"])
        (_, rows, columns, _) = network.shapes()["y"]

        def runner(inputs):
            x = self.look(inputs["x"])
            B, H, W, _ = x.shape
            y = np.zeros((B, rows, columns, w.shape[3]), np.float32)
            for r, c, i, j in np.ndindex(rows, columns, 3, 3):
                row = 2 * r + i - self.before + self.phase
                column = 2 * c + j - self.before + self.phase
                if 0 <= row < H and 0 <= column < W:
                    y[:, r, c] += x[:, row, column] @ w[i, j]
            return {"y": y}

        return runner


FAULTS = {
    "padding": Port(before=1),
    "stride phase": Port(phase=1),
    "kernel flipped": Port(turn=lambda w: w[::-1, ::-1]),
    "kh/kw swapped": Port(turn=lambda w: w.transpose(1, 0, 2, 3)),
    "channels reversed": Port(look=lambda x: x[..., ::-1]),
    "O/I transposed": Port(turn=lambda w: w.transpose(0, 1, 3, 2)),
}


def test_a_right_port_reads_back_as_it_should():
    found = probe(Port(), LAYER, IMAGE)
    assert found.holds
    assert str(found) == f"all {found.owed} weights met the pixels that they should"
    # 4 x 3 outputs of 9 taps, less the row of padding at the bottom and the column at the right:
    # 11 rows x 8 columns of taps are inside, times 4 x 4 channels.
    assert found.owed == 11 * 8 * 16


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_read_back(fault):
    assert not probe(FAULTS[fault], LAYER, IMAGE).holds


def test_six_faults_give_six_read_backs():
    stories = {fault: probe(port, LAYER, IMAGE) for fault, port in FAULTS.items()}
    assert len({story.wrong for story in stories.values()}) == 6
    assert len({str(story) for story in stories.values()}) == 6


# By hand, for the pixel at row 4, column 2 and channel 1, and the output at (2, 1, 3): the window
# begins at that pixel, so it meets tap (0, 0).
ADDRESSES = {
    "padding": (1, 1, 1, 3),
    "stride phase": (),
    "kernel flipped": (2, 2, 1, 3),
    "channels reversed": (0, 0, 2, 3),
    "O/I transposed": (0, 0, 3, 1),
}


@pytest.mark.parametrize("fault", ADDRESSES)
def test_the_address_is_that_of_the_weight_that_was_used(fault):
    wrong = probe(FAULTS[fault], LAYER, IMAGE).wrong
    (reading,) = (r for r in wrong if (r.output, r.pixel) == ((2, 1, 3), (4, 2, 1)))
    assert reading.used == ADDRESSES[fault]
    assert reading.expected == (0, 0, 1, 3)


def test_swapped_axes_leave_the_diagonal_and_turn_the_rest():
    wrong = probe(FAULTS["kh/kw swapped"], LAYER, IMAGE).wrong
    assert all(r.used == (r.expected[1], r.expected[0], *r.expected[2:]) for r in wrong)
    assert all(r.used[0] != r.used[1] for r in wrong)


def test_a_reading_is_a_sentence():
    said = str(probe(FAULTS["padding"], LAYER, IMAGE)).splitlines()
    assert said[0] == (
        "output (0, 0, 0) used weight (1, 1, 0, 0) on pixel (0, 0, 0), expected weight (0, 0, 0, 0)"
    )
    assert said[-1].startswith("and ")


def test_two_weights_at_once_are_no_weight():
    case = probe_case("two", LAYER, IMAGE)
    answer = case.expected["y"].copy()
    answer[0, 0, 0, 0] += case.tensors["y.weight"][2, 2, 3, 3]
    (reading,) = readback(case, answer).wrong
    assert reading.used is None
    assert "which is no weight" in str(reading)


def test_an_answer_that_cannot_be_read():
    case = probe_case("none", LAYER, IMAGE)
    assert str(readback(case, None)) == "no answer"
    assert "expected (192, 4, 3, 4)" in str(readback(case, np.zeros((1, 2))))


def test_the_probes_are_exact_and_the_loops_of_the_definition_agree():
    found = list(cases())
    assert len({case.id for case in found}) == len(found) == 11
    for case in found:
        with_loops = run(case.network, case.tensors, case.inputs, using=definition)
        assert np.array_equal(with_loops["y"], case.expected["y"])
        assert case.expected["y"].max() < case.exact_below == 2**11
        half = {name: a.astype(np.float16) for name, a in case.expected.items()}
        verdict = judge(case, half, Arithmetic("float16", accumulate="float16"))["y"]
        assert verdict.exact
        assert verdict.holds


@pytest.mark.parametrize(
    ("op", "attrs", "weight"),
    [
        ("depthwise_conv2d", DepthwiseAttrs("same", 2), (3, 3, 4, 2)),
        ("pointwise_conv2d", PointwiseAttrs(2), (1, 1, 4, 5)),
    ],
)
def test_other_layers_are_probed_too(op, attrs, weight):
    assert probe(Ops(), Layer("y", op, ("x",), attrs, {"weight": weight}), IMAGE).holds


def test_what_cannot_be_probed_is_refused():
    pool = Layer("y", "max_pool", ("x",), MaxPoolAttrs(2, "valid"))
    with pytest.raises(ValueError, match="layer 'y': max_pool has no weights to read back"):
        probe(Ops(), pool, IMAGE)
    large = Layer("y", "pointwise_conv2d", ("x",), PointwiseAttrs(), {"weight": (1, 1, 3, 4)})
    with pytest.raises(ValueError, match=r"12 weights and 150,528 pixels, expected at most"):
        probe(Ops(), large, (224, 224, 3))
