"""What crosses the bridge: numbers, structs, bytes; and what is a misuse of Metal.

pyobjc turns an argument by the selector's metadata (PyObjCTest of pyobjc-framework-Metal says
which): "Q" wants a whole number, a struct its own type, "n^v" something with bytes, "o^v" something
with bytes that may be written. The stand-in takes exactly that, and nothing that would merely do.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class MisuseError(AssertionError):
    """What Metal answers with undefined behaviour, lost writes, or the end of the process."""


class MTLOrigin(NamedTuple):
    x: int
    y: int
    z: int


class MTLSize(NamedTuple):
    width: int
    height: int
    depth: int


class MTLRegion(NamedTuple):
    origin: MTLOrigin
    size: MTLSize


class NSError:
    def __init__(self, said: str) -> None:
        self._said = said

    def localizedDescription(self) -> str:
        return self._said


class NSObject:
    """An unknown selector is Python's own AttributeError, as with pyobjc."""

    @classmethod
    def alloc(cls) -> Any:
        return cls()

    def init(self) -> Any:
        return self

    def respondsToSelector_(self, selector: str) -> bool:
        if not isinstance(selector, str | bytes):
            raise ValueError(f"depythonifying 'SEL', got '{type(selector).__name__}'")
        text = selector if isinstance(selector, str) else selector.decode()
        return hasattr(self, text.replace(":", "_"))


def whole(value: Any, what: str, *, below: int = 2**64) -> int:
    """An NSUInteger: an int, and no bool, NumPy number or float that would have to be turned."""
    if type(value) is not int:
        raise ValueError(f"{what}: depythonifying 'unsigned long long', got {value!r}")
    if not 0 <= value < below:
        raise MisuseError(f"{what}: {value}, expected 0 to {below - 1}")
    return value


def one_of(value: Any, known: tuple[int, ...], what: str) -> int:
    if whole(value, what) not in known:
        raise MisuseError(f"{what}: {value} is none of {known}")
    return int(value)


def flag(value: Any, what: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{what}: depythonifying 'BOOL', got {value!r}")
    return value


def struct(value: Any, kind: type, what: str) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{what}: {type(value).__name__}, expected {kind.__name__}")
    return value


def size_make(width: Any, height: Any, depth: Any) -> MTLSize:
    return MTLSize(*(whole(value, "MTLSizeMake") for value in (width, height, depth)))


def region_make_2d(x: Any, y: Any, width: Any, height: Any) -> MTLRegion:
    x, y, width, height = (whole(value, "MTLRegionMake2D") for value in (x, y, width, height))
    return MTLRegion(MTLOrigin(x, y, 0), MTLSize(width, height, 1))


def readable(data: Any, what: str) -> memoryview:
    """A `const void *`."""
    try:
        view = memoryview(data)
    except TypeError:
        raise ValueError(f"{what}: a {type(data).__name__} has no bytes") from None
    if not view.c_contiguous:
        raise ValueError(f"{what}: bytes with gaps")
    return view.cast("B")


def writable(data: Any, what: str) -> memoryview:
    """A `void *` that is written to."""
    view = readable(data, what)
    if view.readonly:
        raise ValueError(f"{what}: a {type(data).__name__} cannot be written to")
    return view


def no_out(value: Any, what: str) -> None:
    """An NSError** is passed as None, and comes back with the result."""
    if value is not None:
        raise ValueError(f"{what}: {value!r} for an out argument, expected None")
