"""Verdicts on one tensor, and the policy for special values, item by item."""

from __future__ import annotations

import numpy as np
import pytest

from refnet.backend import Arithmetic
from refnet.bounds import Value
from refnet.oracle.exact import exact_case
from refnet.oracle.judge import compare, judge, owes_equality
from refnet.oracle.suites import operations, questions, random_case
from refnet.run import run

INF, NAN = np.inf, np.nan


def value(exact: list[float], error: float | list[float] = 0.5) -> Value:
    numbers = np.array(exact, float)
    return Value(numbers, np.broadcast_to(np.array(error, float), numbers.shape), abs(numbers))


@pytest.mark.parametrize(
    ("expected", "answer", "wrong"),
    [
        ([1.0, 2.0], [1.5, 2.5], 0),  # just on the bound
        ([1.0, 2.0], [1.0, 2.51], 1),
        ([NAN, 1.0], [NAN, 1.0], 0),
        ([NAN], [0.0], 1),  # where the oracle has NaN the answer must
        ([0.0], [NAN], 1),  # and nowhere else
        ([INF, -INF], [INF, -INF], 0),
        ([INF], [-INF], 1),
        ([INF], [3e38], 1),
        ([3e38], [INF], 1),
        ([0.0, -0.0], [-0.0, 0.0], 0),  # the sign of a zero is not judged
    ],
)
def test_the_policy(expected, answer, wrong):
    verdict = compare(np.array(answer), value(expected))
    assert verdict.wrong == wrong
    assert verdict.holds == (wrong == 0)


def test_nothing_is_promised_where_the_arithmetic_may_overflow():
    for answer in (INF, -INF, 0.0, 1e300):
        verdict = compare(np.array([answer, 1.0]), value([7e4, 1.0], [INF, 0.1]))
        assert verdict.holds
        assert verdict.not_judged == 1
    assert not compare(np.array([NAN, 2.0]), value([7e4, 1.0], [INF, 0.1])).holds


def test_the_worst_element_is_named():
    verdict = compare(np.array([[1.0, 9.0], [2.0, 4.0]]), value([[1, 8], [2, 2]], 0.5))
    assert (verdict.at, verdict.answer, verdict.expected, verdict.ratio) == ((1, 1), 4.0, 2.0, 4.0)
    assert str(verdict) == "2 of 4 wrong, worst at (1, 1): 4, expected 2 (bound 0.5)"


def test_bit_equality_is_a_bound_of_zero():
    exact = value([1.0, 2.0], 0.0)
    assert str(compare(np.array([1.0, 2.0]), exact, exact=True)) == "bit-equal"
    off = compare(np.array([1.0, np.nextafter(np.float32(2), np.float32(3))]), exact, exact=True)
    assert off.wrong == 1
    assert off.ratio == INF


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (None, "no answer"),
        ([1.0, 2.0], "answer of type list, expected an array"),
        (np.zeros((2, 1)), "shape (2, 1), expected (2,)"),
        (np.zeros(2, complex), "numbers of type complex128, expected floats"),
        (np.array(["a", "b"]), "numbers of type <U1, expected floats"),
    ],
)
def test_what_cannot_be_judged_is_wrong_and_says_why(answer, problem):
    verdict = compare(answer, value([1.0, 2.0]))
    assert not verdict.holds
    assert str(verdict) == problem


def test_an_empty_answer_to_an_empty_question_holds():
    assert compare(np.zeros((0, 3)), value(np.zeros((0, 3)))).holds


def test_bit_equality_is_owed_only_where_the_proof_reaches():
    network = dict(operations())["conv2d-0"]
    case = exact_case(network, "test")
    assert case.exact_below == 2**11
    owing = {
        "": True,
        "storage=float16": True,
        "accumulate=float16,storage=float16": True,
        "inputs=tf32": True,
        "storage=bfloat16": False,
        "algorithm=winograd": False,
        "algorithm=fft": False,
    }
    for text, owes in owing.items():
        assert owes_equality(case, Arithmetic.parse(text)) == owes, text
    assert not owes_equality(random_case(network, "test"), Arithmetic())


def test_every_question_about_operations_is_answered_rightly_by_ops_in_float32():
    kinds: dict[str, int] = {}
    for question in questions("ops"):
        case = question.case
        tensors = {name: a.astype(np.float32) for name, a in case.tensors.items()}
        inputs = {name: a.astype(np.float32) for name, a in case.inputs.items()}
        (verdict,) = judge(case, run(case.network, tensors, inputs), Arithmetic()).values()
        assert verdict.holds, f"{case.id}: {verdict}"
        assert verdict.exact == (question.kind == "exact")
        kinds[question.kind] = kinds.get(question.kind, 0) + 1
    assert kinds == {"exact": 94, "random": 110}


def test_the_questions_cover_what_the_tables_promise():
    networks = [network for _, network in operations()]
    inputs = [next(iter(network.inputs.values())) for network in networks]
    assert {1, 3, 4, 5, 1280} <= {shape[-1] for shape in inputs}
    larger, farther = 0, 0
    for network, shape in zip(networks, inputs, strict=True):
        (layer,) = network.layers
        if layer.op in ("conv2d", "depthwise_conv2d"):
            kernel, said = layer.params["weight"][:2], layer.keywords()
            larger += kernel[0] > shape[0]
            stride = said["stride"] if isinstance(said["stride"], int) else max(said["stride"])
            farther += stride > max(kernel)
    assert larger >= 4
    assert farther >= 4
    assert {side % 2 for shape in inputs if len(shape) == 3 for side in shape[:2]} == {0, 1}
