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
from fractions import Fraction
from numbers import Rational, Real
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


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
    """
    if isinstance(value, np.generic):
        value = value.item()
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real | np.integer | np.floating) and not isinstance(value, bool)


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
    return "" if answer == expected else f"it returns {answer!r}, expected {expected!r}"


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
        answer = answer.astype(np.float64)
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
