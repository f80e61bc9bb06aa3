"""Of the built site: its pages as a program reads them, and how a browser opens one."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

from chapters.site.serve import Quiet

DESK, TELEPHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


class Shared(Quiet):
    """Lets pages of other addresses have its files, as public addresses of libraries do."""

    def end_headers(self):
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()


@contextmanager
def address_of(folder: Path, *, shared: bool = False) -> Iterator[str]:
    """The address of a folder, on a free port of this machine."""
    handler = functools.partial(Shared if shared else Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def watched_tab(browser, served, **context):
    """A new tab, and what went wrong in it; no address but `served`, or several, is reached."""
    opened = browser.new_context(
        **{"viewport": DESK, "color_scheme": "light", "reduced_motion": "reduce", **context}
    )
    page = opened.new_page()
    page.set_default_timeout(30_000)
    wrong: list[str] = []

    def failed(request):
        if request.failure != "net::ERR_ABORTED":  # the page was left before it had come
            wrong.append(f"failed: {request.url}")

    page.on("console", lambda m: wrong.append(f"console: {m.text}") if m.type == "error" else None)
    page.on("pageerror", lambda e: wrong.append(f"error: {e}"))
    page.on("requestfailed", failed)
    page.on("response", lambda r: wrong.append(f"{r.status}: {r.url}") if r.status > 399 else None)

    def outside(route):
        wrong.append(f"another host: {route.request.url}")
        route.abort()

    inside = (*([served] if isinstance(served, str) else served), "data:", "blob:", "about:")
    opened.route(lambda url: not url.startswith(inside), outside)
    try:
        yield page, wrong
    finally:
        opened.close()


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


def serious(found):
    """What axe-core calls serious or critical."""
    return [
        (v["id"], v["nodes"][0]["html"][:200], v["nodes"][0]["failureSummary"])
        for v in found.response["violations"]
        if v["impact"] in ("serious", "critical")
    ]
