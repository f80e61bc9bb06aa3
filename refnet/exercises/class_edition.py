"""The class edition: chapters without their solutions, as sources and as notebooks.

    python -m refnet.exercises.class_edition chapters build/class

writes build/class/chapters, and beside it the pictures that the chapters show, in the places in
which they look for them. A solution is a block of the form

    <details class="solution"><summary>Solution</summary>
    ...
    </details>
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from refnet.checkpoints.files import write_whole
from refnet.errors import one_line

OPENS = '<details class="solution">'
_TAG = re.compile(r"<details\b[^>]*>|</details>")
_PICTURE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")


def solutions(text: str) -> list[str]:
    """The solution blocks of a chapter, with their tags.

    >>> solutions('a <details class="solution">b</details> c <details>d</details>')
    ['<details class="solution">b</details>']
    """
    return [text[begin:end] for begin, end in _blocks(text)]


def without_solutions(text: str) -> str:
    """The same text without them; where a block stood alone, its empty lines go with it.

    >>> without_solutions('one\\n\\n<details class="solution">\\nx\\n</details>\\n\\ntwo\\n')
    'one\\n\\ntwo\\n'

    Raises ValueError for a block that is not closed.
    """
    kept, at = "", 0
    for begin, end in _blocks(text):
        kept += text[at:begin]
        at = end
        if kept.endswith("\n\n") or not kept:
            at += len(text[end:]) - len(text[end:].lstrip("\n"))
    return kept + text[at:]


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Where each solution begins and ends; it may hold other details."""
    at = 0
    while (begin := text.find(OPENS, at)) >= 0:
        depth = 0
        for tag in _TAG.finditer(text, begin):
            depth += -1 if tag[0].startswith("</") else 1
            if depth == 0:
                at = tag.end()
                break
        else:
            line = text.count("\n", 0, begin) + 1
            raise ValueError(f"line {line}: a solution that is not closed by </details>")
        yield begin, at


def notebook_without_solutions(text: str) -> str:
    """A notebook's JSON, its Markdown cells without solutions; a cell left empty goes."""
    notebook = json.loads(text)
    cells = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown" and OPENS in source:
            source = without_solutions(source).strip("\n")
            if not source:
                continue
            cell["source"] = source.splitlines(keepends=True) if isinstance(
                cell["source"], list) else source  # fmt: skip
        cells.append(cell)
    return json.dumps(notebook | {"cells": cells}, indent=1, ensure_ascii=False) + "\n"


def write_class_edition(source: Path, out: Path) -> list[Path]:
    """Write it; the files of `source` that it is made of are its .md and .ipynb files.

    Returns what was written. Raises ValueError, naming the file, for a solution that is not
    closed, and for a folder with no chapter; nothing is written then.
    """
    made: dict[Path, str] = {}
    pictures: set[str] = set()
    for path in sorted(source.iterdir()) if source.is_dir() else []:
        if path.suffix not in (".md", ".ipynb"):
            continue
        text = path.read_text("utf-8")
        pictures.update(_PICTURE.findall(text))
        try:
            change = without_solutions if path.suffix == ".md" else notebook_without_solutions
            made[out / source.resolve().name / path.name] = change(text)
        except (ValueError, KeyError, TypeError) as problem:
            raise ValueError(f"{path}: {one_line(problem)}") from None
    if not made:
        raise ValueError(f"SOURCE_DIR: no .md and no .ipynb file in {str(source)!r}")
    for path, text in made.items():
        write_whole(path, text.encode())
    return [*made, *_copied(pictures, source.resolve(), out)]


def _copied(pictures: set[str], source: Path, out: Path) -> Iterator[Path]:
    """Pictures beside the chapters or in a folder beside theirs, copied to the same place."""
    for name in sorted(pictures):
        found = (source / name).resolve()
        if found.is_file() and found.is_relative_to(source.parent):
            place = out / found.relative_to(source.parent)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found, place)
            yield place


def main() -> int:
    """The command."""
    if len(sys.argv) != 3:
        print("usage: python -m refnet.exercises.class_edition SOURCE_DIR OUT_DIR", file=sys.stderr)
        return 2
    try:
        written = write_class_edition(Path(sys.argv[1]), Path(sys.argv[2]))
    except (ValueError, OSError) as problem:
        print(f"class_edition: {one_line(problem)}", file=sys.stderr)
        return 2
    print(f"{sys.argv[2]}: {len(written)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
