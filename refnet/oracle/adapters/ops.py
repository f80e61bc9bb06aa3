"""refnet's own `ops` in float32: what NumPy alone makes of a network."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from refnet.backend import Arithmetic, Array, Runner
from refnet.network import Network
from refnet.oracle.adapters.border import taken
from refnet.run import check_tensors, run


class Ops:
    """Products and sums in float32, as NumPy's loops and its BLAS order them.

    >>> from refnet.network import Layer
    >>> network = Network("r", (Layer("r", "relu", ("x",)),), {"x": (2,)}, ("r",))
    >>> runner = Ops().prepare(network, {})
    >>> runner({"x": np.array([[-1.0, 2.0]])})["r"].tolist()
    [[0.0, 2.0]]

    Every layer's output can be seen; batch norm is not folded.
    """

    arithmetic = Arithmetic()

    def prepare(self, network: Network, tensors: Mapping[str, Array], batch: int = 1) -> Runner:
        """Tensors rounded to float32, once."""
        check_tensors(network, tensors)
        numbers = {name: tensors[name].astype(np.float32) for name in network.params()}
        return lambda inputs: run(network, numbers, taken(network, inputs, batch))
