"""Source as a chapter shows it: Markdown in a notebook, plain text elsewhere."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Words:
    """Text with two faces.

    >>> Words("**so**", "so")
    so
    """

    markdown: str
    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.markdown


def listing(*functions: Callable[..., Any]) -> Words:
    """The source of functions or classes as it stands in their files, without the docstrings.

    >>> from refnet import geometry
    >>> listing(geometry.axes)
    def axes(
    ...
    ) -> tuple[Axis, Axis]:
    ...

    Comments stay. Raises ValueError for what has no source in Python.
    """
    if not functions:
        raise ValueError("functions: none, expected at least one")
    text = "\n\n\n".join(map(_undocumented, functions))
    return Words(f"```python\n{text}\n```", text)


def _undocumented(function: Callable[..., Any]) -> str:
    try:
        source = textwrap.dedent(inspect.getsource(function)).rstrip()
    except (TypeError, OSError):
        raise ValueError(
            f"function: {function!r}, expected a function or a class written in Python"
        ) from None
    lines = source.splitlines()
    documented = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, documented)]
    for node in sorted(nodes, key=lambda node: node.lineno, reverse=True):  # last first: lines go
        if ast.get_docstring(node, clean=False) is None:
            continue
        said = node.body[0]
        start, end = said.lineno - 1, said.end_lineno or said.lineno
        if len(node.body) == 1:
            lines[start:end] = [" " * said.col_offset + "..."]
            continue
        while not lines[end].strip():  # the empty line after a docstring
            end += 1
        del lines[start:end]
    return "\n".join(lines)
