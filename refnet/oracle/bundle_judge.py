"""The verdict on answers to a bundle, written by any language as safetensors.

Each layer that is shown is judged on the answer's own input to it, or on the nearest that is
shown before it, so that the first bad layer is certain; where an exact case's inputs are the
oracle's, to the bit.

>>> from tempfile import TemporaryDirectory
>>> from refnet.oracle import bundle_read
>>> from refnet.oracle.bundle import write
>>> with TemporaryDirectory() as folder:
...     _ = write(Path(folder) / "golden", "ops")
...     bundle = bundle_read.read(Path(folder) / "golden")
>>> right = bundle.case("conv2d-0-exact").expected["y"]
>>> judged = judge_results(bundle, {"conv2d-0-exact/y": right})
>>> judged.report.holds, len(judged.unanswered) == len(bundle.cases) - 1
(True, True)
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from refnet.backend import Arithmetic, Case
from refnet.bounds import Value, propagate
from refnet.network import Network
from refnet.oracle import bundle_preprocess, tensor_file
from refnet.oracle.bundle_format import SUITES
from refnet.oracle.bundle_read import Bundle
from refnet.oracle.diagnose import diagnose
from refnet.oracle.judge import Verdict, compare, owes_equality, unanswered
from refnet.oracle.probes import readback
from refnet.oracle.recipes import recognise
from refnet.oracle.results import LayerResult, Report, Result
from refnet.oracle.situation import Situation

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Judged:
    """report: of the cases that were answered. unanswered: the ids of the others.

    readings: of each wrong probe, which weight met which pixel.
    """

    report: Report
    unanswered: tuple[str, ...]
    readings: Mapping[str, str]


def read_results(path: Path, bundle: Bundle) -> dict[str, Array]:
    """The tensors of one safetensors file, or of all of a folder, by name.

    Raises ValueError, in one line, where there are none, where a name is none of the bundle's,
    where a number type is neither integer nor plain float, and where the file says that it
    answers another bundle.
    """
    paths = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
    answers: dict[str, Array] = {}
    for one in paths:
        tensors, metadata = tensor_file.read(one)
        if metadata.get("bundle", bundle.digest) != bundle.digest:
            said = metadata["bundle"]
            raise ValueError(
                f"{one}: answers the bundle {said[:16]}..., expected {bundle.digest[:16]}... "
                f"({bundle.path})"
            )
        for name, array in tensors.items():
            if name in answers:
                raise ValueError(f"{one}: tensor {name!r} is in another file too")
            answers[name] = array
    if not answers:
        raise ValueError(f"{path}: no tensors, expected results as safetensors")
    known = asked(bundle)
    for name in answers:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"{path}: tensor {name!r} answers nothing in {bundle.path}{hint}")
    return answers


DIAGNOSED = 2  # wrong results of a suite, the first ones, in which a known mistake is looked for


def asked(bundle: Bundle) -> set[str]:
    """The names of all tensors that an answer may hold."""
    names = set()
    for case, said in bundle.cases.items():
        if said["kind"] == "preprocess":
            layers = ["tensor", *(["grid"] if f"{case}/grid" in bundle.arrays else [])]
        else:
            layers = [la["name"] for la in bundle.manifest["networks"][said["network"]]["layers"]]
        names |= {f"{case}/{layer}" for layer in layers}
    return names


def judge_results(
    bundle: Bundle,
    answers: Mapping[str, Array],
    arithmetic: Arithmetic | None = None,
    *,
    name: str = "results",
) -> Judged:
    """A verdict for each layer of each case that the answers show anything of.

    arithmetic: of who answered; float32 throughout unless given.
    """
    arithmetic = arithmetic or Arithmetic()
    by_case: dict[str, dict[str, Array]] = {}
    for tensor, array in answers.items():
        case, _, layer = tensor.rpartition("/")
        by_case.setdefault(case, {})[layer] = array
    results: list[Result] = []
    readings: dict[str, str] = {}
    order = sorted(bundle.cases, key=lambda id: (SUITES.index(bundle.cases[id]["suite"]), id))
    for id in order:
        if id not in by_case:
            continue
        said, shown = bundle.cases[id], by_case[id]
        if said["kind"] == "preprocess":
            layers = _preprocess(bundle, id, shown, arithmetic)
        else:
            layers = _layers(bundle.case(id), shown, said["owed"], arithmetic)
        mode = "whole" if len(layers) == 1 else "shown"
        result = Result(said["suite"], said["kind"], id, mode, layers)
        asked_before = sum(bool(r.diagnosis) for r in results if r.suite == said["suite"])
        if not result.holds and asked_before < DIAGNOSED:
            result = replace(result, diagnosis=_explained(bundle, result, shown, arithmetic))
        results.append(result)
        if said["kind"] == "probe" and not results[-1].holds:
            readings[id] = str(readback(bundle.case(id), shown.get("y")))
    report = Report(name, arithmetic, tuple(results))
    return Judged(report, tuple(id for id in order if id not in by_case), readings)


def _explained(
    bundle: Bundle, result: Result, shown: Mapping[str, Array], arithmetic: Arithmetic
) -> str:
    """Which known mistake, or which other recipe, gives the first wrong tensor; or nothing."""
    bad = result.first_bad
    if bad is None or bad.layer not in shown or bad.verdict.problem:
        return ""
    if result.kind == "preprocess":
        picture = bundle.cases[result.id]["picture"]
        pixels = bundle.arrays[bundle.manifest["pictures"][picture]["pixels"]]
        ways = (
            recognise(shown[bad.layer].astype(np.float64), pixels) if bad.layer == "tensor" else []
        )
        return f"this is {' or '.join(ways)}" if ways else ""
    case = bundle.case(result.id)
    known = {**case.inputs, **{name: a.astype(np.float64) for name, a in shown.items()}}
    part = piece(case.network, bad.layer, set(known) - {bad.layer})
    tensors = {name: np.asarray(case.tensors[name], np.float64) for name in part.params()}
    situation = Situation(part, tensors, {name: known[name] for name in part.inputs}, arithmetic)
    return str(diagnose(situation, shown[bad.layer], bad.layer))


def _layers(
    case: Case, shown: Mapping[str, Array], owed: list[str], arithmetic: Arithmetic
) -> tuple[LayerResult, ...]:
    """Every layer that is shown, and every one that should be."""
    equality = owes_equality(case, arithmetic)
    batch = len(next(iter(case.inputs.values())))
    shapes = case.network.shapes(batch)
    known = dict(case.inputs)
    known |= {name: a.astype(np.float64) for name, a in shown.items() if a.shape == shapes[name]}
    found = []
    for layer in case.network.layers:
        if layer.name in shown:
            part = piece(case.network, layer.name, set(known) - {layer.name})
            given = {feed: known[feed] for feed in part.inputs}
            exact = equality and all(_is_oracles(case, feed, a) for feed, a in given.items())
            if exact:
                expected = case.expected[layer.name]
                value = Value(expected, np.zeros(expected.shape), abs(expected))
            else:
                value = propagate(part, case.tensors, given, arithmetic)[layer.name]
            verdict = compare(shown[layer.name], value, exact=exact)
        elif layer.name in owed:
            size = int(np.prod(shapes[layer.name]))
            verdict = unanswered(size, f"no tensor {case.id}/{layer.name}", exact=equality)
        else:
            continue
        found.append(_result(layer.name, layer.op, verdict))
    return tuple(found)


def _is_oracles(case: Case, feed: str, a: Array) -> bool:
    """Whether an exact case's tensor is what the oracle has."""
    return feed in case.inputs or np.array_equal(a, case.expected[feed])


def piece(network: Network, end: str, known: set[str]) -> Network:
    """The part of a network that leads to `end` from the nearest tensors that are known.

    >>> from refnet.models import mobilenet_v2
    >>> part = piece(mobilenet_v2(), "block3.add", {"block2.project.norm", "block3.project"})
    >>> sorted(part.inputs), [layer.name for layer in part.layers]
    (['block2.project.norm', 'block3.project'], ['block3.project.norm', 'block3.add'])
    """
    feeds: dict[str, None] = {}
    walked, waiting = {end}, [end]
    while waiting:
        for name in network[waiting.pop(0)].inputs:
            if name in known:
                feeds[name] = None
            elif name not in walked:
                walked.add(name)
                waiting.append(name)
    return network.cut([end], inputs=list(feeds))


def _preprocess(
    bundle: Bundle, id: str, shown: Mapping[str, Array], arithmetic: Arithmetic
) -> tuple[LayerResult, ...]:
    """A picture's grid, where it is shown and whole, and its tensor."""
    said = bundle.cases[id]
    pixels = bundle.arrays[bundle.manifest["pictures"][said["picture"]]["pixels"]]
    grid = bundle.arrays.get(f"{id}/grid")
    found = []
    if grid is not None and "grid" in shown:
        verdict = compare(shown["grid"], Value.given(grid), exact=True)
        found.append(_result("grid", "resize", verdict))
    if "tensor" in shown:
        value = bundle_preprocess.owed(said, pixels, grid, arithmetic)
        found.append(_result("tensor", "normalise", compare(shown["tensor"], value)))
    else:
        missing = unanswered(bundle.arrays[f"{id}/tensor"].size, f"no tensor {id}/tensor")
        found.append(_result("tensor", "normalise", missing))
    return tuple(found)


def _result(name: str, op: str, verdict: Verdict) -> LayerResult:
    """A layer's verdict; how the whole run drifts is not looked at."""
    return LayerResult(name, op, verdict, np.nan, np.nan, np.nan)
