"""A page's cells, run one after another in one namespace, as a notebook runs them.

>>> said = []
>>> session = Session(said.append)
>>> session.run(1, "a = 2\\nprint('two')\\na + 1")
True
>>> [(message["stream"], message["text"]) for message in said]
[('stdout', 'two\\n'), ('', '3')]

What a cell shows goes out as plain data, piece by piece: text, HTML, pictures (PNG in base64), and
an error as a few lines. Markdown becomes HTML here, by the parser that made the pages.
"""

from __future__ import annotations

import ast
import base64
import io
import linecache
import re
import sys
import time
import traceback
import types
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from typing import Any

Message = dict[str, Any]
Say = Callable[[Message], None]

MOST = 100_000  # characters that a cell may print; a page is not a log
PAUSE = 0.05  # seconds between two pieces of printed text
MESSAGE = 2000  # characters of an error's own words
OWN = "cell"  # how a cell's frames are named: <cell 3>


class Session:
    """A namespace, and cells that run in it. say: gets what a cell shows, while it runs."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.module = types.ModuleType("__main__")
        self.names = self.module.__dict__
        self.names["display"] = self.display

    def run(self, number: int, source: str) -> bool:
        """Run a cell; whether it ended without an error."""
        printed = _Printed(self.say, "stdout"), _Printed(self.say, "stderr")
        error = ""
        with redirect_stdout(printed[0]), redirect_stderr(printed[1]), warnings.catch_warnings():
            warnings.simplefilter("default")
            try:
                value = self._value(number, source)
                if value is not None:
                    self.show(value)
                self._show_figures()
            except KeyboardInterrupt:
                raise
            except BaseException as problem:  # SystemExit as well: the page goes on
                error = told(problem)
        for stream in printed:
            stream.flush()
        if error:
            self.say({"kind": "error", "text": error})
        return not error

    def _value(self, number: int, source: str) -> Any:
        """What the last line of a cell says, unless it ends with a semicolon."""
        name = f"<{OWN} {number}>"
        lines = [f"{line}\n" for line in source.splitlines()]
        linecache.cache[name] = (len(source), None, lines, name)  # for errors, and for `listing`
        tree = ast.parse(source, name)
        last = tree.body[-1] if tree.body else None
        if not isinstance(last, ast.Expr) or source.rstrip().endswith(";"):
            exec(compile(tree, name, "exec"), self.names)
            return None
        tree.body.pop()
        exec(compile(tree, name, "exec"), self.names)
        return eval(compile(ast.Expression(last.value), name, "eval"), self.names)

    def display(self, *things: Any) -> None:
        """The function of that name, which notebooks have without an import."""
        for thing in things:
            self.show(thing)

    def show(self, thing: Any) -> None:
        """A value as a notebook shows it: the richest of what it offers."""
        for printed in (sys.stdout, sys.stderr):
            printed.flush()
        data, about = _offers(thing)
        if png := data.get("image/png"):
            coded = png if isinstance(png, str) else base64.b64encode(png).decode()
            words = about.get("image/png", {})
            self.say({"kind": "png", "png": coded, "alt": words.get("alt", ""),
                      "width": words.get("width")})  # fmt: skip
        elif "text/html" in data:
            self.say({"kind": "html", "html": data["text/html"]})
        elif "text/markdown" in data:
            self.say({"kind": "html", "html": markdown(data["text/markdown"])})
        else:
            self.say({"kind": "text", "stream": "", "text": data["text/plain"]})

    def _show_figures(self) -> None:
        """Figures of pyplot's that the cell has left open."""
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is None:
            return
        for number in pyplot.get_fignums():
            written = io.BytesIO()
            pyplot.figure(number).savefig(written, format="png", dpi=100, bbox_inches="tight")
            png = base64.b64encode(written.getvalue()).decode()
            self.say({"kind": "png", "png": png, "alt": f"Figure {number} of this cell"})
        pyplot.close("all")


class _Printed(io.TextIOBase):
    """A stream whose text goes out a few times a second, and ends where there is too much of it."""

    def __init__(self, say: Say, stream: str) -> None:
        self._say, self._stream = say, stream
        self._held, self._left, self._last = "", MOST, time.monotonic()

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        self._held += text[: max(0, self._left)]
        if 0 <= self._left < len(text):
            self._held += f"\n(cut here, after {MOST:,} characters)\n"
            self._left = 0
        self._left -= len(text)
        if self._held and time.monotonic() > self._last + PAUSE:
            self.flush()
        return len(text)

    def flush(self) -> None:
        if self._held:
            self._say({"kind": "text", "stream": self._stream, "text": self._held})
            self._held, self._last = "", time.monotonic()


def _offers(thing: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a value shows itself as, by type, and what it says about each."""
    if hasattr(type(thing), "_repr_mimebundle_"):
        bundle = thing._repr_mimebundle_()
        data, about = bundle if isinstance(bundle, tuple) else (bundle, {})
        if data:
            return {"text/plain": repr(thing), **data}, about
    data = {"text/plain": repr(thing)}
    for kind, method in (
        ("text/html", "_repr_html_"),
        ("text/markdown", "_repr_markdown_"),
        ("image/png", "_repr_png_"),
    ):
        if hasattr(type(thing), method) and (said := getattr(thing, method)()) is not None:
            data[kind] = said
    return data, {}


def markdown(text: str) -> str:
    """Markdown as HTML; formulas stay as TeX between \\( \\) or \\[ \\], for MathJax.

    >>> markdown("**so** $x$")
    '<p><strong>so</strong> <span class="math inline">\\\\(x\\\\)</span></p>\\n'
    """
    return str(_parser().render(text))


@cache
def _parser() -> Any:
    from markdown_it import MarkdownIt
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.use(dollarmath_plugin, renderer=_formula)
    return parser


def _formula(tex: str, options: dict[str, Any]) -> str:
    from markdown_it.common.utils import escapeHtml

    left, right = ("\\[", "\\]") if options.get("display_mode") else ("\\(", "\\)")
    return f"{left}{escapeHtml(tex)}{right}"


def told(problem: BaseException) -> str:
    """An error as a reader needs it: its name and words, and which lines of cells led to it.

    >>> session = Session(lambda message: print(message["text"]))
    >>> session.run(4, "def f(x):\\n    return 1 / x\\nf(0)")
    ZeroDivisionError: division by zero
      in cell 4, line 3: f(0)
      in cell 4, line 2: return 1 / x
    False
    """
    said = "".join(traceback.format_exception_only(problem)).strip()
    if isinstance(problem, SyntaxError) and (problem.filename or "").startswith(f"<{OWN} "):
        return re.sub(rf'^File "<({OWN} \d+)>"', r"\1", said)
    frames = traceback.extract_tb(problem.__traceback__)
    own = [n for n, frame in enumerate(frames) if frame.filename.startswith(f"<{OWN} ")]
    lines = [_where(frames[n]) for n in own]
    if own and own[-1] < len(frames) - 1:  # raised by what the cell calls
        lines.append(f"  in {frames[-1].name}, of {_module(frames[-1].filename)}")
    if len(lines) > 8:  # a function that calls itself without end
        lines = [*lines[:4], f"  ... {len(lines) - 8} more ...", *lines[-4:]]
    said = said if len(said) <= MESSAGE else f"{said[:MESSAGE]}..."
    return "\n".join([said, *lines])


def _where(frame: traceback.FrameSummary) -> str:
    return f"  in {frame.filename.strip('<>')}, line {frame.lineno}: {(frame.line or '').strip()}"


def _module(filename: str) -> str:
    """A file of a package as people speak of it."""
    parts = filename.replace("\\", "/").removesuffix(".py").split("/")
    for root in ("site-packages", "lib", "home"):
        if root in parts:
            parts = parts[parts.index(root) + 1 :]
    return ".".join(parts[-3:])
