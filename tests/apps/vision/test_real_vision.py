"""Real weights on four photos, beside the runtimes that the files were published for."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from refnet.apps.boxes import best
from refnet.apps.detect import Detector
from refnet.apps.segment import Segmenter
from refnet.backend import Arithmetic
from refnet.bounds import propagate
from refnet.checkpoints import tfjs as reader
from refnet.layer import KERNEL_OPS
from refnet.network import Network
from refnet.preprocessing import preprocess
from tests.apps.vision.real import PHOTOS, checkpoint, photo, published

ANSWERS = Path(__file__).with_name("tfjs_answers.json")
HERE = Path(__file__).parent
PACKAGES = [f"@tensorflow/tfjs-{part}@4.22.0" for part in ("core", "converter", "backend-cpu")]


def test_segmentation_maps_are_litert_s():
    """LiteRT runs the published file itself; 99.9 % of the pixels are asked to be equal."""
    litert = pytest.importorskip(
        "ai_edge_litert.interpreter", reason="ai-edge-litert runs the file"
    )
    segmenter = Segmenter(checkpoint("deeplab"))
    interpreter = litert.Interpreter(model_path=str(published("deeplab")))
    interpreter.allocate_tensors()
    feed = interpreter.get_input_details()[0]["index"]
    found = interpreter.get_output_details()[0]["index"]
    for name in PHOTOS:
        x = preprocess(photo(name), "tf-resize", 257)
        interpreter.set_tensor(feed, x)
        interpreter.invoke()
        expected = interpreter.get_tensor(found)[0].argmax(axis=-1)
        assert (segmenter(photo(name)).map == expected).mean() >= 0.999, name


def test_every_layer_of_litert_is_within_the_float32_bound():
    """The raw scores of the head and the stretched ones too, each layer judged on LiteRT's own
    input to it. Its own kernels, without XNNPACK, which would flush subnormal numbers."""
    litert = pytest.importorskip(
        "ai_edge_litert.interpreter", reason="ai-edge-litert runs the file"
    )
    tflite = pytest.importorskip("tflite", reason="tflite reads the file")
    model, path = checkpoint("deeplab"), published("deeplab")
    network = model.network
    plain = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = litert.Interpreter(
        model_path=str(path), experimental_op_resolver_type=plain,
        experimental_preserve_all_tensors=True,
    )  # fmt: skip
    interpreter.allocate_tensors()
    ends = _litert_ends(tflite, path.read_bytes(), network)
    assert {"classifier", "upsampled", "concat", "spread", "pool", "block17.project"} <= set(ends)
    for name in PHOTOS[:1]:
        x = preprocess(photo(name), "tf-resize", 257)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
        interpreter.invoke()
        known = {end: interpreter.get_tensor(at).astype(float) for end, at in ends.items()}
        known["image"] = x.astype(float)
        for end in ends:
            value = _piece_of(network, model.tensors, known, end)
            assert (abs(known[end] - value.exact) <= value.error).all(), (name, end)


def _litert_ends(tflite, data: bytes, network: Network) -> dict[str, int]:
    """For each layer that ends a piece, the tensor that has its value: alike by kind and order."""
    file = tflite.Model.GetRootAsModel(data, 0)
    graph, codes = file.Subgraphs(0), tflite.BuiltinOperator
    kinds = {
        codes.CONV_2D: "kernel", codes.DEPTHWISE_CONV_2D: "kernel", codes.ADD: "add",
        codes.CONCATENATION: "concat", codes.RESIZE_BILINEAR: "resize_bilinear",
        codes.AVERAGE_POOL_2D: "average_pool",
    }  # fmt: skip
    found: dict[str, list[int]] = {kind: [] for kind in kinds.values()}
    for n in range(graph.OperatorsLength()):
        operator = graph.Operators(n)
        code = file.OperatorCodes(operator.OpcodeIndex())
        kind = kinds[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        before, after = (graph.Tensors(t).ShapeAsNumpy().tolist()
                         for t in (operator.Inputs(0), operator.Outputs(0)))  # fmt: skip
        if kind != "resize_bilinear" or before != after:  # one stretches 33 x 33 to 33 x 33
            found[kind].append(operator.Outputs(0))
    own: dict[str, list[str]] = {kind: [] for kind in found}
    for layer in network.layers:
        if layer.op in KERNEL_OPS:
            own["kernel"].append(_activated(network, layer.name))
        elif layer.op in own:
            own[layer.op].append(layer.name)
    return {name: at for kind in found for name, at in zip(own[kind], found[kind], strict=True)}


def _activated(network: Network, name: str) -> str:
    """The activation that reads a convolution, which LiteRT has in the same operator."""
    return next(
        (la.name for la in network.layers if name in la.inputs and la.op in ("relu", "relu6")),
        name,
    )


def _piece_of(network: Network, tensors, known, end: str):
    """What a layer has to be, with its bound, of the nearest tensors before it that are known."""
    feeds, waiting = [], list(network[end].inputs)
    while waiting:
        feed = waiting.pop()
        if feed in known:
            feeds.append(feed)
        else:
            waiting += network[feed].inputs
    piece = network.cut([end], inputs=feeds)
    return propagate(piece, tensors, {feed: known[feed] for feed in feeds}, Arithmetic())[end]


def test_what_is_where_on_the_photos_is_what_a_person_sees():
    segmenter = Segmenter(checkpoint("deeplab"))
    largest = {name: next(iter(segmenter(photo(name)).shares)) for name in PHOTOS}
    assert largest["chelsea"] == "cat"
    assert largest["grace_hopper"] == "person"
    assert "person" in segmenter(photo("astronaut")).shares


def test_boxes_and_scores_are_those_that_tfjs_gave():
    """tfjs_answers.json: TensorFlow.js 4.22 in node on the published file, every row that scores
    0.05 or more. Boxes within a pixel of the photo, scores within 1e-3."""
    detector = Detector(checkpoint("ssdlite"))
    answers = json.loads(ANSWERS.read_text())
    assert answers.pop("made by").startswith("TensorFlow.js 4.22")
    for name, rows in answers.items():
        boxes, scores = detector.raw(preprocess(photo(name), "tf-resize", 300))
        H, W, _ = photo(name).shape
        for row in rows:
            off = abs(boxes[row["row"]] - row["box"]) * (H, W, H, W)
            assert off.max() < 1, name
            assert abs(scores[row["row"], row["class"]] - row["score"]) < 1e-3, name
        seen = {(int(r), int(c)) for r, c in np.argwhere(scores[:, 1:] >= 0.051)}
        assert {(r, c + 1) for r, c in seen} <= {(row["row"], row["class"]) for row in rows}


def test_what_is_found_on_the_photos():
    """Seen by the carrier's own program too: cat .934, cup .961, person .686."""
    detector = Detector(checkpoint("ssdlite"))
    found = {name: [(t.label, round(t.score, 3)) for t in detector(photo(name)).things]
             for name in PHOTOS}  # fmt: skip
    assert found["chelsea"] == [("cat", 0.934)]
    assert found["coffee"][0] == ("cup", 0.961)
    assert found["astronaut"] == [("person", 0.686)]
    assert found["grace_hopper"][0][0] == "person"


def test_both_engines_find_the_same():
    model = checkpoint("ssdlite")
    fast, reference = (Detector(model, engine=e)(photo("chelsea")) for e in ("fast", "reference"))
    assert [t.label for t in fast.things] == [t.label for t in reference.things]
    assert np.allclose(fast.things[0].box, reference.things[0].box, rtol=0, atol=0.1)


@pytest.mark.slow
def test_every_box_and_score_is_tfjs_s(tmp_path):
    """TensorFlow.js in node, all 1,917 boxes and all 90 classes of each photo."""
    answers = tfjs(tmp_path, ["Postprocessor/ExpandDims_1", "Postprocessor/Slice"])
    detector = Detector(checkpoint("ssdlite"))
    for name in PHOTOS:
        boxes, scores = detector.raw(preprocess(photo(name), "tf-resize", 300))
        theirs = answers[name]["Postprocessor/ExpandDims_1"].reshape(-1, 4).astype(float)
        rated = answers[name]["Postprocessor/Slice"][0]
        H, W, _ = photo(name).shape
        assert (abs(boxes - theirs) * (H, W, H, W)).max() < 1
        assert abs(scores[:, 1:] - rated).max() < 1e-3
        rated = np.hstack([np.zeros((len(rated), 1)), rated])
        assert best(boxes, scores, least=0.3) == best(theirs, rated, least=0.3)


@pytest.mark.slow
def test_every_layer_of_tfjs_is_within_twice_its_bound(tmp_path):
    """The heads too, each layer judged on TensorFlow.js's own input to it.

    Twice: the file has a product and a sum where ours has a bias, and ours a rounding of each
    weight when it is folded: 3 roundings more than the K + 1 >= 10 that the bound knows of.
    """
    model, path = checkpoint("ssdlite"), published("ssdlite")
    network, tensors = model.network, model.tensors
    own = [layer.name for layer in network.layers if layer.op in KERNEL_OPS]
    ends = dict(zip((_end(network, name) for name in own), reader.ends(path), strict=True))
    answers = tfjs(tmp_path, ["Preprocessor/sub", *ends.values()])["chelsea"]
    known = {name: answers[node].astype(float) for name, node in ends.items()}
    known["image"] = answers["Preprocessor/sub"].astype(float)
    assert {f"{head}{k}" for head in ("box", "class") for k in range(6)} <= set(ends)
    for name in ends:
        value = _piece_of(network, tensors, known, name)
        assert (abs(known[name] - value.exact) <= 2 * value.error).all(), name


def _end(network: Network, name: str) -> str:
    """What ends a convolution: the sum or the activation that alone reads it."""
    readers = [layer for layer in network.layers if name in layer.inputs]
    follows = [layer for layer in readers if layer.op in ("relu6", "add")]
    return follows[0].name if len(readers) == 1 and follows else name


def tfjs(folder: Path, nodes: list[str]) -> dict[str, dict[str, np.ndarray]]:
    """What TensorFlow.js makes of the photos, node by node; skips where it cannot be had."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("no node with npm: install Node.js to run TensorFlow.js")
    install = [npm, "install", "--no-audit", "--no-fund", "--loglevel=error", *PACKAGES]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"npm has no TensorFlow.js here: {done.stderr.strip().splitlines()[-1]}")
    asked = {}
    for name in PHOTOS:
        photo(name).tofile(folder / f"{name}.u8")
        asked[name] = {"shape": photo(name).shape, "file": f"{name}.u8", "nodes": nodes}
    (folder / "in.json").write_text(json.dumps(asked))
    shutil.copy(HERE / "tfjs.mjs", folder)
    files = published("ssdlite").parent
    subprocess.run([node, "tfjs.mjs", files, "in.json", "out.json"], cwd=folder, check=True,
                   capture_output=True, timeout=300)  # fmt: skip
    said = json.loads((folder / "out.json").read_text())
    return {
        name: {key: np.fromfile(folder / one["file"], np.float32).reshape(one["shape"])
               for key, one in answers.items()}
        for name, answers in said.items()
    }  # fmt: skip
