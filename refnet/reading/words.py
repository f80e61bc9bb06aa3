"""Source as a chapter shows it: Markdown in a notebook, plain text elsewhere."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources.abc import Traversable
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


def excerpt(path: Traversable, first: str, last: str = "", language: str = "cpp") -> Words:
    """Lines of a file: from the one that holds `first` to the next one that holds `last`.

    >>> from importlib.resources import files
    >>> pointwise = files("refnet.metal") / "kernels" / "pointwise.metal"
    >>> excerpt(pointwise, "struct PointwiseParams", "};")
    struct PointwiseParams {
    ...
    };

    last: where it is not said, one line is meant. language: what a notebook colours it as. What all
    lines are indented by is taken off. Raises ValueError where there is no such line, or where
    `first` stands in several.
    """
    lines = path.read_text("utf-8").splitlines()
    starts = [n for n, line in enumerate(lines) if first in line]
    if len(starts) != 1:
        raise ValueError(f"first: {first!r} is in {len(starts)} lines of {path.name}, expected one")
    (start,) = starts
    ends = [n for n, line in enumerate(lines[start:], start) if last in line]
    if not ends:
        raise ValueError(f"last: {last!r} is in no line of {path.name} from {start + 1} on")
    text = textwrap.dedent("\n".join(lines[start : ends[0] + 1]))
    return Words(f"```{language}\n{text}\n```", text)


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
