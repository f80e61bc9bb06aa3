"""The book as it is built, served on this machine, and a browser that reads it."""

from __future__ import annotations

import functools
import http.server
import os
import subprocess
import sys
import threading

import pytest

from chapters.execute import ROOT
from chapters.site import pdf
from tests.chapters.browsing import DESK


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of pages, built from nothing."""
    for package in ("sphinx", "myst_nb", "sphinx_book_theme"):
        pytest.importorskip(package, reason=f"{package}: pip install '.[book]'")
    output = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "chapters.site", "--output", str(output)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    assert built.stderr == ""
    assert built.stdout == f"The book: {output / 'html' / 'index.html'}\n"
    return output / "html"


@pytest.fixture(scope="module")
def browser():
    """Chromium: $REFNET_CHROMIUM, or the one on the path."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright: pip install '.[browser]'"
    )
    try:
        named = pdf.chromium()
    except FileNotFoundError as problem:
        pytest.skip(str(problem))
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=named, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def served(site):
    """The address of the site, on a free port of this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=str(site))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def tab(browser, served):
    """A new tab, and what went wrong in it."""
    context = browser.new_context(viewport=DESK, color_scheme="light", reduced_motion="reduce")
    page = context.new_page()
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

    inside = (served, "data:", "blob:", "about:")
    context.route(lambda url: not url.startswith(inside), outside)
    yield page, wrong
    context.close()
