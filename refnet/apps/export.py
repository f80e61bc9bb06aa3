"""`refnet export MODEL --to onnx`: a checkpoint as a file that other engines read."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from refnet.arguments import check_count
from refnet.checkpoints import Checkpoint, fetched, load, manifest
from refnet.checkpoints.files import write_whole

FORMATS = {"onnx": ".onnx", "coreml": ".mlpackage"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    known = ", ".join([*manifest.ALIASES, *fetched.ALIASES])
    parser.add_argument("model", metavar="MODEL", help=f"{known} or a checkpoint file")
    parser.add_argument("--to", required=True, choices=FORMATS, help="the format")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE",
        help="(the network's name with .onnx or .mlpackage)",
    )  # fmt: skip
    parser.add_argument(
        "--unfolded", action="store_true", help="keep batch norm where the checkpoint has it"
    )
    parser.add_argument(
        "--batch", default="1", metavar="N", help='images at a time, or "any" to leave it open (1)'
    )
    parser.add_argument(
        "--half", action="store_true", help="store and compute in float16 (coreml only)"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    batch = None if arguments.batch == "any" else _count(arguments.batch)
    if arguments.half and arguments.to != "coreml":
        raise ValueError(f"--half: not known for --to {arguments.to}, only for coreml")
    checkpoint = load(arguments.model)
    if not arguments.unfolded:
        checkpoint = checkpoint.fold(np.float32)
    output: Path = arguments.output or Path(checkpoint.network.name + FORMATS[arguments.to])
    if arguments.to == "coreml":
        size = _write_coreml(checkpoint, batch, output, half=arguments.half)
    else:
        data = _onnx(checkpoint, batch)
        write_whole(output, data)
        size = len(data)
    layers = len(checkpoint.network.layers)
    print(f"{output}: {checkpoint.network.name}, {layers} layers, {size:,} bytes")
    return 0


def _onnx(checkpoint: Checkpoint, batch: int | None) -> bytes:
    """The model, with what a user of the file must know besides: what to feed it, whose it is."""
    from refnet.export.onnx import to_onnx

    model = to_onnx(checkpoint.network, checkpoint.tensors, batch=batch)
    said = {"preprocessing": checkpoint.preprocessing, **_provenance(checkpoint)}
    for name, value in said.items():
        model.metadata_props.add(key=f"refnet.{name}", value=value)
    data: bytes = model.SerializeToString()
    return data


def _write_coreml(checkpoint: Checkpoint, batch: int | None, output: Path, *, half: bool) -> int:
    """The folder, which takes a picture and begins with the checkpoint's scale and bias."""
    from refnet.export.coreml import check_suffix, save, to_coreml

    check_suffix(output)
    if batch != 1:
        said = "any" if batch is None else batch
        raise ValueError(f"--batch: {said}, but a Core ML program takes one picture at a time")
    model = to_coreml(
        checkpoint.network,
        checkpoint.tensors,
        preprocessing=checkpoint.preprocessing,
        precision="float16" if half else "float32",
    )
    model.license = checkpoint.provenance.licence
    for name, value in _provenance(checkpoint).items():
        model.user_defined_metadata[f"refnet.{name}"] = value
    return save(model, output)


def _provenance(checkpoint: Checkpoint) -> dict[str, str]:
    """Whose work the weights are."""
    return {
        "licence": checkpoint.provenance.licence,
        "upstream_sha256": checkpoint.provenance.sha256,
    }


def _count(word: str) -> int:
    try:
        return check_count(int(word), "--batch")
    except ValueError:
        raise ValueError(
            f'--batch: {word!r}, expected a whole number of at least 1, or "any"'
        ) from None
