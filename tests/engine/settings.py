"""What tests run through: all tricks, each one off alone, and none; models that are quick."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from refnet.engine import Tricks, plan
from refnet.geometry import Pair
from refnet.models import build
from refnet.network import Network
from refnet.oracle.suites import random_case

Array = np.ndarray[Any, Any]

SETTINGS = [Tricks(), *map(Tricks.without, Tricks.names()), Tricks.without(*Tricks.names())]


def off(tricks: Tricks) -> str:
    """A setting as a test's name tells it: "all", "all-row_tiles", "none"."""
    names = [name for name in Tricks.names() if not getattr(tricks, name)]
    return "none" if len(names) == len(Tricks.names()) else "-".join(["all", *names])


class Small(NamedTuple):
    """A small network with random weights, and two images."""

    network: Network
    tensors: Mapping[str, Array]
    x: Array
    other: Array

    def right(self) -> dict[str, Array]:
        """What a plan of one worker answers."""
        return plan(self.network, self.tensors)(self.x)


@cache
def small(model: str = "v2", resolution: Pair = 32, batch: int = 1) -> Small:
    """V1 at alpha 0.25 or V2 at 0.35, unfolded."""
    alpha = {"v1": 0.25, "v2": 0.35}[model]
    network = build(model, alpha=alpha, resolution=resolution)
    case = random_case(network, f"engine/{network.name}", batch=2 * batch)
    x = case.inputs["image"].astype(np.float32)
    return Small(network, case.tensors, x[:batch], x[batch:])
