"""What Sphinx does for the book beyond its themes.

* A picture that a cell made gets the words that the notebook keeps for it.
* Every chapter has two buttons: its text as it was written, and its notebook.
* Every page says of itself what it is about (`describing`).
* A chapter's cells can be run in the page, and photos be classified: see `chapters.site.live`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from chapters.execute import ROOT
from chapters.site.describing import describe, flatten_sources

HERE = Path(__file__).parent


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_config_value("live_python", "", "html")  # the address of a Python from elsewhere
    app.connect("source-read", read_notebook)
    app.connect("builder-inited", add_mathjax)
    app.connect("builder-inited", add_print)
    app.connect("env-updated", keep_own_sources)
    app.connect("html-page-context", add_buttons, priority=900)  # after the theme's own
    app.connect("html-page-context", describe)
    app.connect("html-page-context", flatten_sources)
    app.connect("html-page-context", add_live)
    app.connect("build-finished", copy_texts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def read_notebook(app: Any, docname: str, source: list[str]) -> None:
    """myst-nb takes a picture's size from its output, but its alt text from its cell."""
    if not docname.startswith("chapters/"):
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        pictures = [
            o["metadata"] for o in cell.get("outputs", ()) if "image/png" in o.get("data", {})
        ]
        words = [metadata.get("image/png", {}).get("alt", "") for metadata in pictures]
        if words:
            cell["metadata"]["mystnb"] = {"image": {"alt": " ".join(words)}}
    source[0] = json.dumps(notebook)


def add_mathjax(app: Any) -> None:
    """The staged MathJax is a static file like those beside conf.py."""
    app.config.html_static_path.append(str(Path(app.srcdir) / "mathjax"))


def add_print(app: Any) -> None:
    """What makes paper of the page that holds the whole book."""
    if app.builder.name == "singlehtml":
        app.config.html_static_path.append(str(HERE / "print"))
        app.add_css_file("print.css")
        app.add_js_file("print.js", loading_method="defer")


def keep_own_sources(app: Any, env: Any) -> None:
    """A name whose value is Python's own, a union of types, would bring Python's source with it."""
    modules = getattr(env, "_viewcode_modules", {})
    for name in [name for name in modules if name.partition(".")[0] != "refnet"]:
        del modules[name]


def add_buttons(app: Any, pagename: str, templatename: str, context: Any, doctree: Any) -> None:
    """Links to the chapter's source, which lie beside its page and need no network."""
    if not pagename.startswith("chapters/"):
        return
    sources = context["pathto"]("_sources", 1)
    context["header_buttons"][:0] = [
        {
            "type": "link",
            "url": f"{sources}/{pagename}.md.txt",
            "tooltip": "View the source of this page",
            "icon": "fas fa-code",
            "label": "view-source-button",
        },
        {
            "type": "link",
            "url": f"{sources}/{pagename}.ipynb",
            "tooltip": "Download this page as a notebook",
            "icon": "fas fa-download",
            "label": "download-notebook-button",
        },
    ]


def add_live(app: Any, pagename: str, templatename: str, context: Any, doctree: Any) -> None:
    """A chapter's cells can be run in the page; the photo page runs a network in it."""
    if app.builder.name != "html" or not (pagename.startswith("chapters/") or pagename == "photo"):
        return
    app.add_css_file("live/live.css")
    module = "live.js"
    if pagename == "photo":
        app.add_css_file("live/photo.css")
        module = "photo.js"
        context["metatags"] = policy(app.config.live_python) + context.get("metatags", "")
    app.add_js_file("live/begin.js", **{"data-module": module})


def policy(python: str) -> str:
    """A Content-Security-Policy: a page under it reaches its own site, and `python` if it is given.

    The worker is under it as well. 'unsafe-inline' is for the theme's own scripts.
    """
    rules = {
        "default-src": "'none'",
        "script-src": f"'self' 'unsafe-inline' 'wasm-unsafe-eval' {python}",
        "worker-src": "'self' blob:",
        "connect-src": f"'self' {python}",
        "img-src": "'self' blob: data:",
        "style-src": "'self' 'unsafe-inline'",
        "font-src": "'self' data:",
        "base-uri": "'none'",
        "form-action": "'self'",
    }
    said = "; ".join(f"{name} {value}".strip() for name, value in rules.items())
    return f'<meta http-equiv="Content-Security-Policy" content="{said}" />\n'


def copy_texts(app: Any, problem: Exception | None) -> None:
    """The chapters' texts, under a name that every browser shows instead of saving it."""
    if problem is not None or app.builder.name != "html":
        return
    for name in app.env.found_docs:
        if name.startswith("chapters/"):
            shutil.copy(ROOT / f"{name}.md", Path(app.outdir) / "_sources" / f"{name}.md.txt")
