"""An exercise as data: what is asked, what is right, and what usually goes wrong."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from refnet.oracle import seeded

Array = np.ndarray[Any, Any]
Arguments = tuple[Any, ...]

# How long it takes a reader who has read the chapter: minutes, a sitting, an evening.
Level = Literal["warm-up", "exercise", "problem"]


class Draw(Protocol):
    """What an exercise's inputs are drawn with; the least of everything comes out of shrinking."""

    def integer(self, least: int, most: int) -> int:
        """A whole number, both ends included, neither of them beyond 99."""

    def choice(self, *values: Any) -> Any:
        """One of the values; the first is the simplest."""

    def array(self, *shape: int, least: int = -9, most: int = 9, dtype: Any = np.int64) -> Array:
        """An array of whole numbers, each drawn for itself, between -99 and 99."""

    def pixels(self, *shape: int) -> Array:
        """An array of bytes, 0 to 255, each drawn for itself."""


def whole(seed: int, *shape: int, least: int = -9, most: int = 9, dtype: Any = np.int64) -> Array:
    """Whole numbers from a seed, the same everywhere, for the chosen inputs.

    >>> whole(1, 2, 3).tolist()
    [[0, -1, 5], [4, 5, 4]]
    """
    return seeded.integers(seed, shape, least, most).astype(dtype)


@dataclass(frozen=True)
class BlackBox:
    """An argument that is itself a function: it answers, and what is in it is seen by a verdict.

    >>> box = BlackBox(lambda kernel, x: x @ kernel, np.eye(2, dtype=int))
    >>> box(np.array([3, 4])).tolist(), box
    ([3, 4], a layer whose kernel is [[1, 0], [0, 1]])
    """

    function: Callable[[Array, Array], Array]
    kernel: Array

    def __call__(self, x: Array) -> Array:
        """What the layer makes of a map."""
        return self.function(self.kernel, x)

    def __repr__(self) -> str:
        return f"a layer whose kernel is {self.kernel.tolist()}"


@dataclass(frozen=True)
class Mistake:
    """A typical wrong answer: what gives it, and what to look at.

    hint: a sentence, or a function of the exercise's arguments that makes one. also: other ways to
    the same mistake, whose answers may differ from machine to machine, as those of a sort that is
    not stable do.
    """

    name: str
    function: Callable[..., Any]
    hint: str | Callable[..., str]
    also: Sequence[Callable[..., Any]] = ()

    def says(self, arguments: Arguments) -> str:
        """The hint, about these arguments."""
        return self.hint if isinstance(self.hint, str) else self.hint(*arguments)


@dataclass(frozen=True)
class Exercise:
    """One question of the book; its number is that of its chapter, a point and its place.

    text: the question, in Markdown, as the chapter has it.
    reference: a right answer; its name and its parameters are those that are asked for.
    arguments: draws the arguments of one call.
    vectors: arguments that are always tried. They alone tell the reference from every mistake, and
    the mistakes from one another.
    mistakes: typical wrong answers, at least two.
    bound: None where right answers are equal; else, from the arguments, how far a right answer
    may be from the reference's, element by element (a tuple where the answer is a tuple).
    """

    number: str
    title: str
    text: str
    reference: Callable[..., Any]
    arguments: Callable[[Draw], Arguments]
    vectors: Sequence[Arguments]
    mistakes: Sequence[Mistake]
    bound: Callable[..., Any] | None = None
    level: Level = "exercise"

    @property
    def chapter(self) -> int:
        """The chapter that it belongs to."""
        return int(self.number.split(".")[0])

    @property
    def name(self) -> str:
        """What the function is called."""
        return self.reference.__name__

    @property
    def parameters(self) -> tuple[str, ...]:
        """What the function takes, in order."""
        return tuple(inspect.signature(self.reference).parameters)

    @property
    def stub(self) -> str:
        """The cell that a reader fills in.

        >>> from refnet.exercises import find
        >>> print(find("3.2").stub)
        def weights(D_K, M, N, bias):
            raise NotImplementedError
        <BLANKLINE>
        <BLANKLINE>
        # check("3.2", weights)
        """
        head = f"def {self.name}({', '.join(self.parameters)}):"
        return f'{head}\n    raise NotImplementedError\n\n\n# check("{self.number}", {self.name})'
