"""Output sizes, paddings, and which taps of a kernel fall inside the map.

Plain integers, no NumPy: everything here can be checked with a pencil.

>>> rows, columns = axes((224, 224), (3, 3), stride=2, padding="same")
>>> rows.output, rows.before, rows.after        # TensorFlow's SAME: the extra row goes at the end
(112, 0, 1)
>>> rows, columns = axes((224, 224), (3, 3), stride=2, padding=(1, 1, 1, 1))
>>> rows.output, rows.before, rows.after        # the same shape, another answer
(112, 1, 1)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from refnet.arguments import check_corners, check_padding, check_pair

Padding = Literal["same", "valid"] | tuple[int, int, int, int]  # top, bottom, left, right
Pair = int | tuple[int, int]  # one number for both axes, or (rows, columns)
Corners = Literal["aligned", "half-pixel", "asymmetric"]  # where a resized map's pixels lie


@dataclass(frozen=True)
class Axis:
    """One spatial axis of a sliding window: `output` positions of a kernel of `kernel` taps.

    >>> axis = Axis(size=5, kernel=3, stride=2, dilation=1, before=1, after=1)
    >>> axis.output
    3
    >>> axis.tap(0)         # tap 0 misses the map at output 0, and reads rows 1, 3 for outputs 1, 2
    (slice(1, 3, None), slice(1, 4, 2))
    """

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int

    @property
    def reach(self) -> int:
        """Positions from a kernel's first tap to its last, both included."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def output(self) -> int:
        """How many positions the window takes: floor((size + padding - reach) / stride) + 1."""
        return (self.before + self.size + self.after - self.reach) // self.stride + 1

    def tap(self, i: int) -> tuple[slice, slice]:
        """(outputs, inputs): the outputs whose tap i lies inside the map, and what it reads there.

        Output r reads input r * stride + i * dilation - before; the first slice holds every r
        for which that lies in 0 .. size - 1. Both slices have the same length, which may be 0.
        """
        offset = i * self.dilation - self.before
        first = max(0, -(offset // self.stride))  # the smallest r with r * stride + offset >= 0
        last = min(self.output - 1, (self.size - 1 - offset) // self.stride)
        if last < first:
            return slice(0, 0), slice(0, 0)
        start = first * self.stride + offset
        stop = last * self.stride + offset + 1
        return slice(first, last + 1), slice(start, stop, self.stride)

    @property
    def taps_inside(self) -> int:
        """Taps that meet the map, summed over all outputs; the others meet padding."""
        return sum(out.stop - out.start for out, _ in map(self.tap, range(self.kernel)))


def axes(
    size: tuple[int, int],
    kernel: tuple[int, int],
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair = 1,
) -> tuple[Axis, Axis]:
    """The row axis and the column axis of a window of `kernel` taps over a map of `size`.

    >>> rows, columns = axes((5, 7), (3, 1), stride=(2, 1), padding="valid")
    >>> rows.output, columns.output
    (2, 7)

    Raises ValueError where the kernel does not fit into the padded map even once.
    """
    check_padding(padding)
    strides, dilations = check_pair(stride, "stride"), check_pair(dilation, "dilation")
    ends = []
    for axis in (0, 1):
        if padding == "same":
            ends.append(_same(size[axis], kernel[axis], strides[axis], dilations[axis]))
        elif padding == "valid":
            ends.append((0, 0))
        else:
            ends.append((padding[2 * axis], padding[2 * axis + 1]))
    rows, columns = (
        Axis(size[axis], kernel[axis], strides[axis], dilations[axis], *ends[axis])
        for axis in (0, 1)
    )
    for found, word in ((rows, "rows"), (columns, "columns")):
        if found.output < 1:
            raise ValueError(
                f"kernel: spans {found.reach} {word}, but the padded map has only "
                f"{found.before + found.size + found.after} "
                f"(map {size[0]} x {size[1]}, padding {padding!r})"
            )
    return rows, columns


@dataclass(frozen=True)
class Neighbour:
    """Where on one axis an output of a resized map lies: `part` / `whole` of the way from input
    `lower` to input `upper`.

    >>> Neighbour(lower=1, upper=2, part=1, whole=4)
    Neighbour(lower=1, upper=2, part=1, whole=4)
    """

    lower: int
    upper: int
    part: int
    whole: int


def neighbours(size: int, output: int, corners: Corners) -> tuple[Neighbour, ...]:
    """For each of `output` positions the two of `size` inputs that it lies between.

    >>> [(n.lower, n.part, n.whole) for n in neighbours(3, 5, "aligned")]    # 0, 1/2, 1, 3/2, 2
    [(0, 0, 4), (0, 2, 4), (1, 0, 4), (1, 2, 4), (2, 0, 4)]

    corners: "aligned" puts the centres of the first and last pixels on each other (position
    i (size - 1) / (output - 1)); "half-pixel" the maps' outer edges ((i + 1/2) size / output - 1/2,
    kept inside the map); "asymmetric" the first centres only (i size / output).
    """
    check_corners(corners)
    found = []
    for i in range(output):
        if corners == "aligned":
            position, whole = i * (size - 1), max(output - 1, 1)
        elif corners == "half-pixel":
            position, whole = max((2 * i + 1) * size - output, 0), 2 * output
        else:
            position, whole = i * size, output
        lower, part = divmod(position, whole)
        upper = min(lower + 1, size - 1)
        found.append(Neighbour(lower, upper, part, whole))
    return tuple(found)


def _same(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """TensorFlow's SAME: ceil(size / stride) outputs, an odd remainder of padding at the end."""
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2
