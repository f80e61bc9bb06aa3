from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
from checkpoint_files import assert_same_tensors, known_layers, random_tensors

from refnet.checkpoints import keras
from refnet.checkpoints.convert import convert
from refnet.models import build
from refnet.network import TENSORFLOW
from refnet.run import run

h5py = pytest.importorskip("h5py", reason="h5py writes the files")

KERAS_NORM = {
    "gamma": "gamma",
    "beta": "beta",
    "mean": "moving_mean",
    "variance": "moving_variance",
}
SMALL = {"v1": {"alpha": 0.125, "resolution": 32}, "v2": {"alpha": 0.1, "resolution": 32}}


def keras_layers(network, tensors, *, dense_as_convolution=False, keras2=False):
    """[(layer name, {weight name: array})], with the layers that hold nothing in between."""
    depthwise = "depthwise_kernel" if keras2 else "kernel"
    layers = [("input_1", {})]
    for known in known_layers(network, tensors):
        weights = {depthwise if known.op == "depthwise_conv2d" else "kernel": known.weight}
        if known.op == "dense" and dense_as_convolution:
            weights["kernel"] = known.weight[None, None]
        if known.bias is not None:
            weights["bias"] = known.bias
        layers.append((known.name, weights))
        if known.norm is not None:
            norm = {KERAS_NORM[key]: value for key, value in known.norm.items()}
            layers.append((f"{known.name}_bn", norm))
        layers.append((f"{known.name}_relu", {}))
    return layers


def write(path, layers, *, whole=True, keras2=False):
    """What Keras writes: names in attributes (bytes, with ":0", in Keras 2), arrays in groups."""
    encode = (lambda names: np.array([n.encode() for n in names], "S")) if keras2 else list
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if whole else file
        root.attrs["layer_names"] = encode([name for name, _ in layers])
        for layer, weights in layers:
            group = root.create_group(layer)
            names = [f"{layer}/{name}{':0' if keras2 else ''}" for name in weights]
            group.attrs["weight_names"] = encode(names)
            for name, value in zip(names, weights.values(), strict=True):
                group[name] = value


@pytest.mark.parametrize("keras2", [False, True])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("model", ["v1", "v2"])
def test_converting_gives_back_every_tensor_that_was_written(tmp_path, model, whole, keras2):
    network = build(model, classes=5, **SMALL[model])
    tensors = random_tensors(network)
    path = tmp_path / "model.h5"
    write(path, keras_layers(network, tensors, keras2=keras2), whole=whole, keras2=keras2)
    checkpoint = convert(path, model, **SMALL[model])
    assert_same_tensors(checkpoint.tensors, tensors)
    assert checkpoint.network == network
    assert checkpoint.network.conventions.epsilon == 1e-3  # of Keras's MobileNets, V1 and V2


def test_a_classifier_kept_as_a_1x1_convolution_is_the_same_classifier(tmp_path):
    network = build("v1", classes=5, **SMALL["v1"])
    tensors = random_tensors(network)
    write(tmp_path / "v1.h5", keras_layers(network, tensors, dense_as_convolution=True))
    assert_same_tensors(convert(tmp_path / "v1.h5", "v1", **SMALL["v1"]).tensors, tensors)


def test_layers_come_in_the_order_of_layer_names_not_of_the_alphabet(tmp_path):
    kernel = np.zeros((1, 1, 1, 1), np.float32)
    write(tmp_path / "x.h5", [(name, {"kernel": kernel}) for name in ("b", "c", "a")])
    assert [layer.name for layer in keras.read(tmp_path / "x.h5")] == ["b", "c", "a"]


def test_a_file_cut_short_anywhere_is_refused_in_one_line(tmp_path):
    network = build("v1", classes=5, **SMALL["v1"])
    whole = tmp_path / "whole.h5"
    write(whole, keras_layers(network, random_tensors(network)))
    data = whole.read_bytes()
    cut = tmp_path / "cut.h5"
    for size in [0, 1, 8, 100, *range(512, len(data), len(data) // 40), len(data) - 1]:
        cut.write_bytes(data[:size])
        with pytest.raises(ValueError, match=r"^not a whole HDF5 file \(.*\)$"):
            keras.read(cut)


def _plain(path):
    with h5py.File(path, "w") as file:
        file["x"] = np.zeros(3)


def _keras3_weights(path):
    with h5py.File(path, "w") as file:
        file.create_group("layers/conv2d/vars")


def _group_for_array(path):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = ["a"]
        file.create_group("a").attrs["weight_names"] = ["kernel"]
        file.create_group("a/kernel")


def _link_to_another_file(path):
    with h5py.File(path.with_name("other.h5"), "w") as file:
        file["secret"] = np.ones((1, 1, 1, 1), np.float32)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = ["a"]
        file.create_group("a").attrs["weight_names"] = ["kernel"]
        file["a/kernel"] = h5py.ExternalLink("other.h5", "secret")


def _numbers_in_another_file(path):
    path.with_name("raw").write_bytes(bytes(4))
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = ["a"]
        group = file.create_group("a")
        group.attrs["weight_names"] = ["kernel"]
        where = [(str(path.with_name("raw")), 0, 4)]
        group.create_dataset("kernel", (1, 1, 1, 1), np.float32, external=where)


def _terabytes(path):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = ["a"]
        group = file.create_group("a")
        group.attrs["weight_names"] = ["kernel"]
        group.create_dataset("kernel", (1, 1, 10**6, 10**6), np.float32, chunks=(1, 1, 8, 8))


def _layers(*layers):
    return lambda path: write(path, list(layers))


ONE = np.ones(1, np.float32)
KERNEL = np.ones((1, 1, 1, 1), np.float32)
BATCH_NORM = dict.fromkeys(KERAS_NORM.values(), ONE)
REFUSED = {
    "no Keras": (_plain, "HDF5, but no Keras model: no layer_names"),
    "weights of Keras 3": (_keras3_weights, r"keep no order of layers.*model\.save"),
    "batch norm first": (_layers(("bn", BATCH_NORM)), "batch norm 'bn' follows no convolution"),
    "two batch norms": (
        _layers(("c", {"kernel": KERNEL}), ("b1", BATCH_NORM), ("b2", BATCH_NORM)),
        "batch norm 'b2' follows no convolution",
    ),
    "an unknown layer": (_layers(("s", {"pointwise_kernel": KERNEL})), "layer 's': holds"),
    "a bias alone": (_layers(("s", {"bias": ONE})), "layer 's': holds"),
    "a nested model": (
        _layers(("m", {"a/kernel": KERNEL, "b/kernel": KERNEL})),
        "layer 'm': several of 'kernel': a model inside a model",
    ),
    "a kernel of 3 axes": (_layers(("c", {"kernel": KERNEL[0]})), r"'c': a kernel of shape"),
    "a group for an array": (_group_for_array, "'a/kernel' is no array"),
    "a link out": (_link_to_another_file, "'a/kernel' lies in another file"),
    "numbers outside": (_numbers_in_another_file, "'a/kernel' lies in another file"),
    "terabytes": (_terabytes, r"'a/kernel' has shape .*, more than the file can hold"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_mobilenet_is_refused_in_one_line(tmp_path, case):
    make, message = REFUSED[case]
    make(tmp_path / "x.h5")
    with pytest.raises(ValueError, match=message) as refusal:
        keras.read(tmp_path / "x.h5")
    assert "\n" not in str(refusal.value)


def test_without_h5py_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ValueError, match=r"^reading \.h5 needs h5py: pip install"):
        keras.read(tmp_path / "x.h5")


# Keras runs in a process of its own: its backend is chosen by the environment, once.
KERAS = """
import sys, numpy as np, keras
name, alpha, folder = sys.argv[1], float(sys.argv[2]), sys.argv[3]
model = getattr(keras.applications, name)(
    weights=None, alpha=alpha, classes=5, input_shape=(128, 128, 3))
rng = np.random.default_rng(0)
for layer in model.layers:
    if isinstance(layer, keras.layers.BatchNormalization):
        n = layer.gamma.shape[0]
        layer.set_weights([rng.uniform(0.5, 1.5, n), rng.normal(0, 0.3, n),
                           rng.normal(0, 0.3, n), rng.uniform(0.5, 1.5, n)])
    elif layer.get_weights():                                  # He's rule keeps the signal alive
        w = layer.get_weights()
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        taps = w[0].shape[:2] if depthwise else w[0].shape[:-1]
        w[0] = rng.normal(0, (2 / np.prod(taps)) ** 0.5, w[0].shape)
        if w[0].shape[-1] == 5:                        # a classifier that leaves softmax in doubt
            w[0] /= 5
        layer.set_weights(w)
x = rng.uniform(-1, 1, (2, 128, 128, 3)).astype("float32")
model.save(f"{folder}/model.h5")
np.savez(f"{folder}/answer.npz", x=x, y=np.asarray(model.predict(x, verbose=0)))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "model", "alpha"), [("MobileNet", "v1", 0.25), ("MobileNetV2", "v2", 0.35)]
)
def test_refnet_computes_what_keras_computes(tmp_path, name, model, alpha):
    for package in ("keras", "torch"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: Keras on PyTorch writes the file and judges")
    subprocess.run(
        [sys.executable, "-c", KERAS, name, str(alpha), str(tmp_path)],
        check=True,
        env={**os.environ, "KERAS_BACKEND": "torch", "KERAS_HOME": str(tmp_path)},
    )
    with np.load(tmp_path / "answer.npz") as answer:
        x, y = answer["x"].astype(np.float64), answer["y"]
    checkpoint = convert(tmp_path / "model.h5", model, alpha=alpha, resolution=128)
    tensors = {name: tensor.astype(np.float64) for name, tensor in checkpoint.tensors.items()}
    ours = run(checkpoint.network, tensors, x)["softmax"]
    # Keras computes in float32: 2**-24 for each rounding, some tens of layers, random signs.
    # Up to 3e-6 is seen; ten times that leaves room for other backends.
    tolerance = 3e-5
    assert np.abs(ours - y).max() < tolerance
    # The tolerance is a judge only if what could be wrong is further off than that: padding
    # on the other side, and batch norm's other epsilon.
    for wrong in ({"padding": "symmetric"}, {"epsilon": 1e-5}):
        conventions = type(TENSORFLOW)(**{**vars(TENSORFLOW), "classes": 5, **wrong})
        other = build(model, alpha=alpha, resolution=128, conventions=conventions)
        assert np.abs(run(other, tensors, x)["softmax"] - y).max() > 3 * tolerance, wrong
    assert np.abs(y[0] - y[1]).max() > 3 * tolerance  # and the answer depends on the image
