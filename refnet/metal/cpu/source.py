"""A .metal file as text: its includes put in, its comments blanked, its kernels' signatures read.

>>> kernels_of("kernel void clear(device float* x [[buffer(0)]]) { x[0] = 0.0f; }")
{'clear': Kernel(name='clear', parameters=(Parameter(type='device float*', name='x',
attribute='buffer', index=0),))}

Blanking keeps every position, so that what is found in the blanked text lies at the same place in
the original.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from refnet.metal.device import Kernel, MetalError, Parameter

# How many components a built-in has, which the launcher fills in.
BUILT_INS = {
    "thread_position_in_grid": 3,
    "threads_per_grid": 3,
    "thread_position_in_threadgroup": 3,
    "threads_per_threadgroup": 3,
    "threadgroup_position_in_grid": 3,
    "threadgroups_per_grid": 3,
    "thread_index_in_threadgroup": 1,
    "thread_index_in_simdgroup": 1,
    "simdgroup_index_in_threadgroup": 1,
    "threads_per_simdgroup": 1,
    "simdgroups_per_threadgroup": 1,
}
BINDINGS = ("texture", "buffer", "threadgroup")

_COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.S)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"[^\n]*$', re.M)
_ATTRIBUTE = re.compile(r"\[\[.*?\]\]", re.S)
_KERNEL = re.compile(r"(?:\bkernel|\[\[\s*kernel\s*\]\])\s+void\s+(\w+)\s*\(")
_PARAMETER = re.compile(r"(.+?)\s*\b(\w+)\s*\[\[\s*(\w+)\s*(?:\(\s*(\w+)\s*\))?\s*\]\]", re.S)


@dataclass(frozen=True)
class Source:
    """A .metal file: where it lies, its text with the includes put in, and its kernels."""

    path: Path
    text: str
    kernels: dict[str, Kernel]


def read(path: Path) -> Source:
    """Read a .metal file, with every `#include "..."` replaced by that file's text.

    Lines keep their numbers by #line. <metal_stdlib> and its like stay as they are.
    """
    text = with_includes(path, ())
    return Source(path, text, kernels_of(text, path.name))


def with_includes(path: Path, within: tuple[Path, ...]) -> str:
    """The text of a file and of all that it includes by name, each once within itself."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "is no text in UTF-8"
        raise MetalError(f"{path}: {reason}") from None
    if path.resolve() in within:
        raise MetalError(f"{path}: includes itself")

    def put_in(match: re.Match[str]) -> str:
        inner = path.parent / match[1]
        line = text.count("\n", 0, match.start()) + 1
        if not inner.is_file():
            raise MetalError(f"{path.name}:{line}: includes {match[1]}, which is not there")
        body = with_includes(inner, (*within, path.resolve()))
        return f'#line 1 "{inner.name}"\n{body}\n#line {line + 1} "{path.name}"'

    return _INCLUDE.sub(put_in, guarded(text, path))


def guarded(text: str, path: Path) -> str:
    r"""`#pragma once` as the guard that it stands for, since it does nothing in text put in.

    >>> print(guarded("#pragma once\nint x;", Path("/a.h")))
    #ifndef REFNET_ONCE__a_h
    #define REFNET_ONCE__a_h
    #line 1 "a.h"
    <BLANKLINE>
    int x;
    #endif
    """
    once = re.search(r"^[ \t]*#[ \t]*pragma[ \t]+once[^\n]*$", text, re.M)
    if not once:
        return text
    name = "REFNET_ONCE_" + re.sub(r"\W", "_", str(path.resolve()))
    rest = text[: once.start()] + text[once.end() :]
    return f'#ifndef {name}\n#define {name}\n#line 1 "{path.name}"\n{rest}\n#endif'


def blank(text: str, pattern: re.Pattern[str] = _COMMENT_OR_STRING) -> str:
    """What the pattern finds, as spaces: comments and strings unless told otherwise.

    >>> blank("a /* b */ c // d")
    'a           c     '
    """
    return pattern.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def without_attributes(text: str) -> str:
    """Every [[...]] blanked.

    >>> without_attributes("x [[buffer(0)]];")
    'x              ;'
    """
    return blank(text, _ATTRIBUTE)


def closing(code: str, start: int) -> int:
    """Where the bracket opened just before `start` closes; the text's end if it never does."""
    pairs = {"(": ")", "{": "}", "[": "]", "<": ">"}
    opened = code[start - 1]
    depth = 1
    for i in range(start, len(code)):
        depth += (code[i] == opened) - (code[i] == pairs[opened])
        if not depth:
            return i
    return len(code)


def kernels_of(text: str, file: str = "kernel") -> dict[str, Kernel]:
    """Every kernel of the text by its name; MetalError names the one that cannot be bound."""
    code = blank(text)
    kernels: dict[str, Kernel] = {}
    for match in _KERNEL.finditer(code):
        name = match[1]
        if name in kernels:
            raise MetalError(f"{file}: kernel {name} is there twice")
        inside = code[match.end() : closing(code, match.end())]
        parameters = tuple(parameter(one, name) for one in at_commas(inside))
        check_bindings(name, parameters)
        kernels[name] = Kernel(name, parameters)
    return kernels


def at_commas(inside: str) -> list[str]:
    """The parameters between a signature's commas, those within brackets left alone.

    >>> at_commas("texture2d<half, access::read> a, uint b")
    ['texture2d<half, access::read> a', 'uint b']
    """
    cuts, depth = [-1], 0
    for i, character in enumerate(inside):
        depth += (character in "(<[{") - (character in ")>]}")
        if character == "," and not depth:
            cuts.append(i)
    parts = [inside[a + 1 : b].strip() for a, b in zip(cuts, [*cuts[1:], len(inside)], strict=True)]
    return [part for part in parts if part]


def parameter(text: str, kernel: str) -> Parameter:
    """One parameter of a signature.

    >>> parameter("constant uint2& size [[buffer(3)]]", "fill")
    Parameter(type='constant uint2&', name='size', attribute='buffer', index=3)
    """
    found = _PARAMETER.fullmatch(text)
    shown = " ".join(text.split())
    if not found:
        raise MetalError(f"{kernel}: parameter {shown!r} has no single [[...]] that is known here")
    type_, name, attribute, index = found.groups()
    type_ = re.sub(r"\s*([*&])", r"\1", " ".join(type_.split()))
    if attribute in BINDINGS:
        if index is None or not index.isdigit():
            raise MetalError(
                f"{kernel}: {name}: [[{attribute}({index or ''})]] needs a plain number"
            )
        check_kind(kernel, type_, name, attribute)
        return Parameter(type_, name, attribute, int(index))
    if attribute not in BUILT_INS:
        raise MetalError(f"{kernel}: {name}: attribute [[{attribute}]] is not known here")
    wide = re.fullmatch(r"(?:const )?(?:ushort|uint)([234]?)", type_)
    if not wide or int(wide[1] or 1) > BUILT_INS[attribute]:
        raise MetalError(
            f"{kernel}: {name}: [[{attribute}]] is {type_}, expected ushort or uint"
            + (", or two or three of them" if BUILT_INS[attribute] == 3 else "")
        )
    return Parameter(type_, name, attribute)


def check_kind(kernel: str, type_: str, name: str, attribute: str) -> None:
    """Raise MetalError for a type that cannot stand at such a binding."""
    words = set(re.findall(r"\w+", type_))
    spaces = {"device", "constant", "threadgroup"} & words
    fault = None
    if attribute == "texture":
        if not re.fullmatch(
            r"texture2d(?:_array)?\s*<\s*(?:half|float)\s*(?:,\s*access::\w+\s*)?>", type_
        ):
            fault = "expected texture2d or texture2d_array of half or float"
    elif type_[-1] not in "*&":
        fault = "expected a pointer or a reference"
    elif attribute == "threadgroup" and (spaces != {"threadgroup"} or type_[-1] != "*"):
        fault = "expected a pointer to threadgroup memory"
    elif attribute == "buffer" and spaces not in ({"device"}, {"constant"}):
        fault = "expected device or constant memory"
    if fault:
        raise MetalError(f"{kernel}: {attribute} {name}: {type_}: {fault}")


def check_bindings(kernel: str, parameters: tuple[Parameter, ...]) -> None:
    """Raise MetalError if two parameters share one binding."""
    taken: dict[tuple[str, int], str] = {}
    for one in parameters:
        if one.index is None:
            continue
        place = one.attribute, one.index
        if place in taken:
            raise MetalError(
                f"{kernel}: [[{one.attribute}({one.index})]] is bound twice, "
                f"as {taken[place]} and as {one.name}"
            )
        taken[place] = one.name
