"""Tables for a terminal: in columns, or, where it is too narrow for them, a row on several lines.

>>> rows = [["model", "top-1", ""], ["v1", "36 of 50", "72.0 %"], ["v2", "35 of 50", "70.0 %"]]
>>> print(*fitted(rows, None), sep="\\n")
model  top-1
v1     36 of 50  72.0 %
v2     35 of 50  70.0 %
>>> print(*fitted(rows, 22), sep="\\n")
v1
  top-1 36 of 50
  72.0 %
v2
  top-1 35 of 50
  70.0 %
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from refnet.tables import align


def fitted(
    rows: Sequence[Sequence[str]], width: int | None, names: int = 1, between: str = ", "
) -> Iterator[str]:
    """Columns with heads, if they are no wider than `width`; else each row on lines of its own.

    width: None for any. names: the first columns, which name a row, with `between` between them.
    A head that is empty goes with the one before.
    """
    lines = align(rows).splitlines()
    if width is None or max(map(len, lines)) <= width:
        yield from lines
        return
    heads, *rest = rows
    for row in rest:
        yield from folded(between.join(cell.strip() for cell in row[:names]), width, "")
        said = ""
        for head, cell in zip(heads[names:], row[names:], strict=True):
            said += f"; {head} {cell}" if head else f" {cell}"
        yield from folded(said.removeprefix("; ").strip(), width, "  ")


def folded(text: str, width: int | None, indent: str) -> list[str]:
    """A line, broken between words where it is wider than `width`.

    >>> folded("one two three", 8, "  ")
    ['  one', '  two', '  three']
    """
    if width is None:
        return [indent + text]
    return wrap(
        text, max(width, 8), initial_indent=indent, subsequent_indent=indent,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
