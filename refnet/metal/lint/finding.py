"""What the lint says: a Finding, the rule it falls under, and the report of a whole run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# What each rule holds, in the order in which a report names them. Those that only clang can
# decide need types and overloads; the others are read off the text, with or without a clang.
TEXT_RULES = {
    "address-space": "a pointer or reference names device, constant, threadgroup or thread",
    "global": "a variable outside a function, or a static one, is constant",
    "literal": "a floating literal ends in f or h: 0.5 is double in C++ and float in Metal",
    "type": "no double, long double or long long",
    "word": "no feature of C++ that Metal leaves out: new, throw, virtual, lambda, goto ...",
    "recursion": "no function calls itself, directly or through others",
    "kernel": "a kernel returns void, is not overloaded, and is called by nobody",
    "binding": "a kernel's parameters carry attributes that Metal knows, fit for their types",
    "position": "a thread's position is ushort or uint, one to three of them, all of one size",
    "sampler": "a sampler in the source is constexpr",
    "include": "only Metal's own headers: there is no C++ standard library",
}
CLANG_RULES = {
    "pointer": "address spaces agree through calls, initialisers, casts and members",
    "conversion": "no implicit conversion between vectors, no call that fits two overloads",
    "name": "every name is Metal's or the file's own; a texture is used as its access allows",
    "read-only": "nothing writes to constant or const",
    "language": "all else that C++ for OpenCL forbids and Metal does too",
}
RULES = TEXT_RULES | CLANG_RULES


@dataclass(frozen=True, order=True)
class Finding:
    """One place where a source leaves Metal's language.

    >>> print(Finding(Path("softmax.metal"), 12, "type", "double is not a type of Metal"))
    softmax.metal:12: type: double is not a type of Metal
    """

    path: Path
    line: int
    rule: str
    message: str

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"rule: {self.rule!r}, expected one of {', '.join(RULES)}")

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


@dataclass(frozen=True)
class Report:
    """What was found, and what was not looked for.

    >>> print(Report((Path("a.metal"),), (), clang="", missing="no clang found"))
    1 file: no findings under 11 textual rules
    not checked: pointer, conversion, name, read-only, language: no clang found

    paths: the files read. clang: the compiler's first line about itself, "" where none ran;
    missing: why none did. No findings does not mean that Apple's compiler accepts a file.
    """

    paths: tuple[Path, ...]
    findings: tuple[Finding, ...]
    clang: str
    missing: str = ""

    @property
    def skipped(self) -> tuple[str, ...]:
        """The rules that nothing checked."""
        return () if self.clang else tuple(CLANG_RULES)

    def __str__(self) -> str:
        count, found = len(self.paths), len(self.findings)
        files = f"{count} file{'' if count == 1 else 's'}"
        said = f"{found or 'no'} finding{'' if found == 1 else 's'}"
        rules = f"under {len(TEXT_RULES)} textual rules"
        if self.clang:
            rules += f" and {len(CLANG_RULES)} of clang's ({self.clang})"
        lines = [*map(str, self.findings), f"{files}: {said} {rules}"]
        if self.skipped:
            lines.append(f"not checked: {', '.join(self.skipped)}: {self.missing}")
        return "\n".join(lines)
