"""The ONNX project's own node tests, a peer's suite, run against `refnet.ops`.

Their criterion is rtol 1e-3, atol 1e-7. Beside it each answer is held to what two right float32
computations may differ by, or to equality. What does not apply is listed with its reason.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="its node tests are run")

from onnx import numpy_helper  # noqa: E402
from onnx.backend.test.case import node as node_cases  # noqa: E402
from onnx.backend.test.loader import load_model_tests  # noqa: E402

from refnet import ops  # noqa: E402
from tests.oracle.onnx_nodes import NODES, UnsaidError, call_of  # noqa: E402

MODULES = (
    "conv", "batch_normalization", "relu", "clip", "softmax", "globalaveragepool", "averagepool",
    "maxpool", "gemm", "matmul", "add", "flatten", "reshape",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One of ONNX's tests: a model of one node, its inputs and its outputs."""

    name: str
    model: onnx.ModelProto
    fed: list[np.ndarray]
    outputs: list[np.ndarray]
    rtol: float
    atol: float

    @property
    def inputs(self) -> list[np.ndarray | None]:
        """What the first node reads, in its order; None for what is left out."""
        graph = self.model.graph
        known = {held.name: numpy_helper.to_array(held) for held in graph.initializer}
        feeds = [described.name for described in graph.input if described.name not in known]
        known |= dict(zip(feeds, self.fed, strict=True))
        return [known.get(name) for name in graph.node[0].input]


def made() -> list[Case]:
    """The cases that the package makes when these of its modules are imported."""
    for module in MODULES:
        importlib.import_module(f"onnx.backend.test.case.node.{module}")
    return [
        Case(c.name, c.model, list(inputs), list(outputs), c.rtol, c.atol)
        for c in node_cases._NodeTestCases
        for inputs, outputs in c.data_sets
    ]


def stored() -> list[Case]:
    """The cases converted from PyTorch, on disk, of which one node at least is known here."""
    cases = []
    for c in sorted(load_model_tests(kind="pytorch-converted"), key=lambda c: c.name):
        folder = Path(c.model_dir)
        model = onnx.load(folder / "model.onnx")
        if not {n.op_type for n in model.graph.node} & set(NODES):
            continue
        read = {
            kind: [
                numpy_helper.to_array(onnx.load_tensor(file))
                for file in sorted((folder / "test_data_set_0").glob(f"{kind}_*.pb"))
            ]
            for kind in ("input", "output")
        }
        name = c.name.replace("test_", "pytorch_", 1)
        cases.append(Case(name, model, read["input"], read["output"], c.rtol, c.atol))
    return cases


EVERY = made() + stored()
# The same tests over again, with the operator's definition in other operators for a model.
SPELT_OUT = [case.name for case in EVERY if "_expanded" in case.name]
CASES = {case.name: case for case in EVERY if case.name not in SPELT_OUT}

# Typed with four decimals: the mean, and four of the nine numbers it is of; the others are 0.
ROUNDED = {"test_averagepool_2d_ceil_last_window_starts_on_pad": 0.5e-4 * (1 + 4 / 9)}


def difference_of(case: Case) -> None:
    """Compare; raises UnsaidError with the reason where refnet has no operation for the case."""
    nodes = case.model.graph.node
    if len(nodes) != 1:
        raise UnsaidError("several nodes: " + ", ".join(n.op_type for n in nodes))
    inputs = case.inputs
    call = call_of(nodes[0], case.model.opset_import[0].version, inputs)
    found, expected = call.compute(*inputs), case.outputs[0]  # not the places of maxima
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=case.rtol, atol=case.atol)
    difference = abs(found.astype(np.float64) - expected)
    assert (difference <= call.allowed(*inputs) + ROUNDED.get(case.name, 0)).all()


FLATTEN = ("axis0", "axis1", "axis2", "axis3", "default_axis", "negative_axis4", "negative_axis3",
           "negative_axis2", "negative_axis1")  # fmt: skip
RESHAPE = ("reordered_all_dims", "reordered_last_dims", "reduced_dims", "extended_dims", "one_dim",
           "negative_dim", "negative_extended_dims", "zero_dim", "zero_and_negative_dim",
           "allowzero_reordered")  # fmt: skip
CLIP = ("example", "inbounds", "outbounds", "splitbounds", "min_greater_than_max", "default_max",
        "default_inbounds", "default_int8_max", "default_int8_inbounds")  # fmt: skip
NOT_APPLYING = {
    "training: refnet only uses batch norm's statistics": {
        "test_batchnorm_example_training_mode",
        "test_batchnorm_epsilon_training_mode",
    },
    "other ends than ReLU's and ReLU6's": {"test_clip", *(f"test_clip_{name}" for name in CLIP)},
    "three spatial axes": {
        "test_averagepool_3d_default",
        "test_averagepool_3d_dilations_small",
        *(f"test_averagepool_3d_dilations_large_count_include_pad_is_{count}_ceil_mode_is_{ceil}"
          for count in (0, 1) for ceil in (True, False)),
        "test_maxpool_3d_default",
        "test_maxpool_3d_dilations",
        "test_maxpool_3d_dilations_use_ref_impl",
        "test_maxpool_3d_dilations_use_ref_impl_large",
        "pytorch_AvgPool3d", "pytorch_AvgPool3d_stride", "pytorch_AvgPool3d_stride1_pad0_gpu_input",
        "pytorch_Conv3d", "pytorch_Conv3d_dilated", "pytorch_Conv3d_dilated_strided",
        "pytorch_Conv3d_groups", "pytorch_Conv3d_no_bias", "pytorch_Conv3d_stride",
        "pytorch_Conv3d_stride_padding",
        "pytorch_MaxPool3d", "pytorch_MaxPool3d_stride", "pytorch_MaxPool3d_stride_padding",
    },
    "dilated pools": {
        "test_averagepool_2d_dilations",
        "test_maxpool_2d_dilations",
        "pytorch_MaxPool1d_stride_padding_dilation",
        "pytorch_MaxPool2d_stride_padding_dilation",
    },
    "broadcasting: a residual sum has equal shapes": {"test_add_bcast"},
    "Flatten is no operation of refnet's": {f"test_flatten_{name}" for name in FLATTEN},
    "Reshape is no operation of refnet's": {f"test_reshape_{name}" for name in RESHAPE},
    "several nodes: Unsqueeze, AveragePool, Squeeze": {
        "pytorch_AvgPool1d", "pytorch_AvgPool1d_stride",
    },
    "several nodes: Neg, Softmax": {"pytorch_Softmin"},
    "several nodes: Transpose, MatMul": {"pytorch_Linear_no_bias"},
    "several nodes: Abs, Constant, Add, Div": {"pytorch_Softsign"},
}  # fmt: skip
ABSENT = {name: reason for reason, names in NOT_APPLYING.items() for name in sorted(names)}


@pytest.mark.parametrize("name", [name for name in CASES if name not in ABSENT])
def test_onnx_node_test_passes(name):
    difference_of(CASES[name])


@pytest.mark.parametrize("name", ABSENT)
def test_onnx_node_test_that_does_not_apply_says_why(name):
    with pytest.raises(UnsaidError) as reason:
        difference_of(CASES[name])
    assert str(reason.value) == ABSENT[name]


def test_every_onnx_node_test_is_run_or_accounted_for():
    """Of onnx 1.23: a release with more tests has them run, or fails here."""
    applying = [CASES[name] for name in CASES if name not in ABSENT]
    count = dict.fromkeys(NODES, 0)
    for case in applying:
        count[case.model.graph.node[0].op_type] += 1
    assert len(CASES) == len(EVERY) - len(SPELT_OUT)
    assert len(SPELT_OUT) == 27
    assert len(ABSENT) == 64
    assert count == {
        "Conv": 25, "BatchNormalization": 7, "Relu": 2, "Clip": 2, "Softmax": 10,
        "GlobalAveragePool": 2, "AveragePool": 15, "MaxPool": 17, "Gemm": 12, "MatMul": 7, "Add": 7,
    }  # fmt: skip


# Run where the package that it imports lies.
SAME_UPPER = """
import sys
import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

held = np.load(sys.argv[1])
node = helper.make_node("Conv", ["x", "w"], ["y"], auto_pad="SAME_UPPER", strides=[2, 2])
float32 = onnx.TensorProto.FLOAT
graph = helper.make_graph(
    [node], "g",
    [helper.make_tensor_value_info("x", float32, held["x"].shape)],
    [helper.make_tensor_value_info("y", float32, None)],
    [numpy_helper.from_array(held["w"], "w")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
(y,) = ReferenceEvaluator(model).run(None, {"x": held["x"]})
np.savez(sys.argv[2], y=y, version=onnx.__version__)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("version", "right"), [("1.22.0", False), ("1.23.2", True)])
def test_onnx_reference_is_wrong_on_same_padding_in_1_22_and_right_in_1_23(
    tmp_path, version, right
):
    """Whole numbers in float32: ops and a right engine owe the same bits.

    1.22 takes N and C for H and W. That shows only where they give another padding: at stride
    2, where one is even and the other odd.
    """
    place = tmp_path / "packages"
    if version != onnx.__version__:
        wanted = [f"onnx=={version}", "--target", str(place)]
        words = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", *wanted]
        installed = subprocess.run(words, capture_output=True, text=True)
        if installed.returncode:
            pytest.skip(f"pip cannot fetch onnx {version}: {installed.stderr[-200:]}")
    rng = np.random.default_rng(0)
    x = rng.integers(-4, 5, (2, 3, 7, 8)).astype(np.float32)
    w = rng.integers(-4, 5, (5, 3, 3, 4)).astype(np.float32)
    np.savez(tmp_path / "asked.npz", x=x, w=w)
    files = [str(tmp_path / "asked.npz"), str(tmp_path / "answered.npz")]
    environment = {**os.environ, "PYTHONPATH": str(place)}
    subprocess.run([sys.executable, "-c", SAME_UPPER, *files], check=True, env=environment)
    with np.load(files[1]) as answered:
        assert str(answered["version"]) == version
        found = answered["y"].transpose(0, 2, 3, 1)
    maps, kernels = x.transpose(0, 2, 3, 1), w.transpose(2, 3, 1, 0)
    expected = ops.conv2d(maps, kernels, stride=2, padding="same")
    assert np.array_equal(found, expected) is right
