"""Products in blocks: every element once, each block small enough not to be copied."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refnet.engine.kernels.blocks import FEW_ROWS, LARGEST, LONG, grids
from refnet.engine.kernels.worklist import Weights, Worklist
from refnet.engine.memory import Memory
from refnet.engine.tricks import Tricks

sizes = st.integers(1, 1300)


@given(st.integers(1, 3000), sizes, sizes)
@example(49, 1024, 1000)
@example(12544, 16, 96)
@example(61, 700, 230)
def test_every_element_is_in_one_block(rows, inner, columns):
    found = grids(rows, (inner, columns))
    times = np.zeros((rows, columns), int)
    for grid in found:
        assert min(grid) >= 0
        assert min(grid.down, grid.across, grid.height, grid.width) > 0
        bottom, right = grid.down * grid.height, grid.across * grid.width
        assert grid.row + bottom <= rows
        assert grid.column + right <= columns
        times[grid.row :, grid.column :][:bottom, :right] += 1
    assert (times == 1).all()
    assert len(found) <= 4
    if not (rows == 1 or (rows > FEW_ROWS and inner > LONG)):
        assert all(grid.height * inner * grid.width <= LARGEST for grid in found)


@given(
    st.tuples(st.integers(1, 200), st.integers(1, 400), st.integers(1, 300)),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["rows", "columns", "every second row", "with ones"]),
)
@example((49, 512, 256), 0, "rows")
@example((196, 384, 200), 0, "every second row")
@example((98, 97, 333), 0, "columns")
@example((49, 321, 70), 0, "with ones")
def test_a_product_in_blocks_is_the_product(shape, seed, laid):
    """Whole numbers, whose sums are exact in any order; factors that lie as the kernels' do."""
    rows, inner, columns = shape
    rng = np.random.default_rng(seed)

    def drawn(*shape):
        return rng.integers(-8, 9, shape).astype(np.float32)

    a = {
        "rows": lambda: drawn(rows, inner),
        "columns": lambda: drawn(inner, rows).T,
        "every second row": lambda: drawn(2 * rows, inner)[::2],
        "with ones": lambda: drawn(rows, inner + 1)[:, :-1],
    }[laid]()
    w, room = drawn(inner, columns), np.full((rows + 2, columns + 3), np.nan, np.float32)
    work = Worklist(Memory(), Tricks())
    work.matmul(a, Weights(Memory(), w), room[1:-1, 1:-2])
    for step in work.steps:
        step.call()
    assert np.array_equal(room[1:-1, 1:-2], np.einsum("ri,ic->rc", a, w))
    room[1:-1, 1:-2] = np.nan
    assert np.isnan(room).all()  # and nothing beside it
    assert sum(product.flops for product in work.products) == 2 * rows * inner * columns


@pytest.mark.parametrize(
    ("rows", "inner", "columns", "calls", "strips"),
    [(784, 144, 32, 1, 1), (49, 960, 160, 2, 1), (49, 321, 200, 4, 2), (12, 8, 16, 1, 1)],
)
def test_weights_are_kept_once_for_all_rows(rows, inner, columns, calls, strips):
    work = Worklist(Memory(), Tricks())
    weights = Weights(Memory(), np.ones((inner, columns), np.float32))
    work.matmul(np.ones((rows, inner), np.float32), weights, np.zeros((rows, columns), np.float32))
    assert len(work.steps) == calls
    where = {step.call.args[1].__array_interface__["data"][0] for step in work.steps}
    assert len(where) == strips
