"""`refnet check BACKEND`: is it right, by proof, and if not, where does it go wrong first?"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from refnet.backend import Arithmetic
from refnet.oracle import adapters, report
from refnet.oracle.check import check
from refnet.oracle.suites import SUITES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    known = ", ".join(adapters.CLASSES)
    parser.add_argument(
        "backend",
        metavar="BACKEND",
        nargs="?",
        default=os.environ.get("REFNET_BACKEND"),
        help=f"{known}, or your own as module:object (default: $REFNET_BACKEND)",
    )
    parser.add_argument("--suite", default="all", choices=SUITES, help="(all)")
    parser.add_argument(
        "--arithmetic",
        metavar="NAME=VALUE,...",
        help="judge by this instead of what the backend declares, "
        "e.g. storage=float16,accumulate=float32",
    )
    parser.add_argument(
        "--fuzz",
        type=int,
        default=0,
        metavar="N",
        help="also try N drawn operations, and shrink a failure to the smallest one",
    )
    parser.add_argument("--layers", action="store_true", help="a line for every layer")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw err/bound to FILE")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check, report; 0 only if all holds."""
    if arguments.backend is None:
        raise ValueError(
            f"BACKEND: expected one of {', '.join(adapters.CLASSES)}, or module:object"
        )
    declared = None if arguments.arithmetic is None else Arithmetic.parse(arguments.arithmetic)
    if arguments.plot:
        from refnet.apps import picture

        picture.check(arguments.plot, 1)
    backend = adapters.find(arguments.backend)
    found = check(
        backend,
        arguments.suite,
        arithmetic=declared,
        name=arguments.backend,
        progress=_progress if sys.stderr.isatty() else lambda _: None,
    )
    print(report.to_json(found) if arguments.json else report.text(found, layers=arguments.layers))
    if arguments.plot:
        from refnet.apps import check_picture

        check_picture.draw(found, arguments.plot)
        print(f"refnet: wrote {arguments.plot}", file=sys.stderr)
    held = found.holds
    if arguments.fuzz:
        from refnet.oracle.fuzz import smallest_failure

        failure = smallest_failure(backend, arguments.fuzz, arithmetic=declared)
        told = "none found" if failure is None else str(failure)
        print(f"smallest failure in {arguments.fuzz} drawn operations: {told}", file=sys.stderr)
        held = held and failure is None
    return 0 if held else 1


def _progress(name: str) -> None:
    print(f"\r\x1b[K{name}", end="", file=sys.stderr, flush=True)
