"""What a backend is: something that runs a Network, and says in which arithmetic.

A backend is ten lines of its author's own. It need not inherit from anything:

>>> import numpy as np
>>> from refnet.run import run
>>> class Mine:
...     arithmetic = Arithmetic()                                  # float32 throughout
...     def prepare(self, network, tensors, batch=1):
...         numbers = {name: a.astype(np.float32) for name, a in tensors.items()}
...         return lambda inputs: run(network, numbers, inputs)
>>> isinstance(Mine(), Backend)
True
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Protocol, get_args, get_type_hints, runtime_checkable

import numpy as np

from refnet.network import Network

Array = np.ndarray[Any, Any]
Runner = Callable[[Mapping[str, Array]], Mapping[str, Array]]

Format = Literal["float64", "float32", "tf32", "float16", "bfloat16"]
Algorithm = Literal["direct", "winograd", "fft"]


@dataclass(frozen=True)
class Arithmetic:
    """What a backend says of itself; the bound that it is judged by follows from it.

    >>> half = Arithmetic.parse("storage=float16, accumulate=float32")
    >>> half.storage, Arithmetic.parse(str(half)) == half
    ('float16', True)

    storage: how tensors, weights included, are kept between layers.
    inputs: to what the factors of a convolution's products are rounded first (tf32 on some
    GPUs); float64, which holds them all, says that they are taken as they are stored.
    accumulate: in what products are formed and added up, and so what their factors must fit.
    folds_in: in what the backend folds batch norm itself, if it does.
    flushes_subnormals: whether numbers below the smallest normal one become 0.
    rounding: "nearest", or "any" for one that may go either way (GPUs' fast modes truncate).
    algorithm: "direct" for sums of products in any order; Winograd and FFT are not.
    """

    storage: Format = "float32"
    inputs: Format = "float64"
    accumulate: Format = "float32"
    folds_in: Format | None = None
    flushes_subnormals: bool = False
    rounding: Literal["nearest", "any"] = "nearest"
    algorithm: Algorithm = "direct"

    def __post_init__(self) -> None:
        for field in fields(self):
            value, known = getattr(self, field.name), _choices()[field.name]
            if value not in known:
                raise ValueError(f"{field.name}: {value!r}, expected one of {known}")

    @classmethod
    def parse(cls, text: str) -> Arithmetic:
        """An Arithmetic from "name=value,name=value", as the command line takes it."""
        given: dict[str, Any] = {}
        for pair in filter(None, text.split(",")):
            name, _, value = (part.strip() for part in pair.partition("="))
            if name not in _choices():
                known = ", ".join(_choices())
                raise ValueError(f"arithmetic: {name!r}, expected one of {known}")
            if name in given:
                raise ValueError(f"arithmetic: {name!r} is said twice")
            given[name] = {
                "True": True,
                "true": True,
                "False": False,
                "false": False,
                "None": None,
            }.get(value, value)
        return cls(**given)

    def __str__(self) -> str:
        plain = Arithmetic()
        said = [
            f"{field.name}={getattr(self, field.name)}"
            for field in fields(self)
            if field.name in ("storage", "accumulate")
            or getattr(self, field.name) != getattr(plain, field.name)
        ]
        return ", ".join(said)


@runtime_checkable
class Backend(Protocol):
    """Runs networks. `prepare` is called once, what it returns as often as there are inputs.

    >>> class Mine:
    ...     arithmetic = Arithmetic()
    >>> isinstance(Mine(), Backend)                 # it says in what, but not how it runs
    False

    The network's outputs may be any of its layers; a backend that cannot show one raises
    NotImplementedError, and is asked for less.
    """

    @property
    def arithmetic(self) -> Arithmetic:
        """What it computes in."""

    def prepare(self, network: Network, tensors: Mapping[str, Array], batch: int = 1) -> Runner:
        """Make ready to run `network` with these tensors on batches of this size.

        The runner takes a mapping of input names to arrays (batch first, NHWC) and returns a
        mapping of the network's output names to arrays.
        """


@dataclass(frozen=True)
class Case:
    """One question to a backend, with all that is needed to judge its answer.

    >>> from refnet.network import Layer
    >>> relu = Network("relu", (Layer("y", "relu", ("x",)),), {"x": (2,)}, ("y",))
    >>> case = Case("demo", relu, {}, {"x": np.array([[-1, 2]])}, {"y": np.array([[0, 2]])}, 4)
    >>> sorted(case.inputs), sorted(case.expected)
    (['x'], ['y'])

    expected: the oracle's outputs. exact_below: a power of two that no sum of |w||x| + |b|
    reaches, where every number is an integer: then any order of summation is exact in an
    arithmetic with that many bits, and bit equality is owed. None for real numbers.
    """

    id: str
    network: Network
    tensors: Mapping[str, Array]
    inputs: Mapping[str, Array]
    expected: Mapping[str, Array]
    exact_below: int | None = None


def _choices() -> dict[str, tuple[Any, ...]]:
    """For each field of Arithmetic what it may be."""
    choices: dict[str, tuple[Any, ...]] = {}
    for name, hint in get_type_hints(Arithmetic).items():
        if hint is bool:
            choices[name] = (False, True)
            continue
        values: list[Any] = []
        for part in get_args(hint):  # Literal's values, or the members of a union
            values += get_args(part) or ([None] if part is type(None) else [part])
        choices[name] = tuple(values)
    return choices
