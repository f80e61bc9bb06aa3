"""Packed weights, number by number, by the indices that the kernels' own comments state."""

from __future__ import annotations

import numpy as np
import pytest

from refnet.cost import parameters
from refnet.metal import packing, program_of
from refnet.models import build
from tests.metal.cases import drawn

COUNTS = (1, 3, 4, 5, 8, 10)


def numbers(*shape: int) -> np.ndarray:
    """All different, and none of them 0, so that filling cannot be taken for a parameter."""
    return np.arange(1, np.prod(shape) + 1, dtype=np.float64).reshape(shape)


@pytest.mark.parametrize("M", COUNTS)
@pytest.mark.parametrize("N", COUNTS)
def test_each_weight_lies_where_its_kernel_reads_it_and_the_rest_is_zero(M, N):
    w = numbers(3, 3, M, N)
    packed = packing.conv3x3(w).ravel()
    slices, found = -(-M // 4), np.zeros(packed.shape)
    for i, j, m, n in np.ndindex(w.shape):
        # w + ((gid.z * 9 + tap) * inSlices + slice) * 4 + lane, four outputs each
        place = (((n // 4) * 9 + 3 * i + j) * slices + m // 4) * 4 + m % 4
        found[4 * place + n % 4] = w[i, j, m, n]
    np.testing.assert_array_equal(packed, found)

    w = numbers(1, 1, M, N)
    packed, found = packing.pointwise(w).ravel(), np.zeros(packing.pointwise(w).size)
    for m, n in np.ndindex(M, N):
        found[4 * (((n // 4) * slices + m // 4) * 4 + m % 4) + n % 4] = w[0, 0, m, n]
    np.testing.assert_array_equal(packed, found)

    w = numbers(M, N)
    packed, found = packing.fully_connected(w).ravel(), np.zeros(slices * N * 4)
    for m, n in np.ndindex(M, N):  # weights[slice * outputs + gid]
        found[4 * ((m // 4) * N + n) + m % 4] = w[m, n]
    np.testing.assert_array_equal(packed, found)


@pytest.mark.parametrize("M", COUNTS)
def test_a_depthwise_weight_and_a_bias_lie_where_they_are_read(M):
    w, slices = numbers(3, 3, M, 1), -(-M // 4)
    packed, found = packing.depthwise3x3(w).ravel(), np.zeros(9 * slices * 4)
    for i, j, m in np.ndindex(3, 3, M):  # weights[tap * slices + gid.z]
        found[4 * ((3 * i + j) * slices + m // 4) + m % 4] = w[i, j, m, 0]
    np.testing.assert_array_equal(packed, found)
    b = packing.bias(numbers(M))
    assert b.dtype == np.float32
    assert b.ravel().tolist() == [*range(1, M + 1), *[0] * (-M % 4)]


@pytest.mark.parametrize("M", COUNTS)
def test_a_map_comes_back_from_its_texture_and_its_last_lanes_are_zero(M):
    x = numbers(5, 7, M).astype(np.float16)
    texture = packing.to_texture(x)
    assert texture.shape == (-(-M // 4), 5, 7, 4)
    for r, c, m in np.ndindex(x.shape):
        assert texture[m // 4, r, c, m % 4] == x[r, c, m]
    assert (texture != 0).sum() == x.size
    np.testing.assert_array_equal(packing.from_texture(texture, M), x)


def test_a_weight_is_rounded_once_from_what_is_given():
    """1 + 2^-11 + 2^-40 is above the middle of two halves; by way of float32 it would be on it."""
    w = np.full((1, 1, 1, 1), 1 + 2.0**-11 + 2.0**-40)
    assert packing.pointwise(w).max() == 1 + 2.0**-10
    assert np.float16(np.float32(w)).item() == 1


def test_a_weight_beyond_half_is_refused_by_name():
    network = build("v1", alpha=0.25, resolution=32, batch_norm=False)
    tensors = drawn(network)
    tensors["block3.pointwise.weight"][0, 0, 1, 2] = -65520  # rounds to infinity
    with pytest.raises(ValueError, match=r"block3\.pointwise\.weight: -65520, but float16 ends at"):
        program_of(network, tensors)
    tensors["block3.pointwise.weight"][0, 0, 1, 2] = -65519  # rounds to the largest
    program_of(network, tensors)


@pytest.mark.parametrize(("model", "alpha"), [("v1", 0.3), ("v1", 1.0), ("v2", 0.35), ("v2", 1.4)])
def test_parameters_and_filling_are_told_apart_and_add_up_to_the_file(model, alpha):
    network = build(model, alpha=alpha, resolution=32, divisor=1) if model == "v2" else build(
        model, alpha=alpha, resolution=32)  # fmt: skip
    program = program_of(network, drawn(network))
    plain = build(model, alpha=alpha, batch_norm=False, **({"divisor": 1} if model == "v2" else {}))
    assert sum(one.parameters for one in program.tensors) == parameters(plain)
    end = 0
    for one in program.tensors:
        size = {"half4": 8, "float4": 16, "float": 4}[one.type]
        lanes = 1 if one.type == "float" else 4
        assert one.bytes == size * int(np.prod(one.shape))
        assert one.parameters + one.padding == lanes * int(np.prod(one.shape))
        assert one.offset % 256 == 0
        assert end <= one.offset < end + 256
        end = one.offset + one.bytes
        raw = np.frombuffer(program.weights, np.float16 if one.type == "half4" else np.float32,
                            one.parameters + one.padding, one.offset)  # fmt: skip
        assert np.count_nonzero(raw) <= one.parameters
    assert len(program.weights) % 16384 == 0
    assert end <= len(program.weights) < end + 16384
    assert not any(program.weights[end:])
