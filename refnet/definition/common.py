"""What the loops share: the tally, where a window begins, number types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from refnet import arguments

Array = np.ndarray[Any, Any]


@dataclass
class Tally:
    """What has been executed so far.

    >>> from refnet.definition import conv2d
    >>> tally = Tally()
    >>> x, w = np.ones((1, 3, 3, 1), int), np.ones((3, 3, 1, 1), int)
    >>> int(conv2d(x, w, padding="same", tally=tally).sum())
    49
    >>> tally.macs          # ones with ones: the sum of the outputs counts the products
    49
    """

    macs: int = 0


def place(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    padding: Any,
) -> tuple[int, int, int, int]:
    """(top, left, output rows, output columns), axis by axis, by trying positions in turn.

    >>> place((4, 4), (3, 3), (2, 2), (1, 1), "same")       # the overhang of 1 goes to the end
    (0, 0, 2, 2)
    >>> place((4, 4), (3, 3), (2, 2), (1, 1), (1, 1, 1, 1))
    (1, 1, 2, 2)
    """
    arguments.check_padding(padding)
    begins, outputs = [], []
    for axis, name in enumerate(("rows", "columns")):
        n, s = size[axis], stride[axis]
        last_tap = (kernel[axis] - 1) * dilation[axis]
        if padding == "same":  # an output for every s-th element of the map, overhang halved
            count = len(range(0, n, s))
            overhang = max(0, (count - 1) * s + last_tap - (n - 1))
            begin = overhang // 2
        else:  # as long as the window's last tap lies within the padded map
            begin, end = (0, 0) if padding == "valid" else padding[2 * axis : 2 * axis + 2]
            count = 0
            while count * s - begin + last_tap <= n - 1 + end:
                count += 1
        if count == 0:
            raise ValueError(
                f"kernel: spans {last_tap + 1} {name}, more than the padded map has "
                f"(map {size[0]} x {size[1]}, padding {padding!r})"
            )
        begins.append(begin)
        outputs.append(count)
    return begins[0], begins[1], outputs[0], outputs[1]


def result_type(*arrays: Array | None) -> np.dtype[Any]:
    """The number type that arrays have in common.

    >>> result_type(np.zeros(1, np.float32), None, np.zeros(1))
    dtype('float64')
    """
    return np.result_type(*(a.dtype for a in arrays if a is not None))


def inexact(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Where a division happens integers become float64; floats and Fractions stay.

    >>> inexact(np.dtype(np.int8)), inexact(np.dtype(np.float16))
    (dtype('float64'), dtype('float16'))
    """
    return dtype if dtype.kind in "fcO" else np.dtype(np.float64)


def plus_bias(y: Array, b: Array | None) -> Array:
    """y with one number a channel added, in place; y itself where there is none.

    >>> plus_bias(np.zeros((2, 3)), np.array([1, 2, 3])).tolist()
    [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]
    """
    if b is not None:
        for index in np.ndindex(y.shape):
            y[index] += b[index[-1]]
    return y
