"""`refnet exercises list | grade FOLDER`: the book's exercises, shown, and a class's answers."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from refnet.arguments import check_count, check_positive
from refnet.checkpoints.files import write_whole
from refnet.errors import printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own verbs."""
    verbs = parser.add_subparsers(metavar="WHAT", required=True)
    show = verbs.add_parser("list", help="the exercises; with NUMBER, its text and its cell")
    show.add_argument("numbers", metavar="NUMBER", nargs="*", help="5.2, or 5 for a chapter (all)")
    show.add_argument("--json", action="store_true", help="the same as JSON")
    show.set_defaults(run=_list)
    grade = verbs.add_parser(
        "grade",
        help="check what a class has handed in",
        description="Runs every notebook (.ipynb) and module (.py) in FOLDER, each in a process "
        "of its own, and checks the functions that it defines. A file is a student's, or each "
        "folder in FOLDER is; what has no row is named under the table. This is no sandbox: a "
        "submission can do what you can do, and one that sets out to can deceive the checker. A "
        "remark tells of the plain ways: the checker changed, results put in by hand, the book's "
        "own solution called.",
    )
    grade.add_argument("folder", metavar="FOLDER", type=Path)
    grade.add_argument(
        "--only", metavar="NUMBER", nargs="+", help="these exercises, or chapters (all)"
    )
    grade.add_argument(
        "--timeout",
        type=float,
        default=120.0,
        metavar="S",
        help="seconds for one file; a quarter of it for one cell, and for one exercise (120)",
    )
    grade.add_argument(
        "--memory",
        type=int,
        default=2048,
        metavar="MB",
        help="that a submission may take; held on Linux alone (2048)",
    )
    grade.add_argument("--jobs", type=int, default=1, metavar="N", help="files at a time (1)")
    grade.add_argument("--out", type=Path, metavar="FILE", help="the table as .csv or .json")
    grade.add_argument("--json", action="store_true", help="the table as JSON")
    grade.set_defaults(run=_grade)


def _list(arguments: argparse.Namespace) -> int:
    from refnet.exercises.catalogue import find
    from refnet.tables import align

    found = [find(number) for number in chosen(arguments.numbers)]
    if arguments.json:
        keys = ("number", "title", "level", "name", "parameters", "text", "stub")
        print(json.dumps([{key: getattr(e, key) for key in keys} for e in found], indent=1))
    elif arguments.numbers:
        print("\n\n\n".join(f"{e.number} {e.title} ({e.level})\n\n{e.text}\n\n{e.stub}"
                            for e in found))  # fmt: skip
    else:
        rows = [(e.number, e.title, e.level, f"{e.name}({', '.join(e.parameters)})") for e in found]
        print(align(rows))
    return 0


def chosen(numbers: list[str] | None) -> list[str]:
    """The exercises that numbers such as "5.2", or "5" for a whole chapter, stand for.

    >>> chosen(["7.1", "8"])[:3]
    ['7.1', '8.1', '8.2']
    """
    from refnet.exercises.catalogue import chapters, exercises, find

    if not numbers:
        return [exercise.number for exercise in exercises()]
    found: list[str] = []
    for number in numbers:
        if number.isdecimal() and int(number) in chapters():
            found += [exercise.number for exercise in chapters()[int(number)]]
        else:
            found.append(find(number).number)
    return list(dict.fromkeys(found))


def _grade(arguments: argparse.Namespace) -> int:
    from refnet.apps.bench.process import leaving_nothing
    from refnet.exercises import grades
    from refnet.exercises.grading import grade
    from refnet.exercises.handed_in import left_out

    check_positive(arguments.timeout, "--timeout")
    check_count(arguments.memory, "--memory")
    check_count(arguments.jobs, "--jobs")
    _check_out(arguments.out)
    with leaving_nothing():
        rows = grade(
            arguments.folder,
            numbers=chosen(arguments.only),
            timeout=arguments.timeout,
            memory=arguments.memory,
            jobs=arguments.jobs,
            progress=_progress if sys.stderr.isatty() else lambda _: None,
        )
    print(grades.to_json(rows) if arguments.json else grades.to_text(rows))
    if rest := grades.not_graded(left_out(arguments.folder)):
        # JSON is for a program: what is said beside it goes where a person reads.
        print(f"refnet: {rest}" if arguments.json else f"\n{rest}",
              file=sys.stderr if arguments.json else sys.stdout)  # fmt: skip
    if arguments.out:
        as_csv = arguments.out.suffix.lower() == ".csv"
        text = grades.to_csv(rows) if as_csv else grades.to_json(rows)
        write_whole(arguments.out, text.encode())
        print(f"refnet: wrote {arguments.out}", file=sys.stderr)
    return 0


def _check_out(path: Path | None) -> None:
    """Refuse, before any work is done, a file that could not be written."""
    if path is None:
        return
    if path.suffix.lower() not in (".csv", ".json"):
        raise ValueError(f"--out: {str(path)!r}, expected a name that ends in .csv or .json")
    if not path.parent.is_dir() or path.is_dir() or not os.access(path.parent, os.W_OK):
        raise ValueError(f"--out: {path} cannot be written")


def _progress(student: str) -> None:
    print(f"\r\x1b[K{printable(student)}", end="", file=sys.stderr, flush=True)
