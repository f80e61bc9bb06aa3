"""Other people's engines, through their adapters: bit equality where it is owed, else the bound.

On whole numbers the judge is `ops`, the engines' twin by no shared line; on real weights it is
`refnet.bounds`, for the arithmetic that each adapter declares. Faults of the engines themselves
are listed by name: one that goes away must leave the list.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from refnet import load, ops
from refnet.backend import Arithmetic, Backend
from refnet.bounds import bound, propagate
from refnet.layer import PoolAttrs
from refnet.models import build
from refnet.network import Network
from refnet.oracle import adapters
from refnet.oracle.exact import exact_case
from refnet.run import apply, run
from tests.oracle.single import BATCH, convolutions, drawn, one, others

ANSWERS = Path(__file__).parent.parent / "data"
SINGLE = convolutions() | others()

ENGINES = {
    "ops": "numpy",
    "onnxruntime": "onnxruntime",
    "onnx_reference": "onnx",
    "litert": "ai_edge_litert",
    "opencv": "cv2",
    "openvino": "openvino",
    "torch": "torch",
}
HEAVY = ("opencv", "openvino", "torch")
every_engine = pytest.mark.parametrize(
    "name", [pytest.param(e, marks=[pytest.mark.slow] * (e in HEAVY)) for e in ENGINES]
)

# onnx.reference 1.23.2 reads the pads of a MaxPool with stride 1 as (top, bottom, left, right),
# where ONNX writes (top, left, bottom, right): CommonPool in reference/ops/_op_common_pool.py.
# TensorFlow Lite's pools know SAME and VALID alone; a PAD before a mean would be averaged too.
FAULTS = {
    "onnx_reference": {
        "max pool 4x4 same stride 1": "differs",
        "max pool 4x4 (0, 1, 0, 1) stride 1": "differs",
        "max pool 4x4 (2, 0, 1, 3) stride 1": "differs",
    },
    "litert": {
        "average pool 2x2 inside (1, 0, 1, 0), stride 1": "refused",
        "average pool 2x2 inside (1, 0, 1, 0), stride 2": "refused",
    },
}


def engine(name: str) -> Backend:
    pytest.importorskip(ENGINES[name], reason=f"{name} is what is tested")
    return adapters.find(name)


def unlike(backend: Backend, case: str) -> str | None:
    """What is wrong with an engine's answer to a case, or None."""
    network = SINGLE[case]
    tensors, inputs = drawn(network)
    expected = run(network, tensors, inputs)["y"]
    try:
        found = backend.prepare(network, tensors, BATCH)(inputs)["y"]
    except NotImplementedError:
        return "refused"
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    return None if np.array_equal(found, expected) else "differs"


@every_engine
def test_an_engine_gives_the_very_bits_on_whole_numbers(name):
    backend = engine(name)
    wrong = {case: said for case in SINGLE if (said := unlike(backend, case))}
    assert wrong == FAULTS.get(name, {})


@pytest.mark.parametrize("case", SINGLE)
def test_the_whole_numbers_are_exact_in_float32_in_any_order(case):
    """The sums of |w||x| + |b|, times what a mean divides by, stay far below 2^24."""
    network = SINGLE[case]
    tensors, inputs = drawn(network)
    (layer,) = network.layers
    sizes = {name: abs(tensor).astype(np.float64) for name, tensor in tensors.items()}
    if layer.op == "batch_norm":
        root = np.sqrt(tensors["y.variance"] + layer.attrs.epsilon)
        assert set(root.tolist()) <= {1.0, 2.0}
        sizes["y.mean"] *= -1  # |x| + |mean|
    most = apply(layer, [abs(x).astype(np.float64) for x in inputs.values()], sizes).max()
    divisor = 64 if "pool" in layer.op else 2
    assert most * divisor < 2**20
    in_float64 = run(network, {k: v.astype(np.float64) for k, v in tensors.items()},
                     {k: x.astype(np.float64) for k, x in inputs.items()})["y"]  # fmt: skip
    assert np.array_equal(run(network, tensors, inputs)["y"], in_float64)


@every_engine
@pytest.mark.parametrize("model", ["v1", "v2"])
def test_whole_networks_on_whole_numbers_are_equal_in_every_layer(name, model):
    """`exact_case` proves that every sum is exact; the pool's map is 2 x 2, a power of two."""
    network = build(model, resolution=64, batch_norm=False).cut(["classifier"])
    everything = replace(network, outputs=tuple(layer.name for layer in network.layers))
    case = exact_case(everything, f"adapters/{model}", batch=2)
    found = engine(name).prepare(everything, case.tensors, 2)(case.inputs)
    assert list(found) == list(everything.outputs)
    differing = [k for k, y in case.expected.items() if not np.array_equal(found[k], y)]
    assert differing == []


def beyond_the_bound(backend: Backend, network: Network, tensors, inputs) -> dict[str, float]:
    """err / bound of the layers beyond it, each judged on the engine's own input to it.

    A batch norm that the engine folds is judged together with its convolution.
    """
    everything = replace(network, outputs=tuple(layer.name for layer in network.layers))
    batch = len(next(iter(inputs.values())))
    known = {**inputs, **backend.prepare(everything, tensors, batch)(inputs)}
    found = {}
    for layer in network.layers:
        feeds = layer.inputs
        if layer.op == "batch_norm" and backend.arithmetic.folds_in:
            feeds = network[layer.inputs[0]].inputs
        unit = network.cut([layer.name], list(dict.fromkeys(feeds)))
        fed = {name: known[name] for name in unit.inputs}
        value = propagate(unit, tensors, fed, backend.arithmetic)[layer.name]
        assert np.isfinite(value.error).all()
        excess = abs(known[layer.name] - value.exact) > value.error
        if excess.any():
            found[layer.name] = float(abs(known[layer.name] - value.exact)[excess].max())
    return found


def photo(model: str) -> np.ndarray:
    with safe_open(ANSWERS / f"engine_answers_{model}.safetensors", framework="numpy") as file:
        return file.get_tensor("chelsea.input").astype(np.float32)


@every_engine
@pytest.mark.parametrize("model", ["v1", "v2"])
def test_real_weights_stay_within_the_bound_at_32(name, model):
    checkpoint = load(model)  # V2 with its batch norm
    network = build(
        model,
        resolution=32,
        conventions=checkpoint.network.conventions,
        batch_norm=model == "v2",
    )
    inputs = {"image": photo(model)[:, 96:128, 96:128]}
    assert beyond_the_bound(engine(name), network, checkpoint.tensors, inputs) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("model", ["v1", "v2"])
def test_real_weights_stay_within_the_bound_at_224(name, model):
    checkpoint = load(model)
    inputs = {"image": photo(model)}
    assert beyond_the_bound(engine(name), checkpoint.network, checkpoint.tensors, inputs) == {}


@every_engine
def test_what_is_not_exact_stays_within_the_bound(name):
    """Softmax, means over 7 x 7 and 3 x 3, and convolutions of numbers of every size."""
    backend, rng = engine(name), np.random.default_rng(3)
    networks = [
        one("softmax", None, None, (11,)),
        one("global_average_pool", None, None, (7, 7, 5)),
        one("average_pool", PoolAttrs(3, "same", 2), None, (7, 8, 5)),
        one("average_pool", PoolAttrs((3, 5), "same", 1, True), None, (7, 8, 5)),
        *convolutions().values(),
    ]
    for network in networks:
        (layer,) = network.layers
        tensors, inputs = (
            {k: rng.standard_normal(a.shape).astype(np.float32) * 100 for k, a in part.items()}
            for part in drawn(network)
        )
        found = backend.prepare(network, tensors, BATCH)(inputs)["y"]
        exact = apply(
            layer,
            [x.astype(np.float64) for x in inputs.values()],
            {k: a.astype(np.float64) for k, a in tensors.items()},
        )
        allowed = bound(layer, list(inputs.values()), tensors, backend.arithmetic)
        assert (abs(found - exact) <= allowed).all(), layer


@every_engine
def test_an_engine_that_does_not_say_so_keeps_subnormal_numbers(name):
    backend = engine(name)
    small = np.float32(2.0**-140)
    network = one("add", None, None, (2, 2, 8), (2, 2, 8))
    inputs = {k: np.full((1, *shape), small) for k, shape in network.inputs.items()}
    kept = (backend.prepare(network, {})(inputs)["y"] == 2 * small).all()
    assert kept or backend.arithmetic.flushes_subnormals


@pytest.mark.parametrize("kernels", ["reference", "optimised"])
def test_litert_has_kernels_of_its_own_besides_xnnpack(kernels):
    litert = pytest.importorskip("refnet.oracle.adapters.litert")
    backend = litert.LiteRT(kernels=kernels)
    assert not backend.arithmetic.flushes_subnormals
    wrong = {case: said for case in SINGLE if (said := unlike(backend, case))}
    assert wrong == FAULTS["litert"]
    with pytest.raises(ValueError, match="kernels: 'fast', expected one of xnnpack"):
        litert.LiteRT(kernels="fast")


def test_onnxruntime_folds_batch_norm_only_when_it_may():
    """The same network: folded and not, the last bits differ; both are within their bounds."""
    runtime = pytest.importorskip("refnet.oracle.adapters.onnxruntime")
    checkpoint = load("v2")
    network = checkpoint.network.cut(["block1.project.norm"])
    inputs = {"image": photo("v2")}
    answers = []
    for optimise in (True, False):
        backend = runtime.OnnxRuntime(optimise=optimise, threads=1)
        assert (backend.arithmetic.folds_in == "float32") is optimise
        answers.append(backend.prepare(network, checkpoint.tensors)(inputs)[network.outputs[0]])
    assert not np.array_equal(*answers)


@every_engine
def test_an_input_of_another_shape_is_refused_by_name(name):
    network = one("add", None, None, (2, 3, 4), (2, 3, 4))
    runner = engine(name).prepare(network, {}, 2)
    with pytest.raises(ValueError, match=r"'x1' \(2, 2, 3, 4\) of add is missing"):
        runner({"x0": np.zeros((2, 2, 3, 4))})
    with pytest.raises(ValueError, match=r"'x0' has shape \(1, 2, 3, 4\), but .* \(2, 2, 3, 4\)"):
        runner({"x0": np.zeros((1, 2, 3, 4)), "x1": np.zeros((2, 2, 3, 4))})


@every_engine
def test_an_answer_is_not_overwritten_by_the_next(name):
    network = one("relu", None, None, (3, 4, 5))
    runner = engine(name).prepare(network, {})
    first = runner({"x0": np.full((1, 3, 4, 5), 2.0)})["y"]
    runner({"x0": np.full((1, 3, 4, 5), 3.0)})
    assert (first == 2).all()


@pytest.mark.slow
def test_torch_leaves_the_process_as_it_was():
    torch = pytest.importorskip("torch", reason="its settings are looked at")
    flags = torch.backends.cuda.matmul
    before = flags.allow_tf32
    try:
        flags.allow_tf32 = True
        network = one("relu", None, None, (6,))
        adapters.find("torch").prepare(network, {})({"x0": np.zeros((1, 6))})
        assert flags.allow_tf32
        assert torch.backends.cudnn.enabled
    finally:
        flags.allow_tf32 = before
    if not torch.cuda.is_available():
        from refnet.oracle.adapters.torch import Torch

        with pytest.raises(ValueError, match="'cuda', but PyTorch finds no CUDA device"):
            Torch("cuda")


class Mine:
    """A user's own."""

    arithmetic = Arithmetic()

    def prepare(self, network, tensors, batch=1):
        return lambda inputs: run(network, tensors, inputs, using=ops)


instance = Mine()


@pytest.mark.parametrize("name", [f"{__name__}:Mine", f"{__name__}:instance"])
def test_a_users_own_is_found_as_module_and_object(name):
    assert isinstance(adapters.find(name), Mine)


def test_a_users_own_is_found_by_its_entry_point(monkeypatch):
    points = [EntryPoint("mine", f"{__name__}:Mine", adapters.GROUP)]
    monkeypatch.setattr(adapters, "entry_points", lambda group: points if group == adapters.GROUP
                        else [])  # fmt: skip
    assert isinstance(adapters.find("mine"), Mine)
    with pytest.raises(
        ValueError, match=r"'yours', expected one of engine, ops, .*, mine, or MODULE"
    ):
        adapters.find("yours")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("abacus", "backend: 'abacus', expected one of engine, ops, onnxruntime"),
        ("no_such_module:Backend", "'no_such_module:Backend': No module named 'no_such_module'"),
        (f"{__name__}:Nobody", "has no 'Nobody'"),
        (f"{__name__}:BATCH", "is a int without arithmetic and prepare"),
    ],
)
def test_what_is_no_backend_is_refused_in_one_line(name, said):
    with pytest.raises(ValueError, match=said) as refusal:
        adapters.find(name)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("onnxruntime", "onnxruntime"),
        ("onnx_reference", "onnx.reference"),
        ("litert", "ai_edge_litert.interpreter"),
        ("opencv", "cv2"),
        ("openvino", "openvino"),
        ("torch", "torch"),
    ],
)
def test_an_engine_that_is_not_installed_is_named_with_what_to_install(monkeypatch, name, module):
    monkeypatch.setitem(sys.modules, module, None)  # what makes Python's import fail
    with pytest.raises(ValueError, match=f"backend: {module} is not installed; pip install "):
        adapters.find(name)
