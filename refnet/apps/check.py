"""`refnet check BACKEND`: is it right, by proof, and if not, where does it go wrong first?"""

from __future__ import annotations

import argparse
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from refnet.apps import shared_fuzz
from refnet.apps.shared_fuzz import smallest_failure
from refnet.arguments import check_count
from refnet.backend import Arithmetic
from refnet.checkpoints.files import write_whole
from refnet.oracle import adapters, report
from refnet.oracle.check import check
from refnet.oracle.environment import environment
from refnet.oracle.html import to_html
from refnet.oracle.junit import to_junit
from refnet.oracle.results import Report
from refnet.oracle.suites import SUITES

DIAGNOSED = 2  # wrong results of a suite, the first ones, in which a known mistake is looked for
DRAWN = 200  # operations that are drawn, unless told otherwise, where something is wrong


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
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask cluster whose workers share the draws"
    )
    parser.add_argument(
        "--no-diagnosis", action="store_true", help="do not look for the mistake by name"
    )
    parser.add_argument("--layers", action="store_true", help="a line for every layer")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw err/bound to FILE")
    parser.add_argument("--html", type=Path, metavar="FILE", help="the report as one page")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="the report as JUnit XML")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check, report; 0 only if all holds."""
    if not arguments.backend:
        raise ValueError(
            f"BACKEND: expected one of {', '.join(adapters.CLASSES)}, or module:object"
        )
    declared = None if arguments.arithmetic is None else Arithmetic.parse(arguments.arithmetic)
    check_count(arguments.fuzz, "--fuzz", least=0)
    _check_files(arguments)
    backend = adapters.find(arguments.backend)
    found = check(
        backend,
        arguments.suite,
        arithmetic=declared,
        name=arguments.backend,
        explaining=0 if arguments.no_diagnosis else DIAGNOSED,
        progress=_progress if sys.stderr.isatty() else lambda _: None,
    )
    failure, draws = None, arguments.fuzz
    if not found.holds and not arguments.no_diagnosis and find_spec("hypothesis"):
        draws = draws or DRAWN  # something is wrong: the smallest such case says more than any
    if draws and arguments.scheduler:
        failure = shared_fuzz.smallest(arguments.scheduler, arguments.backend, draws, declared)
    elif draws:
        failure = smallest_failure(backend, draws, declared)
    smallest = str(failure) if failure else None
    if arguments.json:
        drawn = {"drawn": draws, "smallest_failure": smallest} if draws else None
        print(report.to_json(found, fuzz=drawn))
    else:
        print(report.text(found, layers=arguments.layers))
        if draws:
            print(f"{draws} drawn operations, smallest failure: {smallest or 'none'}")
    _write_files(arguments, found)
    return 0 if found.holds and failure is None else 1


def _write_files(arguments: argparse.Namespace, found: Report) -> None:
    if arguments.plot:
        from refnet.apps import check_picture

        check_picture.draw(found, arguments.plot)
        print(f"refnet: wrote {arguments.plot}", file=sys.stderr)
    if arguments.html:
        _write(arguments.html, to_html(found))
    if arguments.junit:
        _write(arguments.junit, to_junit(found, environment(found.backend)))


def _check_files(arguments: argparse.Namespace) -> None:
    if arguments.plot:
        from refnet.apps import picture

        if arguments.suite in ("ops", "special"):
            raise ValueError(f"--plot: the suite {arguments.suite} has no network to draw")
        picture.check(arguments.plot, 1)
    _check_file("--html", arguments.html, (".html", ".htm"))
    _check_file("--junit", arguments.junit, (".xml",))


def _check_file(option: str, path: Path | None, endings: tuple[str, ...]) -> None:
    """Refuse, before any work is done, a file that could not be written."""
    if path is None:
        return
    if path.suffix.lower() not in endings:
        known = " or ".join(endings)
        raise ValueError(f"{option}: {str(path)!r}, expected a name that ends in {known}")
    if not path.parent.is_dir():
        raise ValueError(f"{option}: {path.parent} is not a folder")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise ValueError(f"{option}: {path} cannot be written")


def _write(path: Path, text: str) -> None:
    write_whole(path, text.encode())
    print(f"refnet: wrote {path}", file=sys.stderr)


def _progress(name: str) -> None:
    print(f"\r\x1b[K{name}", end="", file=sys.stderr, flush=True)
