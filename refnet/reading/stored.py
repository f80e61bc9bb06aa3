"""What networks answered whose weights are not in the box, kept so that a chapter needs no net.

>>> row = stored("detections")["photos"]["chelsea"][0]
>>> row["label"], row["score"]
('cat', 0.9345)

`python -m refnet.reading.stored` makes the files again, from the published SSDLite and DeepLabv3:
these are fetched, if they are not in the cache yet.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from refnet.checkpoints import load
from refnet.checkpoints.files import write_whole
from refnet.checkpoints.names import names_of
from refnet.preprocessing import preprocess
from refnet.reading.photos import PHOTOS, photo

Array = np.ndarray[Any, Any]

FOLDER = "answers"
LEAST = 0.1  # a score below it is not kept
STEPS = 16  # of a logit to 1: they are kept as whole numbers
SEGMENTED = ("hopper", "astronaut", "chelsea")


def stored(name: str) -> dict[str, Any]:
    """One file: "detections" or "logits".

    detections: {"photos": {name: rows}}, the surest first; a row has the number of its anchor, its
    class and label, its score and the four numbers that `refnet.apps.boxes.decode` takes.
    logits: {"steps": 16, "photos": {name: {"labels": ..., "logits": ...}}}: for each class that has
    a pixel, (33, 33) whole numbers, a logit times the steps.
    Raises ValueError for another name.
    """
    if name not in MADE:
        raise ValueError(f"name: {name!r}, expected one of {', '.join(MADE)}")
    text = (files("refnet.reading") / FOLDER / f"{name}.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def detections() -> dict[str, list[dict[str, Any]]]:
    """All that SSDLite has to say of each photo from LEAST on, before any suppression."""
    from refnet.apps.detect import Detector

    detector = Detector(load("ssdlite"))
    found = {}
    for name in PHOTOS:
        x = preprocess(photo(name), detector.recipe, detector.resolution)
        codes, scores = detector.heads(x)
        at = [(int(row), int(kind) + 1) for row, kind in np.argwhere(scores[:, 1:] >= LEAST)]
        at.sort(key=lambda place: (-float(scores[place]), place))
        found[name] = [
            {
                "anchor": row,
                "class": kind,
                "label": detector.names[kind],
                "score": round(float(scores[row, kind]), 4),
                "code": [round(float(c), 3) for c in codes[row]],
            }
            for row, kind in at
        ]
    return found


def logits() -> dict[str, dict[str, Any]]:
    """DeepLab's scores before they are stretched, of the classes that have a pixel in the end."""
    from refnet.engine import plan

    checkpoint = load("deeplab")
    answer_of = plan(checkpoint.network, checkpoint.tensors, taps=["classifier"])
    found = {}
    for name in SEGMENTED:
        answer = answer_of(preprocess(photo(name), checkpoint.preprocessing, checkpoint.resolution))
        names = names_of(checkpoint.labels, answer["classifier"].shape[-1])
        seen = np.unique(answer["upsampled"][0].argmax(axis=-1))
        kept = np.rint(answer["classifier"][0][..., seen] * STEPS).astype(int)
        found[name] = {
            "labels": [names[kind] for kind in seen],
            "logits": kept.transpose(2, 0, 1).tolist(),
        }
    return found


def _detections_text() -> str:
    about = "python -m refnet.reading.stored: SSDLite on MobileNet V2 (`refnet weights list`)"
    return _lines({"made by": about, "least": LEAST}, detections())


def _logits_text() -> str:
    about = "python -m refnet.reading.stored: DeepLabv3 on MobileNet V2 (`refnet weights list`)"
    return _lines({"made by": about, "steps": STEPS}, logits())


def _lines(head: dict[str, Any], photos: dict[str, Any]) -> str:
    """JSON with a line for the head, and one for each photo."""
    rows = [f"  {json.dumps(name)}: {json.dumps(said)}" for name, said in photos.items()]
    return f'{json.dumps(head)[:-1]}, "photos": {{\n' + ",\n".join(rows) + "\n}}\n"


MADE = {"detections": _detections_text, "logits": _logits_text}


def main() -> None:
    """Write all files."""
    folder = Path(__file__).parent / FOLDER
    for name, text in MADE.items():
        write_whole(folder / f"{name}.json", text().encode())


if __name__ == "__main__":
    main()
