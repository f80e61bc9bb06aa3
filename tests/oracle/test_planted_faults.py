"""Twelve faults planted in whole networks: each is caught, and the layer named is the one edited.

The edits are made in the exported ONNX graph or its tensors, with onnx's own tools; what judges
knows nothing of them.
"""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="faults are planted in ONNX graphs")
pytest.importorskip("onnxruntime", reason="it runs the edited graphs")

from refnet.backend import Arithmetic  # noqa: E402
from refnet.oracle import report  # noqa: E402
from refnet.oracle.adapters.onnxruntime import OnnxRuntime  # noqa: E402
from refnet.oracle.check import ask  # noqa: E402
from refnet.oracle.units import units_of  # noqa: E402
from tests.oracle.edits import (  # noqa: E402
    Edit,
    Planted,
    after,
    attribute,
    before,
    cast,
    change,
    epsilon,
    lost,
    operator,
    partial_sums,
    rounded,
    step,
)
from tests.oracle.photo import photo  # noqa: E402

HALF = onnx.TensorProto.FLOAT16


def shift_padding(model: onnx.ModelProto) -> None:
    pads = attribute(model, "block2.depthwise", "pads")
    top, left, bottom, right = pads.ints
    assert (top, left, bottom, right) != (bottom, right, top, left)
    pads.ints[:] = [bottom, right, top, left]


def off_in_one_place() -> np.ndarray:
    """A factor for each number of a layer's output: 1, but for one channel of one pixel."""
    mask = np.ones((1, 128, 24, 24))
    mask[0, 5, 17, 13] = 1 + 2.0**-9
    return mask


FAULTS: dict[str, tuple[str, str, tuple[Edit, ...]]] = {
    "padding shifted": ("v1", "block2.depthwise", (shift_padding,)),
    "a tap dropped in one channel": (
        "v1", "block4.depthwise", (change("block4.depthwise.weight", lost(3, 0, 1, 1)),),
    ),
    "one element off by a 500th": (
        "v1", "block3.pointwise", (after("block3.pointwise", step("Mul", off_in_one_place())),),
    ),
    "ReLU for ReLU6": ("v1", "stem.activation", (operator("stem.activation", "Relu"),)),
    "batch norm's epsilon": (
        "v2", "block7.depthwise.norm", (epsilon("block7.depthwise.norm", 1e-3),),
    ),
    "residual missing": ("v2", "block6.add", (operator("block6.add", "Identity"),)),
    "bias missing": (
        "v1", "block9.pointwise", (change("block9.pointwise.bias", np.zeros_like),),
    ),
    "kernel transposed": (
        "v1", "block5.depthwise",
        (change("block5.depthwise.weight", lambda w: w.transpose(0, 1, 3, 2)),),
    ),
    "half accumulation": ("v1", "block6.pointwise", (partial_sums("block6.pointwise", 8, HALF),)),
    "factors of eleven bits": (  # as TF32 units and half ones read them
        "v1", "block8.pointwise",
        (change("block8.pointwise.weight", rounded(11)), before("block8.pointwise", *cast(HALF))),
    ),
    "weights rounded to float16": (
        "v1", "block10.depthwise", (change("block10.depthwise.weight", rounded(11)),),
    ),
    "weights rounded to bfloat16": (
        "v2", "block12.project", (change("block12.project.weight", rounded(8)),),
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught_and_its_layer_is_named(fault):
    model, layer, edits = FAULTS[fault]
    results = ask(Planted(*edits), photo(model), Arithmetic())
    assert [result.mode for result in results] == ["shown", "fused"]
    shown, fused = results
    assert [la.layer for la in shown.layers if not la.verdict.holds] == [layer]
    ends = [unit.outputs[0] for unit in units_of(photo(model).case.network)]
    holding = next(
        end for end, unit in zip(ends, units_of(photo(model).case.network), strict=True)
        if layer in {la.name for la in unit.layers}
    )  # fmt: skip
    assert fused.first_bad is not None
    assert fused.first_bad.layer == holding


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_without_a_fault_nothing_is_found(model):
    for result in ask(Planted(), photo(model), Arithmetic()):
        assert result.holds, report.layer_table(result)


def test_fused_and_unfused_runs_of_a_folding_backend_hold():
    """ONNX Runtime folds V2's batch norms when nobody asks for the convolutions."""
    backend = OnnxRuntime()
    for result in ask(backend, photo("v2"), backend.arithmetic):
        assert result.holds, report.layer_table(result)
