"""The chapters' runner: the same bytes twice, and every difference and failure named."""

import base64
import io
import re

import nbformat
import numpy as np
import pytest
from PIL import Image

from chapters import make
from chapters.execute import ChapterError, execute, read

HEAD = """---
description: A chapter that is tested.
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# 7. A small chapter

Text, and $x^2$.

"""
CODE = """import numpy as np
from refnet.reading import show

print("first", end=" ")
print("second")
show(np.eye(3), alt="A diagonal of three")"""
TIMES = """import time

time.perf_counter_ns()"""


def chapter(folder, *cells, tags=()):
    """A chapter's text with these code cells; `tags`, one for each, may be None."""
    tags = list(tags) + [None] * (len(cells) - len(tags))
    fenced = [
        "```{code-cell} ipython3\n" + (f":tags: [{tag}]\n\n" if tag else "") + f"{cell}\n```\n"
        for cell, tag in zip(cells, tags, strict=True)
    ]
    source = folder / "07_small.md"
    source.write_text(HEAD + "\nand\n\n".join(fenced), "utf-8")
    return source


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A chapter with text, a picture and a time, and its notebook."""
    source = chapter(tmp_path_factory.mktemp("book"), CODE, TIMES, tags=[None, "volatile"])
    assert make.write(source) == []
    return source


@pytest.fixture
def pair(written):
    """The notebook twice, to change one."""
    path = written.with_suffix(".ipynb")
    return [nbformat.read(path, as_version=4) for _ in range(2)]


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_two_runs_write_the_same_bytes_times_included(written):
    before = written.with_suffix(".ipynb").read_bytes()
    assert make.check(written) == []  # its time is another one, and is not compared
    make.write(written)
    assert written.with_suffix(".ipynb").read_bytes() == before


def test_a_notebook_says_nothing_of_the_machine_or_the_clock(written):
    notebook = nbformat.read(written.with_suffix(".ipynb"), as_version=4)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"description", "kernelspec", "language_info", "pictures"}
    first, second = code_cells(notebook)
    assert (first.metadata, second.metadata) == ({}, {"tags": ["volatile"]})
    stream, picture = first.outputs
    assert stream.text == "first second\n"
    assert set(picture.data) == {"image/png"}
    assert picture.metadata["image/png"]["alt"] == "A diagonal of three"


def test_cells_are_known_by_what_they_say(tmp_path):
    cells = read(chapter(tmp_path, "a = 1", "b = 2", "a = 1")).cells
    again = read(chapter(tmp_path, "c = 3", "a = 1", "b = 2")).cells
    assert len({cell.id for cell in cells}) == len(cells)
    assert [c.id for c in cells if c.source == "b = 2"] == [
        c.id for c in again if c.source == "b = 2"
    ]


def test_equal_notebooks_do_not_differ(pair):
    assert make.differences(*pair, "07_small") == []


def test_another_output_is_named_with_its_cell(pair):
    code_cells(pair[1])[0].outputs[0].text = "first third\n"
    assert make.differences(*pair, "07_small") == [
        "07_small, cell [1]: output differs",
        "-first second",
        "+first third",
    ]


def test_another_text_is_named(pair):
    pair[1].cells[0].source = pair[1].cells[0].source.replace("Text", "Words")
    first, *lines = make.differences(*pair, "07_small")
    assert first == "07_small: the notebook is not of this text"
    assert lines[-2:] == ["-Text, and $x^2$.", "+Words, and $x^2$."]


def test_what_a_volatile_cell_prints_is_not_compared(pair):
    code_cells(pair[1])[1].outputs[0].data["text/plain"] = "0"
    assert make.differences(*pair, "07_small") == []


@pytest.mark.parametrize(
    ("name", "value"), [("metadata", {"tags": ["hide-input"]}), ("execution_count", 9)]
)
def test_a_cell_of_other_metadata_differs(pair, name, value):
    code_cells(pair[1])[0][name] = value
    assert make.differences(*pair, "07_small")


def test_one_pixel_counts_where_the_same_matplotlib_drew(pair):
    output = code_cells(pair[1])[0].outputs[1]
    pixels = np.array(Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))))
    pixels[5, 5, 0] ^= 1
    changed = io.BytesIO()
    Image.fromarray(pixels).save(changed, "png")
    output.data["image/png"] = base64.b64encode(changed.getvalue()).decode()
    size = pixels.shape[0] * pixels.shape[1]
    assert make.differences(*pair, "07_small") == [
        "07_small, cell [1]: output differs",
        f"picture 1: 1 of {size} pixels differ",
    ]
    pair[0].metadata.pictures = "another matplotlib"
    assert make.differences(*pair, "07_small") == []


def test_the_words_of_a_picture_are_compared_everywhere(pair):
    pair[0].metadata.pictures = "another matplotlib"
    code_cells(pair[1])[0].outputs[1].metadata["image/png"]["alt"] = "Something else"
    assert "+alt: Something else" in make.differences(*pair, "07_small")


@pytest.mark.parametrize(
    ("cell", "tag", "said"),
    [
        ("a = 1\n1 / 0\nb = 2", None, "ZeroDivisionError: division by zero  (in `1 / 0`)"),
        ("raise ValueError('x')", "volatile", "ValueError: x"),
        ("import sys\nprint('no', file=sys.stderr)", None, "on stderr: no"),
        ("import warnings\nwarnings.warn('old', stacklevel=1)", None, "on stderr:"),
        ("x =", None, "SyntaxError: invalid syntax"),
        ("import os\nos._exit(3)", None, "Python died"),
    ],
)
def test_a_failure_names_chapter_cell_and_last_line(tmp_path, cell, tag, said):
    source = chapter(tmp_path, "ok = True", cell, tags=[None, tag])
    with pytest.raises(ChapterError, match=re.escape(f"07_small, cell [2]: {said}")):
        execute(source)


def test_a_picture_needs_words(tmp_path):
    source = chapter(tmp_path, "from matplotlib import pyplot\npyplot.plot([1, 2]);")
    with pytest.raises(ChapterError, match=r"07_small, cell \[1\]: a picture without words"):
        execute(source)


def test_a_chapter_that_takes_too_long_is_stopped(tmp_path):
    source = chapter(tmp_path, "while True:\n    pass")
    with pytest.raises(ChapterError, match=r"has used its 2 seconds of processor time"):
        execute(source, seconds=2)


def test_an_error_that_is_meant_is_one_line(tmp_path):
    notebook = execute(chapter(tmp_path, "1 / 0", tags=["raises-exception"]))
    assert code_cells(notebook)[0].outputs[0].traceback == ["ZeroDivisionError: division by zero"]


def test_what_is_missing_is_said(tmp_path):
    source = chapter(tmp_path, "1")
    assert make.check(source) == ["07_small.ipynb: not there; `make chapters` writes it"]
    (tmp_path / "08_gone.ipynb").write_text("{}")
    assert [path.name for path in make.orphans(tmp_path)] == ["08_gone.ipynb"]
    source.with_suffix(".ipynb").write_text("{")
    with pytest.raises(ChapterError, match=r"07_small\.ipynb: not a notebook"):
        make.check(source)


def test_an_unknown_chapter_is_one_line(capsys):
    assert make.main(["--only", "77"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("chapters: --only: '77' is no chapter; there are: 00_how_to_read")


def test_the_command_says_what_differs(written, monkeypatch, capsys):
    monkeypatch.setattr(make, "sources", lambda folder=written.parent: [written])
    monkeypatch.setattr(make, "orphans", list)
    assert make.main(["--check", "--only", "7"]) == 0
    assert re.fullmatch(r"07_small +as written +\d+\.\d s\n", capsys.readouterr().out)
