"""refnet's own Metal kernels: on a Mac's GPU, elsewhere compiled for the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from refnet.backend import Arithmetic, Array
from refnet.backend import Runner as Answering
from refnet.metal import Library, Runner, open_library, program_of
from refnet.metal.cpu import CpuLibrary
from refnet.network import Network
from refnet.oracle.adapters.border import taken


class Metal:
    """The .metal files that an app would ship, in float16 storage and float32 accumulation.

    >>> print(Metal("cpu").arithmetic)
    storage=float16, accumulate=float32, folds_in=float64

    Batch norm is folded into the weights in float64, before they are rounded to float16. Vectors,
    from the global pool on, and biases are kept in float32, which is within what is declared. A
    layer without a kernel (a kernel of 5 x 5, dilation, a norm alone) it says it cannot do.
    device: "cpu" or "mac", or what this machine has; or a Library with refnet's kernels, which is
    taken for a GPU's.
    A GPU need not round a division or a conversion to nearest.
    """

    def __init__(self, device: str | Library | None = None) -> None:
        if device is None or isinstance(device, str):
            device = open_library(device)
        self._library = device
        self._nearest = isinstance(device, CpuLibrary)

    @property
    def arithmetic(self) -> Arithmetic:
        """float16 storage, float32 accumulation."""
        rounding: Literal["nearest", "any"] = "nearest" if self._nearest else "any"
        return Arithmetic("float16", accumulate="float32", folds_in="float64", rounding=rounding)

    def prepare(self, network: Network, tensors: Mapping[str, Array], batch: int = 1) -> Answering:
        """One program, whose textures are kept from run to run."""
        run = Runner(program_of(network, tensors), self._library)
        return lambda inputs: run(taken(network, inputs, batch))
