"""A planted mistake is caught where it is, and named; what nobody knows gets no name.

Expected names are those of the edits in plants.py and pairs_and_strangers.py, which share no code
with the library of mistakes; ONNX Runtime runs them.
"""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="mistakes are planted in ONNX graphs")
pytest.importorskip("onnxruntime", reason="it runs the edited graphs")

from refnet.backend import Arithmetic  # noqa: E402
from refnet.export.onnx import to_onnx  # noqa: E402
from refnet.layer import ConvAttrs, DepthwiseAttrs, Layer  # noqa: E402
from refnet.network import Network  # noqa: E402
from refnet.oracle.check import ask  # noqa: E402
from refnet.oracle.diagnose import diagnosis_of, explain  # noqa: E402
from refnet.oracle.exact import exact_case  # noqa: E402
from refnet.oracle.mistakes import MISTAKES  # noqa: E402
from refnet.oracle.situation import Situation  # noqa: E402
from refnet.oracle.suites import Question  # noqa: E402
from refnet.oracle.units import units_of  # noqa: E402
from refnet.run import run  # noqa: E402
from tests.oracle import diagnosis_table as table  # noqa: E402
from tests.oracle.edits import Planted, after, operator, step  # noqa: E402
from tests.oracle.planting import found, question  # noqa: E402
from tests.oracle.plants import V2_BLOCK3  # noqa: E402


def names_of(answer, mode):
    """The sets of mistakes that the diagnosis holds possible."""
    diagnosis = answer.diagnoses[mode]
    return [] if diagnosis is None else [set(names) for names in diagnosis.names]


def test_every_known_mistake_is_caught_in_its_layer_and_named():
    """As the table says. Named rightly: its name is among those that cannot be told apart."""
    rows = table.known()
    assert {plant.mistake for plant, _ in rows} == {mistake.name for mistake in MISTAKES}
    for plant, answer in rows:
        assert answer.caught, plant
        expected = [plant.layer]
        if len(answer.layers) == 2:
            expected.append(table.unit_with(plant.where, plant.layer))
        assert list(answer.layers) == expected, plant
        for mode in range(len(answer.layers)):
            assert {plant.mistake} in names_of(answer, mode), (plant, answer.diagnoses[mode])
    assert table.section_of_known() in table.TABLE.read_text()


def test_a_mistake_that_is_not_in_the_library_is_caught_and_gets_no_name():
    rows = table.unknown()
    assert len({plant.mistake for plant, _ in rows}) >= 8
    for plant, answer in rows:
        assert answer.caught, plant
        assert answer.layers[0] == plant.layer
        for diagnosis in answer.diagnoses:
            assert diagnosis is not None
            assert diagnosis.findings == (), (plant, diagnosis)
            assert f"none of the {len(MISTAKES)} known mistakes fits" in str(diagnosis)
    assert table.section_of_unknown() in table.TABLE.read_text()


@pytest.mark.slow
def test_two_common_mistakes_together_are_caught_in_the_first_layer_and_named(monkeypatch):
    """Shown, and fused: where both are in the first bad unit the pair is the name, else the one.

    On a busy machine the search for pairs may run out of its seconds; here it has all it needs.
    """
    monkeypatch.setattr("refnet.oracle.diagnose.PATIENCE", 3600.0)
    order = [layer.name for layer in question(table.PLACE).case.network.layers]
    for pair, answer in table.pairs():
        assert answer.caught, pair
        first = min((plant.layer for plant in pair), key=order.index)
        unit = table.unit_with(table.PLACE, first)
        assert answer.layers == (first, unit), pair
        shown = {plant.mistake for plant in pair if plant.layer == first}
        fused = {p.mistake for p in pair if table.unit_with(table.PLACE, p.layer) == unit}
        assert shown in names_of(answer, 0), (pair, answer.diagnoses[0])
        assert fused in names_of(answer, 1), (pair, answer.diagnoses[1])
    assert table.section_of_pairs() in table.TABLE.read_text()


def test_two_mistakes_in_one_small_layer_are_named_together():
    edits = [after("y", step("Relu")), operator_without_bias]
    answer = found("conv2d-0-bias random", *edits)
    assert {"bias", "activation too many"} in names_of(answer, 0)
    said = str(answer.diagnoses[0])
    assert "bias (missing)" in said
    assert " together with " in said
    assert said.count("remedy: ") == 2


def operator_without_bias(model):
    del model.graph.node[0].input[2:]


def test_where_nothing_is_wrong_nothing_is_said():
    answer = found(V2_BLOCK3)
    assert not answer.caught
    assert answer.diagnoses == (None, None)


def test_the_explanation_says_what_it_is_and_on_how_many_layers_it_holds():
    """ReLU for ReLU6 throughout: the first layer's diagnosis fits the later ones too."""
    asked = question("v1 exact")
    activations = [la.name for la in asked.case.network.layers if la.op == "relu6"]
    backend = Planted(*(operator(name, "Relu") for name in activations))
    shown = ask(backend, asked, Arithmetic())[0]
    bad = [layer.layer for layer in shown.layers if not layer.verdict.holds]
    assert set(bad) <= set(activations)
    said = explain(backend, shown, asked, Arithmetic()).splitlines()
    looked = min(12, len(bad) - 1)
    assert looked > 1
    assert said == [
        f"{bad[0]}: activation (relu for relu6)",
        "  what it is: another one, or none",
        "  remedy: ReLU6 is min(max(x, 0), 6): nn.ReLU6, tf.nn.relu6",
        "  every element is reproduced within its bound; "
        f"none of the other {len(MISTAKES) - 1} mistakes fits",
        f"  the same mistake reproduces {looked} of the next {looked} bad layers",
    ]


def test_answers_that_are_no_numbers_or_no_map_are_not_diagnosed():
    class Nonsense:
        arithmetic = Arithmetic()

        def __init__(self, answer):
            self.answer = answer

        def prepare(self, network, tensors, batch=1):
            return lambda inputs: dict.fromkeys(network.outputs, self.answer)

    for where in ("conv2d-0 exact", V2_BLOCK3):
        for answer in ("text", np.zeros(3), np.full(2, None), np.full((1, 4, 4, 2), np.nan)):
            backend, asked = Nonsense(answer), question(where)
            for result in ask(backend, asked, Arithmetic()):
                diagnosis = diagnosis_of(backend, result, asked, Arithmetic())
                assert diagnosis is None or diagnosis.findings == ()


def test_the_part_that_is_tried_first_is_part_of_the_whole():
    """On whole numbers, so that no order of summation matters; for every variant there is."""
    case = question("v1 exact").case
    names = [layer.name for layer in case.network.layers]
    known = dict(case.inputs) | run(case.network, case.tensors, case.inputs, taps=names)
    tops = lasts = 0
    for unit in units_of(case.network):
        if unit.outputs[0].partition(".")[0] not in ("stem", "block2", "block12"):
            continue
        tensors = {name: case.tensors[name] for name in unit.params()}
        inputs = {name: known[name] for name in unit.inputs}
        plain = Situation(unit, tensors, inputs, Arithmetic())
        for mistake in MISTAKES:
            if mistake.kind != "structure" or mistake.name == "pixel scale":
                continue
            for _, variant in mistake.variants(plain):
                whole = variant.exact()
                if (top := variant.top(4)) is not None:
                    assert np.array_equal(top.exact()[:, :4], whole[:, :4])
                    tops += 1
                if (last := variant.last_channels(8)) is not None:
                    assert np.array_equal(last.exact(), whole[..., -8:])
                    lasts += 1
    assert tops > 100
    assert lasts > 20


# Run where the package that it imports lies.
REFERENCE = """
import sys
import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

with open(sys.argv[1], "rb") as file:
    evaluator = ReferenceEvaluator(onnx.load_model_from_string(file.read()))
held = np.load(sys.argv[2])
names = [said.name for said in evaluator.proto_.graph.output]
answers = evaluator.run(names, {name: held[name] for name in held.files})
np.savez(sys.argv[3], **dict(zip(names, answers)), version=onnx.__version__)
"""


class OldReference:
    """onnx.reference of another version, in a process of its own; SAME is left to the engine."""

    arithmetic = Arithmetic()

    def __init__(self, packages, scratch, version):
        self.packages, self.scratch, self.version = packages, scratch, version

    def prepare(self, network, tensors, batch=1):
        model = to_onnx(network, tensors, batch=batch)
        for node in model.graph.node:
            kept = [a for a in node.attribute if a.name != "pads"]
            if node.op_type == "Conv":
                del node.attribute[:]
                automatic = onnx.helper.make_attribute("auto_pad", "SAME_UPPER")
                node.attribute.extend([*kept, automatic])
        (self.scratch / "model.onnx").write_bytes(model.SerializeToString())

        def runner(inputs):
            fed = {name: a.transpose(0, 3, 1, 2) for name, a in inputs.items()}
            np.savez(self.scratch / "fed.npz", **fed)
            files = [str(self.scratch / name) for name in ("model.onnx", "fed.npz", "made.npz")]
            environment = {**os.environ, "PYTHONPATH": str(self.packages)}
            words = [sys.executable, "-c", REFERENCE, *files]
            subprocess.run(words, check=True, env=environment)
            with np.load(files[2]) as made:
                assert str(made["version"]) == self.version
                return {name: made[name].transpose(0, 2, 3, 1) for name in network.outputs}

        return runner


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(2, 8, 6, 3), (5, 11, 9, 4), (3, 8, 6, 2)])
def test_onnx_reference_1_22_is_told_that_it_pads_for_another_size(tmp_path, sizes):
    """It reads N and C where it needs H and W: fixed in 1.23."""
    version, place = "1.22.0", tmp_path / "packages"
    wanted = [f"onnx=={version}", "--target", str(place)]
    words = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", *wanted]
    installed = subprocess.run(words, capture_output=True, text=True)
    if installed.returncode:
        pytest.skip(f"pip cannot fetch onnx {version}: {installed.stderr[-200:]}")
    B, H, W, M = sizes
    layers = (
        Layer("stem", "conv2d", ("x",), ConvAttrs("same", 2), {"weight": (3, 3, M, 7)}),
        Layer("stem.activation", "relu6", ("stem",)),
        Layer("depthwise", "depthwise_conv2d", ("stem.activation",), DepthwiseAttrs("same", 1),
              {"weight": (3, 3, 7, 1)}),
    )  # fmt: skip
    network = Network("two convolutions", layers, {"x": (H, W, M)}, ("depthwise",))
    asked = Question("v1", "exact", exact_case(network, "padding", batch=B))
    backend = OldReference(place, tmp_path, version)
    for result in ask(backend, asked, Arithmetic()):
        assert result.first_bad is not None
        assert result.first_bad.layer.startswith("stem")
        said = explain(backend, result, asked, Arithmetic())
        assert said.startswith(f"{result.first_bad.layer}: padding for another size (as for a map")
        assert "as for a map of batch x channels" in said.splitlines()[0]
        assert "onnx.reference 1.14 to 1.22" in said
