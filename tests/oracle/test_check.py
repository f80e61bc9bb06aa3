"""Whole networks: right backends pass, planted faults are caught, and the layer named is it.

Faults are planted by editing the exported ONNX graph or its tensors, with onnx's own tools; what
judges knows nothing of them.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from refnet import load, ops, run
from refnet.backend import Arithmetic, Case
from refnet.models import build
from refnet.oracle import report
from refnet.oracle.adapters.ops import Ops
from refnet.oracle.check import ask, check, units_of
from refnet.oracle.fuzz import smallest_failure
from refnet.oracle.photos import real_questions
from refnet.oracle.suites import Question

onnx = pytest.importorskip("onnx", reason="faults are planted in ONNX graphs")
onnxruntime = pytest.importorskip("onnxruntime", reason="it runs the edited graphs")

from refnet.export.onnx import to_onnx  # noqa: E402

Edit = Callable[["onnx.ModelProto"], None]


class Planted:
    """ONNX Runtime on an edited graph, unoptimised so that the fault stays where it is put."""

    arithmetic = Arithmetic()

    def __init__(self, edit: Edit) -> None:
        self.edit = edit

    def prepare(self, network, tensors, batch=1):
        model = to_onnx(network, tensors, batch=batch)
        self.edit(model)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

        def runner(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            fed = {k: np.ascontiguousarray(a.transpose(0, 3, 1, 2)) for k, a in inputs.items()}
            found = session.run(list(network.outputs), fed)
            turned = (a.transpose(0, 2, 3, 1) if a.ndim == 4 else a for a in found)
            return dict(zip(network.outputs, turned, strict=True))

        return runner


def node(model, name):
    return next(n for n in model.graph.node if n.name == name)


def attribute(model, name, key):
    return next(a for a in node(model, name).attribute if a.name == key)


def change(model, tensor: str, function) -> None:
    """Replace an initializer by a function of itself."""
    for held in model.graph.initializer:
        if held.name == tensor:
            values = function(onnx.numpy_helper.to_array(held).copy()).astype(np.float32)
            held.CopyFrom(onnx.numpy_helper.from_array(values, tensor))
            return
    raise KeyError(tensor)


def to_bits(bits: int):
    """Rounding to a number of significant bits, to nearest even, by way of frexp."""

    def rounded(a: np.ndarray) -> np.ndarray:
        mantissa, exponent = np.frexp(a.astype(np.float64))
        return np.ldexp(np.round(mantissa * 2.0**bits) / 2.0**bits, exponent)

    return rounded


def shift_padding(model) -> None:
    pads = attribute(model, "block2.depthwise", "pads")
    top, left, bottom, right = pads.ints
    assert (top, left, bottom, right) != (bottom, right, top, left)
    pads.ints[:] = [bottom, right, top, left]


def drop_a_tap(model) -> None:
    def dropped(w):
        w[3, 0, 1, 1] = 0
        return w

    change(model, "block4.depthwise.weight", dropped)


def lose_one_place(model) -> None:
    """At one pixel of one channel a tap is lost: a mask is multiplied in after the layer."""
    name = "block3.pointwise"
    mask = np.ones((1, 128, 24, 24), np.float32)
    mask[0, 5, 17, 13] = 1 + 2.0**-9
    model.graph.initializer.append(onnx.numpy_helper.from_array(mask, "mask"))
    target = node(model, name)
    target.output[0] = "before"
    at = list(model.graph.node).index(target)
    model.graph.node.insert(
        at + 1, onnx.helper.make_node("Mul", ["before", "mask"], [name], name="masked")
    )


def relu_for_relu6(model) -> None:
    clip = node(model, "stem.activation")
    clip.op_type = "Relu"
    del clip.input[1:]


def another_epsilon(model) -> None:
    attribute(model, "block7.depthwise.norm", "epsilon").f = 1e-3


def no_residual(model) -> None:
    add = node(model, "block6.add")
    add.op_type = "Identity"
    del add.input[1:]


def no_bias(model) -> None:
    change(model, "block9.pointwise.bias", np.zeros_like)


def kernel_turned(model) -> None:
    change(model, "block5.depthwise.weight", lambda w: w.transpose(0, 1, 3, 2))


def half_accumulation(model) -> None:
    """A pointwise layer as eight partial sums, each written down in half before the next."""
    name = "block6.pointwise"
    target = node(model, name)
    x, weight, bias = target.input
    held = next(t for t in model.graph.initializer if t.name == weight)
    w = onnx.numpy_helper.to_array(held)
    at = list(model.graph.node).index(target)
    model.graph.node.remove(target)
    make, made, parts = onnx.helper.make_node, [], 8
    each = w.shape[1] // parts
    sizes = onnx.numpy_helper.from_array(np.full(parts, each, np.int64), "sizes")
    model.graph.initializer.append(sizes)
    made.append(make("Split", [x, "sizes"], [f"x{n}" for n in range(parts)], axis=1))
    total = ""
    for n in range(parts):
        part = onnx.numpy_helper.from_array(w[:, n * each : (n + 1) * each].copy(), f"w{n}")
        model.graph.initializer.append(part)
        made.append(make("Conv", [f"x{n}", f"w{n}"], [f"y{n}"], kernel_shape=[1, 1]))
        if n:
            made.append(make("Add", [total, f"y{n}"], [f"s{n}"]))
        wide = f"s{n}" if n else "y0"
        made.append(make("Cast", [wide], [f"h{n}"], to=onnx.TensorProto.FLOAT16))
        made.append(make("Cast", [f"h{n}"], [f"t{n}"], to=onnx.TensorProto.FLOAT))
        total = f"t{n}"
    shaped = onnx.numpy_helper.from_array(
        onnx.numpy_helper.to_array(
            next(t for t in model.graph.initializer if t.name == bias)
        ).reshape(1, -1, 1, 1),
        "shaped",
    )
    model.graph.initializer.append(shaped)
    made.append(make("Add", [total, "shaped"], [name], name=name))
    for offset, new in enumerate(made):
        model.graph.node.insert(at + offset, new)


def half_inputs(model) -> None:
    """Both factors of a layer rounded to eleven bits, as TF32 units and half ones do."""
    name = "block8.pointwise"
    target = node(model, name)
    change(model, target.input[1], to_bits(11))
    at = list(model.graph.node).index(target)
    make = onnx.helper.make_node
    for offset, (op, made, to) in enumerate(
        (("Cast", "narrow", onnx.TensorProto.FLOAT16), ("Cast", "wide", onnx.TensorProto.FLOAT))
    ):
        source = target.input[0] if made == "narrow" else "narrow"
        model.graph.node.insert(at + offset, make(op, [source], [made], to=to))
    target.input[0] = "wide"


FAULTS: dict[str, tuple[str, str, Edit]] = {
    "padding shifted": ("v1", "block2.depthwise", shift_padding),
    "a tap dropped in one channel": ("v1", "block4.depthwise", drop_a_tap),
    "one element off by a 500th": ("v1", "block3.pointwise", lose_one_place),
    "ReLU for ReLU6": ("v1", "stem.activation", relu_for_relu6),
    "batch norm's epsilon": ("v2", "block7.depthwise.norm", another_epsilon),
    "residual missing": ("v2", "block6.add", no_residual),
    "bias missing": ("v1", "block9.pointwise", no_bias),
    "kernel transposed": ("v1", "block5.depthwise", kernel_turned),
    "half accumulation": ("v1", "block6.pointwise", half_accumulation),
    "factors of eleven bits": ("v1", "block8.pointwise", half_inputs),
    "weights rounded to float16": (
        "v1", "block10.depthwise",
        lambda model: change(model, "block10.depthwise.weight", to_bits(11)),
    ),
    "weights rounded to bfloat16": (
        "v2", "block12.project",
        lambda model: change(model, "block12.project.weight", to_bits(8)),
    ),
}  # fmt: skip


@functools.cache
def photo(model: str) -> Question:
    """A real photo through real weights, at 96: the tensors do not depend on the resolution."""
    question = next(real_questions(model))
    case = question.case
    network = build(
        model,
        resolution=96,
        conventions=case.network.conventions,
        batch_norm="stem.norm.gamma" in case.tensors,
    )
    inputs = {"image": case.inputs["image"][:, 64:160, 64:160]}
    expected = run(network, case.tensors, inputs)
    return Question(model, "real", Case("photo", network, case.tensors, inputs, expected))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught_and_its_layer_is_named(fault):
    model, layer, edit = FAULTS[fault]
    results = ask(Planted(edit), photo(model), Arithmetic())
    assert [result.mode for result in results] == ["shown", "fused"]
    shown, fused = results
    assert [la.layer for la in shown.layers if not la.verdict.holds] == [layer]
    ends = [unit.outputs[0] for unit in units_of(photo(model).case.network)]
    holding = next(
        end for end, unit in zip(ends, units_of(photo(model).case.network), strict=True)
        if layer in {la.name for la in unit.layers}
    )  # fmt: skip
    assert fused.first_bad is not None
    assert fused.first_bad.layer == holding


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_without_a_fault_nothing_is_found(model):
    for result in ask(Planted(lambda model: None), photo(model), Arithmetic()):
        assert result.holds, report.layer_table(result)


class Shy(Ops):
    """A backend that shows one output at a time."""

    def prepare(self, network, tensors, batch=1):
        if len(network.outputs) > 1:
            raise NotImplementedError("one output at a time")
        return super().prepare(network, tensors, batch)


def test_a_backend_that_shows_nothing_gets_its_network_cut():
    (result,) = ask(Shy(), photo("v2"), Arithmetic())
    assert (result.mode, result.holds) == ("cut", True)

    class Wrong(Shy):
        def prepare(self, network, tensors, batch=1):
            name = "block4.expand.weight"
            return super().prepare(network, {**tensors, name: tensors[name] * 1.0001}, batch)

    (result,) = ask(Wrong(), photo("v2"), Arithmetic())
    bad = [layer.layer for layer in result.layers if not layer.verdict.holds]
    assert bad == ["block4.expand.activation"]


def test_units_are_what_engines_fuse():
    network = build("v2", alpha=0.35, resolution=32)
    units = units_of(network)
    assert sum(len(unit.layers) for unit in units) == len(network.layers)
    longest = {tuple(layer.op for layer in unit.layers) for unit in units}
    assert ("depthwise_conv2d", "batch_norm", "relu6") in longest
    assert ("pointwise_conv2d", "batch_norm") in longest
    assert ("add",) in longest


class Broken:
    """A backend that raises, or refuses, or answers nonsense."""

    arithmetic = Arithmetic()

    def __init__(self, answer) -> None:
        self.answer = answer

    def prepare(self, network, tensors, batch=1):
        return lambda inputs: self.answer(network)


def fail(kind):
    def answer(network):
        raise kind("not today")

    return answer


def test_whatever_a_backend_does_is_reported_and_not_raised():
    told = {
        "raised ZeroDivisionError: not today": fail(ZeroDivisionError),
        "no answer": lambda network: {},
        "shape (3,), expected": lambda network: dict.fromkeys(network.outputs, np.zeros(3)),
        "answer of type str": lambda network: dict.fromkeys(network.outputs, "nonsense"),
    }
    for words, answer in told.items():
        found = check(Broken(answer), "ops")
        assert not found.holds
        assert words in report.text(found)
    refusing = check(Broken(fail(NotImplementedError)), "ops")
    assert not refusing.holds  # what answers nothing is not right
    assert "0 questions: nothing, 186 not answered" in report.text(refusing)


def test_a_report_is_also_json_without_nan():
    found = check(Broken(lambda network: dict.fromkeys(network.outputs, np.zeros(3))), "ops")
    data = json.loads(report.to_json(found), parse_constant=lambda name: pytest.fail(name))
    assert data["holds"] is False
    assert len(data["results"]) == 186


def test_fuzzing_finds_symmetric_padding_and_shrinks_it():
    """The smallest case in which SAME and symmetric differ: one row, two columns, stride 2."""

    class Symmetric(Ops):
        def prepare(self, network, tensors, batch=1):
            layers = tuple(
                replace(layer, attrs=replace(layer.attrs, padding=(1, 1, 1, 1)))
                if layer.keywords().get("padding") == "same"
                and layer.params["weight"][:2] == (3, 3)
                and layer.keywords()["dilation"] == (1, 1)
                else layer
                for layer in network.layers
            )
            return super().prepare(replace(network, layers=layers), tensors, batch)

    failure = smallest_failure(Symmetric(), 400)
    assert failure is not None
    ((_, H, W, M),) = (a.shape for a in failure.case.inputs.values())
    assert (min(H, W), max(H, W), M) == (1, 2, 1)
    assert "padding='same'" in str(failure)
    assert smallest_failure(Ops(), 150) is None


def test_an_exact_case_catches_a_fault_that_is_far_below_the_bound():
    """One weight of a filter of 1024 off by 2^-16: below the bound, above float32's last place."""
    network = build("v1", resolution=64, batch_norm=False).cut(["block13.pointwise"])
    from refnet.oracle.exact import exact_case

    case: Case = exact_case(network, "test")
    name = "block13.pointwise.weight"

    class Off(Ops):
        def prepare(self, network, tensors, batch=1):
            w = tensors[name].astype(np.float32)
            at = tuple(np.argwhere(w != 0)[0])
            w[at] *= np.float32(1 + 2.0**-16)
            return super().prepare(network, {**tensors, name: w}, batch)

    for result in ask(Off(), Question("v1", "exact", case), Arithmetic()):
        assert result.first_bad is not None
        assert result.first_bad.layer == "block13.pointwise"


def test_fused_and_unfused_runs_of_a_folding_backend_hold():
    """ONNX Runtime folds V2's batch norms when nobody asks for the convolutions."""
    from refnet.oracle.adapters.onnxruntime import OnnxRuntime

    backend = OnnxRuntime()
    for result in ask(backend, photo("v2"), backend.arithmetic):
        assert result.holds, report.layer_table(result)


def test_the_oracle_itself_is_charged():
    """A backend in float64, judged as float64, is held to the roundings of both."""

    class Double:
        arithmetic = Arithmetic("float64", "float64", "float64")

        def prepare(self, network, tensors, batch=1):
            return lambda inputs: run(network, tensors, {k: a[..., ::1] for k, a in inputs.items()})

    checkpoint = load("v1")
    assert checkpoint.network.name
    for result in ask(Double(), photo("v1"), Double.arithmetic):
        assert result.holds


# What a backend does to the arrays that it is given, and to those that it gives, is its own affair.


class Float32(Ops):
    """Right, whatever else its children do."""

    def prepare(self, network, tensors, batch=1):
        numbers = {name: a.astype(np.float32) for name, a in tensors.items()}
        return lambda inputs: run(network, numbers, inputs)


class HalvesTheCallersWeights(Ops):
    def prepare(self, network, tensors, batch=1):
        for a in tensors.values():
            a[...] = a.astype(np.float16)
        return super().prepare(network, tensors, batch)


class DoublesTheCallersInput(Ops):
    def prepare(self, network, tensors, batch=1):
        runner = super().prepare(network, tensors, batch)

        def doubled(inputs):
            for a in inputs.values():
                a *= 2
            return runner(inputs)

        return doubled


class ReturnsItsOwnInput(Float32):
    def prepare(self, network, tensors, batch=1):
        runner = super().prepare(network, tensors, batch)

        def zeroed(inputs):
            nothing = {name: np.zeros_like(a) for name, a in inputs.items()}
            return {**runner(nothing), **nothing}

        return zeroed


class ClobbersAfterwards(Float32):
    def prepare(self, network, tensors, batch=1):
        runner = super().prepare(network, tensors, batch)
        for a in tensors.values():
            a[...] = 0

        def clobbering(inputs):
            answers = runner(inputs)
            for a in inputs.values():
                a[...] = 7
            return {**answers, "image": "of another type altogether"}

        return clobbering


class OneBuffer(Float32):
    """Shows its last output only, always in the same memory."""

    def prepare(self, network, tensors, batch=1):
        if len(network.outputs) > 1:
            raise NotImplementedError("one output at a time")
        runner, arena = super().prepare(network, tensors, batch), np.zeros(10**7, np.float32)

        def into_arena(inputs):
            (name,) = network.outputs
            y = runner(inputs)[name]
            arena[: y.size] = y.ravel()
            return {name: arena[: y.size].reshape(y.shape)}

        return into_arena


class FoldsItself(Ops):
    """Computes a norm's output from the convolution's input, and shows the convolution's too."""

    arithmetic = Arithmetic(folds_in="float32")

    def prepare(self, network, tensors, batch=1):
        from refnet.folding import fold
        from refnet.run import apply

        whole = replace(network, outputs=(network.layers[-1].name,))
        folded, numbers = fold(whole, tensors, np.float32)
        names = [layer.name for layer in folded.layers]
        norms = {la.inputs[0]: la.name for la in network.layers if la.op == "batch_norm"}
        narrow = {name: a.astype(np.float32) for name, a in tensors.items()}

        def runner(inputs):
            found = {**inputs, **run(folded, numbers, inputs, taps=names)}
            shown = dict(found)
            for convolution, norm in norms.items():  # the folded one is the norm's output
                shown[norm] = found[convolution]
                layer = network[convolution]
                fed = [shown[norms.get(name, name)] for name in layer.inputs]
                shown[convolution] = apply(layer, fed, narrow)
            return {name: shown[name] for name in network.outputs}

        return runner


WRONG = [HalvesTheCallersWeights, DoublesTheCallersInput, ReturnsItsOwnInput]
RIGHT = [ClobbersAfterwards, OneBuffer, FoldsItself]


@pytest.mark.parametrize("kind", WRONG, ids=lambda kind: kind.__name__)
def test_a_wrong_backend_cannot_make_itself_right(kind):
    for model in ("v1", "v2"):
        for result in ask(kind(), photo(model), kind.arithmetic):
            assert not result.holds


@pytest.mark.parametrize("kind", RIGHT, ids=lambda kind: kind.__name__)
def test_a_right_backend_cannot_make_itself_wrong(kind):
    for model in ("v1", "v2"):
        for result in ask(kind(), photo(model), kind.arithmetic):
            assert result.holds, report.layer_table(result)


def test_a_network_answered_in_nonsense_is_reported_layer_by_layer():
    def lists(inputs, network, right):
        return {name: a.tolist() for name, a in right(inputs).items()}

    def short(inputs, network, right):
        return {name: a[:, :-1] if a.ndim == 4 else a for name, a in right(inputs).items()}

    def leaves(inputs, network, right):
        raise SystemExit(0)

    for change, words in (
        (lists, "stem: answer of type list, expected an array"),
        (short, "stem: shape (1, 47, 48, 32), expected (1, 48, 48, 32)"),
        (leaves, "the whole network: raised SystemExit: 0"),
    ):

        class Odd(Float32):
            def prepare(self, network, tensors, batch=1, change=change):
                right = super().prepare(network, tensors, batch)
                return lambda inputs: change(inputs, network, right)

        found = ask(Odd(), photo("v1"), Arithmetic())
        (result, *_) = found
        assert not result.holds
        assert f"{result.first_bad.layer}: {result.first_bad.verdict}".startswith(words)


def test_single_operations_are_asked_where_they_can_be_seen_to_be_wrong():
    """A clip that is never reached, padding that never meets a window, logits that never overflow:
    each of these faults is caught by the operations alone."""

    def instead(op, function):
        class Odd(Float32):
            def prepare(self, network, tensors, batch=1):
                right = super().prepare(network, tensors, batch)
                (layer, *more) = network.layers
                if more or layer.op != op:
                    return right
                return lambda inputs: {layer.name: function(*inputs.values(), **layer.keywords())}

        return Odd()

    def softmax(x):
        with np.errstate(over="ignore", invalid="ignore"):
            powers = np.exp(x)
            return powers / powers.sum(axis=1, keepdims=True)

    def padded_with_zeros(x, **said):
        wide = np.concatenate([np.zeros_like(x[:, :1]), x, np.zeros_like(x[:, :1])], axis=1)
        wide = np.concatenate(
            [np.zeros_like(wide[:, :, :1]), wide, np.zeros_like(wide[:, :, :1])], 2
        )
        if said["padding"] != (1, 1, 1, 1):
            return ops.max_pool(x, **said)
        return ops.max_pool(wide, **{**said, "padding": "valid"})

    def counted_otherwise(x, **said):
        return ops.average_pool(x, **{**said, "include_padding": not said["include_padding"]})

    faults = {
        "relu6": [ops.relu, lambda x: np.clip(x, 0, 5.5).astype(np.float32)],
        "relu": [ops.relu6],
        "softmax": [softmax],
        "max_pool": [padded_with_zeros],
        "average_pool": [counted_otherwise],
    }
    for op, functions in faults.items():
        for function in functions:
            assert not check(instead(op, function), "ops").holds, op
    assert check(instead("relu6", ops.relu6), "ops").holds


def test_special_values_are_a_suite_of_their_own():
    assert check(Float32(), "special").holds

    class Forgets(Float32):
        """NaN becomes 0 in its activations, as in a maximum that returns its other operand."""

        def prepare(self, network, tensors, batch=1):
            right = super().prepare(network, tensors, batch)
            if network.layers[0].op not in ("relu", "relu6"):
                return right
            return lambda inputs: {k: np.nan_to_num(a, nan=0) for k, a in right(inputs).items()}

    found = check(Forgets(), "special")
    assert {result.id for result in found.results if not result.holds} == {
        "relu-special", "relu6-special",
    }  # fmt: skip


def test_after_the_first_bad_layer_whole_numbers_are_no_longer_owed():
    """One weight off by a hundredth: the layers after it do right with what they are given."""
    from refnet.oracle.suites import networks

    class Off(Float32):
        def prepare(self, network, tensors, batch=1):
            name = "block7.depthwise.weight"
            w = tensors.get(name, np.zeros((1, 1, 1, 1))).astype(np.float32)
            w[1, 1] *= np.float32(1.01)
            return super().prepare(network, {**tensors, name: w}, batch)

    question = next(networks("v2"))
    for result in ask(Off(), question, Arithmetic()):
        assert len([layer for layer in result.layers if not layer.verdict.holds]) == 1
        assert result.first_bad.layer.startswith("block7.depthwise")
