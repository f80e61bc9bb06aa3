"""What a student hands in: a notebook or a module, as cells of Python that can be run apart.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     path = Path(folder, "ann.ipynb")
...     cells = [{"cell_type": "markdown", "source": "Hello"},
...              {"cell_type": "code", "source": ["%matplotlib inline\\n", "x = 1"]}]
...     _ = path.write_text(json.dumps({"cells": cells}))
...     read(path)
[Cell(number=2, source='pass\\nx = 1')]
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LARGEST = 50_000_000  # bytes of a file that is read at all
_CHECKED = re.compile(r"""\bcheck\(\s*["'](\d+\.\d+)["']""")
ENDINGS = (".ipynb", ".py")


@dataclass(frozen=True)
class Cell:
    """A piece of code, and its place among all cells, the text's too, from 1."""

    number: int
    source: str | bytes


def read(path: Path) -> list[Cell]:
    """The cells of a notebook, or the whole of a module as one.

    Raises ValueError, in a few words, for a file that is no notebook.
    """
    if path.stat().st_size > LARGEST:
        raise ValueError(f"{path.stat().st_size:,} bytes, expected at most {LARGEST:,}")
    data = path.read_bytes()
    if path.suffix.lower() == ".py":
        return [Cell(1, data)]
    try:
        notebook = json.loads(data)
    except (ValueError, RecursionError) as problem:
        raise ValueError(f"not a notebook: {' '.join(str(problem).split())}") from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise ValueError("not a notebook of format 4: it has no list of cells")
    pairs = ((number, cell) for number, cell in enumerate(cells, 1) if isinstance(cell, dict))
    return [
        Cell(number, plain(_source(cell))) for number, cell in pairs
        if cell.get("cell_type") == "code"
    ]  # fmt: skip


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return "".join(map(str, source)) if isinstance(source, list) else str(source)


def mentioned(cells: Sequence[Cell]) -> set[str]:
    """The exercises that a submission names in a call of `check`, be it commented out.

    >>> sorted(mentioned([Cell(1, '# check("5.2", f)'), Cell(2, "check('5.1', g)")]))
    ['5.1', '5.2']

    A chapter may have a function of its own that is called as another chapter's exercise is.
    """
    texts = (
        cell.source if isinstance(cell.source, str) else cell.source.decode("utf-8", "replace")
        for cell in cells
    )
    return {number for text in texts for number in _CHECKED.findall(text)}


def plain(source: str) -> str:
    """A cell without what only a notebook understands: magics, shell commands, questions.

    >>> plain("%%time\\nx = 1"), plain("!ls\\ny = 5 % 3"), plain("%%bash\\nls")
    ('pass\\nx = 1', 'pass\\ny = 5 % 3', 'pass')

    A cell that is Python as it stands is left alone.
    """
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    else:
        return source
    first = source.lstrip().partition("\n")[0]
    if first.startswith("%%") and not first.startswith(("%%time", "%%capture")):
        return "pass"
    return "\n".join(_line(line) for line in source.split("\n"))


def _line(line: str) -> str:
    code = line.strip()
    if code.startswith(("%", "!", "?")) or code.endswith("?"):
        return f"{line[: len(line) - len(line.lstrip())]}pass"
    return line
