"""The lint of .metal files: a subset of Metal's rules, held where no Metal compiler is.

Two readers look at each file: textual rules of our own, and clang's C++ for OpenCL where a clang
is to be had. What they catch is measured on a fixed list of slips (tests/metal/slips.py). A file
without findings keeps these rules; that Apple's compiler accepts it is more, and is not shown.

Of Metal's library clang is told the part that kernels like refnet's use: vectors, half, texture2d
and texture2d_array, threadgroups and SIMD-groups, common math. A correct file that uses more of it
(atomics, matrices, texture3d, sample() with level(), cross(), packed types) gets findings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from refnet.metal.lint import clang
from refnet.metal.lint.bindings import bindings
from refnet.metal.lint.finding import CLANG_RULES, RULES, TEXT_RULES, Finding, Report
from refnet.metal.lint.language import calls, includes, pointers, variables, words
from refnet.metal.lint.tokens import tokens, without_directives

__all__ = ["CLANG_RULES", "RULES", "TEXT_RULES", "Finding", "Report", "lint", "report"]


def lint(paths: Sequence[Path]) -> list[Finding]:
    """What the rules find in the files, by file and line.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "half.metal"
    ...     _ = path.write_text("constant float half_of_one = 0.5;")
    ...     [(finding.line, finding.rule) for finding in lint([path])]
    [(1, 'literal')]

    paths: .metal files, or folders whose .metal files are meant.
    Raises ValueError where there is no such file or none in a folder.
    """
    return list(report(paths).findings)


def report(paths: Sequence[Path]) -> Report:
    """What `lint` finds, with which rules ran and which did not, and why."""
    files = tuple(_files(paths))
    compiler: tuple[str, ...] = ()
    about = missing = ""
    try:
        compiler, about = clang.find()
    except ValueError as problem:
        missing = str(problem)
    sources = [_read(path) for path in files]
    found = {
        Finding(path, *said)
        for path, source in zip(files, sources, strict=True)
        for said in _textual(source)
    }
    if compiler:
        with ThreadPoolExecutor() as pool:  # each waits for a process of its own
            for some in pool.map(clang.check, files, sources, [compiler] * len(files)):
                found.update(some)
    return Report(files, tuple(sorted(found)), about, missing)


def _textual(source: str) -> Iterator[tuple[int, str, str]]:
    """The findings of the textual rules: line, rule, message."""
    yield from includes(source)
    yield from words(tokens(source))
    run = tokens(without_directives(source))
    for rule in (pointers, variables, calls, bindings):
        yield from rule(run)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(path.glob("*.metal"))
            if not inside:
                raise ValueError(f"{path}: no .metal file in this folder")
            yield from inside
        elif path.is_file():
            yield path
        else:
            raise ValueError(f"{path}: no such file")


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not text in UTF-8") from None
