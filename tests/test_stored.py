"""What chapters keep of networks whose weights are fetched: it is what these networks answer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import refnet.reading
from refnet import ops
from refnet.apps.boxes import anchors, best, decode
from refnet.apps.detect import Detector
from refnet.apps.segment import Segmenter
from refnet.reading import PHOTOS, photo, stored
from refnet.reading.stored import LEAST, MADE, STEPS
from tests.apps.vision.real import checkpoint

FOLDER = Path(refnet.reading.__file__).parent / "answers"
MAPS = [(side, side) for side in (19, 10, 5, 3, 2, 1)]


def test_each_file_says_in_its_first_field_what_made_it() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(MADE)
    for name in MADE:
        (field, about), *_ = json.loads((FOLDER / f"{name}.json").read_text()).items()
        assert field == "made by"
        assert about.startswith("python -m refnet.reading.stored: ")


def test_another_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^name: 'boxes', expected one of detections, logits$"):
        stored("boxes")


def test_stored_detections_are_the_surest_first_and_complete() -> None:
    photos = stored("detections")["photos"]
    assert set(photos) == set(PHOTOS)
    for rows in photos.values():
        scores = [row["score"] for row in rows]
        assert scores == sorted(scores, reverse=True)
        assert min(scores) >= LEAST
        assert all(0 <= row["anchor"] < 1917 and 0 < row["class"] < 91 for row in rows)


@pytest.mark.parametrize("name", PHOTOS)
def test_stored_detections_thin_out_to_what_the_detector_finds(name: str) -> None:
    """Scores are kept to 4 decimals; a code to 3: 0.0005 / 10 of an anchor, less than a pixel."""
    found = Detector(checkpoint("ssdlite"))(photo(name)).things
    rows = stored("detections")["photos"][name]
    at = anchors(MAPS)[[row["anchor"] for row in rows]]
    boxes = decode(np.array([row["code"] for row in rows]), at)
    scores = np.zeros((len(rows), 91))
    for n, row in enumerate(rows):
        scores[n, row["class"]] = row["score"]
    kept = best(boxes, scores, least=0.5)
    assert [rows[n]["label"] for n, _ in kept] == [thing.label for thing in found]
    H, W, _ = photo(name).shape
    for (n, kind), thing in zip(kept, found, strict=True):
        assert abs(scores[n, kind] - thing.score) < 1e-4
        top, left, bottom, right = np.clip(boxes[n], 0, 1) * (H, W, H, W)
        assert np.abs(np.array([left, top, right, bottom]) - thing.box).max() < 1


@pytest.mark.parametrize("name", list(stored("logits")["photos"]))
def test_stored_logits_stretch_to_the_segmenters_map(name: str) -> None:
    """Kept to half a sixteenth: 999 of 1000 pixels are asked to win the same way."""
    said = stored("logits")["photos"][name]
    scores = np.array(said["logits"]).transpose(1, 2, 0)[None] / STEPS
    mask = ops.resize_bilinear(scores, size=257, corners="aligned")[0].argmax(axis=-1)
    segments = Segmenter(checkpoint("deeplab"))(photo(name))
    theirs = np.array(segments.names)[segments.map]
    assert (np.array(said["labels"])[mask] == theirs).mean() >= 0.999
