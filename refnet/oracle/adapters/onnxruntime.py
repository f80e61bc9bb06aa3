"""ONNX Runtime on its CPU provider."""

from __future__ import annotations

from collections.abc import Mapping

from refnet.backend import Arithmetic, Array, Runner
from refnet.export.onnx import to_onnx
from refnet.network import Network
from refnet.oracle.adapters.border import named, require, taken, to_nchw


class OnnxRuntime:
    """MLAS kernels in float32: matrix products over gathered patches, or direct blocked loops.

    >>> OnnxRuntime().arithmetic.folds_in, OnnxRuntime(optimise=False).arithmetic.folds_in
    ('float32', None)

    MLAS has no Winograd and no FFT convolution (its maintainers in microsoft/onnxruntime #12834).
    With its optimisations, which are the default, batch norm is folded into the convolution
    before it, in the tensors' own float32 (conv_bn_fusion.cc), unless the convolution's own
    output is asked for. Subnormal numbers are kept (session.set_denormal_as_zero is off).
    threads: for one operation; 0 leaves it to the engine.
    """

    def __init__(self, *, optimise: bool = True, threads: int = 0) -> None:
        self._engine = require("onnxruntime", "onnxruntime")
        self._optimise, self._threads = optimise, threads

    @property
    def arithmetic(self) -> Arithmetic:
        """float32 throughout, direct."""
        return Arithmetic(folds_in="float32" if self._optimise else None)

    def prepare(self, network: Network, tensors: Mapping[str, Array], batch: int = 1) -> Runner:
        """One session for the exported model."""
        engine = self._engine
        options = engine.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self._threads, 1
        options.log_severity_level = 3  # errors only
        # Its workers wait busily for more by default, which on a busy machine costs minutes.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        levels = engine.GraphOptimizationLevel
        options.graph_optimization_level = (
            levels.ORT_ENABLE_ALL if self._optimise else levels.ORT_DISABLE_ALL
        )
        model = to_onnx(network, tensors, batch=batch).SerializeToString()
        session = engine.InferenceSession(
            model,
            options,
            providers=["CPUExecutionProvider"],
            # It moves a Pad into the pool after it, which then refuses pads of a kernel's size.
            disabled_optimizers=["Pad_Fusion"],
        )

        def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
            given = {name: to_nchw(a) for name, a in taken(network, inputs, batch).items()}
            return named(network, session.run(list(network.outputs), given))

        return run
