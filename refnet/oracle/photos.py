"""Real questions: photos through the shipped checkpoints, each with its own preprocessing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from refnet import image
from refnet.backend import Case
from refnet.checkpoints import load
from refnet.oracle.suites import Question
from refnet.preprocessing import preprocess
from refnet.run import run

# Photos that come with matplotlib, which refnet needs anyway.
PHOTOS = ("grace_hopper.jpg", "Minduka_Present_Blue_Pack.png")


def real_questions(model: str) -> Iterator[Question]:
    """Each photo through the checkpoint as it is shipped, V2 with its batch norm unfolded.

    >>> [question.case.id for question in real_questions("v1")]
    ['grace_hopper', 'Minduka_Present_Blue_Pack']

    Raises ValueError where the checkpoint takes no squares: recipes make no other shape.
    """
    from matplotlib import cbook

    checkpoint = load(model)
    network, recipe = checkpoint.network, checkpoint.preprocessing
    rows, columns = checkpoint.resolution
    if rows != columns:
        raise ValueError(f"model: takes {rows} x {columns} pixels, but recipes make squares only")
    for photo in PHOTOS:
        pixels = image.read(cbook.get_sample_data(photo, asfileobj=False))
        inputs = {"image": preprocess(pixels, recipe, rows).astype(np.float64)}
        tensors = {name: a.astype(np.float64) for name, a in checkpoint.tensors.items()}
        name = photo.split(".")[0]
        expected = run(network, tensors, inputs)
        yield Question(model, "real", Case(name, network, tensors, inputs, expected))
