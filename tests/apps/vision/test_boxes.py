"""Anchors, decoding, overlap and suppression, each beside another way to the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnet.apps.boxes import anchors, best, decode, overlap, suppress
from refnet.checkpoints import tfjs
from tests.apps.vision.real import published

MAPS = [(19, 19), (10, 10), (5, 5), (3, 3), (2, 2), (1, 1)]


def test_the_anchors_are_those_that_the_published_file_carries():
    """TensorFlow made them in float32, in at most 8 operations on numbers below 1.5."""
    carried = tfjs.weights(published("ssdlite"))["Postprocessor/ExpandDims"][0]
    made = anchors(MAPS)
    assert made.shape == carried.shape == (1917, 4)
    assert abs(made - carried).max() <= 8 * 1.5 * 2.0**-24


def test_anchors_one_by_one_from_the_pipelines_words():
    """min_scale 0.2, max_scale 0.95, six ratios; reduce_boxes_in_lowest_layer."""
    made = iter(anchors(MAPS))
    for k, (rows, columns) in enumerate(MAPS):
        scale, following = 0.2 + 0.15 * k, 0.2 + 0.15 * (k + 1) if k < 5 else 1.0
        shapes = [(scale, r) for r in (1, 2, 1 / 2, 3, 0.3333)] + [
            (math.sqrt(scale * following), 1)
        ]
        if k == 0:
            shapes = [(0.1, 1), (0.2, 2), (0.2, 1 / 2)]
        for r in range(rows):
            for c in range(columns):
                for s, ratio in shapes:
                    top, left, bottom, right = next(made)
                    assert math.isclose((top + bottom) / 2, (r + 0.5) / rows, rel_tol=1e-12)
                    assert math.isclose((left + right) / 2, (c + 0.5) / columns, rel_tol=1e-12)
                    assert math.isclose((bottom - top) * (right - left), s * s, rel_tol=1e-12)
                    assert math.isclose((right - left) / (bottom - top), ratio, rel_tol=1e-12)
    assert next(made, None) is None


def test_anchors_of_a_picture_that_is_not_square_are_square_in_pixels():
    """multiple_grid_anchor_generator.py: base sizes times the shorter side over each side."""
    image, maps = (96, 160), [(6, 10), (3, 5), (2, 3), (1, 2), (1, 1), (1, 1)]
    made = anchors(maps, image) * (*image, *image)
    square = anchors(maps)
    size, size2 = made[:, 2:] - made[:, :2], square[:, 2:] - square[:, :2]
    assert np.allclose(size, 96 * size2, rtol=1e-12)
    centre, centre2 = made[:, 2:] + made[:, :2], square[:, 2:] + square[:, :2]
    assert np.allclose(centre, centre2 * image, rtol=1e-12)


def boxes_of(rng, count: int) -> np.ndarray:
    corner, size = rng.uniform(-0.2, 0.8, (count, 2)), rng.uniform(0.05, 0.6, (count, 2))
    return np.concatenate([corner, corner + size], axis=1)


def test_decoding_undoes_the_coding_that_training_uses():
    """t = 10 (centre - centre_a) / size_a, 5 log(size / size_a): SSD, section 2.2."""
    rng = np.random.default_rng(0)
    at, wanted = boxes_of(rng, 50), boxes_of(rng, 50)
    size, size_a = wanted[:, 2:] - wanted[:, :2], at[:, 2:] - at[:, :2]
    centre, centre_a = wanted[:, :2] + size / 2, at[:, :2] + size_a / 2
    codes = np.hstack([10 * (centre - centre_a) / size_a, 5 * np.log(size / size_a)])
    # A few roundings of numbers below 2 each way, and of logarithms below 3, twice over.
    assert abs(decode(codes, at) - wanted).max() < 64 * 2.0**-53


@given(st.lists(st.tuples(*[st.integers(0, 6)] * 4), min_size=2, max_size=6))
def test_overlap_is_counted_on_squared_paper(corners):
    boxes = np.array([(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in corners])
    paper = np.zeros((len(boxes), 6, 6), bool)
    for own, (top, left, bottom, right) in zip(paper, boxes, strict=True):
        own[top:bottom, left:right] = True
    found = overlap(boxes[0].astype(float), boxes.astype(float))
    for one, share in zip(paper, found, strict=True):
        together = (paper[0] | one).sum()
        assert share == ((paper[0] & one).sum() / together if together else 0)


@pytest.mark.parametrize("most", [0.2, 0.5, 0.6, 0.9])
def test_suppression_keeps_what_onnx_runtimes_operator_keeps(most):
    """NonMaxSuppression, opset 11, as ONNX Runtime has it; scores without ties."""
    onnx = pytest.importorskip("onnx", reason="onnx, which writes the operator")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime, which runs it")
    rng = np.random.default_rng(1)
    for count, limit in ((1, 5), (40, 100), (200, 12)):
        boxes = boxes_of(rng, count).astype(np.float32)
        scores = rng.permutation(np.linspace(0.01, 1, count)).astype(np.float32)
        helper, kind = onnx.helper, onnx.TensorProto
        feeds = [("boxes", [1, count, 4]), ("scores", [1, 1, count])]
        numbers = [("limit", kind.INT64, limit), ("most", kind.FLOAT, most)]
        graph = helper.make_graph(
            [helper.make_node("NonMaxSuppression", ["boxes", "scores", "limit", "most"], ["y"])],
            "nms",
            [helper.make_tensor_value_info(name, kind.FLOAT, shape) for name, shape in feeds],
            [helper.make_tensor_value_info("y", kind.INT64, [None, 3])],
            [helper.make_tensor(name, type_, [1], [value]) for name, type_, value in numbers],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        session = runtime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        (kept,) = session.run(None, {"boxes": boxes[None], "scores": scores[None, None]})
        found = suppress(boxes.astype(float), scores, most=most, limit=limit)
        assert found == kept[:, 2].tolist()


def test_classes_do_not_suppress_each_other_and_the_background_is_nothing():
    boxes = np.array([[0.0, 0, 1, 1], [0, 0.01, 1, 1.01]])
    scores = np.array([[1.0, 0.9, 0.2], [1.0, 0.8, 0.7]])
    assert best(boxes, scores, least=0.5) == [(0, 1), (1, 2)]
    assert best(boxes, scores, least=0.5, most=1.0) == [(0, 1), (1, 1), (1, 2)]
    assert best(boxes, scores, least=0.95) == []


def test_a_box_of_no_area_overlaps_nothing_and_limits_are_checked():
    nothing = np.zeros((2, 4))
    assert suppress(nothing, np.array([0.5, 0.5])) == [0, 1]
    with pytest.raises(ValueError, match="limit: 0"):
        suppress(nothing, np.array([0.5, 0.5]), limit=0)


def test_boxes_of_whole_pixels_overlap_by_a_share():
    """Counted with a pencil: 2 x 1 pixels in common, of 4 + 6 - 2."""
    share = overlap(np.array([0, 0, 2, 2]), np.array([[0, 1, 2, 4], [5, 5, 6, 6], [0, 0, 0, 0]]))
    assert share.tolist() == [2 / 8, 0, 0]
