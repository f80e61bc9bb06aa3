"""Table 1 of the V1 paper, cell by cell, as the lecture reprints it: two slips in 22 rows.

>>> len(TABLE1), [claim.id for claim in CLAIMS][2:4]
(22, ['table1-last-dw', 'table1-name-onv'])
"""

from __future__ import annotations

import math

from refnet.apps.claims.networks import network
from refnet.apps.claims.verdicts import Claim, Readings, Values
from refnet.tables import layer_rows

# Table 1 as the lecture prints it: type and stride, filter, input. The paper has "Conv" in row 15,
# and otherwise the same.
TABLE1 = [
    ("Conv / s2", "3 x 3 x 3 x 32", "224 x 224 x 3"),
    ("Conv dw / s1", "3 x 3 x 32 dw", "112 x 112 x 32"),
    ("Conv / s1", "1 x 1 x 32 x 64", "112 x 112 x 32"),
    ("Conv dw / s2", "3 x 3 x 64 dw", "112 x 112 x 64"),
    ("Conv / s1", "1 x 1 x 64 x 128", "56 x 56 x 64"),
    ("Conv dw / s1", "3 x 3 x 128 dw", "56 x 56 x 128"),
    ("Conv / s1", "1 x 1 x 128 x 128", "56 x 56 x 128"),
    ("Conv dw / s2", "3 x 3 x 128 dw", "56 x 56 x 128"),
    ("Conv / s1", "1 x 1 x 128 x 256", "28 x 28 x 128"),
    ("Conv dw / s1", "3 x 3 x 256 dw", "28 x 28 x 256"),
    ("Conv / s1", "1 x 1 x 256 x 256", "28 x 28 x 256"),
    ("Conv dw / s2", "3 x 3 x 256 dw", "28 x 28 x 256"),
    ("Conv / s1", "1 x 1 x 256 x 512", "14 x 14 x 256"),
    ("5x Conv dw / s1", "3 x 3 x 512 dw", "14 x 14 x 512"),
    ("Onv / s1", "1 x 1 x 512 x 512", "14 x 14 x 512"),
    ("Conv dw / s2", "3 x 3 x 512 dw", "14 x 14 x 512"),
    ("Conv / s1", "1 x 1 x 512 x 1024", "7 x 7 x 512"),
    ("Conv dw / s2", "3 x 3 x 1024 dw", "7 x 7 x 1024"),
    ("Conv / s1", "1 x 1 x 1024 x 1024", "7 x 7 x 1024"),
    ("Avg Pool / s1", "Pool 7 x 7", "7 x 7 x 1024"),
    ("FC / s1", "1024 x 1000", "1 x 1 x 1024"),
    ("Softmax / s1", "Classifier", "1 x 1 x 1000"),
]
ONV, LAST_DW, POOL, FC = 14, 17, 19, 20


def _printed(column: int, factor: int) -> tuple[str, ...]:
    return tuple(row[column].split(" x ")[factor] for row in TABLE1)


def _rows() -> list[tuple[str, ...]]:
    """Our own Table 1, read off the network."""
    return [tuple(cell.strip() for cell in row) for row in layer_rows(network("v1"))[1:]]


def _input_factor(factor: int) -> Readings:
    return {"224 x 224": tuple(int(row[2].split(" x ")[factor]) for row in _rows())}


def _cell(row: int, column: int) -> Readings:
    return {"224 x 224": (_rows()[row][column],)}


def _last_stride() -> Values:
    """From the printed sizes: the side before this row over the side before the next one."""
    before, after = (int(TABLE1[n][2].split(" x ")[0]) for n in (LAST_DW, LAST_DW + 1))
    return (f"Conv dw / s{math.ceil(before / after)}",)


def _name_of_pointwise() -> Values:
    """What the table calls its other rows with a 1 x 1 filter."""
    (name,) = {
        kind for n, (kind, filters, _) in enumerate(TABLE1)
        if filters.startswith("1 x 1 x") and n != ONV
    }  # fmt: skip
    return (name,)


CLAIMS = (
    Claim("table1-sides", "lecture 2", "Table 1: the sides of what each row reads",
          _printed(2, 0), lambda: _input_factor(0)),
    Claim("table1-channels", "lecture 2", "Table 1: the channels of what each row reads",
          _printed(2, 2), lambda: _input_factor(2)),
    Claim("table1-last-dw", "lecture 2", "Table 1: the last depthwise row, 7 x 7 x 1024",
          (TABLE1[LAST_DW][0],), lambda: _cell(LAST_DW, 0),
          "The next row reads 7 x 7 too, so the stride is 1; 2 would leave 4 x 4. The paper has "
          "the same slip.", mended=_last_stride),
    Claim("table1-name-onv", "lecture 2", "Table 1: the row that reads 14 x 14 x 512",
          (TABLE1[ONV][0],), lambda: _cell(ONV, 0),
          "A letter lost on the way from the paper.", mended=_name_of_pointwise),
    Claim("table1-fc", "lecture 2", "Table 1: the classifier's weights",
          (TABLE1[FC][1],), lambda: _cell(FC, 1)),
    Claim("table1-pool", "lecture 2", "Table 1: the pool",
          (TABLE1[POOL][1],), lambda: _cell(POOL, 1)),
)  # fmt: skip
