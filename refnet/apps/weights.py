"""`refnet weights list | verify | fetch NAME | convert FILE --as MODEL`."""

from __future__ import annotations

import argparse
from pathlib import Path

from refnet.apps import architecture
from refnet.checkpoints import fetched, manifest
from refnet.network import CONVENTIONS
from refnet.tables import align


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own verbs."""
    verbs = parser.add_subparsers(metavar="WHAT", required=True)
    listing = verbs.add_parser("list", help="the checkpoints that refnet knows")
    listing.set_defaults(run=_list)
    verify = verbs.add_parser(
        "verify", help="check hashes, numbers, and that the upstream files give the same bits"
    )
    verify.add_argument(
        "--fetch", action="store_true", help="download upstream files that are not in the cache"
    )
    verify.set_defaults(run=_verify)
    fetch = verbs.add_parser("fetch", help="download a checkpoint's upstream file to the cache")
    fetch.add_argument(
        "name", metavar="NAME", help=", ".join([*manifest.ALIASES, *fetched.ALIASES])
    )
    fetch.set_defaults(run=_fetch)
    convert = verbs.add_parser("convert", help="make a checkpoint of another framework's file")
    convert.add_argument(
        "file", metavar="FILE", type=Path, help=".tflite .pth .h5 .caffemodel .json"
    )
    convert.add_argument(
        "--as", dest="model", metavar="MODEL", required=True, help="what FILE holds: v1, v2, ..."
    )
    architecture.add_arguments(convert)
    convert.add_argument(
        "--conventions", choices=CONVENTIONS, help="padding, epsilon, activation (FILE's format's)"
    )
    convert.add_argument("--preprocess", metavar="RECIPE", help="(that of FILE's format)")
    convert.add_argument("--licence", default="not stated", help="recorded in the checkpoint")
    convert.add_argument(
        "-o", "--output", type=Path, metavar="OUT", help="(FILE's name with .safetensors)"
    )
    convert.set_defaults(run=_convert)


def _list(_: argparse.Namespace) -> int:
    rows = [("name", "short", "size", "licence", "what it is")]
    short = {name: alias for alias, name in manifest.ALIASES.items()}
    for name, entry in manifest.entries().items():
        size = f"{entry.bytes / 1e6:.1f} MB"
        rows.append((name, short.get(name, ""), size, entry.licence, entry.description))
    for name, other in fetched.entries().items():
        size = f"{sum(said['bytes'] for said in other.files.values()) / 1e6:.1f} MB"
        alias = {full: word for word, full in fetched.ALIASES.items()}.get(name, "")
        rows.append((name, alias, size, other.licence, f"{other.description} (fetched)"))
    print(align(rows))
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from refnet.checkpoints.verify import verify

    marks = {True: "ok", False: "FAILS", None: "not checked"}
    failed = 0
    for finding in verify(fetching=arguments.fetch):
        print(f"{marks[finding.holds]:11}  {finding.name}: {finding.what}", flush=True)
        failed += finding.holds is False
    return 2 if failed else 0


def _fetch(arguments: argparse.Namespace) -> int:
    from refnet.checkpoints.fetch import fetch

    if arguments.name in fetched.names():
        print(fetched.fetch_files(fetched.entry(arguments.name)))
    else:
        print(fetch(manifest.entry(arguments.name)))
    return 0


def _convert(arguments: argparse.Namespace) -> int:
    from refnet.checkpoints.convert import convert
    from refnet.checkpoints.store import save

    output = arguments.output or arguments.file.with_suffix(".safetensors")
    if output.resolve() == arguments.file.resolve():
        raise ValueError(f"-o: {output} is the file to be converted; name another")
    checkpoint = convert(
        arguments.file,
        arguments.model,
        conventions=arguments.conventions,
        preprocessing=arguments.preprocess,
        licence=arguments.licence,
        **architecture.options(arguments),
    )
    save(checkpoint, output)
    numbers = sum(tensor.size for tensor in checkpoint.tensors.values())
    name, tensors = checkpoint.network.name, len(checkpoint.tensors)
    print(f"{output}: {name}, {tensors} tensors, {numbers:,} numbers")
    return 0
