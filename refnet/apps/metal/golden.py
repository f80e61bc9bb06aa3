"""A golden bundle for the author of an app: a photo, the very weights that are packed, a judge.

The bundle is one of `refnet golden`'s: it holds the network with its batch norms folded, the
weights rounded to halves, and the photo's tensor. Beside it lie the packed file and the JSON of a
program in which every layer is a texture or a buffer of its own. A host runs the program, writes
what these hold as safetensors (CASE/LAYER, batch first, NHWC), and `refnet golden judge DIR RESULTS
--arithmetic storage=float16,accumulate=float32` names the first layer that is wrong, and often the
mistake.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import cbook

from refnet import image
from refnet.checkpoints import Checkpoint
from refnet.checkpoints.files import write_whole
from refnet.metal import program_of
from refnet.oracle.bundle_format import Writer
from refnet.oracle.bundle_network import layout, layout_of, to_data
from refnet.oracle.photos import PHOTOS
from refnet.oracle.units import units_of
from refnet.preprocessing import preprocess

SUITES = ("v1", "v2")


def write(checkpoint: Checkpoint, folder: Path) -> dict[str, int]:
    """Write the bundle, NAME.bin and NAME.json into a new or empty folder; each file's bytes.

    Raises ValueError where the folder has something in it.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder}: is there already, expected a new or an empty folder")
    files = collect(checkpoint)
    for name, data in files.items():
        write_whole(folder / name, data)
    return {name: len(data) for name, data in files.items()}


def collect(checkpoint: Checkpoint) -> dict[str, bytes]:
    """All files by name: those of the bundle, the packed weights and the program."""
    from refnet import __version__

    folded = checkpoint.fold(np.float64)
    network, suite = folded.network, checkpoint.model
    if suite not in SUITES:
        raise ValueError(f"model: {suite}, but a golden bundle has {' and '.join(SUITES)} only")
    photo = PHOTOS[0]
    pixels = image.read(cbook.get_sample_data(photo, asfileobj=False))
    x = preprocess(pixels, checkpoint.preprocessing, checkpoint.resolution[0])
    if x.shape[1:] != network.input_shape:
        raise ValueError(f"model: takes {checkpoint.resolution}, but recipes make squares only")
    program = program_of(network, folded.tensors)
    writer = Writer(f"refnet {__version__}")
    name = f"{network.name}-{photo.split('.')[0]}"
    for layer in network.layers:
        for parameter, tensor in zip(layer.params, layer.tensor_names(), strict=True):
            kind = np.float16 if parameter == "weight" else np.float32
            values = folded.tensors[tensor].astype(kind).astype(np.float32)
            axes = layout(layer.op, parameter)
            writer.store(f"{name}/{tensor}", values, suite, axes, "folded, as it is packed")
    (feed,) = network.inputs
    halves = x.astype(np.float16).astype(np.float32)
    writer.store(f"{name}/{feed}", halves, suite, layout_of(x.shape), checkpoint.preprocessing)
    writer.networks[network.name] = to_data(network)
    writer.cases[name] = {
        "suite": suite,
        "kind": "random",  # real numbers: what is expected, and within what, the judge computes
        "network": network.name,
        "batch": 1,
        "from": name,
        "owed": [unit.outputs[0] for unit in units_of(network)],
    }
    beside = {
        f"{network.name}.bin": program.weights,
        f"{network.name}.json": program.to_json(f"{network.name}.bin").encode(),
    }
    return {**writer.files(), **beside}
