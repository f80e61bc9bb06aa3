"""`doctor`: does the Metal port work on this machine? A report to paste into an issue.

It asks in an order in which each answer is needed for the next: is there a device, does it do what
the host thinks (the self-test), are the networks' layers right, how long does each take. What lies
above this floor, the oracle's judgement say, is handed in as steps.

On a machine that is no Mac it can be tried on the CPU device: doctor("cpu").
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

import refnet
from refnet.errors import one_line
from refnet.metal.device import Array, Kernel, Library, Size
from refnet.metal.mac.bridge import Bridge
from refnet.metal.mac.mac_library import MacLibrary
from refnet.metal.mac.selftest import SOURCE, selftest

PROVEN = (
    "Kernel arithmetic and host bindings are proven on the CPU, and the MSL subset is linted; "
    "what a GPU and Apple's compiler make of them only a report like this one says."
)


@dataclass(frozen=True)
class Part:
    """One section of the report. holds: None for what only tells."""

    title: str
    lines: tuple[str, ...]
    holds: bool | None = None

    def __str__(self) -> str:
        mark = {None: "", True: ": holds", False: ": DOES NOT HOLD"}[self.holds]
        return "\n".join([f"{self.title}{mark}", *(f"  {line}" for line in self.lines)])


@dataclass(frozen=True)
class Report:
    """All sections; `status` is the command's exit status.

    >>> report = Report((Part("device", ("Apple M1",)), Part("self-test", ("exp: wrong",), False)))
    >>> report.status, str(report).splitlines()[-1]
    (1, 'does not hold: self-test')
    """

    parts: tuple[Part, ...]

    @property
    def holds(self) -> bool:
        """Whether all that was judged is right, and something was."""
        judged = [part.holds for part in self.parts if part.holds is not None]
        return bool(judged) and all(judged)

    @property
    def status(self) -> int:
        """0 where all holds, else 1."""
        return 0 if self.holds else 1

    @property
    def verdict(self) -> str:
        """The last line: what does not hold, or that all does."""
        wrong = ", ".join(part.title for part in self.parts if part.holds is False)
        return "all holds" if self.holds else f"does not hold: {wrong or 'nothing was judged'}"

    def __str__(self) -> str:
        return "\n\n".join([*map(str, self.parts), self.verdict])


# What is asked after the self-test: a title, and a question to the device ("mac" or "cpu").
Step = tuple[str, Callable[[str], Part]]


def doctor(
    device: str | None = None,
    *,
    steps: Sequence[Step] = (),
    say: Callable[[str], None] = print,
    bridge: Bridge | None = None,
) -> Report:
    """Ask everything, tell each answer as it comes, and return the whole report.

    device: "mac" (the default) or "cpu". steps: asked in order, if the self-test holds; one that
    raises ValueError does not hold. bridge: the Metal to use, by default pyobjc's.
    Raises MetalError where there is no such device: then there is nothing to report.
    """
    if device not in (None, "mac", "cpu"):
        raise ValueError(f"device: {device!r}, expected mac or cpu")
    device = device or "mac"
    library: Library
    if device == "mac":
        library = MacLibrary(SOURCE, bridge=bridge)
        told = machine() | gpu(library)
    else:
        from refnet.metal.cpu import CpuLibrary

        library = CpuLibrary(SOURCE)
        told = machine() | {"device": "the CPU device: the kernels compiled as C++"}
    parts = []

    def add(part: Part) -> None:
        say(f"{part}\n")
        parts.append(part)

    add(Part("refnet metal doctor", (PROVEN, *(f"{key}: {value}" for key, value in told.items()))))
    findings = selftest(library)
    lines = tuple(f"{'' if one.holds else 'WRONG: '}{one.name}: {one.said}" for one in findings)
    add(Part("self-test", lines, all(one.holds for one in findings)))
    if parts[-1].holds:
        for title, ask in steps:
            try:
                add(ask(device))
            except ValueError as problem:
                add(Part(title, (one_line(problem),), False))
    elif steps:
        add(Part("not asked, since the self-test does not hold", tuple(one for one, _ in steps)))
    report = Report(tuple(parts))
    say(report.verdict)
    return report


def machine() -> dict[str, str]:
    """Versions and machine: nobody's name is in it.

    >>> list(machine())[:3]
    ['refnet', 'Python', 'NumPy']
    """
    told = {
        "refnet": refnet.__version__,
        "Python": platform.python_version(),
        "NumPy": np.__version__,
    }
    if macos := platform.mac_ver()[0]:
        return told | {"macOS": f"{macos}, {platform.machine()}, {os.cpu_count()} cores"}
    return told | {"system": f"{platform.system()} {platform.release()}, {platform.machine()}"}


def gpu(library: MacLibrary) -> dict[str, str]:
    """The GPU and how the kernels were compiled for it; compiles all of the library's kernels."""
    pipelines = {name: library.pipeline(name) for name in library.kernels}
    most = {name: one.maxTotalThreadsPerThreadgroup() for name, one in sorted(pipelines.items())}
    return {
        "device": str(library.device.name()),
        "math mode": library.math_told,
        "most threads a threadgroup": ", ".join(f"{name} {n}" for name, n in most.items()),
    }


class Timed:
    """A library that notes how long each dispatch took: the GPU's own clock, or the CPU's.

    >>> class Still:
    ...     kernels = {}
    ...     def dispatch(self, *given): pass
    >>> timed = Timed(Still())
    >>> timed.dispatch("relu", (1, 1, 1), (1, 1, 1)); timed.names, len(timed.seconds)
    (['relu'], 1)
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self.names: list[str] = []
        self.seconds: list[float] = []

    def clear(self) -> None:
        """Forget what was timed so far."""
        self.names.clear()
        self.seconds.clear()

    @property
    def kernels(self) -> Mapping[str, Kernel]:
        """The library's."""
        return self._library.kernels

    def dispatch(
        self,
        name: str,
        grid: Size,
        threadgroup: Size,
        textures: Mapping[int, Array] = {},
        buffers: Mapping[int, Array] = {},
        threadgroup_bytes: Mapping[int, int] = {},
    ) -> None:
        """The library's, timed."""
        begin = time.perf_counter()
        self._library.dispatch(name, grid, threadgroup, textures, buffers, threadgroup_bytes)
        passed = time.perf_counter() - begin
        gpu = isinstance(self._library, MacLibrary)
        self.names.append(name)
        self.seconds.append(self._library.seconds if gpu else passed)  # type: ignore[attr-defined]


def medians(seconds: Sequence[float], dispatches: int) -> list[float]:
    """The median time of each dispatch over whole runs, the first of which is left out.

    >>> medians([9, 9, 1, 5, 3, 5, 2, 6], 2)
    [2, 5]

    In the first run the GPU's clock is still low and its caches are cold.
    """
    runs = [seconds[i : i + dispatches] for i in range(0, len(seconds), dispatches)]
    return [statistics.median(times) for times in zip(*runs[1:], strict=True)]
