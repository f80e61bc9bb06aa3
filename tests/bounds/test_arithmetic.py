"""What a backend may say of itself, and how it is refused."""

from __future__ import annotations

import re
from itertools import product

import pytest

from refnet.backend import Arithmetic
from tests.bounds.data import ARITHMETICS


def test_an_arithmetic_is_what_its_own_text_says():
    formats = ("float64", "float32", "tf32", "float16", "bfloat16")
    for storage, inputs, folds, flushes, rounding, algorithm in product(
        formats[:3], formats[1:4], (None, "float16"), (False, True), ("nearest", "any"),
        ("direct", "winograd", "fft"),
    ):  # fmt: skip
        arithmetic = Arithmetic(
            storage,
            inputs,
            "float32",
            folds,
            flushes,
            rounding,
            algorithm,  # type: ignore[arg-type]
        )
        assert Arithmetic.parse(str(arithmetic)) == arithmetic


def test_nothing_said_is_float32_throughout():
    assert Arithmetic.parse("") == Arithmetic() == Arithmetic("float32", "float64", "float32")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("storage=float8", "storage: 'float8', expected one of ('float64', 'float32', 'tf32', "
         "'float16', 'bfloat16')"),
        ("storage", "storage: '', expected one of ('float64', 'float32', 'tf32', 'float16', "
         "'bfloat16')"),
        ("folds_in=int8", "folds_in: 'int8', expected one of ('float64', 'float32', 'tf32', "
         "'float16', 'bfloat16', None)"),
        ("flushes_subnormals=perhaps", "flushes_subnormals: 'perhaps', expected one of "
         "(False, True)"),
        ("rounding=up", "rounding: 'up', expected one of ('nearest', 'any')"),
        ("algorithm=strassen", "algorithm: 'strassen', expected one of ('direct', 'winograd', "
         "'fft')"),
        ("precision=float16", "arithmetic: 'precision', expected one of storage, inputs, "
         "accumulate, folds_in, flushes_subnormals, rounding, algorithm"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused_in_one_line(text, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Arithmetic.parse(text)


def test_the_arithmetics_that_are_simulated_are_all_different():
    assert len(set(ARITHMETICS.values())) == len(ARITHMETICS)
