"""`python -m chapters.site`: stage, build, and say which file to open."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from chapters.execute import ROOT
from chapters.site import pdf
from chapters.site.stage import stage

HERE = Path(__file__).parent


def main(argv: Sequence[str] | None = None) -> int:
    """The command: 0, or what Sphinx returns; a warning of Sphinx is an error."""
    parser = argparse.ArgumentParser(prog="python -m chapters.site", description="Build the book.")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "book", help="a folder")
    parser.add_argument("--pdf", action="store_true", help="and as one PDF; needs a Chromium")
    arguments = parser.parse_args(argv)
    output = arguments.output.resolve()
    source, html = output / "source", output / "html"
    try:
        if arguments.pdf:
            pdf.chromium()  # before a minute is spent
        stage(source)
    except (ValueError, OSError) as problem:
        print(f"book: {problem}", file=sys.stderr)
        return 2
    # Pages that have not changed are not read again, but all are written: the contents at their
    # side may be others. (The pages of source are not among those that `-a` stands for.)
    shutil.rmtree(html / "_modules", ignore_errors=True)
    words = ["-q", "-W", "--keep-going", "-a", "-j", "auto", "-b", "html"]
    places = ["-c", str(HERE), "-d", str(output / "doctrees"), str(source), str(html)]
    built = subprocess.run([sys.executable, "-m", "sphinx", *words, *places], cwd=ROOT).returncode
    if built:
        return built
    print(f"The book: {html / 'index.html'}")
    if arguments.pdf:
        try:
            print(f"The PDF: {pdf.make(output)}")
        except (ValueError, OSError) as problem:
            print(f"book: {problem}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
