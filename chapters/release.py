"""`python -m chapters.release` (`make release`): all that a release is made of, in one folder.

    python -m chapters.release                  the site, the PDF, the wheel and the sdist
    python -m chapters.release --tag v0.1.0     refuse, where the tag is not this version

It writes build/release and publishes nothing; the publish workflow runs this same command and hands
out what lies there. Exit status: 0, or 2 where a part cannot be made.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from chapters.execute import ROOT
from chapters.site import __main__ as site
from chapters.site import runtime
from refnet import __version__
from refnet.checkpoints.files import sha256, write_whole
from refnet.errors import one_line


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m chapters.release", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--tag", metavar="vX.Y.Z", help="the tag that the release is made from")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "release", help="a folder")
    arguments = parser.parse_args(argv)
    if arguments.tag and arguments.tag != f"v{__version__}":
        print(f"release: tag {arguments.tag!r}, expected v{__version__}", file=sys.stderr)
        return 2
    book = ROOT / "build" / "book"
    # A reader's browser takes the live pages' Python from its public address, and only what that
    # has not got, Hypothesis for the exercises' checker, from the site.
    if status := runtime.main(["--wheels"]):
        return status
    if status := site.main(["--pdf", "--runtime", "public", "--output", str(book)]):
        return status
    try:
        gather(book, arguments.output.resolve())
    except (ValueError, OSError) as problem:
        print(f"release: {one_line(problem)}", file=sys.stderr)
        return 2
    for path in sorted(arguments.output.iterdir()):
        print(f"{path}{'/' if path.is_dir() else ''}")
    return 0


def gather(book: Path, output: Path) -> None:
    """Copy the site and the PDF, build the wheel and the sdist, and write down their hashes.

    Raises ValueError where the packages cannot be built, OSError where the book is not there.
    """
    shutil.rmtree(output, ignore_errors=True)
    shutil.copytree(book / "html", output / "site")
    shutil.copyfile(book / "refnet-book.pdf", output / f"refnet-{__version__}-book.pdf")
    words = [sys.executable, "-m", "hatchling", "build", "-d", str(output)]
    built = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    if built.returncode:
        said = (built.stderr or built.stdout).strip().splitlines()[-1:] or ["without a word"]
        raise ValueError(f"hatchling has built nothing: {said[0]}")
    files = sorted(path for path in output.iterdir() if path.is_file())
    lines = [f"{sha256(path)}  {path.name}\n" for path in files]
    write_whole(output / "SHA256SUMS.txt", "".join(lines).encode())


if __name__ == "__main__":
    sys.exit(main())
