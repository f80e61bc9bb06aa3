"""Answers that readers have given, and the hint or the input that they then get to see."""

from __future__ import annotations

import math

import numpy as np
import pytest

from refnet.exercises import check, find


def largest_in_int8(a, b):
    return int(abs(a.astype(np.int8).astype(int) - b.astype(np.int8)).max())


def sums_in_int8(image, kernel):
    return find("1.3").reference(image, kernel).astype(np.int8)


def clipped(image, kernel):
    return np.minimum(find("1.3").reference(image, kernel), 255)


@pytest.mark.parametrize(
    ("number", "function"),
    [("0.3", largest_in_int8), ("1.3", sums_in_int8), ("1.3", clipped)],
)
def test_what_goes_wrong_with_large_bytes_alone_is_shown_on_a_single_pixel(number, function):
    verdict = check(number, function)
    assert verdict.kind == "wrong"
    assert all(value.size == 1 for value in verdict.given.values())


@pytest.mark.parametrize("number", ["0.3", "1.3"])
def test_bytes_of_every_size_are_drawn(number):
    """Half of all bytes are over 127; that none of 60 images has one comes once in 2^60 times."""
    seen = []

    def looking(*given):
        seen.append(given)
        return find(number).reference(*given)

    assert check(number, looking).right
    drawn = [arguments[0] for arguments in seen[len(find(number).vectors) :]]
    assert max(int(image.max()) for image in drawn) > 127
    assert {image.dtype for image in drawn} == {np.dtype(np.uint8)}


def matrix_rank_is_one(kernel):
    return np.linalg.matrix_rank(kernel) == 1


def channels_of_rank_one(w):
    channels = (w[:, :, m].reshape(-1, w.shape[3]) for m in range(w.shape[2]))
    return np.all([np.linalg.matrix_rank(channel) == 1 for channel in channels])


def floor_for_ceil(side, strides):
    found = []
    for stride in strides:
        side = math.floor(side / stride)
        found.append(side)
    return tuple(found)


@pytest.mark.parametrize(
    ("number", "function", "hint"),
    [
        ("2.3", matrix_rank_is_one, "the rank has to be at most 1."),
        ("7.6", channels_of_rank_one, "the rank has to be at most 1."),
        ("9.5", lambda a, k: tuple(np.argsort(a)[::-1][:k]), "Sort -logits, and stably."),
        ("4.1", lambda n, k, s, a, b: (n + a + b - k) / s + 1, "only whole steps count: //."),
        ("9.1", floor_for_ceil, "ceil(side / stride)."),
        ("9.1", lambda side, s: tuple(floor_for_ceil(side, s)), "ceil(side / stride)."),
        ("9.2", lambda D, M, N, s: (D // s) ** 2 * M * (9 + N), "ceil(D_F / stride) outputs"),
        ("3.2", lambda D_K, M, N, bias: D_K**2 * M * N + bias, "each of the N filters has its own"),
        ("7.2", lambda D, M, N: (D * D * M * N, D * D * M + N), "M N of them, not N."),
        ("7.2", lambda D, M, N: (D * D * M + M * N, D * D * M * N), "The two counts are exchanged"),
        ("5.1", lambda D, M, q, F: (D * D * M * q, D * D * M * q * F), "D_F times D_F places"),
        ("5.1", lambda D, M, q, F: (D * D * M, D * D * M * F * F), "has `multiplier` filters"),
        ("5.1", lambda D, M, q, F: (D * D * M * q, D * D * M * F * F), "the multiplier as well."),
        ("5.1", lambda D, M, q, F: (D * D * M, D * D * M * q * F * F), "The weights have the"),
    ],
)  # fmt: skip
def test_a_mistake_that_readers_make_has_a_hint(number, function, hint):
    verdict = check(number, function)
    assert verdict.kind == "wrong"
    assert hint in verdict.hint
    assert "np." not in verdict.said


def test_a_ratio_in_float32_is_right_and_one_in_float16_is_not():
    """3 roundings of 2^-24 are within the bound of 4; float16 rounds 8192 times coarser."""

    def computed_in(dtype):
        one = dtype(1)
        return lambda D_K, N: one / dtype(N) + one / dtype(D_K) ** 2

    assert check("7.1", computed_in(np.float32)).right
    assert not check("7.1", computed_in(np.float16)).right


def test_numpys_own_scalars_are_shown_as_pythons():
    assert check("2.3", lambda kernel: np.bool_(False)).said == "it returns False, expected True"
    said = check("4.6", lambda x, w, stride, y: np.str_("neither")).said
    assert said.startswith("it returns 'neither', expected '")
    assert check("4.2", lambda *sizes: (np.int64(7), np.float32(0.5))).answer == "(7, 0.5)"
    assert check("9.5", lambda logits, k: [np.longdouble(1)] * 2).answer == "[1.0, 1.0]"


@pytest.mark.parametrize("digits", [400, 5000])
def test_a_long_number_is_not_written_out(digits):
    """Beyond 4300 digits Python itself refuses to."""
    text = str(check("0.1", lambda shape: 10**digits))
    about = f"about 1.00000e+{digits}, a whole number of {digits + 1} digits"
    assert text.count(about) == 2
    assert len(text) < 400
    verdict = check("0.2", lambda x: np.full(x.transpose(0, 2, 3, 1).shape, 10**digits, object))
    assert len(str(verdict)) < 500


def test_a_long_text_is_cut():
    assert len(str(check("4.6", lambda x, w, stride, y: "a" * 10**5))) < 1000


def test_a_missing_return_is_said_once():
    text = str(check("5.2", lambda x, w, stride: None))
    assert text.count("None") == 1
    assert "answer:" not in text
    assert str(check("4.2", lambda *sizes: (None, 0))).count("is there a return?") == 1
