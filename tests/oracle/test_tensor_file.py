"""safetensors by hand, beside the library that is the format's own."""

from __future__ import annotations

import numpy as np
import safetensors
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from refnet.oracle import tensor_file
from refnet.oracle.bundle import write


def test_other_libraries_read_and_write_the_files(tmp_path):
    write(tmp_path / "ops", "ops")
    stored = tmp_path / "ops" / "ops.safetensors"
    with safetensors.safe_open(stored, framework="numpy") as file:
        ours, metadata = tensor_file.read(stored)
        assert file.metadata() == metadata
        assert set(file.keys()) == set(ours)
        assert all(np.array_equal(file.get_tensor(name), a) for name, a in ours.items())
    kinds = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"]
    arrays = {kind: np.arange(6).reshape(2, 3).astype(kind) for kind in kinds}
    arrays["empty"] = np.zeros((0, 3), np.float32)
    safetensors.numpy.save_file(arrays, tmp_path / "theirs", {"a": "b"})
    found, metadata = tensor_file.read(tmp_path / "theirs")
    assert metadata == {"a": "b"}
    assert all(found[k].dtype == a.dtype and np.array_equal(found[k], a) for k, a in arrays.items())


def test_bfloat16_is_read_as_the_upper_half_of_float32():
    numbers = np.array([1.0, -2.5, 3.0e38], np.float32)
    upper = (numbers.view(np.uint32) >> 16).astype("<u2")
    data = tensor_file.to_bytes({"x": upper}, "").replace(b'"U16"', b'"BF16"')
    length = int.from_bytes(data[:8], "little") + 1  # one character more, before the padding
    found, _ = tensor_file.from_bytes(length.to_bytes(8, "little") + data[8:], "here")
    assert np.array_equal(found["x"], (upper.astype(np.uint32) << 16).view(np.float32))


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_spoilt_header_is_a_ValueError_and_nothing_else(place, change):
    data = bytearray(tensor_file.to_bytes({"ab": np.arange(3.0), "c": np.ones((2, 2), int)}, "x"))
    data[place % len(data)] ^= change
    said = ""
    try:
        tensor_file.from_bytes(bytes(data), "here")
    except ValueError as problem:
        said = str(problem)
    assert "\n" not in said
    assert said.startswith("here: ") or not said
