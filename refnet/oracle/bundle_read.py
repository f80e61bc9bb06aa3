"""Read a golden bundle back, and refuse a damaged one in a line that says what is damaged.

>>> from tempfile import TemporaryDirectory
>>> from refnet.oracle.bundle import write
>>> with TemporaryDirectory() as folder:
...     _ = write(Path(folder) / "golden", "ops")
...     bundle = read(Path(folder) / "golden")
>>> bundle.case("conv2d-1-exact").exact_below, bundle.cases["conv2d-1"]["kind"]
(2048, 'random')
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refnet.arguments import Shape
from refnet.backend import Case
from refnet.checkpoints.files import check_sha256
from refnet.errors import ChecksumError, one_line
from refnet.network import Network
from refnet.oracle import tensor_file
from refnet.oracle.bundle_format import FORMAT, MANIFEST, SUITES, SUMS, VERSION, Recipe, sums
from refnet.oracle.bundle_network import from_data
from refnet.preprocessing import RECIPES

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Bundle:
    """A whole bundle: its manifest, whose hash is `digest`, and the stored tensors as they lie."""

    path: Path
    manifest: Mapping[str, Any]
    digest: str
    arrays: Mapping[str, Array]

    @property
    def cases(self) -> Mapping[str, Any]:
        """What the manifest says of every case, by its id."""
        found: Mapping[str, Any] = self.manifest["cases"]
        return found

    def case(self, name: str) -> Case:
        """An exact case, a probe or a random case, its tensors drawn or read, in float64.

        `expected` holds every layer that the bundle has; nothing where the case is random.
        """
        said = self.cases[name]
        network = self.network(said["network"])
        source = said["from"]
        tensors = {p: self.tensor(f"{source}/{p}") for p in network.params()}
        inputs = {feed: self.tensor(f"{source}/{feed}") for feed in network.inputs}
        layers = [layer.name for layer in network.layers]
        stored = [layer for layer in layers if f"{name}/{layer}" in self.arrays]
        expected = {layer: self.tensor(f"{name}/{layer}") for layer in stored}
        return Case(name, network, tensors, inputs, expected, said.get("exact_below"))

    def network(self, name: str) -> Network:
        """A network by its name."""
        return from_data(name, self.manifest["networks"][name])

    def tensor(self, name: str) -> Array:
        """A tensor's numbers in float64, drawn or read."""
        said = self.manifest["tensors"][name]
        if "draw" in said:
            draw = said["draw"]
            recipe = Recipe(name, draw["bits"], draw["exponent"], draw["offset"])
            if recipe.data() != draw:
                raise ValueError(f"tensor {name!r}: seed {draw['seed']}, which is not its name's")
            return recipe.draw(tuple(said["shape"]))
        values: Array = self.arrays[name].astype(np.float64) * 2.0 ** said["exponent"]
        return values


def read(folder: Path) -> Bundle:
    """The bundle in a folder, every byte of it checked.

    Raises FileNotFoundError for a file that is not there, ChecksumError for bytes that are not
    those that were written, and ValueError for a manifest of another version, for a tensor that
    is missing or has another shape or type, and for networks that contradict their tensors.
    """
    manifest, digest = _manifest(folder)
    try:
        bundle = Bundle(folder, manifest, digest, _arrays(folder, manifest))
        _check_cases(bundle)
    except (KeyError, TypeError, AttributeError, IndexError) as problem:
        what = f"{type(problem).__name__} {one_line(problem)}"
        raise ValueError(
            f"{folder / MANIFEST}: not a manifest of version {VERSION} ({what})"
        ) from None
    return bundle


def _manifest(folder: Path) -> tuple[dict[str, Any], str]:
    """The manifest, checked against SHA256SUMS, and its hash."""
    path = folder / MANIFEST
    text, listed = path.read_bytes(), (folder / SUMS).read_bytes()
    digest = hashlib.sha256(text).hexdigest()
    check_sha256(path, _listed(listed, folder / SUMS))
    try:
        manifest = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{path}: not JSON") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ValueError(f"{path}: not the manifest of a {FORMAT}")
    if manifest.get("version") != VERSION:
        raise ValueError(f"{path}: version {manifest.get('version')!r}, expected {VERSION}")
    try:
        told = sums(digest, manifest["files"]).encode()
    except (KeyError, TypeError, AttributeError):
        raise ValueError(f"{path}: its list of files is not one of version {VERSION}") from None
    if told != listed:
        raise ChecksumError(f"{folder / SUMS}: lists other files than {MANIFEST}")
    return manifest, digest


def _listed(text: bytes, path: Path) -> str:
    """The manifest's hash, from the first line."""
    line = text.split(b"\n")[0].decode("ascii", "replace").split()
    if len(line) != 2 or line[1] != MANIFEST:
        raise ChecksumError(f"{path}: begins with {' '.join(line)!r}, expected {MANIFEST}'s hash")
    return line[0]


def _arrays(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Array]:
    """All stored tensors; a damaged one is named before the file that it lies in."""
    held: dict[str, dict[str, Array]] = {}
    for name in manifest["files"]:
        if Path(name).name != name:
            raise ValueError(f"{folder / MANIFEST}: file {name!r} lies outside the bundle")
        if name.endswith(".safetensors"):
            held[name], _ = tensor_file.read(folder / name)
    arrays = {}
    for name, said in manifest["tensors"].items():
        if "draw" not in said:
            arrays[name] = _checked(folder / said["file"], name, held[said["file"]].get(name), said)
    for name, said in manifest["files"].items():
        check_sha256(folder / name, said["sha256"], said["bytes"])
    return arrays


def _checked(path: Path, name: str, array: Array | None, said: Mapping[str, Any]) -> Array:
    if array is None:
        raise ValueError(f"{path}: tensor {name!r} is missing")
    if list(array.shape) != said["shape"]:
        shape = tuple(said["shape"])
        raise ValueError(f"{path}: tensor {name!r} has shape {array.shape}, expected {shape}")
    kind = tensor_file.NAMES[array.dtype.newbyteorder("<")]
    if kind != said["dtype"]:
        raise ValueError(f"{path}: tensor {name!r} is {kind}, expected {said['dtype']}")
    found = hashlib.sha256(tensor_file.raw(array)).hexdigest()
    if found != said["sha256"]:
        owed = said["sha256"]
        raise ChecksumError(
            f"{path}: tensor {name!r} has SHA-256 {found[:16]}..., expected {owed[:16]}..."
        )
    return array


def _check_cases(bundle: Bundle) -> None:
    """Every case has a network and tensors that fit it, or a picture and a recipe."""
    tensors = bundle.manifest["tensors"]
    for case, said in bundle.cases.items():
        if said["suite"] not in SUITES:
            raise ValueError(f"{bundle.path / MANIFEST}: case {case!r}: suite {said['suite']!r}")
        for name, shape in _needed(bundle, case, said).items():
            entry = tensors.get(name)
            if entry is None or tuple(entry["shape"]) != shape:
                found = "missing" if entry is None else f"{tuple(entry['shape'])}"
                raise ValueError(
                    f"{bundle.path / MANIFEST}: case {case!r}: tensor {name!r} is {found}, "
                    f"expected {shape}"
                )


def _needed(bundle: Bundle, case: str, said: Mapping[str, Any]) -> dict[str, Shape]:
    """The shapes of all tensors that a case is made of."""
    if said["kind"] == "preprocess":
        if said["recipe"] not in RECIPES:
            raise ValueError(f"{bundle.path}: recipe {said['recipe']!r} is not known")
        pixels = bundle.manifest["pictures"][said["picture"]]["pixels"]
        side = said["resolution"]
        return {f"{case}/tensor": (1, side, side, 3), pixels: bundle.arrays[pixels].shape}
    network, batch, source = bundle.network(said["network"]), said["batch"], said["from"]
    shapes = network.shapes(batch)
    needed = {f"{source}/{name}": shape for name, shape in network.params().items()}
    needed |= {f"{source}/{feed}": shapes[feed] for feed in network.inputs}
    if said["kind"] != "random":
        needed |= {f"{case}/{layer.name}": shapes[layer.name] for layer in network.layers}
    return needed
