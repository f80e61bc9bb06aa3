"""What may be bound to a kernel: checks that every device makes before it runs one.

>>> kernel = Kernel("relu", (Parameter("device half4*", "x", "buffer", 0),))
>>> check_dispatch(kernel, (8, 1, 1), (8, 1, 1), {}, {0: np.zeros(32, np.float16)}, {})
>>> check_dispatch(kernel, (8, 1, 1), (8, 1, 1), {}, {0: np.zeros(32, np.float32)}, {})
Traceback (most recent call last):
...
refnet.metal.device.MetalError: relu: buffer 0 (x): float32, but the kernel has device half4*
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from numbers import Integral

import numpy as np

from refnet.metal.device import Array, Kernel, MetalError, Parameter, Size

THREADS_AT_MOST = 1024  # of a threadgroup, on every Apple GPU since the A11
THREADGROUP_BYTES_AT_MOST = 32768
TEXTURE_TYPES = ("float16", "float32", "uint8")

_DTYPES = {
    "half": "float16",
    "float": "float32",
    "bool": "bool",
    "char": "int8",
    "uchar": "uint8",
    "short": "int16",
    "ushort": "uint16",
    "int": "int32",
    "uint": "uint32",
    "long": "int64",
    "ulong": "uint64",
}


def check_dispatch(
    kernel: Kernel,
    grid: Size,
    threadgroup: Size,
    textures: Mapping[int, Array],
    buffers: Mapping[int, Array],
    threadgroup_bytes: Mapping[int, int],
) -> None:
    """Raise MetalError, naming the kernel and the fault, unless the dispatch fits its signature."""
    for what, size in (("grid", grid), ("threadgroup", threadgroup)):
        numbers = tuple(size) if isinstance(size, Iterable) else ()
        if len(numbers) != 3 or not all(is_whole(n) and 1 <= n < 1 << 32 for n in numbers):
            raise MetalError(
                f"{kernel.name}: {what}: {size}, expected three whole numbers of 1 or more"
            )
    threads = threadgroup[0] * threadgroup[1] * threadgroup[2]
    if threads > THREADS_AT_MOST:
        raise MetalError(
            f"{kernel.name}: threadgroup: {threads} threads in {threadgroup}, "
            f"at most {THREADS_AT_MOST}"
        )
    check_positions(kernel, grid, threadgroup)
    for attribute, given in (
        ("texture", textures),
        ("buffer", buffers),
        ("threadgroup", threadgroup_bytes),
    ):
        check_complete(kernel, attribute, given)
    for index, one in kernel.bindings("texture").items():
        check_texture(kernel, one, textures[index])
    for index, one in kernel.bindings("buffer").items():
        check_buffer(kernel, one, buffers[index])
    check_apart(kernel, textures)
    check_threadgroup_bytes(kernel, threadgroup_bytes)


def is_whole(n: object) -> bool:
    """Whether a number is whole by its type: 1.0 is not, for Metal's own calls would not take it.

    >>> is_whole(1), is_whole(np.uint32(1)), is_whole(1.0)
    (True, True, False)
    """
    return isinstance(n, Integral)


def called(one: Parameter) -> str:
    """A binding as errors name it.

    >>> called(Parameter("device half4*", "weights", "buffer", 2))
    'buffer 2 (weights)'
    """
    return f"{one.attribute} {one.index} ({one.name})"


def check_positions(kernel: Kernel, grid: Size, threadgroup: Size) -> None:
    """Raise MetalError if a position counted in ushort would wrap around."""
    for one in kernel.parameters:
        if "ushort" not in one.type or not one.attribute.endswith("_in_grid"):
            continue
        lanes = int(one.type[-1]) if one.type[-1].isdigit() else 1
        for axis in range(lanes):
            reach = -(-grid[axis] // threadgroup[axis]) * threadgroup[axis]
            if reach > 1 << 16:
                raise MetalError(
                    f"{kernel.name}: grid: {reach} threads along {'xyz'[axis]}, "
                    f"but {one.name} is {one.type}, which ends at 65535"
                )


def check_complete(kernel: Kernel, attribute: str, given: Mapping[int, object]) -> None:
    """Raise MetalError for a binding that is missing or that the kernel does not have."""
    wanted = kernel.bindings(attribute)
    for index, one in wanted.items():
        if index not in given:
            raise MetalError(f"{kernel.name}: {called(one)} is missing")
    for index in given:
        if index not in wanted:
            has = ", ".join(called(one) for one in wanted.values()) or "none"
            raise MetalError(
                f"{kernel.name}: {attribute} {index} is given, but the kernel has {has}"
            )


def is_written(one: Parameter) -> bool:
    """Whether a kernel may write to a binding, as its type says."""
    if one.attribute == "texture":
        return "access::write" in one.type or "access::read_write" in one.type
    return not re.search(r"\b(?:const|constant)\b", one.type)


def check_texture(kernel: Kernel, one: Parameter, array: object) -> None:
    """Raise MetalError unless the array can be this texture."""
    problem = None
    if not isinstance(array, np.ndarray):
        problem = f"{type(array).__name__}, expected an array"
    elif array.dtype.name not in TEXTURE_TYPES:
        problem = f"{array.dtype}, expected one of {', '.join(TEXTURE_TYPES)}"
    elif array.ndim != 4 or array.shape[3] != 4 or 0 in array.shape:
        problem = f"shape {array.shape}, expected (slices, H, W, 4), none of them 0"
    elif not array.flags.c_contiguous:
        problem = "not C-contiguous"
    elif not one.type.startswith("texture2d_array") and array.shape[0] != 1:
        problem = f"{array.shape[0]} slices, but the kernel has {one.type}"
    elif is_written(one) and not array.flags.writeable:
        problem = "a read-only array, but the kernel writes to it"
    if problem:
        raise MetalError(f"{kernel.name}: {called(one)}: {problem}")


def check_buffer(kernel: Kernel, one: Parameter, array: object) -> None:
    """Raise MetalError unless the array can be this buffer; uint8 stands for plain bytes."""
    problem = None
    if not isinstance(array, np.ndarray):
        problem = f"{type(array).__name__}, expected an array"
    elif not array.flags.c_contiguous:
        problem = "not contiguous"
    elif is_written(one) and not array.flags.writeable:
        problem = "a read-only array, but the kernel writes to it"
    elif array.dtype.name not in ("uint8", scalar_of(one) or array.dtype.name):
        problem = f"{array.dtype}, but the kernel has {one.type}"
    if problem:
        raise MetalError(f"{kernel.name}: {called(one)}: {problem}")


def scalar_of(one: Parameter) -> str | None:
    """The NumPy type of a buffer's numbers; None for a struct.

    >>> scalar_of(Parameter("constant uint2&", "size", "buffer", 0))
    'uint32'
    """
    word = re.sub(r"\b(?:device|constant|threadgroup|const)\b|[*&\s]", "", one.type)
    word = re.sub(r"^(?:packed_)?(\w+?)[234]?$", r"\1", word)
    return _DTYPES.get(word.removesuffix("_t"))


def check_apart(kernel: Kernel, textures: Mapping[int, Array]) -> None:
    """Raise MetalError if a texture is written while another binding reads the same memory."""
    bound = list(kernel.bindings("texture").items())
    for index, one in bound:
        for other, two in bound:
            if (
                index != other
                and is_written(one)
                and np.may_share_memory(textures[index], textures[other])
            ):
                raise MetalError(
                    f"{kernel.name}: {called(one)} is written, "
                    f"and shares its memory with {called(two)}"
                )


def check_threadgroup_bytes(kernel: Kernel, given: Mapping[int, int]) -> None:
    """Raise MetalError unless each length is one that Metal takes, and all fit."""
    for index, one in kernel.bindings("threadgroup").items():
        length = given[index]
        if not is_whole(length) or length < 1 or length % 16:
            raise MetalError(
                f"{kernel.name}: {called(one)}: {length} bytes, expected a multiple of 16"
            )
    if sum(given.values()) > THREADGROUP_BYTES_AT_MOST:
        raise MetalError(
            f"{kernel.name}: {sum(given.values())} bytes of threadgroup memory, "
            f"at most {THREADGROUP_BYTES_AT_MOST}"
        )
