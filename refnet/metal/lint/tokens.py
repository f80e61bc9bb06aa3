"""A .metal file as tokens with their places: what the textual rules read.

>>> [token.text for token in tokens("x += 0.5f; // half")]
['x', '+=', '0.5f', ';']
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

_QUOTED = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.)*", re.MULTILINE | re.DOTALL)
_TOKEN = re.compile(
    r"(?P<number>(?:\d|\.\d)(?:[eEpP][+-]|[\w.])*)"
    r"|(?P<word>[A-Za-z_]\w*)"
    r"|(?P<mark><<=|>>=|\[\[|\]\]|::|->|\+\+|--|&&|\|\||[-+*/%&|^!=<>]=|\S)"
)
# How many brackets a token opens: "]]" closes an attribute, or two subscripts as in a[b[0]].
NESTING = {"(": 1, "{": 1, "[": 1, "[[": 2, ")": -1, "}": -1, "]": -1, "]]": -2}


@dataclass(frozen=True)
class Token:
    """A word, number or mark, and the line it stands on (the first is 1)."""

    kind: str
    text: str
    line: int


def blanked(source: str) -> str:
    """The source with comments and quoted text turned to blanks, every place kept.

    >>> blanked('a /* b */ + "c" // d')
    'a         +         '
    """
    return _QUOTED.sub(lambda quoted: re.sub(r"[^\n]", " ", quoted[0]), source)


def without_directives(source: str) -> str:
    """The source with lines that begin with # turned to blanks, and the lines they go on in.

    >>> without_directives("#define A 1\\nfloat a;")
    '           \\nfloat a;'
    """
    return _DIRECTIVE.sub(lambda line: re.sub(r"[^\n]", " ", line[0]), source)


def tokens(source: str) -> list[Token]:
    """The tokens of a source, comments and quoted text left out."""
    found, line, place = [], 1, 0
    text = blanked(source)
    for match in _TOKEN.finditer(text):
        line += text.count("\n", place, match.start())
        place = match.start()
        assert match.lastgroup is not None
        found.append(Token(match.lastgroup, match[0], line))
    return found


def closing(run: Sequence[Token], start: int) -> int:
    """Where the bracket that opens at `start` closes; the end of the run where it does not.

    >>> closing(tokens("f(a, (b))"), 1)
    7
    """
    depth = 0
    for place in range(start, len(run)):
        depth += NESTING.get(run[place].text, 0)
        if depth <= 0:
            return place
    return len(run)


def split(run: Sequence[Token], *, angles: bool = True) -> Iterator[list[Token]]:
    """The parts of a run between commas that stand outside all brackets.

    >>> [len(part) for part in split(tokens("texture2d<half, access::read> a, uint b"))]
    [9, 2]

    angles: < and > are brackets, as among parameters; among arguments they compare.
    """
    part: list[Token] = []
    depth = 0
    for token in run:
        text = token.text
        depth += NESTING.get(text, 0)
        depth += angles * ((text == "<") - (text == ">"))
        if text == "," and depth <= 0:
            yield part
            part = []
        else:
            part.append(token)
    if part:
        yield part


@dataclass(frozen=True)
class Function:
    """A function with a body: what stands before its name, its parameters, its body."""

    name: str
    line: int
    before: tuple[Token, ...]
    inside: tuple[Token, ...]
    body: tuple[Token, ...]

    @property
    def is_kernel(self) -> bool:
        """Whether it is written `kernel void f` or `[[kernel]] void f`."""
        return any(token.text == "kernel" for token in self.before)

    @cached_property
    def parameters(self) -> list[list[Token]]:
        """The parameters, each as its tokens."""
        return [part for part in split(self.inside) if part]

    @property
    def signature(self) -> tuple[str, ...]:
        """The types of the parameters, as they are written."""
        said = []
        for part in self.parameters:
            named = len(part) > 1 and part[-1].kind == "word"
            said.append(" ".join(token.text for token in (part[:-1] if named else part)))
        return tuple(said)


@dataclass(frozen=True)
class Statement:
    """What stands outside functions, up to its semicolon, with braces and all."""

    run: tuple[Token, ...]


def outline(run: Sequence[Token]) -> Iterator[Function | Statement]:
    """Functions and statements of a file in their order; namespaces are opened, structs too.

    >>> source = tokens("constant int n = 3; float f(float x) { return x; }")
    >>> [type(part).__name__ for part in outline(source)]
    ['Statement', 'Function']
    """
    start = place = 0
    while place < len(run):
        text = run[place].text
        if text == ";":
            yield Statement(tuple(run[start : place + 1]))
            start = place = place + 1
        elif text == "{":
            end = closing(run, place)
            head = run[start:place]
            function = function_of(head, run[place + 1 : end])
            if function is not None:
                yield function
                start = end + 1
            elif any(token.text == "namespace" for token in head):
                yield from outline(run[place + 1 : end])
                start = end + 1
            elif any(token.text in ("struct", "class") for token in head):
                yield Statement(tuple(head))
                inside = outline(run[place + 1 : end])
                yield from (part for part in inside if isinstance(part, Function))
                start = end + 1
            place = end + 1
        elif NESTING.get(text, 0) > 0:
            place = closing(run, place) + 1
        else:
            place += 1


def function_of(head: Sequence[Token], body: Sequence[Token] = ()) -> Function | None:
    """The function that `head { body }` is, if it is one: ends in `)`, or `) const` and such."""
    end = len(head)
    while end and head[end - 1].text in ("const", "constant", "device", "thread", "noexcept"):
        end -= 1
    if not end or head[end - 1].text != ")":
        return None
    for place, token in enumerate(head[:end]):
        if token.text == "(" and closing(head, place) == end - 1:
            if place == 0 or head[place - 1].kind != "word":
                return None
            name = head[place - 1]
            before, inside = head[: place - 1], head[place + 1 : end - 1]
            return Function(name.text, name.line, tuple(before), tuple(inside), tuple(body))
    return None
