"""Photos and odd sizes through the kernels, each layer judged by the interval it has to lie in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from refnet.backend import Arithmetic, Case
from refnet.checkpoints import load
from refnet.metal import Library, Runner, program_of
from refnet.metal.cpu import CpuLibrary
from refnet.metal.lowering import POINTWISE
from refnet.metal.mac.doctor import Part
from refnet.models import mobilenet_v2
from refnet.oracle.halves import HalfVerdict, judge_halves, unit_ends
from refnet.oracle.photos import real_questions
from refnet.oracle.suites import random_case
from refnet.tables import align

# A GPU's division, and its conversion to half, need not round to nearest.
GPU = Arithmetic(rounding="any")
# Rows 33, 17, 9, 5, 3 and columns 80, 40, 20, 10, 5: at each stride of 2 but the last TensorFlow
# pads odd rows on both sides and even columns behind alone, so a kernel that takes one for the
# other shows. Threads lie beyond the maps on every side.
ODD = (33, 80)
NOT_ASKED = "not asked here: preprocess, as the network is fed numbers and no picture"


def judged(model: str, library: Library, *, layers: bool = False) -> Part:
    """Every layer of a model on the test photos, inside half(ref - e) .. half(ref + e) or not.

    layers: a line for each; otherwise only for those that do not hold.
    """
    arithmetic = _owed(library)
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


def odd(library: Library) -> Part:
    """Every kernel but `preprocess` where the networks' own sizes leave no room for its faults.

    At 224 the first layer's threadgroups fit its map, rows are padded as columns are, and all
    channels but the picture's come in fours. So a drawn V2 is asked with none of this, with
    either pointwise kernel.
    """
    case = odd_case()
    lines, holds = [], True
    for kernel in POINTWISE:
        run = Runner(program_of(case.network, case.tensors, pointwise=kernel), library)
        answer = run(case.inputs, taps=unit_ends(case.network))
        found = judge_halves(case.network, case.tensors, case.inputs, answer, _owed(library))
        holds = holds and all(verdict.holds for verdict in found)
        lines.append(f"{kernel}: {_summary(found)}")
        if wrong := [verdict for verdict in found if not verdict.holds]:
            lines += _rows(wrong).splitlines()
    size = " x ".join(map(str, ODD))
    return Part(f"odd sizes, V2 at {size} padded as by TensorFlow", (*lines, NOT_ASKED), holds)


def odd_case() -> Case:
    """The network and the numbers of `odd`: halves, all of them."""
    network = mobilenet_v2(alpha=0.35, resolution=ODD, divisor=1, classes=13)
    return random_case(network, "odd sizes", bits=11, batch=1)


def _owed(library: Library) -> Arithmetic:
    return Arithmetic() if isinstance(library, CpuLibrary) else GPU


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
