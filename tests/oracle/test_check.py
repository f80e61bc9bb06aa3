"""The check: how a backend is asked, what is reported, and which question finds what."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from refnet import ops
from refnet.backend import Arithmetic, Case
from refnet.models import build
from refnet.oracle import report
from refnet.oracle.adapters.ops import Ops
from refnet.oracle.check import ask, check
from refnet.oracle.exact import exact_case
from refnet.oracle.fuzz import smallest_failure
from refnet.oracle.suites import Question, networks
from refnet.oracle.units import units_of
from refnet.run import apply
from tests.oracle.photo import Float32, photo


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
    assert "0 questions: nothing, 204 not answered" in report.text(refusing)


def test_a_report_is_also_json_without_nan():
    found = check(Broken(lambda network: dict.fromkeys(network.outputs, np.zeros(3))), "ops")
    data = json.loads(report.to_json(found), parse_constant=lambda name: pytest.fail(name))
    assert data["holds"] is False
    assert len(data["results"]) == 204


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


def test_a_backend_in_float64_owes_no_order_of_summation():
    """The oracle sums in float64 too; neither of two right sums is the right one."""

    class Backwards(Ops):
        """Sums over the channels from the last to the first."""

        arithmetic = Arithmetic("float64", "float64", "float64")

        def prepare(self, network, tensors, batch=1):
            kernels = {la.tensor_names()[0] for la in network.layers if la.op == "pointwise_conv2d"}
            turned = {k: a[:, :, ::-1] if k in kernels else a for k, a in tensors.items()}

            def runner(inputs):
                known = dict(inputs)
                for layer in network.layers:
                    fed = [known[name] for name in layer.inputs]
                    if layer.op == "pointwise_conv2d":
                        fed = [a[..., ::-1] for a in fed]
                    known[layer.name] = apply(layer, fed, turned)
                return {name: known[name] for name in network.outputs}

            return runner

    for result in ask(Backwards(), photo("v1"), Backwards.arithmetic):
        assert result.holds, report.layer_table(result)
        assert max(layer.verdict.ratio for layer in result.layers) > 0  # not the oracle's own sums


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
