"""The built site, a browser, and a runtime for its live pages, once for all tests of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from chapters.execute import ROOT
from chapters.site import pdf
from tests.chapters.browsing import address_of, watched_tab


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of pages, built from nothing."""
    for package in ("sphinx", "myst_nb", "sphinx_book_theme"):
        pytest.importorskip(package, reason=f"{package}: pip install '.[book]'")
    output = tmp_path_factory.mktemp("site")
    words = ["--output", str(output), "--runtime", "public"]
    command = [sys.executable, "-m", "chapters.site", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    assert built.stderr == ""
    assert built.stdout == f"The book: {output / 'html' / 'index.html'}\n"
    return output / "html"


@pytest.fixture(scope="module")  # no longer: while it is there, no other test has an event loop
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


@pytest.fixture(scope="session")
def served(site):
    """The address of the site, on a free port of this machine."""
    with address_of(site) as address:
        yield address


@pytest.fixture
def tab(browser, served):
    """A new tab, and what went wrong in it."""
    with watched_tab(browser, served) as found:
        yield found


@pytest.fixture(scope="session")
def python_for_pages():
    """The folder of the live pages' Python; fetched once, and kept with other downloads."""
    from chapters.site import runtime
    from refnet.checkpoints.files import cache_dir

    folder = cache_dir() / f"pyodide_{runtime.PINS['version']}"
    try:
        runtime.get(folder)
    except (ValueError, OSError) as problem:
        pytest.skip(f"the live pages' Python cannot be fetched: {problem}")
    return folder


@pytest.fixture(scope="session")
def live(site, python_for_pages, tmp_path_factory):
    """The address of the same pages with their Python beside them."""
    from chapters.site.live.laid import lay

    html = tmp_path_factory.mktemp("live") / "html"
    shutil.copytree(site, html)
    lay(html, python_for_pages)
    with address_of(html) as address:
        yield address
