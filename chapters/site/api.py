"""The reference: every public name of the modules below, from its docstring.

Docstrings here are Markdown with doctests in it, so they go into the pages as they stand; Sphinx
gets each name as its own kind of object, and so has it in the index, the search and with a link
to the source.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from types import ModuleType
from typing import Any

# In this order. A name that several modules offer stands in the first; the others link to it.
MODULES = (
    "refnet.definition",
    "refnet.ops",
    "refnet.network",
    "refnet.models",
    "refnet.run",
    "refnet.checkpoints",
    "refnet.preprocessing",
    "refnet.folding",
    "refnet.separability",
    "refnet.channel_separability",
    "refnet.cost",
    "refnet.bounds",
    "refnet.backend",
    "refnet.oracle.check",
    "refnet.oracle.judge",
    "refnet.oracle.diagnose",
    "refnet.oracle.bundle",
    "refnet.testing",
    "refnet.engine",
    "refnet.exercises",
    "refnet.reading",
    "refnet",
)
LONGEST = 200  # characters of a value that are shown


def pages() -> dict[str, str]:
    """File name -> Markdown, one page a module and an index of them."""
    homes: dict[int, str] = {}
    made: dict[str, str] = {}
    rows, tree = [], []
    for name in MODULES:
        module = import_module(name)
        made[f"{name}.md"] = page(module, homes)
        rows.append(f"| [`{name}`]({name}.md) | {first_sentence(module)} |")
        tree.append(name)
    listed = "\n".join(["# Reference", "", "| Module | What it holds |", "|---|---|", *rows])
    made["index.md"] = f"{listed}\n\n" + "\n".join(["```{toctree}", ":hidden:", "", *tree, "```\n"])
    return made


def page(module: ModuleType, homes: dict[int, str]) -> str:
    """One module; `homes` says where a thing has been described already, and learns more."""
    name = module.__name__
    parts = [f"# {name}", markdown(module.__doc__ or ""), f"```{{py:module}} {name}\n```"]
    elsewhere = []
    for member, thing in public(module):
        if id(thing) in homes:
            elsewhere.append(
                f"* {{py:obj}}`{member} <{homes[id(thing)]}>`: {first_sentence(thing)}"
            )
            continue
        homes[id(thing)] = f"{name}.{member}"
        parts.append(described(member, thing))
    if elsewhere:
        parts += ["## From other modules", "\n".join(elsewhere)]
    return "\n\n".join(filter(None, parts)) + "\n"


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """What a module offers: its `__all__`, or else what it defines itself, in that order."""
    if hasattr(module, "__all__"):
        named = [(member, getattr(module, member)) for member in module.__all__]
    else:
        named = [
            (member, thing)
            for member, thing in vars(module).items()
            if not member.startswith("_") and getattr(thing, "__module__", "") == module.__name__
        ]
    for member, thing in named:
        if not inspect.ismodule(thing):
            yield member, thing


def described(name: str, thing: Any, inside: str = "") -> str:
    """A directive that holds a signature and the docstring; a class holds its methods as well."""
    if inspect.isclass(thing):
        parts = [own_doc(thing), *members(name, thing)]
        return directive("py:class", f"{name}{signature(thing)}", parts)
    if inspect.isroutine(thing):
        kind = "py:method" if inside else "py:function"
        return directive(kind, f"{name}{signature(thing)}", [markdown(thing.__doc__ or "")])
    if isinstance(thing, property | cached_property):
        return directive("py:property", name, [markdown(thing.__doc__ or "")])
    shown = repr(thing)
    return directive("py:data", name, [f"`{shown}`" if len(shown) <= LONGEST else kind_of(thing)])


def kind_of(thing: Any) -> str:
    """What a value is, where it is too long to be shown.

    >>> kind_of({"a": 1, "b": 2})
    'A dict of 2: `a`, `b`.'
    """
    article = "An" if type(thing).__name__[0] in "aeiou" else "A"
    named = f": {', '.join(f'`{key}`' for key in thing)}" if isinstance(thing, dict) else ""
    return f"{article} {type(thing).__name__} of {len(thing)}{named}."


def members(name: str, cls: type) -> Iterator[str]:
    """Public methods and properties that a class defines itself and says something about."""
    for member, thing in vars(cls).items():
        plain = thing.__func__ if isinstance(thing, classmethod | staticmethod) else thing
        told = inspect.isroutine(plain) or isinstance(plain, property | cached_property)
        if not member.startswith("_") and told and plain.__doc__:
            yield described(f"{name}.{member}", plain, inside=name)


def directive(kind: str, heading: str, parts: list[str]) -> str:
    """MyST's fence, longer than any in what it holds."""
    body = "\n\n".join(filter(None, parts))
    ticks = "`" * max(3, 1 + max(map(len, re.findall("`{3,}", body)), default=2))
    return f"{ticks}{{{kind}}} {heading}\n\n{body}\n{ticks}"


class _AsWritten:
    """An annotation that prints as it stands in the source, without quotation marks."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def signature(thing: Any) -> str:
    """As it stands in the source.

    >>> signature(page)
    '(module: ModuleType, homes: dict[int, str]) -> str'
    """
    try:
        found = inspect.signature(thing)
    except (TypeError, ValueError):
        return ""
    given = [p for p in found.parameters.values() if p.name not in ("self", "cls")]
    parameters = [_unquoted(parameter) for parameter in given]
    returns = found.return_annotation
    if inspect.isclass(thing) or not isinstance(returns, str):
        returns = inspect.Signature.empty
    else:
        returns = _AsWritten(returns)
    found = found.replace(parameters=parameters, return_annotation=returns)
    return re.sub(r"<[^<>]*>", "...", str(found))  # a default that has no text of its own


def _unquoted(parameter: inspect.Parameter) -> inspect.Parameter:
    said = parameter.annotation
    return parameter.replace(annotation=_AsWritten(said)) if isinstance(said, str) else parameter


def own_doc(cls: type) -> str:
    """A class's docstring, unless it is the signature that `dataclass` makes up."""
    said = cls.__doc__ or ""
    return "" if said.startswith(f"{cls.__name__}(") else markdown(said)


def first_sentence(thing: Any) -> str:
    """The first line of a docstring, which in this project says what the thing is.

    >>> first_sentence(first_sentence)
    'The first line of a docstring, which in this project says what the thing is.'
    """
    lines = inspect.cleandoc(thing.__doc__ or "").split("\n\n")[0].split("\n")
    return escaped(" ".join(lines)).replace("|", r"\|")


def markdown(docstring: str) -> str:
    """A docstring with its doctests fenced, so that they are shown as code and can be copied.

    >>> markdown("Adds.\\n\\n>>> 1 + 1\\n2\\n\\nExact.")
    'Adds.\\n\\n```pycon\\n>>> 1 + 1\\n2\\n```\\n\\nExact.'
    """
    out: list[str] = []
    for block in inspect.cleandoc(docstring).split("\n\n"):
        if block.startswith(">>> "):
            out.append(f"```pycon\n{block}\n```")
        else:
            out.append(block if block.startswith("    ") else escaped(block))
    return "\n\n".join(out).replace("```\n\n```pycon\n", "")


def escaped(text: str) -> str:
    """Prose in which what Markdown would take for HTML or mathematics is none."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(p if p.startswith("`") else re.sub(r"([<$~])", r"\\\1", p) for p in parts)
