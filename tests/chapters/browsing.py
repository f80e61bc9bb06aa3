"""Of the built site: its pages as a program reads them, and how a browser opens one."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

DESK, TELEPHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


class Page(HTMLParser):
    """Of a page: the ids, the places it leads to, the pictures without words."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.targets: list[str] = []
        self.wordless: list[str] = []
        self.language = ""
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids.update(found[key] for key in ("id", "name") if found.get(key))
        self.targets += [found[key] for key in ("href", "src") if found.get(key)]
        if tag == "img" and not found.get("alt"):
            self.wordless.append(found.get("src", "?"))
        if tag == "html":
            self.language = found.get("lang", "")


def paths(site):
    """Every page; what lies in _static belongs to the theme."""
    found = sorted(site.rglob("*.html"))
    return [path for path in found if path.relative_to(site).parts[0] != "_static"]


def addresses(site, served):
    return [served + str(path.relative_to(site)) for path in paths(site)]


def opened(page, address):
    """Go there and wait until the mathematics is set."""
    page.goto(address)
    page.evaluate("() => window.MathJax?.startup?.promise")
