"""Is a difference between two engines rounding, as float32 rounds, or a mistake?

A bound on a whole network's answer says nothing: the layers' worst cases multiply, and for V2 and
one photo they came to 427 for logits that reach 12. So the photos on which two engines differ most
are put to both as `refnet check` does it: each layer is held to the proven bound of its arithmetic
on the engine's own input to it. Where all layers hold, what differs at the end is rounding that the
network has magnified; where one does not, it is named.

>>> judged("v1", "tf-slim", "reference", "no.jpg").told
'the oracle itself, in float64'
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from refnet import image
from refnet.backend import Case
from refnet.checkpoints import load
from refnet.oracle import adapters
from refnet.oracle.check import ask
from refnet.oracle.suites import Question
from refnet.preprocessing import preprocess
from refnet.run import run


@dataclass(frozen=True)
class Judged:
    """Whether an engine is right on a photo, and how near to the bound it came.

    >>> Judged("engine", True, "all 28 layers").holds
    True
    """

    engine: str
    holds: bool
    told: str


def judged(model: str, recipe: str, engine: str, path: str) -> Judged:
    """One engine on one photo, layer by layer; it takes seconds to a minute."""
    if engine == "reference":
        return Judged(engine, True, "the oracle itself, in float64")
    backend = adapters.find("engine" if engine == "fast" else engine)
    checkpoint = load(model)
    network = checkpoint.network
    (feed,) = network.inputs
    x = preprocess(image.read(path), recipe, checkpoint.resolution[0]).astype(np.float64)
    tensors = {name: a.astype(np.float64) for name, a in checkpoint.tensors.items()}
    case = Case("photo", network, tensors, {feed: x}, run(network, tensors, {feed: x}))
    (result,) = ask(backend, Question(model, "real", case), backend.arithmetic, ["fused"])
    if result.cannot:
        return Judged(engine, True, f"not judged: {result.cannot}")
    bad = [layer for layer in result.layers if not layer.verdict.holds]
    if bad:
        first = bad[0]
        said = f"{len(bad)} of {len(result.layers)} layers wrong, the first {first.layer}"
        return Judged(engine, False, f"{said}: {first.verdict}")
    ratio = result.worst.verdict.ratio
    said = f"all {len(result.layers)} layers within the bound of {backend.arithmetic}"
    return Judged(engine, True, f"{said} (err/bound {ratio:.2g} at {result.worst.layer})")
