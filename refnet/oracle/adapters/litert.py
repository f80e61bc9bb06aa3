"""LiteRT, TensorFlow Lite's interpreter, on the CPU."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from refnet.backend import Arithmetic, Array, Runner
from refnet.export.tflite import to_tflite
from refnet.network import Network
from refnet.oracle.adapters.border import require, taken


class LiteRT:
    """XNNPACK kernels in float32, or TensorFlow Lite's own.

    >>> LiteRT().arithmetic == Arithmetic(flushes_subnormals=True)
    True

    kernels: "xnnpack", the default delegate: indirect matrix products and direct depthwise
    loops, with subnormals disabled while an operation runs (its operator-run.c); "optimised",
    TensorFlow Lite's Eigen and Ruy kernels; "reference", its plain loops. None uses Winograd or
    the FFT. Batch norm comes as a product and a sum (refnet.export.tflite), folded by nobody.
    """

    def __init__(self, *, kernels: str = "xnnpack", threads: int = 1) -> None:
        self._engine = require("ai_edge_litert.interpreter", "ai-edge-litert")
        types = self._engine.OpResolverType
        known = {
            "xnnpack": types.AUTO,
            "optimised": types.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            "reference": types.BUILTIN_REF,
        }
        if kernels not in known:
            raise ValueError(f"kernels: {kernels!r}, expected one of {', '.join(known)}")
        self._kernels, self._threads = known[kernels], threads
        self._flushes = kernels == "xnnpack"

    @property
    def arithmetic(self) -> Arithmetic:
        """float32 throughout, direct."""
        return Arithmetic(flushes_subnormals=self._flushes)

    def prepare(self, network: Network, tensors: Mapping[str, Array], batch: int = 1) -> Runner:
        """One interpreter for the written file."""
        interpreter = self._engine.Interpreter(
            model_content=to_tflite(network, tensors, batch=batch),
            experimental_op_resolver_type=self._kernels,
            num_threads=self._threads,
        )
        interpreter.allocate_tensors()
        feeds = [detail["index"] for detail in interpreter.get_input_details()]
        found = [detail["index"] for detail in interpreter.get_output_details()]

        def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
            for index, a in zip(feeds, taken(network, inputs, batch).values(), strict=True):
                interpreter.set_tensor(index, a)
            interpreter.invoke()
            answers = (np.array(interpreter.get_tensor(index)) for index in found)
            return dict(zip(network.outputs, answers, strict=True))

        return run
