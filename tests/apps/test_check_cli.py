"""`refnet check` and `refnet export` as a person types them, and one line in a stranger's test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import refnet
from refnet import ops
from refnet.cli import main
from refnet.models import build
from refnet.run import run
from refnet.testing import assert_matches, assert_network_matches

MINE = """
import numpy as np
from refnet.backend import Arithmetic
from refnet.run import run

class Mine:
    arithmetic = Arithmetic()
    def prepare(self, network, tensors, batch=1):
        numbers = {name: a.astype(np.float32) for name, a in tensors.items()}
        return lambda inputs: run(network, numbers, inputs)

class Flipped(Mine):
    def prepare(self, network, tensors, batch=1):
        turned = {n: a[::-1] if a.ndim == 4 else a for n, a in tensors.items()}
        return super().prepare(network, turned, batch)
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A module of the user's own."""
    (tmp_path / "my_port.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    yield "my_port:Mine"
    sys.modules.pop("my_port", None)


def test_a_backend_of_ones_own_is_ten_lines_and_a_name(capsys, mine, monkeypatch):
    assert main(["check", mine, "--suite", "ops"]) == 0
    out = capsys.readouterr().out
    assert "94 of 94    bit-equal" in out
    assert "204 questions: all hold" in out
    monkeypatch.setenv("REFNET_BACKEND", mine)
    assert main(["check", "--suite", "ops"]) == 0


def test_a_wrong_one_gets_status_1_and_its_smallest_failure(capsys, mine):
    assert main(["check", "my_port:Flipped", "--suite", "ops", "--fuzz", "200"]) == 1
    out = capsys.readouterr().out
    assert "Wrong:" in out
    assert "do not hold" in out
    assert "200 drawn operations, smallest failure: conv2d(x (" in out
    assert "conv2d(x (" in out
    assert "Diagnosis:" in out


def test_the_users_folder_is_left_as_it_was(mine, tmp_path):
    """Hypothesis, which finds the smallest failure, keeps notes where it is started."""
    before = {path.name for path in tmp_path.iterdir()}
    words = ["check", "my_port:Flipped", "--suite", "ops"]
    environment = {k: v for k, v in os.environ.items() if k != "HYPOTHESIS_STORAGE_DIRECTORY"}
    environment["PYTHONPATH"] = str(Path(refnet.__file__).parents[1])
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    ran = subprocess.run(
        [sys.executable, "-m", "refnet", *words],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 1, ran.stderr
    assert "200 drawn operations, smallest failure: conv2d(x (" in ran.stdout
    assert {path.name for path in tmp_path.iterdir()} == before


def test_the_report_as_json_and_as_a_picture(capsys, mine, tmp_path):
    picture = tmp_path / "v2.png"
    words = ["check", mine, "--suite", "v2", "--json", "--plot", str(picture)]
    assert main(words) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["holds"] is True
    assert {result["mode"] for result in data["results"]} == {"shown", "fused"}
    layers = data["results"][0]["layers"]
    assert {"layer", "op", "verdict", "free", "condition", "likely", "says"} <= set(layers[0])
    with Image.open(picture) as drawn:
        assert drawn.width > 1000


def test_a_coarser_arithmetic_may_be_declared_and_a_finer_one_is_not_met(capsys, mine):
    bfloat = "storage=bfloat16,accumulate=float32"
    assert main(["check", mine, "--suite", "ops", "--arithmetic", bfloat]) == 0
    double = "storage=float64,inputs=float64,accumulate=float64"
    assert main(["check", mine, "--suite", "ops", "--arithmetic", double]) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["check"], "BACKEND: expected one of engine, ops, onnxruntime"),
        (["check", "abacus"], "backend: 'abacus', expected one of engine, ops, onnxruntime"),
        (["check", "no_such:thing"], "backend: 'no_such:thing': No module named 'no_such'"),
        (["check", "math:pi"], "backend: 'math:pi' is a float without arithmetic and prepare()"),
        (["check", "ops", "--arithmetic", "speed=high"], "arithmetic: 'speed', expected one of"),
        (["check", "ops", "--arithmetic", "storage=int8"], "storage: 'int8', expected one of"),
        (["check", "ops", "--plot", "x.doc"], "--plot: 'x.doc', expected a name that ends in"),
        (["check", "ops", "--suite", "ops", "--plot", "x.png"], "--plot: the suite ops has no"),
        (["check", "ops", "--fuzz", "-5"], "--fuzz: -5, expected a whole number of at least 0"),
        (["check", ""], "BACKEND: expected one of engine, ops, onnxruntime"),
        (["check", "ops", "--arithmetic", "storage=float16,storage=float32"], "is said twice"),
        (["export", "v3", "--to", "onnx"], "model: 'v3' is neither a checkpoint"),
    ],
)
def test_mistakes_get_one_line(capsys, monkeypatch, words, message):
    monkeypatch.delenv("REFNET_BACKEND", raising=False)
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err


def test_an_exported_network_gives_the_checkpoints_answer(tmp_path, capsys):
    onnx = pytest.importorskip("onnx", reason="it is the format")
    onnxruntime = pytest.importorskip("onnxruntime", reason="it runs the file")
    for flags in ([], ["--unfolded"]):
        path = tmp_path / "v2.onnx"
        assert main(["export", "v2", "--to", "onnx", "-o", str(path), *flags]) == 0
        onnx.checker.check_model(str(path), full_check=True)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (answer,) = session.run(None, {"image": np.zeros((1, 3, 224, 224), np.float32)})
        assert answer.shape == (1, 1000)
        assert abs(answer.sum() - 1) < 1000 * 2.0**-24


# refnet.testing


def test_one_line_in_a_strangers_test():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 9, 8, 5)).astype(np.float32)
    w, b = (rng.standard_normal(s).astype(np.float32) for s in ((3, 3, 5, 2), (10,)))
    y = ops.depthwise_conv2d(x, w, b, stride=2, padding="same")
    assert_matches(y, "depthwise_conv2d", x, w, b, stride=2, padding="same")
    other = ops.depthwise_conv2d(x, w, b, stride=2, padding=(1, 1, 1, 1))
    with pytest.raises(AssertionError, match=r"depthwise_conv2d: .* wrong, worst at"):
        assert_matches(other, "depthwise_conv2d", x, w, b, stride=2, padding="same")
    half = y.astype(np.float16)
    with pytest.raises(AssertionError):
        assert_matches(half, "depthwise_conv2d", x, w, b, stride=2, padding="same")
    assert_matches(
        half, "depthwise_conv2d", x, w, b, stride=2, padding="same",
        arithmetic="storage=float16,accumulate=float32",
    )  # fmt: skip


def test_every_operation_has_its_line():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, 6, 7, 4)).astype(np.float32)
    rows = x[:, 0, 0]
    vectors = [rng.uniform(0.5, 1.5, 4).astype(np.float32) for _ in range(4)]
    w = rng.standard_normal((3, 3, 4, 6)).astype(np.float32)
    calls = [
        ("conv2d", (x, w), {"padding": "valid", "stride": (2, 1)}),
        ("pointwise_conv2d", (x, w[:1, :1]), {"stride": 2}),
        ("dense", (rows, w[0, 0]), {}),
        ("batch_norm", (x, *vectors), {"epsilon": 1e-3}),
        ("relu", (x,), {}),
        ("relu6", (x,), {}),
        ("softmax", (rows,), {}),
        ("sigmoid", (rows,), {}),
        ("resize_bilinear", (x,), {"size": (9, 5), "corners": "half-pixel"}),
        ("global_average_pool", (x,), {}),
        ("average_pool", (x, ), {"size": 2, "padding": "same", "stride": 2}),
        ("max_pool", (x,), {"size": 2, "padding": "valid"}),
        ("add", (x, x), {}),
        ("concat", (x, x), {}),
    ]  # fmt: skip
    assert {name for name, *_ in calls} | {"depthwise_conv2d", "separable_conv2d"} == set(
        ops.__all__
    )
    for name, arrays, keywords in calls:
        answer = getattr(ops, name)(*arrays, **keywords)
        assert_matches(answer, name, *arrays, **keywords)
        with pytest.raises(AssertionError, match=name):
            assert_matches(answer + 1, name, *arrays, **keywords)


def test_misuse_is_told_from_failure():
    x = np.zeros((1, 4, 4, 1), np.float32)
    for call, message in (
        (lambda: assert_matches(x, "convolve", x), "operation: 'convolve', expected one of add"),
        (lambda: assert_matches(x, "relu", x, padding="same"), "takes no keyword 'padding'"),
        (lambda: assert_matches(x, "max_pool", x, sise=2), "unexpected keyword argument 'sise'"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_a_whole_network_in_one_line_names_the_first_wrong_layer():
    network = build("v2", alpha=0.35, resolution=32)
    rng = np.random.default_rng(2)
    tensors = {
        name: rng.uniform(0.1, 1, shape).astype(np.float32)
        for name, shape in network.params().items()
    }
    x = rng.uniform(-1, 1, (1, 32, 32, 3)).astype(np.float32)
    shown = [layer.name for layer in network.layers if not layer.name.endswith("norm")]
    actual = run(network, tensors, x, taps=shown)
    assert_network_matches(actual, network, tensors, x)
    bent = dict(actual)
    bent["block4.expand.activation"] = actual["block4.expand.activation"] + np.float32(1e-3)
    with pytest.raises(AssertionError, match=r"block4\.expand\.activation: "):
        assert_network_matches(bent, network, tensors, x)
    with pytest.raises(ValueError, match="nothing is no layer of"):
        assert_network_matches({}, network, tensors, x)
