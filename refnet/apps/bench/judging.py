"""What the oracle says of an engine's answer before the engine is timed, by the kind of network.

The proven bound of a whole network is too wide to say anything, so an answer is right if it says
the same as the oracle's: a classifier the same best five, a segmenter the same class at 99.9 % of
the pixels, a detector boxes within a pixel and scores within 1e-3. How near the numbers are is
told beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np

from refnet.apps.bench.files import Array
from refnet.apps.boxes import anchors, decode
from refnet.network import Network

BEST = 5  # classes that an answer must name in the oracle's order
SAME = 0.999  # of a segmenter's pixels
PIXELS, SCORES = 1.0, 1e-3  # how far a detector's boxes, and its scores, may be off


@dataclass(frozen=True)
class Judgement:
    """What the oracle says of an answer: the largest difference of a number, and what is wrong.

    best: the classes that it names first.

    >>> judged(np.array([1.0, 5.0, 3.0]), np.array([1.0, 4.5, 3.0])).difference
    0.5
    """

    difference: float
    best: tuple[int, ...]
    wrong: str = ""


def kind_of(network: Network) -> str:
    """Classifier, segmenter or detector, by its outputs; raises ValueError for another one.

    >>> from refnet.models import build
    >>> [kind_of(build(model)) for model in ("v1", "deeplab", "ssdlite")]
    ['classifier', 'segmenter', 'detector']
    """
    shapes, outputs = network.shapes(), network.outputs
    half = len(outputs) // 2
    if len(outputs) == 1:
        return "classifier" if len(shapes[outputs[0]]) == 2 else "segmenter"
    heads = [f"{what}{k}" for what in ("box", "score") for k in range(half)]
    if list(outputs) == heads:
        return "detector"
    raise ValueError(f"model: outputs {', '.join(outputs)}: no way to compare them is known")


def criterion(network: Network) -> str:
    """When an answer is right, in a few words; of a classifier the table's heading says it."""
    said = {
        "segmenter": f"right: the class of {100 * SAME:g} % of the pixels is the oracle's",
        "detector": f"right: boxes within {PIXELS:g} pixel, scores within {SCORES:g} of the oracle",
    }
    return said.get(kind_of(network), "")


def judged(answer: Array, expected: Array, network: Network | None = None) -> Judgement:
    """An answer beside the oracle's, both the outputs one after the other, (N,).

    network: whose outputs they are; a classifier's unless given.

    >>> judged(np.array([1.0, 3.0, 2.0]), np.array([1.0, 2.0, 3.0])).wrong
    'its best classes are 1, 2, 0, the oracle says 2, 1, 0'
    """
    if answer.shape != expected.shape:
        return Judgement(np.inf, (), f"{answer.size} numbers, the oracle has {expected.size}")
    bad = answer.size - int(np.count_nonzero(np.isfinite(answer)))
    if bad:
        return Judgement(np.inf, (), f"{bad} of {answer.size} numbers are NaN or infinite")
    kind = "classifier" if network is None else kind_of(network)
    best, wrong = _KINDS[kind](answer, expected, network)
    return Judgement(float(np.abs(answer - expected).max()), best, wrong)


Said = tuple[tuple[int, ...], str]


def _classifier(answer: Array, expected: Array, network: Network | None) -> Said:
    best, wanted = _best(answer), _best(expected)
    if best == wanted:
        return best, ""
    said = ", ".join(map(str, best))
    return best, f"its best classes are {said}, the oracle says {', '.join(map(str, wanted))}"


def _best(logits: Array) -> tuple[int, ...]:
    return tuple(int(n) for n in np.argsort(-logits, kind="stable")[:BEST])


def _segmenter(answer: Array, expected: Array, network: Network | None) -> Said:
    assert network is not None
    shape = network.shapes()[network.outputs[0]]
    found, wanted = (a.reshape(shape).argmax(axis=-1) for a in (answer, expected))
    best = _best(np.bincount(found.ravel(), minlength=shape[-1]))
    same = float((found == wanted).mean())
    if same >= SAME:
        return best, ""
    return best, f"the class of {100 * same:.2f} % of its pixels is the oracle's"


def _detector(answer: Array, expected: Array, network: Network | None) -> Said:
    assert network is not None
    (boxes, scores), (boxes2, scores2) = (_detected(a, network) for a in (answer, expected))
    best = _best(scores[:, 1:].max(axis=0))
    off, apart = float(np.abs(boxes - boxes2).max()), float(np.abs(scores - scores2).max())
    if off < PIXELS and apart < SCORES:
        return tuple(n + 1 for n in best), ""
    wrong = f"a box is {off:.3g} pixels, a score {apart:.3g} from the oracle's"
    return tuple(n + 1 for n in best), wrong


def _detected(answer: Array, network: Network) -> tuple[Array, Array]:
    """All boxes, in pixels, and all scores of an answer."""
    shapes = [network.shapes()[name] for name in network.outputs]
    ends = np.cumsum([prod(shape) for shape in shapes])[:-1]
    parts = np.split(answer, ends)
    half = len(parts) // 2
    assert network.conventions is not None
    codes = np.concatenate([part.reshape(-1, 4) for part in parts[:half]])
    classes = network.conventions.classes
    scores = np.concatenate([part.reshape(-1, classes) for part in parts[half:]])
    rows, columns, _ = network.input_shape
    at = anchors([(shape[1], shape[2]) for shape in shapes[:half]], (rows, columns))
    return decode(codes, at) * (rows, columns, rows, columns), scores


_KINDS: dict[str, Callable[[Array, Array, Network | None], Said]] = {
    "classifier": _classifier,
    "segmenter": _segmenter,
    "detector": _detector,
}
