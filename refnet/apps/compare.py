"""`refnet compare v1 v2 vgg16`: networks side by side."""

from __future__ import annotations

import argparse
import json

from refnet.apps import architecture
from refnet.cost.ledger import PARAMETERS, ledger
from refnet.cost.memory import largest_activation, peak_bytes, traffic
from refnet.layer import KERNEL_OPS
from refnet.network import Network
from refnet.tables import align, flush_right


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        "models",
        metavar="MODEL",
        nargs="+",
        help="a name, or a name with options as in v1:alpha=0.5,resolution=160",
    )
    parser.add_argument("--json", action="store_true", help="the same as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print a column a network."""
    found = [figures(architecture.parse(word)) for word in arguments.models]
    if arguments.json:
        print(json.dumps(found, indent=1))
        return 0
    rows = [("", *(str(column["network"]) for column in found))]
    for key in found[0]:
        if key != "network":
            rows.append((key, *(_text(column[key]) for column in found)))
    first = found[0]
    for key in ("MACs, all taps", "parameters"):
        ratios = [f"{float(column[key]) / float(first[key]):.3f}" for column in found]
        rows.append((f"{key} / the first's", *ratios))
    print(align(flush_right(rows, 1)))
    return 0


def figures(network: Network) -> dict[str, str | int | float]:
    """What is compared, folded, for one image of float32 numbers.

    >>> found = figures(architecture.parse("v1"))
    >>> found["MACs, all taps"], found["MACs, executed"], found["parameters"]
    (568740352, 567875744, 4221032)
    """
    book, moved = ledger(network), traffic(network)
    total = sum(t.moved for t in moved)
    macs = book.total("macs")
    return {
        "network": network.name,
        "layers with weights": sum(layer.op in KERNEL_OPS for layer in network.layers),
        "MACs, all taps": macs,
        "MACs, executed": book.total("executed macs"),
        "parameters": book.total(*PARAMETERS),
        "residual additions": book.total("residual additions"),
        "largest activation": largest_activation(network)[1],
        "peak activations, bytes": peak_bytes(network),
        "bytes moved": total,
        "MAC/byte": round(macs / total, 2),
    }


def _text(value: str | float) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
