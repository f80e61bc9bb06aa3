"""The C++ compiler: which one, with which flags, and a cache of what it built.

$REFNET_CXX names one ("clang++-18 -stdlib=..."); else g++, clang++ and PyPI's ziglang are looked
for, in this order.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from refnet.checkpoints.files import cache_dir, write_whole
from refnet.metal.device import MetalError

SHIM = Path(__file__).with_name("shim")
# No -ffast-math, ever: beside its liberties it makes the whole process flush subnormal numbers to
# zero. No contraction: a * b + c rounds twice, as the bounds of refnet.bounds assume.
# Hidden symbols: two libraries must not share a thread's state.
_FLAGS = (
    *("-std=c++17", "-O2", "-ffp-contract=off", "-fsigned-char", "-fno-exceptions", "-fno-rtti"),
    *("-fPIC", "-shared", "-fvisibility=hidden", "-w"),
)
_BUILDS_KEPT = 200


@dataclass(frozen=True)
class Compiler:
    """A command that compiles C++, and what it says of its version."""

    command: tuple[str, ...]
    version: str

    @property
    def flags(self) -> tuple[str, ...]:
        """What every build is given; half conversions are slow without the machine's own."""
        system = ("-D_XOPEN_SOURCE=700", "-D_DARWIN_C_SOURCE") if sys.platform == "darwin" else ()
        # It builds for this machine unasked, and a C++ library would take it half a minute first.
        if "ziglang" in self.command:
            return (*_FLAGS, *system, "-nostdlib++")
        arm = platform.machine().lower() in ("arm64", "aarch64")
        return (*_FLAGS, *system, "-mcpu=native" if arm else "-march=native")


def find_compiler() -> Compiler:
    """The compiler of this machine; MetalError if it has none."""
    return _find(os.environ.get("REFNET_CXX", ""), os.environ.get("PATH", ""))


@lru_cache
def _find(chosen: str, _path: str) -> Compiler:
    """Remembered for each environment, as asking a compiler for its version takes a while."""
    if chosen:
        try:
            command = tuple(shlex.split(chosen))
            return Compiler(command, version_of(command))
        except (OSError, ValueError, subprocess.SubprocessError):
            raise MetalError(f"REFNET_CXX: {chosen!r} does not run as a C++ compiler") from None
    candidates: list[tuple[str, ...]] = [
        (name,) for name in ("g++", "clang++") if shutil.which(name)
    ]
    if importlib.util.find_spec("ziglang"):
        candidates.append((sys.executable, "-m", "ziglang", "c++"))
    for command in candidates:
        try:
            return Compiler(command, version_of(command))
        except (OSError, subprocess.SubprocessError):
            continue
    raise MetalError(
        "no C++ compiler: install g++ or clang++, or `pip install ziglang`, "
        "or name one in REFNET_CXX"
    )


def version_of(command: tuple[str, ...]) -> str:
    """The first line that a compiler prints of itself."""
    done = subprocess.run(
        [*command, "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.splitlines()[0] if done.stdout else ""


@lru_cache
def processor() -> str:
    """The processor and what it can do: a build for another machine's may not run here."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    lines = re.findall(r"^(?:model name|flags|Features)\s*:.*$", text, re.M)
    return f"{platform.machine()} {sorted(set(lines))}"


@lru_cache
def shim_text() -> bytes:
    """The stand-in headers: a part of every build's key."""
    return b"\0".join(path.read_bytes() for path in sorted(SHIM.iterdir()) if path.is_file())


def build(code: str, file: str) -> Path:
    """The shared library of a C++ text: from the cache, or compiled into it.

    file: the .metal file's name, for the message of a MetalError.
    """
    compiler = find_compiler()
    parts = [*compiler.command, compiler.version, *compiler.flags, processor(), sys.platform, code]
    key = hashlib.sha256("\0".join(parts).encode() + shim_text()).hexdigest()[:24]
    folder = cache_dir() / "metal-cpu"
    library = folder / f"{key}.so"
    if library.exists():
        os.utime(library)  # the builds used longest ago are the ones to go
        return library
    with tempfile.TemporaryDirectory() as place:
        source, made = Path(place, f"{key}.cpp"), Path(place, f"{key}.so")
        source.write_text(code, encoding="utf-8")
        command = [
            *compiler.command,
            *compiler.flags,
            f"-I{SHIM}",
            str(source),
            "-o",
            str(made),
            "-lm",
        ]
        english = {**os.environ, "LC_ALL": "C"}  # its messages are searched for "error"
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", env=english
        )
        if done.returncode or not made.exists():
            raise MetalError(first_error(done.stderr, file))
        write_whole(library, made.read_bytes())
    forget_oldest(folder)
    return library


def first_error(said: str, file: str) -> str:
    """A compiler's first error on one line, without the folders that it names.

    >>> first_error("/tmp/x.cpp:3: note\\npool.metal:12:7: error: expected ';'\\n", "pool.metal")
    "pool.metal:12:7: error: expected ';'"
    """
    lines = [line.strip() for line in said.splitlines() if "error" in line]
    if not lines:
        return f"{file}: the compiler failed: {(said.strip().splitlines() or ['no message'])[-1]}"
    # What the file itself does wrong is often said below a fault inside a header.
    mine = [line for line in said.splitlines() if line.startswith(f"{file}:")]
    shown = lines[0]
    if mine and not shown.startswith(f"{file}:"):
        place = re.match(rf"{re.escape(file)}:\d+", mine[0])
        message = shown.partition("error:")[2].strip() or shown
        shown = f"{place[0] if place else file}: error: {message}"
    return shown if shown.startswith(file) else f"{file}: {shown}"


def forget_oldest(folder: Path) -> None:
    """Keep the builds used last; others may be deleting too."""
    try:
        builds = sorted(folder.glob("*.so"), key=lambda path: path.stat().st_mtime)
    except OSError:
        return
    for path in builds[:-_BUILDS_KEPT]:
        path.unlink(missing_ok=True)
