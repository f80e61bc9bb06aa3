"""The table of a class, for the terminal, as CSV and as JSON.

>>> from refnet.exercises.grading import Mark, Row
>>> rows = [Row("Ann", {"5.1": Mark("right"), "5.2": Mark("wrong", "Your padding is symmetric.")}),
...         Row("Bob", {}, ["cell 3 raises NameError: x"])]
>>> print(to_text(rows))
       right  5.1  5.2
Ann    1      +    x
Bob    0      .    .
<BLANKLINE>
+ right   x wrong   t timed out   ! crashed   o not written   . not there
<BLANKLINE>
Ann  5.2  wrong: Your padding is symmetric.
Bob       cell 3 raises NameError: x
"""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Sequence

from refnet.errors import printable
from refnet.exercises.catalogue import exercises
from refnet.exercises.grading import Mark, Row

SIGNS = {"right": "+", "wrong": "x", "timed out": "t", "crashed": "!", "not written": "o"}
MISSING = "."
ACROSS = 16  # exercises that stand side by side in a terminal


def columns(rows: Sequence[Row]) -> list[str]:
    """The exercises that anyone has handed in, in the book's order."""
    there = {number for row in rows for number in row.marks}
    return [exercise.number for exercise in exercises() if exercise.number in there]


def to_text(rows: Sequence[Row]) -> str:
    """A sign for each student and exercise, and below what is wrong where."""
    numbers = columns(rows)
    blocks = [_block(rows, numbers[n : n + ACROSS], n == 0) for n in range(0, len(numbers), ACROSS)]
    blocks = blocks or [_block(rows, [], True)]
    legend = "   ".join([*(f"{sign} {kind}" for kind, sign in SIGNS.items()),
                         f"{MISSING} not there"])  # fmt: skip
    said = [line for row in rows for line in _said(row, numbers)]
    return "\n\n".join([*blocks, legend, *([_align(said)] if said else [])])


def _block(rows: Sequence[Row], numbers: Sequence[str], first: bool) -> str:
    """Some columns of the table; the first block has the number of right answers, too."""
    table: list[tuple[str, ...]] = [("", *(("right",) if first else ()), *numbers)]
    for row in rows:
        marks = (row.marks.get(number) for number in numbers)
        signs = (SIGNS[mark.kind] if mark else MISSING for mark in marks)
        count = (str(_right(row)),) if first else ()
        table.append((f"{printable(row.student)}  ", *count, *signs))
    return _align(table)


def _align(rows: Sequence[tuple[str, ...]]) -> str:
    """Columns of equal width on a terminal, two spaces between them."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell + " " * (most - width(cell)) for cell, most in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def width(text: str) -> int:
    """Columns of a terminal: two for a wide character, none for an accent by itself.

    >>> width("Ann"), width("\u674e\u96f7"), width("Zoe\u0308")
    (3, 4, 3)
    """
    return sum(
        0 if unicodedata.category(c) in ("Mn", "Me", "Cf")
        else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )  # fmt: skip


def not_graded(places: Sequence[str]) -> str:
    """A line that names what has no row; nothing where there is nothing.

    >>> not_graded(["notes.txt", "photos/"])
    'not graded: notes.txt, photos/'
    """
    return f"not graded: {', '.join(map(printable, places))}" if places else ""


def _right(row: Row) -> int:
    return sum(mark.kind == "right" for mark in row.marks.values())


def _said(row: Row, numbers: Sequence[str]) -> list[tuple[str, ...]]:
    name, there = printable(row.student), [n for n in numbers if n in row.marks]
    lines: list[tuple[str, ...]] = [
        (name, n, _words(row.marks[n])) for n in there if row.marks[n].said
    ]
    return lines + [(name, "", printable(remark)) for remark in row.remarks]


def to_csv(rows: Sequence[Row]) -> str:
    """A line for each student: verdicts in words, with the hint, and the remarks.

    >>> from refnet.exercises.grading import Mark, Row
    >>> print(to_csv([Row("Ann", {"5.1": Mark("wrong", "A hint.")})]))
    student,5.1,right,remarks
    Ann,wrong: A hint.,0,
    <BLANKLINE>
    """
    numbers, out = columns(rows), io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["student", *numbers, "right", "remarks"])
    for row in rows:
        marks = [row.marks.get(number) for number in numbers]
        words = [_words(mark) if mark else "" for mark in marks]
        cells = [row.student, *words, str(_right(row)), "; ".join(row.remarks)]
        writer.writerow([_cell(cell) for cell in cells])
    return out.getvalue()


def to_json(rows: Sequence[Row]) -> str:
    """All of it."""
    return json.dumps([row.as_data() for row in rows], indent=1)


def _words(mark: Mark) -> str:
    return f"{mark.kind}: {printable(mark.said)}" if mark.said else mark.kind


def _cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = printable(text)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
