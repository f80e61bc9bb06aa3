"""Does the device do what the host thinks it does? Four kernels with answers known beforehand.

`selftest` holds no network and needs no oracle: where it fails, a layer's wrong number would say
nothing about that layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refnet.errors import one_line
from refnet.metal.device import Library

SOURCE = Path(__file__).with_name("selftest.metal")
Array = np.ndarray[Any, Any]

# Metal Shading Language Specification, Table 8.1: exp is right to 4 units in the last place; Table
# 8.2, fast math: to 3 + |2x|. One more, for a unit is taken here at the rounded value.
EXP_UNITS = 5


@dataclass(frozen=True)
class Finding:
    """One question to the device. said: what came, where it is wrong; else what was seen."""

    name: str
    holds: bool
    said: str


def selftest(library: Library) -> list[Finding]:
    """Ask all four. library: of the file SOURCE."""
    return [_asked(name, ask, library) for name, ask in _QUESTIONS.items()]


def _asked(name: str, ask: Callable[[Library], tuple[bool, str]], library: Library) -> Finding:
    try:
        return Finding(name, *ask(library))
    except ValueError as problem:
        return Finding(name, False, one_line(problem))


def _map(library: Library) -> tuple[bool, str]:
    """Three texture types in one dispatch, all sizes different, expected bit for bit."""
    slices, height, width = 3, 5, 7
    numbers = np.arange(slices * height * width * 4, dtype=np.float16)  # below 2^11: exact
    map_: Array = numbers.reshape(slices, height, width, 4)
    image = np.zeros((1, height, width, 4), np.uint8)
    image[0, 1, 2] = image[0, 4, 6, 2] = 255  # a byte of 255 is read as exactly 1
    out = np.full_like(map_, np.nan)
    scale = np.array([512], np.float32)
    grid = (width, height, slices)
    library.dispatch("selftest_map", grid, (4, 2, 1), {0: image, 1: map_, 2: out}, {0: scale})
    expected = map_ + np.where(image == 255, np.float16(512), np.float16(0))
    return _equal(out, expected, f"{out.size} texels' numbers")


def _sum(library: Library) -> tuple[bool, str]:
    """Whole numbers below 2^24 in any order: exact."""
    n, wide = 100, 32
    x = np.arange(1, n + 1, dtype=np.float32)
    sums = np.full(-(-n // wide), np.nan, np.float32)
    buffers = {0: x, 1: sums, 2: np.array([n], np.uint32)}
    library.dispatch("selftest_sum", (n, 1, 1), (wide, 1, 1), {}, buffers, {0: 4 * wide})
    padded = np.zeros(sums.size * wide, np.float32)
    padded[:n] = x
    return _equal(sums, padded.reshape(-1, wide).sum(axis=1), "sums through threadgroup memory")


def _rounding(library: Library) -> tuple[bool, str]:
    """Each operation rounded by itself, as safe mode must; and `x == x` false for NaN.

    The specification (8.2) leaves it to the GPU whether to round to nearest or toward zero.
    """
    x = np.array([0.25, 0.5, 0.75, 1.5, 2.5, 3.1415927, 100.7, np.nan], np.float32)
    rounded, is_number = np.full_like(x, 7), np.full_like(x, 7)
    buffers = {0: x, 1: rounded, 2: is_number, 3: np.array([x.size], np.uint32)}
    library.dispatch("selftest_rounding", (x.size, 1, 1), (4, 1, 1), {}, buffers)
    toward_zero, _ = _equal(rounded, np.trunc(x), "")
    holds, said = _equal(rounded, np.rint(x), "sums in the order written")
    if not (holds or toward_zero):
        return False, f"sums are reordered, fast math is on: {said}"
    known, said = _equal(is_number, (x == x).astype(np.float32), "NaN")
    if not known:
        return False, f"NaN is not known, fast math is on: {said}"
    return True, f"math mode safe, rounding {'toward zero' if toward_zero else 'to nearest'}"


def _exp(library: Library) -> tuple[bool, str]:
    x = np.linspace(-20, 0, 257, dtype=np.float32)
    y = np.full_like(x, np.nan)
    buffers = {0: x, 1: y, 2: np.array([x.size], np.uint32)}
    library.dispatch("selftest_exp", (x.size, 1, 1), (32, 1, 1), {}, buffers)
    exact = np.exp(x.astype(np.float64))
    units = abs(y.astype(np.float64) - exact) / np.spacing(exact.astype(np.float32))
    worst = float(np.max(units)) if np.isfinite(units).all() else np.inf
    said = f"exp within {worst:.1f} units in the last place"
    return worst <= EXP_UNITS, said if worst <= EXP_UNITS else f"{said}, expected {EXP_UNITS}"


def _equal(found: Array, expected: Array, what: str) -> tuple[bool, str]:
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    if same.all():
        return True, f"{what}: bit-equal"
    where = tuple(int(i) for i in np.argwhere(~same)[0])
    wrong = f"{np.count_nonzero(~same)} of {same.size}"
    return False, f"{what}: {wrong} wrong, first at {where}: {found[where]}, not {expected[where]}"


_QUESTIONS: dict[str, Callable[[Library], tuple[bool, str]]] = {
    "textures": _map,
    "threadgroup memory": _sum,
    "rounding": _rounding,
    "exp": _exp,
}
