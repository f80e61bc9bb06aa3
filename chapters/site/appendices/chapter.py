"""A chapter as the appendices read it: its number, its title, its prose and its code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any


@dataclass(frozen=True)
class Chapter:
    """A staged notebook.

    >>> notebook = {"cells": [{"cell_type": "markdown", "source": ["# 7. Separable\\n", "Text."]},
    ...                       {"cell_type": "code", "source": "claim('about-nine')"}]}
    >>> chapter = Chapter.read("chapters/07_separable.ipynb", notebook)
    >>> chapter.number, chapter.prose, chapter.code
    (7, '# 7. Separable\\nText.', "claim('about-nine')")
    """

    name: str  # where it is staged: chapters/07_separable.ipynb
    prose: str
    code: str

    @classmethod
    def read(cls, name: str, notebook: dict[str, Any]) -> Chapter:
        """From the notebook's cells."""
        kinds: dict[str, list[str]] = {"markdown": [], "code": []}
        for cell in notebook["cells"]:
            kinds.setdefault(cell["cell_type"], []).append("".join(cell["source"]))
        return cls(name, "\n\n".join(kinds["markdown"]), "\n\n".join(kinds["code"]))

    @property
    def number(self) -> int:
        """Its number in the book."""
        return int(PurePosixPath(self.name).name[:2])

    @property
    def title(self) -> str:
        """Its heading, without the number."""
        return heading_of(self.prose)[0]

    def link(self, anchor: str = "") -> str:
        """The address of it, or of a heading in it, from a page of `appendices/`."""
        return f"../{self.name}{anchor and '#'}{anchor}"

    def section(self, title: str) -> str:
        """The text under a heading of the second level; "" where it is not there."""
        found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", self.prose, re.M | re.S)
        return found[1].strip() if found else ""


def chapter_links(chapters: Sequence[Chapter]) -> str:
    """Which chapters, as links.

    >>> chapter_links([Chapter("chapters/07_separable.ipynb", "", "")])
    'chapter [7](../chapters/07_separable.ipynb)'
    """
    links = [f"[{chapter.number}]({chapter.link()})" for chapter in chapters]
    return f"chapter{'s' if len(links) > 1 else ''} {', '.join(links)}"


def anchor(heading: str) -> str:
    """What a heading is called in an address: as on GitHub, and as MyST does it.

    >>> anchor("5.5 Between the two: groups")
    '55-between-the-two-groups'
    """
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def heading_of(text: str) -> tuple[str, str]:
    """A page's title, without a number, and the first sentence under it.

    >>> heading_of("# 7. Separable\\n\\nWhy\\nso? Because.")
    ('Separable', 'Why so?')
    """
    found = re.search(r"^# +(?:\d+\W+)?(.+)$\s*((?:.+\n?)*)", text, re.M)
    if not found:
        raise ValueError("a page has no heading `# ...`")
    return found[1].strip(), re.split(r"(?<=[.?!]) ", " ".join(found[2].split()))[0]
