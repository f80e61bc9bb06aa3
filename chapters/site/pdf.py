"""The book as one PDF: the staged pages in one, printed by a Chromium that is there.

Sphinx puts the chapters, the appendices and the glossary on one page; print.js and print.css make
paper of it. Chromium prints it, with a bookmark for every heading.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from chapters.execute import ROOT
from chapters.site import appendices
from chapters.site.stage import HERE, contents, laid_out, lay

NAMES = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)  # fmt: skip
MINUTES = 10  # after which Chromium is given up
PARTS = ("chapters/", "appendices/", "figures/", "mathjax/", "glossary.md", "accuracy.md")


def chromium() -> str:
    """The browser that prints: $REFNET_CHROMIUM, or the first of NAMES that is there."""
    asked = os.environ.get("REFNET_CHROMIUM")
    for name in [asked] if asked else NAMES:
        if found := shutil.which(name):
            return found
    sought = f"REFNET_CHROMIUM names {asked!r}, which is not there" if asked else "no Chromium"
    raise FileNotFoundError(f"{sought}: apt-get install chromium, or set REFNET_CHROMIUM to one")


def make(output: Path) -> Path:
    """Write `output`/refnet-book.pdf; raises ValueError where Sphinx or Chromium fails."""
    browser = chromium()
    source, pages = output / "print" / "source", output / "print" / "html"
    lay(source, printed(laid_out()))
    words = ["-q", "-W", "--keep-going", "-b", "singlehtml"]
    words += ["-D", "suppress_warnings=myst.xref_missing"]  # links to pages that are not in it
    words += ["-D", "html_context.default_mode=light"]
    places = ["-c", str(HERE), "-d", str(output / "print" / "doctrees"), str(source), str(pages)]
    if subprocess.run([sys.executable, "-m", "sphinx", *words, *places], cwd=ROOT).returncode:
        raise ValueError("Sphinx could not put the book on one page; it has said why")
    return _print(browser, pages / "index.html", output / "refnet-book.pdf")


def printed(pages: Mapping[str, bytes]) -> dict[str, bytes]:
    """Of the site's pages those that are read, not used, and a first page that holds them all."""
    kept = {name: page for name, page in pages.items() if name.startswith(PARTS)}
    chapters = [(n, json.loads(p)) for n, p in kept.items() if n.startswith("chapters/")]
    further = {
        n: p.decode() for n, p in kept.items() if n.startswith("appendices/") or n == "accuracy.md"
    }
    for letter, name in zip("ABCDEFGHIJ", further, strict=False):
        kept[name] = f"# {letter}. {further[name].removeprefix('# ')}".encode()
    opening = pages["index.md"].decode().partition("\n## ")[0]
    listed = [contents(chapters), appendices.listed(further)]
    lists, trees = zip(*(text.split("```{toctree}") for text in listed), strict=True)
    places = [f"```{{toctree}}{tree}" for tree in (*trees, "\n:hidden:\n\nglossary\n```\n")]
    parts = [opening, "**Contents**", *lists, "* [Glossary](glossary.md)", *places]
    return {**kept, "index.md": "\n\n".join(parts).encode()}


def _print(browser: str, page: Path, target: Path) -> Path:
    """One file, whole or not at all."""
    with tempfile.TemporaryDirectory(prefix="refnet") as own:
        made = Path(own) / target.name
        words = [
            browser, "--headless", "--disable-gpu", "--no-first-run", f"--user-data-dir={own}/user",
            "--generate-pdf-document-outline", "--no-pdf-header-footer", f"--print-to-pdf={made}",
            "--virtual-time-budget=600000",  # of no one's time: until all formulas are set
        ]  # fmt: skip
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            words.append("--no-sandbox")  # root has no other way
        try:
            run = subprocess.run(
                [*words, page.as_uri()], capture_output=True, text=True, timeout=60 * MINUTES
            )
        except subprocess.TimeoutExpired:
            raise ValueError(f"{browser}: has not printed within {MINUTES} minutes") from None
        if not made.is_file():
            said = run.stderr.strip().splitlines()[-1:] or ["without a word"]
            raise ValueError(f"{browser}: printed nothing, exit status {run.returncode}: {said[0]}")
        shutil.copyfile(made, target.with_suffix(".part"))
    return target.with_suffix(".part").replace(target)
