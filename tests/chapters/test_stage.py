"""The pages that are laid out for Sphinx: contents, glossary and reference."""

import importlib
import re
from importlib.metadata import PackageNotFoundError, version

import pytest

from chapters.execute import ROOT
from chapters.make import sources
from chapters.site import api, stage
from refnet.errors import ChecksumError

GLOSSARY = (ROOT / "chapters" / "site" / "glossary.md").read_text("utf-8")


@pytest.fixture
def mathjax():
    """The package that brings MathJax; `make book` installs it."""
    try:
        version("sphinx-mathjax-offline")
    except PackageNotFoundError:
        pytest.skip("sphinx-mathjax-offline: pip install '.[book]'")


def test_the_glossary_has_the_words_of_the_book_and_no_others():
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", GLOSSARY, re.M)
    words = [word for word, meaning in rows if meaning not in ("Meaning", "---")]
    letters = [word for word in words if "$" in word]
    assert words == letters + sorted(set(words) - set(letters), key=str.lower)
    assert all(meaning.endswith(".") for word, meaning in rows if word in words)
    texts = "\n".join(source.read_text("utf-8") for source in sources()).casefold()
    for word in words:
        for part in re.split(", ", word):
            stem = part.casefold().strip("$").removesuffix("ing").removesuffix(" accuracy")
            assert stem in texts, part
    for asked in (
        "kernel", "filter", "channel", "window", "stride", "padding", "SAME", "valid", "dilation",
        "bias", "batch norm", "folding", "depthwise", "pointwise", "separable", "rank", "SVD",
        "activation", "ReLU, ReLU6", "logit", "softmax", "$H$, $W$", "$B$",
    ):  # fmt: skip
        assert asked in words


@pytest.fixture(scope="module")
def reference():
    return api.pages()


@pytest.mark.parametrize("name", api.MODULES)
def test_every_public_name_stands_on_its_modules_page(reference, name):
    module = importlib.import_module(name)
    page = reference[f"{name}.md"]
    for member, _ in api.public(module):
        assert re.search(rf"(\{{py:\w+\}} {member}\b|`{member} <)", page), member


def test_nothing_is_described_twice(reference):
    """A function or class has one home; where it is offered again, a link leads there."""
    homes = {}
    for page, text in reference.items():
        for member in re.findall(r"^`+\{py:(?:function|class)\} (\w+)", text, re.M):
            thing = getattr(importlib.import_module(page.removesuffix(".md")), member)
            assert homes.setdefault(thing, page) == page, member
    assert len(homes) > 60


def test_fences_of_the_reference_close(reference):
    for name, page in reference.items():
        open_fences = []
        for ticks in re.findall(r"^(`{3,})", page, re.M):
            if open_fences and open_fences[-1] == ticks:
                open_fences.pop()
            else:
                open_fences.append(ticks)
        assert open_fences == [], name


def test_the_pages_are_those_of_the_chapters_and_no_others(mathjax, tmp_path):
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "99_gone.ipynb").write_text("{}")
    stage.stage(tmp_path)
    found = sorted(path.stem for path in tmp_path.glob("chapters/*"))
    assert found == [source.stem for source in sources()]
    index = tmp_path / "index.md"
    before = index.stat().st_mtime_ns
    stage.stage(tmp_path)
    assert index.stat().st_mtime_ns == before  # so that Sphinx reads again only what is new


def test_another_mathjax_is_refused(mathjax, monkeypatch):
    monkeypatch.setattr(stage, "MATHJAX", "0" * 64)
    with pytest.raises(ChecksumError, match=r"tex-svg\.js: SHA-256"):
        stage.mathjax()
