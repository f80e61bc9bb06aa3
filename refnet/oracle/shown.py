"""What a backend shows of a network: many layers in one run, or unit after unit.

>>> from refnet.oracle.adapters.ops import Ops
>>> from refnet.oracle.suites import questions
>>> case = next(questions("ops")).case
>>> sorted(tapped(Ops(), case, ["y"]))
['x', 'y']

A backend is a stranger's code: it gets arrays of its own, and what it gives is copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from refnet.backend import Backend, Case
from refnet.network import Network
from refnet.oracle.units import units_of

Array = np.ndarray[Any, Any]


def tensors_shown(backend: Backend, case: Case, names: list[str], mode: str) -> Mapping[str, Array]:
    """What a backend had and made: the inputs, and these layers' outputs, by name."""
    if mode == "cut":
        return cut(backend, case, units_of(case.network))
    return tapped(backend, case, names)


def tapped(backend: Backend, case: Case, names: list[str]) -> Mapping[str, Array]:
    """One run of the whole network that shows these layers."""
    network = replace(case.network, outputs=tuple(names))
    runner = backend.prepare(network, _copies(case.tensors), _batch(case))
    with np.errstate(all="ignore"):  # a backend in NumPy need not warn of what it is judged for
        return {**case.inputs, **_taken(runner(_float32(case.inputs)), names)}


def cut(backend: Backend, case: Case, units: list[Network]) -> Mapping[str, Array]:
    """Unit after unit, each fed with what the backend itself made before."""
    known = dict(case.inputs)
    for unit in units:
        runner = backend.prepare(unit, _copies(case.tensors), _batch(case))
        answer = runner(_float32({name: known[name] for name in unit.inputs}))
        known.update(_taken(answer, list(unit.outputs)))
        if unit.outputs[0] not in known:
            break
    return known


def _taken(answers: Any, names: list[str]) -> dict[str, Array]:
    """What was asked for and no more, in arrays that the backend cannot change later."""
    if not isinstance(answers, Mapping):
        raise TypeError(
            f"answered a {type(answers).__name__}, expected a mapping of names to arrays"
        )
    kept = {}
    for name in names:
        if name in answers:
            a = answers[name]
            kept[name] = a.copy() if isinstance(a, np.ndarray) else a
    return kept


def _copies(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Arrays of the backend's own: what it does to them is its affair."""
    return {name: a.copy() for name, a in arrays.items()}


def _batch(case: Case) -> int:
    return len(next(iter(case.inputs.values())))


def _float32(inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Inputs as backends take them; those of the questions are float32's own numbers."""
    return {name: a.astype(np.float32) for name, a in inputs.items()}
