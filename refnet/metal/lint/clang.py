"""Clang's C++ for OpenCL as a stand-in for Metal's compiler: its rules are nearly Metal's.

OpenCL's __global, __constant, __local and __private pointers follow the rules of Metal's device,
constant, threadgroup and thread, its vectors convert as little, and with every optional feature
off it has no double, no mutable globals, no function pointers. The file is read as it stands;
`opencl/metal_stdlib` declares enough of Metal's library for the types to be checked.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from refnet.metal.lint.finding import Finding
from refnet.metal.lint.tokens import blanked

VARIABLE = "REFNET_CLANG"
HEADERS = Path(__file__).parent / "opencl"
FLAGS = (
    "-x",
    "clcpp",
    "-cl-std=clc++2021",
    "-target",
    "spir64-unknown-unknown",
    "-Xclang",
    "-cl-ext=-all,+cl_khr_fp16,+__cl_clang_non_portable_kernel_param_types",
    "-cl-no-stdinc",
    "-nostdinc",
    "-fsyntax-only",
    "-fno-caret-diagnostics",
    "-fno-color-diagnostics",
    "-ferror-limit=50",
    "-w",  # a warning is advice to a C++ programmer; what Metal refuses is an error here too
    "-isystem",
    str(HEADERS),
)
_SECONDS = 60
_SAID = re.compile(
    r"(?P<path>.*?):(?P<line>\d+):\d+: (fatal )?(?P<kind>error|note): (?P<message>.*)"
)


def find() -> tuple[tuple[str, ...], str]:
    """A clang that reads C++ for OpenCL, as the words of a command, and its version.

    Tried are $REFNET_CLANG alone where it is set, else `clang`, else the ziglang package's.
    Raises ValueError, in one line, where none is there or none will do.
    """
    tried = _candidates()
    faults = [f"no clang found: install clang or `pip install ziglang`, or set {VARIABLE}"]
    for compiler in tried:
        try:
            return compiler, version(compiler)
        except ValueError as problem:
            faults.append(str(problem))
    raise ValueError(faults[-1])


def _candidates() -> list[tuple[str, ...]]:
    asked = os.environ.get(VARIABLE)
    if asked:
        return [tuple(shlex.split(asked))]
    found: list[tuple[str, ...]] = []
    if shutil.which("clang"):
        found.append(("clang",))
    if importlib.util.find_spec("ziglang") is not None:
        found.append((sys.executable, "-m", "ziglang", "clang"))
    return found


@cache
def version(compiler: tuple[str, ...]) -> str:
    """The compiler's name and version, once it has shown that it reads C++ for OpenCL.

    Raises ValueError where it does not start or does not know the language.
    """
    shown = shlex.join(compiler)
    try:
        said = _run([*compiler, "--version"], "")
        tried = _run([*compiler, *FLAGS, "-"], "#include <metal_stdlib>\n")
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise ValueError(f"clang: {shown} does not run: {problem}") from None
    if said.returncode or tried.returncode or not said.stdout:
        fault = _first_error(tried.stderr or said.stderr)
        raise ValueError(f"clang: {shown} does not read C++ for OpenCL: {fault}")
    return said.stdout.splitlines()[0].strip()


def check(path: Path, source: str, compiler: tuple[str, ...]) -> list[Finding]:
    """What clang finds in a source, one Finding an error.

    Raises ValueError where clang ends without a verdict.
    """
    named = path.name.replace("\\", "/").replace('"', "'")
    text = f'#line 1 "{named}"\n{rewritten(source)}'
    try:
        said = _run([*compiler, *FLAGS, "-I", str(path.parent), "-"], text)
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise ValueError(f"{path}: clang gave no verdict: {problem}") from None
    errors = list(_errors(said.stderr, named))
    if said.returncode and not errors:
        raise ValueError(f"{path}: clang gave no verdict: {_first_error(said.stderr)}")
    return [Finding(path, line, rule_of(message), _in_metal(message)) for line, message in errors]


def _errors(said: str, named: str) -> Iterator[tuple[int, str]]:
    """Line and message of every error, at the line of the source that led into a header."""
    waiting = ""
    for match in filter(None, map(_SAID.match, said.splitlines())):
        here = match["path"] == named
        if match["kind"] != "note":
            if waiting:
                yield 1, waiting
            waiting = match["message"]
        if waiting and here:
            yield int(match["line"]), waiting
            waiting = ""
    if waiting:
        yield 1, waiting


def rewritten(source: str) -> str:
    """The source with three spellings that C++ for OpenCL has otherwise; every place is kept.

    >>> rewritten("[[kernel]] void f();")
    'kernel     void f();'
    >>> rewritten("constant bool wide [[function_constant(0)]];")
    'constant bool wide = {}                    ;'
    """
    source = re.sub(r"\[\[\s*kernel\s*\]\]", lambda m: "kernel".ljust(len(m[0])), source)
    bare = blanked(source)
    for match in re.finditer(r"\bconstexpr(?=\s+sampler\b)", bare):
        before = bare[: match.start()]
        if before.count("{") == before.count("}"):  # outside functions it lies in constant memory
            source = source[: match.start()] + "constant " + source[match.end() :]
    late = r"\[\[\s*function_constant\s*\([^)]*\)\s*\]\](?=\s*;)"
    return re.sub(late, lambda m: "= {}".ljust(len(m[0])), source)


def rule_of(message: str) -> str:
    """The rule that an error of clang's falls under.

    >>> rule_of("use of undeclared identifier 'expf'"), rule_of("variable is not assignable")
    ('name', 'read-only')
    """
    for rule, said in _KINDS:
        if re.search(said, message):
            return rule
    return "language"


_KINDS = (
    ("read-only", r"not assignable|not assign to|read-only|drops 'const' qualifier"),
    ("name", r"undeclared|unknown type name|no member named|no type named|file not found"),
    ("pointer", r"address space|__global|__constant|__local|must reside in|'__private'"),
    ("conversion", r"cannot (initialize|convert)|no matching|ambiguous|no viable|incompatible"
                   r"|assigning to|invalid operands|cannot be narrowed|implicit"
                   r"|not contextually|static assertion"),
)  # fmt: skip


def _in_metal(message: str) -> str:
    """Clang's message with Metal's words for address spaces; 'private' goes unsaid."""
    spaces = {"__global": "device", "__constant": "constant", "__local": "threadgroup"}
    for theirs, ours in spaces.items():
        message = message.replace(theirs, ours)
    return re.sub(r" ?__private\b", "", message.replace("__private ", ""))


def _first_error(said: str) -> str:
    lines = said.strip().splitlines() or ["no message"]
    return next((line for line in lines if "error" in line), lines[0])


def _run(words: list[str], text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, input=text, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
