"""Reader of Keras .h5 files: whole models, and weights alone in the form of Keras 2.

Layers are read in the order of the file's `layer_names`: from the input on, by distance to the
output. In a chain that is the order of execution, and the layers with kernels of both MobileNets
are a chain, for a residual sum has none. The model's description, which may hold program code
(Lambda layers), is not looked at.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from refnet.checkpoints.foreign import ForeignLayer
from refnet.errors import MissingPackageError

Array = np.ndarray[Any, Any]

_NORM = {"gamma": "gamma", "beta": "beta", "moving_mean": "mean", "moving_variance": "variance"}


def read(path: Path) -> list[ForeignLayer]:
    """The convolutions and dense layers of a Keras .h5 file, in order of execution.

    Raises ValueError where the file is cut short, is not HDF5, or holds no Keras layers.
    """
    try:
        import h5py
    except ImportError:
        raise MissingPackageError("reading .h5 needs h5py: pip install 'refnet[convert]'") from None
    _survive(path)
    try:
        with h5py.File(path, "r") as file:
            return _layers(h5py, file)
    except (OSError, KeyError, TypeError, AttributeError, RuntimeError, MemoryError) as problem:
        said = " ".join(str(problem).split())
        raise ValueError(f"not a whole HDF5 file ({said})") from None


_WALK = """
import sys, h5py
def look(name, thing):
    list(thing.attrs.items())
with h5py.File(sys.argv[1], "r") as file:
    look("", file)
    file.visititems(look)
"""


def _survive(path: Path) -> None:
    """Let another process look at the file first: the HDF5 library can crash on a damaged one.

    What that process merely complains of, the reader will complain of itself, and better.
    """
    walk = [sys.executable, "-c", _WALK, str(path)]
    try:
        done = subprocess.run(walk, capture_output=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        raise ValueError("a damaged HDF5 file (reading it does not end)") from None
    if done.returncode < 0:
        raise ValueError("a damaged HDF5 file (the HDF5 library crashes on it)")


def _layers(h5py: Any, file: Any) -> list[ForeignLayer]:
    root = file.get("model_weights", file)
    if "layer_names" not in root.attrs:
        if "layers" in root:
            raise ValueError(
                "weights of Keras 3 (.weights.h5) keep no order of layers: "
                "save the whole model instead, model.save('model.h5')"
            )
        raise ValueError("HDF5, but no Keras model: no layer_names")
    layers: list[ForeignLayer] = []
    for name in _names(root.attrs["layer_names"]):
        values = _values(h5py, file, root[name], name)
        if "moving_mean" in values:
            if not layers or layers[-1].norm is not None:
                raise ValueError(f"batch norm {name!r} follows no convolution")
            norm = {_NORM[parameter]: value for parameter, value in values.items()}
            layers[-1] = replace(layers[-1], norm=norm)
        elif values:
            kernel = values["kernel"]
            layout = "HWIO" if kernel.ndim == 4 else "IO"
            layers.append(ForeignLayer(name, kernel, layout, values.get("bias")))  # type: ignore[arg-type]
    return layers


def _values(h5py: Any, file: Any, group: Any, layer: str) -> dict[str, Array]:
    """A layer's tensors by parameter: "conv1/depthwise_kernel:0" is a "kernel"."""
    values: dict[str, Array] = {}
    for name in _names(group.attrs["weight_names"]):
        parameter = name.rpartition("/")[2].removesuffix(":0")
        parameter = "kernel" if parameter == "depthwise_kernel" else parameter
        if parameter in values:
            raise ValueError(f"layer {layer!r}: several of {parameter!r}: a model inside a model")
        values[parameter] = _array(h5py, file, group[name], f"{layer}/{parameter}")
    known = set(_NORM) if "moving_mean" in values else {"kernel", "bias"}
    if set(values) - known or (values and not {"moving_mean", "kernel"} & set(values)):
        raise ValueError(f"layer {layer!r}: holds {sorted(values)}, no layer of a MobileNet's")
    return values


def _array(h5py: Any, file: Any, dataset: Any, name: str) -> Array:
    """The numbers; none from another file, and no more of them than this file has bytes for."""
    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(f"{name!r} is no array")
    if dataset.external or dataset.is_virtual or dataset.file != file:
        raise ValueError(f"{name!r} lies in another file, which is not followed")
    if dataset.nbytes > file.id.get_filesize():
        raise ValueError(f"{name!r} has shape {dataset.shape}, more than the file can hold")
    return np.asarray(dataset[()])


def _names(attribute: Any) -> list[str]:
    """A list of names; Keras 2 stores bytes."""
    names = np.asarray(attribute).ravel().tolist()
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]
