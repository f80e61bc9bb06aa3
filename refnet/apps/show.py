"""`refnet show MODEL`: the architecture as its paper prints it, and what it adds up to."""

from __future__ import annotations

import argparse

from refnet.apps import architecture
from refnet.cost import macs, parameters
from refnet.network import CONVENTIONS, Network
from refnet.tables import align


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    architecture.add_model(parser)
    architecture.add_arguments(parser)
    parser.add_argument("--classes", type=int, help="outputs of the classifier (1000)")
    parser.add_argument(
        "--conventions", default="tensorflow", choices=CONVENTIONS, help="(tensorflow)"
    )
    parser.add_argument(
        "--layers", action="store_true", help="every layer by name, as taps are asked for"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    network = architecture.network(
        arguments.model,
        architecture.options(arguments),
        conventions=arguments.conventions,
        classes=arguments.classes,
        batch_norm=False,
    )
    print(_layers(network) if arguments.layers else network)
    said = network.conventions
    assert said is not None
    print()
    print(f"{macs(network):,} multiply-accumulates an image, {parameters(network):,} parameters")
    print(
        f"(all taps counted, padding included; batch norm folded; {said.classes} classes; "
        f"{said.padding} padding, {said.activation})"
    )
    return 0


def _layers(network: Network) -> str:
    shapes = network.shapes()
    rows = [("Layer", "Operation", "Reads", "Output")]
    for layer in network.layers:
        output = " x ".join(map(str, shapes[layer.name][1:]))
        rows.append((layer.name, layer.op, ", ".join(layer.inputs), output))
    return f"{network.name}\n{align(rows)}"
