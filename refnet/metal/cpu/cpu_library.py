"""CpuLibrary: the kernels of .metal files as machine code, run on arrays by several threads."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from refnet.metal.bindings import called, check_dispatch
from refnet.metal.cpu.cache import load
from refnet.metal.cpu.faults import Binding, Fault, Order, described
from refnet.metal.cpu.launcher import translation_unit
from refnet.metal.cpu.source import read
from refnet.metal.device import Array, Kernel, MetalError, Size

_FORMATS = {"uint8": 1, "float16": 2, "float32": 4}
_OF_THREADGROUP = -1
# A worker takes shares until none is left, so that one slow share does not keep the others waiting.
_SHARES_PER_WORKER = 4
_THREADS_WORTH_SHARING = 2048


@dataclass(frozen=True)
class _Compiled:
    """One kernel with its launcher, its element sizes, and its file's threadgroup variables."""

    kernel: Kernel
    launch: Any
    sizes: tuple[tuple[int, int], ...]
    variables: tuple[str, ...]


class CpuLibrary:
    """Compile .metal files with this machine's C++ compiler, and run their kernels.

    With a file twice.metal that holds
    `kernel void twice(device float* x [[buffer(0)]], uint i [[thread_position_in_grid]])
    { x[i] *= 2.0f; }`:

        library = CpuLibrary("twice.metal")
        x = np.ones(3, np.float32)
        library.dispatch("twice", (3, 1, 1), (1, 1, 1), buffers={0: x})     # x: 2, 2, 2

    workers: how many threads share a dispatch; all that this process may use unless told.
    order: in which order the threads of a threadgroup run, and a worker's threadgroups. A GPU
    promises none, so a kernel whose answers differ between "forward" and "backward" has a race:
    it lacks a barrier.
    borders: what a nearest sample on the border of two pixels is, where a GPU's rounding decides:
    a "fault", or "floor".

    What is checked, beside the arguments: every access to a texture; every access through a device,
    constant or threadgroup pointer against the bytes bound there or the constant of the file that
    it came from, and that its type may lie there; every index of a threadgroup variable; integer
    division by zero; barriers that some threads do not reach.

    Not checked: a thread's own arrays, and pointers to them; constant tables of the file when
    indexed by their name; the fields behind a reference once the dispatch has found it large
    enough; in threadgroup memory, what lies within an element (the array of a typedef, the members
    of a struct); barriers that lie on one line, or in one helper function, which pass for the same
    one; the smallest integer divided by -1; calls so deep that a stack of 1 MiB is full, of which
    recursion is the lint's to find; races other than by `order`.

    Not supported, and refused when it is compiled or bound: packed types (packed_float3), atomics,
    matrices, simdgroup matrices, function constants, textures other than texture2d and
    texture2d_array of half or float, level() and other options of sample(), kernels that are
    templates or lie in a named namespace, arrays of a size known only when the kernel runs, and
    functions with more than 256 KiB of variables. Refused when it runs: linear filters, and
    repeating addresses in pixels.
    """

    def __init__(
        self,
        *paths: str | Path,
        workers: int | None = None,
        order: Literal["forward", "backward"] = "forward",
        borders: Literal["fault", "floor"] = "fault",
    ) -> None:
        if not paths:
            raise MetalError("paths: none, expected at least one .metal file")
        self.workers = workers or usable_cores()
        self._backward, self._floor = int(order == "backward"), int(borders == "floor")
        self._pool = ThreadPoolExecutor(self.workers, "metal-cpu") if self.workers > 1 else None
        # A compiler is a process of its own: several files are built at the same time.
        with ThreadPoolExecutor(min(len(paths), usable_cores())) as pool:
            files = list(pool.map(compiled, map(Path, paths)))
        self._compiled: dict[str, _Compiled] = {}
        for path, kernels in zip(paths, files, strict=True):
            for name, one in kernels.items():
                if name in self._compiled:
                    raise MetalError(f"{Path(path).name}: kernel {name} is in another file too")
                self._compiled[name] = one

    @property
    def kernels(self) -> Mapping[str, Kernel]:
        """Every kernel by its name."""
        return {name: one.kernel for name, one in self._compiled.items()}

    def dispatch(
        self,
        name: str,
        grid: Size,
        threadgroup: Size,
        textures: Mapping[int, Array] = {},
        buffers: Mapping[int, Array] = {},
        threadgroup_bytes: Mapping[int, int] = {},
    ) -> None:
        """Run a kernel over the threadgroups that cover the grid; see refnet.metal.device.

        Raises MetalError for arguments that do not fit, before anything runs; and for a fault of
        the kernel, after which what it writes to is in no certain state.
        """
        if name not in self._compiled:
            raise MetalError(
                f"{name}: no such kernel; there are {', '.join(sorted(self._compiled))}"
            )
        one = self._compiled[name]
        check_dispatch(one.kernel, grid, threadgroup, textures, buffers, threadgroup_bytes)
        bindings = bound(one, textures, buffers, threadgroup_bytes)
        groups = [-(-g // t) for g, t in zip(grid, threadgroup, strict=True)]
        total = groups[0] * groups[1] * groups[2]

        def part(first: int, last: int) -> tuple[Fault, Order]:
            order = Order(
                bindings,
                len(one.kernel.parameters),
                (ctypes.c_uint32 * 3)(*threadgroup),
                (ctypes.c_uint32 * 3)(*groups),
                first,
                last,
                self._backward,
                self._floor,
            )
            fault = Fault()
            one.launch(ctypes.byref(order), ctypes.byref(fault))
            return fault, order

        threads = threadgroup[0] * threadgroup[1] * threadgroup[2]
        shares = min(total, self.workers * _SHARES_PER_WORKER)
        if self._pool is None or total * threads < _THREADS_WORTH_SHARING:
            done = [part(0, total)]
        else:
            cuts = [total * i // shares for i in range(shares + 1)]
            done = list(self._pool.map(part, cuts[:-1], cuts[1:]))
        for fault, order in done:
            if fault.code:
                raise MetalError(described(fault, one.kernel, one.variables, dict(textures), order))


def usable_cores() -> int:
    """How many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS has no affinities
        return os.cpu_count() or 1


def compiled(path: Path) -> dict[str, _Compiled]:
    """The kernels of one file, built or taken from the cache."""
    source = read(path)
    if not source.kernels:
        raise MetalError(f"{path.name}: no kernel in it")
    code, variables = translation_unit(source)
    library = load(code, path.name)
    kernels = {}
    for name, kernel in source.kernels.items():
        launch = library[f"launch_{name}"]
        launch.restype = None
        count = max(1, len(kernel.parameters))
        numbers = list((ctypes.c_ulonglong * (2 * count)).in_dll(library, f"sizes_{name}"))
        sizes = tuple(zip(numbers[::2], numbers[1::2], strict=True))
        kernels[name] = _Compiled(kernel, launch, sizes, variables)
    return kernels


def bound(
    one: _Compiled,
    textures: Mapping[int, Array],
    buffers: Mapping[int, Array],
    threadgroup_bytes: Mapping[int, int],
) -> Any:
    """The kernel's parameters as its launcher takes them; the arrays must outlive them."""
    made = (Binding * max(1, len(one.kernel.parameters)))()
    for k, parameter in enumerate(one.kernel.parameters):
        index = parameter.index
        if index is None:
            continue
        if parameter.attribute == "texture":
            array = textures[index]
            slices, height, width, _ = array.shape
            made[k] = Binding(
                array.ctypes.data, array.nbytes, _FORMATS[array.dtype.name], width, height, slices
            )
        elif parameter.attribute == "threadgroup":
            made[k] = Binding(None, threadgroup_bytes[index], _OF_THREADGROUP)
        else:
            array, (size, alignment) = buffers[index], one.sizes[k]
            problem = None
            if parameter.type.endswith("&") and array.nbytes < size:
                problem = f"{array.nbytes} bytes, but {parameter.type} has {size}"
            elif array.ctypes.data % alignment:
                problem = (
                    f"does not start at a multiple of {alignment} bytes, as {parameter.type} must"
                )
            if problem:
                raise MetalError(f"{one.kernel.name}: {called(parameter)}: {problem}")
            made[k] = Binding(array.ctypes.data, array.nbytes, 0)
    return made
