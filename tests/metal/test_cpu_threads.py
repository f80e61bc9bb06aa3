"""Threadgroups of the CPU device: positions, barriers, SIMD-groups; any order, the same bits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from refnet.metal.cpu import CpuLibrary
from refnet.metal.device import MetalError
from tests.metal.devices import PROBES, Array, needs_compiler, probe

pytestmark = needs_compiler
ORDERS = ("forward", "backward")


def test_every_thread_is_told_where_it_stands() -> None:
    size, groups = (4, 3, 5), (2, 3, 2)
    total = tuple(g * s for g, s in zip(groups, size, strict=True))
    to = np.zeros((total[2], total[1], total[0], 22), np.uint32)
    # One thread short of whole threadgroups along each axis: whole ones are run all the same.
    grid = (total[0] - 1, total[1] - 1, total[2] - 1)
    probe("threads").dispatch("positions", grid, size, buffers={0: to})
    for z, y, x in itertools.product(*map(range, (total[2], total[1], total[0]))):
        here = x % 4, y % 3, z % 5
        index = here[0] + 4 * (here[1] + 3 * here[2])
        expected = [x, y, z, *total, *here, x // 4, y // 3, z // 5, *size, *groups]
        assert to[z, y, x].tolist() == [*expected, index, index % 32, index // 32, 2]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("threads", [1, 5, 32, 256, 1024])
def test_a_barrier_lets_every_thread_read_what_any_other_wrote(order: str, threads: int) -> None:
    x = np.arange(threads, dtype=np.float32)
    probe("threads", order).dispatch(  # type: ignore[arg-type]
        "reverse",
        (threads, 1, 1),
        (threads, 1, 1),
        buffers={0: x},
        threadgroup_bytes={0: -(-threads // 4) * 16},
    )
    assert x.tolist() == list(range(threads))[::-1]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_each_threadgroup_has_threadgroup_variables_of_its_own(order: str, workers: int) -> None:
    x = np.random.default_rng(0).normal(size=(48, 64)).astype(np.float16)
    y = np.zeros((64, 48), np.float16)
    library = CpuLibrary(PROBES / "threads.metal", workers=workers, order=order)  # type: ignore[arg-type]
    library.dispatch("transpose", (64, 48, 1), (8, 8, 1), buffers={0: x, 1: y})
    np.testing.assert_array_equal(y, x.T)


def test_a_missing_barrier_shows_as_answers_that_depend_on_the_order() -> None:
    def answer(order: str) -> Array:
        x = np.arange(64, dtype=np.float32)
        probe("threads", order).dispatch(  # type: ignore[arg-type]
            "no_barrier", (64, 1, 1), (64, 1, 1), buffers={0: x}
        )
        return x

    forward, backward = answer("forward"), answer("backward")
    assert forward.tolist() == [0, *range(63)]  # right by luck
    assert np.isnan(backward[1:]).all()  # memory that was never written is no number


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("threads", [64, 40])
def test_simd_functions_are_sums_and_moves_over_thirty_two_lanes(order: str, threads: int) -> None:
    x = np.random.default_rng(2).integers(-1000, 1000, threads).astype(np.int32)
    y = np.zeros((8, threads), np.int32)
    probe("threads", order).dispatch(  # type: ignore[arg-type]
        "lanes", (threads, 1, 1), (threads, 1, 1), buffers={0: x, 1: y}
    )
    for first in range(0, threads, 32):
        v, own = x[first : first + 32], y[:, first : first + 32]
        n = len(v)
        lane = np.arange(n)
        assert (own[0] == v.sum()).all()
        assert (own[1] == v.max()).all()
        assert (own[2] == v.min()).all()
        there = lane ^ 5
        np.testing.assert_array_equal(own[3], np.where(there < n, v[there % n], -1))
        assert (own[4] == v[3]).all()
        down = np.append(v[1:], -1)  # all bits set where no lane is
        down[30:] = -1  # lane 31 does not take part, so lane 30 gets nothing from it
        np.testing.assert_array_equal(own[5], down)
        odd, even = v[1::2].sum(), v[::2].sum()
        np.testing.assert_array_equal(own[6], np.where(lane % 2, odd, -even))
        assert (own[7] == 3 * v.sum() + 3 * lane.sum()).all()


def test_a_reduction_by_simd_groups_and_threadgroup_memory_is_the_sum() -> None:
    x = np.arange(1024 * 4, dtype=np.float32).reshape(1024, 4)  # sums below 2^24: exact
    total = np.zeros(4, np.float32)
    probe("threads").dispatch("total", (1024, 1, 1), (1024, 1, 1), buffers={0: x, 1: total})
    assert total.tolist() == x.sum(0).tolist()


def test_threads_that_a_threadgroup_cannot_have_are_refused() -> None:
    with pytest.raises(
        MetalError, match=r"^positions: threadgroup: 1056 threads in .*at most 1024"
    ):
        probe("threads").dispatch("positions", (33, 32, 1), (33, 32, 1), buffers={})
    with pytest.raises(MetalError, match=r"^positions: grid: \(0, 1, 1\), expected three whole"):
        probe("threads").dispatch("positions", (0, 1, 1), (1, 1, 1), buffers={})


def test_threadgroup_memory_is_reached_by_pointers_within_the_row_they_came_from() -> None:
    y = np.zeros(3, np.float32)
    one = (1, 1, 1)
    probe("threads").dispatch("by_pointers", one, one, buffers={0: y, 1: np.zeros(1, np.int32)})
    assert y.tolist() == [13, 21, 10]
    with pytest.raises(MetalError, match=r"^by_pointers: threadgroup memory: element 4, outside"):
        probe("threads").dispatch("by_pointers", one, one, buffers={0: y, 1: np.array([4], "i4")})
