"""`refnet golden write DIR | judge BUNDLE RESULTS`: the oracle's questions for any language."""

from __future__ import annotations

import argparse
from pathlib import Path

from refnet.oracle.bundle_format import ALL, SUITES

SHOWN = 10  # cases without an answer that are named


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own verbs."""
    verbs = parser.add_subparsers(metavar="WHAT", required=True)
    write = verbs.add_parser("write", help="write a bundle: safetensors and one JSON manifest")
    write.add_argument("folder", metavar="DIR", type=Path, help="a new or an empty folder")
    write.add_argument(
        "--suite",
        default="all",
        choices=(*SUITES, "all"),
        help=f"(all: {', '.join(ALL)})",
    )
    write.add_argument(
        "--size", type=int, default=32, metavar="N", help="of the networks' input: 32, 64, ... (32)"
    )
    write.set_defaults(run=_write)
    judge = verbs.add_parser("judge", help="judge results that any language wrote")
    judge.add_argument("bundle", metavar="BUNDLE", type=Path, help="a folder that `write` made")
    judge.add_argument(
        "results",
        metavar="RESULTS",
        type=Path,
        help="a .safetensors file, or a folder of them, with tensors named CASE/LAYER",
    )
    judge.add_argument(
        "--arithmetic",
        metavar="NAME=VALUE,...",
        default="",
        help="of who made them, e.g. storage=float16,accumulate=float32 (float32)",
    )
    judge.add_argument(
        "--partial", action="store_true", help="cases without an answer are no failure"
    )
    judge.add_argument("--layers", action="store_true", help="a line for every layer")
    judge.add_argument("--json", action="store_true", help="the report as JSON")
    judge.set_defaults(run=_judge)


def _write(arguments: argparse.Namespace) -> int:
    from refnet.oracle.bundle import write

    sizes = write(arguments.folder, arguments.suite, size=arguments.size)
    print(f"{arguments.folder}: {len(sizes)} files, {sum(sizes.values()) / 1e6:.2f} MB")
    return 0


def _judge(arguments: argparse.Namespace) -> int:
    """Judge; 0 only if all holds and, unless --partial, nothing is left out."""
    from refnet.backend import Arithmetic
    from refnet.oracle import report
    from refnet.oracle.bundle_judge import judge_results, read_results
    from refnet.oracle.bundle_read import read

    arithmetic = Arithmetic.parse(arguments.arithmetic)
    bundle = read(arguments.bundle)
    answers = read_results(arguments.results, bundle)
    judged = judge_results(bundle, answers, arithmetic, name=str(arguments.results))
    left = judged.unanswered
    if arguments.json:
        print(report.to_json(judged.report, unanswered=list(left), readings=judged.readings))
    else:
        print(report.text(judged.report, layers=arguments.layers))
        for case, reading in judged.readings.items():
            print(f"\n{case}, read back:\n{reading}")
        if left:
            more = f" and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
            named = ", ".join(left[:SHOWN]) + more
            print(f"\nNot answered: {len(left)} of {len(bundle.cases)} cases: {named}")
    return 0 if judged.report.holds and (arguments.partial or not left) else 1
