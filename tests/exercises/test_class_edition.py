"""The class edition: no solution is left, and nothing else is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from refnet.exercises.class_edition import (
    OPENS,
    notebook_without_solutions,
    solutions,
    without_solutions,
    write_class_edition,
)

BOOK = Path(__file__).parent.parent.parent / "chapters"
BLOCK = f"""{OPENS}<summary>Solution</summary>

```python
def secret():
    return "<details>" or "</details>"
```

<details><summary>Or so</summary>more</details>

</details>
"""
CHAPTER = f"# One\n\nWhy?\n\n{BLOCK}\nNext.\n\n<details><summary>Hint</summary>kept</details>\n"


def test_a_solution_goes_with_the_details_in_it_and_other_details_stay():
    assert without_solutions(CHAPTER) == (
        "# One\n\nWhy?\n\nNext.\n\n<details><summary>Hint</summary>kept</details>\n"
    )
    assert [s.strip() for s in solutions(CHAPTER)] == [BLOCK.strip()]
    assert without_solutions("no solution\n\n\nhere") == "no solution\n\n\nhere"


def test_a_solution_that_is_not_closed_is_refused_with_its_line(tmp_path):
    with pytest.raises(ValueError, match=r"^line 3: a solution that is not closed"):
        without_solutions(f"a\n\n{OPENS}\n<details></details>")
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "01_a.md").write_text("fine")
    (tmp_path / "book" / "02_b.md").write_text(OPENS)
    with pytest.raises(ValueError, match=r"02_b\.md: line 1: a solution that is not closed"):
        write_class_edition(tmp_path / "book", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("as_list", [True, False])
def test_a_notebook_loses_its_solutions_and_keeps_its_cells_and_form(as_list):
    sources = ["# One\n\nWhy?\n\n", "x = 1", BLOCK]
    cells = [
        {"cell_type": kind, "source": text.splitlines(keepends=True) if as_list else text, "id": n}
        for n, (kind, text) in enumerate(
            zip(("markdown", "code", "markdown"), sources, strict=True)
        )
    ]
    cells.append({"cell_type": "markdown", "source": CHAPTER, "id": 3})
    text = json.dumps({"cells": cells, "metadata": {"é": 1}}, indent=1, ensure_ascii=False) + "\n"
    found = notebook_without_solutions(text)
    assert [cell["id"] for cell in json.loads(found)["cells"]] == [0, 1, 3]
    assert "secret" not in found
    assert notebook_without_solutions(found) == found


def test_pictures_go_where_the_chapters_look_for_them(tmp_path):
    for name in ("chapters/01_a.md", "figures/svg/a.svg", "other/b.svg", "../c.svg"):
        path = tmp_path / "book" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / "book" / "chapters" / "01_a.md").write_text(
        f"![a](../figures/svg/a.svg) ![c](../../c.svg) ![d](gone.svg) ![w](https://a.b/c.png)\n{BLOCK}"
    )
    written = write_class_edition(tmp_path / "book" / "chapters", tmp_path / "out")
    found = sorted(str(p.relative_to(tmp_path / "out")) for p in written)
    assert found == ["chapters/01_a.md", "figures/svg/a.svg"]
    assert all(path.is_file() for path in written)


def test_the_command(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "01_a.md").write_text(CHAPTER)
    command = [sys.executable, "-m", "refnet.exercises.class_edition"]
    done = subprocess.run(
        [*command, tmp_path / "book", tmp_path / "out"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'out'}: 1 files\n")
    assert "secret" not in (tmp_path / "out" / "book" / "01_a.md").read_text()
    for words in (["nothing"], ["nothing", tmp_path / "there"]):
        done = subprocess.run([*command, *words], capture_output=True, text=True)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert "Traceback" not in done.stderr


def test_the_books_own_chapters_have_no_solution_left(tmp_path):
    written = write_class_edition(BOOK, tmp_path)
    chapters = [path for path in written if path.suffix in (".md", ".ipynb")]
    assert len(chapters) == len([*BOOK.glob("*.md"), *BOOK.glob("*.ipynb")])
    for path in chapters:
        assert 'class="solution"' not in path.read_text("utf-8")
        assert 'class=\\"solution\\"' not in path.read_text("utf-8")
