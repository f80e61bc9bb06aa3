"""Every model solution passes its check, and every exercise stands in its chapter.

A solution is in its chapter, in <details class="solution">.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from refnet.exercises import chapters, check, exercises
from refnet.exercises.class_edition import solutions

BOOK = Path(__file__).parents[2] / "chapters"


def chapter_text(number: int) -> str:
    """The source of a chapter."""
    (found,) = BOOK.glob(f"{number:02}_*.md")
    return found.read_text("utf-8")


def words(text: str) -> str:
    return " ".join(text.split())


def solved(exercise):
    """The function of the model solution."""
    shown = solutions(chapter_text(exercise.chapter))
    blocks = (re.findall(r"```python\n(.*?)```", block, re.DOTALL) for block in shown)
    sources = ["\n".join(block) for block in blocks]
    sources = [source for source in sources if f"def {exercise.name}(" in source]
    assert len(sources) == 1, f"{len(sources)} solutions define {exercise.name}"
    names = {"np": np}
    exec(compile(sources[0], f"<solution {exercise.number}>", "exec"), names)
    return names[exercise.name]


@pytest.mark.parametrize("exercise", exercises(), ids=lambda exercise: exercise.number)
def test_the_model_solution_is_right(exercise):
    verdict = check(exercise.number, solved(exercise))
    assert verdict.right, verdict


@pytest.mark.parametrize("number", chapters())
def test_every_exercise_stands_in_its_chapter_with_text_cell_and_solution(number):
    text = chapter_text(number)
    at = 0
    for exercise in chapters()[number]:
        titles = [m for m in re.finditer(r".*", text) if exercise.title in m[0]
                  and exercise.number in m[0]]  # fmt: skip
        assert titles, f"no line has {exercise.number} and {exercise.title!r}"
        assert titles[0].start() >= at, f"{exercise.number}: not in its order"
        at = titles[0].start()
        assert words(exercise.text) in words(text[at:]), f"{exercise.number}: another text"
        cells = re.findall(r"```\{code-cell\}[^\n]*\n(.*?)```", text[at:], re.DOTALL)
        assert any(words(exercise.stub) in words(cell) for cell in cells), (
            f"{exercise.number}: no cell"
        )
    assert len(solutions(text)) >= len(chapters()[number])
