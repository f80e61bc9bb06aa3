"""Files that say what photos show: tables of names and classes, and ImageNet's ground truth.

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     file = Path(folder, "val.csv")
...     written = file.write_text("ImageId,PredictionString\\nval_1,n03995372 85 1 499 272\\n")
...     list(rows(file))
[Line(number=2, photo='val_1', label='n03995372')]

Read as tables: CSV or tabs with a heading that names the columns, or two columns without one, and
Caffe's `val.txt`, a name and a class with a space between.

A *bare* file has one class a line and no names: line n is photo n. The one in ImageNet's
development kit counts classes from 1 in an order of its own, which is neither that of the synsets
nor that of any network's outputs; `meta.mat`, which comes beside it, says which is which. Taken for
outputs' numbers, it makes a right network right once in a thousand.
"""

from __future__ import annotations

import csv
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from refnet.apps.evaluate.names import Classes
from refnet.errors import one_line

_PHOTO = {"image", "imageid", "image_id", "photo", "file", "filename", "file_name", "path", "name"}
_LABEL = {"label", "class", "synset", "wnid", "category", "target", "predictionstring", "index"}
Bare = Sequence[int]  # the classes; four bytes a photo


@dataclass(frozen=True)
class Line:
    """A line of a table, its number from 1.

    >>> Line(2, "a.jpg", "tabby").label
    'tabby'
    """

    number: int
    photo: str
    label: str


def is_bare(file: Path, classes: Classes) -> bool:
    """Whether a file has classes only, no names of photos."""
    first = _first(file)
    if re.search(r"[,;\t]", first):
        return False
    return len(first.split()) == 1 or classes.knows(first)


def bare(file: Path, classes: Classes) -> Bare:
    """The class of photo 1, of photo 2, ...

    Raises ValueError for a line that is no class, for an empty one among them, which would give
    each photo after it another's class, and for bare numbers without the `meta.mat` that says what
    they number.
    """
    words = array("i")
    with open(file, encoding="utf-8-sig", errors="surrogateescape") as text:
        lines = [line.strip() for line in text]
    while lines and not lines[-1]:
        lines.pop()
    if "" in lines:
        raise ValueError(f"{file}, line {lines.index('') + 1}: empty, expected a photo's class")
    if all(line.isascii() and line.isdigit() for line in lines):
        order = _development_kit(file, classes)
        for number, line in enumerate(lines, 1):
            if int(line) not in order:
                raise ValueError(f"{file}, line {number}: {line} is no class of meta.mat")
            words.append(order[int(line)])
        return words
    for number, line in enumerate(lines, 1):
        try:
            words.append(classes.number(line))
        except ValueError as problem:
            raise ValueError(f"{file}, line {number}: {one_line(problem)}") from None
    return words


def _development_kit(file: Path, classes: Classes) -> dict[int, int]:
    """From the development kit's numbers to the classes."""
    path = file.with_name("meta.mat")
    if not path.is_file():
        raise ValueError(
            f"{file}: bare numbers; ImageNet's development kit counts classes in an order of its "
            f"own, so its meta.mat is expected beside it (or a table: a name and a class a line)"
        )
    from scipy.io import loadmat  # half a second that others need not wait

    try:
        synsets = loadmat(path, squeeze_me=True)["synsets"]
        pairs = zip(synsets["ILSVRC2012_ID"], synsets["WNID"], strict=True)
        return {int(n): classes.number(str(wnid)) for n, wnid in pairs if int(n) <= 1000}
    except Exception as problem:  # a damaged file can raise anything in a decoder
        raise ValueError(f"{path}: not the development kit's ({one_line(problem)})") from None


def check(file: Path, classes: Classes) -> None:
    """Refuse a table whose columns are not known, before any work is done."""
    if is_bare(file, classes):
        raise ValueError(f"{file}: a class a line, expected a photo's name and its class")
    next(rows(file), None)


def rows(file: Path) -> Iterator[Line]:
    """The lines of a table, one by one; a cell that is not there is empty."""
    delimiter = next((mark for mark in ",\t;" if mark in _first(file)), None)
    with open(file, encoding="utf-8-sig", newline="", errors="surrogateescape") as text:
        if delimiter is None:
            for number, line in enumerate(text, 1):
                if words := line.rsplit(None, 1):
                    yield Line(number, words[0].strip(), words[1] if len(words) == 2 else "")
            return
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        try:
            photo, label, first = _columns(file, next(reader))
            if first:
                yield first
            for cells in reader:
                if any(cells):
                    cells += [""] * (max(photo, label) + 1 - len(cells))
                    yield Line(reader.line_num, cells[photo].strip(), _class(cells[label].strip()))
        except csv.Error as problem:  # a quote that is never closed swallows all after it
            raise ValueError(f"{file}, line {reader.line_num}: {problem}") from None


def _columns(file: Path, cells: list[str]) -> tuple[int, int, Line | None]:
    """Which column names photos and which classes; the first line, if it is no heading."""
    heads = [cell.strip().casefold() for cell in cells]
    photo = next((n for n, head in enumerate(heads) if head in _PHOTO), None)
    label = next((n for n, head in enumerate(heads) if head in _LABEL), None)
    if photo is not None and label is not None:
        return photo, label, None
    if len(cells) == 2 and photo is None and label is None:
        return 0, 1, Line(1, cells[0].strip(), _class(cells[1]))
    raise ValueError(
        f"{file}: columns {', '.join(cells)}; expected one called image, file or path and one "
        f"called label, class or synset"
    )


def _class(cell: str) -> str:
    """The class in a cell; Kaggle's has a box after each synset."""
    found = re.match(r"(n\d{8}) \d", cell)
    return found[1] if found else cell


def _first(file: Path) -> str:
    with open(file, encoding="utf-8-sig", errors="surrogateescape") as text:
        first = next((line.strip() for line in text if line.strip()), "")
    if not first:
        raise ValueError(f"{file}: empty, expected the classes of photos")
    if "\0" in first:
        raise ValueError(f"{file}: holds zero bytes, as UTF-16 does; expected text in UTF-8")
    return first
