"""The book's appendices, each made from what refnet and the chapters hold themselves.

One module a page, with `page(chapters)`, which writes it as Markdown; the last is a text with
counted figures in it (`chapters.site.accuracy`). `stage` lays them out and `listed` puts them into
the contents. Nothing here knows how many chapters there are.
"""

from __future__ import annotations

from collections.abc import Sequence

from chapters.site import accuracy
from chapters.site.appendices import bibliography, claims, notation, solutions, weights
from chapters.site.appendices.chapter import Chapter, heading_of

MODULES = (notation, claims, weights, solutions, bibliography)


def pages(chapters: Sequence[Chapter]) -> dict[str, str]:
    """File name -> Markdown, in the book's order."""
    made = {f"appendices/{_name(module)}.md": module.page(chapters) for module in MODULES}
    return {**made, "accuracy.md": accuracy.page()}


def listed(made: dict[str, str]) -> str:
    """The appendices with their letters, and the same for the side of every page.

    >>> print(listed({"appendices/notation.md": "# Notation\\n\\nThe letters. And more.\\n"}))
    * A. [Notation](appendices/notation.md). The letters.
    <BLANKLINE>
    ```{toctree}
    :hidden:
    :caption: Appendices
    <BLANKLINE>
    A. Notation <appendices/notation>
    ```
    <BLANKLINE>
    """
    lines, tree = [], ["```{toctree}", ":hidden:", ":caption: Appendices", ""]
    for letter, (name, text) in zip("ABCDEFGHIJ", made.items(), strict=False):
        title, sentence = heading_of(text)
        lines.append(f"* {letter}. [{title}]({name}). {sentence}")
        tree.append(f"{letter}. {title} <{name.removesuffix('.md')}>")
    return "\n".join([*lines, "", *tree, "```", ""])


def _name(module: object) -> str:
    return str(getattr(module, "__name__", "")).rpartition(".")[2]
