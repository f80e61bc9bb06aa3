"""OpenVINO on its CPU plugin, with the precision pinned."""

from __future__ import annotations

from collections.abc import Mapping

from refnet.backend import Arithmetic, Array, Runner
from refnet.export.onnx import to_onnx
from refnet.network import Network
from refnet.oracle.adapters.border import named, on_arm, require, taken, to_nchw


class OpenVINO:
    """oneDNN kernels in float32; batch norm is folded into the convolution before it.

    On processors with bfloat16 the plugin computes in it unasked (documentation of the CPU
    device, "Floating Point Data Types Specifics"), so INFERENCE_PRECISION_HINT says f32.
    oneDNN takes Winograd only where `convolution_auto` or `convolution_winograd` asks for it
    (uxlfoundation/oneDNN #3139); the plugin may on ARM. Batch norm becomes a product and a sum
    with float32 constants, and these a part of the convolution.
    """

    def __init__(self, *, threads: int = 0) -> None:
        self._engine = require("openvino", "openvino")
        self._threads = threads

    @property
    def arithmetic(self) -> Arithmetic:
        """float32 throughout; Winograd is to be expected on ARM alone."""
        return Arithmetic(folds_in="float32", algorithm="winograd" if on_arm() else "direct")

    def prepare(self, network: Network, tensors: Mapping[str, Array], batch: int = 1) -> Runner:
        """One compiled model."""
        core = self._engine.Core()
        model = core.read_model(to_onnx(network, tensors, batch=batch).SerializeToString())
        said = {
            "INFERENCE_PRECISION_HINT": "f32",
            "CPU_DENORMALS_OPTIMIZATION": "NO",
            "INFERENCE_NUM_THREADS": self._threads,
        }
        compiled = core.compile_model(model, "CPU", said)

        def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
            given = {name: to_nchw(a) for name, a in taken(network, inputs, batch).items()}
            answers = compiled(given)
            return named(network, (answers[name] for name in network.outputs))

        return run
