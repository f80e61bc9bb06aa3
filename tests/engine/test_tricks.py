"""Every trick has a name and a switch, and each switch changes how a plan runs."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest

from refnet.engine import Tricks
from refnet.engine.flags import FLOATS, in_order
from refnet.engine.planning import lay_out
from refnet.models import build
from tests.engine.marks import Arena


def calls(tricks: Tricks, workers: int = 2) -> tuple[list[Any], int]:
    """What each worker calls, on which shapes, and how many numbers of memory there are."""
    network = build("v2", alpha=0.35, resolution=224)
    tensors = {name: np.ones(shape) for name, shape in network.params().items()}
    arena = Arena()
    layout = lay_out(
        network, tensors, network.outputs, workers=workers, tricks=tricks, memory=arena
    )
    made = []
    for work in layout.worklists:
        for step in work.steps:
            arrays = [a for a in getattr(step.call, "args", ()) if isinstance(a, np.ndarray)]
            called = getattr(step.call, "func", None)
            made.append((step.unit, step.kind, called, [(a.shape, a.strides) for a in arrays]))
    return made, arena.used


@pytest.fixture(scope="module")
def everything() -> tuple[list[Any], int]:
    return calls(Tricks())


@pytest.mark.parametrize("name", Tricks.names())
def test_a_switch_changes_the_calls_or_the_memory(name, everything):
    made, used = calls(Tricks.without(name))
    if name == "reused_memory":
        assert used > everything[1]
    elif name == "shared_flags":
        assert used == everything[1] - 2 * FLOATS * in_order()  # two workers' bytes
    else:
        assert made != everything[0]


@pytest.mark.parametrize("name", Tricks.names())
def test_a_switch_is_off_alone(name):
    tricks = Tricks.without(name)
    assert [other for other in Tricks.names() if not getattr(tricks, other)] == [name]
    with pytest.raises(FrozenInstanceError):
        setattr(tricks, name, True)


def test_each_trick_is_explained_under_its_name():
    assert Tricks.__doc__ is not None
    assert re.findall(r"^    (\w+): ", Tricks.__doc__, re.M) == list(Tricks.names())


def test_the_direct_calls_are_the_only_ones_of_private_functions():
    public = {called for _, _, called, _ in calls(Tricks.without("direct_calls"))[0]}
    assert np.einsum in public
    assert np.clip in public
    private = {called for _, _, called, _ in calls(Tricks())[0]}
    assert not {np.einsum, np.clip} & private
