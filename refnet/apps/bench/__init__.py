"""`refnet bench`: how fast the engine is beside others, on this machine, in interleaved rounds."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from refnet import __version__
from refnet.apps.bench import peers as catalogue
from refnet.apps.bench import table
from refnet.apps.bench.peers import Entry, Peer
from refnet.apps.bench.process import leaving_nothing, pinned
from refnet.apps.bench.question import pose
from refnet.apps.bench.report import Report, cores, heading, machine, to_json
from refnet.apps.bench.results import Run
from refnet.apps.bench.rounds import Setting, compare
from refnet.arguments import check_count
from refnet.checkpoints import fetched, load, manifest
from refnet.engine import MOST
from refnet.oracle.environment import environment

CLEAR = "\r\x1b[K"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    known = ", ".join([*manifest.ALIASES, *fetched.ALIASES])
    parser.add_argument(
        "model", metavar="MODEL", nargs="?", help=f"{known} or a checkpoint file (v1, v2)"
    )
    parser.add_argument(
        "--threads", metavar="N[,N]", help="a table for each number of threads (1,2)"
    )
    parser.add_argument(
        "--against",
        metavar="NAME[,NAME]",
        help=f"{', '.join(catalogue.PEERS)}, or none (all that are installed)",
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="(5)")
    parser.add_argument(
        "--unpin", action="store_true", help="without the variables that pin an older BLAS core"
    )
    parser.add_argument(
        "--without", metavar="NAME[,NAME]", default="", help="switch tricks of the engine off"
    )
    parser.add_argument(
        "--tricks", action="store_true", help="a row for each trick switched off alone"
    )
    parser.add_argument("--json", action="store_true", help="all that was measured as JSON")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw bars to FILE")
    parser.set_defaults(run=run)


@dataclass(frozen=True)
class _Wanted:
    """What was asked for, all of it checked."""

    models: Sequence[str]
    threads: Sequence[int]
    entries: Sequence[Entry]
    files: frozenset[str]
    unpin: bool


def run(arguments: argparse.Namespace) -> int:
    """Compare, print, draw; 2 if an engine was refused."""
    peers = catalogue.chosen(arguments.against)
    absent = catalogue.absent(peers)
    wanted = _wanted(arguments, {name: p for name, p in peers.items() if name not in absent})
    pins = pinned(os.environ)
    if pins and not wanted.unpin:
        said = ", ".join(f"{name}={value}" for name, value in pins.items())
        _say(f"warning: the environment pins the BLAS ({said}); --unpin runs without")
    without = _names(arguments.without)
    report = Report((), machine(), arguments.rounds, pins, wanted.unpin, absent, without)
    if not arguments.json:
        print(heading(report), flush=True)
    found = []
    with leaving_nothing():
        for each in _runs(wanted, arguments.rounds):
            found.append(each)
            if not arguments.json:
                print(f"\n{table.text(each)}", flush=True)
    if arguments.json:
        print(to_json(replace(report, runs=found)))
    if arguments.plot:
        from refnet.apps.bench import picture

        picture.draw(found, arguments.plot)
        _say(f"wrote {arguments.plot}")
    return 2 if any(line.refused for each in found for line in each.lines) else 0


def _wanted(arguments: argparse.Namespace, peers: dict[str, Peer]) -> _Wanted:
    """What the words ask for; whatever cannot be done is refused before any work is."""
    check_count(arguments.rounds, "--rounds")
    threads = _threads(arguments.threads)
    entries = catalogue.refnet_entries(_names(arguments.without), each_trick=arguments.tricks)
    if arguments.plot:
        from refnet.apps import picture

        picture.check(arguments.plot, 1)
    models = list(manifest.ALIASES) if arguments.model is None else [arguments.model]
    for model in models:
        load(model)
    entries = [replace(entry, version=__version__) for entry in entries]
    for peer in peers.values():
        told = environment(next(iter(peer.needs), "numpy")).get("engine", "")
        entries += [replace(entry, version=told.rpartition(" ")[2]) for entry in peer.entries]
    files = frozenset(peer.file for peer in peers.values())
    return _Wanted(models, threads, entries, files, arguments.unpin)


def _runs(wanted: _Wanted, rounds: int) -> Iterator[Run]:
    """One network with one number of threads after the other."""
    for model in wanted.models:
        with tempfile.TemporaryDirectory(prefix="refnet-bench-") as folder:
            question = pose(model, Path(folder), wanted.files)
            for threads in wanted.threads:
                setting = Setting(
                    Path(folder), threads, rounds, os.environ, wanted.unpin, _progress
                )
                try:
                    found = compare(question, wanted.entries, setting)
                finally:
                    _progress("")
                yield found


def _names(words: str) -> list[str]:
    return [name.strip() for name in words.split(",") if name.strip()]


def _threads(words: str | None) -> list[int]:
    """Numbers of threads; one and two where there are two cores, unless told.

    >>> _threads("1,4")
    [1, 4]
    """
    if words is None:
        return [1, 2] if cores() > 1 else [1]
    try:
        found = [check_count(int(word), "--threads") for word in words.split(",")]
    except ValueError:
        raise ValueError(
            f"--threads: {words!r}, expected whole numbers of at least 1, as in 1,2"
        ) from None
    if max(found) > MOST:
        raise ValueError(f"--threads: {max(found)}, expected at most {MOST}")
    return list(dict.fromkeys(found))


def _progress(what: str) -> None:
    if sys.stderr.isatty():
        print(f"{CLEAR}{what}", end="", file=sys.stderr, flush=True)


def _say(what: str) -> None:
    print(f"refnet: {what}", file=sys.stderr)
