"""`refnet metal doctor`: everything about the Metal port that this machine can tell, in one report.

The oracle's part of it: each layer of V1 and V2, on drawn numbers and on photos, judged on its own
input by a proven bound; the same top-1 as the oracle; the time of every dispatch; on a Mac with
coremltools Core ML's answers. What comes before that, the device and its self-test, is
`refnet.metal.mac.doctor`.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec

import numpy as np

from refnet.checkpoints import load
from refnet.metal import open_library, program_of
from refnet.metal.device import Library, MetalError
from refnet.metal.mac.doctor import Part, Step, Timed, doctor, medians
from refnet.metal.runner import Runner
from refnet.oracle import report
from refnet.oracle.adapters.metal import Metal
from refnet.oracle.check import check
from refnet.tables import Row, align, flush_right

MODELS = ("v1", "v2")
RUNS = 5  # that are timed, after one that is not
NO_MAC = "device: this is no Mac but {}; `--device cpu` asks the same of the CPU device"
# Metal Shading Language Specification 8.1: a GPU may flush subnormal numbers. Judged by that, the
# bounds of small numbers would be wide, so it is only named where something does not hold.
FLUSHING = "wrong by less than 6.2e-5 alone? Metal lets a GPU flush subnormals: judge by that with"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        "--device", choices=("mac", "cpu"), default="mac", help="(mac, which needs a Mac)"
    )
    parser.add_argument(
        "--model",
        choices=MODELS,
        action="append",
        dest="models",
        help="this network alone (both)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """The report to standard output; 0 where all holds, 1 where something does not.

    ValueError, and with it exit status 2, where there is nothing to ask.
    """
    if arguments.device == "mac" and platform.system() != "Darwin":
        raise MetalError(NO_MAC.format(platform.system()))
    return doctor(arguments.device, steps=steps(arguments.models or MODELS)).status


def steps(models: Sequence[str] = MODELS) -> list[Step]:
    """What is asked once the self-test holds.

    >>> [title for title, _ in steps(["v1"])]
    ['odd sizes', 'check v1', 'photos v1', 'times v1', 'Core ML v1']
    """
    asked = (("check", checked), ("photos", photos), ("times", timed), ("Core ML", core_ml))
    networks = [(f"{what} {model}", partial(ask, model)) for what, ask in asked for model in models]
    return [("odd sizes", odd), *networks]


def checked(model: str, device: str) -> Part:
    """Every layer of a network by the oracle, as `refnet check metal --suite MODEL` does it."""
    backend = Metal(_opened(device))
    found = check(backend, model, name=f"metal on {device}", explaining=1)
    lines = report.text(found, layers=not found.holds).splitlines()
    if not found.holds and device == "mac":
        flushing = str(replace(backend.arithmetic, flushes_subnormals=True)).replace(" ", "")
        lines += [FLUSHING, f"refnet check metal --suite {model} --arithmetic {flushing}"]
    return Part(f"check {model}", tuple(lines), found.holds)


def photos(model: str, device: str) -> Part:
    """Every layer on photos inside half(ref - e) .. half(ref + e), and the oracle's top-1."""
    from refnet.apps.metal import judging  # late: its package reads this module

    return replace(judging.judged(model, _opened(device)), title=f"photos {model}")


def odd(device: str) -> Part:
    """Sizes at which threads lie beyond the maps and rows are padded unlike columns."""
    from refnet.apps.metal import judging

    return judging.odd(_opened(device))


def timed(model: str, device: str) -> Part:
    """Where the time goes, dispatch by dispatch, on the checkpoint's own network."""
    checkpoint = load(model)
    library = Timed(_opened(device))
    runner = Runner(program_of(checkpoint.network, checkpoint.tensors), library)
    runner(np.zeros((1, *checkpoint.network.input_shape), np.float32))
    library.clear()
    for _ in range(1 + RUNS):
        runner.dispatch()
    dispatches = runner.program.dispatches
    times = medians(library.seconds, len(dispatches))
    rows: list[Row] = [("layer", "kernel", "grid", "threadgroup", "ms")]
    for one, seconds in zip(dispatches, times, strict=True):
        grid, wide = (" x ".join(map(str, size)) for size in (one.grid, one.threadgroup))
        rows.append((one.layer, one.kernel, grid, wide, f"{1000 * seconds:.3f}"))
    clock = "the GPU's clock" if device == "mac" else "the CPU's clock, host included"
    total = f"{len(dispatches)} dispatches, {1000 * sum(times):.2f} ms by {clock}"
    last = f"{total}, each the median of {RUNS} runs"
    return Part(f"times {model}", (*align(flush_right(rows, 4)).splitlines(), last))


def core_ml(model: str, device: str) -> Part:
    """Core ML's own answers to the photos, where a Mac and coremltools are there to ask."""
    title = f"Core ML {model}"
    if device != "mac" or platform.system() != "Darwin":
        return Part(title, ("not asked: Core ML predicts on a Mac only",))
    if find_spec("coremltools") is None:
        return Part(title, ("not asked: pip install coremltools",))
    part: Part = import_module("refnet.apps.metal_coreml").predicted(model, title)
    return part


@cache
def _opened(device: str) -> Library:
    """One library for all networks: on a Mac the system compiles the kernels anew for each."""
    return open_library(device)
