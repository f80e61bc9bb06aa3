"""A Network with its tensors as a Core ML program, built by coremltools, for apps on Apple devices.

`model = to_coreml(network, tensors)` on any machine; `save(model, Path("net.mlpackage"))` writes
the folder that Xcode takes. A Mac is needed only to predict with it.

Layers keep their names, with "_" where a name has a dot: `stem.activation` makes the value
`stem_activation`. Maps are NCHW, as in MIL, the language of such programs. Padding is written as
numbers worked out from the shapes: MIL's own "same" is the deployment target's to define.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

import numpy as np

from refnet.arguments import check_count
from refnet.export.affine import Affine, affine_of
from refnet.export.mil import program_of, turned, written
from refnet.network import Network
from refnet.preprocessing import RECIPES
from refnet.run import check_tensors

Array = np.ndarray[Any, Any]
Precision = Literal["float32", "float16"]

SUFFIX = ".mlpackage"

__all__ = ["check_suffix", "save", "to_coreml", "written"]


def to_coreml(
    network: Network,
    tensors: Mapping[str, Array],
    *,
    preprocessing: str | None = None,
    precision: Precision = "float32",
    batch: int = 1,
) -> Any:
    """The model, a coremltools MLModel: an ML program for iOS 15, macOS 12 and later.

    preprocessing: a recipe's name. The input is then a picture of the network's size, of 8-bit
    colours, and the program begins with that recipe's scale and bias as `image_scaled` and
    `image_biased`; to crop and resize is the app's part. None: the input is the tensor, NCHW.
    precision: what is stored and computed in. float16 is what the Neural Engine has.
    The recipe, the conventions and the network's name are in the model's metadata, under names
    that begin with "refnet.".
    Raises ValueError without the coremltools package, where a tensor is missing or has another
    shape, for an output that no layer makes, for two layers whose names differ only in a dot,
    and for a batch of pictures.
    Source: coremltools 9, "Model Intermediate Language", operations of iOS 15.
    """
    check_tensors(network, tensors)
    check_count(batch, "batch")
    if precision not in ("float32", "float16"):
        raise ValueError(f"precision: {precision!r}, expected 'float32' or 'float16'")
    _check_names(network)
    affine = _picture(network, preprocessing, batch)
    ct = _package()
    with _quiet():
        program = program_of(ct, network, tensors, affine, batch)
        model = ct.convert(
            program,
            source="milinternal",
            convert_to="mlprogram",
            inputs=[_input(ct, network, name, affine, batch) for name in network.inputs],
            pass_pipeline=_pipeline(ct, precision),
            minimum_deployment_target=ct.target.iOS15,
            skip_model_load=True,
        )
    model.user_defined_metadata.update(_metadata(network, preprocessing))
    model.short_description = f"{network.name}, written by refnet"
    return model


def save(model: Any, path: Path) -> int:
    """Write the model as a folder, under a temporary name first; returns its size in bytes.

    Raises ValueError for a name that does not end in .mlpackage.
    """
    check_suffix(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        whole = Path(folder) / path.name
        with _quiet():
            model.save(str(whole))
        mask = os.umask(0)
        os.umask(mask)
        size = 0
        for part in (whole, *whole.rglob("*")):  # some of it comes hidden from other users
            part.chmod((0o777 if part.is_dir() else 0o666) & ~mask)
            size += part.stat().st_size if part.is_file() else 0
        if path.is_dir():  # a folder with files in it cannot be replaced by a rename
            os.replace(path, Path(folder) / "before")
        os.replace(whole, path)
    return size


def check_suffix(path: Path) -> None:
    """Raise ValueError unless the name is one that Xcode knows.

    >>> check_suffix(Path("v2.onnx"))
    Traceback (most recent call last):
    ...
    ValueError: output: 'v2.onnx', expected a name that ends in .mlpackage
    """
    if path.suffix != SUFFIX:
        raise ValueError(f"output: {str(path)!r}, expected a name that ends in {SUFFIX}")


def _package() -> Any:
    with _quiet():
        try:
            import coremltools
        except ImportError:
            raise ValueError("coremltools: not installed; pip install 'refnet[coreml]'") from None
    return coremltools


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence on what coremltools says where it cannot predict: that it is not on a Mac."""
    with warnings.catch_warnings(), contextlib.ExitStack() as kept:
        warnings.simplefilter("ignore")
        logger = logging.getLogger("coremltools")
        kept.callback(logger.setLevel, logger.level)
        logger.setLevel(logging.CRITICAL)
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
            yield  # its progress bars


def _check_names(network: Network) -> None:
    made = {layer.name for layer in network.layers}
    for name in network.outputs:
        if name not in made:
            raise ValueError(f"outputs: {name!r} is an input of {network.name}, not a layer")
    seen: dict[str, str] = {}
    for name in (*network.inputs, *(layer.name for layer in network.layers)):
        other = seen.setdefault(written(name), name)
        if other != name:
            raise ValueError(f"layers: {other!r} and {name!r} are both {written(name)!r} in MIL")


def _picture(network: Network, preprocessing: str | None, batch: int) -> Affine | None:
    """The scale and bias to begin with, where the input is a picture."""
    if preprocessing is None:
        return None
    affine = affine_of(preprocessing)
    if network.input_shape[2:] != (3,) or batch != 1:
        shape = (batch, *network.input_shape)
        raise ValueError(f"preprocessing: {preprocessing!r} on {shape}, expected one RGB picture")
    return affine


def _input(ct: Any, network: Network, name: str, affine: Affine | None, batch: int) -> Any:
    shape = turned((batch, *network.inputs[name]))
    if affine is None:
        return ct.TensorType(name=written(name), shape=shape)
    # Its own scale is one number for all colours, so the program holds scale and bias instead.
    layout = getattr(ct.colorlayout, affine.order)
    return ct.ImageType(name=written(name), shape=shape, color_layout=layout)


def _pipeline(ct: Any, precision: Precision) -> Any:
    """coremltools' passes that are run: none, but for those that turn float32 to float16.

    The default ones would fuse and rename layers; the device's compiler fuses by itself.
    """
    pipeline = ct.PassPipeline.EMPTY
    if precision == "float16":
        pipeline.passes = [
            "common::add_fp16_cast",
            "common::update_output_dtypes",
            "common::const_elimination",
            "common::cast_optimization",
            "common::dead_code_elimination",
        ]
    return pipeline


def _metadata(network: Network, preprocessing: str | None) -> dict[str, str]:
    said = {"refnet.network": network.name}
    if preprocessing is not None:
        said["refnet.preprocessing"] = preprocessing
        said["refnet.before"] = RECIPES[preprocessing].summary
    if network.conventions is not None:
        for convention in fields(network.conventions):
            value = getattr(network.conventions, convention.name)
            said[f"refnet.{convention.name}"] = str(value)
    return said
