"""All exercises of the book, each with a link to where it stands with its solution."""

from __future__ import annotations

import re
from collections.abc import Sequence

from chapters.site.appendices.chapter import Chapter, anchor
from refnet.exercises import catalogue

PAGE = """# Solutions

Every exercise of the book, with what you write in it and how long it takes a reader of its chapter:
a warm-up minutes, an exercise a sitting, a problem an evening. A link leads to the exercise; its
solution is folded up below it. `check("5.1", ...)` tells whether yours is right, too.
"""


def page(chapters: Sequence[Chapter]) -> str:
    """The page: a table for each chapter that has exercises."""
    parts = [PAGE]
    for chapter in chapters:
        if rows := [_row(chapter, heading) for heading in solved(chapter)]:
            parts.append(f"## {chapter.number}. {chapter.title}\n")
            parts.append(
                "\n".join(["| Exercise | You write | It is |", "|---|---|---|", *rows, ""])
            )
    return "\n".join(parts)


def solved(chapter: Chapter) -> list[str]:
    """The headings that have a solution under them, in order.

    >>> solved(Chapter("chapters/05_deep.ipynb", "### 5.1 A bill\\n\\n<details>\\n\\n### More", ""))
    ['5.1 A bill']
    """
    parts = re.split(r"^### +(.+)$", chapter.prose, flags=re.M)[1:]
    return [
        heading
        for heading, text in zip(parts[::2], parts[1::2], strict=True)
        if "<details" in re.split(r"^## ", text, flags=re.M)[0]
    ]


def _row(chapter: Chapter, heading: str) -> str:
    known = {exercise.number: exercise for exercise in catalogue.exercises()}
    exercise = known.get(heading.partition(" ")[0])
    name, level = (f"`{exercise.name}`", exercise.level) if exercise else ("", "")
    return f"| [{heading}]({chapter.link(anchor(heading))}) | {name} | {level} |"
