"""What each page says of itself in a search engine's list: its `<meta name="description">`.

A chapter's is the sentence of its notebook that stands in the contents, too; any other page's the
first sentence under its title. Pages that Sphinx makes by itself have none, and are named here.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

LONGEST = 200  # characters; lists of results show fewer
MADE = {
    "genindex": "Every function, class and module of refnet in alphabetical order.",
    "py-modindex": "The modules of refnet, each with a link to its page of the reference.",
    "search": "Search the book and the reference; the search runs on your own machine.",
    "_modules/index": "The sources of refnet that the reference links to.",
}


def describe(app: Any, pagename: str, templatename: str, context: Any, doctree: Any) -> None:
    """Called by Sphinx for each page, before it is written."""
    if pagename.startswith("_modules/") and pagename not in MADE:
        context["title"] = f"Source of {_module(pagename)}"  # the reference has a page of that name
    if 'name="description"' in context.get("metatags", ""):
        return
    said = app.env.metadata.get(pagename, {}).get("description", "")
    if not said:
        said = MADE.get(pagename) or first_sentence(doctree) or _source(pagename)
    context["metatags"] = (
        f'<meta name="description" content="{escape(cut(said))}" />\n{context.get("metatags", "")}'
    )


def flatten_sources(app: Any, pagename: str, template: str, context: Any, doctree: Any) -> None:
    """Sphinx's list of sources puts lists where only items may be: screen readers lose count."""
    if pagename == "_modules/index":
        items = "\n".join(re.findall(r"<li>.*?</li>", context["body"], re.S))
        context["body"] = f"{context['body'].partition('<ul>')[0]}<ul>\n{items}\n</ul>\n"


def first_sentence(doctree: Any) -> str:
    """Of the first paragraph of a page (docutils' tree, or None) that stands under its title."""
    for paragraph in doctree.findall(_is_paragraph) if doctree is not None else ():
        if paragraph.parent.tagname == "section":
            text = " ".join(paragraph.astext().split())
            return re.split(r"(?<=[.?!]) ", text)[0]
    return ""


def _is_paragraph(node: Any) -> bool:
    return getattr(node, "tagname", "") == "paragraph"


def cut(text: str) -> str:
    """At most LONGEST characters, ending with a whole word.

    >>> cut("word " * 60)[-9:]
    'word word'
    """
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST + 1].rpartition(" ")[0]


def _source(pagename: str) -> str:
    return f"The source of {_module(pagename)}, as the reference links to it."


def _module(pagename: str) -> str:
    return pagename.removeprefix("_modules/").replace("/", ".")
