"""Every chapter, executed from nothing, is the notebook that stands beside it."""

import json
import re
from itertools import pairwise

import pytest

from chapters.make import FOLDER, check, orphans, sources
from chapters.site.stage import title_of

SOURCES = sources()
NAMES = [source.stem for source in SOURCES]


def prose(text):
    """A chapter's text without its head and without what is fenced."""
    body = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
    return re.sub(r"^```.*?^```$", "", body, flags=re.M | re.S)


@pytest.mark.parametrize("source", SOURCES, ids=NAMES)
def test_a_chapter_runs_within_its_time_and_gives_its_notebook(source):
    assert check(source) == []


def test_no_notebook_is_without_its_text():
    assert orphans() == []


@pytest.mark.parametrize("source", SOURCES, ids=NAMES)
def test_prose_keeps_to_what_github_and_jupyter_show_too(source):
    text = source.read_text("utf-8")
    assert not re.findall(r"^:::.*", text, re.M), "a directive is shown raw"
    assert not re.findall(r"\{[a-z:-]+\}`[^`]*`", prose(text)), "a role is shown raw"
    opened = re.findall(r"^```(.*)\n(?:.*\n)*?```$", text, re.M)
    known = {"{code-cell} ipython3", "python", "text", "sh", ""}
    assert set(opened) <= known


@pytest.mark.parametrize("source", SOURCES, ids=NAMES)
def test_no_line_within_a_paragraph_begins_like_a_list(source):
    """Markdown would end the paragraph there: "1. The ..." becomes the first of a list."""
    lines = prose(source.read_text("utf-8")).splitlines()
    assert [line for before, line in pairwise(lines) if breaks_a_paragraph(before, line)] == []


def breaks_a_paragraph(before, line):
    item = r"(> )?(\d+[.)]|[-+*]) "
    within_list = re.match(item, before) or before.startswith("  ")
    return bool(re.match(item, line)) and before.strip("> ") != "" and not within_list


@pytest.mark.parametrize("line", ["1. The sum", "> 2) of them", "+ 3 more", "- 1 is left"])
def test_such_lines_are_found(line):
    assert breaks_a_paragraph("its rank is", line)
    assert not breaks_a_paragraph("", line)
    assert not breaks_a_paragraph("1. an item,", line)


@pytest.mark.parametrize("source", SOURCES, ids=NAMES)
def test_what_a_cell_prints_fits_into_the_page(source):
    """Beside both side bars of a screen of 1280 pixels there is room for 86 characters."""
    notebook = json.loads(source.with_suffix(".ipynb").read_text("utf-8"))
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
    shown = [output["text"] for output in outputs if output["output_type"] == "stream"]
    wide = [line for text in shown for line in "".join(text).splitlines() if len(line) > 86]
    assert wide == []


@pytest.mark.parametrize("source", SOURCES, ids=NAMES)
def test_every_picture_is_there_and_has_words(source):
    for words, target in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", source.read_text("utf-8")):
        assert len(words.split()) >= 3, f"{target}: alt text {words!r}"
        assert (source.parent / target).is_file(), target


@pytest.mark.parametrize("source", SOURCES, ids=NAMES)
def test_headings_begin_with_one_title_and_skip_no_level(source):
    levels = [len(marks) for marks in re.findall(r"^(#+) ", prose(source.read_text("utf-8")), re.M)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    for before, after in pairwise(levels):
        assert after <= before + 1


@pytest.mark.parametrize("source", SOURCES, ids=NAMES)
def test_a_link_within_the_book_leads_to_a_chapter(source):
    links = re.findall(r"(?<!!)\[[^\]]*\]\(([^)\s#]+)[^)]*\)", prose(source.read_text("utf-8")))
    within = [link for link in links if not re.match("https?://", link)]
    missing = [link for link in within if not (FOLDER / link.replace(".ipynb", ".md")).is_file()]
    assert missing == []
    assert all(link.endswith(".ipynb") for link in within), "the site and GitHub link to notebooks"


def test_a_heading_loses_its_number():
    def headed(heading):
        return {"cells": [{"cell_type": "markdown", "source": heading}]}

    assert title_of(headed("# 7. Separable")) == title_of(headed("# Separable")) == "Separable"
    with pytest.raises(ValueError, match="no heading"):
        title_of(headed("## Separable"))
