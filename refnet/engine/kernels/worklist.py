"""The list of calls that one worker makes in every run, and what kernels need to write it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np

from refnet.engine.kernels import blocks
from refnet.engine.maps import Map
from refnet.engine.memory import Memory
from refnet.engine.numpy_names import INFINITY, SIX, ZERO, functions
from refnet.engine.tricks import Tricks
from refnet.engine.units import Unit

Array = np.ndarray[Any, Any]
Kept = TypeVar("Kept")
Kind = Literal["product", "depthwise", "elementwise", "rest"]

# Between two passes over a tile its numbers should stay in the core's own cache, which holds 256 KB
# to 2 MB, beside what the pass reads.
TILE_BYTES = 1024 * 1024


class Step(NamedTuple):
    """One call: what unit it serves, what kind of work it is; `call` None: wait for the others."""

    unit: str
    kind: Kind
    call: Callable[[], Any] | None


class Product(NamedTuple):
    """One call that multiplies: down x across products, each (rows, inner) @ (inner, columns).

    >>> Product(down=4, across=2, rows=49, inner=256, columns=64).flops
    12845056
    """

    down: int
    across: int
    rows: int
    inner: int
    columns: int

    @property
    def flops(self) -> int:
        """Floating-point operations: two for each multiply-accumulate."""
        return 2 * self.down * self.across * self.rows * self.inner * self.columns


@dataclass(frozen=True)
class Share:
    """What of a unit's output is one worker's: whole rows, or some channels of all rows."""

    rows: slice
    channels: slice

    def __bool__(self) -> bool:
        return self.rows.stop > self.rows.start and self.channels.stop > self.channels.start

    def meets(self, other: Share) -> bool:
        """Whether two shares of one map have an element in common.

        >>> left, right = (Share(slice(0, 4), slice(k, k + 8)) for k in (0, 8))
        >>> left.meets(right), left.meets(Share(slice(3, 5), slice(7, 9)))
        (False, True)
        """
        return all(
            max(a.start, b.start) < min(a.stop, b.stop)
            for a, b in ((self.rows, other.rows), (self.channels, other.channels))
        )


class Weights:
    """A matrix (inner, columns) in the plan's memory, in the strips of columns that products take.

    >>> w = Weights(Memory(), np.eye(4, dtype=np.float32))
    >>> strips = w.strips(0, across=2, width=2)
    >>> strips.shape, strips[1].flags.c_contiguous, strips is w.strips(0, across=2, width=2)
    ((2, 4, 2), True, True)
    """

    def __init__(self, memory: Memory, matrix: Array) -> None:
        self._memory, self._matrix, self.shape = memory, matrix, (len(matrix), matrix.shape[1])
        self._strips: dict[tuple[int, int, int], Array] = {}

    def strips(self, first: int, across: int, width: int) -> Array:
        """(across, inner, width): columns from `first` on, each strip one run; always the same."""
        key = (first, across, width)
        if key not in self._strips:
            columns = self._matrix[:, first : first + across * width]
            strips = columns.reshape(len(columns), across, width).transpose(1, 0, 2)
            self._strips[key] = self._memory.constant(strips)
        return self._strips[key]


class Worklist:
    """One worker's calls, in order.

    >>> work = Worklist(Memory(), Tricks())
    >>> a = np.ones(3, np.float32)
    >>> work.add("elementwise", np.add, a, a, out=a)
    >>> for step in work.steps:
    ...     _ = step.call()
    >>> a.tolist()
    [2.0, 2.0, 2.0]
    """

    def __init__(self, memory: Memory, tricks: Tricks) -> None:
        self.memory, self.tricks = memory, tricks
        self.steps: list[Step] = []
        self.unit = ""
        self.products: list[Product] = []
        self._scratch: dict[str, Array] = {}
        self._kept: dict[tuple[str, str], Any] = {}
        self._einsum, self._clip = functions(direct=tricks.direct_calls)

    def add(self, kind: Kind, function: Callable[..., Any], *args: Any, **named: Any) -> None:
        """One more call. By its place `out` costs less than by its name, where a call is short."""
        self.steps.append(Step(self.unit, kind, partial(function, *args, **named)))

    def wait(self) -> None:
        """From here on, what other workers have written is read."""
        self.steps.append(Step(self.unit, "rest", None))

    def matmul(self, a: Array, w: Weights, out: Array) -> None:
        """a @ w by the BLAS, in one product or in a grid of blocks; each noted with its sizes."""
        (rows, inner), columns = a.shape, w.shape[1]
        small = self.tricks.small_products and blocks.worth_while()
        for grid in blocks.grids(rows, w.shape) if small else [blocks.whole(rows, columns)]:
            strips = w.strips(grid.column, grid.across, grid.width)
            self.products.append(Product(grid.down, grid.across, grid.height, inner, grid.width))
            self.add("product", np.matmul, *grid.operands(a, strips, out))

    def einsum(self, kind: Kind, subscripts: str, *operands: Array, out: Array) -> None:
        """Sums of products along the named axes."""
        self.add(kind, self._einsum, subscripts, *operands, out=out)

    def activate(self, activation: str, x: Array, out: Array) -> None:
        """ReLU or ReLU6; NaN stays NaN."""
        if self.tricks.scalar_clip:
            high = SIX if activation == "relu6" else INFINITY
            self.add("elementwise", self._clip, x, ZERO, high, out)
            return
        self.add("elementwise", np.maximum, x, ZERO, out=out)
        if activation == "relu6":
            self.add("elementwise", np.minimum, out, SIX, out=out)

    def scratch(self, tag: str, shape: tuple[int, ...]) -> Array:
        """Memory that holds nothing from one unit to the next; one a tag."""
        count = int(np.prod(shape))
        if tag not in self._scratch or self._scratch[tag].size < count:
            self._scratch[tag] = self.memory.zeros((count,))
        return self._scratch[tag][:count].reshape(shape)

    def kept(self, tag: str, make: Callable[[], Kept]) -> Kept:
        """What a unit needs once, in however many parts its rows are made; one a tag."""
        key = (self.unit, tag)
        if key not in self._kept:
            self._kept[key] = make()
        kept: Kept = self._kept[key]
        return kept

    def tiles(self, rows: slice, row_bytes: int, most: int = TILE_BYTES) -> Iterator[slice]:
        """Rows in equal tiles that fit the cache."""
        count, height = rows.stop - rows.start, max(1, most // row_bytes)
        number = -(-count // height) if self.tricks.row_tiles else 1
        for k in range(number):
            yield slice(rows.start + count * k // number, rows.start + count * (k + 1) // number)

    def repeated(self, bias: Array | None, W: int) -> Array | None:
        """(W, channels): a bias repeated along a row, so that it is added in one run."""
        return None if bias is None else self.memory.constant(np.tile(bias, (W, 1)))

    def finish(
        self, unit: Unit, values: Array, bias: Array | None, target: Array, before: Array | None
    ) -> None:
        """Bias, a copy for who wants to see it, activation: from `values` into `target`.

        values, target, before: (rows, W, channels), where `values` may be `target`; bias as
        `repeated`. All three stay within a tile, which the core's own cache still holds.
        """
        ends = unit.activation is None and before is None
        if bias is not None:
            self.add("elementwise", np.add, values, bias, target if ends else values)
        if before is not None:
            self.add("rest", np.copyto, before, values)
        if unit.activation is not None:
            self.activate(unit.activation, values, target)
        elif values is not target and not (ends and bias is not None):
            self.add("rest", np.copyto, target, values)


@dataclass(frozen=True)
class Output:
    """Where a unit writes: its map, and the map that shows its value before the activation."""

    map: Map
    before: Map | None = None

    def views(self, rows: slice, channels: slice, first: int = 0) -> tuple[Array, Array | None]:
        """The same share of both; columns first, first + phases, and so on."""
        target, before = self.map.view(rows, channels, first), None
        if self.before is not None:
            before = self.before.view(rows, channels)[:, first :: self.map.phases]
        return target, before
