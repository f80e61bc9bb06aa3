"""OpenCV's DNN module on the CPU."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from refnet.backend import Arithmetic, Array, Runner
from refnet.export.onnx import to_onnx
from refnet.network import Network
from refnet.oracle.adapters.border import named, require, taken, to_nchw

# Seen in 5.0: a constant map of 4 becomes one of 3.999996, in every convention of corners, and a
# map of one pixel does too, where nothing is to be computed.
RESIZE = "resize_bilinear in OpenCV, whose weights do not add up to 1"


class OpenCV:
    """cv2.dnn in float32, direct: blocked loops in OpenCV 5, and Winograd switched off for 4.

    Batch norm, scale and activation are fused into the convolution before them (opencv/opencv
    #28585), in float32; an output that is asked for is computed all the same. Subnormal numbers
    are flushed while a network runs (#21521). Before version 5 a 3 x 3 convolution would be
    Winograd's, F(6 x 6, 3 x 3), unless told otherwise (#22577).
    """

    arithmetic = Arithmetic(folds_in="float32", flushes_subnormals=True)

    def __init__(self) -> None:
        self._engine = require("cv2", "opencv-python-headless")

    def prepare(self, network: Network, tensors: Mapping[str, Array], batch: int = 1) -> Runner:
        """One Net for the exported model."""
        for layer in network.layers:
            if layer.op == "resize_bilinear":
                raise NotImplementedError(f"layer {layer.name!r}: {RESIZE}")
        model = to_onnx(network, tensors, batch=batch).SerializeToString()
        net = self._engine.dnn.readNetFromONNX(np.frombuffer(model, np.uint8))
        net.setPreferableBackend(self._engine.dnn.DNN_BACKEND_OPENCV)
        net.enableWinograd(False)

        def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
            for name, a in taken(network, inputs, batch).items():
                net.setInput(to_nchw(a), name)
            return named(network, net.forward(list(network.outputs)))

        return run
