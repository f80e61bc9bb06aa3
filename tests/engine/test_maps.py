"""A map is what NumPy's `pad` makes of it, however it is stored; memory serves only its like."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refnet.engine.maps import Map
from refnet.engine.memory import Memory
from refnet.engine.pool import Form, Pool
from refnet.engine.sharing import parts
from refnet.geometry import Axis
from tests.engine.settings import Array

SMALL = st.integers(1, 4)
PADS = st.tuples(*[st.integers(0, 3)] * 4)


@st.composite
def stored(draw: st.DrawFn, phases: int = 1, pieces: int = 1) -> tuple[Map, Array]:
    """A map with numbers in it, and the same numbers as NumPy pads them."""
    H, W, C = draw(SMALL), phases * draw(SMALL), pieces * draw(SMALL)
    border, fill = draw(PADS), draw(st.sampled_from([0.0, -np.inf]))
    memory, shares = Memory(), parts(C, pieces) if pieces > 1 else ()
    m = Map.made(memory, (H, W, C), border=border, fill=fill, phases=phases, parts=shares)
    x = np.arange(1, H * W * C + 1, dtype=np.float32).reshape(H, W, C)
    for channels in shares or (slice(0, C),):
        for first in range(phases):
            m.view(slice(0, H), channels, first)[...] = x[:, first::phases, channels]
    top, bottom, left, right = border
    return m, np.pad(x, ((top, bottom), (left, right), (0, 0)), constant_values=fill)


@st.composite
def window(draw: st.DrawFn, m: Map, stride: int | None = None) -> tuple[Axis, Axis]:
    """A window that reaches no farther than the map's border."""
    top, bottom, left, right = m.border
    axes = []
    for size, most in ((m.shape[0], (top, bottom)), (m.shape[1], (left, right))):
        before, after = (draw(st.integers(0, side)) for side in most)
        columns = len(axes) == 1
        dilation = 1 if columns and stride else draw(st.integers(1, 3))
        longest = (before + size + after - 1) // dilation + 1
        kernel = draw(st.integers(1, min(4, longest)))
        step = stride if columns and stride else draw(st.integers(1, 3))
        axes.append(Axis(size, kernel, step, dilation, before, after))
    return axes[0], axes[1]


def expected(m: Map, padded: Array, axes: tuple[Axis, Axis]) -> Array:
    """(rows, columns, D_K, D_K, C): each window as it is defined, element by element."""
    y, x = axes
    top, _, left, _ = m.border
    rows, columns = (
        (start - axis.before)
        + axis.stride * np.arange(axis.output)[:, None]
        + axis.dilation * np.arange(axis.kernel)
        for axis, start in ((y, top), (x, left))
    )
    return padded[rows[:, None, :, None], columns[None, :, None, :]]


def share(draw: Any, length: int) -> slice:
    start = draw(st.integers(0, length - 1))
    return slice(start, draw(st.integers(start + 1, length)))


@given(st.data(), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=150)
def test_what_is_written_is_read_again_and_the_border_stays(data, phases, pieces):
    m, padded = data.draw(stored(phases, pieces))
    H, W, _ = m.shape
    top, _, left, _ = m.border
    for piece in m.pieces:
        rows = share(data.draw, H)
        for first in range(phases):
            inside = padded[top + rows.start : top + rows.stop, left : left + W, piece.channels]
            assert np.array_equal(m.view(rows, piece.channels, first), inside[:, first::phases])
        # The piece itself, its columns in order again: all of the padded map and no more.
        columns = piece.array.transpose(0, 2, 1, 3).reshape(len(padded), -1, piece.array.shape[3])
        assert np.array_equal(columns[:, : padded.shape[1]], padded[:, :, piece.channels])


@given(st.data(), st.integers(1, 2))
@settings(max_examples=150)
def test_windows_are_those_of_the_padded_map(data, pieces):
    m, padded = data.draw(stored(pieces=pieces))
    axes = data.draw(window(m))
    rows, piece = share(data.draw, axes[0].output), data.draw(st.sampled_from(m.pieces))
    found = m.windows(axes, rows, piece.channels)
    assert np.array_equal(found, expected(m, padded, axes)[rows][..., piece.channels])


@given(st.data(), st.integers(1, 3), st.integers(1, 2))
@settings(max_examples=150)
def test_runs_are_the_taps_of_all_windows_in_a_row(data, phases, pieces):
    """Where the stride is the number of phases: of tap t, t + phases, ... what they all meet."""
    m, padded = data.draw(stored(phases, pieces))
    axes = data.draw(window(m, stride=phases))
    rows, piece = share(data.draw, axes[0].output), data.draw(st.sampled_from(m.pieces))
    every = expected(m, padded, axes)[rows][..., piece.channels]
    for tap in range(min(phases, axes[1].kernel)):
        found = m.runs(axes, rows, piece.channels, tap)
        taps = every[:, :, :, tap::phases].transpose(0, 2, 3, 1, 4)  # rows, D_K, taps, columns, C
        assert np.array_equal(found, taps.reshape(*taps.shape[:3], -1))


@given(SMALL, SMALL, SMALL)
def test_ones_lie_beside_the_channels_of_every_pixel(H, W, C):
    m = Map.made(Memory(), (H, W, C), ones=True)
    m.view(slice(0, H), slice(0, C))[...] = 7
    pixels = m.pixels(slice(0, H), ones=True)
    assert pixels.shape == (H * W, C + 1)
    assert (pixels[:, :-1] == 7).all()
    assert (pixels[:, -1] == 1).all()
    assert np.shares_memory(m.pixels(slice(0, H), ones=False), pixels)


FORMS = {
    "simple": Form(),
    "border": Form((1, 1, 1, 1)),
    "another border": Form((1, 1, 1, 0)),
    "border of minus infinity": Form((1, 1, 1, 1), -np.inf),
    "ones": Form(ones=True),
    "phases": Form(phases=2),
    "phases and border": Form((1, 1, 1, 1), phases=2),
    "pieces": Form(parts=parts(4, 2)),
    "three pieces": Form(parts=parts(4, 3)),
    "pieces and border": Form((1, 1, 1, 1), parts=parts(4, 2)),
}


@pytest.mark.parametrize(("one", "other"), [*combinations(FORMS, 2)])
def test_memory_of_one_form_never_serves_another(one, other):
    """What is written once, a border or ones, must be what the next map needs, too."""
    for first, second in ((one, other), (other, one)):
        pool = Pool(Memory())
        m = pool.map((4, 6, 4), FORMS[first])
        pool.give_back(m)
        assert not pool.map((4, 6, 4), FORMS[second]).shares_memory(m)


@pytest.mark.parametrize("form", FORMS)
def test_memory_serves_its_like_once_it_is_given_back_and_not_before(form):
    pool = Pool(Memory())
    m = pool.map((4, 6, 4), FORMS[form])
    second = pool.map((4, 6, 4), FORMS[form])
    assert not second.shares_memory(m)
    pool.give_back(m)
    again = pool.map((4, 6, 4), FORMS[form])
    assert again.shares_memory(m)
    assert again is not m
    assert not pool.map((4, 6, 4), FORMS[form]).shares_memory(m)
    if form != "simple":
        pool.give_back(again)
        assert not pool.map((6, 4, 4), FORMS[form]).shares_memory(m)


def test_the_smallest_room_that_is_large_enough_is_taken():
    pool = Pool(Memory())
    large, small, smaller = (pool.map((1, n, 1)) for n in (30, 20, 10))
    for m in (large, smaller, small):
        pool.give_back(m)
    assert pool.map((1, 15, 1)).shares_memory(small)
    assert pool.map((3, 7, 1)).shares_memory(large)
    assert not any(pool.map((11, 1, 1)).shares_memory(m) for m in (large, small, smaller))


def test_without_the_trick_nothing_serves_again():
    pool = Pool(Memory(), reuse=False)
    for form in FORMS.values():
        m = pool.map((4, 6, 4), form)
        pool.give_back(m)
        assert not pool.map((4, 6, 4), form).shares_memory(m)
