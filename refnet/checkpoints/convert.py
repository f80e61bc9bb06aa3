"""Turn a file of another framework into a checkpoint of refnet's."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from refnet.checkpoints import caffe, keras, pytorch, tfjs, tflite
from refnet.checkpoints.checkpoint import Checkpoint, Provenance
from refnet.checkpoints.files import sha256
from refnet.checkpoints.foreign import assign, has_batch_norm
from refnet.checkpoints.store import KEY, tensors_of
from refnet.errors import MissingPackageError
from refnet.models import build
from refnet.models.ssdlite import BOXES
from refnet.network import CONVENTIONS, Conventions, Network

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Format:
    """A file format: its reader, and the conventions of those who write it.

    >>> FORMATS[".pth"].name, FORMATS[".pth"].conventions, FORMATS[".pth"].preprocessing
    ('PyTorch', 'pytorch', 'torchvision')
    """

    name: str
    reader: Any
    conventions: str
    preprocessing: str


FORMATS = {
    ".tflite": Format("TensorFlow Lite", tflite, "tensorflow", "tf-slim"),
    ".pth": Format("PyTorch", pytorch, "pytorch", "torchvision"),
    ".pt": Format("PyTorch", pytorch, "pytorch", "torchvision"),
    ".h5": Format("Keras", keras, "tensorflow", "tf-slim"),
    ".json": Format("TensorFlow.js", tfjs, "tensorflow", "tf-resize"),
    ".caffemodel": Format("Caffe", caffe, "caffe", "caffe"),
}


# Of how many boxes the last layer names the classes.
ANSWERS = {"ssdlite": BOXES[0]}
# Whose classes these name, where they are as many; and how those who publish them feed them.
LABELS = {"ssdlite": "coco", "deeplab": "voc"}
WHOLE_PICTURE = "tf-resize"


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

    >>> convert(Path(__file__), "v1")
    Traceback (most recent call last):
    ...
    ValueError: ...convert.py: unknown ending '.py', expected one of .tflite, .pth, ...

    conventions: "tensorflow", "pytorch" or "caffe" for padding, epsilon and activation, and
    preprocessing: a recipe's name; by default those of the file's format, and tf-resize for
    "deeplab" and "ssdlite".
    Classes are counted in the file. Whether batch norm is folded is seen in the file.
    Raises ValueError, naming file and layer, where something does not fit.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    check_recipe(preprocessing)
    given = {"conventions": conventions, "preprocess": preprocessing}
    command = _command(path, model, {**options, **given})
    provenance = Provenance(path.name, sha256(path), licence, command)
    ending = path.suffix.lower()
    if ending not in (*FORMATS, ".safetensors"):
        known = ", ".join([*FORMATS, ".safetensors"])
        raise ValueError(f"{path}: unknown ending {path.suffix!r}, expected one of {known}")
    try:
        if ending == ".safetensors":
            found = _named_tensors(path, model, conventions, options)
            recipe = preprocessing or "tf-slim"
        else:
            found = _foreign_layers(path, model, conventions, options)
            recipe = preprocessing or FORMATS[ending].preprocessing
            if preprocessing is None and model in LABELS:
                recipe = WHOLE_PICTURE
        network, tensors = found
        assert network.conventions is not None
        labels = LABELS.get(model, "")
        if network.conventions.classes in (1000, 1001):
            labels = "imagenet"
        return Checkpoint(model, options, network, tensors, recipe, labels, provenance)
    except MissingPackageError:
        raise
    except ValueError as problem:
        said = str(problem)
        raise ValueError(said if said.startswith(str(path)) else f"{path}: {said}") from None


Found = tuple[Network, dict[str, Array]]


def _foreign_layers(
    path: Path, model: str, conventions: str | None, options: dict[str, Any]
) -> Found:
    """A file of another framework: its layers beside ours, by order and shape."""
    form = FORMATS[path.suffix.lower()]
    layers = form.reader.read(path)
    if not layers:
        raise ValueError("holds no convolution")
    axis = 0 if layers[-1].layout[0] == "O" else -1
    classes = layers[-1].kernel.shape[axis] // ANSWERS.get(model, 1)
    chosen = _conventions(conventions or form.conventions, classes)
    batch_norm = has_batch_norm(layers)
    network = build(model, conventions=chosen, batch_norm=batch_norm, **options)
    return network, assign(network, layers)


def _named_tensors(
    path: Path, model: str, conventions: str | None, options: dict[str, Any]
) -> Found:
    """A safetensors file whose tensors are named and laid out as the network's own are."""
    tensors, metadata = tensors_of(path)
    if KEY in metadata:
        raise ValueError("is a checkpoint of refnet already: `--model` takes it as it is")
    if "classifier.weight" not in tensors:
        raise ValueError(
            "holds no 'classifier.weight': expected tensors named and laid out as "
            f"`refnet show {model} --layers` names them"
        )
    chosen = _conventions(conventions or "tensorflow", tensors["classifier.weight"].shape[-1])
    batch_norm = any(name.endswith(".gamma") for name in tensors)
    return build(model, conventions=chosen, batch_norm=batch_norm, **options), tensors


def check_recipe(name: str | None) -> None:
    """Refuse the name of a recipe that does not exist.

    >>> check_recipe("imagenet")
    Traceback (most recent call last):
    ...
    ValueError: preprocessing: 'imagenet', expected one of tf-slim, ...
    """
    from refnet.preprocessing import RECIPES

    if name not in (None, *RECIPES):
        raise ValueError(f"preprocessing: {name!r}, expected one of {', '.join(RECIPES)}")


def _conventions(name: str, classes: int) -> Conventions:
    if name not in CONVENTIONS:
        raise ValueError(f"conventions: {name!r}, expected one of {', '.join(CONVENTIONS)}")
    return replace(CONVENTIONS[name], classes=classes)


def _command(path: Path, model: str, given: dict[str, Any]) -> str:
    """The command that repeats the conversion; the licence is recorded beside it."""
    words = ["refnet", "weights", "convert", path.name, "--as", model]
    for name, value in sorted(given.items()):
        option = f"--{name.replace('_', '-')}"
        if name == "lite" and value is False:
            words.append("--full-heads")
        elif value is True:
            words.append(option)
        elif value not in (None, False):
            words += [option, str(value)]
    return shlex.join(words)
