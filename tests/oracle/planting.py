"""Edited backends are asked, judged and diagnosed: single operations, exact and real networks."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
from matplotlib import cbook

from refnet import image, load, run
from refnet.backend import Arithmetic, Case
from refnet.models import build
from refnet.network import TENSORFLOW, Network
from refnet.oracle.check import ask
from refnet.oracle.diagnose import Diagnosis, diagnosis_of
from refnet.oracle.exact import exact_case
from refnet.oracle.suites import Question, operations, random_case
from refnet.oracle.whole import WHOLE
from refnet.preprocessing import preprocess
from tests.oracle.edits import Edit, Planted


@dataclass(frozen=True)
class Plant:
    """mistake: its name in the library. said: what is planted. where: which question."""

    mistake: str
    said: str
    where: str
    layer: str
    edit: Edit


@dataclass(frozen=True)
class Found:
    """What the judge and the diagnosis made of it, with every layer shown and fused."""

    caught: bool
    layers: tuple[str, ...]
    diagnoses: tuple[Diagnosis | None, ...]


@functools.cache
def network(model: str, side: int) -> Case:
    """A real photo through the shipped weights, at a small resolution, every layer's output."""
    checkpoint = load(model)
    pixels = image.read(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
    built = build(
        model, resolution=side, conventions=checkpoint.network.conventions,
        batch_norm="stem.norm.gamma" in checkpoint.tensors,
    )  # fmt: skip
    tensors = {name: a.astype(np.float64) for name, a in checkpoint.tensors.items()}
    inputs = {"image": preprocess(pixels, checkpoint.preprocessing, side).astype(np.float64)}
    names = [layer.name for layer in built.layers]
    return Case("photo", built, tensors, inputs, run(built, tensors, inputs, taps=names))


def task(model: str) -> Network:
    """A small detector, or a segmenter with its pyramid on a map of 8 x 8; five classes."""
    more = {"output_stride": 8, "aspp": True, "divisor": 4} if model == "deeplab" else {}
    five = replace(TENSORFLOW, classes=5)
    return build(model, alpha=0.25, resolution=64, conventions=five, batch_norm=False, **more)


@functools.cache
def question(where: str) -> Question:
    """ "conv2d-1 exact", "v1 whole", "v1 exact", a piece of a network with its shipped weights,
    "v1 block1.pointwise..pool", or of a small one of the others,
    "deeplab exact projection..upsampled"."""
    first, _, rest = where.partition(" ")
    if first in WHOLE:
        kind, _, place = rest.partition(" ")
        feed, _, end = place.partition("..")
        piece = task(first).cut([end], inputs=[feed])
        make = exact_case if kind == "exact" else random_case
        return Question(first, kind, make(piece, where, batch=1))
    if first not in ("v1", "v2"):
        made = dict(operations())[first]
        make = exact_case if rest == "exact" else random_case
        return Question("ops", rest, make(made, where, batch=2))
    if rest == "exact":
        plain = build(first, alpha=0.25, resolution=64, batch_norm=False).cut(["classifier"])
        return Question(first, "exact", exact_case(plain, where))
    case = network(first, 32 if rest.startswith("small") else 96)
    feed, _, end = rest.removeprefix("small ").partition("..")
    if rest == "whole":
        feed, end = "image", case.network.outputs[0]
    values = case.inputs[feed] if feed in case.inputs else case.expected[feed]
    fed = {feed: values.astype(np.float32).astype(np.float64)}
    piece = case.network.cut([end], inputs=[feed])
    tensors = {name: case.tensors[name] for name in piece.params()}
    return Question(first, "real", Case(where, piece, tensors, fed, run(piece, tensors, fed)))


def found(where: str, *edits: Edit, modes: tuple[str, ...] = ("whole", "shown", "fused")) -> Found:
    backend, asked, arithmetic = Planted(*edits), question(where), Arithmetic()
    results = [r for r in ask(backend, asked, arithmetic) if r.mode in modes]
    bad = [r.first_bad for r in results]
    return Found(
        all(layer is not None for layer in bad),
        tuple("" if layer is None else layer.layer for layer in bad),
        tuple(diagnosis_of(backend, r, asked, arithmetic) for r in results),
    )
