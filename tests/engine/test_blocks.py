"""Products in blocks: every element once, each block small enough not to be copied."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from refnet.engine.kernels.blocks import LARGEST, STRIP, blocks
from refnet.engine.kernels.worklist import Weights, Worklist
from refnet.engine.memory import Memory
from refnet.engine.tricks import Tricks

sizes = st.integers(1, 1300)


@given(st.integers(1, 3000), sizes, sizes)
@example(49, 1024, 1000)
@example(12544, 16, 96)
def test_every_element_is_in_one_block(rows, inner, columns):
    found = blocks(rows, (inner, columns))
    times = np.zeros((rows, columns), int)
    for some, strip in found:
        assert 0 <= some.start < some.stop <= rows
        assert 0 <= strip.start < strip.stop <= columns
        times[some, strip] += 1
    assert (times == 1).all()
    if len(found) > 1:
        for some, strip in found:
            assert (some.stop - some.start) * inner * (strip.stop - strip.start) <= LARGEST


def test_a_strip_is_kept_once_for_all_rows():
    """784 rows of 144: four blocks, one strip; 49 rows of 960: strips of 64, and their rest."""
    for (rows, inner, columns), strips in [((784, 144, 32), 1), ((49, 960, 160), -(-160 // STRIP))]:
        work = Worklist(Memory(), Tricks())
        weights = Weights(Memory(), np.ones((inner, columns), np.float32))
        out = np.zeros((rows, columns), np.float32)
        work.matmul(np.ones((rows, inner), np.float32), weights, out)
        for step in work.steps:
            step.call()
        assert (out == inner).all()
        assert len({id(step.call.args[1]) for step in work.steps}) == strips < len(work.steps)
