"""The Core ML program, read back from its folder and computed with `ops`: tests/export/mil.py.

No Core ML runs here: what the program says is held to be the network, operation by operation and
weight by weight. How a device carries it out is for `refnet metal doctor` on a Mac to show.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.cbook import get_sample_data
from PIL import Image

from refnet import load, ops, run
from refnet.checkpoints import save as save_checkpoint
from refnet.cli import main
from refnet.export.affine import affine_of
from refnet.export.coreml import save, to_coreml
from refnet.export.mil import written
from refnet.layer import BatchNormAttrs, ConvAttrs, Layer
from refnet.network import Network
from refnet.preprocessing import RECIPES
from tests.export import mil
from tests.oracle.single import convolutions, drawn, one, others

SINGLE = convolutions() | others()
ABSENT = importlib.util.find_spec("coremltools") is None
needs_coremltools = pytest.mark.skipif(ABSENT, reason="coremltools is not installed: it writes")
slow = pytest.mark.slow  # to import coremltools alone takes ten seconds where torch is there too


def turned(x: np.ndarray) -> np.ndarray:
    return x.transpose(0, 3, 1, 2) if x.ndim == 4 else x


@pytest.fixture(scope="module", params=["v1", "v2"])
def whole(request, tmp_path_factory):
    """A checkpoint, and the program that the command writes of it."""
    folder = tmp_path_factory.mktemp("coreml") / "net.mlpackage"
    assert main(["export", request.param, "--to", "coreml", "-o", str(folder)]) == 0
    return load(request.param).fold(np.float32), mil.read(folder)


# The scale and bias of a recipe.


@pytest.mark.parametrize("name", RECIPES)
def test_scale_and_bias_are_the_recipes_on_every_colour(name):
    """In float64 they differ from the recipe by its own roundings to float32, and theirs.

    With M = 255 scale + |bias|, no number on the way is larger than M. The recipe rounds at most
    three times; so does each of the two answers that the scale is found from, and the one that is
    the bias: 4 * 3 roundings of u M at most.
    """
    affine = affine_of(name)
    colours = np.arange(256, dtype=np.uint8)
    pixels = np.stack([colours, colours[::-1], np.roll(colours, 77)], axis=-1)[np.newaxis]
    expected = RECIPES[name].normalise(pixels)
    fed = pixels[..., ::-1] if affine.order == "BGR" else pixels
    found = fed * affine.scale + affine.bias
    largest = 255 * affine.scale + abs(affine.bias)
    assert (abs(found - expected) <= 12 * 2.0**-24 * largest).all()


def test_scale_and_bias_as_they_are_published():
    """torchvision: mean and deviation of 0 .. 1; the Caffe port: means of 0 .. 255, times 0.017."""
    affine = affine_of("torchvision")
    assert affine.order == "RGB"
    assert np.allclose(affine.scale * 255, 1 / np.array([0.229, 0.224, 0.225]), rtol=2.0**-20)
    assert np.allclose(
        -affine.bias / affine.scale / 255, [0.485, 0.456, 0.406], rtol=2.0**-20, atol=0
    )
    affine = affine_of("caffe")
    assert affine.order == "BGR"
    assert np.allclose(-affine.bias / affine.scale, [103.94, 116.78, 123.68], rtol=2.0**-20)


# The program.


def together(cases: dict[str, Network]) -> Network:
    """All the networks of one layer as one network of as many: to convert each takes a second."""
    layers, inputs = [], {}
    for number, network in enumerate(cases.values()):
        names = {name: f"c{number}_{name}" for name in network.inputs}
        inputs |= {names[name]: shape for name, shape in network.inputs.items()}
        (layer,) = network.layers
        read = tuple(names[name] for name in layer.inputs)
        layers.append(replace(layer, name=f"c{number}", inputs=read))
    return Network("all", tuple(layers), inputs, tuple(layer.name for layer in layers))


@slow
@needs_coremltools
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_every_operation_computes_what_ops_computes(tmp_path, precision):
    """On whole numbers below 2^15, which ops holds exactly in float64: bit equality is owed."""
    network = together(SINGLE)
    tensors, inputs = drawn(network)
    if precision == "float16":  # a variance with its epsilon is no half: what is rounded is asked
        tensors = {name: values.astype(np.float16) for name, values in tensors.items()}
    save(to_coreml(network, tensors, batch=2, precision=precision), tmp_path / "all.mlpackage")
    program = mil.read(tmp_path / "all.mlpackage")
    found = mil.run(program, {name: turned(x) for name, x in inputs.items()})
    exact = {name: values.astype(np.float64) for name, values in tensors.items()}
    expected = run(network, exact, {name: x.astype(np.float64) for name, x in inputs.items()})
    assert len(program.outputs) == len(SINGLE)
    for case, layer, output in zip(SINGLE, network.layers, program.outputs, strict=True):
        assert output.startswith(layer.name)
        assert np.array_equal(found[output], turned(expected[layer.name])), case


@slow
@needs_coremltools
def test_layers_weights_and_paddings_are_the_checkpoints(whole):
    checkpoint, program = whole
    shapes = checkpoint.network.shapes()
    made = [operation.name for operation in program.operations]
    layers = [written(layer.name) for layer in checkpoint.network.layers]
    assert made == ["image_scaled", "image_biased", *layers]
    for layer in checkpoint.network.layers:
        said = program[written(layer.name)].said
        for name in layer.params:
            values = checkpoint.tensors[f"{layer.name}.{name}"]
            assert said[name].dtype == np.float32
            if name == "weight" and layer.op == "depthwise_conv2d":
                values = values[:, :, :, 0].transpose(2, 0, 1)[:, np.newaxis]
            elif name == "weight" and layer.op != "dense":
                values = values.transpose(3, 2, 0, 1)
            elif name == "weight":
                values = values.T
            assert np.array_equal(said[name], values), (layer.name, name)
        if layer.op in ("conv2d", "depthwise_conv2d"):
            before = {"same": 0, "symmetric": 1}[checkpoint.network.conventions.padding]
            stride = layer.keywords()["stride"]
            wanted = [before, 1] * 2 if stride == 2 else [1, 1, 1, 1]
            assert list(said["pad"]) == wanted, layer.name
            assert list(said["strides"]) == [stride, stride]
            M = shapes[layer.inputs[0]][3]
            assert said["groups"] == (M if layer.op == "depthwise_conv2d" else 1)
    parameters = sum(values.size for values in checkpoint.tensors.values())
    assert mil.count(program) == parameters + 3 + 3  # and the scale and bias of three colours


@slow
@needs_coremltools
def test_the_program_answers_as_the_oracle_layer_by_layer(whole):
    """Both in float64, the same functions in the same order: every bit of every layer is equal."""
    checkpoint, program = whole
    with get_sample_data("grace_hopper.jpg") as file:
        photo = np.array(Image.open(file).convert("RGB"))
    pixels = RECIPES[checkpoint.preprocessing].geometry(photo, 224)
    picture = np.rint(pixels).astype(np.uint8)  # Core ML's input holds eight bits a colour
    values = mil.run(program, {"image": turned(picture[np.newaxis])})
    x = values["image_biased"].transpose(0, 2, 3, 1)
    names = [layer.name for layer in checkpoint.network.layers]
    tensors = {name: values_.astype(np.float64) for name, values_ in checkpoint.tensors.items()}
    expected = run(checkpoint.network, tensors, x, taps=names)
    for name in names:
        assert np.array_equal(values[written(name)], turned(expected[name])), name
    # Scale and bias are rounded to float32 in the file, on top of what they are off the recipe.
    recipe = RECIPES[checkpoint.preprocessing].normalise(picture)[np.newaxis]
    affine = affine_of(checkpoint.preprocessing)
    largest = 255 * affine.scale + abs(affine.bias)
    assert (abs(x - recipe) <= 14 * 2.0**-24 * largest).all()
    (answer,) = (values[name] for name in program.outputs)
    oracle = run(checkpoint.network, tensors, recipe.astype(np.float64))["softmax"]
    assert answer.argmax() == oracle.argmax()


@slow
@needs_coremltools
def test_the_file_says_what_it_takes_and_whose_it_is(whole):
    checkpoint, program = whole
    (image,) = program.description.input
    assert image.type.WhichOneof("Type") == "imageType"
    assert (image.type.imageType.height, image.type.imageType.width) == (224, 224)
    assert image.type.imageType.colorSpace == image.type.imageType.ColorSpace.RGB
    (output,) = program.description.output
    classes = checkpoint.network.conventions.classes
    assert list(output.type.multiArrayType.shape) == [1, classes]
    said = program.description.metadata
    assert said.license == checkpoint.provenance.licence
    assert {k: v for k, v in said.userDefined.items() if k.startswith("refnet.")} == {
        "refnet.network": checkpoint.network.name,
        "refnet.preprocessing": checkpoint.preprocessing,
        "refnet.before": RECIPES[checkpoint.preprocessing].summary,
        "refnet.padding": checkpoint.network.conventions.padding,
        "refnet.epsilon": str(checkpoint.network.conventions.epsilon),
        "refnet.activation": "relu6",
        "refnet.classes": str(classes),
        "refnet.licence": checkpoint.provenance.licence,
        "refnet.upstream_sha256": checkpoint.provenance.sha256,
    }


@slow
@needs_coremltools
def test_in_half_the_weights_are_the_checkpoints_rounded_once(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["export", "v2", "--to", "coreml", "--half"]) == 0
    (folder,) = tmp_path.iterdir()
    checkpoint = load("v2").fold(np.float32)
    assert folder.name == f"{checkpoint.network.name}.mlpackage"
    assert capsys.readouterr().out.startswith(f"{folder.name}: {checkpoint.network.name}, ")
    program = mil.read(folder)
    halves = {name: values.astype(np.float16) for name, values in checkpoint.tensors.items()}
    x = np.random.default_rng(0).integers(0, 256, (1, 3, 224, 224), np.uint8)
    values = mil.run(program, {"image": x})
    biased = values["image_biased_cast_fp16"].transpose(0, 2, 3, 1)
    tensors = {name: held.astype(np.float64) for name, held in halves.items()}
    expected = run(checkpoint.network, tensors, biased)
    assert np.array_equal(values["softmax"], expected["softmax"])
    held = {operation.kind: operation for operation in program.operations}
    assert held["conv"].said["weight"].dtype == held["linear"].said["weight"].dtype == np.float16
    assert program.operations[0].kind == program.operations[-1].kind == "cast"


@slow
@needs_coremltools
def test_batch_norm_can_be_kept_and_a_folder_is_replaced_whole(tmp_path):
    path, folder = tmp_path / "mine.safetensors", tmp_path / "deep" / "mine.mlpackage"
    save_checkpoint(load("v2"), path)
    said = ["export", str(path), "--to", "coreml", "-o", str(folder)]
    for words, norms in (([], 0), (["--unfolded"], 52)):
        assert main([*said, *words]) == 0
        kinds = [operation.kind for operation in mil.read(folder).operations]
        assert kinds.count("batch_norm") == norms
        assert [found.name for found in folder.parent.iterdir()] == ["mine.mlpackage"]
    modes = {oct(part.stat().st_mode & 0o444) for part in folder.rglob("*")}
    assert modes == {"0o444"}


@slow
@needs_coremltools
def test_blue_green_red_is_the_order_of_a_network_that_was_trained_so(tmp_path):
    network = Network("r", (Layer("r", "relu", ("x",)),), {"x": (8, 8, 3)}, ("r",))
    save(to_coreml(network, {}, preprocessing="caffe"), tmp_path / "r.mlpackage")
    program = mil.read(tmp_path / "r.mlpackage")
    kind = program.description.input[0].type.imageType
    assert kind.colorSpace == kind.ColorSpace.BGR
    bgr = np.array([3, 200, 250], np.uint8).reshape(1, 3, 1, 1).repeat(8, 2).repeat(8, 3)
    found = mil.run(program, {"x": bgr})["r"][0, :, 0, 0]
    expected = ops.relu((np.array([3, 200, 250]) - [103.94, 116.78, 123.68]) * 0.017)
    largest = 255 * 0.017 + 123.68 * 0.017
    assert (abs(found - expected) <= 16 * 2.0**-24 * largest).all()


# What is refused.


def test_what_cannot_be_exported_is_refused_in_one_line(monkeypatch, tmp_path):
    dense = one("dense", None, {"weight": (3, 4)}, (3,))
    tensors = {"y.weight": np.zeros((3, 4))}
    with pytest.raises(ValueError, match=r"'y.weight' \(3, 4\) of dense is missing"):
        to_coreml(dense, {})
    with pytest.raises(ValueError, match="batch: 0, expected a whole number of at least 1"):
        to_coreml(dense, tensors, batch=0)
    with pytest.raises(ValueError, match="precision: 'int8', expected 'float32' or 'float16'"):
        to_coreml(dense, tensors, precision="int8")
    with pytest.raises(ValueError, match="preprocessing: 'blur', expected one of tf-slim, "):
        to_coreml(dense, tensors, preprocessing="blur")
    with pytest.raises(ValueError, match=r"'tf-slim' on \(1, 3\), expected one RGB picture"):
        to_coreml(dense, tensors, preprocessing="tf-slim")
    layers = (Layer("a.b", "relu", ("x",)), Layer("a_b", "relu", ("a.b",)))
    with pytest.raises(ValueError, match=r"layers: 'a\.b' and 'a_b' are both 'a_b' in MIL"):
        to_coreml(Network("two", layers, {"x": (3,)}, ("a_b",)), {})
    with pytest.raises(ValueError, match="outputs: 'x' is an input of"):
        to_coreml(Network("none", layers[:1], {"x": (3,)}, ("x",)), {})
    with pytest.raises(ValueError, match=r"net\.mlmodel', expected a name that ends in \.mlpac"):
        save(None, tmp_path / "net.mlmodel")
    monkeypatch.setitem(sys.modules, "coremltools", None)
    with pytest.raises(ValueError, match=r"coremltools: not installed; pip install 'refnet\[core"):
        to_coreml(dense, tensors)


@slow
@needs_coremltools
def test_what_mil_has_not_is_refused_by_name():
    norm = dict.fromkeys(("gamma", "beta", "mean", "variance"), (5,))
    vector = one("batch_norm", BatchNormAttrs(1e-3), norm, (5,))
    with pytest.raises(ValueError, match="'y': batch norm of 2 axes, expected 4"):
        to_coreml(vector, {name: np.ones(shape) for name, shape in vector.params().items()})


@pytest.mark.parametrize(("words", "said"), [
    (["v1", "-o", "v1.onnx"], "output: 'v1.onnx', expected a name that ends in .mlpackage"),
    (["v1", "--batch", "2"], "--batch: 2, but a Core ML program takes one picture at a time"),
    (["v1", "--batch", "any"], "--batch: any, but a Core ML program takes one picture"),
])  # fmt: skip
def test_the_command_refuses_in_one_line_and_writes_nothing(
    capsys, tmp_path, monkeypatch, words, said
):
    monkeypatch.chdir(tmp_path)
    assert main(["export", *words, "--to", "coreml"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err
    assert list(tmp_path.iterdir()) == []


def test_half_is_for_core_ml_alone(capsys):
    assert main(["export", "v1", "--to", "onnx", "--half"]) == 2
    assert "--half: not known for --to onnx, only for coreml" in capsys.readouterr().err


def test_a_convolution_of_every_kind_is_among_the_cases():
    padded = [layer for network in SINGLE.values() for layer in network.layers
              if isinstance(layer.attrs, ConvAttrs) and layer.attrs.groups > 1]  # fmt: skip
    assert padded
