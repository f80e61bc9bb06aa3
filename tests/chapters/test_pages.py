"""On every page: a title, a description, headings in order, words for pictures, contrast.

The rules of WCAG are axe-core's, the engine of most checkers, run on each page by day and by night.
What can be read in the staged texts is read there, quickly; the rest is read in the built site.
"""

from __future__ import annotations

import re
from html import unescape
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise

import pytest

from chapters.site import describing
from chapters.site.appendices.chapter import heading_of
from chapters.site.stage import laid_out
from tests.chapters.browsing import addresses, opened, paths


@pytest.fixture(scope="module")
def staged():
    """File name -> text of every page that is not a notebook, without what is fenced."""
    try:
        version("sphinx-mathjax-offline")
    except PackageNotFoundError:
        pytest.skip("sphinx-mathjax-offline: pip install '.[book]'")
    texts = {n: page.decode() for n, page in laid_out().items() if n.endswith(".md")}
    unread = re.compile(r"\A---\n.*?\n---\n\s*|^(`{3,}).*?^\1$", re.M | re.S)  # a head, and fences
    return {name: unread.sub("", text) for name, text in texts.items()}


def test_a_staged_page_has_one_title_headings_in_order_and_a_sentence_under_it(staged):
    assert len(staged) > 20
    for name, text in staged.items():
        assert text.startswith("# "), name
        in_order([len(marks) for marks in re.findall(r"^(#+) ", text, re.M)], name)
        assert heading_of(text)[1], name


def test_pictures_of_staged_pages_have_words(staged):
    for name, text in staged.items():
        assert all(len(words.split()) >= 3 for words in re.findall(r"!\[([^\]]*)\]\(", text)), name


def in_order(levels, name):
    assert levels[0] == 1, name
    assert levels.count(1) == 1, name
    skipped = [(a, b) for a, b in pairwise(levels) if b > a + 1]
    assert skipped == [], name


def test_skipped_and_second_titles_are_found():
    for levels in ([1, 3], [2, 3], [1, 2, 1]):
        with pytest.raises(AssertionError):
            in_order(levels, "page")


# The built pages, without a browser.


@pytest.fixture(scope="module")
def texts(site):
    """The pages as written, less the theme's contents for paper, which no screen shows."""
    unseen = re.compile(r'<div id="jb-print-docs-body".*?<div id="searchbox">', re.S)
    return {
        str(path.relative_to(site)): unseen.sub("", path.read_text("utf-8")) for path in paths(site)
    }


@pytest.mark.slow
def test_every_page_has_a_title_of_its_own(texts):
    titles = {name: re.findall(r"<title>([^<]*)</title>", text) for name, text in texts.items()}
    assert all(len(found) == 1 for found in titles.values())
    said = [unescape(found[0]) for found in titles.values()]
    assert all("MobileNet, from one pixel up" in title for title in said)
    assert sorted(said) == sorted(set(said))


@pytest.mark.slow
def test_every_page_has_a_description_of_its_own(texts):
    said = {}
    for name, text in texts.items():
        (tag,) = re.findall(r'<meta [^>]*name="description"[^>]*>', text)
        found = unescape(re.findall(r'content="([^"]*)"', tag)[0])
        assert 20 <= len(found) <= describing.LONGEST, (name, found)
        assert not re.search(r"[<>`]|\$", found), (name, found)
        assert said.setdefault(found, name) == name


@pytest.mark.slow
def test_every_page_has_one_title_and_skips_no_level(texts):
    for name, text in texts.items():
        in_order([int(level) for level in re.findall(r"<h([1-6])[ >]", text)], name)


# In the browser.

# axe-core weighs every word of coloured code; words of one class in blocks of one kind look alike.
THIN = """() => {
  const seen = new Map();
  for (const e of document.querySelectorAll('pre span[class]')) {
    const block = e.closest('pre').parentElement;
    const key = [e.className, e.parentElement.className, block.className,
                 block.parentElement.className].join('|');
    seen.set(key, (seen.get(key) ?? 0) + 1);
    if (seen.get(key) > 2 && !e.children.length) e.replaceWith(e.textContent);
  }
}"""
# (It need not fetch the style sheets again, which no rule here asks for: preload.)
# The theme's side bar holds a logo and a search button outside of any landmark; and the corner of a
# table with heads on two sides may be empty.
KNOWN = {"region", "empty-table-header"}


def part(name):
    top = name.partition("/")[0]
    return top if top in ("chapters", "reference", "_modules") else "others"


@pytest.mark.slow
@pytest.mark.parametrize("group", ["chapters", "reference", "_modules", "others"])
def test_axe_finds_nothing_by_day_and_by_night(site, served, tab, group):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe: pip install '.[browser]'"
    ).Axe()
    page, wrong = tab
    mine = [a for a in addresses(site, served) if part(a.removeprefix(served)) == group]
    assert mine
    for address in mine:
        page.emulate_media(color_scheme="light")
        opened(page, address)
        page.evaluate(THIN)
        for scheme, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function(
                "scheme => document.documentElement.dataset.theme == scheme", arg=scheme
            )
            found = axe.run(page, options={"preload": False, **rules}).response["violations"]
            bad = [
                (v["id"], v["nodes"][0]["html"][:200], v["nodes"][0].get("failureSummary"))
                for v in found
                if v["id"] not in KNOWN
            ]
            assert bad == [], (address, scheme)
        assert wrong == [], address


@pytest.mark.slow
def test_axe_would_find_pale_words_a_skipped_heading_and_a_wordless_picture(served, tab):
    """The same call, on a page that has been spoiled."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe: pip install '.[browser]'"
    ).Axe()
    page, _ = tab
    opened(page, f"{served}glossary.html")
    page.evaluate("""() => {
      const article = document.querySelector('article');
      article.querySelector('p').style.color = '#ccc';
      article.insertAdjacentHTML('beforeend', '<h5>Skipped</h5><img src="_static/favicon.svg">');
    }""")
    found = {v["id"] for v in axe.run(page).response["violations"]}
    assert {"color-contrast", "heading-order", "image-alt"} <= found
