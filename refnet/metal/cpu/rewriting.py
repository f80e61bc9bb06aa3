"""Metal's source as C++: what a stand-in header alone cannot express, rewritten in the text.

>>> as_cpp("void f(device float* x) { threadgroup float t[4]; x[0] = 0.5; }")
('void f(metal::cpu::bounded<float> x) { auto& t = metal::cpu::shared_variable<0, float, (4)>();
x[0] = 0.5f; }', ('t',))

Four things are rewritten, each within its lines, so that a compiler's message names the right one:
pointers to device, constant and threadgroup memory (they become checked pointers), threadgroup
variables (one for a threadgroup, not for a thread), the address space of references and program
constants, and literals, which are float without a suffix. Whatever else names an address space is
refused, so that nothing runs unchecked by being overlooked.
"""

from __future__ import annotations

import re

from refnet.metal.cpu.source import at_commas, blank, without_attributes
from refnet.metal.device import MetalError

_SPACE = r"\b(?P<space>device|constant|threadgroup)\b"
_TYPE = r"(?P<type>(?:(?:unsigned|struct)\s+)?[A-Za-z_][\w:]*(?:\s*<[^<>;(){}]*>)?)"
_QUALIFIED = (
    rf"(?P<before>\bconst\s+)?{_SPACE}\s+(?P<after>const\s+)?{_TYPE}(?P<behind>\s+const\b)?"
)
_POINTER = re.compile(_QUALIFIED + r"\s*\*(?:\s*\b(?:__)?restrict\b)?")
_REFERENCE = re.compile(_QUALIFIED + r"(?=\s*&(?!&))")
_CONSTANT = re.compile(
    rf"(?P<before>\bconst\s+)?\bconstant\b\s+(?P<after>const\s+)?(?={_TYPE}\s+\w)"
)
_VARIABLE = re.compile(rf"\bthreadgroup\s+{_TYPE}\s+(?P<names>[^;(){{}}=*&]+);")
_LEFT = re.compile(_SPACE + r"[^;{}]*")
_LITERAL = re.compile(
    r"(?<![\w.])((?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)([fFhH]?)(?![\w.])"
)
_INTEGER_HALF = re.compile(r"(?<![\w.])(\d+)[hH]\b")
_VARIABLES_AT_MOST = 64


def as_cpp(text: str, file: str = "kernel") -> tuple[str, tuple[str, ...]]:
    """The C++ of a .metal text, and the names of its threadgroup variables in order."""
    code = without_attributes(blank_comments(text))
    code = re.sub(r"#(\s*)include\s*<metal_\w+>", r"#\1include <metal_stdlib>", code)
    code = _POINTER.sub(lambda found: checked_pointer(found), code)
    code = re.sub(
        r"\b(?:reinterpret_cast|static_cast)(?=\s*<\s*metal::cpu::bounded)",
        "metal::pointer_cast",
        code,
    )
    code, names = threadgroup_variables(code, file)
    code = _REFERENCE.sub(lambda found: reference(found), code)
    code = program_constants(code)
    refuse_what_is_left(code, file)
    return literals(code), names


def blank_comments(text: str) -> str:
    """Comments blanked, and strings kept: #line and #include need theirs."""
    return blank(text, re.compile(r"//[^\n]*|/\*.*?\*/", re.S))


def is_const(found: re.Match[str]) -> bool:
    """Whether what the match names may not be written."""
    return found["space"] == "constant" or any(found[at] for at in ("before", "after", "behind"))


def newlines(found: re.Match[str]) -> str:
    """The line breaks of what is replaced, to keep the lines' numbers."""
    return "\n" * found[0].count("\n")


def checked_pointer(found: re.Match[str]) -> str:
    """`const device half4*` as a pointer that knows its bounds."""
    const = "const " if is_const(found) else ""
    return f"metal::cpu::bounded<{const}{found['type']}>{newlines(found)}"


def cpp_type(type_: str) -> str:
    """A parameter's type as the launcher writes it.

    >>> cpp_type("constant half4*"), cpp_type("constant Params&")
    ('metal::cpu::bounded<const half4>', 'const Params&')
    """
    return _REFERENCE.sub(reference, _POINTER.sub(checked_pointer, type_))


def reference(found: re.Match[str]) -> str:
    """`constant Params&` as a reference: its bytes are counted when the kernel is dispatched."""
    return ("const " if is_const(found) else "") + found["type"] + newlines(found)


def threadgroup_variables(code: str, file: str) -> tuple[str, tuple[str, ...]]:
    """`threadgroup float t[16][17];` as a reference into the threadgroup's memory."""
    names: list[str] = []

    def declare(found: re.Match[str]) -> str:
        where = f"{file}:{line_of(code, found.start())}"
        before = code[: found.start()]
        if before.count("{") == before.count("}"):
            raise MetalError(f"{where}: a threadgroup variable outside a kernel: {shown(found)}")
        made = []
        for one in at_commas(found["names"]):
            parts = re.fullmatch(r"(\w+)\s*((?:\[[^\[\]]+\]\s*)*)", one)
            if not parts:
                raise MetalError(f"{where}: threadgroup declaration not understood: {shown(found)}")
            sizes = "".join(f", ({size})" for size in re.findall(r"\[([^\[\]]+)\]", parts[2]))
            made.append(
                f"auto& {parts[1]} = "
                f"metal::cpu::shared_variable<{len(names)}, {found['type']}{sizes}>();"
            )
            names.append(parts[1])
        return " ".join(made) + newlines(found)

    code = _VARIABLE.sub(declare, code)
    if len(names) > _VARIABLES_AT_MOST:
        raise MetalError(
            f"{file}: {len(names)} threadgroup variables, at most {_VARIABLES_AT_MOST}"
        )
    return code, tuple(names)


def program_constants(code: str) -> str:
    """`constant float pi = 3.14;` as a constant of the file, whose place is known to pointers.

    >>> program_constants("constant float pi = 3.14;")
    'static const float pi = 3.14; REFNET_CONSTANT(pi)'
    """
    made, done = [], 0
    for found in _CONSTANT.finditer(code):
        end = declaration_end(code, found.end())
        declared = re.match(_TYPE, code[found.end() : end])
        declarators = code[found.end() + (declared.end() if declared else 0) : end]
        names = [name[0] for one in at_commas(declarators) if (name := re.match(r"\w+", one))]
        known = "".join(f" REFNET_CONSTANT({name})" for name in names)
        made += [code[done : found.start()], "static const ", newlines(found)]
        made += [code[found.end() : end + 1], known]
        done = end + 1
    return "".join([*made, code[done:]])


def declaration_end(code: str, start: int) -> int:
    """Where the semicolon of a declaration is; the text's end if it has none.

    >>> declaration_end("constant A a = {1;2};", 9)
    20
    """
    depth = 0
    for i in range(start, len(code)):
        depth += (code[i] in "{([") - (code[i] in "})]")
        if code[i] == ";" and depth <= 0:
            return i
    return len(code)


def refuse_what_is_left(code: str, file: str) -> None:
    """Raise MetalError if an address space is named in a way that was not rewritten."""
    if left := _LEFT.search(code):
        raise MetalError(
            f"{file}:{line_of(code, left.start())}: {left['space']} declaration not understood: "
            f"{shown(left)}"
        )


def literals(code: str) -> str:
    """Literals as Metal reads them: float without a suffix, half with an h.

    >>> literals("x * 0.5 + 1.5h - 2.0f + 1e-3 + a.x1 + 0.5")
    'x * 0.5f + half(1.5f) - 2.0f + 1e-3f + a.x1 + 0.5f'
    """

    def suffixed(found: re.Match[str]) -> str:
        number, suffix = found.groups()
        return f"half({number}f)" if suffix in ("h", "H") else f"{number}f"

    return _INTEGER_HALF.sub(r"half(\1.0f)", _LITERAL.sub(suffixed, code))


def line_of(code: str, position: int) -> int:
    """The line of a position, as the last #line before it counts."""
    before = code[:position]
    named = list(re.finditer(r"^#line (\d+)[^\n]*\n", before, re.M))
    if not named:
        return before.count("\n") + 1
    return int(named[-1][1]) + before.count("\n", named[-1].end())


def shown(found: re.Match[str]) -> str:
    """What was found, on one line of at most 60 characters."""
    text = " ".join(found[0].split())
    return text if len(text) <= 60 else text[:57] + "..."
