"""`python -m chapters.make`: run every chapter from nothing and write its notebook.

    python -m chapters.make                 write chapters/*.ipynb
    python -m chapters.make --only 05       one chapter, or several: --only 05 07
    python -m chapters.make --check         write nothing, say where text and notebook differ

Exit status: 0, 1 where a chapter fails or differs, 2 for a mistake on the command line.
"""

from __future__ import annotations

import argparse
import base64
import difflib
import io
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from nbformat import NotebookNode
from PIL import Image

from chapters.execute import SECONDS, VOLATILE, ChapterError, execute
from refnet.checkpoints.files import write_whole

FOLDER = Path(__file__).parent
MOST_LINES = 12  # of a difference; the first ones tell


def sources(folder: Path = FOLDER) -> list[Path]:
    """The chapters' texts, in the book's order."""
    return sorted(folder.glob("[0-9][0-9]_*.md"))


def orphans(folder: Path = FOLDER) -> list[Path]:
    """Notebooks whose text is not there."""
    texts = {source.stem for source in sources(folder)}
    return [path for path in sorted(folder.glob("*.ipynb")) if path.stem not in texts]


def write(source: Path, seconds: int = SECONDS) -> list[str]:
    """Execute a chapter and write its notebook beside it.

    A volatile cell whose text has not changed keeps the output it had: the same bytes again.
    """
    notebook = execute(source, seconds)
    path = source.with_suffix(".ipynb")
    if path.exists():
        before = {cell.id: cell for cell in _load(path).cells if cell.cell_type == "code"}
        for cell in notebook.cells:
            if _volatile(cell) and cell.id in before:
                cell.outputs = before[cell.id].outputs
    write_whole(path, (nbformat.writes(notebook) + "\n").encode())
    return []


def check(source: Path, seconds: int = SECONDS) -> list[str]:
    """Execute a chapter and say, line by line, where its notebook is another; [] if nowhere."""
    path = source.with_suffix(".ipynb")
    if not path.exists():
        return [f"{path.name}: not there; `make chapters` writes it"]
    return differences(_load(path), execute(source, seconds), source.stem)


def differences(written: NotebookNode, executed: NotebookNode, chapter: str) -> list[str]:
    """Where two notebooks differ: a head line for each cell, and lines as of a diff.

    Outputs of volatile cells are not compared. Pictures are compared pixel by pixel where the
    same matplotlib on the same kind of processor has drawn both, and otherwise not at all.
    """
    pixels = written.metadata.get("pictures") == executed.metadata.pictures
    texts = [[cell.source for cell in notebook.cells] for notebook in (written, executed)]
    if texts[0] != texts[1]:
        found = difflib.unified_diff(
            "\n\n".join(texts[0]).splitlines(),
            "\n\n".join(texts[1]).splitlines(),
            f"{chapter}.ipynb",
            f"{chapter}.md",
            lineterm="",
            n=0,
        )
        return [f"{chapter}: the notebook is not of this text", *list(found)[:MOST_LINES]]
    said: list[str] = []
    for old, new in zip(written.cells, executed.cells, strict=True):
        if old.metadata != new.metadata or old.cell_type != new.cell_type or old.id != new.id:
            said.append(f"{chapter}: metadata or kind of the cell `{new.source[:60]!r}` differs")
        if new.cell_type != "code" or _volatile(new):
            continue
        if old.execution_count != new.execution_count:
            said.append(f"{chapter}, cell [{new.execution_count}]: {old.execution_count} before")
        lines = list(_compared(old, new, pixels))
        if lines:
            said += [f"{chapter}, cell [{new.execution_count}]: output differs", *lines]
    for key in ("description", "kernelspec", "language_info"):
        if written.metadata.get(key) != executed.metadata[key]:
            said.append(f"{chapter}: {key} in the notebook's metadata differs")
    return said


def _compared(old: NotebookNode, new: NotebookNode, pixels: bool) -> Iterator[str]:
    """The lines in which two cells' outputs differ."""
    before, after = ([line for o in cell.outputs for line in _shown(o)] for cell in (old, new))
    changes = difflib.unified_diff(before, after, lineterm="", n=0)
    yield from [line for line in changes if not line.startswith(("---", "+++", "@@"))][:MOST_LINES]
    if before != after or not pixels:
        return
    pairs = zip(_pictures(old), _pictures(new), strict=True)
    for number, (a, b) in enumerate(pairs, 1):
        if a.shape != b.shape:
            yield f"picture {number}: {a.shape} before, {b.shape} now"
        elif not np.array_equal(a, b):
            wrong = np.any(a != b, axis=-1)
            yield f"picture {number}: {wrong.sum()} of {wrong.size} pixels differ"


def _shown(output: NotebookNode) -> Iterator[str]:
    """An output as lines to compare; a picture by its words and width alone."""
    yield output.output_type
    if output.output_type == "stream":
        yield from output.text.splitlines()
    elif output.output_type == "error":
        yield from output.traceback
    else:
        for kind, content in sorted(output.data.items()):
            yield kind
            if kind == "image/png":
                yield f"alt: {output.metadata.get(kind, {}).get('alt')}"
            else:
                yield from _text(content).splitlines()


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(map(str, content))


def _pictures(cell: NotebookNode) -> list[np.ndarray[Any, Any]]:
    found = [o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", {})]
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(png)))) for png in found]


def _volatile(cell: NotebookNode) -> bool:
    return VOLATILE in cell.metadata.get("tags", [])


def _load(path: Path) -> NotebookNode:
    try:
        return nbformat.reads(path.read_text("utf-8"), as_version=4)
    except Exception as problem:
        reason = str(problem).strip().splitlines()[:1]
        raise ChapterError(f"{path.name}: not a notebook ({''.join(reason)})") from None


def _chosen(only: Sequence[str]) -> list[Path]:
    found = sources()
    for number in only:
        if not any(re.match(f"0*{re.escape(number)}(_|$)", source.stem) for source in found):
            known = ", ".join(source.stem for source in found) or "none"
            raise ValueError(f"--only: {number!r} is no chapter; there are: {known}")
    if not only:
        return found
    return [s for s in found if any(re.match(f"0*{re.escape(n)}(_|$)", s.stem) for n in only)]


def _timed(source: Path, checking: bool, seconds: int) -> tuple[list[str], float]:
    start = time.perf_counter()
    try:
        lines = (check if checking else write)(source, seconds)
    except ChapterError as problem:
        lines = [str(problem)]
    return lines, time.perf_counter() - start


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m chapters.make", description="Run chapters.")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    parser.add_argument("--only", metavar="NN", nargs="+", default=(), help="chapters by number")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="side by side")
    parser.add_argument(
        "--seconds", type=int, default=SECONDS, help="of processor time a chapter may take"
    )
    arguments = parser.parse_args(argv)
    try:
        chosen = _chosen(arguments.only)
    except ValueError as problem:
        print(f"chapters: {problem}", file=sys.stderr)
        return 2
    failed = False
    work = partial(_timed, checking=arguments.check, seconds=arguments.seconds)
    with ProcessPoolExecutor(max(1, min(arguments.jobs, len(chosen)))) as pool:
        for source, (lines, seconds) in zip(chosen, pool.map(work, chosen), strict=True):
            verdict = "FAILED" if lines else "as written" if arguments.check else "written"
            print(f"{source.stem:<24}{verdict:<12}{seconds:5.1f} s", flush=True)
            for line in lines:
                print(f"    {line}")
            failed = failed or bool(lines)
    for path in orphans():
        print(f"{path.name}: no chapter of that name; remove it")
        failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
