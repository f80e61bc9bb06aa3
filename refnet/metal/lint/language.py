"""Rules on words, numbers, variables and calls, read off the tokens of one file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from refnet.metal.lint.tokens import (
    Function,
    Statement,
    Token,
    closing,
    function_of,
    outline,
    split,
)

Said = tuple[int, str, str]  # line, rule, message

SPACES = {"device", "constant", "threadgroup", "thread", "threadgroup_imageblock", "ray_data"}
_SCALARS = "bool|char|uchar|short|ushort|int|uint|long|ulong|half|float|double"
_BUILT_IN = re.compile(
    rf"(packed_)?({_SCALARS})[234]?|(half|float)[234]x[234]|void|unsigned|signed|size_t|u?int\d+_t"
)
_FLOATING = re.compile(r"(?!0[xX])[\d.]*(\.|[eE])[\d.eE+-]*[a-zA-Z]*|0[xX].*[pP].*")
_TEMPLATES = {"texture2d", "texture2d_array", "texture3d", "vec", "array", "atomic"}
_LEADING = {"unsigned", "metal", "::", "struct", "class", "enum"}
_SPECIFIERS = {"const", "volatile", "constexpr", "static", "inline", "restrict", "extern"}

# MSL specification, section 1.5.4, and "C++ standard library" there.
_WORDS = {
    "virtual": "virtual functions",
    "dynamic_cast": "dynamic_cast",
    "typeid": "type identification",
    "new": "new and delete",
    "delete": "new and delete",
    "noexcept": "noexcept",
    "goto": "goto",
    "register": "register",
    "thread_local": "thread_local",
    "try": "exceptions",
    "catch": "exceptions",
    "throw": "exceptions",
    "asm": "assembly",
    "std": "C++ standard library",
}


def words(run: Sequence[Token]) -> Iterator[Said]:
    """Words, types and literals that Metal has not.

    >>> from refnet.metal.lint.tokens import tokens
    >>> list(words(tokens("double x = 0.5;")))[0]
    (1, 'type', 'double is not a type of Metal')
    """
    for before, token in pairwise([Token("mark", ";", 0), *run]):
        text = token.text
        if token.kind == "number" and _FLOATING.fullmatch(text) and text[-1] not in "fFhH":
            yield token.line, "literal", f"{text} is double in C++, float in Metal: write {text}f"
        elif re.fullmatch("double[234]?", text):
            yield token.line, "type", f"{text} is not a type of Metal"
        elif text == before.text == "long":
            yield token.line, "type", "long long is not a type of Metal: long has 64 bits"
        elif text in _WORDS and before.text not in (".", "->"):
            yield token.line, "word", f"{text}: Metal has no {_WORDS[text]}"
        elif before.text in ("vertex", "fragment") and token.kind == "mark":
            yield before.line, "word", f"{before.text} is a keyword of Metal, not a name"
        elif text == "[" and not _is_subscripted(before):
            yield token.line, "word", "a lambda: Metal has none before version 3.2"


def _is_subscripted(token: Token) -> bool:
    """Whether a `[` behind this token takes an element of something."""
    if token.kind == "word":
        return token.text != "return"
    return token.text in (")", "]", "]]") or token.kind == "number"


def includes(source: str) -> Iterator[Said]:
    """Headers that are not Metal's.

    >>> list(includes("#include <metal_stdlib>\\n#include <cmath>"))
    [(2, 'include', '<cmath> is not a header of Metal')]
    """
    for number, line in enumerate(source.splitlines(), 1):
        found = re.match(r"\s*#\s*include\s*<([^>]*)>", line)
        if found and not re.match(r"metal_|simd/", found[1]):
            yield number, "include", f"<{found[1]}> is not a header of Metal"


def pointers(run: Sequence[Token]) -> Iterator[Said]:
    """Pointers and references without an address space.

    >>> from refnet.metal.lint.tokens import tokens
    >>> [said[2] for said in pointers(tokens("const float* w = weights; device float* v;"))]
    ['float *w names no address space: device, constant, threadgroup or thread']

    A `*` or `&` after the name of a type is a declarator, for nothing can be multiplied by a
    type; the types are Metal's and those that the file declares.
    """
    own = _declared_types(run)
    for place, token in enumerate(run):
        if not (_BUILT_IN.fullmatch(token.text) or token.text in own | _TEMPLATES):
            continue
        after = _behind_template(run, place + 1)
        while after < len(run) and run[after].text in SPACES | _SPECIFIERS:
            after += 1
        if after >= len(run) or run[after].text not in ("*", "&", "&&"):
            continue
        first = place
        while first and run[first - 1].text in SPACES | _SPECIFIERS | _LEADING:
            first -= 1
        if not SPACES & {word.text for word in run[first:after]}:
            named = run[after + 1].text if after + 1 < len(run) else ""
            written = f"{token.text} {run[after].text}{named if named.isidentifier() else ''}"
            message = f"{written} names no address space: device, constant, threadgroup or thread"
            yield token.line, "address-space", message


def _behind_template(run: Sequence[Token], start: int) -> int:
    """The place behind `<...>` where one begins at `start`, else `start`."""
    depth = 0
    for place in range(start, len(run)):
        depth += (run[place].text == "<") - (run[place].text == ">")
        if depth <= 0:
            return place + (place > start)
    return start


def _declared_types(run: Sequence[Token]) -> set[str]:
    found = set()
    for before, token in pairwise(run):
        if before.text in ("struct", "class", "union", "enum", "using", "typename"):
            found.add(token.text)
    for place, token in enumerate(run):
        if token.text == "typedef":
            end = next((k for k in range(place, len(run)) if run[k].text == ";"), place)
            found.add(run[end - 1].text)
    return found - {"namespace", "class", "metal"}


def variables(run: Sequence[Token]) -> Iterator[Said]:
    """Variables that live longer than a call and are not constant; samplers that are made late.

    >>> from refnet.metal.lint.tokens import tokens
    >>> [said[1] for said in variables(tokens("int n = 0; void f() { static int m; }"))]
    ['global', 'global']
    """
    for part in outline(run):
        if isinstance(part, Statement):
            yield from _outside(part.run)
        else:
            yield from _inside(part.body)


def _outside(run: Sequence[Token]) -> Iterator[Said]:
    said = [token.text for token in run]
    kept = {"using", "typedef", "enum", "template", "static_assert", "friend"}
    if said[0] in kept or said == [";"]:
        return
    if said[0] in ("struct", "class", "union"):
        if ":" in said:
            yield run[0].line, "word", f"{said[1]}: Metal has no derived classes"
        return
    if "constant" in said or ("sampler" in said and "constexpr" in said):
        return
    opened = said.index("(") if "(" in said else len(said)
    if "=" not in said[:opened] and opened < len(said) and "sampler" not in said[:opened]:
        return  # a function that is declared here and defined elsewhere
    name = next((token for token in reversed(run[:opened]) if token.kind == "word"), run[0])
    yield name.line, "global", f"{_declared(run)}: outside a function only constant is allowed"


def _declared(run: Sequence[Token]) -> str:
    words = []
    for token in run:
        if token.kind != "word":
            break
        words.append(token.text)
    return " ".join(words) or run[0].text


def _inside(body: Sequence[Token]) -> Iterator[Said]:
    said: set[str] = set()
    for token in reversed(body):  # from its end, a statement is known when its `static` comes
        said = set() if token.text in (";", "{", "}") else said | {token.text}
        if token.text == "static" and "constant" not in said:
            yield token.line, "global", "a static variable is constant in Metal"
    for before, token, after in zip([Token("mark", ";", 0), *body], body, body[1:], strict=False):
        if token.text == "sampler" and after.kind == "word" and before.text != "constexpr":
            yield token.line, "sampler", f"sampler {after.text} is not constexpr"


def calls(run: Sequence[Token]) -> Iterator[Said]:
    """Functions that reach themselves; kernels that are called, overloaded, or return something.

    >>> from refnet.metal.lint.tokens import tokens
    >>> list(calls(tokens("int f(int n) { return n ? f(n - 1) : 0; }")))
    [(1, 'recursion', 'f calls itself')]

    A call is matched to functions by name and count of arguments. Where two overloads take as
    many, which one is meant is a matter of types, and nothing is said.
    """
    parts = list(outline(run))
    functions = [part for part in parts if isinstance(part, Function)]
    declared = [function_of(part.run[:-1]) for part in parts if isinstance(part, Statement)]
    overloads: dict[tuple[str, int], set[tuple[str, ...]]] = {}
    for known in filter(None, (*functions, *declared)):
        key = known.name, len(known.parameters)
        overloads.setdefault(key, set()).add(known.signature)
    kernels = [function.name for function in functions if function.is_kernel]
    named: dict[tuple[str, int], list[Function]] = {}
    for function in functions:
        named.setdefault((function.name, len(function.parameters)), []).append(function)
        if function.name == "main":
            yield function.line, "kernel", "main is not a name that a function can have"
        if function.is_kernel and "void" not in [token.text for token in function.before]:
            yield function.line, "kernel", f"{function.name} does not return void"
        if function.is_kernel and kernels.count(function.name) > 1:
            yield function.line, "kernel", f"{function.name} is overloaded"
    reached: dict[tuple[str, int], set[tuple[str, int]]] = {}
    for key, same in named.items():
        made = [call for function in same for call in _called(function.body)]
        for name, _, line in made:
            if name in kernels:
                yield line, "kernel", f"{key[0]} calls {name}, which is a kernel"
        reached[key] = {call[:2] for call in made} & named.keys()
        if len(overloads[key]) > 1:
            reached[key] = set()
    for key, same in named.items():
        if _reaches(key, key, reached):
            yield same[0].line, "recursion", f"{key[0]} calls itself"


def _called(body: Sequence[Token]) -> Iterator[tuple[str, int, int]]:
    """Name, count of arguments and line of everything in a body that looks like a call."""
    for place, (token, after) in enumerate(pairwise(body)):
        if token.kind == "word" and after.text == "(":
            inside = body[place + 2 : closing(body, place + 1)]
            yield token.text, len(list(split(inside, angles=False))), token.line


def _reaches(
    start: tuple[str, int],
    goal: tuple[str, int],
    reached: dict[tuple[str, int], set[tuple[str, int]]],
) -> bool:
    seen: set[tuple[str, int]] = set()
    waiting = [start]
    while waiting:
        for other in reached[waiting.pop()] - seen:
            if other == goal:
                return True
            seen.add(other)
            waiting.append(other)
    return False
