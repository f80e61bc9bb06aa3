"""`refnet export MODEL --to onnx`: a checkpoint as a file that other engines read."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from refnet.arguments import check_count
from refnet.checkpoints import Checkpoint, load, manifest
from refnet.checkpoints.files import write_whole

FORMATS = ("onnx",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    known = ", ".join(manifest.ALIASES)
    parser.add_argument("model", metavar="MODEL", help=f"{known} or a checkpoint file")
    parser.add_argument("--to", required=True, choices=FORMATS, help="the format")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="(the network's name with .onnx)"
    )
    parser.add_argument(
        "--unfolded", action="store_true", help="keep batch norm where the checkpoint has it"
    )
    parser.add_argument(
        "--batch", default="1", metavar="N", help='images at a time, or "any" to leave it open (1)'
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    batch = None if arguments.batch == "any" else _count(arguments.batch)
    checkpoint = load(arguments.model)
    if not arguments.unfolded:
        checkpoint = checkpoint.fold(np.float32)
    output: Path = arguments.output or Path(f"{checkpoint.network.name}.onnx")
    data = _onnx(checkpoint, batch)
    write_whole(output, data)
    layers = len(checkpoint.network.layers)
    print(f"{output}: {checkpoint.network.name}, {layers} layers, {len(data):,} bytes")
    return 0


def _onnx(checkpoint: Checkpoint, batch: int | None) -> bytes:
    """The model, with what a user of the file must know besides: what to feed it, whose it is."""
    from refnet.export.onnx import to_onnx

    model = to_onnx(checkpoint.network, checkpoint.tensors, batch=batch)
    said = {
        "preprocessing": checkpoint.preprocessing,
        "licence": checkpoint.provenance.licence,
        "upstream_sha256": checkpoint.provenance.sha256,
    }
    for name, value in said.items():
        model.metadata_props.add(key=f"refnet.{name}", value=value)
    data: bytes = model.SerializeToString()
    return data


def _count(word: str) -> int:
    try:
        return check_count(int(word), "--batch")
    except ValueError:
        raise ValueError(
            f'--batch: {word!r}, expected a whole number of at least 1, or "any"'
        ) from None
