"""What would end the process without a word is a fault with a name, or runs as Metal would.

Expected values are Metal's own rules, worked out by hand beside each kernel.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from refnet.metal.cpu import CpuLibrary
from refnet.metal.device import MetalError
from tests.metal.devices import Array, needs_compiler, probe

pytestmark = needs_compiler
ONE = (1, 1, 1)


def compiled(folder: Path, text: str) -> CpuLibrary:
    path = folder / "a.metal"
    path.write_text(f"#include <metal_stdlib>\nusing namespace metal;\n{text}")
    return CpuLibrary(path)


def numbers(*values: int) -> Array:
    return np.array(values, np.int32)


def test_each_waiting_thread_has_a_stack_for_a_large_array() -> None:
    to = np.zeros(1024, np.float32)
    probe("ends").dispatch("large_array", (1024, 1, 1), (1024, 1, 1), buffers={0: to})
    # Thread i fills a[k] with k + i, waits for all others, and reads a[16499 - i].
    assert (to == 16499).all()


@pytest.mark.parametrize("wait", ["threadgroup_barrier(mem_flags::mem_none);", ""])
def test_a_larger_one_than_a_stack_takes_is_refused_with_its_size(
    wait: str, tmp_path: Path
) -> None:
    text = f"""kernel void f(device float* x [[buffer(0)]], uint i [[thread_position_in_grid]])
{{
    float a[70000];
    for (uint k = 0; k < 70000; ++k) a[k] = x[k % 2];
    {wait}
    x[i] = a[uint(x[1])];
}}
"""
    said = r"^a\.metal: f has 28\d{4} bytes of variables of its own, at most 262144 run here$"
    with pytest.raises(MetalError, match=said):
        compiled(tmp_path, text)


def test_an_array_of_a_size_known_only_at_run_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MetalError, match=r"^a\.metal:3:.*error: .*variable length array"):
        compiled(tmp_path, "kernel void f(constant int& n [[buffer(0)]]) { int a[n]; a[0] = n; }")


@pytest.mark.parametrize(
    ("kernel", "where"),
    [
        ("quotient", "at ends.metal:16"),
        ("remainder_of", "at ends.metal:22"),
        ("waiting_quotient", "at ends.metal:29"),
        ("vector_quotient", "of vectors"),
        ("vector_remainder", "of vectors"),
    ],
)
@pytest.mark.parametrize("threads", [4, 4096])  # by one worker, and by several
def test_a_whole_number_divided_by_zero_is_a_fault_with_its_line(
    kernel: str, where: str, threads: int
) -> None:
    x = np.arange(1, threads + 1, dtype=np.int32)
    size = (threads, 1, 1), (4, 1, 1)
    probe("ends").dispatch(kernel, *size, buffers={0: x, 1: numbers(1)})
    x[:] = 7
    x[2] = 0
    with pytest.raises(MetalError) as fault:
        probe("ends").dispatch(kernel, *size, buffers={0: x, 1: numbers(1)})
    said = f"{kernel}: integer division or remainder by zero, {where}, by thread (2, 0, 0)"
    assert str(fault.value) == said
    x[:] = 7  # and the next dispatch runs
    probe("ends").dispatch(kernel, *size, buffers={0: x, 1: numbers(1)})


@pytest.mark.parametrize("kernel", ["cast_pointer", "cast_address"])
@pytest.mark.parametrize("start", [1, 2, 3])
def test_a_vector_where_it_may_not_lie_is_a_fault_with_its_byte(kernel: str, start: int) -> None:
    memory = np.zeros(12, np.float32)
    x = memory[-memory.ctypes.data % 16 // 4 :][:8]  # from a multiple of 16 bytes
    probe("ends").dispatch(kernel, ONE, ONE, buffers={0: x, 1: numbers(4)})
    assert x[4:8].tolist() == [1, 1, 1, 1]
    with pytest.raises(MetalError) as fault:
        probe("ends").dispatch(kernel, ONE, ONE, buffers={0: x, 1: numbers(start)})
    said = f"an element at byte {4 * start}, but its type starts at multiples of 16 bytes"
    assert str(fault.value) == f"{kernel}: buffer 0 (x): {said}, by thread (0, 0, 0)"


@pytest.mark.parametrize(
    ("which", "inside", "outside", "name"),
    [
        (0, {0: 1, 2: 3}, {3: 3, -1: 3}, "table"),
        (1, {0: 1, 2: 3}, {3: 3, -1: 3}, "table"),  # handed to a function
        (2, {1: 3, -1: 1}, {2: 3}, "table"),  # by the address of its second element
        (3, {0: 6, 1: 7}, {2: 2}, "rows"),
        (4, {0: 8}, {1: 1}, "eight"),
    ],
)
def test_a_pointer_to_a_constant_of_the_file_reads_within_it(
    which: int, inside: dict[int, float], outside: dict[int, int], name: str
) -> None:
    to = np.zeros(1, np.float32)
    for at, value in inside.items():
        probe("ends").dispatch("constants", ONE, ONE, buffers={0: to, 1: numbers(which, at)})
        assert to[0] == value
    for at, size in outside.items():
        with pytest.raises(MetalError) as fault:
            probe("ends").dispatch("constants", ONE, ONE, buffers={0: to, 1: numbers(which, at)})
        element = at + (which == 2)
        said = f"constants: constant {name}: element {element} of {size} (4 bytes each)"
        assert str(fault.value) == f"{said}, by thread (0, 0, 0)"


def test_an_empty_buffer_is_named_when_it_is_read() -> None:
    to = np.zeros(4, np.float16)
    with pytest.raises(MetalError, match=r"^read_at: buffer 0 \(from\): element 0 of 0 \(8 bytes"):
        probe("faults").dispatch(
            "read_at", ONE, ONE, buffers={0: np.zeros(0, np.float16), 1: to, 2: numbers(0)}
        )


@pytest.mark.parametrize(
    "around",
    [
        "#if 0\n{}\n#endif",
        "namespace n {{ {} }}",
        "template <typename T> {}",
        "#ifdef FAST\nkernel void h() {{}}\n{}\n#endif",
    ],
)
def test_a_kernel_that_is_no_plain_function_is_told_on_one_line(
    around: str, tmp_path: Path
) -> None:
    text = around.format("kernel void f(device float* x [[buffer(0)]]) { x[0] = 1.0f; }")
    with pytest.raises(MetalError) as fault:
        compiled(tmp_path, f"kernel void other() {{}}\n{text}\nkernel void last() {{}}\n")
    first = "h" if "h()" in text else "f"
    said = str(fault.value)
    assert said.startswith(f"a.metal: kernel {first} is no plain function of the file: ")
    assert "\n" not in said
