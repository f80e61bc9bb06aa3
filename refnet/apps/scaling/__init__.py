"""`refnet scaling`: does time follow multiply-accumulates? And the roofline."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from refnet.apps.bench.process import leaving_nothing, pinned
from refnet.apps.bench.report import machine
from refnet.apps.scaling.answers import Scaling
from refnet.apps.scaling.memory import Peak, peak_of
from refnet.apps.scaling.report import Report, heading, text, to_json
from refnet.apps.scaling.roofline import Meter
from refnet.apps.scaling.rounds import Point, Runner, rounds_of
from refnet.apps.scaling.sizes import ALPHAS, FACTORS, Size, sizes_of, tensors_for
from refnet.arguments import check_count
from refnet.engine.blas import one_thread
from refnet.oracle.environment import blas

CLEAR = "\r\x1b[K"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("models", metavar="MODEL", nargs="*", help=f"{', '.join(ALPHAS)} (both)")
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="(10)")
    parser.add_argument("--json", action="store_true", help="all that was measured as JSON")
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw time and memory against cost to FILE"
    )
    parser.add_argument(
        "--roofline", type=Path, metavar="FILE", help="draw the layers under the roofline to FILE"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, draw."""
    models = _models(arguments.models)
    check_count(arguments.rounds, "--rounds")
    _check_files(arguments)
    pins = pinned(os.environ)
    if pins:
        said = ", ".join(f"{name}={value}" for name, value in pins.items())
        without = " ".join(f"-u {name}" for name in pins)
        _say(f"warning: the environment pins the BLAS ({said}); `env {without}` runs without")
    environment = machine()
    with one_thread():
        multiplies = blas()
    if not arguments.json:
        print(heading(environment, multiplies, arguments.rounds), flush=True)
    with leaving_nothing():
        points, meter = _measured(models, arguments.rounds)
    report = Report(
        Scaling(models, points),
        meter.roofs(),
        meter.spots(),
        environment,
        multiplies,
        arguments.rounds,
        pins,
    )
    print(to_json(report) if arguments.json else f"\n{text(report)}", flush=True)
    _draw(arguments, report)
    return 0


def _models(named: Sequence[str]) -> list[str]:
    """The models asked for, all of them if none is named.

    >>> _models(["v2", "v2"]), _models([])
    (['v2'], ['v1', 'v2'])
    """
    for model in named:
        if model not in ALPHAS:
            raise ValueError(f"model: {model!r}, expected some of {', '.join(ALPHAS)}")
    return list(dict.fromkeys(named or ALPHAS))


def _check_files(arguments: argparse.Namespace) -> None:
    """Refuse what could not be drawn before anything is measured."""
    if arguments.plot or arguments.roofline:
        from refnet.apps import picture

        for option in ("plot", "roofline"):
            if path := getattr(arguments, option):
                try:
                    picture.check(path, 1)
                except ValueError as problem:
                    raise ValueError(str(problem).replace("--plot", f"--{option}", 1)) from None


def _measured(models: Sequence[str], rounds: int) -> tuple[list[Point], Meter]:
    """Every size of these models, and the machine and its layers in the same rounds."""
    sizes = [size for model in models for size in sizes_of(model)]
    tensors, meter = tensors_for(sizes), Meter(models)
    runners = [Runner(size, tensors[size.model, size.alpha]) for size in sizes]
    try:
        for runner in runners:
            _progress(f"{runner.size}: plan")
            runner.weigh()
        peaks = {size: _peak(size) for size in sizes}
        for number, timed in rounds_of(runners, rounds):
            _progress(f"round {number + 1} of {rounds}: {timed.size if timed else 'roofline'}")
            if timed is None:
                meter.round()
    finally:
        _progress("")
    return [runner.point(peaks[runner.size]) for runner in runners], meter


def _peak(size: Size) -> Peak | None:
    """Of the sizes in which one factor is varied: a process each is worth its time."""
    if sum(not size.default(factor) for factor in FACTORS) > 1:
        return None
    _progress(f"{size}: memory")
    return peak_of(size)


def _draw(arguments: argparse.Namespace, report: Report) -> None:
    if arguments.plot:
        from refnet.apps.scaling import picture

        picture.draw(report.scaling, arguments.plot)
        _say(f"wrote {arguments.plot}")
    if arguments.roofline:
        from refnet.apps.scaling import roofline_picture

        roofline_picture.draw(report.roofs, report.spots, arguments.roofline)
        _say(f"wrote {arguments.roofline}")


def _progress(what: str) -> None:
    if sys.stderr.isatty():
        print(f"{CLEAR}{what}", end="", file=sys.stderr, flush=True)


def _say(what: str) -> None:
    print(f"refnet: {what}", file=sys.stderr)
