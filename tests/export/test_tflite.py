"""The .tflite file, read back by a package that did not write it.

That the numbers are right is judged by LiteRT, which runs these files: tests/oracle.
"""

from __future__ import annotations

import sys

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="its schema writes the file")
pytest.importorskip("tflite", reason="it reads the file back")

from refnet import load
from refnet.checkpoints.tflite import read
from refnet.export.tflite import to_tflite
from refnet.layer import ConvAttrs, PoolAttrs
from tests.oracle.single import conv, one


def test_v1_comes_back_with_its_weights_strides_and_padding(tmp_path):
    checkpoint = load("v1")
    path = tmp_path / "v1.tflite"
    path.write_bytes(to_tflite(checkpoint.network, checkpoint.tensors))
    layers = [layer for layer in checkpoint.network.layers if "weight" in layer.params]
    found = read(path)
    assert len(found) == len(layers)
    for layer, back in zip(layers, found, strict=True):
        weight = checkpoint.tensors[f"{layer.name}.weight"]
        order = {"OHWI": (1, 2, 3, 0), "1HWO": (1, 2, 0, 3), "OI": (1, 0)}[back.layout]
        kernel = back.kernel.transpose(order).reshape(weight.shape)
        assert np.array_equal(kernel, weight)
        assert np.array_equal(back.bias, checkpoint.tensors[f"{layer.name}.bias"])
        if layer.op != "dense":
            assert back.said["stride"] == layer.keywords()["stride"]
        if layer.op == "depthwise_conv2d":
            assert back.said["padding"] == layer.keywords()["padding"] == "same"


@pytest.mark.parametrize(
    ("padding", "said"),
    [("same", "same"), ("valid", "valid"), ((0, 1, 1, 1), "same"), ((1, 1, 1, 1), "valid")],
)
def test_a_padding_without_a_word_is_an_operation_before(tmp_path, padding, said):
    """At stride 2 on 8 rows and 7 columns SAME is (0, 1) and (1, 1); all else comes as PAD."""
    network = conv(ConvAttrs(padding, 2), (8, 7), 3, 4, (3, 3))
    tensors = {name: np.ones(shape) for name, shape in network.params().items()}
    path = tmp_path / "one.tflite"
    path.write_bytes(to_tflite(network, tensors))
    (layer,) = read(path)
    assert layer.said["padding"] == said
    assert (b"y.padded" in path.read_bytes()) is (padding == (1, 1, 1, 1))


def test_what_the_format_cannot_say_is_refused_by_name(monkeypatch):
    network = one("average_pool", PoolAttrs(2, (1, 0, 1, 0)), None, (5, 5, 3))
    with pytest.raises(NotImplementedError, match=r"layer 'y': a mean that leaves out padding"):
        to_tflite(network, {})
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    with pytest.raises(ValueError, match="ai_edge_litert: not installed; pip install"):
        to_tflite(network, {})
