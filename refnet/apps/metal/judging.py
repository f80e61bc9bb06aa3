"""Real photos through the kernels, every layer judged by the interval that it has to lie in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from refnet.backend import Arithmetic
from refnet.checkpoints import load
from refnet.metal import Runner, open_library, program_of
from refnet.metal.cpu import CpuLibrary
from refnet.metal.mac.doctor import Part
from refnet.oracle.halves import HalfVerdict, judge_halves, unit_ends
from refnet.oracle.photos import real_questions
from refnet.tables import align

# A GPU's division, and its conversion to half, need not round to nearest.
GPU = Arithmetic(rounding="any")


def judged(model: str, device: str | None, *, layers: bool = False) -> Part:
    """Every layer of a model on the test photos, inside half(ref - e) .. half(ref + e) or not.

    layers: a line for each; otherwise only for those that do not hold.
    """
    library = open_library(device)
    arithmetic = Arithmetic() if isinstance(library, CpuLibrary) else GPU
    checkpoint = load(model)
    run = Runner(program_of(checkpoint.network, checkpoint.tensors), library)
    ends = unit_ends(checkpoint.network)
    lines, holds = [], True
    for question in real_questions(model):
        case = question.case
        x = case.inputs["image"].astype(np.float16)
        answer = run(x, taps=ends)
        verdicts = judge_halves(case.network, case.tensors, {"image": x}, answer, arithmetic)
        (output,) = case.network.outputs
        best, owed = (int(y[output][0].argmax()) for y in (answer, case.expected))
        right = best == owed and all(verdict.holds for verdict in verdicts)
        holds = holds and right
        lines.append(f"{case.id}: {_summary(verdicts)}; top-1 {best}, oracle's {owed}")
        if layers:
            lines += _rows(verdicts).splitlines()
        elif not right:
            lines += _rows([verdict for verdict in verdicts if not verdict.holds]).splitlines()
    return Part(f"{checkpoint.network.name}, layer by layer on photos", tuple(lines), holds)


def _summary(verdicts: Sequence[HalfVerdict]) -> str:
    """Maps alone count for the share: vectors are in float, where few sums end on the same bit."""
    outside = sum(verdict.outside for verdict in verdicts)
    maps = [verdict for verdict in verdicts if verdict.op not in ("dense", "softmax")
            and verdict.op != "global_average_pool"]  # fmt: skip
    numbers = sum(verdict.elements for verdict in maps)
    equal = sum(verdict.equal * verdict.elements for verdict in maps) / numbers
    wrong = f"{outside:,} numbers OUTSIDE their bound" if outside else "all inside their bounds"
    return f"{len(verdicts)} layers, {wrong}, {equal:.2%} of {numbers:,} halves are half(ref)"


def _rows(verdicts: Sequence[HalfVerdict]) -> str:
    rows = [("layer", "kind", "numbers", "outside", "half(ref)", "err/bound")]
    rows += [
        (one.layer, one.op, f"{one.elements:,}", f"{one.outside:,}", f"{one.equal:.2%}",
         f"{one.ratio:.3g}") for one in verdicts
    ]  # fmt: skip
    return align(rows)
