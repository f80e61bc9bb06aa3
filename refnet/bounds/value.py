"""What the oracle knows of a tensor: its value in float64, and how far a backend's may be off."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refnet.backend import Arithmetic, Format
from refnet.bounds.formats import SLACK, float_format, unit

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Value:
    """exact: the oracle's float64 numbers; error: a proven bound for each element.

    size: sum of |w||x| + |b| for each element of a layer that adds up (the scale of rounding),
    and terms: how many it adds up; for other layers |exact| and 1. An infinite error says that
    nothing is promised there: the arithmetic may have overflowed.
    """

    exact: Array
    error: Array
    size: Array
    terms: int = 1

    @classmethod
    def given(cls, a: Array) -> Value:
        """A tensor that the backend has exactly as it is."""
        exact = a.astype(np.float64)
        return cls(exact, np.zeros(exact.shape), abs(exact))

    def within(self, name: Format) -> Value:
        """Nothing is promised where the numbers may leave the range of a format."""
        with np.errstate(invalid="ignore"):
            beyond = ~(self.size * SLACK + self.error <= float_format(name).largest)
        if not beyond.any():
            return self
        return replace(self, error=np.where(beyond & np.isfinite(self.exact), np.inf, self.error))

    def stored(self, arithmetic: Arithmetic) -> Value:
        """The same tensor once it is written down, in a format that may have fewer bits."""
        form, finer = float_format(arithmetic.storage), float_format(arithmetic.accumulate)
        error = self.error
        if form.bits < finer.bits or form.least_exponent > finer.least_exponent:
            least = form.smallest_normal if arithmetic.flushes_subnormals else form.smallest
            error = error + unit(arithmetic.storage, arithmetic) * (abs(self.exact) + error) + least
        return replace(self, error=error).within(arithmetic.storage)
