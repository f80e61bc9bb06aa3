"""Where photos lie and what their classes are: folders by class, a flat folder, or a table.

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     for name in ("tabby/a.jpg", "n01440764/b.jpg", "misc/c.jpg"):
...         Path(folder, name).parent.mkdir()
...         Path(folder, name).touch()
...     found = list(opened(folder, None, Classes.imagenet()))
>>> [(one.name, one.label) for one in found if isinstance(one, Photo)]
[('n01440764/b.jpg', 0), ('tabby/a.jpg', 281)]
>>> [(one.name, one.reason) for one in found if isinstance(one, Unusable)]
[('misc', "class: 'misc' is no number, synset or name of a class; pictures in it: 1")]

A Dataset is gone through as often as one likes, in the same order, and holds the names of one
folder at a time: its size in memory does not grow with the number of photos.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from refnet.apps.evaluate import ground_truth, photo_sets
from refnet.apps.evaluate.names import Classes
from refnet.errors import one_line
from refnet.image import is_image_name


@dataclass(frozen=True)
class Photo:
    """One labelled photo; `name` is its path below the dataset's root, with slashes.

    >>> Photo("cat/1.jpg", "/data/cat/1.jpg", 281).label
    281
    """

    name: str
    path: str
    label: int


@dataclass(frozen=True)
class Unusable:
    """What cannot be evaluated, and why; a folder may stand for all that is in it.

    >>> Unusable("misc", "no class").reason
    'no class'
    """

    name: str
    reason: str


@dataclass(frozen=True)
class Other:
    """A file that is no picture by its name.

    >>> Other("notes.txt").name
    'notes.txt'
    """

    name: str


Entry = Photo | Unusable | Other


@dataclass(frozen=True)
class Dataset:
    """Labelled photos, in their order.

    >>> [one.label for one in Dataset("mine", "two photos", lambda: iter([Photo("a", "a", 7)]))]
    [7]
    """

    name: str
    layout: str
    walk: Callable[[], Iterator[Entry]]

    def __iter__(self) -> Iterator[Entry]:
        return self.walk()


def opened(word: str, labels: str | None, classes: Classes) -> Dataset:
    """The dataset that a command line means.

    word: a folder, a table of photos, or the name of a set that `photo_sets` fetches.
    labels: the file that says the classes, where folders do not.
    Raises ValueError or FileNotFoundError where that is no dataset.
    """
    if not os.path.lexists(word) and word in photo_sets.SETS:
        root = photo_sets.fetched(word)
        return Dataset(word, "folders by class", lambda: _class_folders(root, classes))
    path = Path(word)
    if not path.exists():
        known = ", ".join(photo_sets.SETS)
        raise FileNotFoundError(f"{word}: no such folder or file, nor one of the sets {known}")
    if path.is_file():
        if labels:
            raise ValueError(f"--labels: {word} is itself a table; expected a folder before it")
        return Dataset(path.name, "table", _table(path, path.parent, classes))
    name = path.resolve().name or str(path)
    if labels:
        file = Path(labels)
        if not file.is_file():
            raise FileNotFoundError(f"--labels: {labels}: no such file")
        if ground_truth.is_bare(file, classes):
            values = ground_truth.bare(file, classes)
            layout = f"flat, ground truth of {len(values):,}"
            return Dataset(name, layout, lambda: _flat(path, values))
        return Dataset(name, "table", _table(file, path, classes))
    _check_class_folders(path, classes)
    return Dataset(name, "folders by class", lambda: _class_folders(path, classes))


def _check_class_folders(root: Path, classes: Classes) -> None:
    """Refuse, in one line, a folder in which no folder is a class."""
    folders = [entry.name for entry in _scan(root) if _is_folder(entry) is True]
    for name in folders:
        try:
            classes.number(name)
            return
        except ValueError as problem:
            reason = problem
    if folders:
        raise ValueError(f"{root}: no folder in it is a class ({folders[0]}: {reason})")
    raise ValueError(f"{root}: no folders in it that are classes; --labels FILE says the classes")


def _class_folders(root: Path, classes: Classes) -> Iterator[Entry]:
    for entry in _scan(root):
        kind = _is_folder(entry)
        if kind is True:
            above = frozenset({os.path.realpath(root), os.path.realpath(entry.path)})
            inside = _below(entry.path, entry.name, above)
            if os.path.realpath(entry.path) == os.path.realpath(root):
                yield Unusable(entry.name, _LOOP)
                continue
            try:
                label = classes.number(entry.name)
            except ValueError as problem:
                count = sum(isinstance(one, _Found) for one in inside)
                yield Unusable(entry.name, f"{one_line(problem)}; pictures in it: {count}")
                continue
            for one in inside:
                yield Photo(one.name, one.path, label) if isinstance(one, _Found) else one
        elif kind is False:
            if is_image_name(entry.name):
                yield Unusable(entry.name, "lies beside the folders that are classes")
            else:
                yield _no_picture(entry.name)
        else:
            yield Unusable(entry.name, kind)


def _flat(root: Path, values: ground_truth.Bare) -> Iterator[Entry]:
    """Line n of the ground truth is the photo whose name ends in the number n."""
    for one in _below(str(root), "", frozenset({os.path.realpath(root)})):
        if not isinstance(one, _Found):
            yield one
            continue
        number = re.search(r"(\d+)\.\w+$", one.name)
        if number is None:
            yield Unusable(one.name, "its name does not end in a number, as ImageNet's do")
        elif not 1 <= int(number[1]) <= len(values):
            said = f"{int(number[1])}, but the ground truth has lines 1 to {len(values)}"
            yield Unusable(one.name, f"its number is {said}")
        else:
            yield Photo(one.name, one.path, values[int(number[1]) - 1])


def _table(file: Path, root: Path, classes: Classes) -> Callable[[], Iterator[Entry]]:
    """The photos that the lines of a table name, below `root`; one that is named again counts once.

    Eight bytes a line are held while it is looked through for such, and then those alone.
    """
    ground_truth.check(file, classes)
    keys = np.fromiter((_key(line.photo) for line in ground_truth.rows(file)), np.uint64)
    found, times = np.unique(keys, return_counts=True)
    several = set(found[times > 1].tolist())

    def walk() -> Iterator[Entry]:
        first: dict[int, int] = {}  # the line of the first of several
        for line in ground_truth.rows(file):
            at, name = f"{file.name}, line {line.number}", Path(line.photo).as_posix()
            if not line.photo:
                yield Unusable(at, "names no photo")
                continue
            key = _key(line.photo)
            if key in several and (before := first.setdefault(key, line.number)) != line.number:
                yield Unusable(at, f"{name} again; what line {before} says of it counts")
                continue
            try:
                label = classes.number(line.label)
            except ValueError as problem:
                said = one_line(problem) if line.label else "no class"
                yield Unusable(name, f"{at}: {said}")
                continue
            yield Photo(name, _existing(root / line.photo), label)

    return walk


def _key(photo: str) -> int:
    told = Path(photo).as_posix().encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(told, digest_size=8).digest(), "little")


def _existing(path: Path) -> str:
    """The file; Kaggle's table leaves out the ending."""
    if not path.suffix and not path.exists():
        for ending in (".JPEG", ".jpg", ".jpeg", ".png"):
            if path.with_suffix(ending).exists():
                return str(path.with_suffix(ending))
    return str(path)


@dataclass(frozen=True)
class _Found:
    name: str
    path: str


_LOOP = "a link to a folder that it lies in; not followed again"


def _below(folder: str, name: str, above: frozenset[str]) -> Iterator[_Found | Unusable | Other]:
    """Every picture below a folder, in order. Links are followed, but not round in circles."""
    try:
        entries = _scan(Path(folder))
    except OSError as problem:
        yield Unusable(name or folder, one_line(problem))
        return
    for entry in entries:
        inner = f"{name}/{entry.name}" if name else entry.name
        kind = _is_folder(entry)
        if kind is True:
            real = os.path.realpath(entry.path)
            if real in above:
                yield Unusable(inner, _LOOP)
            else:
                yield from _below(entry.path, inner, above | {real})
        elif kind is not False:
            yield Unusable(inner, kind)
        elif is_image_name(entry.name):
            yield _Found(inner, entry.path)
        else:
            yield _no_picture(inner)


# Photos to a person, whose endings Pillow does not know: they are missed, where notes are not.
_UNKNOWN = re.compile(r".*\.(heic|heif|jxl|dng|cr2|cr3|nef|arw|orf|raf|rw2)", re.I | re.S)


def _no_picture(name: str) -> Unusable | Other:
    if _UNKNOWN.fullmatch(name):
        return Unusable(name, "a kind of photo that Pillow does not read")
    return Other(name)


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool | str:
    """Whether it is; a reason where the system will not say (a link that leads to itself)."""
    try:
        return entry.is_dir()
    except OSError as problem:
        return problem.strerror or str(problem)
