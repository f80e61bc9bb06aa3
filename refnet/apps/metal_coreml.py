"""What Core ML answers to a photo: a model written by refnet, asked on the Mac that runs this.

The written program is proven operation by operation on any machine (refnet.export.coreml); how
Core ML runs it, on which of its processors and in which precision, only a Mac can tell.
"""

from __future__ import annotations

import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from refnet.checkpoints import load
from refnet.export.coreml import save, to_coreml, written
from refnet.metal.mac.doctor import Part
from refnet.oracle.photos import real_questions

Array = np.ndarray[Any, Any]


def predicted(model: str, title: str) -> Part:
    """Both precisions on the test photos: the oracle's top-1, and how far its answer is.

    float32 is asked of the CPU alone, the one processor that computes in it; float16 of all.
    The distance is told, not judged: Core ML promises no arithmetic to derive a bound from.
    """
    ct = import_module("coremltools")
    checkpoint = load(model)
    (output,) = checkpoint.network.outputs
    questions = list(real_questions(model))
    lines, holds = [], True
    for precision, units in (("float32", "CPU_ONLY"), ("float16", "ALL")):
        made = to_coreml(checkpoint.network, checkpoint.tensors, precision=precision)  # type: ignore[arg-type]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"{model}.mlpackage")
            save(made, path)
            loaded = ct.models.MLModel(str(path), compute_units=getattr(ct.ComputeUnit, units))
            for question in questions:
                case = question.case
                answer = _asked(loaded, case.inputs["image"])[written(output)]
                owed = case.expected[output]
                ours, oracles = int(np.argmax(answer)), int(np.argmax(owed))
                holds &= ours == oracles
                apart = float(np.max(abs(answer.reshape(-1) - owed.reshape(-1))))
                said = f"class {ours}, the oracle {oracles}; largest difference {apart:.2g}"
                lines.append(f"{precision} on {units}: {case.id}: {said}")
    return Part(title, tuple(lines), holds)


def _asked(model: Any, image: Array) -> dict[str, Array]:
    """One image, (1, H, W, M), as the program takes it: float32, channels first."""
    x = np.ascontiguousarray(image.transpose(0, 3, 1, 2), np.float32)
    answer: dict[str, Array] = model.predict({written("image"): x})
    return answer
