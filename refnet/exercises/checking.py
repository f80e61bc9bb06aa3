"""The check: chosen inputs, drawn inputs, the smallest that goes wrong, and the mistake by name."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refnet.exercises import drawing
from refnet.exercises.calling import Outcome, call
from refnet.exercises.catalogue import find
from refnet.exercises.comparing import difference, kind
from refnet.exercises.exercise import Arguments, BlackBox, Exercise, Mistake
from refnet.exercises.verdict import Verdict, shown_value

EXAMPLES = 60  # drawn inputs a check


def check(number: Any, function: Any, *, limit: float = 5.0) -> Verdict:
    """Is this function an answer to the exercise?

    >>> check("3.2", lambda D_K, M, N, bias: D_K**2 * M * N + bias * N).right
    True

    number: as the book has it, "3.2". limit: seconds that a single call may take, and after which
    no more inputs are drawn; see `timelimit` for what can be ended where. The verdict shows itself
    in a notebook; in a script, print it.
    """
    try:
        exercise = find(number)
    except ValueError as problem:
        return Verdict(str(number), "", "not checked", str(problem))
    if said := _unfit(exercise, function):
        return Verdict(exercise.number, exercise.title, "not checked", said)
    return _Check(exercise, function, limit).verdict()


def _unfit(exercise: Exercise, function: Any) -> str:
    """Why it cannot be called at all."""
    asked = f"{exercise.name}({', '.join(exercise.parameters)})"
    if not callable(function):
        return (
            f"{kind(function)} came, expected a function: "
            f'check("{exercise.number}", {exercise.name}), without calling it'
        )
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):  # some of C's functions have none to show
        return ""
    try:
        signature.bind(*exercise.vectors[0])
    except TypeError:
        return f"the function takes {signature}, expected {asked}"
    return ""


@dataclass
class _Check:
    """One function and one exercise; what has been tried so far."""

    exercise: Exercise
    function: Callable[..., Any]
    limit: float
    tried: list[Outcome] = field(default_factory=list)
    wrong: list[tuple[Outcome, str]] = field(default_factory=list)
    stopped: Outcome | None = None
    spent: float = 0.0

    def verdict(self) -> Verdict:
        for arguments in self.exercise.vectors:
            self.fails(arguments)
        note = "" if drawing.installed() else drawing.MISSING
        if not note and not self.stopped:
            drawing.search(self.exercise, self.fails, EXAMPLES, lambda: self.spent > self.limit)
        if self.stopped and not self.wrong:
            return self.stop(self.stopped)
        if not self.wrong:
            return self.say("right", self.what_was_tried(), note=note)
        # The last of the smallest: what Hypothesis came down to.
        outcome, said = min(reversed(self.wrong), key=lambda pair: _size(pair[0].arguments))
        return self.say_wrong(outcome, said, note)

    def fails(self, arguments: Arguments) -> bool:
        """Try one input, and keep what came of it."""
        if self.stopped:
            return False
        began = time.monotonic()
        outcome = call(self.function, arguments, self.limit)
        self.spent += time.monotonic() - began
        if outcome.ended in ("timed out", "not written"):
            self.stopped = outcome
            return True
        said = self.judge(outcome)
        if not said and outcome.changed:
            names = [self.exercise.parameters[place] for place in outcome.changed]
            said = f"the answer is right, but it changes its argument {' and '.join(names)}"
        self.tried.append(outcome)
        if said:
            self.wrong.append((outcome, said))
        return bool(said)

    def judge(self, outcome: Outcome) -> str:
        """What is wrong with it; nothing if it is right."""
        if outcome.ended == "raised":
            where = f", in `{outcome.where}`" if outcome.where else ""
            return f"it raises {outcome.raised}{where}"
        expected = self.exercise.reference(*outcome.arguments)
        return difference(outcome.answer, expected, self.bound(outcome.arguments))

    def bound(self, arguments: Arguments) -> Any:
        return None if self.exercise.bound is None else self.exercise.bound(*arguments)

    def stop(self, outcome: Outcome) -> Verdict:
        if outcome.ended == "not written":
            return self.say("not written", "it raises NotImplementedError")
        said = f"it had not ended after {self.limit:g} s"
        return self.say("timed out", said, given=self.named(outcome))

    def say_wrong(self, outcome: Outcome, said: str, note: str) -> Verdict:
        mistake = self.known_mistake()
        expected = self.exercise.reference(*outcome.arguments)
        # None is all in the one line already.
        shown = outcome.ended == "answered" and outcome.answer is not None
        shown = shown and _showable(outcome.answer)
        return self.say(
            "wrong",
            said,
            given=self.named(outcome),
            answer=shown_value(outcome.answer, 14) if shown else "",
            expected=shown_value(expected, 14),
            mistake=mistake.name if mistake else "",
            hint=mistake.says(outcome.arguments) if mistake else "",
            printed=outcome.printed,
            note=note,
        )

    def say(self, kind: Any, said: str, **more: Any) -> Verdict:
        exercise = self.exercise
        asked = f"{exercise.name}({', '.join(exercise.parameters)})"
        return Verdict(exercise.number, exercise.title, kind, said, asked, **more)

    def named(self, outcome: Outcome) -> dict[str, Any]:
        return dict(zip(self.exercise.parameters, outcome.arguments, strict=True))

    def known_mistake(self) -> Mistake | None:
        """The mistake that gives what this function gives, on all that was tried."""
        return next(filter(self.is_this, self.exercise.mistakes), None)

    def is_this(self, mistake: Mistake) -> bool:
        ways = (mistake.function, *mistake.also)
        return any(all(self.equals(way, outcome) for outcome in self.tried) for way in ways)

    def equals(self, way: Callable[..., Any], outcome: Outcome) -> bool:
        own = call(way, outcome.arguments, self.limit)
        if own.ended != "answered" or outcome.ended != "answered":
            return own.ended == outcome.ended and own.exception == outcome.exception
        bound = self.bound(outcome.arguments)
        return not difference(outcome.answer, own.answer, bound)

    def what_was_tried(self) -> str:
        chosen = len(self.exercise.vectors)
        drawn = len(self.tried) - chosen
        largest = max((outcome.arguments for outcome in self.tried), key=_size)
        pairs = zip(self.exercise.parameters, largest, strict=True)
        shown = [f"{name} {value.shape}" if isinstance(value, np.ndarray) else
                 f"{name} = {shown_value(value)}" for name, value in pairs]  # fmt: skip
        also = f" and {drawn} drawn ones" if drawn else ""
        return f"tried on {chosen} chosen inputs{also}, the largest of them {', '.join(shown)}."


def _showable(answer: Any) -> bool:
    """Numbers and arrays; another type's own way of showing itself is not asked for."""
    plain = (bool, int, float, str, np.ndarray, np.generic, type(None))
    if isinstance(answer, tuple | list):
        return len(answer) < 20 and all(map(_showable, answer))
    return isinstance(answer, plain)


def _size(arguments: Sequence[Any]) -> tuple[int, int]:
    """How much there is to read: numbers, then their magnitudes."""
    elements, magnitude = 0, 0
    for value in arguments:
        if isinstance(value, np.ndarray):
            elements += value.size
            magnitude += int(abs(value.astype(np.float64)).sum())
        elif isinstance(value, tuple | list):
            more = _size(value)
            elements, magnitude = elements + more[0], magnitude + more[1]
        elif isinstance(value, BlackBox):
            more = _size([value.kernel])
            elements, magnitude = elements + more[0], magnitude + more[1]
        elif isinstance(value, int | float):
            elements, magnitude = elements + 1, magnitude + int(abs(value))
    return elements, magnitude
