"""Inputs drawn with Hypothesis, the same ones every time, and the smallest that goes wrong."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from refnet.exercises.exercise import Arguments, Array, Exercise

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

MISSING = "Only the chosen inputs were tried. To have others drawn: pip install hypothesis"
SHRINKING = 150  # calls that the search for a smaller input may take


def installed() -> bool:
    """Whether inputs can be drawn at all: Hypothesis is there if the user wants it."""
    return find_spec("hypothesis") is not None


class Drawn:
    """The methods of `Draw`, by Hypothesis."""

    def __init__(self, choose: Callable[[SearchStrategy[Any]], Any]) -> None:
        from hypothesis import strategies
        from hypothesis.extra import numpy as numpy_strategies

        self._choose, self._st, self._np = choose, strategies, numpy_strategies

    def integer(self, least: int, most: int) -> int:
        """A whole number. Beyond 99 Hypothesis would draw by what modules are imported, too."""
        assert -100 < least <= most < 100, (least, most)
        drawn: int = self._choose(self._st.integers(least, most))
        return drawn

    def choice(self, *values: Any) -> Any:
        """One of the values."""
        return self._choose(self._st.sampled_from(values))

    def array(self, *shape: int, least: int = -9, most: int = 9, dtype: Any = np.int64) -> Array:
        """An array of whole numbers."""
        assert -100 < least <= most < 100, (least, most)
        numbers, nothing = self._st.integers(least, most), self._st.nothing()
        drawn: Array = self._choose(self._np.arrays(dtype, shape, elements=numbers, fill=nothing))
        return drawn

    def pixels(self, *shape: int) -> Array:
        """An array of bytes; a number of two digits to base 16, for the same reason."""
        digit, nothing = self._st.integers(0, 15), self._st.nothing()
        pairs = self._st.tuples(digit, digit).map(lambda pair: 16 * pair[0] + pair[1])
        drawn: Array = self._choose(self._np.arrays(np.uint8, shape, elements=pairs, fill=nothing))
        return drawn


def strategy(exercise: Exercise) -> SearchStrategy[Arguments]:
    """An exercise's arguments as a Hypothesis strategy."""
    from hypothesis import strategies as st

    @st.composite
    def arguments(choose: Any) -> Arguments:
        return exercise.arguments(Drawn(choose))

    return arguments()


class _EnoughError(BaseException):
    """Ends a search; Hypothesis lets through what is no Exception."""


def search(
    exercise: Exercise,
    fails: Callable[[Arguments], bool],
    examples: int,
    enough: Callable[[], bool] = lambda: False,
) -> bool:
    """Whether `fails` is true of any drawn arguments.

    Once it is, Hypothesis asks about ever smaller ones, `SHRINKING` of them at most: a number of
    calls, not of seconds, so that the same smallest input is found on every machine. enough: ends
    the search before its time.
    """
    from hypothesis import HealthCheck, Phase, find, settings
    from hypothesis.errors import Flaky, NoSuchExample

    found, asked = False, 0

    def condition(arguments: Arguments) -> bool:
        nonlocal found, asked
        asked += found
        if asked > SHRINKING or enough():
            raise _EnoughError
        wrong = fails(arguments)
        found = found or wrong
        return wrong

    quiet = settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    # Flaky is a function that answers otherwise the second time.
    with _no_folder(), suppress(NoSuchExample, Flaky, _EnoughError):
        find(strategy(exercise), condition, settings=quiet)
    return found


@contextmanager
def _no_folder() -> Iterator[None]:
    """Hypothesis's notes to itself have no business in the user's folder."""
    from hypothesis.configuration import set_hypothesis_home_dir

    with tempfile.TemporaryDirectory() as folder:
        set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            set_hypothesis_home_dir(None)
