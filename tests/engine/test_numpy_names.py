"""What NumPy hides is used where it is, and done without where it is not, with the same numbers."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnet import engine
from refnet.engine import Tricks, numpy_names, plan
from refnet.engine.numpy_names import INFINITY, SIX, ZERO, functions
from tests.engine.settings import small

SPECIAL = [np.nan, np.inf, -np.inf, -0.0, 0.0, 2.0**-140, -(2.0**-140), 6.0, np.nextafter(6, 7)]


def test_the_functions_are_numpys_own_behind_their_wrappers():
    einsum, clip = functions()
    assert (einsum, clip) != (np.einsum, np.clip)
    assert isinstance(clip, np.ufunc)


def test_where_they_are_not_found_the_public_names_serve_without_a_word(monkeypatch):
    """Warnings are errors in these tests, so a module that is only deprecated would show."""
    modules = numpy_names.HIDDEN["c_einsum"]
    monkeypatch.setattr(numpy_names, "HIDDEN", {"no_such": modules, "nor_such": ("numpy.none",)})
    assert functions() == (np.einsum, np.clip)
    assert functions(direct=False) == (np.einsum, np.clip)


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_a_whole_network_gives_the_same_bits_both_ways(model, monkeypatch):
    s = small(model)
    taps = [layer.name for layer in s.network.layers]
    hidden = plan(s.network, s.tensors, taps=taps)(s.x)
    off = plan(s.network, s.tensors, taps=taps, tricks=Tricks.without("direct_calls"))(s.x)
    monkeypatch.setattr(numpy_names, "HIDDEN", dict.fromkeys(numpy_names.HIDDEN, ()))
    public = plan(s.network, s.tensors, taps=taps)(s.x)
    for name, y in hidden.items():
        assert y.tobytes() == off[name].tobytes() == public[name].tobytes(), name


@given(st.lists(st.one_of(st.floats(width=32), st.sampled_from(SPECIAL)), min_size=1))
def test_clip_is_numpys_on_special_values_too(values):
    """Bit for bit, but for which NaN it is; and NaN stays NaN."""
    x = np.array(values, np.float32)
    for high in (SIX, INFINITY):
        found, public = np.empty_like(x), np.empty_like(x)
        functions()[1](x, ZERO, high, out=found)
        functions(direct=False)[1](x, ZERO, high, out=public)
        assert np.array_equal(found, public, equal_nan=True)
        assert np.array_equal(np.isnan(found), np.isnan(x))
        plain = np.minimum(np.maximum(x, np.float32(0)), high)
        assert np.array_equal(found, plain, equal_nan=True)


def private(name: str) -> bool:
    """Whether a dotted name has a part that begins with an underscore, or is of `numpy.core`."""
    parts = name.split(".")
    hidden = any(part.startswith("_") and not part.startswith("__") for part in parts[1:])
    return parts[0] == "numpy" and (hidden or "core" in parts[1:2])


def numpy_names_in(source: str) -> list[str]:
    """Every dotted name of NumPy in a source, in imports, attributes and strings."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{name.name}" for name in node.names]
        elif isinstance(node, ast.Import):
            found += [name.name for name in node.names]
        elif isinstance(node, ast.Attribute):
            found.append(ast.unparse(node).replace("np.", "numpy.", 1))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found += node.value.split()
    return [name for name in found if name.startswith("numpy.")]


def test_no_other_file_of_the_engine_knows_a_private_name():
    files = Path(engine.__file__).parent.rglob("*.py")
    with_private = {f.name for f in files if any(map(private, numpy_names_in(f.read_text())))}
    assert with_private == {"numpy_names.py"}
