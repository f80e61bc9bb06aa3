"""The options that name an architecture, shared by the verbs that build one."""

from __future__ import annotations

import argparse
from typing import Any

from refnet.models import MODELS, build
from refnet.network import CONVENTIONS, Network


def add_model(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """The name of a model."""
    nargs = None if required else "?"
    parser.add_argument("model", metavar="MODEL", nargs=nargs, help=", ".join(MODELS))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--alpha, --resolution and so on; what is not given is left to the model."""
    parser.add_argument("--alpha", type=float, help="width multiplier (1.0)")
    parser.add_argument("--resolution", type=int, help="side of the input image (224)")
    parser.add_argument(
        "--shallow", action="store_const", const=True, help="v1 without its five middle blocks"
    )
    parser.add_argument("--expansion", type=int, help="v2's expansion factor t (6)")
    parser.add_argument("--divisor", type=int, help="v2's channels are a multiple of this (8)")
    parser.add_argument("--backbone", metavar="v1|v2", help="of deeplab and ssdlite (v2)")
    parser.add_argument("--output-stride", type=int, metavar="N", help="deeplab's, 16 or 8 (16)")
    parser.add_argument(
        "--aspp", action="store_const", const=True, help="deeplab with the whole pyramid"
    )
    parser.add_argument(
        "--full-heads", dest="lite", action="store_const", const=False,
        help="ssdlite with SSD's heads",
    )  # fmt: skip


def options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options that were given.

    >>> parser = argparse.ArgumentParser()
    >>> add_arguments(parser)
    >>> options(parser.parse_args(["--alpha", "0.5", "--shallow"]))
    {'alpha': 0.5, 'shallow': True}
    """
    known = ("alpha", "resolution", "shallow", "expansion", "divisor", "backbone", "output_stride",
             "aspp", "lite")  # fmt: skip
    given = {name: getattr(arguments, name) for name in known}
    return {name: value for name, value in given.items() if value is not None}


def network(
    model: str,
    options: dict[str, Any],
    *,
    conventions: str = "tensorflow",
    classes: int | None = None,
    batch_norm: bool = True,
) -> Network:
    """The network; an option that the model does not have is refused by name.

    >>> network("v1", {"expansion": 6})
    Traceback (most recent call last):
    ...
    ValueError: v1 has no option 'expansion'; it takes alpha, ...
    """
    if conventions not in CONVENTIONS:
        raise ValueError(f"conventions: {conventions!r}, expected {', '.join(CONVENTIONS)}")
    return build(
        model,
        conventions=CONVENTIONS[conventions],
        classes=classes,
        batch_norm=batch_norm,
        **options,
    )


def parse(word: str) -> Network:
    """The folded network of a name with options.

    >>> parse("v1:alpha=0.5,resolution=160").name
    'mobilenet_v1_0.5_160'
    >>> parse("ssdlite:backbone=v1,lite=false").name
    'ssd_v1_1.0_300'
    """
    model, _, listed = word.partition(":")
    given: dict[str, Any] = {}
    for pair in filter(None, listed.split(",")):
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"{word}: {pair!r}, expected OPTION=NUMBER")
        if name in ("conventions", "batch_norm"):
            raise ValueError(f"{word}: {name!r} does not change what is compared")
        given[name] = value if name == "backbone" else _number(value, word)
    return build(model, batch_norm=False, **given)


def _number(value: str, word: str) -> int | float | bool:
    for read in (int, float):
        try:
            return read(value)
        except ValueError:
            pass
    if value in ("true", "false"):
        return value == "true"
    raise ValueError(f"{word}: {value!r}, expected a number, true or false")
