"""Sizes, paddings and taps: each against counting them one by one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnet.geometry import Axis, axes

AXES = st.builds(
    Axis,
    size=st.integers(1, 12),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 6),
    dilation=st.integers(1, 3),
    before=st.integers(0, 5),
    after=st.integers(0, 5),
)


@given(AXES)
def test_output_counts_the_positions_at_which_the_window_fits(axis):
    first_taps = range(-axis.before, axis.size + axis.after, axis.stride)
    fitting = [p for p in first_taps if p + axis.reach <= axis.size + axis.after]
    assert max(axis.output, 0) == len(fitting)


@given(AXES.filter(lambda axis: axis.output > 0), st.data())
def test_a_tap_pairs_every_output_with_the_element_that_it_reads(axis, data):
    i = data.draw(st.integers(0, axis.kernel - 1))
    out, read = axis.tap(i)
    outputs, inputs = list(range(axis.output))[out], list(range(axis.size))[read]
    reads = {r: r * axis.stride + i * axis.dilation - axis.before for r in range(axis.output)}
    assert dict(zip(outputs, inputs, strict=True)) == {
        r: p for r, p in reads.items() if 0 <= p < axis.size
    }


@given(AXES.filter(lambda axis: axis.output > 0))
def test_taps_inside_counts_what_lies_inside(axis):
    assert axis.taps_inside == sum(
        0 <= r * axis.stride + i * axis.dilation - axis.before < axis.size
        for r in range(axis.output)
        for i in range(axis.kernel)
    )


@given(st.integers(1, 300), st.integers(1, 7), st.integers(1, 5), st.integers(1, 3))
def test_same_makes_one_output_for_every_stride_and_pads_the_end_more(size, kernel, stride, dil):
    """TensorFlow's documented rule: ceil(size / stride) outputs, the odd element at the end."""
    rows, columns = axes(
        (size, 1), (kernel, 1), stride=(stride, 1), padding="same", dilation=(dil, 1)
    )
    assert rows.output == -(-size // stride)
    assert 0 <= rows.after - rows.before <= 1
    assert (columns.before, columns.after, columns.output) == (0, 0, 1)


def test_same_and_symmetric_padding_differ_at_stride_2_on_even_maps_only():
    for size in range(1, 65):
        same, _ = axes((size, size), (3, 3), stride=2, padding="same")
        symmetric, _ = axes((size, size), (3, 3), stride=2, padding=(1, 1, 1, 1))
        assert same.output == symmetric.output
        assert (same.before == symmetric.before) == (size % 2 == 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"padding": "reflect"}, "padding: 'reflect', expected 'same', 'valid' or (top,"),
        ({"padding": (1, 1)}, "padding: (1, 1), expected"),
        ({"padding": (1, 1, -1, 1)}, "padding: -1, expected a whole number of at least 0"),
        ({"stride": 0}, "stride: 0, expected a whole number of at least 1"),
        ({"stride": (1, 2, 3)}, "stride: (1, 2, 3), expected one number or a"),
        ({"stride": 1.5}, "stride: 1.5, expected a whole number"),
        ({"dilation": True}, "dilation: True, expected a whole number"),
        ({"kernel": (3, 9)}, "kernel: spans 9 columns, but the padded map has only 6"),
    ],
)
def test_refusals_name_what_came_and_what_was_expected(change, message):
    arguments = {"size": (5, 6), "kernel": (3, 3), "stride": 1, "padding": "valid", **change}
    with pytest.raises(ValueError, match=re.escape(message)):
        axes(**arguments)
