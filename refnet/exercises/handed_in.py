"""What lies in a class's folder: whose the files are, and what is nobody's.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as name:
...     for file in ("ann.ipynb", "Max.IPYNB", "notes.txt"):
...         Path(name, file).touch()
...     list(submissions(Path(name))), left_out(Path(name))
(['Max', 'ann'], ['notes.txt'])
"""

from __future__ import annotations

from pathlib import Path

from refnet.exercises.submission import ENDINGS


def submissions(folder: Path) -> dict[str, list[Path]]:
    """The files of each student; hidden ones, and what is no plain file, are passed over.

    Raises ValueError where there is nothing to grade.
    """
    if not folder.is_dir():
        raise ValueError(f"FOLDER: {str(folder)!r} is not a folder")
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if path.suffix.lower() not in ENDINGS or not path.is_file():
            continue
        if any(part.startswith((".", "_")) for part in place.parts):
            continue
        student = place.parts[0] if len(place.parts) > 1 else path.stem
        found.setdefault(student, []).append(path)
    if not found:
        raise ValueError(f"FOLDER: no notebook (.ipynb) and no module (.py) in {str(folder)!r}")
    return dict(sorted(found.items()))


def left_out(folder: Path) -> list[str]:
    """Everything else, by its place in the folder; a folder without a submission once, as one."""
    taken = {path for files in submissions(folder).values() for path in files}
    with_some = {parent for path in taken for parent in path.parents}
    return _rest(folder, folder, taken, with_some)


def _rest(here: Path, folder: Path, taken: set[Path], with_some: set[Path]) -> list[str]:
    found: list[str] = []
    for path in sorted(here.iterdir()):
        if path in with_some:
            found += _rest(path, folder, taken, with_some)
        elif path not in taken:
            found.append(f"{path.relative_to(folder).as_posix()}{'/' if path.is_dir() else ''}")
    return found
