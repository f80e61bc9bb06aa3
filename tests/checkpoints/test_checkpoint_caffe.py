from __future__ import annotations

import sys

import numpy as np
import pytest
from checkpoint_files import assert_same_tensors, known_layers, oi, oihw, random_tensors

from refnet.checkpoints import caffe
from refnet.checkpoints.convert import convert
from refnet.models import build
from refnet.network import CAFFE

pytest.importorskip("google.protobuf", reason="protobuf reads .caffemodel files")

SMALL = {"alpha": 0.125, "resolution": 32}

# The wire format of protocol buffers, written out; field numbers as in Caffe's caffe.proto.


def varint(n):
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)


def field(number, payload):
    """A string, a message or packed numbers."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def count(number, n):
    """A whole number."""
    return varint(number << 3) + varint(n)


def blob(array, *, old=False):
    """BlobProto: data 5; shape 7, or the four sizes of old, 1 to 4, with ones in front."""
    array = np.asarray(array, "<f4")
    data = field(5, array.tobytes())
    if old:
        sizes = (1,) * (4 - array.ndim) + array.shape
        return b"".join(count(n, size) for n, size in enumerate(sizes, 1)) + data
    return data + field(7, field(1, b"".join(varint(size) for size in array.shape)))


def layer(name, kind, *arrays, old=False, **convolution):
    """LayerParameter: name 1, type 2, blobs 7, convolution_param 106; in the net it is 100."""
    body = field(1, name.encode()) + field(2, kind.encode()) + field(3, b"bottom")
    body += b"".join(field(7, blob(array, old=old)) for array in arrays)
    if convolution:
        numbers = {"pad": 3, "kernel_size": 4, "group": 5, "stride": 6}
        body += field(106, b"".join(count(numbers[k], n) for k, n in convolution.items()))
    return field(100, body)


def net(*layers):
    return field(1, b"net") + b"".join(layers)


def batch_norm(name, norm, factor, *, old=False):
    """Caffe's two layers: running sums with the factor that divides them, then a Scale."""
    sums = (norm["mean"] * np.float32(factor), norm["variance"] * np.float32(factor))
    return layer(f"{name}/bn", "BatchNorm", *sums, np.array([factor]), old=old) + layer(
        f"{name}/scale", "Scale", norm["gamma"], norm["beta"], old=old
    )


def whole_net(network, tensors, *, factor=4.0, depthwise="Convolution", old=False, dense=False):
    layers = [layer("data", "Input")]
    for known in known_layers(network, tensors):
        if known.op == "dense" and dense:
            layers.append(layer(known.name, "InnerProduct", oi(known), known.bias, old=old))
            continue
        kind = depthwise if known.op == "depthwise_conv2d" else "Convolution"
        blobs = [a for a in (oihw(known), known.bias) if a is not None]
        layers.append(layer(known.name, kind, *blobs, old=old))
        if known.norm is not None:
            layers.append(batch_norm(known.name, known.norm, factor, old=old))
        layers.append(layer(f"{known.name}/relu", "ReLU"))
    return net(*layers)


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("depthwise", ["Convolution", "DepthwiseConvolution"])
def test_converting_gives_back_every_tensor_that_was_written(tmp_path, depthwise, dense, old):
    network = build("v1", classes=5, conventions=CAFFE, **SMALL)
    tensors = random_tensors(network)
    path = tmp_path / "v1.caffemodel"
    # A factor that is a power of two: multiplied in and divided out again without a rounding.
    path.write_bytes(whole_net(network, tensors, depthwise=depthwise, dense=dense, old=old))
    checkpoint = convert(path, "v1", **SMALL)
    assert_same_tensors(checkpoint.tensors, tensors)
    assert checkpoint.network == network


def test_a_file_with_folded_batch_norm_gives_back_its_biases(tmp_path):
    network = build("v1", classes=5, conventions=CAFFE, batch_norm=False, **SMALL)
    tensors = random_tensors(network)
    path = tmp_path / "v1.caffemodel"
    path.write_bytes(whole_net(network, tensors))
    assert_same_tensors(convert(path, "v1", **SMALL).tensors, tensors)


def read(tmp_path, data):
    path = tmp_path / "x.caffemodel"
    path.write_bytes(data)
    return caffe.read(path)


KERNEL = np.ones((1, 1, 1, 1))
CONVOLUTION = layer("c", "Convolution", KERNEL)


@pytest.mark.parametrize(
    ("factor", "mean", "variance"),
    [(0.5, [6, 10], [2, 4]), (3.0, [1, np.float32(5) / np.float32(3)], [1 / 3, 2 / 3]),
     (0.0, [0, 0], [0, 0])],
)  # fmt: skip
def test_running_sums_are_divided_by_the_factor_and_a_factor_of_0_means_0(
    tmp_path, factor, mean, variance
):
    norm = layer("b", "BatchNorm", [3, 5], [1, 2], [factor])
    (found,) = read(tmp_path, net(layer("c", "Convolution", np.ones((2, 1, 1, 1))), norm))
    np.testing.assert_array_equal(found.norm["mean"], np.float32(mean))
    np.testing.assert_array_equal(found.norm["variance"], np.float32(variance))
    np.testing.assert_array_equal(found.norm["gamma"], [1, 1])  # no Scale follows
    np.testing.assert_array_equal(found.norm["beta"], [0, 0])


def test_a_scale_without_a_bias_adds_nothing(tmp_path):
    norm = layer("b", "BatchNorm", [3], [1], [1]) + layer("s", "Scale", [7])
    (found,) = read(tmp_path, net(CONVOLUTION, norm))
    assert found.norm["gamma"] == [7]
    assert found.norm["beta"] == [0]


def test_another_stride_or_padding_than_the_networks_is_refused(tmp_path):
    network = build("v1", classes=5, conventions=CAFFE, batch_norm=False, **SMALL)
    stem, *others = known_layers(network, random_tensors(network))
    rest = [layer(k.name, "Convolution", oihw(k), k.bias) for k in others]
    path = tmp_path / "v1.caffemodel"
    for said, message in [
        ({"stride": 2, "pad": 1}, None),
        ({"stride": 1, "pad": 1}, "stride is 1, but the network has 2"),
        ({"stride": 2, "pad": 0}, r"padding is \(0, 0, 0, 0\), but the network has \(1, 1, 1, 1\)"),
    ]:
        first = layer(stem.name, "Convolution", oihw(stem), stem.bias, **said)
        path.write_bytes(net(first, *rest))
        if message is None:
            assert convert(path, "v1", **SMALL).network == network
            continue
        with pytest.raises(ValueError, match=message):
            convert(path, "v1", **SMALL)


REFUSED = {
    "the form before 2015": (field(2, b"x"), "form before 2015"),
    "no Caffe": (b"not protobuf at all", "not a whole Caffe model"),
    "batch norm first": (layer("b", "BatchNorm", [1], [1], [1]), "'b'.*follows no convolution"),
    "two batch norms": (
        CONVOLUTION + 2 * layer("b", "BatchNorm", [1], [1], [1]),
        "'b'.*follows no convolution",
    ),
    "batch norm without its factor": (
        CONVOLUTION + layer("b", "BatchNorm", [1], [1]),
        "2 blobs, expected mean, variance and one factor",
    ),
    "Scale first": (CONVOLUTION + layer("s", "Scale", [1]), "'s'.*follows no BatchNorm"),
    "another layer": (layer("p", "PReLU", [1]), r"'p' \(PReLU\): holds numbers"),
    "too few numbers": (
        field(100, field(7, field(5, bytes(8)) + field(7, field(1, b"\3")))),
        r"a blob of 2 numbers for shape \(3,\)",
    ),
    "a kernel of 3 axes": (
        layer("c", "Convolution", np.ones((1, 1, 1))), r"'c': a kernel of shape \(1, 1, 1\)"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_mobilenet_is_refused_in_one_line(tmp_path, case):
    data, message = REFUSED[case]
    with pytest.raises(ValueError, match=message) as refusal:
        read(tmp_path, data)
    assert "\n" not in str(refusal.value)


def test_a_file_cut_short_anywhere_is_refused(tmp_path):
    network = build("v1", classes=5, conventions=CAFFE, **SMALL)
    data = whole_net(network, random_tensors(network))
    path = tmp_path / "cut.caffemodel"
    for size in [0, 1, 2, 7, *range(100, len(data), len(data) // 60), len(data) - 1]:
        path.write_bytes(data[:size])
        # Between two layers a cut leaves a well-formed file with fewer of them.
        with pytest.raises(ValueError, match=r"not a whole Caffe model|layers with kernels|holds"):
            convert(path, "v1", **SMALL)


def test_a_factor_too_small_makes_infinities_and_no_warning(tmp_path):
    (found,) = read(tmp_path, net(CONVOLUTION, layer("b", "BatchNorm", [3], [1], [1e-44])))
    assert np.isinf(found.norm["mean"])  # which a Checkpoint refuses by name


def test_without_protobuf_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.protobuf.message", None)
    with pytest.raises(ValueError, match=r"^reading \.caffemodel needs protobuf: pip install"):
        caffe.read(tmp_path / "x.caffemodel")


def test_the_writer_here_and_protobuf_write_the_same_message():
    message = caffe._net_class()()
    added = message.layer.add(name="c", type="InnerProduct").blobs.add(data=[1.5, -2.0, 3.25])
    added.shape.dim.extend([3, 1])
    message.layer[0].convolution_param.stride.append(2)
    written = net(layer("c", "InnerProduct", [[1.5], [-2.0], [3.25]], stride=2))
    found = caffe._net_class().FromString(written)
    found.DiscardUnknownFields()  # names and bottoms that the reader does not declare
    assert found == message
