"""The engines that `refnet bench` knows: what each needs installed, and its rows of the table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from refnet.apps.bench.files import ONNX, TFLITE

HERE = "refnet.apps.bench.engines"


@dataclass(frozen=True)
class Entry:
    """One engine in one setting: a row of the table.

    build: "module:function" that takes a Job and gives an Engine, in the engine's own process.
    own_threads: the engine divides the work itself, so that its BLAS keeps to one thread.
    allocates: at every call, so that its time depends on what malloc does with freed memory.
    """

    name: str
    build: str
    options: Mapping[str, Any] = field(default_factory=dict)
    own_threads: bool = False
    allocates: bool = False
    version: str = ""


@dataclass(frozen=True)
class Peer:
    """An engine: the modules that it cannot do without, as what they are installed, its rows.

    >>> PEERS["torch"].missing() in ({}, {"torch": "torch"})
    True
    """

    entries: tuple[Entry, ...]
    needs: Mapping[str, str] = field(default_factory=dict)
    file: str = ""

    def missing(self) -> dict[str, str]:
        """What it needs and is not installed."""
        return {module: name for module, name in self.needs.items() if find_spec(module) is None}


REFNET = Entry("refnet", f"{HERE}:refnet", own_threads=True)
FLOOR = Entry("GEMM floor", f"{HERE}:gemm_floor", own_threads=True)

# The first module that a peer needs is the one whose version is told.
PEERS = {
    "onnxruntime": Peer(
        (Entry("onnxruntime", f"{HERE}:onnxruntime"),),
        {"onnxruntime": "onnxruntime", "onnx": "onnx"},
        ONNX,
    ),
    "torch": Peer(
        (
            Entry("torch channels_last", f"{HERE}:torch", {"channels_last": True}, allocates=True),
            Entry("torch NCHW", f"{HERE}:torch", {"channels_last": False}, allocates=True),
        ),
        {"torch": "torch"},
    ),
    "litert": Peer(
        (Entry("litert", f"{HERE}:litert"),), {"ai_edge_litert": "ai-edge-litert"}, TFLITE
    ),
    "opencv": Peer(
        (Entry("opencv", f"{HERE}:opencv"),),
        {"cv2": "opencv-python-headless", "onnx": "onnx"},
        ONNX,
    ),
    "openvino": Peer(
        (Entry("openvino", f"{HERE}:openvino"),), {"openvino": "openvino", "onnx": "onnx"}, ONNX
    ),
    "onnx.reference": Peer(
        (Entry("onnx.reference", f"{HERE}:onnx_reference", allocates=True),), {"onnx": "onnx"}, ONNX
    ),
    "ops": Peer((Entry("ops", f"{HERE}:ops", allocates=True),)),
}


def chosen(words: str | None) -> dict[str, Peer]:
    """The peers of a comma-separated list, in its order; all for None, none for "none".

    >>> list(chosen("litert,torch")), list(chosen("none"))
    (['litert', 'torch'], [])
    >>> chosen("abacus")
    Traceback (most recent call last):
    ...
    ValueError: --against: 'abacus', expected some of onnxruntime, torch, litert, ..., or none
    """
    if words is None:
        return dict(PEERS)
    if words == "none":
        return {}
    names = [word.strip() for word in words.split(",")]
    for name in names:
        if name not in PEERS:
            raise ValueError(f"--against: {name!r}, expected some of {', '.join(PEERS)}, or none")
    return {name: PEERS[name] for name in names}


def absent(peers: Mapping[str, Peer]) -> dict[str, str]:
    """For each peer that cannot run here, the command that mends it."""
    found = {name: peer.missing() for name, peer in peers.items()}
    return {
        name: f"pip install {' '.join(missing.values())}"
        for name, missing in found.items()
        if missing
    }


def refnet_entries(without: Iterable[str], *, each_trick: bool) -> list[Entry]:
    """refnet without some tricks, and, if asked, once more for each trick without it alone.

    >>> [entry.name for entry in refnet_entries([], each_trick=True)][:2]
    ['refnet', 'without direct_calls']
    """
    from dataclasses import replace

    from refnet.engine import Tricks

    gone = tuple(without)
    Tricks.without(*gone)  # refuses a name that it does not know
    entries = [replace(REFNET, options={"without": gone})]
    if each_trick:
        entries += [
            replace(REFNET, name=f"without {name}", options={"without": (*gone, name)})
            for name in Tricks.names()
            if name not in gone
        ]
    return entries
