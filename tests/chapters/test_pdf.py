"""The book as one PDF: what is in it, read back by pypdf, which did not print it."""

from __future__ import annotations

import json
import os
import re
import stat

import pytest

from chapters.make import sources
from chapters.site import __main__ as command
from chapters.site import appendices, pdf
from chapters.site.appendices.chapter import Chapter, heading_of
from chapters.site.appendices.solutions import solved

CHAPTERS = [
    Chapter.read(f"chapters/{path.stem}.ipynb", json.loads(path.read_text("utf-8")))
    for path in (source.with_suffix(".ipynb") for source in sources())
]


def test_without_a_chromium_one_line_says_so_and_nothing_is_built(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("REFNET_CHROMIUM", str(tmp_path / "none"))
    assert command.main(["--pdf", "--output", str(tmp_path / "book")]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"book: REFNET_CHROMIUM names {str(tmp_path / 'none')!r}, which is not there: "
        "apt-get install chromium, or set REFNET_CHROMIUM to one\n"
    )
    assert not (tmp_path / "book").exists()


def test_the_browser_is_the_first_that_is_on_the_path(monkeypatch, tmp_path):
    monkeypatch.delenv("REFNET_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(pdf, "NAMES", pdf.NAMES[:-1])  # a Mac has the last one off the path
    with pytest.raises(FileNotFoundError, match="no Chromium: apt-get install chromium"):
        pdf.chromium()
    for name in ("google-chrome", "chromium"):
        program(tmp_path / name, "")
        assert pdf.chromium() == str(tmp_path / name)


def program(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands in for the browser")
def test_a_browser_that_prints_nothing_is_named_with_what_it_said(tmp_path):
    broken = program(tmp_path / "broken", "echo first >&2; echo no display >&2; exit 3")
    with pytest.raises(ValueError, match=r"broken: printed nothing, exit status 3: no display"):
        pdf._print(broken, tmp_path / "index.html", tmp_path / "out" / "book.pdf")
    assert not (tmp_path / "out").exists()


def test_what_is_printed_is_what_is_read(monkeypatch):
    pages = {
        "index.md": b"# Book\n\nWhy.\n\n## Chapters\n\nmore\n",
        "glossary.md": b"# Glossary\n",
        "calculator.md": b"# Cost calculator\n",
        "reference/index.md": b"# Reference\n",
        "chapters/07_x.ipynb": json.dumps(
            {"metadata": {}, "cells": [{"cell_type": "markdown", "source": "# 7. X\n\nText."}]}
        ).encode(),
        "appendices/notation.md": b"# Notation\n\nThe letters.\n",
    }
    kept = pdf.printed(pages)
    assert set(kept) == set(pages) - {"calculator.md", "reference/index.md"}
    assert kept["appendices/notation.md"] == b"# A. Notation\n\nThe letters.\n"
    index = kept["index.md"].decode()
    assert "more" not in index
    lists, _, trees = index.partition("```{toctree}")  # a tree is where its pages are printed
    for link in ("chapters/07_x.ipynb", "appendices/notation.md", "glossary.md"):
        assert f"({link})" in lists
        assert f"({link})" not in trees


# The whole of it.


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The PDF, read."""
    for package in ("sphinx", "myst_nb", "sphinx_book_theme"):
        pytest.importorskip(package, reason=f"{package}: pip install '.[book]'")
    pypdf = pytest.importorskip("pypdf", reason="pypdf: pip install '.[browser]'")
    try:
        pdf.chromium()
    except FileNotFoundError as problem:
        pytest.skip(str(problem))
    output = tmp_path_factory.mktemp("book")
    path = pdf.make(output)
    assert path == output / "refnet-book.pdf"
    assert [found.name for found in output.glob("*.p*")] == [path.name]  # and nothing half made
    return pypdf.PdfReader(path)


@pytest.fixture(scope="module")
def texts(book):
    """Of each page what can be selected, without spaces: lines are broken to fit."""
    return [squeezed(page.extract_text()) for page in book.pages]


def squeezed(text):
    return re.sub(r"\s+", "", text)


def bookmarks(book):
    """(title, page) of the chapters, appendices and the glossary."""
    (top, below) = book.outline
    assert top.title == "MobileNet, from one pixel up"
    return [
        (mark.title, book.get_destination_page_number(mark))
        for mark in below
        if not isinstance(mark, list)
    ]


@pytest.mark.slow
def test_every_chapter_and_appendix_has_one_bookmark_on_its_own_page(book, texts):
    titles = [heading_of(text)[0] for text in appendices.pages(CHAPTERS).values()]
    expected = [f"{chapter.number}. {chapter.title}" for chapter in CHAPTERS]
    expected += [f"{'ABCDEFGHIJ'[n]}. {title}" for n, title in enumerate(titles)] + ["Glossary"]
    found = bookmarks(book)
    assert [plain(title) for title, _ in found] == [plain(title) for title in expected]
    places = [page for _, page in found]
    assert places == sorted(set(places))  # each begins a page
    for title, page in found:
        assert squeezed(title) in texts[page]


def plain(title):
    """Quotation marks are set by the typesetter, backquotes and dollars by the notebook."""
    return re.sub(r"[`$\\]", "", title).translate(str.maketrans("’‘“”", "''\"\""))


@pytest.mark.slow
def test_the_number_of_pages_is_that_of_a_book(book):
    """A page of this size holds 500 words; a book of code and pictures has 100 on one, or more."""
    words = sum(len(f"{chapter.prose} {chapter.code}".split()) for chapter in CHAPTERS)
    assert words / 500 < len(book.pages) < words / 100


@pytest.mark.slow
def test_all_code_can_be_read_and_no_line_is_cut_off(texts):
    whole = "".join(texts)
    missing = [
        line
        for chapter in CHAPTERS
        for line in chapter.code.splitlines()
        if squeezed(line) not in whole
    ]
    assert missing == []


@pytest.mark.slow
def test_solutions_stand_at_the_end_and_nothing_is_folded_up(book, texts):
    (start,) = [page for title, page in bookmarks(book) if title.endswith(". Solutions")]
    (end,) = [page for title, page in bookmarks(book) if title.endswith(". Bibliography")]
    solutions, before = "".join(texts[start:end]), "".join(texts[:start])
    count = 0
    for chapter in CHAPTERS:
        for heading in solved(chapter):
            assert squeezed(plain(heading)) in plain(solutions), heading
            count += 1
        for code in re.findall(r"<details.*?```python\n(.*?)```", chapter.prose, re.S):
            for line in code.splitlines():
                assert squeezed(line) in solutions, line
    assert before.count(squeezed("Its solution is at the end of the book.")) == count


@pytest.mark.slow
def test_mathematics_is_set(book, texts):
    """Where MathJax had not been there yet, a formula would be text between its marks."""
    assert not [page for page, text in enumerate(texts, 1) if r"\(" in text or r"\[" in text]


@pytest.mark.slow
def test_a_link_leads_into_the_book_or_to_the_web(book):
    names = book.named_destinations
    within = web = 0
    for page in book.pages:
        for annotation in page.get("/Annots", ()):
            link = annotation.get_object()
            action = link.get("/A", {})
            if "/URI" in action:
                assert action["/URI"].startswith("http"), action["/URI"]
                web += 1
            else:
                assert "/Dest" in link
                assert not isinstance(link["/Dest"], str) or link["/Dest"] in names
                within += 1
    assert within > 100
    assert web > 20
