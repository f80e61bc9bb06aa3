from __future__ import annotations

import sys

import numpy as np
import pytest
from checkpoint_files import Known, assert_same_tensors, ohwi, oi, one_hwo
from hypothesis import given
from hypothesis import strategies as st

from refnet.checkpoints import tflite
from refnet.checkpoints.foreign import assign
from refnet.network import ConvAttrs, DepthwiseAttrs, Layer, Network

flatbuffers = pytest.importorskip("flatbuffers", reason="flatbuffers writes the files")
schema = pytest.importorskip(
    "ai_edge_litert.schema_py_generated",
    reason="ai-edge-litert, whose schema writes the files, is not installed",
)
pytest.importorskip("tflite", reason="the tflite package, which reads them, is not installed")

RELU6 = 3


class Writer:
    """A .tflite file, one operator after the other; buffer 0 is the empty one."""

    def __init__(self):
        self.buffers, self.tensors, self.operators, self.codes = [schema.BufferT()], [], [], []

    def tensor(self, name, array=None):
        made = schema.TensorT()
        made.name, made.type = name, schema.TensorType.FLOAT32
        made.shape, made.buffer = [1], 0
        if array is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
            made.shape, made.buffer = list(array.shape), len(self.buffers)
            self.buffers.append(buffer)
        self.tensors.append(made)
        return len(self.tensors) - 1

    def operator(self, kind, inputs, options=None):
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, kind)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        made = schema.OperatorT()
        made.opcodeIndex, made.inputs = len(self.codes), inputs
        made.outputs = [self.tensor(f"y{len(self.codes)}")]
        if options is not None:
            made.builtinOptions = options
            name = type(options).__name__.removesuffix("T")
            made.builtinOptionsType = getattr(schema.BuiltinOptions, name)
        self.codes.append(code)
        self.operators.append(made)

    def layer(self, kind, kernel, bias, *, stride=(1, 1), padding="SAME", act=0):
        """A convolution or a fully connected layer."""
        name = {"CONV_2D": "Conv2D", "DEPTHWISE_CONV_2D": "DepthwiseConv2D"}.get(
            kind, "FullyConnected"
        )
        options = getattr(schema, f"{name}OptionsT")()
        options.fusedActivationFunction = act
        if name != "FullyConnected":
            options.strideH, options.strideW = stride
            options.padding = getattr(schema.Padding, padding)
        inputs = [self.tensor("x"), self.tensor(f"{kind}/kernel", kernel)]
        if bias is not None:
            inputs.append(self.tensor(f"{kind}/bias", bias))
        self.operator(kind, inputs, options)
        return options

    def data(self):
        graph, model = schema.SubGraphT(), schema.ModelT()
        graph.tensors, graph.operators, graph.inputs, graph.outputs = (
            self.tensors, self.operators, [0], [len(self.tensors) - 1],
        )  # fmt: skip
        model.version, model.operatorCodes, model.subgraphs, model.buffers = (
            3, self.codes, [graph], self.buffers,
        )  # fmt: skip
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


rng = np.random.default_rng(0)


def known(name, op, *shape):
    weight = rng.normal(size=shape).astype(np.float32)
    outputs = shape[2] * shape[3] if op == "depthwise_conv2d" else shape[-1]
    return Known(name, op, weight, rng.normal(size=outputs).astype(np.float32), None)


CONV = known("conv", "conv2d", 3, 2, 3, 4)
DEPTHWISE = known("depthwise", "depthwise_conv2d", 3, 3, 4, 2)
DENSE = known("dense", "dense", 8, 5)


def network(depthwise_padding="same"):
    """Three layers, one of each kind that has a kernel."""
    layers = (
        Layer("conv", "conv2d", ("image",), ConvAttrs("same", stride=2),
              {"weight": (3, 2, 3, 4), "bias": (4,)}),
        Layer("six", "relu6", ("conv",)),
        Layer("depthwise", "depthwise_conv2d", ("six",), DepthwiseAttrs(depthwise_padding),
              {"weight": (3, 3, 4, 2), "bias": (8,)}),
        Layer("pool", "global_average_pool", ("depthwise",)),
        Layer("dense", "dense", ("pool",), None, {"weight": (8, 5), "bias": (5,)}),
    )  # fmt: skip
    return Network("three kernels", layers, {"image": (8, 8, 3)}, ("dense",))


TENSORS = {
    f"{k.name}.{name}": value
    for k in (CONV, DEPTHWISE, DENSE)
    for name, value in (("weight", k.weight), ("bias", k.bias))
}


def file_of_three(depthwise_padding="SAME"):
    writer = Writer()
    writer.layer("CONV_2D", ohwi(CONV), CONV.bias, stride=(2, 2), act=RELU6)
    padding = {"padding": depthwise_padding}
    writer.layer("DEPTHWISE_CONV_2D", one_hwo(DEPTHWISE), DEPTHWISE.bias, **padding)
    writer.operator("MEAN", [0])
    writer.layer("FULLY_CONNECTED", oi(DENSE), DENSE.bias)
    return writer.data()


def read(folder, data):
    path = folder / "x.tflite"
    path.write_bytes(data)
    return tflite.read(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tflite")


@pytest.mark.parametrize(("said", "padding"), [("SAME", "same"), ("VALID", "valid")])
def test_every_kind_of_kernel_is_read_bit_for_bit_and_said_what_is_said(tmp_path, said, padding):
    layers = read(tmp_path, file_of_three(said))
    assert_same_tensors(assign(network(padding), layers), TENSORS)
    assert [layer.said for layer in layers] == [
        {"activation": "relu6", "padding": "same", "stride": 2, "dilation": 1},
        {"activation": None, "padding": padding, "stride": 1, "dilation": 1},
        {"activation": None},
    ]


def test_a_layer_without_a_bias_is_read_without_one(tmp_path):
    for bias in ("left out", "-1"):
        writer = Writer()
        writer.layer("CONV_2D", ohwi(CONV), None)
        if bias == "-1":
            writer.operators[0].inputs.append(-1)
        (layer,) = read(tmp_path, writer.data())
        assert layer.bias is None


@pytest.mark.parametrize("kind", ["INT8", "UINT8", "FLOAT16"])
def test_a_quantised_file_is_refused(tmp_path, kind):
    writer = Writer()
    writer.layer("CONV_2D", ohwi(CONV), CONV.bias)
    writer.tensors[1].type = getattr(schema.TensorType, kind)
    with pytest.raises(ValueError, match="'CONV_2D/kernel' is not float32: a quantised file"):
        read(tmp_path, writer.data())


def test_a_kernel_that_another_operator_computes_is_refused(tmp_path):
    writer = Writer()
    writer.layer("CONV_2D", ohwi(CONV), CONV.bias)
    writer.tensors[1].buffer = 0
    with pytest.raises(ValueError, match="'CONV_2D/kernel' holds no numbers"):
        read(tmp_path, writer.data())


def test_a_kernel_of_another_size_than_its_shape_is_refused(tmp_path):
    writer = Writer()
    writer.layer("CONV_2D", ohwi(CONV), CONV.bias)
    writer.tensors[1].shape = [4, 3, 3, 3]
    with pytest.raises(ValueError, match=r"holds 288 bytes for shape \(4, 3, 3, 3\)"):
        read(tmp_path, writer.data())


@pytest.mark.parametrize(
    ("change", "message"),
    [({"act": 1}, "activation is 'relu', but the network has 'relu6'"),
     ({"act": 0}, "activation is None, but the network has 'relu6'"),
     ({"act": 4}, "activation is 'another', but the network has 'relu6'"),
     ({"padding": "VALID"}, "padding is 'valid', but the network has 'same'"),
     ({"stride": (1, 1)}, "stride is 1, but the network has 2"),
     ({"stride": (2, 1)}, r"stride is \(2, 1\), but the network has 2"),
     ({"dilation": 2}, r"dilation is \(1, 2\), but the network has 1")],
)  # fmt: skip
def test_a_layer_that_does_something_else_is_refused(tmp_path, change, message):
    writer = Writer()
    said = {"act": RELU6, "stride": (2, 2), "dilation": 1, **change}
    dilation = said.pop("dilation")
    options = writer.layer("CONV_2D", ohwi(CONV), CONV.bias, **said)
    options.dilationWFactor = dilation
    with pytest.raises(ValueError, match=message):
        assign(network().cut(["six"]), read(tmp_path, writer.data()))


def test_a_file_cut_short_at_any_byte_is_refused_or_has_lost_nothing(tmp_path):
    data = file_of_three()
    whole = read(tmp_path, data)
    refused = 0
    for size in range(len(data)):
        try:
            found = read(tmp_path, data[:size])
        except ValueError as refusal:
            assert "\n" not in str(refusal)  # noqa: PT017
            refused += 1
        else:  # the end of the file held nothing that is read
            assert_same_tensors(assign(network(), found), TENSORS)
            assert [layer.said for layer in found] == [layer.said for layer in whole]
    assert refused > 0.9 * len(data)


@given(flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), max_size=6))
def test_a_damaged_file_is_refused_or_gives_layers(folder, flips):
    data = bytearray(file_of_three())
    for place, bits in flips:
        data[place % len(data)] ^= bits
    try:
        found = read(folder, bytes(data))
    except ValueError as refusal:
        assert "\n" not in str(refusal)  # noqa: PT017
    else:
        assert all(layer.kernel.dtype == np.float32 for layer in found)


@pytest.mark.parametrize("data", [b"", b"TFL3", b"not a flatbuffer", bytes(100)])
def test_something_else_is_refused(tmp_path, data):
    with pytest.raises(ValueError, match=r"^not a TensorFlow Lite file \(no TFL3 mark\)$"):
        read(tmp_path, data)


def test_without_the_package_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tflite", None)
    with pytest.raises(ValueError, match=r"^reading \.tflite needs the tflite package: pip inst"):
        tflite.read(tmp_path / "x.tflite")
