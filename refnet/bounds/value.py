"""What the oracle knows of a tensor: its value in float64, and how far a backend's may be off."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refnet.backend import Arithmetic, Format
from refnet.bounds.formats import SLACK, float_format, least_step, lost, narrower, unit

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Value:
    """exact: the oracle's float64 numbers; error: a proven bound for each element.

    size: sum of |w||x| + |b| for each element of a layer that adds up (the scale of rounding),
    and terms: how many it adds up; for other layers |exact| and 1. An infinite error says that
    nothing is promised there: the arithmetic may have overflowed. Where `exact` is NaN or
    infinite the answer owed is the same, and error is 0.
    """

    exact: Array
    error: Array
    size: Array
    terms: int = 1

    @classmethod
    def given(cls, a: Array) -> Value:
        """A tensor that the backend is given exactly as it is."""
        exact = a.astype(np.float64)
        return cls(exact, np.zeros(exact.shape), abs(exact))

    def read(self, arithmetic: Arithmetic) -> Value:
        """A tensor as a layer finds it: numbers that were given are first brought to storage.

        Those that a layer before has written are stored already, and carry that in their error.
        """
        off = lost(self.exact, 0.0, arithmetic.storage, arithmetic)
        return replace(self, error=np.where(self.error == 0, off, self.error))

    def fitted(self, name: Format, arithmetic: Arithmetic) -> Value:
        """The same tensor once it is rounded to a format, if that is narrower than storage."""
        if not narrower(name, arithmetic.storage):
            return self
        off = lost(self.exact, self.error, name, arithmetic)
        return replace(self, error=self.error + off)

    @property
    def reach(self) -> Array:
        """The largest that each element may be in a backend, without its sign."""
        return abs(self.exact) + self.error

    def within(self, name: Format, most: Array | float | None = None) -> Value:
        """Nothing is promised where a number on the way may leave the range of a format.

        most: the largest of these numbers; by default the sums of |w||x|, which bound every
        partial sum.
        """
        with np.errstate(invalid="ignore"):
            largest = (self.size if most is None else most) * SLACK + self.error
            beyond = ~(largest <= float_format(name).largest)
        if not beyond.any():
            return self
        return replace(self, error=np.where(beyond, np.inf, self.error))

    def stored(self, arithmetic: Arithmetic) -> Value:
        """The same tensor once it is written down, in a format that may have fewer bits."""
        if not narrower(arithmetic.storage, arithmetic.accumulate):
            return self
        least = least_step(arithmetic.storage, arithmetic)
        off = unit(arithmetic.storage, arithmetic) * self.reach + least
        value = replace(self, error=self.error + off)
        return value.within(arithmetic.storage, abs(self.exact))

    def settled(self) -> Value:
        """No bound is NaN: it is infinite where it cannot be known, 0 beside NaN and infinities."""
        error = np.where(np.isnan(self.error), np.inf, self.error * SLACK)
        return replace(self, error=np.where(np.isfinite(self.exact), error, 0.0))
