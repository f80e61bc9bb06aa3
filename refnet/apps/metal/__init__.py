"""`refnet metal pack | dispatches | check | lint | doctor`: the Metal port for those who use it.

What is proven of it, and is said wherever it reports: the kernels' arithmetic and the host's
bindings, on the CPU; Metal's subset of C++, by a lint. Nothing of it has run on Apple's hardware.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from refnet.apps import metal_doctor
from refnet.checkpoints import Checkpoint, load, manifest
from refnet.checkpoints.files import write_whole
from refnet.metal import DEVICES, Library, Program, kernels, open_library, program_of
from refnet.metal.mac.doctor import Part


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own verbs."""
    verbs = parser.add_subparsers(metavar="WHAT", required=True)
    pack = verbs.add_parser("pack", help="write a checkpoint's weights for an app to map, and JSON")
    _add_model(pack)
    pack.add_argument("-o", "--output", type=Path, metavar="DIR", default=Path(), help="(here)")
    pack.set_defaults(run=_pack)
    dispatches = verbs.add_parser("dispatches", help="what a host has to do, dispatch by dispatch")
    _add_model(dispatches)
    dispatches.add_argument("--json", action="store_true", help="the program as JSON")
    dispatches.add_argument(
        "--golden",
        type=Path,
        metavar="DIR",
        help="also write to DIR a golden bundle of a photo through the model, the packed file "
        "and the JSON: `refnet golden judge DIR RESULTS` says whether a host is right",
    )
    dispatches.set_defaults(run=_dispatches)
    check = verbs.add_parser(
        "check",
        help="every layer on photos, and at odd sizes",
        description="Every layer of each MODEL on photos, then every kernel but preprocess on a "
        "small drawn network at odd sizes, each number held to the interval that it is owed.",
    )
    check.add_argument("models", nargs="*", metavar="MODEL", help=f"({_known()})")
    check.add_argument("--device", choices=DEVICES, help="(a Mac's own GPU on a Mac, else cpu)")
    check.add_argument("--layers", action="store_true", help="a line for every layer")
    check.set_defaults(run=_check)
    lint = verbs.add_parser(
        "lint",
        help="hold .metal files to Metal's subset of C++",
        description="Hold .metal files to Metal's subset of C++. Of Metal's library it knows the "
        "part that kernels like refnet's use: vectors, half, texture2d and texture2d_array, "
        "threadgroups, barriers and SIMD-groups, common math. What else Metal has (atomics, "
        "matrices, texture3d, sample() with level(), cross(), packed types) it does not know, and "
        "a correct file that uses it gets findings. No findings does not mean that Apple's "
        "compiler accepts a file, nor that the CPU device runs it.",
    )
    lint.add_argument("files", nargs="*", type=Path, metavar="FILE", help="(refnet's own kernels)")
    lint.set_defaults(run=_lint)
    doctor = verbs.add_parser("doctor", help="does it work on this Mac? a report for an issue")
    metal_doctor.add_arguments(doctor)


def _known() -> str:
    return ", ".join(manifest.ALIASES)


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help=f"{_known()} or a checkpoint file")
    parser.add_argument(
        "--tensor",
        action="store_true",
        help="the input is the network's tensor; otherwise an 8-bit picture, preprocessed",
    )


def _program(checkpoint: Checkpoint, arguments: argparse.Namespace) -> Program:
    recipe = None if arguments.tensor else checkpoint.preprocessing
    folded = checkpoint.fold()  # so that a layer's name is the convolution's, in both models
    return program_of(folded.network, folded.tensors, preprocessing=recipe)


def write_program(program: Program, folder: Path) -> list[Path]:
    """The packed file, the JSON that tells what lies in it, and the paths of both.

    >>> from tempfile import TemporaryDirectory
    >>> checkpoint = load("v2")
    >>> with TemporaryDirectory() as folder:
    ...     program = program_of(checkpoint.network, checkpoint.tensors)
    ...     [path.name for path in write_program(program, Path(folder))]
    ['mobilenet_v2_1.0_224.bin', 'mobilenet_v2_1.0_224.json']
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"output: {folder} is not a folder")
    weights, said = (folder / f"{program.name}{suffix}" for suffix in (".bin", ".json"))
    write_whole(weights, program.weights)
    write_whole(said, program.to_json(weights.name).encode())
    return [weights, said]


def _pack(arguments: argparse.Namespace) -> int:
    program = _program(load(arguments.model), arguments)
    for path in write_program(program, arguments.output):
        print(f"{path}: {path.stat().st_size:,} bytes")
    parameters = sum(tensor.parameters for tensor in program.tensors)
    padding = sum(tensor.padding for tensor in program.tensors)
    print(
        f"{len(program.tensors)} tensors, {parameters:,} parameters and {padding:,} zeros in lanes "
        f"that fill up the last four channels; {len(program.dispatches)} dispatches"
    )
    return 0


def _dispatches(arguments: argparse.Namespace) -> int:
    from refnet.apps.metal import golden, table

    checkpoint = load(arguments.model)
    program = _program(checkpoint, arguments)
    if arguments.golden:
        sizes = golden.write(checkpoint, arguments.golden)
        said = f"{len(sizes)} files, {sum(sizes.values()) / 1e6:.1f} MB"
        print(f"refnet: wrote {arguments.golden}, {said}", file=sys.stderr)
    if arguments.json:
        print(program.to_json(f"{program.name}.bin"), end="")
    else:
        print(table.table(program))
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from refnet.apps.metal import judging

    library, status = open_library(arguments.device), 0
    models = arguments.models or manifest.ALIASES
    asked: list[Callable[[Library], Part]] = [
        partial(judging.judged, model, layers=arguments.layers) for model in models
    ]
    for ask in [*asked, judging.odd]:
        part = ask(library)
        print("\n".join([part.title, *(f"  {line}" for line in part.lines)]))
        status |= not part.holds
    return int(status)


def _lint(arguments: argparse.Namespace) -> int:
    from refnet.metal.lint import report

    found = report(arguments.files or kernels())
    print(found)
    return 1 if found.findings else 0
