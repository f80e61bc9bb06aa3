"""Run a plan: the input in, every call in order, the answers out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from types import TracebackType
from typing import Any, NoReturn, get_args

import numpy as np

from refnet.arguments import check_count, check_variance
from refnet.engine import blas
from refnet.engine.crew import Crew, crew_of
from refnet.engine.kernels.worklist import Kind, Product, Step
from refnet.engine.maps import Map
from refnet.engine.memory import Memory
from refnet.engine.planning import lay_out
from refnet.engine.tricks import Tricks
from refnet.network import Network
from refnet.run import check_tensors

Array = np.ndarray[Any, Any]
MOST = 64  # workers: each is a Python with a NumPy of its own
PATIENCE = 10.0  # seconds that `close` waits for a run


def plan(
    network: Network,
    tensors: Mapping[str, Array],
    *,
    batch: int = 1,
    threads: int = 1,
    taps: Collection[str] = (),
    tricks: Tricks | None = None,
) -> Plan:
    """Everything that can be done before the first image, done once.

    >>> from refnet.models import mobilenet_v1
    >>> network = mobilenet_v1(alpha=0.25, resolution=32)
    >>> rng = np.random.default_rng(0)
    >>> tensors = {name: rng.random(shape) / 8 for name, shape in network.params().items()}
    >>> p = plan(network, tensors, taps=["pool"])
    >>> {name: y.shape for name, y in p(np.zeros((1, 32, 32, 3), np.float32)).items()}
    {'softmax': (1, 1000), 'pool': (1, 256)}

    tensors: of any float type; batch norms are folded in float64 and all numbers rounded once.
    batch: how many images a call takes. They run one after the other, through the same memory.
    threads: how many workers share each image; see `refnet.engine.crew`. The BLAS runs with one
        thread in each. More than the machine has cores is slower than one.
    taps: other layers to show, by name; no other number changes by it.
    Raises ValueError where a tensor is missing, has another shape or is not finite.
    """
    if not isinstance(network, Network):
        raise ValueError(f"network: {type(network).__name__}, expected a refnet.Network")
    if not isinstance(tricks, Tricks | None):
        raise ValueError(f"tricks: {tricks!r}, expected refnet.engine.Tricks")
    if isinstance(taps, str):
        raise ValueError(f"taps: {taps!r}, expected a list of names")
    check_count(batch, "batch")
    check_count(threads, "threads")
    if threads > MOST:
        raise ValueError(f"threads: {threads}, expected at most {MOST}")
    check_tensors(network, tensors)
    for name in taps:
        if name not in network.inputs and name not in {la.name for la in network.layers}:
            raise ValueError(f"taps: {name!r} is not a layer of {network.name}")
    _check_finite(network, tensors)
    return Plan(network, tensors, batch, threads, tuple(taps), tricks or Tricks())


class Plan:
    """A network made ready to run: call it with (B, H, W, M) float32.

    A plan has one set of buffers, so it runs one call at a time; a second thread that calls it
    meanwhile gets a RuntimeError. It may be used in a `with`; `close` ends its workers, if it has
    any, and so does the end of the program, however it comes.
    """

    def __init__(
        self,
        network: Network,
        tensors: Mapping[str, Array],
        batch: int,
        threads: int,
        taps: tuple[str, ...],
        tricks: Tricks,
    ) -> None:
        self.network, self.batch, self.threads, self.tricks = network, batch, threads, tricks
        self.shown = tuple(dict.fromkeys((*network.outputs, *taps)))
        self._shapes = network.shapes(batch)
        memory = Memory(shared=threads > 1)
        self._layout = lay_out(
            network, tensors, self.shown, workers=threads, tricks=tricks, memory=memory
        )
        self._crew: Crew = crew_of(self._layout)
        self._guard, self._busy, self._closed = threading.Lock(), False, False

    def __call__(self, x: Array | Mapping[str, Array]) -> dict[str, Array]:
        """The outputs and taps, by name, in arrays of the caller's own.

        Raises ValueError where an input has another shape or type, RuntimeError where the plan is
        running already.
        """
        if self._closed:
            raise ValueError(f"plan: this one of {self.network.name} is closed")
        given = self._inputs(x)
        answer = {name: np.empty(self._shapes[name], np.float32) for name in self.shown}

        def run() -> None:
            for image in range(self.batch):
                for name, a in given.items():
                    _put(self._layout.maps[name], a[image : image + 1])
                self._crew.run()
                for name, a in answer.items():
                    _take(self._layout.maps[name], a[image : image + 1])

        self._alone(run)
        return answer

    def products(self) -> list[Product]:
        """Every call of one image that multiplies matrices."""
        return [product for work in self._layout.worklists for product in work.products]

    def time_split(self, x: Array | Mapping[str, Array], rounds: int = 20) -> dict[str, float]:
        """Seconds of one image's run by kind of work: product, depthwise, elementwise, rest."""
        split: dict[str, float] = dict.fromkeys(get_args(Kind), 0.0)
        for step, seconds in self._timed(x, rounds):
            split[step.kind] += seconds
        return split

    def time_layers(self, x: Array | Mapping[str, Array], rounds: int = 20) -> dict[str, float]:
        """Seconds of one image's run by unit, under the name of its last layer."""
        split: dict[str, float] = {}
        for step, seconds in self._timed(x, rounds):
            split[step.unit] = split.get(step.unit, 0.0) + seconds
        return split

    def _timed(self, x: Array | Mapping[str, Array], rounds: int) -> list[tuple[Step, float]]:
        """Each call of the first worker, its median over the rounds; a wait counts as a call."""
        check_count(rounds, "rounds")
        self(x)
        stamps: list[list[float]] = []

        def run() -> None:
            stamps.extend(self._crew.run(time.perf_counter) for _ in range(rounds))

        self._alone(run)
        medians = np.median(np.diff(np.array(stamps), axis=1), axis=0)
        return list(zip(self._layout.worklists[0].steps, medians.tolist(), strict=True))

    def close(self) -> None:
        """End the workers; the plan does not run any more."""
        self._closed = True
        end = time.monotonic() + PATIENCE
        while self._busy and time.monotonic() < end:  # a run in another thread ends first
            time.sleep(0.001)
        self._crew.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a plan has memory and workers of its own: it cannot be copied, nor pickled"
        )

    def __enter__(self) -> Plan:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def _alone(self, run: Callable[[], None]) -> None:
        """One run at a time: a second one is refused, not kept waiting on buffers in use.

        Ctrl-C can come between a lock's `acquire` and whatever would see to its release. It cannot
        between the two names of one assignment, nor while `with` takes a lock or gives it back.
        """
        mine = False
        try:
            with self._guard:
                if not self._busy:
                    self._busy = mine = True
            if not mine:
                raise RuntimeError(
                    f"this plan of {self.network.name} is running already, in another thread; "
                    "make one plan for each thread"
                )
            with blas.one_thread(), np.errstate(all="ignore"):
                run()
        finally:
            if mine:
                self._busy = False

    def _inputs(self, x: Array | Mapping[str, Array]) -> dict[str, Array]:
        named = x if isinstance(x, Mapping) else dict.fromkeys(self.network.inputs, x)
        if not isinstance(x, Mapping) and len(self.network.inputs) != 1:
            raise ValueError(
                f"x: one array, but {self.network.name} reads {tuple(self.network.inputs)}"
            )
        for name in self.network.inputs:
            if name not in named:
                raise ValueError(f"x: {name!r} {self._shapes[name]} is missing")
            a, shape = named[name], self._shapes[name]
            if not isinstance(a, np.ndarray) or a.dtype != np.float32:
                came = a.dtype if isinstance(a, np.ndarray) else type(a).__name__
                raise ValueError(f"x: {came}, expected a float32 array of {shape}")
            if a.shape != shape:
                raise ValueError(
                    f"x: shape {a.shape}, but this plan of {self.network.name} takes {shape}"
                )
        return {name: named[name] for name in self.network.inputs}


def _put(m: Map, a: Array) -> None:
    for mine, theirs in _pairs(m, a):
        np.copyto(mine, theirs)


def _take(m: Map, a: Array) -> None:
    for mine, theirs in _pairs(m, a):
        np.copyto(theirs, mine)


def _pairs(m: Map, a: Array) -> Iterator[tuple[Array, Array]]:
    """A map piece by piece, and the same numbers of an array (..., C)."""
    whole = a.reshape(m.shape)
    for piece in m.pieces:
        for first in range(m.phases):
            mine = m.view(slice(0, m.shape[0]), piece.channels, first)
            yield mine, whole[:, first :: m.phases, piece.channels]


def _check_finite(network: Network, tensors: Mapping[str, Array]) -> None:
    """A NaN among the weights would meet the zeros of a border, where the oracle has no product."""
    for layer in network.layers:
        for name in layer.tensor_names():
            if np.iscomplexobj(tensors[name]):
                raise ValueError(
                    f"tensors: {name!r} is {tensors[name].dtype}, expected real numbers"
                )
            with np.errstate(over="ignore"):
                numbers = tensors[name].astype(np.float32, copy=False)
            if not np.isfinite(numbers).all():
                raise ValueError(f"tensors: {name!r} holds numbers that are not finite in float32")
        if layer.op == "batch_norm":
            epsilon = layer.keywords()["epsilon"]
            check_variance(tensors[f"{layer.name}.variance"].tolist(), epsilon)  # type: ignore[arg-type]
