"""TensorFlow.js graph models: whole detectors written and read back, and each form of a fold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from checkpoint_files import assert_same_tensors

from refnet.checkpoints import load, tfjs
from refnet.checkpoints.convert import convert
from refnet.cli import main
from tests.apps.vision.synthetic import SSD, small


class Writer:
    """A graph, node by node, and its constants in one shard."""

    def __init__(self):
        self.nodes, self.constants = [], {}

    def node(self, op, name, inputs, **attributes):
        self.nodes.append({"op": op, "name": name, "input": list(inputs), "attr": attributes})
        return name

    def constant(self, name, values):
        self.constants[name] = np.asarray(values, np.float32)
        return self.node("Const", name, [])

    def convolution(self, op, name, x, kernel, *, stride=1, dilation=1):
        sides = [{"list": {"i": ["1", f"{n}", f"{n}", "1"]}} for n in (stride, dilation)]
        said = {"strides": sides[0], "dilations": sides[1], "padding": {"s": list(b"SAME")}}
        return self.node(op, name, [x, self.constant(f"{name}/weights", kernel)], **said)

    def write(self, folder: Path) -> Path:
        told = [
            {"name": name, "shape": list(a.shape), "dtype": "float32"}
            for name, a in self.constants.items()
        ]
        data = b"".join(a.tobytes() for a in self.constants.values())
        (folder / "one").write_bytes(data[: len(data) // 3])
        (folder / "two").write_bytes(data[len(data) // 3 :])
        manifest = [{"paths": ["one", "two"], "weights": told}]
        path = folder / "model.json"
        topology = {"node": self.nodes}
        path.write_text(json.dumps({"modelTopology": topology, "weightsManifest": manifest}))
        return path


def written(checkpoint, folder: Path) -> Path:
    """A checkpoint as a graph in the forms that an optimiser leaves: by turns a bias added, a
    product with a power of two before it, and a bias that waits behind the residual sum."""
    writer, tensors, network = Writer(), checkpoint.tensors, checkpoint.network
    waiting = {}  # a convolution whose bias is added after the residual sum
    sums = {layer.inputs[0]: layer.name for layer in network.layers if layer.op == "add"}
    names = {"image": writer.node("Placeholder", "image", [])}
    for n, layer in enumerate(network.layers):
        inputs = [names[name] for name in layer.inputs]
        if layer.op.endswith("conv2d"):
            kernel, said = tensors[f"{layer.name}.weight"], layer.keywords()
            depthwise = layer.op == "depthwise_conv2d"
            scaled = depthwise and n % 2
            op = "DepthwiseConv2dNative" if depthwise else "Conv2D"
            made = writer.convolution(
                op, layer.name, inputs[0], kernel / (4 if scaled else 1),
                stride=said["stride"], dilation=said.get("dilation", 1),
            )  # fmt: skip
            if scaled:
                by = writer.constant(f"{layer.name}/mul", np.full(kernel.shape[2], 4))
                made = writer.node("Mul", f"{layer.name}/scaled", [made, by])
            bias = writer.constant(f"{layer.name}/bias", tensors[f"{layer.name}.bias"])
            if layer.name in sums:
                waiting[sums[layer.name]] = bias
            else:
                made = writer.node("Add", f"{layer.name}/sum", [made, bias])
            names[layer.name] = made
        elif layer.op == "add":
            made = writer.node("AddN", f"{layer.name}/first", inputs)
            names[layer.name] = writer.node("Add", layer.name, [waiting[layer.name], made])
        else:
            kind = {"relu6": "Relu6", "sigmoid": "Sigmoid"}[layer.op]
            names[layer.name] = writer.node(kind, layer.name, inputs)
    half = len(network.outputs) // 2
    for name, outputs in (("boxes", network.outputs[:half]), ("scores", network.outputs[half:])):
        writer.node("ConcatV2", name, [names[output] for output in outputs])
    return writer.write(folder)


def test_a_detector_comes_back_bit_for_bit(tmp_path):
    checkpoint = small("ssdlite")
    again = convert(written(checkpoint, tmp_path), "ssdlite", **SSD)
    assert again.network == checkpoint.network
    assert again.preprocessing == "tf-resize"
    assert_same_tensors(again.tensors, checkpoint.tensors)


@pytest.mark.parametrize("more", [{}, {"backbone": "v1", "lite": False}])
def test_the_command_in_a_checkpoint_makes_it_again(tmp_path, monkeypatch, more):
    """Options of detectors too; classes are named where they are as many as COCO's."""
    path = written(small("ssdlite", 91, **more), tmp_path)
    made = convert(path, "ssdlite", **SSD, **more)
    assert (made.labels, made.preprocessing) == ("coco", "tf-resize")
    program, *words = made.provenance.converter.split()
    assert program == "refnet"
    monkeypatch.chdir(tmp_path)
    assert main([*words, "-o", "again.safetensors"]) == 0
    again = load(tmp_path / "again.safetensors")
    assert again.provenance == made.provenance
    assert again.network == made.network
    assert_same_tensors(again.tensors, made.tensors)


def test_every_form_of_batch_norm_is_folded_by_its_formula(tmp_path):
    rng = np.random.default_rng(0)
    gamma, beta, mean = rng.standard_normal((3, 5)).astype(np.float32)
    variance = rng.uniform(0.5, 2, 5).astype(np.float32)
    kernel = rng.standard_normal((3, 3, 5, 1)).astype(np.float32)
    writer = Writer()
    x = writer.node("Placeholder", "x", [])
    made = writer.convolution("DepthwiseConv2dNative", "c", x, kernel, stride=2, dilation=3)
    vectors = [writer.constant(f"v{k}", v) for k, v in enumerate((gamma, beta, mean, variance))]
    made = writer.node("FusedBatchNorm", "n", [made, *vectors], epsilon={"f": 0.25})
    writer.node("Relu6", "r", [made])
    (layer,) = tfjs.read(writer.write(tmp_path))
    factor = gamma.astype(float) / np.sqrt(variance.astype(float) + 0.25)
    assert layer.said == {"padding": "same", "stride": 2, "dilation": 3, "activation": "relu6"}
    assert np.array_equal(layer.kernel[..., 0], (kernel[..., 0] * factor).astype(np.float32))
    bias = beta.astype(float) - mean.astype(float) * factor
    assert np.allclose(layer.bias, bias, rtol=2.0**-23, atol=2.0**-50)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda d: (d / "two").write_bytes(b""), "the shards end within tensor"),
        (lambda d: (d / "two").write_bytes((d / "two").read_bytes() + b"more"), "4 bytes of the"),
        (lambda d: (d / "one").unlink(), "one"),
        (lambda d: (d / "model.json").write_text("{}"), "not a TensorFlow.js graph model"),
        (lambda d: (d / "model.json").write_text("["), "not a TensorFlow.js graph model"),
        (lambda d: (d / "model.json").write_text(
            (d / "model.json").read_text().replace("float32", "uint8")), "not a TensorFlow.js"),
    ],
)  # fmt: skip
def test_a_damaged_model_is_refused_in_one_line(tmp_path, spoil, said):
    path = written(small("ssdlite"), tmp_path)
    spoil(tmp_path)
    with pytest.raises((ValueError, OSError), match=said):
        convert(path, "ssdlite", **SSD)


def test_quantised_weights_are_refused(tmp_path):
    path = written(small("ssdlite"), tmp_path)
    described = json.loads(path.read_text())
    described["weightsManifest"][0]["weights"][0]["quantization"] = {"dtype": "uint8"}
    path.write_text(json.dumps(described))
    with pytest.raises(ValueError, match="is quantised"):
        convert(path, "ssdlite", **SSD)
