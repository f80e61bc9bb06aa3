"""The plain reader, against the safetensors package: the same arrays, and the same refusals."""

import json
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from refnet.checkpoints import load, manifest, plain_safetensors, store


def by_package(path):
    with safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118


def packed(header, tail=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + tail


def f32(begin, end, shape, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize("name", ["v1", "v2"])
def test_a_shipped_checkpoint_reads_the_same_bit_for_bit(name):
    path = manifest.entry(name).path
    (found, said), (expected, expected_said) = plain_safetensors.read(path), by_package(path)
    assert found.keys() == expected.keys()
    assert said == expected_said
    assert all(found[key].tobytes() == expected[key].tobytes() for key in expected)
    assert all(found[key].shape == expected[key].shape for key in expected)
    assert all(a.dtype == np.float32 and a.flags.writeable for a in found.values())


arrays = numpy_strategies.arrays(
    np.float32, numpy_strategies.array_shapes(min_dims=0, min_side=0), elements=st.floats(width=32)
)


@given(st.dictionaries(st.text(max_size=5), arrays, max_size=4),
       st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3))  # fmt: skip
def test_whatever_the_package_writes_is_read_the_same(tmp_path_factory, tensors, metadata):
    tensors.pop("__metadata__", None)
    path = tmp_path_factory.getbasetemp() / "drawn.safetensors"
    path.write_bytes(save(tensors, metadata=metadata or None))  # {} makes it write what is no JSON
    found, said = plain_safetensors.read(path)
    expected, _ = by_package(path)
    assert said == metadata
    assert {key: (a.shape, a.tobytes()) for key, a in found.items()} == {
        key: (a.shape, a.tobytes()) for key, a in expected.items()
    }


GOOD = packed({"a": f32(0, 8, [2]), "b": f32(8, 12, [1, 1])}, bytes(12))
BAD = {
    "empty": b"",
    "short": GOOD[:7],
    "no header": (8).to_bytes(8, "little"),
    "a header of 2**63 bytes": b"\xff" * 8 + GOOD[8:],
    "cut in the header": GOOD[:30],
    "cut in the tensors": GOOD[:-1],
    "a byte too many": GOOD + b"\0",
    "no JSON": packed(b"{nothing}"),
    "not UTF-8": packed(b'{"\xff":1}'),
    "a list": packed([]),
    "a gap": packed({"a": f32(0, 4, [1]), "b": f32(8, 12, [1])}, bytes(12)),
    "a gap at the beginning": packed({"a": f32(4, 8, [1])}, bytes(8)),
    "an overlap": packed({"a": f32(0, 8, [2]), "b": f32(4, 12, [2])}, bytes(12)),
    "another shape": packed({"a": f32(0, 8, [3])}, bytes(8)),
    "a negative side": packed({"a": f32(0, 8, [-2])}, bytes(8)),
    "a broken side": packed({"a": f32(0, 8, [2.0])}, bytes(8)),
    "end before beginning": packed({"a": f32(8, 0, [2])}, bytes(8)),
    "an unknown type": packed({"a": f32(0, 8, [2], "Q4")}, bytes(8)),
    "no shape": packed({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, bytes(8)),
    "three offsets": packed({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8, 8]}},
                            bytes(8)),
    "a number as metadata": packed({"__metadata__": {"a": 1}}),
    "deep": packed(b"[" * 100_000),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_the_package_refuses_is_refused_in_one_line(tmp_path, name):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(BAD[name])
    with pytest.raises(SafetensorError):
        by_package(path)
    with pytest.raises(ValueError, match="not a whole safetensors file") as refusal:
        plain_safetensors.read(path)
    assert "\n" not in str(refusal.value)


def test_the_good_file_of_which_the_bad_ones_are_made_is_good(tmp_path):
    (tmp_path / "good").write_bytes(GOOD)
    assert (
        plain_safetensors.read(tmp_path / "good")[0].keys()
        == by_package(tmp_path / "good")[0].keys()
    )


def test_other_number_types_are_refused_as_with_the_package(tmp_path, monkeypatch):
    path = tmp_path / "half"
    path.write_bytes(save({"a": np.zeros(3, np.float16)}))
    said = []
    for gone in (False, True):
        if gone:
            monkeypatch.setitem(sys.modules, "safetensors", None)
        with pytest.raises(ValueError, match="tensor 'a' is F16, expected F32") as refusal:
            store.tensors_of(path)
        said.append(str(refusal.value))
    assert said[0] == said[1]


def test_without_the_package_a_checkpoint_loads_all_the_same(monkeypatch):
    expected = load("v2")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    found = load("v2")
    assert found.description() == expected.description()
    assert all(
        np.array_equal(found.tensors[key], expected.tensors[key]) for key in expected.tensors
    )
