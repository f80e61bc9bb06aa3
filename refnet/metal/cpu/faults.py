"""Faults of a launch in words: the kernel, what it did, where, and which thread it was.

The numbers come from shim/faults.hpp, and mirror its structures.
"""

from __future__ import annotations

import ctypes

from refnet.metal.bindings import called
from refnet.metal.device import Array, Kernel, Size


class Binding(ctypes.Structure):
    """`struct binding`: one parameter as the host fills it."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("bytes", ctypes.c_size_t),
        ("format", ctypes.c_int),
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("slices", ctypes.c_uint32),
    )


class Order(ctypes.Structure):
    """`struct order`: which threadgroups a worker runs."""

    _fields_ = (
        ("bindings", ctypes.POINTER(Binding)),
        ("parameters", ctypes.c_int),
        ("threads", ctypes.c_uint32 * 3),
        ("groups", ctypes.c_uint32 * 3),
        ("first", ctypes.c_uint32),
        ("last", ctypes.c_uint32),
        ("backward", ctypes.c_int),
        ("borders", ctypes.c_int),
    )


class Fault(ctypes.Structure):
    """`struct fault_report`: the first fault of a launch; its code is 0 where there was none."""

    _fields_ = (
        ("code", ctypes.c_int),
        ("about", ctypes.c_int),
        ("a", ctypes.c_longlong),
        ("b", ctypes.c_longlong),
        ("c", ctypes.c_longlong),
        ("x", ctypes.c_double),
        ("y", ctypes.c_double),
        ("group", ctypes.c_uint32),
        ("thread", ctypes.c_uint32),
        ("name", ctypes.c_char_p),
    )


(
    _TEXTURE_READ,
    _TEXTURE_WRITE,
    _BUFFER,
    _THREADGROUP_MEMORY,
    _BARRIER,
    _BARRIERS,
    _SAMPLER,
    _SAMPLE_EDGE,
    _SAMPLE_NOWHERE,
    _TOO_MUCH_THREADGROUP_MEMORY,
    _NOT_OF_A_BUFFER,
    _MISALIGNED,
    _DIVISION_BY_ZERO,
    _NO_STACKS,
) = range(1, 15)


def described(
    fault: Fault,
    kernel: Kernel,
    variables: tuple[str, ...],
    textures: dict[int, Array],
    order: Order,
) -> str:
    """A fault on one line."""
    what = (
        _of_memory(fault, kernel, variables)
        if fault.code
        in (
            _BUFFER,
            _THREADGROUP_MEMORY,
            _TOO_MUCH_THREADGROUP_MEMORY,
            _NOT_OF_A_BUFFER,
            _MISALIGNED,
        )
        else _of_threads(fault)
        if fault.code in (_BARRIER, _BARRIERS, _DIVISION_BY_ZERO, _NO_STACKS)
        else _of_texture(fault, kernel, textures)
    )
    return f"{kernel.name}: {what}, by thread {position(fault, order)}"


def position(fault: Fault, order: Order) -> Size:
    """The fault's thread_position_in_grid."""

    def split(index: int, sizes: list[int]) -> list[int]:
        return [index % sizes[0], index // sizes[0] % sizes[1], index // sizes[0] // sizes[1]]

    threads, groups = list(order.threads), list(order.groups)
    group, thread = split(fault.group, groups), split(fault.thread, threads)
    x, y, z = (g * n + t for g, n, t in zip(group, threads, thread, strict=True))
    return x, y, z


def _of_memory(fault: Fault, kernel: Kernel, variables: tuple[str, ...]) -> str:
    where = "threadgroup memory"
    if fault.about >= 0 and fault.code != _THREADGROUP_MEMORY:
        where = called(kernel.parameters[fault.about])
    elif fault.name:
        where = f"constant {fault.name.decode(errors='replace')}"
    if fault.code == _BUFFER:
        return f"{where}: element {fault.a} of {fault.b} ({fault.c} bytes each)"
    if fault.code == _MISALIGNED:
        return (
            f"{where}: an element at byte {fault.a}, "
            f"but its type starts at multiples of {fault.b} bytes"
        )
    if fault.code == _TOO_MUCH_THREADGROUP_MEMORY:
        return f"{fault.a} bytes of threadgroup memory, at most {fault.b}"
    if fault.code == _NOT_OF_A_BUFFER:
        return "a pointer to device memory is made of an address in no buffer"
    if fault.about >= 0:
        return f"threadgroup variable {variables[fault.about]}: element {fault.a} of {fault.b}"
    return f"threadgroup memory: element {fault.a}, outside what its pointer came from"


def _of_threads(fault: Fault) -> str:
    if fault.code == _DIVISION_BY_ZERO:
        file = (fault.name or b"").decode(errors="replace")
        # The lanes of a vector divide in the stand-in header, which says nothing of where.
        where = "of vectors" if file.endswith(".hpp") else f"at {file}:{fault.a}"
        return f"integer division or remainder by zero, {where}"
    if fault.code == _NO_STACKS:
        return f"no memory for the stacks of {fault.a} threads that wait for one another"
    if fault.code == _BARRIER:
        return (
            f"divergent barrier: {fault.a} of {fault.b} threads wait at line {fault.c}, "
            "the others have ended"
        )
    return f"divergent barrier: threads wait at line {fault.a} and at line {fault.b}"


def _of_texture(fault: Fault, kernel: Kernel, textures: dict[int, Array]) -> str:
    one = kernel.parameters[fault.about]
    name = called(one)
    slices, height, width, _ = textures[one.index if one.index is not None else -1].shape
    if fault.code in (_TEXTURE_READ, _TEXTURE_WRITE):
        verb = "read" if fault.code == _TEXTURE_READ else "write"
        return (
            f"{name}: {verb} at ({fault.a}, {fault.b}) of slice {fault.c}, "
            f"outside {width} x {height} in {slices} slice{'s' * (slices > 1)}"
        )
    at = f"({fault.x:g}, {fault.y:g})"
    if fault.code == _SAMPLE_EDGE:
        return f"{name}: sample at {at}, on the border of two pixels, whose middles are at .5"
    if fault.code == _SAMPLE_NOWHERE:
        return f"{name}: sample at {at}, which is no position"
    mode = "filter::linear" if fault.a == 1 else "address::repeat with coord::pixel"
    return f"{name}: sampler with {mode}, which does not run here"
