"""The ONNX project's own reference: its operators in NumPy."""

from __future__ import annotations

from collections.abc import Mapping

from refnet.backend import Arithmetic, Array, Runner
from refnet.export.onnx import to_onnx
from refnet.network import Network
from refnet.oracle.adapters.border import named, require, taken, to_nchw


class OnnxReference:
    """onnx.reference: convolutions as a matrix product over gathered patches, in float32.

    >>> OnnxReference().arithmetic == Arithmetic()
    True

    One node at a time, so nothing is folded and every layer can be seen. Slow: loops in Python
    for pools. Its versions 1.14 to 1.22 misread `auto_pad`; refnet never writes that attribute.
    """

    arithmetic = Arithmetic()

    def __init__(self) -> None:
        self._engine = require("onnx.reference", "'refnet[onnx]'")

    def prepare(self, network: Network, tensors: Mapping[str, Array], batch: int = 1) -> Runner:
        """One evaluator for the exported model."""
        evaluator = self._engine.ReferenceEvaluator(to_onnx(network, tensors, batch=batch))

        def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
            given = {name: to_nchw(a) for name, a in taken(network, inputs, batch).items()}
            return named(network, evaluator.run(list(network.outputs), given))

        return run
