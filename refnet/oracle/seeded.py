"""Numbers from a seed that any language can draw again, in any order.

Number i of a seed is SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) of seed + (i + 1) g, with
g = 0x9E3779B97F4A7C15, modulo 2^64:

    z = (z xor (z >> 30)) * 0xBF58476D1CE4E5B9
    z = (z xor (z >> 27)) * 0x94D049BB133111EB
    z =  z xor (z >> 31)

Its highest `bits` bits, v, make the number (v - 2^(bits-1)) / 2^(bits-1), in -1 .. 1: a
fraction that a format with that many significant bits holds exactly.

>>> [f"{word:016x}" for word in words(0, 2).tolist()]           # the published test vector
['e220a8397b1dcdaf', '6e789e6aa1b965f4']
>>> uniform(7, (3,), bits=11).tolist()
[-0.220703125, -0.966796875, 0.80078125]
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def words(seed: int, count: int) -> Array:
    """The first `count` 64-bit words of a seed.

    >>> words(7, 3)[:2].tolist() == words(7, 2).tolist()    # however many are drawn
    True
    """
    steps = np.arange(1, count + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):  # modulo 2^64 is meant
        z = np.uint64(seed) + steps * GOLDEN
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniform(seed: int, shape: tuple[int, ...], *, bits: int = 24) -> Array:
    """float64 numbers in -1 .. 1, each of at most `bits` significant bits, in C order.

    >>> uniform(7, (4,), bits=3).tolist()                   # eight values, quarters
    [-0.25, -1.0, 0.75, 0.0]
    """
    drawn = words(seed, math.prod(shape)) >> np.uint64(64 - bits)
    half = 2.0 ** (bits - 1)
    return ((drawn.astype(np.float64) - half) / half).reshape(shape)


def integers(seed: int, shape: tuple[int, ...], low: int, high: int) -> Array:
    """float64 whole numbers in low .. high, both included: word modulo their count, plus low.

    >>> integers(1, (6,), -1, 1).tolist()
    [1.0, 0.0, -1.0, 1.0, -1.0, 1.0]
    """
    span = np.uint64(high - low + 1)
    return (words(seed, math.prod(shape)) % span).astype(np.float64).reshape(shape) + low


def seed_of(text: str) -> int:
    """A seed from a name, so that every tensor has its own: FNV-1a, 64 bits, of its UTF-8.

    >>> hex(seed_of("a"))                                        # the published test vector
    '0xaf63dc4c8601ec8c'
    """
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value
