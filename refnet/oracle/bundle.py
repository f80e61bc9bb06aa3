"""Golden bundles: the oracle's questions as a folder that any language can read.

`manifest.json` says everything (bundle.schema.json is its schema): the conventions, the networks
layer by layer, every tensor with its layout and hash, every case with the proof that it is
exact. Whole numbers lie in safetensors files as int8, int16 or int32; random ones are a seed and a
recipe. The same release writes the same bytes on every machine.

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     sizes = write(Path(folder) / "golden", "preprocess", size=8)
>>> sorted(name for name in sizes if not name.endswith(".png"))
['SHA256SUMS', 'manifest.json', 'preprocess.safetensors']
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from refnet import arguments
from refnet.backend import Case
from refnet.network import Layer, Network
from refnet.oracle import probes
from refnet.oracle.bundle_format import ALL, SUITES, Recipe, Writer
from refnet.oracle.bundle_network import layout, layout_of, to_data
from refnet.oracle.bundle_preprocess import add_preprocess
from refnet.oracle.exact import exact_case, largest_sum, reach_of
from refnet.oracle.suites import questions
from refnet.oracle.units import units_of
from refnet.oracle.whole import exact_networks, random_networks
from refnet.run import run

# Whole numbers are stored: of the networks with heads thinner ones, that a bundle may be mailed.
ALPHA = {"v1": 1.0, "v2": 1.0, "ssdlite": 0.25, "deeplab": 0.25}


def write(folder: Path, suite: str = "all", *, size: int = 32) -> dict[str, int]:
    """Write a bundle into a new or empty folder; returns each file's size in bytes.

    suite: one of SUITES, or "all" for those of ALL. size: the resolution of preprocessing and of
        the networks; of a second one, where a suite has two, it is twice that.
    The folder is there whole or not at all. Raises ValueError where it has something in it, and
    for a size at which a network's means are not exact (32, 64, 128 and 256 are right).
    """
    if suite not in (*SUITES, "all"):
        raise ValueError(f"suite: {suite!r}, expected one of {', '.join((*SUITES, 'all'))}")
    size = arguments.check_count(size, "size")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder}: is there already, expected a new or an empty folder")
    files = collect(suite, size).files()
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for name, data in files.items():
            (temporary / name).write_bytes(data)
        temporary.chmod(0o755)  # mkdtemp's own mode would hide it from others
        with contextlib.suppress(FileNotFoundError):
            folder.rmdir()
        os.replace(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return {name: len(data) for name, data in files.items()}


def collect(suite: str, size: int) -> Writer:
    """All parts of a bundle, in memory."""
    from refnet import __version__

    writer = Writer(f"refnet {__version__}")
    wanted = ALL if suite == "all" else (suite,)
    if "ops" in wanted:
        for question in questions("ops"):
            if question.kind == "exact":
                add_exact(writer, "ops", question.case, question.case.id)
            else:
                add_random(writer, "ops", question.case.network, question.case.id, batch=2)
        for case in probes.cases():
            add_exact(writer, "ops", case, case.id, kind="probe")
    for model, alpha in ALPHA.items():
        if model in wanted:
            _add_networks(writer, model, alpha, size)
    if "preprocess" in wanted:
        add_preprocess(writer, size)
    return writer


def _add_networks(writer: Writer, model: str, alpha: float, size: int) -> None:
    """Both paddings share one set of weights, and one picture."""
    for conventions in ("tensorflow", "pytorch"):
        for plain in exact_networks(model, conventions, alpha=alpha, resolution=size):
            named = replace(plain, name=f"{plain.name}-{conventions}")
            try:
                case = exact_case(named, plain.name)
            except ValueError as problem:
                raise ValueError(f"size: {size}: {problem}") from None
            add_exact(writer, model, replace(case, id=named.name), plain.name)
        for unfolded in random_networks(model, conventions, alpha=0.5, resolution=size):
            name = f"{unfolded.name}-{conventions}"
            if name in writer.networks:  # as thin as the one of whole numbers
                name = f"{name}-random"
            add_random(writer, model, replace(unfolded, name=name), name, batch=1)


def add_exact(writer: Writer, suite: str, case: Case, seeds: str, kind: str = "exact") -> None:
    """A case of whole numbers, every layer's output with it; `seeds` begins its tensors' names."""
    network = case.network
    names = [layer.name for layer in network.layers]
    expected = run(network, case.tensors, case.inputs, taps=names)
    drawn = "seed" if kind == "exact" else "addresses"
    layouts = _layouts(network)

    def store(name: str, array: Any, axes: str, made_by: str) -> None:
        writer.store(name, array, suite, axes, made_by)

    for name in network.params():
        store(f"{seeds}/{name}", case.tensors[name], layouts[name], drawn)
    for name, fed in case.inputs.items():
        store(f"{seeds}/{name}", fed, layout_of(fed.shape), drawn)
    for name in names:
        made = expected[name]
        store(f"{case.id}/{name}", made, layout_of(made.shape), "oracle")
    entry = _case(writer, suite, kind, network, len(next(iter(case.inputs.values()))))
    entry["from"] = seeds
    entry["owed"] = list(network.outputs)
    entry["exact_below"] = case.exact_below
    entry["largest_sum"] = largest_sum(network, case.tensors, case.inputs)
    writer.cases[case.id] = entry


def add_random(writer: Writer, suite: str, network: Network, name: str, *, batch: int) -> None:
    """A case of real numbers as recipes: those of `refnet.oracle.suites.random_case`."""
    layouts, params = _layouts(network), network.params()
    for layer, parameter, tensor in _parameters(network):
        recipe = _recipe(layer, parameter, f"{name}/{tensor}")
        writer.draw(recipe, params[tensor], layouts[tensor])
    exponent = reach_of(network).bit_length() - 1  # reaches are powers of two
    for feed, shape in network.inputs.items():
        whole = (batch, *shape)
        writer.draw(Recipe(f"{name}/{feed}", 24, exponent), whole, layout_of(whole))
    entry = _case(writer, suite, "random", network, batch)
    entry["from"] = name
    entry["owed"] = [unit.outputs[0] for unit in units_of(network)]  # what any engine can show
    writer.cases[name] = entry


def _recipe(layer: Layer, parameter: str, name: str) -> Recipe:
    """Weights are divided by the largest 2^k with 3 * 4^k at most the taps that are added up."""
    if parameter in ("variance", "gamma"):
        return Recipe(name, 23, -1, 1)
    if parameter != "weight":
        return Recipe(name, 23)
    shape = layer.params["weight"]
    taps = math.prod(shape[:2] if layer.op == "depthwise_conv2d" else shape[:-1])
    k = -1  # for a single tap
    while 3 * 4 ** (k + 1) <= taps:
        k += 1
    return Recipe(name, 23, -k)


def _case(writer: Writer, suite: str, kind: str, network: Network, batch: int) -> dict[str, Any]:
    data = to_data(network)
    if writer.networks.setdefault(network.name, data) != data:
        raise ValueError(f"network {network.name!r}: two of one name")
    return {"suite": suite, "kind": kind, "network": network.name, "batch": batch}


def _parameters(network: Network) -> Iterable[tuple[Layer, str, str]]:
    """(layer, parameter, its name in a checkpoint) for each."""
    for layer in network.layers:
        for parameter, tensor in zip(layer.params, layer.tensor_names(), strict=True):
            yield layer, parameter, tensor


def _layouts(network: Network) -> dict[str, str]:
    return {
        tensor: layout(layer.op, parameter) for layer, parameter, tensor in _parameters(network)
    }
