"""What the live pages fetch, laid beside them in a folder live/.

* python.zip: refnet without its weights, `refnet_live` (this folder), and a Markdown parser;
* weights/ and photos/: files that refnet is without there, fetched when a cell asks for them;
* wheels/: packages that Pyodide has not got, as `chapters.site.runtime` fetched them;
* pyodide/: the runtime itself, unless it comes from its public address;
* live.json: where all that is.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from importlib.metadata import files
from pathlib import Path

from PIL import Image

import refnet
from chapters.site import runtime
from refnet.checkpoints import manifest
from refnet.errors import MissingPackageError
from refnet.reading import PHOTOS, photo

HERE = Path(__file__).parent
PACKAGE = Path(refnet.__file__).parent
MARKDOWN = ("markdown-it-py", "mdurl", "mdit-py-plugins")
DATE = (2020, 1, 1, 0, 0, 0)  # of every file in the archive: the same bytes from the same sources


def lay(html: Path, local: Path | None) -> None:
    """Everything into html/live; `local` is the runtime's folder, None for its public address."""
    folder = html / "live"
    made = {"python.zip": archive()}
    large = {f"weights/{entry.file}": entry.path for entry in manifest.entries().values()}
    made |= {f"photos/{name}.png": png for name, png in _photos()}
    wheels = {f"wheels/{path.name}": path for path in runtime.wheels(local or runtime.FOLDER)}
    large |= wheels
    if local is not None:
        large |= {f"pyodide/{path.name}": path for path in runtime.core(local)}
    made["live.json"] = _json(made, list(wheels), local is not None)
    for name, data in made.items():
        _write(folder / name, data)
    for name, path in large.items():
        _copy(path, folder / name)
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder).as_posix() not in {*made, *large}:
            path.unlink()


def _json(made: dict[str, bytes], wheels: list[str], local: bool) -> bytes:
    """live.json. files: their addresses, which change with their bytes, for browsers keep them.

    named: what a cell's text says when it is about to ask for a file.
    """
    files, named = {}, []
    for alias, full in manifest.ALIASES.items():
        entry = manifest.entry(full)
        name = f"weights/{entry.file}"
        files[name] = f"{name}?{entry.sha256[:12]}"
        named.append([rf"""load\(\s*["']({alias}|{re.escape(full)})["']""", name])
    for name in (name for name in made if name.startswith("photos/")):
        files[name] = _address(name, made[name])
        named.append([rf"""["']{Path(name).stem}["']""", name])
    said = {
        "about": "What the live pages fetch. Made by chapters.site.live.laid.",
        "pyodide": "pyodide/" if local else runtime.ADDRESS,
        "archive": _address("python.zip", made["python.zip"]),
        "wheels": wheels,
        "files": files,
        "named": named,
    }
    return (json.dumps(said, indent=1) + "\n").encode()


def _address(name: str, data: bytes) -> str:
    return f"{name}?{hashlib.sha256(data).hexdigest()[:12]}"


def archive() -> bytes:
    """python.zip: the same bytes from the same sources."""
    held: dict[str, bytes] = {}
    for path in sorted(PACKAGE.rglob("*")):
        inside = path.relative_to(PACKAGE)
        if path.is_file() and not {"__pycache__", "weights"} & set(inside.parts):
            held[f"refnet/{inside.as_posix()}"] = path.read_bytes()
    weights = manifest.folder()
    small = [weights / "manifest.json", weights / manifest.read()["labels"]["file"]]
    for path in [*small, *sorted((weights / "licences").iterdir())]:
        held[f"refnet/weights/{path.relative_to(weights).as_posix()}"] = path.read_bytes()
    for path in sorted(HERE.glob("*.py")):
        if path.name != Path(__file__).name:
            held[f"refnet_live/{path.name}"] = path.read_bytes()
    for distribution in MARKDOWN:
        held |= dict(_distribution(distribution))
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in held.items():
            packed.writestr(zipfile.ZipInfo(name, DATE), data, zipfile.ZIP_DEFLATED)
    return written.getvalue()


def _distribution(name: str) -> Iterator[tuple[str, bytes]]:
    """An installed package of plain Python, with its licence."""
    for file in sorted(files(name) or [], key=str):
        inside, path = file.as_posix(), Path(str(file.locate()))
        if not inside.startswith("..") and "__pycache__" not in inside and path.is_file():
            yield inside, path.read_bytes()


def _photos() -> Iterator[tuple[str, bytes]]:
    """The sample photos, as PNG: the same pixels whatever decodes them."""
    for name in PHOTOS:
        try:
            pixels = photo(name)
        except MissingPackageError:
            continue
        written = io.BytesIO()
        Image.fromarray(pixels).save(written, "png")
        yield name, written.getvalue()


def _write(path: Path, data: bytes) -> None:
    if not path.exists() or path.read_bytes() != data:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _copy(source: Path, path: Path) -> None:
    """The large ones are compared by size and time, not read again in every build."""
    here, there = source.stat(), path.stat() if path.exists() else None
    if there is None or (there.st_size, there.st_mtime) < (here.st_size, here.st_mtime):
        _write(path, source.read_bytes())
