"""What is evaluated: a checkpoint, by a preprocessing, on an engine.

>>> variant = variants(["v1"], [], ["fast"])[0]
>>> variant.title, variant.classes, variant.offset
('mobilenet_v1_1.0_224, tf-slim, fast', 1001, 1)
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from refnet import __version__
from refnet.checkpoints import Checkpoint, load, manifest
from refnet.cost import macs, parameters
from refnet.oracle import adapters
from refnet.oracle.environment import environment
from refnet.preprocessing import RECIPES

OWN = ("fast", "reference")


@dataclass(frozen=True)
class Variant:
    """One column of a report, and all on which its numbers depend.

    model: a short name or a file, as `refnet.load` takes it; tensors: their SHA-256, so that no
    other file of that name is taken for it; classes: the network's outputs; offset: how many of
    them stand before class 0; versions: of refnet and of the engine.

    >>> Variant("v2", "net", "squash", "fast", "", 1000, 0, 1, 1, "").title
    'net, squash, fast'
    """

    model: str
    network: str
    recipe: str
    engine: str
    tensors: str
    classes: int
    offset: int
    macs: int
    parameters: int
    versions: str

    @property
    def title(self) -> str:
        """What a person calls it."""
        return f"{self.network}, {self.recipe}, {self.engine}"

    @property
    def key(self) -> str:
        """A name for its files, another for whatever differs."""
        told = re.sub(r"[^\w.-]+", "_", "-".join((self.network, self.recipe, self.engine)))
        facts = {name: value for name, value in asdict(self).items() if name != "model"}
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        return f"{told}-{digest[:8]}"


def variants(
    models: Sequence[str], recipes: Sequence[str], engines: Sequence[str]
) -> list[Variant]:
    """Every model with every recipe (its own, if none is given) on every engine.

    Raises ValueError for an unknown word, for an engine that is not installed, and for a network
    that does not end in one row of classes.
    """
    made: list[Variant] = []
    for model in models:
        checkpoint = load(model)
        for recipe in recipes or (checkpoint.preprocessing,):
            made += [variant(model, recipe, engine, checkpoint) for engine in engines]
    return list(dict.fromkeys(made))


def variant(model: str, recipe: str, engine: str, checkpoint: Checkpoint | None = None) -> Variant:
    """One of them; see `variants`."""
    checkpoint = checkpoint or load(model)
    check_engine(engine)
    if recipe not in RECIPES:
        raise ValueError(f"--preprocess: {recipe!r}, expected one of {', '.join(RECIPES)}")
    rows, columns = checkpoint.resolution
    if rows != columns:
        raise ValueError(f"--model: takes {rows} x {columns}, but recipes make squares only")
    network = checkpoint.network
    shapes = network.shapes()
    if len(network.outputs) != 1 or len(shapes[network.outputs[0]]) != 2:
        raise ValueError(f"--model: {network.name} does not end in one row of classes")
    classes = shapes[network.outputs[0]][1]
    versions = [f"refnet {__version__}"]
    if engine not in OWN and (said := environment(engine).get("engine")):
        versions.append(said)
    return Variant(
        model=model,
        network=network.name,
        recipe=recipe,
        engine=engine,
        tensors=digest(checkpoint),
        classes=classes,
        offset=1 if checkpoint.labels == "imagenet" and classes == 1001 else 0,
        macs=macs(network),
        parameters=parameters(checkpoint.fold().network),
        versions=", ".join(versions),
    )


def check_engine(name: str) -> None:
    """Refuse an engine that is not known or not installed."""
    if name not in OWN:
        try:
            adapters.find(name)
        except ValueError as problem:
            raise ValueError(f"--engine: {problem}; refnet's own are {', '.join(OWN)}") from None


def digest(checkpoint: Checkpoint) -> str:
    """The SHA-256 of all tensors by name: which numbers these are, whatever file holds them."""
    found = hashlib.sha256()
    for name in sorted(checkpoint.tensors):
        tensor = checkpoint.tensors[name]
        found.update(f"{name} {tensor.dtype.str} {tensor.shape}\n".encode())
        found.update(tensor.tobytes())
    return found.hexdigest()


def words(text: str, base: tuple[str, str, str]) -> tuple[str, str, str]:
    """(model, recipe, engine) of an operand of --against; what it does not say is the base's.

    >>> words("squash", ("v1", "tf-slim", "fast"))
    ('v1', 'squash', 'fast')
    >>> words("v2,onnxruntime", ("v1", "", "fast"))
    ('v2', '', 'onnxruntime')

    A comma stands between words: a recipe, an engine, or a model (a short name or a file).
    """
    model, recipe, engine = base
    known = {*manifest.names()}
    for word in filter(None, (part.strip() for part in text.split(","))):
        if word in RECIPES:
            recipe = word
        elif word in OWN or word in adapters.CLASSES:
            engine = word
        elif word in known or word.rpartition(".")[2] in ("safetensors", "tflite", "pth"):
            model = word
        elif ":" in word:
            engine = word
        else:
            raise ValueError(f"--against: {word!r} is no recipe, engine or model")
    return model, recipe, engine
