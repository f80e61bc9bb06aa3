"""half on the CPU device is NumPy's float16, bit for bit: another engine makes the answers."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from refnet.metal.cpu import CpuLibrary
from tests.metal.devices import PROBES, Array, needs_compiler, number, probe

pytestmark = needs_compiler


def all_halves() -> Array:
    return np.arange(1 << 16, dtype=np.uint16).view(np.float16)


def floats_to_round() -> Array:
    """Every half, the middles between them, a float to each side of those, and any bits."""
    halves = all_halves()
    finite = halves[np.isfinite(halves)]
    with np.errstate(over="ignore"):
        after = np.nextafter(finite, np.float16(np.inf)).astype(np.float32)
    after[np.isinf(after)] = 65536  # the next half, had float16 another exponent
    middles = (finite.astype(np.float32) + after) / 2  # exact: 12 bits
    ties = [
        middles,
        np.nextafter(middles, np.float32(-np.inf)),
        np.nextafter(middles, np.float32(np.inf)),
    ]
    rng = np.random.default_rng(0)
    anything = rng.integers(0, 1 << 32, 1 << 18, dtype=np.uint64).astype(np.uint32).view(np.float32)
    return np.concatenate([halves.astype(np.float32), *ties, anything])


def same(a: Array, b: Array) -> bool:
    """Bit for bit; any NaN is as good as any other, as NumPy's and a GPU's carry other payloads."""
    bits = "u2" if a.dtype == np.float16 else "u4"
    return bool(((a.view(bits) == b.view(bits)) | (np.isnan(a) & np.isnan(b))).all())


def check_rounding(library: CpuLibrary) -> None:
    x = floats_to_round()
    one, four = np.zeros(len(x), np.float16), np.zeros((len(x), 4), np.float16)
    library.dispatch(
        "rounded", (len(x), 1, 1), (256, 1, 1), buffers={0: x, 1: one, 2: four, 3: number(len(x))}
    )
    with np.errstate(all="ignore"):
        expected = x.astype(np.float16)
    assert same(one, expected)
    assert same(four, np.stack([expected, -expected, expected, expected], axis=1))


def check_operations(library: CpuLibrary, count: int) -> None:
    rng = np.random.default_rng(1)
    a = np.resize(all_halves(), count)
    b = rng.integers(0, 1 << 16, count).astype(np.uint16).view(np.float16)
    made, changed = np.zeros((count, 4), np.float16), np.zeros((count, 4), np.float16)
    library.dispatch(
        "operations",
        (count, 1, 1),
        (256, 1, 1),
        buffers={0: a, 1: b, 2: made, 3: changed, 4: number(count)},
    )
    with np.errstate(all="ignore"):
        expected = np.stack([a + b, a - b, a * b, a / b], axis=1)
    assert same(made, expected)
    assert same(changed, expected)


def test_float_to_half_rounds_to_nearest_even_on_every_half_and_every_tie() -> None:
    check_rounding(probe("half"))


def test_operations_of_half_round_each_as_numpy_does() -> None:
    check_operations(probe("half"), 1 << 20)


def test_half_to_float_is_exact_for_every_half() -> None:
    x = all_halves().reshape(-1, 4)
    y, first = np.zeros(x.shape, np.float32), np.zeros(len(x), np.float32)
    probe("half").dispatch("widened", (len(x), 1, 1), (256, 1, 1), buffers={0: x, 1: y, 2: first})
    assert same(y, x.astype(np.float32))
    assert same(first, np.ascontiguousarray(x[:, 0]).astype(np.float32))


def test_half_with_a_whole_number_is_half_and_with_a_float_is_float() -> None:
    x = all_halves()
    y, z = np.zeros((len(x), 4), np.float32), np.zeros((len(x), 4), np.float16)
    probe("half").dispatch("mixed", (len(x), 1, 1), (256, 1, 1), buffers={0: x, 1: y, 2: z})
    tenth = np.float16(0.1)
    with np.errstate(all="ignore"):
        wide = x.astype(np.float32)
        assert same(y[:, 0].copy(), (x * np.float16(3)).astype(np.float32))
        assert same(y[:, 1].copy(), wide * np.float32(3))
        assert same(y[:, 2].copy(), (x * tenth).astype(np.float32))
        assert same(y[:, 3].copy(), wide * np.float32(0.1))  # 0.1 is a float in Metal, no double
        factors = np.array([3, 0.1, 7, -1], np.float16)
        added = np.stack([x, x, np.zeros_like(x), -np.zeros_like(x)], axis=1)
        assert same(z, x[:, None] * factors + added)


def test_without_the_processors_own_conversions_half_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not shutil.which("g++"):
        pytest.skip("the flag that turns them off is tried with g++, which is not there")
    monkeypatch.setenv("REFNET_CXX", "g++ -DREFNET_HALF_BY_HAND")
    library = CpuLibrary(Path(PROBES, "half.metal"))
    check_rounding(library)
    check_operations(library, 1 << 18)
