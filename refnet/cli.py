"""The `refnet` command: one verb a job, one clear line for every mistake.

Exit status: 0 when all went well, 2 when something was refused or skipped, 130 when
interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from refnet.errors import one_line

VERBS = {
    "classify": "name what is in photos",
    "detect": "what is in photos, and where",
    "segment": "which pixels of photos belong to what",
    "features": "what a network sees in photos, for other programs",
    "evaluate": "accuracy on labelled photos, compared, resumed, shared",
    "show": "print a network as its paper's table",
    "cost": "what a network or a layer costs, and what other tools make of it",
    "compare": "networks side by side",
    "claims": "what the sources say about MobileNet, recomputed",
    "separate": "a kernel as a column and a row, a first layer as separable ones",
    "check": "judge a backend, layer by layer, by a proven bound",
    "bench": "time the engine beside its peers, in interleaved rounds",
    "scaling": "time and memory against width, resolution and batch; roofline",
    "golden": "write bundles for any language, and judge what they answer",
    "metal": "the Metal port: its packed weights, its dispatches, its checks",
    "export": "a checkpoint as a file that other engines read",
    "weights": "list, verify, fetch and convert checkpoints",
    "exercises": "check and grade the book's exercises",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit status and lets no traceback out for a user's mistake."""
    # A verb's module is imported only when its name is typed: matplotlib alone takes 0.4 s.
    given = list(sys.argv[1:] if argv is None else argv)
    named = next((word for word in given if not word.startswith("-")), None)
    _mend_streams()
    try:
        arguments = _parser(named).parse_args(given)
        status: int = arguments.run(arguments)
        sys.stdout.flush()
        return status
    except (ValueError, OSError, OverflowError, MemoryError, RecursionError) as problem:
        if isinstance(problem, BrokenPipeError):  # the reader, `head` say, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print(f"refnet: {one_line(problem)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("refnet: interrupted", file=sys.stderr)
        return 130


def _mend_streams() -> None:
    """A name that the terminal cannot show is shown in escapes; a closed stream is no error."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _parser(named: str | None) -> argparse.ArgumentParser:
    from refnet import __version__

    parser = argparse.ArgumentParser(
        prog="refnet",
        description="MobileNet V1 and V2 in pure NumPy: run, count, and judge others by.",
    )
    parser.add_argument("--version", action="version", version=f"refnet {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, summary in VERBS.items():
        sub = verbs.add_parser(
            verb, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
        )
        if verb == named:
            import_module(f"refnet.apps.{verb}").add_arguments(sub)
    return parser
