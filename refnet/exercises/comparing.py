"""Is an answer what was expected, and if not, what is the first thing that is wrong?

>>> difference(np.array([1.0, 2.0]), np.array([1, 2]))          # equal numbers, of any type
''
>>> difference(np.array([1, 5]), np.array([1, 2]))
'1 of 2 numbers is wrong, the first at (1,): 5, expected 2'
>>> difference([1, 2], np.array([1, 2]))
'it returns a list, expected an array of shape (2,)'
"""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from numbers import Rational, Real
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
LONG = 10**30  # a whole number that is no longer written out
WORDS = 80  # characters of a text that are shown


def difference(answer: Any, expected: Any, bound: Any = None) -> str:
    """What is wrong with an answer, in a few words; nothing if it is right.

    expected: an array, a number, True or False, text, or a tuple of such. bound: None where
    equality is owed; else how far each number may be off, of the shape of `expected`.
    """
    if isinstance(expected, tuple):
        return _tuple(answer, expected, bound)
    if isinstance(expected, np.ndarray):
        return _array(answer, expected, bound)
    if isinstance(expected, bool | np.bool_):
        return _plain(answer, bool(expected), bool | np.bool_, "True or False")
    if isinstance(expected, str):
        return _plain(answer, expected, str, "text")
    return _number(answer, expected, bound)


def kind(value: Any) -> str:
    """What a value is, in words: its shape if it is an array.

    >>> kind(np.zeros((2, 3))), kind(None), kind([1, 2])
    ('an array of shape (2, 3)', 'None (is there a return?)', 'a list')
    """
    if value is None:
        return "None (is there a return?)"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if _is_number(value):
        return f"the number {number(value)}"
    if isinstance(value, str):
        return "text"
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiouAEIOU" else f"a {name}"


def number(value: Any) -> str:
    """A number as text: short where it is exact, to twelve digits elsewhere.

    >>> number(np.float64(0.5)), number(1 / 3), number(Fraction(1, 3)), number(5_000_000)
    ('0.5', '0.333333333333', '1/3', '5000000')
    >>> number(10**400)
    'about 1.00000e+400, a whole number of 401 digits'
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return f"{value:.12g}"
    if (
        isinstance(value, Rational)
        and max(abs(int(value.numerator)), int(value.denominator)) >= LONG
    ):
        return _about(value)
    return str(value)


def _about(value: Rational) -> str:
    """A number too long to be read; Decimal has no limit on digits where str has one."""
    above, below = Decimal(int(value.numerator)), Decimal(int(value.denominator))
    if below == 1:
        return f"about {above:.5e}, a whole number of {above.adjusted() + 1} digits"
    return f"about {above / below:.11e}"


def text(value: str) -> str:
    """Text as Python has it, the beginning of it where it is long.

    >>> text(np.str_("same")), text("x" * 100)[-5:]
    ("'same'", 'xx...')
    """
    shown = repr(str(value))
    return shown if len(shown) <= WORDS else f"{shown[:WORDS]}..."


def _is_number(value: Any) -> bool:
    return isinstance(value, Real | np.integer | np.floating) and not isinstance(value, bool)


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _tuple(answer: Any, expected: tuple[Any, ...], bound: Any) -> str:
    if not isinstance(answer, tuple | list):
        return f"it returns {kind(answer)}, expected a tuple of {len(expected)}"
    if len(answer) != len(expected):
        return f"it returns {len(answer)} values, expected {len(expected)}"
    bounds = bound if isinstance(bound, tuple) else (bound,) * len(expected)
    for place, triple in enumerate(zip(answer, expected, bounds, strict=True)):
        if said := difference(*triple):
            return f"value {place} of its tuple: {said.removeprefix('it returns ')}"
    return ""


def _plain(answer: Any, expected: Any, types: Any, words: str) -> str:
    if not isinstance(answer, types):
        return f"it returns {kind(answer)}, expected {words}"
    if answer == expected:
        return ""
    # As Python's own: a reader who is shown np.False_ looks for the fault in its type.
    found, wanted = (text(v) if isinstance(v, str) else str(bool(v)) for v in (answer, expected))
    return f"it returns {found}, expected {wanted}"


def _number(answer: Any, expected: Any, bound: Any) -> str:
    if isinstance(answer, np.ndarray) and answer.ndim == 0:
        answer = answer[()]
    if not _is_number(answer):
        return f"it returns {kind(answer)}, expected a number"
    if _close(answer, expected, bound):
        return ""
    return f"it returns {number(answer)}, expected {number(expected)}"


def _close(answer: Any, expected: Any, bound: Any) -> bool:
    """Equal, or within the bound; worked out in fractions, so that nothing is rounded here."""
    found, wanted = (
        Fraction(int(v.numerator), int(v.denominator)) if isinstance(v, Rational) else float(v)
        for v in (answer, expected)
    )
    if isinstance(found, float) and not math.isfinite(found):
        return False
    return abs(Fraction(found) - Fraction(wanted)) <= Fraction(0 if bound is None else float(bound))


def _array(answer: Any, expected: Array, bound: Any) -> str:
    if not isinstance(answer, np.ndarray):
        return f"it returns {kind(answer)}, expected an array of shape {expected.shape}"
    if answer.shape != expected.shape:
        return f"it returns an array of shape {answer.shape}, expected {expected.shape}"
    if answer.dtype.kind == "O" and all(_is_number(value) for value in answer.flat):
        answer = np.array([_as_float(value) for value in answer.flat]).reshape(answer.shape)
    if answer.dtype.kind not in "iuf":
        return f"it returns an array of {answer.dtype} values, expected numbers"
    found, wanted = np.asarray(answer), np.asarray(expected)
    with np.errstate(all="ignore"):
        right = found == wanted if bound is None else abs(found - wanted) <= bound
    if right.all():
        return ""
    wrong = int((~right).sum())
    at = tuple(int(i) for i in np.argwhere(~right)[0])
    if right.size == 1:
        return f"it returns {number(found[at])} at {at}, expected {number(wanted[at])}"
    verb = "is" if wrong == 1 else "are"
    return (
        f"{wrong} of {right.size} numbers {verb} wrong, the first at {at}: "
        f"{number(found[at])}, expected {number(wanted[at])}"
    )
