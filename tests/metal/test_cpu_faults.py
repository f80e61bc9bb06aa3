"""What a kernel or a host does wrong is found, and named on one line with the kernel's name."""

from __future__ import annotations

import ctypes
import mmap
import sys
from typing import Literal

import numpy as np
import pytest

from refnet.metal.device import MetalError
from tests.metal.devices import Array, needs_compiler, number, probe

pytestmark = needs_compiler
ONE = (1, 1, 1)


def at(index: int) -> Array:
    return number(index, "int32")


@pytest.mark.parametrize("index", [10, -1, 1 << 20, -(1 << 20)])
def test_an_element_outside_a_buffer_is_named_even_one_beyond_its_end(index: int) -> None:
    inside = np.arange(42, dtype=np.float16)  # ten whole half4, and half of an eleventh
    to = np.zeros(4, np.float16)
    probe("faults").dispatch("read_at", ONE, ONE, buffers={0: inside, 1: to, 2: at(9)})
    assert to.tolist() == [36, 37, 38, 39]
    with pytest.raises(MetalError) as fault:
        probe("faults").dispatch("read_at", ONE, ONE, buffers={0: inside, 1: to, 2: at(index)})
    said = f"element {index} of 10 (8 bytes each), by thread (0, 0, 0)"
    assert str(fault.value) == f"read_at: buffer 0 (from): {said}"


def test_a_write_outside_names_the_thread_and_changes_nothing_beside_the_buffer() -> None:
    memory = np.zeros(12, np.float32)
    for index in (4, -1):
        with pytest.raises(
            MetalError, match=r"^write_at: buffer 4 \(to\): .*by thread \(5, 0, 0\)$"
        ):
            probe("faults").dispatch(
                "write_at", (8, 1, 1), (4, 1, 1), buffers={4: memory[4:8], 2: at(index)}
            )
    assert not memory.any()


def test_a_pointer_that_was_moved_first_is_checked_where_it_reads() -> None:
    table, to = np.ones(3, np.float32), np.zeros(1, np.float32)
    with pytest.raises(MetalError, match=r"^constant_at: buffer 0 \(from\): element 3 of 3 "):
        probe("faults").dispatch("constant_at", ONE, ONE, buffers={0: table, 1: to, 2: at(3)})


def test_a_reference_needs_the_bytes_of_its_struct() -> None:
    to = np.zeros(1, np.float32)
    pair = np.array([1, 2], np.float32)
    probe("faults").dispatch("pair_second", ONE, ONE, buffers={0: pair, 1: to})
    assert to[0] == 2
    with pytest.raises(
        MetalError, match=r"^pair_second: buffer 0 \(pair\): 4 bytes, but .* has 8$"
    ):
        probe("faults").dispatch("pair_second", ONE, ONE, buffers={0: pair[:1], 1: to})


@pytest.mark.parametrize("index", [8, -1])
def test_threadgroup_memory_has_an_end_too(index: int) -> None:
    to = np.zeros(1, np.float32)
    buffers = {0: to, 1: at(index)}
    with pytest.raises(MetalError) as fault:
        probe("faults").dispatch("parameter_memory", ONE, ONE, {}, buffers, {1: 32})
    said = f"element {index} of 8 (4 bytes each), by thread (0, 0, 0)"
    assert str(fault.value) == f"parameter_memory: threadgroup 1 (memory): {said}"


@pytest.mark.parametrize(
    ("index", "said"), [((4, 0), "4 of 4"), ((0, 5), "5 of 5"), ((1, -1), "-1 of 5")]
)
def test_each_dimension_of_a_threadgroup_variable_is_checked_by_itself(
    index: tuple[int, int], said: str
) -> None:
    buffers = {0: np.zeros(1, np.float32), 1: number(index, "int32")}
    with pytest.raises(MetalError) as fault:
        probe("faults").dispatch("variable_memory", ONE, ONE, buffers=buffers)
    line = f"variable_memory: threadgroup variable tile: element {said}, by thread (0, 0, 0)"
    assert str(fault.value) == line


def test_threadgroup_memory_starts_as_no_number_and_ends_at_32_kib() -> None:
    to = np.zeros(1, np.float32)
    probe("faults").dispatch("unwritten_memory", ONE, ONE, buffers={0: to})
    assert np.isnan(to[0])
    with pytest.raises(
        MetalError, match=r"^too_much: 40000 bytes of threadgroup memory, at most 32768"
    ):
        probe("faults").dispatch("too_much", ONE, ONE, buffers={0: to})


@pytest.mark.parametrize(
    ("kernel", "said"),
    [
        ("some_wait", "7 of 16 threads wait at line 61, the others have ended"),
        ("wait_apart", "threads wait at line 68 and at line 70"),
        ("one_waits_twice", "1 of 16 threads wait at line 77, the others have ended"),
    ],
)
def test_a_barrier_that_not_all_threads_reach_is_named(kernel: str, said: str) -> None:
    with pytest.raises(MetalError, match=rf"^{kernel}: divergent barrier: {said}, by thread"):
        probe("faults").dispatch(
            kernel, (16, 1, 1), (16, 1, 1), buffers={0: np.zeros(16, np.float32)}
        )


@pytest.mark.parametrize(("order", "first"), [("forward", 0), ("backward", 7)])
def test_of_many_faults_the_first_is_told(
    order: Literal["forward", "backward"], first: int
) -> None:
    buffers = {0: np.zeros(4, np.float16), 1: np.zeros(4, np.float16), 2: at(1)}
    with pytest.raises(MetalError, match=rf"by thread \({first}, 0, 0\)$"):
        probe("faults", order).dispatch("read_at", (8, 1, 1), (8, 1, 1), buffers=buffers)


def test_a_fault_is_told_from_whichever_worker_met_it() -> None:
    to = np.zeros(4, np.float32)
    with pytest.raises(MetalError, match=r"^write_at: .* by thread \(5, 0, 0\)$"):
        probe("faults").dispatch("write_at", (1 << 16, 1, 1), (64, 1, 1), buffers={4: to, 2: at(4)})
    probe("faults").dispatch("write_at", (1 << 16, 1, 1), (64, 1, 1), buffers={4: to, 2: at(3)})
    assert to[3] == 1  # and a fault leaves nothing behind for the next dispatch


@pytest.mark.skipif(sys.platform != "linux", reason="mprotect is called as Linux has it")
def test_a_buffer_may_end_at_a_page_that_may_not_be_touched() -> None:
    page = mmap.PAGESIZE
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    private_anonymous = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    start = libc.mmap(None, ctypes.c_size_t(2 * page), 3, private_anonymous, -1, ctypes.c_long(0))
    assert libc.mprotect(ctypes.c_void_p(start + page), ctypes.c_size_t(page), 0) == 0
    try:
        whole = np.ctypeslib.as_array((ctypes.c_uint8 * page).from_address(start))
        last = whole[-80:].view(np.float16)
        last[:] = np.arange(40)
        to = np.zeros(4, np.float16)
        probe("faults").dispatch("read_at", ONE, ONE, buffers={0: last, 1: to, 2: at(9)})
        assert to.tolist() == [36, 37, 38, 39]
        with pytest.raises(MetalError, match="element 10 of 10"):
            probe("faults").dispatch("read_at", ONE, ONE, buffers={0: last, 1: to, 2: at(10)})
    finally:
        libc.munmap(ctypes.c_void_p(start), ctypes.c_size_t(2 * page))
