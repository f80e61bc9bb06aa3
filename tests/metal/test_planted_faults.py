"""Faults planted in the .metal files: each is caught, by the bounds or by the device itself.

What judges knows nothing of the edits. A fault that the oracle has a name for is named.
"""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest

from refnet.metal import MetalError, Runner, kernels, program_of
from refnet.metal.cpu import CpuLibrary
from refnet.oracle.adapters.metal import Metal
from refnet.oracle.check import ask
from refnet.oracle.diagnose import diagnosis_of
from refnet.oracle.halves import HalfVerdict, judge_halves, unit_ends
from refnet.oracle.suites import Question
from tests.metal.cases import edited, library
from tests.metal.faults import BLOCK3, FAULTS, HEAD, SOFTMAX, Fault
from tests.oracle import planting

QUICK = (
    "the last tap dropped", "ReLU for ReLU6", "sums in half", "the guard one too late",
    "no barrier between the halvings", "a sample at the pixel's corner",
)  # fmt: skip
every_fault = pytest.mark.parametrize(
    "name", [pytest.param(f, marks=[pytest.mark.slow] * (f not in QUICK)) for f in FAULTS]
)


@functools.cache
def question(where: str) -> Question:
    """The piece of a network, with its input in halves, as a texture holds it."""
    asked = planting.question(where)
    inputs = {
        feed: x.astype(np.float16).astype(np.float64) for feed, x in asked.case.inputs.items()
    }
    return replace(asked, case=replace(asked.case, inputs=inputs))


def judged(device, where: str) -> list[HalfVerdict]:
    case = question(where).case
    run = Runner(program_of(case.network, case.tensors), device)
    answers = run(case.inputs, taps=unit_ends(case.network))
    return judge_halves(case.network, case.tensors, case.inputs, answers)


@functools.cache
def spoiled(name: str):
    fault: Fault = FAULTS[name]
    return edited(fault.file, *fault.edits)


def test_there_are_enough_faults_and_every_file_that_computes_has_some():
    assert len(FAULTS) >= 40
    assert {fault.file for fault in FAULTS.values()} == {
        "conv3x3.metal", "depthwise3x3.metal", "pointwise.metal", "elementwise.metal",
        "classifier.metal",
    }  # fmt: skip


@pytest.mark.parametrize("where", sorted({fault.where for fault in FAULTS.values()}))
def test_without_a_fault_nothing_is_found(where):
    assert all(verdict.holds for verdict in judged(library(), where))
    backend = Metal(library())
    assert all(result.holds for result in ask(backend, question(where), backend.arithmetic))


@every_fault
def test_a_planted_fault_is_caught_by_the_interval_or_by_the_device(name):
    fault = FAULTS[name]
    if fault.mistake == "stopped":
        device = spoiled(name)
        with pytest.raises(MetalError) as stopped:
            judged(device, fault.where)
        assert "\n" not in str(stopped.value)
        return
    if fault.mistake == "order":
        backward = edited(fault.file, *fault.edits, order="backward")
        assert not np.array_equal(
            *(bits(device, fault.where) for device in (spoiled(name), backward))
        )
        return
    assert not all(verdict.holds for verdict in judged(spoiled(name), fault.where))


def bits(device, where: str) -> np.ndarray:
    case = question(where).case
    (answer,) = Runner(program_of(case.network, case.tensors), device)(case.inputs).values()
    return answer


def test_without_a_fault_the_order_of_threads_changes_no_bit():
    backward = CpuLibrary(*kernels(), order="backward")
    for where in (SOFTMAX, HEAD, BLOCK3):
        np.testing.assert_array_equal(bits(library(), where), bits(backward, where))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(f, marks=[pytest.mark.slow] * (f not in QUICK))
        for f, fault in FAULTS.items()
        if fault.mistake not in ("", "stopped", "order")
    ],
)
def test_a_fault_that_the_oracle_knows_is_named(name):
    fault, backend = FAULTS[name], Metal(spoiled(name))
    asked = question(fault.where)
    for result in ask(backend, asked, backend.arithmetic):
        assert not result.holds
        said = diagnosis_of(backend, result, asked, backend.arithmetic)
        assert said is not None
        assert (fault.mistake,) in said.names, str(said)
