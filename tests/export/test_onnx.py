"""The ONNX file: valid, with names kept, and its shapes and padding judged by ONNX itself.

That the numbers are right is judged by the engines that run these files: tests/oracle.
"""

from __future__ import annotations

import sys

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="it checks what is written")
onnxruntime = pytest.importorskip("onnxruntime", reason="it runs what is written")

from onnx import helper, numpy_helper, shape_inference  # noqa: E402

from refnet import load, run  # noqa: E402
from refnet.bounds import bound  # noqa: E402
from refnet.checkpoints import save  # noqa: E402
from refnet.cli import main  # noqa: E402
from refnet.export.onnx import to_onnx  # noqa: E402
from refnet.layer import BatchNormAttrs, ConvAttrs, DepthwiseAttrs, Layer  # noqa: E402
from refnet.models import build  # noqa: E402
from refnet.network import PYTORCH, Network  # noqa: E402
from tests.oracle.single import convolutions, drawn, one, others  # noqa: E402

SINGLE = convolutions() | others()


def zeros(network: Network) -> dict[str, np.ndarray]:
    return {name: np.zeros(shape, np.float32) for name, shape in network.params().items()}


def attributes(node: onnx.NodeProto) -> dict:
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def turned(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], shape[3], shape[1], shape[2]) if len(shape) == 4 else shape


def inferred(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Every tensor's shape, as ONNX works it out from the operators alone."""
    for described in model.graph.output:
        described.type.tensor_type.ClearField("shape")  # nothing to be led by
    graph = shape_inference.infer_shapes(model, strict_mode=True).graph
    return {
        described.name: tuple(side.dim_value for side in described.type.tensor_type.shape.dim)
        for described in [*graph.value_info, *graph.output]
    }


def check_whole(network: Network, tensors: dict[str, np.ndarray], batch: int) -> None:
    model = to_onnx(network, tensors, batch=batch)
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version == 8
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
    assert "auto_pad" not in {a.name for node in model.graph.node for a in node.attribute}
    made = {node.name: node.output[0] for node in model.graph.node}
    assert all(made[layer.name] == layer.name for layer in network.layers)
    shapes, found = network.shapes(batch), inferred(model)
    assert {k: found[k] for k in made if k in shapes} == {
        layer.name: turned(shapes[layer.name]) for layer in network.layers
    }


@pytest.mark.parametrize("case", SINGLE)
def test_every_operation_is_valid_and_has_the_shape_that_onnx_infers(case):
    check_whole(SINGLE[case], drawn(SINGLE[case])[0], 2)


@pytest.mark.parametrize("name", ["v1", "v2", "mobilenet_standard", "squeezenet", "inception_v3"])
def test_whole_networks_are_valid_and_have_the_shapes_that_onnx_infers(name):
    network = build(name)
    check_whole(network, zeros(network), 1)


def test_padding_is_written_as_the_paper_networks_have_it():
    """V1 after TensorFlow pads a 224 map at its end only; V2 after PyTorch at both."""
    for name, before, after in (("v1", 0, 1), ("v2", 1, 1)):
        checkpoint = load(name)
        stem = to_onnx(checkpoint.network, checkpoint.tensors).graph.node[0]
        assert attributes(stem)["pads"] == [before, before, after, after]
        assert attributes(stem)["strides"] == [2, 2]


def test_padding_on_four_sides_is_written_rows_first():
    """ONNX: begin of rows, begin of columns, end of rows, end of columns."""
    said = ConvAttrs((1, 2, 3, 4), (2, 1), (1, 2))  # top, bottom, left, right
    network = one("conv2d", said, {"weight": (3, 2, 5, 7)}, (9, 8, 5))
    (node,) = to_onnx(network, zeros(network)).graph.node
    assert attributes(node) == {
        "kernel_shape": [3, 2],
        "pads": [1, 3, 2, 4],
        "strides": [2, 1],
        "dilations": [1, 2],
        "group": 1,
    }


def test_weights_are_the_checkpoints_own_in_onnx_order():
    rng = np.random.default_rng(0)
    network = Network(
        "two",
        (
            Layer(
                "a", "depthwise_conv2d", ("x",), DepthwiseAttrs("same"), {"weight": (3, 2, 4, 5)}
            ),
            Layer("b", "conv2d", ("a",), ConvAttrs("same", groups=2), {"weight": (1, 3, 10, 6)}),
        ),
        {"x": (8, 9, 4)},
        ("b",),
    )
    tensors = {name: rng.standard_normal(shape) for name, shape in network.params().items()}
    held = {i.name: numpy_helper.to_array(i) for i in to_onnx(network, tensors).graph.initializer}
    assert {a.dtype for a in held.values()} == {np.dtype(np.float32)}
    for i, j, m, q in np.ndindex(3, 2, 4, 5):
        assert held["a.weight"][m * 5 + q, 0, i, j] == np.float32(tensors["a.weight"][i, j, m, q])
    for i, j, m, n in np.ndindex(1, 3, 10, 6):
        assert held["b.weight"][n, m, i, j] == np.float32(tensors["b.weight"][i, j, m, n])


def test_the_file_says_what_it_holds():
    network = build("v2", resolution=32, conventions=PYTORCH)
    model = to_onnx(network, zeros(network))
    assert model.producer_name == "refnet"
    assert model.graph.name == network.name
    assert {entry.key: entry.value for entry in model.metadata_props} == {
        "refnet.network": network.name,
        "refnet.padding": "symmetric",
        "refnet.epsilon": "1e-05",
        "refnet.activation": "relu6",
        "refnet.classes": "1000",
    }
    norms = [node for node in model.graph.node if node.op_type == "BatchNormalization"]
    assert {attributes(node)["epsilon"] for node in norms} == {float(np.float32(1e-5))}


def test_any_layers_can_be_outputs_and_inputs_can_be_several():
    network = build("v2", resolution=32, batch_norm=False)
    part = network.cut(["block3.add", "block3.project"], ["block2.project", "block3.project"])
    tensors, inputs = drawn(part)
    session = onnxruntime.InferenceSession(to_onnx(part.cut(["block3.add"]), tensors, batch=2)
                                           .SerializeToString())  # fmt: skip
    fed = {name: a.transpose(0, 3, 1, 2) for name, a in inputs.items()}
    (found,) = session.run(["block3.add"], fed)
    assert np.array_equal(found.transpose(0, 2, 3, 1), sum(inputs.values()))
    with pytest.raises(ValueError, match=r"outputs: 'block3.project' is an input of"):
        to_onnx(part, tensors)


def test_an_open_batch_takes_any_number_of_images():
    network = SINGLE["depthwise 3x3, 64"]
    tensors, inputs = drawn(network)
    model = to_onnx(network, tensors, batch=None)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    for count in (1, 2):
        x = inputs["x0"][:count]
        (found,) = session.run(None, {"x0": x.transpose(0, 3, 1, 2)})
        expected = run(network, tensors, x)["y"]
        assert np.array_equal(found.transpose(0, 2, 3, 1), expected)


def test_what_cannot_be_exported_is_refused_in_one_line(monkeypatch):
    network = one("dense", None, {"weight": (3, 4)}, (3,))
    with pytest.raises(ValueError, match=r"'y.weight' \(3, 4\) of dense is missing"):
        to_onnx(network, {})
    with pytest.raises(ValueError, match="batch: 0, expected a whole number of at least 1"):
        to_onnx(network, zeros(network), batch=0)
    norm = dict.fromkeys(("gamma", "beta", "mean", "variance"), (5,))
    three = one("batch_norm", BatchNormAttrs(1e-3), norm, (4, 5))
    with pytest.raises(ValueError, match="'y': batch norm of 3 axes, expected 2 or 4"):
        to_onnx(three, zeros(three))
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ValueError, match=r"onnx: not installed; pip install 'refnet\[onnx\]'"):
        to_onnx(network, zeros(network))


@pytest.mark.parametrize(("model", "words", "norms"), [
    ("v1", (), 0), ("v2", (), 0), ("v2", ("--unfolded",), 52),
])  # fmt: skip
def test_the_command_writes_a_file_that_runs(capsys, tmp_path, monkeypatch, model, words, norms):
    monkeypatch.chdir(tmp_path)
    assert main(["export", model, "--to", "onnx", *words]) == 0
    (path,) = tmp_path.iterdir()
    checkpoint = load(model)
    assert path.name == f"{checkpoint.network.name}.onnx"
    assert capsys.readouterr().out.startswith(f"{path.name}: {checkpoint.network.name}, ")
    written = onnx.load(path)
    onnx.checker.check_model(written, full_check=True)
    said = {entry.key: entry.value for entry in written.metadata_props}
    assert said["refnet.preprocessing"] == checkpoint.preprocessing
    assert said["refnet.licence"] == checkpoint.provenance.licence
    assert [n.op_type for n in written.graph.node].count("BatchNormalization") == norms
    # The stem, whose bound is proven, shows that weights, layout and padding are the checkpoint's.
    x = np.random.default_rng(0).uniform(-1, 1, (1, 224, 224, 3)).astype(np.float32)
    unfolded = checkpoint if words else checkpoint.fold(np.float32)
    stem = unfolded.network.layers[0]
    written.graph.output.append(helper.make_tensor_value_info("stem", 1, None))
    session = onnxruntime.InferenceSession(written.SerializeToString())
    found, answer = session.run(["stem", "softmax"], {"image": x.transpose(0, 3, 1, 2)})
    exact = run(unfolded.network.cut(["stem"]), unfolded.tensors, x.astype(np.float64))["stem"]
    allowed = bound(stem, [x], unfolded.tensors, runtime_arithmetic())
    assert (abs(found.transpose(0, 2, 3, 1) - exact) <= allowed).all()
    assert answer.shape == (1, checkpoint.network.conventions.classes)


def runtime_arithmetic():
    from refnet.oracle.adapters.onnxruntime import OnnxRuntime

    return OnnxRuntime().arithmetic


def test_the_command_takes_a_file_and_a_batch(capsys, tmp_path):
    path, output = tmp_path / "mine.safetensors", tmp_path / "deep" / "mine.onnx"
    save(load("v1"), path)
    for word, expected in (("3", 3), ("any", "B")):
        said = ["export", str(path), "--to", "onnx", "-o", str(output), "--batch", word]
        assert main(said) == 0
        side = onnx.load(output).graph.input[0].type.tensor_type.shape.dim[0]
        assert (side.dim_value or side.dim_param) == expected


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["v3", "--to", "onnx"], "model: 'v3' is neither a checkpoint"),
        (["v1", "--to", "onnx", "--batch", "0"], "--batch: '0', expected a whole number of at"),
        (["v1", "--to", "onnx", "--batch", "two"], "--batch: 'two', expected a whole number of"),
    ],
)
def test_the_command_refuses_in_one_line_and_writes_nothing(
    capsys, tmp_path, monkeypatch, words, said
):
    monkeypatch.chdir(tmp_path)
    assert main(["export", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"refnet: {said}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
