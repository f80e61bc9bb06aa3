"""The Checkpoint: network, tensors, preprocessing, labels, provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from refnet.folding import fold
from refnet.models import build
from refnet.network import Conventions, Network
from refnet.run import check_tensors

Array = np.ndarray[Any, Any]

FORMAT = 1  # of the description below; another number is refused, not guessed at


@dataclass(frozen=True)
class Provenance:
    """Which upstream file a checkpoint was made of, under which licence, by what.

    >>> from refnet.checkpoints import load
    >>> load("v1").provenance.converter
    'refnet weights convert mobilenet_v1_1.0_224.tflite --as v1'
    """

    file: str
    sha256: str
    licence: str
    converter: str


@dataclass(frozen=True)
class Checkpoint:
    """A network, its tensors, and all that is needed to use them rightly.

    >>> from refnet.checkpoints import load
    >>> checkpoint = load("v2")
    >>> checkpoint.network.name, checkpoint.network.conventions.padding, checkpoint.preprocessing
    ('mobilenet_v2_1.0_224', 'symmetric', 'torchvision')

    model, options: the arguments of `models.build` that give `network`.
    preprocessing: the name of the recipe that the network was trained or measured with.
    labels: "imagenet", or "" where the classes have numbers only.
    """

    model: str
    options: Mapping[str, Any]
    network: Network
    tensors: Mapping[str, Array]
    preprocessing: str
    labels: str
    provenance: Provenance

    def __post_init__(self) -> None:
        check_tensors(self.network, self.tensors)
        for name in self.tensors:
            if name not in self.network.params():
                raise ValueError(f"tensors: {name!r} belongs to no layer of {self.network.name}")
        for name, tensor in self.tensors.items():
            bad = tensor.size - int(np.count_nonzero(np.isfinite(tensor)))
            if bad:
                raise ValueError(
                    f"tensors: {name!r} holds {bad} NaN or infinite of {tensor.size} numbers"
                )

    @property
    def resolution(self) -> tuple[int, int]:
        """Rows and columns of the image that the network takes."""
        rows, columns, _ = self.network.input_shape
        return rows, columns

    def fold(self, dtype: Any = np.float64) -> Checkpoint:
        """The same checkpoint with its batch norms folded into the convolutions.

        >>> from refnet.checkpoints import load
        >>> unfolded = load("v2")
        >>> len(unfolded.tensors), len(unfolded.fold().tensors)
        (262, 106)
        """
        network, tensors = fold(self.network, self.tensors, dtype)
        return replace(self, network=network, tensors=tensors)

    def description(self) -> dict[str, Any]:
        """All but the tensors, as plain data: what a checkpoint file says of itself."""
        assert self.network.conventions is not None
        return {
            "format": FORMAT,
            "made_by": self.provenance.converter,
            "model": self.model,
            "options": dict(self.options),
            "conventions": asdict(self.network.conventions),
            "batch_norm": any(layer.op == "batch_norm" for layer in self.network.layers),
            "preprocessing": self.preprocessing,
            "labels": self.labels,
            "upstream": {
                "file": self.provenance.file,
                "sha256": self.provenance.sha256,
                "licence": self.provenance.licence,
            },
        }


def describe(description: Mapping[str, Any], tensors: Mapping[str, Array]) -> Checkpoint:
    """The checkpoint that a description and its tensors make; the inverse of `description`.

    >>> from refnet.checkpoints import load
    >>> checkpoint = load("v1")
    >>> describe(checkpoint.description(), checkpoint.tensors).network == checkpoint.network
    True
    """
    if not isinstance(description, Mapping):
        raise ValueError(f"description: a {type(description).__name__}, expected an object")
    if description.get("format") != FORMAT:
        raise ValueError(f"format: {description.get('format')!r}, expected {FORMAT}")
    from refnet.preprocessing import RECIPES  # Pillow is not needed to import refnet

    try:
        if description["preprocessing"] not in RECIPES:
            known = ", ".join(RECIPES)
            raise ValueError(f"preprocessing: {description['preprocessing']!r}, expected {known}")
        network = build(
            description["model"],
            conventions=Conventions(**description["conventions"]),
            batch_norm=description["batch_norm"],
            **description["options"],
        )
        upstream = description["upstream"]
        provenance = Provenance(
            upstream["file"], upstream["sha256"], upstream["licence"], description["made_by"]
        )
        return Checkpoint(
            description["model"],
            description["options"],
            network,
            tensors,
            description["preprocessing"],
            description["labels"],
            provenance,
        )
    except (KeyError, TypeError, AttributeError) as problem:
        raise ValueError(f"description: {problem} is missing or does not fit") from None
