"""`refnet cost MODEL`: the ledger of a network, or of one layer, standard beside separable."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from refnet.apps import architecture
from refnet.arguments import check_count
from refnet.cost.counters import TOOLS, beside, explain
from refnet.cost.formulas import (
    depthwise_macs,
    depthwise_weights,
    pointwise_macs,
    separable_ratio,
    standard_macs,
    standard_weights,
)
from refnet.cost.ledger import PARAMETERS, UNITS, Ledger, ledger
from refnet.cost.memory import largest_activation, peak_bytes, traffic
from refnet.geometry import Padding, axes
from refnet.network import Network
from refnet.tables import Row, align, flush_right


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    architecture.add_model(parser, required=False)
    architecture.add_arguments(parser)
    parser.add_argument("--classes", type=int, help="outputs of the classifier (1000)")
    parser.add_argument(
        "--batch-norm", action="store_true", help="before folding, with its batch norms"
    )
    parser.add_argument("--per-layer", action="store_true", help="a line for each layer")
    parser.add_argument(
        "--kind", action="append", choices=UNITS, metavar="KIND", help=", ".join(UNITS)
    )
    parser.add_argument(
        "--sort", choices=UNITS, metavar="KIND", help="the layers with most of this kind first"
    )
    parser.add_argument(
        "--as",
        dest="tool",
        choices=(*TOOLS, "all"),
        metavar="TOOL",
        help=f"as {', '.join(TOOLS)} counts; all: a line for each",
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the layers' shares to FILE")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="the ledger's rows as JSON")
    form.add_argument("--csv", action="store_true", help="the ledger's rows as CSV")
    single = parser.add_argument_group("one layer instead of a network")
    single.add_argument("--layer", nargs=4, type=int, metavar=("D_K", "M", "N", "D_F"))
    single.add_argument("--stride", type=int, default=1, help="(1)")
    single.add_argument(
        "--padding", default="same", help="same, valid or TOP,BOTTOM,LEFT,RIGHT (same)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print, and draw if asked."""
    if (arguments.model is None) == (arguments.layer is None):
        raise ValueError("cost: expected either MODEL or --layer D_K M N D_F")
    _refuse_idle(arguments)
    if arguments.layer:
        D_K, M, N, D_F = arguments.layer
        found = one_layer(D_K, M, N, D_F, arguments.stride, _padding(arguments.padding))
        print(json.dumps(found, indent=1) if arguments.json else _layer_text(found))
        return 0
    network = architecture.network(
        arguments.model,
        architecture.options(arguments),
        classes=arguments.classes,
        batch_norm=arguments.batch_norm
        or (arguments.model in ("v1", "v2") and bool(arguments.tool)),
    )
    if arguments.tool:
        everyone = arguments.tool == "all"
        print(beside(network) if everyone else explain(network, arguments.tool))
        return 0
    book = ledger(network)
    if arguments.sort:
        book = _sorted(book, arguments.sort)
    if arguments.kind:
        book = book.only(*arguments.kind)
    if arguments.plot:
        from refnet.apps import cost_picture

        cost_picture.draw(network, arguments.plot)
    if arguments.json:
        print(book.to_json())
    elif arguments.csv:
        print(book.to_csv(), end="")
    elif arguments.per_layer or arguments.sort:
        print(_kinds(book, arguments.kind) if arguments.kind else per_layer(network, book))
    else:
        print(book if arguments.kind else f"{book}\n\n{_memory(network)}")
    return 0


def _refuse_idle(arguments: argparse.Namespace) -> None:
    """No option is passed over in silence."""
    network = ("alpha", "resolution", "shallow", "expansion", "divisor", "classes", "batch_norm")
    table = ("per_layer", "kind", "sort", "csv", "plot")
    idle: tuple[str, ...] = ()
    job = ""
    if arguments.layer:
        idle, job = (*network, *table, "tool"), "--layer"
    elif arguments.tool:
        idle, job = (*table, "json", "batch_norm"), "--as"
    given = [name for name in idle if getattr(arguments, name)]
    if not arguments.layer and (arguments.stride != 1 or arguments.padding != "same"):
        given, job = ["stride or padding"], "a whole network"
    if given:
        option = given[0].replace("_", "-").replace("tool", "as")
        raise ValueError(f"--{option}: has no meaning with {job}")


def per_layer(network: Network, book: Ledger) -> str:
    """One line a layer, in the ledger's order: the products, the numbers, the bytes.

    >>> network = architecture.parse("v1:resolution=32")
    >>> print("\\n".join(per_layer(network, ledger(network)).splitlines()[:3]))
    mobilenet_v1_1.0_32
    layer                    output             MACs   executed  parameters  bytes moved  MAC/byte
    stem                     16 x 16 x 32    221,184    212,064         896       48,640      4.55
    """
    moved = {t.layer: t for t in traffic(network)}
    shapes = network.shapes()
    rows = [("layer", "output", "MACs", "executed", "parameters", "bytes moved", "MAC/byte")]
    for name, counts in book.by_layer().items():
        t = moved[name]
        rows.append(
            (
                name,
                " x ".join(map(str, shapes[name][1:])),
                f"{counts.get('macs', 0):,}",
                f"{counts.get('executed macs', 0):,}",
                f"{sum(counts.get(kind, 0) for kind in PARAMETERS):,}",
                f"{t.moved:,}",
                f"{float(t.intensity):.2f}",
            )
        )
    return f"{network.name}\n{align(flush_right(rows, 2))}"


def one_layer(D_K: int, M: int, N: int, D_F: int, stride: int, padding: Padding) -> dict[str, Any]:
    """A standard layer beside the separable one that takes its place.

    >>> found = one_layer(3, 32, 64, 112, 1, "same")
    >>> found["standard"]["weights"], found["separable"]["weights"], found["ratio"]
    (18432, 2336, '73/576')
    """
    for name, count in (("D_K", D_K), ("M", M), ("N", N), ("D_F", D_F)):
        check_count(count, name)
    at: dict[str, Any] = {"stride": stride, "padding": padding}
    rows, columns = axes((D_F, D_F), (D_K, D_K), stride=stride, padding=padding)
    parts = {
        "standard": {
            "macs": standard_macs(D_K, M, N, D_F, **at),
            "executed macs": standard_macs(D_K, M, N, D_F, **at, counting="executed"),
            "weights": standard_weights(D_K, M, N),
        },
        "depthwise": {
            "macs": depthwise_macs(D_K, M, D_F, **at),
            "executed macs": depthwise_macs(D_K, M, D_F, **at, counting="executed"),
            "weights": depthwise_weights(D_K, M),
        },
        "pointwise": dict.fromkeys(
            ("macs", "executed macs"), pointwise_macs(M, N, (rows.output, columns.output))
        )
        | {"weights": standard_weights(1, M, N)},
    }
    parts["separable"] = {
        key: parts["depthwise"][key] + parts["pointwise"][key] for key in parts["standard"]
    }
    given = {"D_K": D_K, "M": M, "N": N, "D_F": D_F, "D_G": [rows.output, columns.output], **at}
    return {"layer": given, **parts, "ratio": str(separable_ratio(D_K, N))}


def _layer_text(found: dict[str, Any]) -> str:
    said = found["layer"]
    rows: list[Row] = [("", "MACs, all taps", "MACs, executed", "weights")]
    for part in ("standard", "depthwise", "pointwise", "separable"):
        rows.append((part, *(f"{count:,}" for count in found[part].values())))
    shares = [
        f"{found['separable'][key] / found['standard'][key]:.6f}" for key in found["standard"]
    ]
    rows.append(("separable / standard", *shares))
    G, padding = said["D_G"], said["padding"]
    return (
        f"D_K = {said['D_K']}, M = {said['M']}, N = {said['N']}, D_F = {said['D_F']}, "
        f"stride {said['stride']}, padding {padding}: D_G = {G[0]} x {G[1]}\n\n"
        f"{align(flush_right(rows, 1))}\n\n"
        f"1/N + 1/D_K^2 = {found['ratio']}, of all taps and of weights"
    )


def _memory(network: Network) -> str:
    layers = traffic(network)
    moved = sum(t.moved for t in layers)
    intensity = sum(t.macs for t in layers) / moved
    name, elements = largest_activation(network)
    return align(
        [
            ("peak of activations", f"{peak_bytes(network):,} bytes"),
            ("largest activation", f"{elements:,} numbers, {name}"),
            (
                "moved in all",
                f"{moved:,} bytes, {intensity:.2f} MAC/byte",
            ),
        ]
    )


def _kinds(book: Ledger, kinds: list[str]) -> str:
    rows = [("layer", *kinds)]
    for name, counts in book.by_layer().items():
        rows.append((name, *(f"{counts.get(kind, 0):,}" for kind in kinds)))
    return f"{book.name}\n{align(flush_right(rows, 1))}"


def _sorted(book: Ledger, kind: str) -> Ledger:
    """All rows, those of the layers with the most of one kind first."""
    most = {name: counts.get(kind, 0) for name, counts in book.by_layer().items()}
    return book.sorted(lambda row: -most[row.layer])


def _padding(word: str) -> Padding:
    if word == "same":
        return "same"
    if word == "valid":
        return "valid"
    try:
        top, bottom, left, right = (int(number) for number in word.split(","))
    except ValueError:
        raise ValueError(
            f"--padding: {word!r}, expected same, valid or TOP,BOTTOM,LEFT,RIGHT"
        ) from None
    return top, bottom, left, right
