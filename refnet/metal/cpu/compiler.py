"""The C++ compiler: which one, with which flags, and what it says of a file that it refuses.

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
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from refnet.metal.cpu.launcher import LAUNCHERS
from refnet.metal.device import MetalError

SHIM = Path(__file__).with_name("shim")
FRAME_AT_MOST = 256 << 10  # bytes of one function's own variables
# No -ffast-math, ever: beside its liberties it makes the whole process flush subnormal numbers to
# zero. No contraction: a * b + c rounds twice, as the bounds of refnet.bounds assume.
# Hidden symbols: two libraries must not share a thread's state.
_FLAGS = (
    *("-std=c++17", "-O2", "-ffp-contract=off", "-fsigned-char", "-fno-exceptions", "-fno-rtti"),
    *("-fPIC", "-fvisibility=hidden"),
    # A fault with a name in place of a signal that ends the process: see shim/launch.hpp.
    "-fsanitize=integer-divide-by-zero",
    "-fno-sanitize-recover=integer-divide-by-zero",
    # Metal has no arrays of a size known only when a kernel runs.
    "-Werror=vla",
    # Larger ones are refused, so that none reaches beyond the gap between two threads' stacks.
    f"-Wframe-larger-than={FRAME_AT_MOST}",
    f"-DREFNET_FRAME={FRAME_AT_MOST}",
)


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


def key_of(code: str) -> str:
    """What tells a build from others: the compiler, its flags, this machine, the whole text."""
    compiler = find_compiler()
    parts = [*compiler.command, compiler.version, *compiler.flags, processor(), sys.platform, code]
    return hashlib.sha256("\0".join(parts).encode() + shim_text()).hexdigest()[:24]


def build(code: str, file: str, made: Path) -> None:
    """Compile a C++ text into the shared library `made`, whose folder is there.

    file: the .metal file's name, for the message of a MetalError.
    """
    compiler = find_compiler()
    source, compiled = made.with_suffix(".cpp"), made.with_suffix(".o")
    source.write_text(code, encoding="utf-8")
    english = {**os.environ, "LC_ALL": "C"}  # its messages are searched for "error"

    def run(*words: str, to: Path) -> str:
        done = subprocess.run(
            [*compiler.command, *words, "-o", str(to)],
            capture_output=True,
            text=True,
            errors="replace",
            env=english,
        )
        if done.returncode or not to.exists():
            raise MetalError(first_error(done.stderr, file, code))
        return done.stderr

    # In two steps: a linker that hears of -fsanitize asks for a library that may not be there.
    warned = run(*compiler.flags, "-c", f"-I{SHIM}", str(source), to=compiled)
    if large := large_frame(warned):
        raise MetalError(f"{file}: {large}")
    alone = ("-nostdlib++",) if "-nostdlib++" in compiler.flags else ()
    run("-O2", "-shared", *alone, str(compiled), "-lm", to=made)


def large_frame(said: str) -> str:
    """Of a compiler's warnings the one about a function with too large arrays; "" for none.

    >>> large_frame("launch.hpp:4: warning: the frame size of 280000 bytes is larger than ...")
    'a kernel or function has 280000 bytes of variables of its own, at most 262144 run here'
    """
    found = re.search(r"frame size (?:of )?\(?(\d+)", said)
    if not found:
        return ""
    # g++ names the function in a line before, clang behind.
    rest = said[: found.start()].splitlines()[-6:] + said[found.start() :].splitlines()[:1]
    name = re.search(r"call_(\w+)::kernel_call", " ".join(rest)) or re.search(
        r"(?:function|in) ['\u2018]?[^'\u2019]*?(\w+)\(", " ".join(rest)
    )
    who = name[1] if name else "a kernel or function"
    return f"{who} has {found[1]} bytes of variables of its own, at most {FRAME_AT_MOST} run here"


def first_error(said: str, file: str, code: str = "") -> str:
    """A compiler's first error on one line, without the folders that it names.

    >>> first_error("x.cpp:3: note\\npool.metal:12:7: error: expected ';'\\n", "pool.metal")
    "pool.metal:12:7: error: expected ';'"
    """
    lines = [line.strip() for line in said.splitlines() if "error:" in line]
    if lines and (place := re.match(r"launchers:(\d+)", lines[0])):
        return f"{file}: {kernel_launched(code, int(place[1]))}"
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


def kernel_launched(code: str, line: int) -> str:
    """Why a launcher did not compile, though its kernel was found in the text."""
    before = code.partition(LAUNCHERS)[2].splitlines()[:line]
    names = re.findall(r"^namespace call_(\w+) ", "\n".join(before), re.M)
    return (
        f"kernel {names[-1] if names else ''} is no plain function of the file: what is within "
        "an #if that leaves it out, a named namespace or a template does not run here"
    )
