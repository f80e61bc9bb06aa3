"""The ledger: what a network costs, kind by kind, each kind in its own unit, never one number.

>>> from refnet.models import mobilenet_v2
>>> book = ledger(mobilenet_v2())
>>> book.total("macs"), book.total("residual additions"), book.total("activations")
(300774272, 216384, 6105792)
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from refnet.arguments import Shape, check_count
from refnet.cost.formulas import taps
from refnet.cost.memory import traffic
from refnet.cost.walk import layer_macs
from refnet.network import Layer, Network
from refnet.tables import align

# Each kind of entry and its unit. The first two count the same products in two ways and must
# never be added up.
UNITS = {
    "macs": "multiply-accumulate, all taps",
    "executed macs": "multiply-accumulate, executed",
    "bias additions": "addition",
    "batch norm": "element",
    "activations": "element",
    "residual additions": "addition",
    "pooled": "element read",
    "pooling outputs": "mean or maximum",
    "interpolated": "mean of four elements",
    "sigmoid": "exponential",
    "softmax": "exponential",
    "weights": "number",
    "biases": "number",
    "gamma": "number",
    "beta": "number",
    "mean": "number",
    "variance": "number",
    "bytes read": "byte of activations",
    "bytes written": "byte of activations",
    "bytes of parameters": "byte",
}
PARAMETERS = ("weights", "biases", "gamma", "beta", "mean", "variance")
POOLS = ("global_average_pool", "average_pool", "max_pool")


@dataclass(frozen=True)
class Row:
    """One entry: a layer, a kind, how many.

    >>> from refnet.models import mobilenet_v1
    >>> row = ledger(mobilenet_v1()).rows[0]
    >>> row.layer, row.kind, row.count
    ('stem', 'macs', 10838016)
    """

    layer: str
    op: str
    kind: str
    unit: str
    count: int


@dataclass(frozen=True)
class Ledger:
    """The rows of a network, in the order of its layers.

    >>> from refnet.models import mobilenet_v1
    >>> book = ledger(mobilenet_v1()).only("macs").sorted()
    >>> [(row.layer, row.count) for row in book][:2]
    [('block3.pointwise', 51380224), ('block5.pointwise', 51380224)]
    """

    name: str
    rows: tuple[Row, ...]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def total(self, *kinds: str) -> int:
        """The sum of the rows of these kinds; kinds of different units are refused.

        >>> from refnet.models import mobilenet_v1
        >>> ledger(mobilenet_v1(batch_norm=False)).total(*PARAMETERS)
        4221032
        """
        units = {UNITS[_known(kind)] for kind in kinds}
        if len(units) > 1:
            raise ValueError(f"kinds: {', '.join(kinds)} have different units, so no sum")
        return sum(row.count for row in self.rows if row.kind in kinds)

    def only(self, *kinds: str) -> Ledger:
        """The rows of these kinds."""
        wanted = {_known(kind) for kind in kinds}
        return replace(self, rows=tuple(row for row in self.rows if row.kind in wanted))

    def sorted(self, key: Callable[[Row], int] = lambda row: -row.count) -> Ledger:
        """The rows in another order; by default the largest first."""
        return replace(self, rows=tuple(sorted(self.rows, key=key)))

    def by_layer(self) -> dict[str, dict[str, int]]:
        """For each layer, its counts by kind."""
        layers: dict[str, dict[str, int]] = {}
        for row in self.rows:
            layers.setdefault(row.layer, {})[row.kind] = row.count
        return layers

    def __str__(self) -> str:
        present = [kind for kind in UNITS if any(row.kind == kind for row in self.rows)]
        rows = [("kind", "count", "unit")]
        rows += [(kind, f"{self.total(kind):,}", UNITS[kind]) for kind in present]
        width = max(len(row[1]) for row in rows)
        rows = [(kind, count.rjust(width), unit) for kind, count, unit in rows]
        return f"{self.name}\n{align(rows)}"

    def to_json(self) -> str:
        """All rows as a JSON object."""
        return json.dumps({"name": self.name, "rows": [asdict(row) for row in self.rows]}, indent=1)

    def to_csv(self) -> str:
        """All rows as comma-separated values with a header."""
        written = io.StringIO()
        writer = csv.writer(written, lineterminator="\n")
        writer.writerow(("layer", "op", "kind", "unit", "count"))
        writer.writerows((r.layer, r.op, r.kind, r.unit, r.count) for r in self.rows)
        return written.getvalue()


def ledger(network: Network, batch: int = 1, itemsize: int = 4) -> Ledger:
    """Everything that a network does, and all that it keeps and moves, for `batch` images.

    >>> from refnet.models import mobilenet_v1
    >>> one, two = ledger(mobilenet_v1()), ledger(mobilenet_v1(), batch=2)
    >>> two.total("macs") // one.total("macs"), two.total("weights") // one.total("weights")
    (2, 1)

    itemsize: bytes of a number (4 for float32). Parameters do not grow with the batch.
    """
    check_count(batch, "batch")
    shapes = network.shapes(batch)
    rows = []
    moved = traffic(network, batch=batch, itemsize=itemsize)
    for layer, bytes_ in zip(network.layers, moved, strict=True):
        entries = [
            *_entries(layer, shapes[layer.inputs[0]], shapes[layer.name]),
            ("bytes read", bytes_.read),
            ("bytes written", bytes_.written),
            ("bytes of parameters", bytes_.parameters),
        ]
        for kind, count in entries:
            if count:
                rows.append(Row(layer.name, layer.op, kind, UNITS[kind], count))
    return Ledger(network.name, tuple(rows))


def _entries(layer: Layer, x: Shape, output: Shape) -> Iterator[tuple[str, int]]:
    batch, elements = output[0], math.prod(output)
    yield "macs", batch * layer_macs(layer, x, "all taps")
    yield "executed macs", batch * layer_macs(layer, x, "executed")
    if "bias" in layer.params:
        yield "bias additions", elements
    if layer.op == "batch_norm":
        yield "batch norm", elements
    if layer.op in ("relu", "relu6"):
        yield "activations", elements
    if layer.op == "add":
        yield "residual additions", elements
    if layer.op in POOLS:
        yield "pooled", _pooled(layer, x, elements)
        yield "pooling outputs", elements
    if layer.op == "resize_bilinear":
        yield "interpolated", elements
    if layer.op in ("sigmoid", "softmax"):
        yield layer.op, elements
    for parameter, shape in layer.params.items():
        kind = {"weight": "weights", "bias": "biases"}.get(parameter, parameter)
        yield kind, math.prod(shape)


def _pooled(layer: Layer, x: Shape, elements: int) -> int:
    """Elements that a pool reads, an element once for every window that covers it."""
    if layer.op == "global_average_pool":
        return math.prod(x)
    said: dict[str, Any] = layer.keywords()
    window = taps(
        said["size"],
        (x[1], x[2]),
        stride=said["stride"],
        padding=said["padding"],
        counting="executed",
    )
    return x[0] * x[3] * window


def _known(kind: str) -> str:
    if kind not in UNITS:
        raise ValueError(f"kind: {kind!r}, expected one of {', '.join(UNITS)}")
    return kind
