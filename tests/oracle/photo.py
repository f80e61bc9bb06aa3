"""What whole networks are asked in tests, and a backend to spoil: right in float32."""

from __future__ import annotations

import functools

import numpy as np

from refnet import run
from refnet.backend import Case
from refnet.models import build
from refnet.oracle.adapters.ops import Ops
from refnet.oracle.photos import real_questions
from refnet.oracle.suites import Question


@functools.cache
def photo(model: str) -> Question:
    """A real photo through real weights, at 96: the tensors do not depend on the resolution."""
    question = next(real_questions(model))
    case = question.case
    network = build(
        model,
        resolution=96,
        conventions=case.network.conventions,
        batch_norm="stem.norm.gamma" in case.tensors,
    )
    inputs = {"image": case.inputs["image"][:, 64:160, 64:160]}
    expected = run(network, case.tensors, inputs)
    return Question(model, "real", Case("photo", network, case.tensors, inputs, expected))


class Float32(Ops):
    """Right, whatever else its children do."""

    def prepare(self, network, tensors, batch=1):
        numbers = {name: a.astype(np.float32) for name, a in tensors.items()}
        return lambda inputs: run(network, numbers, inputs)
