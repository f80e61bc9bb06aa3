"""`python -m figures.make [--check] [NAME ...]`: write the figures, or compare them.

Without names all of them. --check writes nothing: it names each SVG that differs from what its
module draws now, and then exits with 1.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib

from figures import FOLDER, NAMES, load
from figures.svg import written
from refnet.checkpoints.files import write_whole


def main(arguments: Sequence[str] | None = None, folder: Path = FOLDER) -> int:
    """0 where all is well, 1 where --check found a difference, 2 for a mistake of the caller."""
    parser = argparse.ArgumentParser(prog="python -m figures.make", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the SVGs, write none")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a figure; without any, all")
    options = parser.parse_args(arguments)
    try:
        for name in options.names:
            load(name)
        names = options.names or NAMES
        return check(names, folder) if options.check else make(names, folder)
    except (ValueError, OSError) as problem:
        print(f"figures.make: {problem}", file=sys.stderr)
        return 2


def make(names: Sequence[str], folder: Path = FOLDER) -> int:
    """Write these figures, each whole or not at all."""
    for name in names:
        path = folder / f"{name}.svg"
        write_whole(path, written(name))
        print(f"{path.name}: {path.stat().st_size:,} bytes")
    return 0


def check(names: Sequence[str], folder: Path = FOLDER) -> int:
    """Say which of these figures' SVGs are not what is drawn now."""
    differing = [name for name in names if (why := difference(name, folder)) and _say(name, why)]
    print(f"{len(names) - len(differing)} of {len(names)} figures are as drawn")
    return 1 if differing else 0


def difference(name: str, folder: Path = FOLDER) -> str | None:
    """Why the SVG is not what its module draws now, or None where it is.

    >>> difference("relu6", Path("nowhere"))
    'is missing'
    """
    path = folder / f"{name}.svg"
    if not path.is_file():
        return "is missing"
    held = path.read_bytes()
    if held == written(name):
        return None
    version = made_with(held)
    if version != matplotlib.__version__:
        return f"was made with matplotlib {version}, and this is {matplotlib.__version__}"
    return "differs"


def made_with(svg: bytes) -> str:
    """The version of matplotlib that an SVG of ours names in its first line.

    >>> made_with(b"<!-- Made by ... with matplotlib 3.11.2 -->")
    '3.11.2'
    """
    found = re.search(r"with matplotlib (\S+) -->", svg.decode().split("\n", 1)[0])
    return found[1] if found else "an unknown version"


def _say(name: str, why: str) -> bool:
    print(f"{name}.svg {why}")
    return True


if __name__ == "__main__":
    sys.exit(main())
