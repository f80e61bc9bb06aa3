"""What people call a class: its number, its synset, or its name.

>>> known = Classes.imagenet()
>>> known.number("281"), known.number("n02123045"), known.number("Tabby"), known.name(281)
(281, 281, 281, 'tabby')

Numbers are ImageNet's own, from 0 to 999 in the order of the synsets, whatever a network's outputs
are called: one with 1001 has its background class before them (`offset` 1).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from refnet.checkpoints import manifest
from refnet.checkpoints.files import check_sha256

# WordNet's numbers of ILSVRC 2012's classes in their order, one a line; as in timm 1.0.31
# (Apache-2.0), timm/data/_info/imagenet_synsets.txt.
_SYNSETS = Path(__file__).with_name("imagenet_synsets.txt")
_SYNSETS_SHA256 = "70002b0ff5de60a3a17a82dbfcff291931f96225ddf941ad2e182fc39e183d15"
_SYNSET = re.compile(r"(n\d{8})(?:[ _,-].*)?")
BACKGROUND = -1  # the class before ImageNet's first


@dataclass(frozen=True)
class Classes:
    """The classes of a checkpoint, and all that they may be called.

    >>> Classes(("cat", "dog")).number("dog")
    1
    >>> Classes.imagenet().number("crane")
    Traceback (most recent call last):
    ...
    ValueError: class: 'crane' names 134 and 517; say the number or the synset
    """

    names: tuple[str, ...]
    synsets: tuple[str, ...] = ()
    _by_name: dict[str, list[int]] = field(init=False, repr=False, compare=False)
    _by_synset: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_name: dict[str, list[int]] = {}
        for number, name in enumerate(self.names):
            by_name.setdefault(_plain(name), []).append(number)
        object.__setattr__(self, "_by_name", by_name)
        object.__setattr__(self, "_by_synset", {s: n for n, s in enumerate(self.synsets)})

    @classmethod
    def imagenet(cls) -> Classes:
        """ImageNet's 1000.

        >>> len(Classes.imagenet().names)
        1000
        """
        check_sha256(_SYNSETS, _SYNSETS_SHA256)
        return cls(manifest.labels(1000), tuple(_SYNSETS.read_text("ascii").split()))

    @classmethod
    def listed(cls, path: Path) -> Classes:
        """One class a line, in the order of a network's outputs; a synset may stand before it."""
        try:
            lines = [line.strip() for line in path.read_text("utf-8-sig").splitlines()]
        except UnicodeDecodeError as problem:
            raise ValueError(f"--classes: {path}: not text in UTF-8 ({problem.reason})") from None
        while lines and not lines[-1]:
            lines.pop()
        if not lines or not all(lines):
            raise ValueError(f"--classes: {path}: expected one class a line, and no empty line")
        if all(_SYNSET.fullmatch(line) for line in lines):
            synsets = tuple(line[:9] for line in lines)
            return cls(tuple(line[10:].strip() or line[:9] for line in lines), synsets)
        return cls(tuple(lines))

    @classmethod
    def numbered(cls, count: int) -> Classes:
        """Classes that have numbers only.

        >>> Classes.numbered(10).name(3)
        'class 3'
        """
        return cls(tuple(f"class {number}" for number in range(count)))

    def number(self, word: str) -> int:
        """The class that a word means.

        Raises ValueError, in one line, for a word that means none of them, or several.
        """
        word = word.strip()
        if word.isascii() and word.isdigit():
            if int(word) < len(self.names):
                return int(word)
            raise ValueError(f"class: {word}, expected 0 to {len(self.names) - 1}, from 0 on")
        if (found := _SYNSET.fullmatch(word)) and self.synsets:
            if found[1] in self._by_synset:
                return self._by_synset[found[1]]
            raise ValueError(f"class: {found[1]} is not one of these {len(self.names)} synsets")
        numbers = self._by_name.get(_plain(word)) or self._by_name.get(_plain(word.split(",")[0]))
        if not numbers:
            raise ValueError(f"class: {word!r} is no number, synset or name of a class")
        if len(numbers) > 1:
            said = " and ".join(map(str, numbers))
            raise ValueError(f"class: {word!r} names {said}; say the number or the synset")
        return numbers[0]

    def knows(self, word: str) -> bool:
        """Whether a word means one of them.

        >>> Classes.imagenet().knows("bow tie"), Classes.imagenet().knows("val/1.jpg 457")
        (True, False)
        """
        try:
            self.number(word)
        except ValueError:
            return False
        return True

    def name(self, number: int) -> str:
        """The name of a class; where two share one, with its number.

        >>> Classes.imagenet().name(134), Classes.imagenet().name(-1)
        ('crane (134)', 'background')
        """
        if number == BACKGROUND:
            return "background"
        name = self.names[number]
        return f"{name} ({number})" if len(self._by_name[_plain(name)]) > 1 else name


def common(counts: Sequence[int]) -> int:
    """How many classes photos have that networks of so many outputs are asked about.

    >>> common([1001, 1000])
    1000
    """
    found = {1000 if count == 1001 else count for count in counts}
    if len(found) != 1:
        raise ValueError(f"--model: {sorted(found)} classes cannot be compared")
    return found.pop()


def _plain(name: str) -> str:
    """Folders' names have underscores for spaces, and any case."""
    return " ".join(name.replace("_", " ").casefold().split())
