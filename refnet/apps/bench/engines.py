"""Every engine that `refnet bench` times, made ready with its own best ordinary settings.

The adapters of `refnet check` hold engines still, to judge their numbers; here each one runs as
its own documentation has it for speed. All get the same folded network in float32, and an input
that lies in the engine's own layout. Timed is what a caller waits for: from that array to the
logits, or all outputs, as NumPy arrays.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from refnet.apps.bench.files import ONNX, TFLITE, Array, Engine, Job


def refnet(job: Job) -> Engine:
    """refnet's plan. options: `without`, the tricks that are switched off."""
    from refnet.engine import Tricks, plan

    checkpoint = job.checkpoint()
    outputs = checkpoint.network.outputs
    ready = plan(
        checkpoint.network,
        checkpoint.tensors,
        batch=1,
        threads=job.threads,
        tricks=Tricks.without(*job.options.get("without", ())),
    )
    x = job.nhwc()

    def answers() -> list[Array]:
        made = ready(x)
        return [made[name] for name in outputs]

    return Engine(
        run=answers,
        products=tuple(ready.products()),
        split=lambda rounds: dict(ready.time_split(x, rounds=rounds)),
        close=ready.close,
    )


def ops(job: Job) -> Engine:
    """refnet's readable NumPy in float32; its threads are the BLAS's."""
    from refnet.run import run

    checkpoint = job.checkpoint()
    x, outputs = job.nhwc(), checkpoint.network.outputs

    def answers() -> list[Array]:
        made = run(checkpoint.network, checkpoint.tensors, x)
        return [made[name] for name in outputs]

    return Engine(answers)


def gemm_floor(job: Job) -> Engine:
    """The plan's matrix products and nothing else, one after the other, on one thread.

    options: `products`, the sizes of each as in `refnet.engine.Product`. Weights are each product's
    own, and come from as far away as a network's do; maps lie all in the same memory, near the
    core, as the best plan could have them at most. No plan that makes these products on this BLAS
    is faster on one thread. It answers nothing.
    """
    from refnet.engine import Product
    from refnet.engine.kernels.blocks import Grid

    rng = np.random.default_rng(0)

    def drawn(*shape: int) -> Array:
        return rng.uniform(-1, 1, shape).astype(np.float32)

    products = [Product(*sizes) for sizes in job.options["products"]]
    read = drawn(max(p.down * p.rows * p.inner for p in products))
    written = np.empty(max(p.down * p.rows * p.across * p.columns for p in products), np.float32)
    work = []
    for down, across, rows, inner, columns in products:
        H, W = down * rows, across * columns
        a, out = read[: H * inner].reshape(H, inner), written[: H * W].reshape(H, W)
        grid = Grid(0, 0, down, across, rows, columns)
        work.append(grid.operands(a, drawn(across, inner, columns), out))

    def run() -> Array:
        for a, b, out in work:
            np.matmul(a, b, out=out)
        return written[:0]

    return Engine(run)


def onnxruntime(job: Job) -> Engine:
    """ONNX Runtime: all graph optimisations, and workers that wait by spinning, its defaults."""
    engine: Any = import_module("onnxruntime")
    options = engine.SessionOptions()
    options.intra_op_num_threads = job.threads
    options.log_severity_level = 3  # errors only
    session = engine.InferenceSession(job.file(ONNX), options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: job.nchw()}
    return Engine(lambda: session.run(None, feed), nchw=True)


def litert(job: Job) -> Engine:
    """LiteRT with its default delegate, XNNPACK."""
    engine: Any = import_module("ai_edge_litert.interpreter")
    interpreter = engine.Interpreter(model_path=job.file(TFLITE), num_threads=job.threads)
    interpreter.allocate_tensors()
    feed = interpreter.get_input_details()[0]["index"]
    found = [detail["index"] for detail in interpreter.get_output_details()]
    x = job.nhwc()

    def run() -> list[Array]:
        interpreter.set_tensor(feed, x)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in found]

    return Engine(run)


def openvino(job: Job) -> Engine:
    """OpenVINO for latency, in float32: unasked it computes in bfloat16 where it can."""
    engine: Any = import_module("openvino")
    said = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": job.threads,
    }
    request = engine.Core().compile_model(job.file(ONNX), "CPU", said).create_infer_request()
    x = job.nchw()

    def run() -> list[Array]:
        return [np.asarray(a) for a in request.infer([x]).values()]

    return Engine(run, nchw=True)


def opencv(job: Job) -> Engine:
    """OpenCV's DNN module, with Winograd where its version has it, which is its default."""
    engine: Any = import_module("cv2")
    engine.setNumThreads(job.threads)
    net = engine.dnn.readNetFromONNX(job.file(ONNX))
    net.setPreferableBackend(engine.dnn.DNN_BACKEND_OPENCV)
    x, names = job.nchw(), job.outputs()

    def run() -> list[Array]:
        net.setInput(x)
        return list(net.forward(names))

    return Engine(run, nchw=True)


def onnx_reference(job: Job) -> Engine:
    """The ONNX project's own reference evaluator, in NumPy: made to be right, not to be fast."""
    engine: Any = import_module("onnx.reference")
    evaluator = engine.ReferenceEvaluator(job.file(ONNX))
    feed = {evaluator.input_names[0]: job.nchw()}
    return Engine(lambda: evaluator.run(None, feed), nchw=True)


def torch(job: Job) -> Engine:
    """PyTorch, eagerly. options: `channels_last`, its own advice for convolutions on a CPU."""
    from refnet.apps.bench.torch import ready

    return Engine(ready(job), nchw=True)
