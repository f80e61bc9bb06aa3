"""Turn a file of another framework into a checkpoint of refnet's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refnet.checkpoints import caffe, keras, pytorch, tflite
from refnet.checkpoints.checkpoint import Checkpoint, Provenance
from refnet.checkpoints.files import sha256
from refnet.checkpoints.foreign import assign, has_batch_norm
from refnet.checkpoints.store import read
from refnet.models import build
from refnet.network import CONVENTIONS, Conventions


@dataclass(frozen=True)
class Format:
    """A file format: its reader, and the conventions of those who write it."""

    name: str
    reader: Any
    conventions: str
    preprocessing: str


FORMATS = {
    ".tflite": Format("TensorFlow Lite", tflite, "tensorflow", "tf-slim"),
    ".pth": Format("PyTorch", pytorch, "pytorch", "torchvision"),
    ".pt": Format("PyTorch", pytorch, "pytorch", "torchvision"),
    ".h5": Format("Keras", keras, "tensorflow", "tf-slim"),
    ".caffemodel": Format("Caffe", caffe, "caffe", "caffe"),
}


def convert(
    path: Path,
    model: str,
    *,
    conventions: str | None = None,
    preprocessing: str | None = None,
    licence: str = "not stated",
    **options: Any,
) -> Checkpoint:
    """The checkpoint of `model` ("v1" or "v2", with its options) that a file holds.

    conventions: "tensorflow", "pytorch" or "caffe" for padding, epsilon and activation, and
    preprocessing: a recipe's name; by default those of the file's format.
    Classes are counted in the file. Whether batch norm is folded is seen in the file.
    Raises ValueError, naming file and layer, where something does not fit.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    if path.suffix == ".safetensors":
        return read(path)
    if path.suffix not in FORMATS:
        known = ", ".join([*FORMATS, ".safetensors"])
        raise ValueError(f"{path}: unknown ending {path.suffix!r}, expected one of {known}")
    form = FORMATS[path.suffix]
    try:
        layers = form.reader.read(path)
        if not layers:
            raise ValueError("holds no convolution")
        chosen = _conventions(conventions or form.conventions, layers[-1])
        batch_norm = has_batch_norm(layers)
        network = build(model, conventions=chosen, batch_norm=batch_norm, **options)
        tensors = assign(network, layers)
        return Checkpoint(
            model,
            options,
            network,
            tensors,
            preprocessing or form.preprocessing,
            "imagenet" if chosen.classes in (1000, 1001) else "",
            Provenance(path.name, sha256(path), licence, _command(path, model, options)),
        )
    except ValueError as problem:
        raise ValueError(f"{path}: {problem}") from None


def _conventions(name: str, classifier: Any) -> Conventions:
    from dataclasses import replace

    if name not in CONVENTIONS:
        raise ValueError(f"conventions: {name!r}, expected one of {', '.join(CONVENTIONS)}")
    axis = 0 if classifier.layout[0] == "O" else -1
    return replace(CONVENTIONS[name], classes=classifier.kernel.shape[axis])


def _command(path: Path, model: str, options: dict[str, Any]) -> str:
    flags = "".join(f" --{name} {value}" for name, value in sorted(options.items()))
    return f"refnet weights convert {path.name} --as {model}{flags}"
