"""How a verdict follows from figures: what was printed, and what comes out when it is recomputed.

>>> said = Claim("macs", "a paper", "multiply-accumulates", ("569 M",), lambda: {"": (568740352,)})
>>> judge(said).verdict.name
'HOLDS'

A printed figure is a string and keeps its digits: "569 M" claims no more than the nearest
million. HOLDS asks for correct rounding to those digits, so that a count printed in full must
be equal. A statement without a number is turned into one: "always" claims 0 exceptions. Of the
verdicts, the first that applies:

* QUOTED: a measurement, which nothing here computes.
* HOLDS: the plain reading gives every figure.
* ROUNDED: it gives them cut off instead of rounded, or within the width that the claim allows to
  a figure said to be "about" so much.
* CONVENTION: another way of counting or reading, which the verdict names, gives every figure.
* MISPRINT: the rest of the source gives another figure, one slip of the pen away.
* FALSE: none of these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

Value = int | Fraction | str
Values = tuple[Value, ...]
# The name of a way of counting or reading -> a value for each printed figure; the first is plain.
Readings = Mapping[str, Values]

SCALES = {
    "": Fraction(1),
    "x": Fraction(1),
    "%": Fraction(1, 100),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
}
_NUMBER = re.compile(r"(?P<sign>[~<>]?) ?(?P<digits>-?[\d,]+(?:\.\d+)?) ?(?P<unit>[%kMGx]?)")


class Verdict(Enum):
    """What recomputing a claim has shown; the value is a line for the reader."""

    HOLDS = "recomputed, and right to every digit printed"
    ROUNDED = "cut off or approximate, as the source says itself or as its digits show"
    CONVENTION = "true under the way of counting that the note names, not under the plain one"
    MISPRINT = "one slip away from what the rest of the source gives"
    FALSE = "no reading that we know gives it"
    QUOTED = "a measurement that cannot be repeated here"


@dataclass(frozen=True)
class Figure:
    """A printed figure: a number with its digits, a bound (">", "<"), an "about" ("~"), or text.

    >>> Figure.read("4.24 M")
    Figure(sign='', number=Fraction(4240000, 1), step=Fraction(10000, 1), unit='M', text='4.24 M')
    >>> Figure.read("7 x 7").number is None
    True
    """

    sign: str
    number: Fraction | None
    step: Fraction
    unit: str
    text: str

    @classmethod
    def read(cls, text: str, digits: int | None = None) -> Figure:
        """`digits`: how many digits are significant, where zeros at the end only fill up."""
        found = _NUMBER.fullmatch(text)
        if not found:
            return cls("", None, Fraction(0), "", text)
        plain = found["digits"].replace(",", "")
        scale = SCALES[found["unit"]]
        places = len(plain.partition(".")[2])
        if digits is not None:
            places -= len(plain.lstrip("-0.").replace(".", "")) - digits
        step = scale * Fraction(f"1e{-places}")  # a power of a Fraction may be a float
        return cls(found["sign"], Fraction(plain) * scale, step, found["unit"], text)

    def grade(self, value: Value, about: Fraction | None = None) -> Verdict | None:
        """HOLDS, ROUNDED or, where the value does not give this figure, None.

        >>> Figure.read("300 M").grade(300774272)       # rounded it would be 301 M
        <Verdict.ROUNDED: 'cut off or approximate, as the source says itself or as its digits show'>
        """
        if self.number is None or isinstance(value, str):
            return Verdict.HOLDS if value == self.text else None
        if self.sign in ("<", ">"):
            right = value < self.number if self.sign == "<" else value > self.number
            return Verdict.HOLDS if right else None
        if self.sign == "~":
            if value == self.number:
                return Verdict.HOLDS
            near = abs(value - self.number) <= (about or 0) * abs(self.number)
            return Verdict.ROUNDED if near else None
        if abs(value - self.number) * 2 <= self.step:  # at a tie either neighbour will do
            return Verdict.HOLDS
        cut = abs(Fraction(value)) // self.step * self.step
        same_side = (value < 0) == (self.number < 0)
        return Verdict.ROUNDED if cut == abs(self.number) and same_side else None

    def show(self, value: Value, more: int = 2) -> str:
        """A computed value in this figure's unit, with `more` digits than were printed.

        >>> Figure.read("569 M").show(568740352), Figure.read("9").show(Fraction(9, 2))
        ('568.74 M', '4.50')
        """
        if isinstance(value, str):
            return value
        scaled = Fraction(value) / SCALES[self.unit]
        mark = f" {self.unit}" if self.unit else ""
        if scaled.denominator == 1:
            return f"{scaled.numerator:,}{mark}"
        printed = re.search(r"\.(\d+)", self.text)
        return f"{float(scaled):,.{(len(printed[1]) if printed else 0) + more}f}{mark}"


@dataclass(frozen=True)
class Claim:
    """What a source says, and the function that recomputes it.

    says: in our own words. compute: every reading, the plain one first; None for a measurement.
    mended: the figures as they follow from what the same source prints elsewhere (its table of
    layers, the sum of a column), where that contradicts them; only where such a place exists.
    about: the width, relative to the figure, that an "about" is allowed; `note` says why so much.
    digits: how many are significant. beside: computed and shown with a measurement, not judged.
    """

    id: str
    source: str
    says: str
    printed: tuple[str, ...]
    compute: Callable[[], Readings] | None = None
    note: str = ""
    mended: Callable[[], Values] | None = None
    about: Fraction | None = None
    digits: int | None = None
    beside: Callable[[], Mapping[str, Fraction]] | None = None

    def figures(self) -> tuple[Figure, ...]:
        """The printed figures, read."""
        return tuple(Figure.read(text, self.digits) for text in self.printed)


@dataclass(frozen=True)
class Judgement:
    """The verdict, the plain values, and what decided where these did not.

    readings: the names of all other readings that give the figures. decided: their values, or
    the mended ones.
    """

    claim: Claim
    verdict: Verdict
    plain: Values = ()
    readings: tuple[str, ...] = ()
    decided: Values = ()


def judge(claim: Claim) -> Judgement:
    """Recompute a claim."""
    if claim.compute is None:
        return Judgement(claim, Verdict.QUOTED)
    (_, plain), *others = claim.compute().items()
    grades = set(_grades(claim, plain))
    if grades == {Verdict.HOLDS}:
        return Judgement(claim, Verdict.HOLDS, plain)
    if None not in grades:
        return Judgement(claim, Verdict.ROUNDED, plain)
    giving = {name: values for name, values in others if _gives(claim, values)}
    if giving:
        first = next(iter(giving.values()))
        return Judgement(claim, Verdict.CONVENTION, plain, tuple(giving), first)
    if claim.mended is not None:
        mended = claim.mended()
        if all(_slipped(f, v) for f, v in zip(claim.figures(), mended, strict=True)):
            return Judgement(claim, Verdict.MISPRINT, plain, decided=mended)
    return Judgement(claim, Verdict.FALSE, plain)


def one_slip(printed: str, meant: str) -> bool:
    """One character changed, dropped, added or swapped with the next; one factor dropped or added.

    >>> one_slip("1.19 %", "1.91 %"), one_slip("Dk x M", "Dk x Dk x M"), one_slip("1.19", "1.90")
    (True, True, False)

    A letter's case is no slip beside another one, but alone it is.
    """
    if printed == meant:
        return False
    a, b = printed.casefold(), meant.casefold()
    factors = a.split(" x "), b.split(" x ")
    return (
        a == b
        or _one_edit(list(a), list(b))
        or (abs(len(factors[0]) - len(factors[1])) == 1 and _one_edit(*factors))
    )


def _one_edit(a: list[str], b: list[str]) -> bool:
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    a, b = a[start:], b[start:]
    while a and b and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    return max(len(a), len(b)) == 1 or (len(a) == len(b) == 2 and a == b[::-1])


def _grades(claim: Claim, values: Values) -> list[Verdict | None]:
    pairs = zip(claim.figures(), values, strict=True)
    return [figure.grade(value, claim.about) for figure, value in pairs]


def _gives(claim: Claim, values: Values) -> bool:
    """Another reading must give every digit; only what the source calls "about" may be so."""
    graded = zip(claim.figures(), _grades(claim, values), strict=True)
    return all(g is Verdict.HOLDS or (g is not None and f.sign == "~") for f, g in graded)


def _slipped(figure: Figure, meant: Value) -> bool:
    return one_slip(figure.text, figure.show(meant, more=0))
