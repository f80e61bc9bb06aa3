"""Every checkpoint that refnet knows: what it is, where it comes from, and under which licence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from chapters.execute import ROOT
from chapters.site.appendices.chapter import Chapter
from refnet.checkpoints import fetched, load, manifest
from refnet.preprocessing import RECIPES

PAGE = """# The weights and their licences

Whose numbers the networks of this book compute with, how to tell that they are the right ones, and
what may be done with them. This page is made from `weights/manifest.json`, which
`refnet weights verify` checks: hashes, counts, and that the published files give the same bits.

## With refnet

{shipped}

## Fetched when asked for

`refnet weights fetch` downloads these, checks their hashes and keeps them.

{others}

## What was changed, and whose the photos are

{notice}

## The licences in full

{licences}
"""


def page(chapters: Sequence[Chapter]) -> str:
    """The page."""
    folder = manifest.folder()
    licences = {path.name: path for path in sorted((folder / "licences").glob("*.txt"))}
    texts = [_licence("refnet's own code and text", ROOT / "LICENSE")]
    texts += [_licence(name, path) for name, path in licences.items()]
    text = PAGE.replace("{shipped}", "\n\n".join([*map(_shipped, manifest.entries()), _labels()]))
    text = text.replace("{others}", "\n\n".join(map(_fetched, fetched.entries())))
    text = text.replace("{notice}", _notice(folder / "licences" / "NOTICE.md"))
    return text.replace("{licences}", "\n\n".join(texts))


def _shipped(name: str) -> str:
    entry, checkpoint = manifest.entries()[name], load(name)
    numbers = sum(tensor.size for tensor in checkpoint.tensors.values())
    said, recipe = checkpoint.network.conventions, RECIPES[checkpoint.preprocessing]
    assert said is not None  # every checkpoint states them
    facts = {
        "File": f"`{entry.file}`, {entry.bytes:,} bytes",
        "SHA-256": f"`{entry.sha256}`",
        "Numbers in it": f"{numbers:,}",
        "Conventions": f"padding {said.padding}, epsilon {said.epsilon:g}, {said.activation}, "
        f"{said.classes} classes",
        "Preprocessing": f"`{recipe.name}`: {recipe.summary}",
        "Licence": f"{entry.licence}, in `{entry.licence_file}`",
        "Made from": f"`{entry.upstream['file']}`, {entry.upstream['bytes']:,} bytes",
        "Its SHA-256": f"`{entry.upstream['sha256']}`",
        "Carried by": _carriers(entry.carriers),
    }
    return _facts(name, entry.description, facts)


def _fetched(name: str) -> str:
    entry = fetched.entries()[name]
    files = [
        f"`{file}`, {said['bytes']:,} bytes, SHA-256 `{said['sha256']}`"
        for file, said in entry.files.items()
    ]
    facts = {
        "Published as": "<br>".join(files),
        "Licence": entry.licence,
        "Carried by": _carriers(entry.carriers),
    }
    return _facts(name, entry.description, facts)


def _labels() -> str:
    labels = manifest.read()["labels"]
    facts = {
        "SHA-256": f"`{labels['sha256']}`",
        "Licence": labels["licence"],
        "From": labels["upstream"].replace(
            "mobilenet_v1_1.0_224.txt", "`mobilenet_v1_1.0_224.txt`"
        ),
    }
    return _facts(labels["file"], "The names of ImageNet's classes", facts)


def _facts(name: str, description: str, facts: Mapping[str, str]) -> str:
    rows = "\n".join(f"| {what} | {said} |" for what, said in facts.items())
    return f"### {name}\n\n{description}.\n\n| What | It is |\n|---|---|\n{rows}"


def _carriers(carriers: Iterable[Mapping[str, Any]]) -> str:
    """Packages by name and version, addresses as links."""
    said = [
        f"<{carrier['url']}>"
        if carrier["kind"] == "url"
        else f"the {carrier['kind']} package `{carrier['package']}` {carrier['version']}"
        for carrier in carriers
    ]
    return ", or ".join(said)


def _notice(path: Path) -> str:
    """The notice's paragraphs; its table says what stands above."""
    blocks = path.read_text("utf-8").strip().split("\n\n")
    return "\n\n".join(block for block in blocks if not block.startswith(("#", "|")))


def _licence(title: str, path: Path) -> str:
    return f"### {title}\n\n```text\n{path.read_text('utf-8').rstrip()}\n```"
