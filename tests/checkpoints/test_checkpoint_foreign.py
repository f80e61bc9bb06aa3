from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from checkpoint_files import (
    KERNEL_OPS,
    assert_same_tensors,
    known_layers,
    oi,
    oihw,
    one_hwo,
    random_tensors,
)

from refnet.checkpoints.convert import convert
from refnet.checkpoints.foreign import ForeignLayer, assign, has_batch_norm
from refnet.models import build
from refnet.network import DepthwiseAttrs, Layer, Network


def foreign(network, tensors):
    """The layers as PyTorch's and Caffe's readers give them."""
    return [
        ForeignLayer(k.name, oi(k), "OI", k.bias)
        if k.op == "dense"
        else ForeignLayer(k.name, oihw(k), "OIHW", k.bias, k.norm)
        for k in known_layers(network, tensors)
    ]


SMALL = build("v1", alpha=0.125, resolution=32, classes=5)
TENSORS = random_tensors(SMALL)
LAYERS = foreign(SMALL, TENSORS)
NORM = LAYERS[0].norm


def changed(n, **changes):
    layers = list(LAYERS)
    layers[n] = replace(layers[n], **changes)
    return layers


def test_layers_that_fit_give_the_tensors():
    assert_same_tensors(assign(SMALL, LAYERS), TENSORS)


@pytest.mark.parametrize("multiplier", [1, 2, 3])
def test_a_depthwise_kernel_means_the_same_in_every_layout(multiplier):
    params = {"weight": (3, 2, 4, multiplier), "bias": (4 * multiplier,)}
    layer = Layer("d", "depthwise_conv2d", ("x",), DepthwiseAttrs("same"), params)
    network = Network("one layer", (layer,), {"x": (5, 5, 4)}, ("d",))
    tensors = random_tensors(network)
    (known,) = known_layers(network, tensors)
    kernels = {"OIHW": oihw(known), "1HWO": one_hwo(known), "HWIO": known.weight}
    for layout, kernel in kernels.items():
        found = assign(network, [ForeignLayer("d", kernel, layout, known.bias)])
        assert_same_tensors(found, tensors)


def test_a_classifier_means_the_same_as_a_matrix_and_as_a_1x1_kernel():
    w = TENSORS["classifier.weight"]
    kernels = {"OI": w.T, "IO": w, "HWIO": w[None, None], "OIHW": w.T[:, :, None, None],
               "OHWI": w.T[:, None, None, :]}  # fmt: skip
    for layout, kernel in kernels.items():
        layers = changed(-1, kernel=kernel, layout=layout)
        assert_same_tensors(assign(SMALL, layers), TENSORS)


SAME = {"padding": "same", "stride": 2, "activation": "relu6"}
REFUSED = {
    "too few layers": (LAYERS[:-1], "27 layers with kernels, but .* has 28: is it another network"),
    "too many layers": ([*LAYERS, LAYERS[-1]], "29 layers with kernels, but .* has 28"),
    "another width": (
        changed(2, kernel=LAYERS[2].kernel[:-1]),
        r"'block1\.pointwise' \(for .*\): weight has shape \(1, 1, 4, 7\), expected \(1, 1, 4, 8\)",
    ),
    "two layers exchanged": ([LAYERS[1], LAYERS[0], *LAYERS[2:]], "weight has shape"),
    "a depthwise kernel that sees all channels": (
        changed(1, kernel=np.zeros((4, 4, 3, 3), np.float32)),
        r"filters \(4, 4, 3, 3\) that see several channels",
    ),
    "a layout that cannot be": (changed(0, layout="1HWO", kernel=LAYERS[0].kernel[:1]), "laid out"),
    "float64": (
        changed(0, kernel=LAYERS[0].kernel.astype(np.float64)),
        "weight is float64, expected float32",
    ),
    "no bias": (changed(-1, bias=None), r"holds \['weight'\], expected \['bias', 'weight'\]"),
    "a bias too many": (
        changed(0, bias=np.zeros(4, np.float32)),
        r"holds \['bias', 'weight'\], expected \['weight'\]",
    ),
    "a bias of another length": (
        changed(-1, bias=np.zeros(6, np.float32)),
        r"bias has shape \(6,\), expected \(5,\)",
    ),
    "no batch norm": (changed(3, norm=None), r"holds \[\], expected \['beta', 'gamma', 'mean'"),
    "half a batch norm": (
        changed(0, norm={"mean": NORM["mean"], "variance": NORM["variance"]}),
        r"holds \['mean', 'variance'\], expected \['beta',",
    ),
    "a batch norm of another length": (
        changed(0, norm={**NORM, "beta": np.zeros(3, np.float32)}),
        r"beta has shape \(3,\), expected \(4,\)",
    ),
    "a batch norm too many": (
        changed(-1, norm=NORM),
        "'classifier' .*: has a batch norm, where the network has none",
    ),
    "another padding": (
        changed(0, said={**SAME, "padding": "valid"}),
        "padding is 'valid', but the network has 'same'",
    ),
    "another stride": (
        changed(0, said={**SAME, "stride": 1}), "stride is 1, but the network has 2"
    ),
    "another activation": (
        changed(27, said={"activation": "relu"}),
        "activation is 'relu', but the network has None",
    ),
    "a stride where there is none": (
        changed(2, said={"stride": 2}), "stride is 2, but the network has 1"
    ),
    "a dilation": (changed(2, said={"dilation": 2}), "dilation is 2, but the network has 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_layers_that_do_not_fit_are_refused_in_one_line_that_names_them(case):
    layers, message = REFUSED[case]
    with pytest.raises(ValueError, match=message) as refusal:
        assign(SMALL, layers)
    assert "\n" not in str(refusal.value)


def test_what_a_file_says_rightly_is_accepted():
    folded = build("v1", alpha=0.125, resolution=32, classes=5, batch_norm=False)
    tensors = random_tensors(folded)
    layers = foreign(folded, tensors)
    layers[0] = replace(layers[0], said=SAME)
    assert_same_tensors(assign(folded, layers), tensors)


@pytest.mark.parametrize(
    ("shape", "layout"),
    [((), "OI"), ((2,), "IO"), ((3, 3, 4), "OIHW"), ((1, 1), "HWIO"), ((0, 3, 3, 3), "OIHW"),
     ((2, 3, 3, 4), "1HWO")],
)  # fmt: skip
def test_a_kernel_that_does_not_have_its_layouts_axes_is_refused(shape, layout):
    with pytest.raises(ValueError, match=r"'k': a .*kernel of shape"):
        ForeignLayer("k", np.zeros(shape), layout)


def test_batch_norm_is_seen_in_the_layers_and_must_be_everywhere_or_nowhere():
    bare = [replace(layer, norm=None) for layer in LAYERS]
    assert has_batch_norm(LAYERS)
    assert not has_batch_norm(bare)
    with pytest.raises(ValueError, match="26 of 27 convolutions have one"):
        has_batch_norm(changed(3, norm=None))


def test_every_operation_with_a_kernel_is_known_to_the_tests():
    """A network of another kind of layer needs other tests."""
    seen = {layer.op for model in ("v1", "v2") for layer in build(model).layers if layer.params}
    assert seen == {*KERNEL_OPS, "batch_norm"}


@pytest.mark.parametrize("ending", [".h5", ".caffemodel", ".pth", ".tflite"])
def test_a_refusal_names_the_file(tmp_path, ending):
    path = tmp_path / f"broken{ending}"
    path.write_bytes(b"broken")
    with pytest.raises(ValueError, match=rf"broken\{ending}: ") as refusal:
        convert(path, "v1")
    assert "\n" not in str(refusal.value)


def test_an_empty_caffe_file_holds_no_convolution(tmp_path):
    pytest.importorskip("google.protobuf", reason="protobuf reads .caffemodel files")
    path = tmp_path / "x.caffemodel"
    path.write_bytes(b"")  # to protobuf a message with nothing in it
    with pytest.raises(ValueError, match=r"x\.caffemodel: holds no convolution"):
        convert(path, "v1")
