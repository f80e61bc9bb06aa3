"""The pages as Sphinx reads them, laid out in one folder.

A file is written only where its bytes differ, so that a second build does little.
"""

from __future__ import annotations

import json
import re
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

from chapters.execute import ROOT
from chapters.site import api, appendices
from chapters.site.appendices.chapter import Chapter
from refnet.checkpoints.files import check_sha256

HERE = Path(__file__).parent
MATHJAX = "d4295dc33744836935c1399feece5159577b34c5c8ffb9f1c6324cd82e03a882"  # 3.2.2's tex-svg.js


def stage(folder: Path) -> None:
    """Everything that the site is made of, in `folder`; what is no longer part of it goes."""
    lay(folder, laid_out())


def laid_out() -> dict[str, bytes]:
    """File name -> bytes: everything that the site is made of."""
    pages: dict[str, bytes] = {}
    for path in sorted((ROOT / "chapters").glob("[0-9][0-9]_*.ipynb")):
        pages[f"chapters/{path.name}"] = path.read_bytes()
    for path in sorted((ROOT / "figures" / "svg").glob("*.svg")):
        pages[f"figures/svg/{path.name}"] = path.read_bytes()
    chapters = [(name, json.loads(page)) for name, page in pages.items() if _is_chapter(name)]
    further = appendices.pages([Chapter.read(name, notebook) for name, notebook in chapters])
    pages |= {name: text.encode() for name, text in further.items()}
    index = (HERE / "index.md").read_text("utf-8")
    index = index.replace("<!-- contents -->\n", contents(chapters))
    index = index.replace("<!-- appendices -->\n", appendices.listed(further))
    pages["index.md"] = index.encode()
    pages["photo.md"] = (HERE / "photo.md").read_bytes()
    pages["glossary.md"] = (HERE / "glossary.md").read_bytes()
    pages["guide.md"] = guide().encode()
    for path in sorted((ROOT / "figures" / "photos").glob("*")):
        pages[f"figures/photos/{path.name}"] = path.read_bytes()
    for path in sorted((HERE / "calculator").glob("page.*")):
        pages[path.with_stem("calculator").name] = path.read_bytes()
    for name, text in api.pages().items():
        pages[f"reference/{name}"] = text.encode()
    pages["mathjax/tex-svg.js"] = mathjax().read_bytes()
    return pages


def contents(chapters: list[tuple[str, dict[str, Any]]]) -> str:
    """The chapters with a sentence each, and the same for the side of every page.

    >>> nb = {"metadata": {"description": "Why."}, "cells": [
    ...     {"cell_type": "markdown", "source": ["# 7. Separable\\n", "Text."]}]}
    >>> print(contents([("chapters/07_separable.ipynb", nb)]))
    7. [Separable](chapters/07_separable.ipynb). Why.
    <BLANKLINE>
    ```{toctree}
    :hidden:
    :caption: Chapters
    <BLANKLINE>
    7. Separable <chapters/07_separable>
    ```
    <BLANKLINE>
    """
    lines, tree = [], ["```{toctree}", ":hidden:", ":caption: Chapters", ""]
    for name, notebook in chapters:
        number, title = int(Path(name).name[:2]), title_of(notebook)
        lines.append(f"{number}. [{title}]({name}). {notebook['metadata'].get('description', '')}")
        tree.append(f"{number}. {title} <{name.removesuffix('.ipynb')}>")
    return "\n".join([*lines, "", *tree, "```", ""])


def guide() -> str:
    """What each command does; of what lies outside the book, pictures are kept, links are not."""
    text = (HERE / "guide.md").read_text("utf-8").replace("](../../figures/", "](figures/")
    return re.sub(r"\[([^]]*)\]\(\.\./\.\./[^)]*\)", r"`\1`", text)


def title_of(notebook: dict[str, Any]) -> str:
    """A chapter's heading, without its number."""
    for cell in notebook["cells"]:
        heading = re.search(r"^# +(?:\d+\W+)?(.+)$", "".join(cell["source"]), re.M)
        if cell["cell_type"] == "markdown" and heading:
            return heading[1].strip()
    raise ValueError("a notebook has no heading `# ...`")


def mathjax() -> Path:
    """MathJax as one file, from the package that carries it; its hash is checked."""
    name = "sphinx-mathjax-offline"
    try:
        carried = files(name) or []
    except PackageNotFoundError:
        raise ValueError(f"{name} is not installed: pip install '.[book]'") from None
    found = [Path(str(f.locate())) for f in carried if str(f).endswith("mathjax/tex-svg.js")]
    if len(found) != 1:
        raise ValueError(f"{name}: {len(found)} files tex-svg.js, expected one")
    check_sha256(found[0], MATHJAX)
    return found[0]


def _is_chapter(name: str) -> bool:
    return name.startswith("chapters/")


def lay(folder: Path, pages: dict[str, bytes]) -> None:
    """Write what is new or other, remove what is not among `pages`."""
    for name, page in pages.items():
        path = folder / name
        if not path.exists() or path.read_bytes() != page:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(page)
    for path in folder.rglob("*"):
        if path.is_file() and str(path.relative_to(folder)) not in pages:
            path.unlink()
