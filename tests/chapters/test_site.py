"""The book as a reader opens it: in a browser, on a desk and on a telephone, by day and by night.

The site is built once and served on this machine. Expected of it are rules, not pictures: nothing
is asked of another host, no link is broken, nothing is wider than the screen. What else holds on
every page is in test_pages.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

import pytest

from chapters.make import sources
from tests.chapters.browsing import DESK, TELEPHONE, Page, addresses, opened, paths

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pages(site):
    """Every page of the site, read."""
    return {path: Page(path) for path in paths(site)}


def test_every_chapter_has_a_page_and_a_sentence_in_the_contents(site):
    index = (site / "index.html").read_text("utf-8")
    for source in sources():
        assert (site / "chapters" / f"{source.stem}.html").is_file()
        assert re.search(
            rf'href="chapters/{source.stem}.html"><span[^>]*>[^<]+</span></a>\. \w', index
        )


def test_no_link_and_no_anchor_is_broken(pages):
    broken = []
    for path, page in pages.items():
        for target in page.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            if not there.is_file():
                broken.append(f"{path.name}: {target}")
            elif anchor and there in pages and anchor not in pages[there].ids:
                broken.append(f"{path.name}: {target}, no such anchor")
    assert broken == []


def test_every_picture_has_words_and_every_page_a_language(pages):
    assert [(path.name, page.wordless) for path, page in pages.items() if page.wordless] == []
    assert {page.language for page in pages.values()} == {"en"}


def test_a_chapter_leads_to_its_source_its_notebook_and_its_neighbours(site):
    for source in sources():
        html = (site / "chapters" / f"{source.stem}.html").read_text("utf-8")
        text = site / "_sources" / "chapters" / f"{source.stem}.md.txt"
        assert f'href="../_sources/chapters/{text.name}"' in html
        assert text.read_bytes() == source.read_bytes()
        notebook = site / "_sources" / "chapters" / f"{source.stem}.ipynb"
        assert f'href="../_sources/chapters/{notebook.name}"' in html
        assert notebook.read_bytes() == source.with_suffix(".ipynb").read_bytes()
        assert 'rel="prev"' in html
        assert 'rel="next"' in html


def test_what_the_reference_lists_can_be_looked_up(site):
    """Names of the design, each with an anchor of its own and a link to its source."""
    for name in (
        "refnet.ops.conv2d", "refnet.definition.depthwise_conv2d", "refnet.network.Network.cut",
        "refnet.cost.ledger", "refnet.bounds.bound", "refnet.oracle.judge.judge",
        "refnet.testing.assert_matches", "refnet.engine.plan", "refnet.exercises.check",
        "refnet.reading.show", "refnet.checkpoints.load",
    ):  # fmt: skip
        texts = [page.read_text("utf-8") for page in site.glob("reference/*.html")]
        found = [text for text in texts if f'id="{name}"' in text]
        assert len(found) == 1, name
        source = rf'href="\.\./_modules/[\w/]+\.html#(Network\.)?{name.split(".")[-1]}"'
        assert re.search(source, found[0]), name


# In the browser.


OVERFLOW = """() => {
  const wide = document.documentElement.clientWidth;
  const scrolls = e => { for (; e; e = e.parentElement) {
      if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(e).overflowX)) return true; }
    return false; };
  const cut = [...document.querySelectorAll('article *')].filter(e => {
    const box = e.getBoundingClientRect();
    return box.width && box.right > wide + 1 && !scrolls(e.parentElement); });
  return {page: document.documentElement.scrollWidth - wide,
          cut: cut.slice(0, 5).map(e => e.tagName + '.' + e.className)};
}"""
UNSET = """() => [...document.querySelectorAll('.math')].filter(
  e => !e.querySelector('mjx-container svg') || e.querySelector('[data-mml-node=merror]')
).map(e => e.textContent.slice(0, 60))"""


def test_no_page_errs_asks_another_host_or_is_wider_than_the_screen(site, served, tab):
    page, wrong = tab
    for address in addresses(site, served):
        page.set_viewport_size(DESK)
        opened(page, address)
        assert page.evaluate(UNSET) == [], address
        for size in (DESK, TELEPHONE):
            page.set_viewport_size(size)
            assert page.evaluate(OVERFLOW) == {"page": 0, "cut": []}, (address, size)
        assert wrong == [], address


def test_search_finds_a_chapter_and_a_function(served, tab):
    page, wrong = tab
    opened(page, f"{served}search.html?q=global_average_pool")
    page.wait_for_selector("#search-results li a")
    found = " ".join(
        a.get_attribute("href") for a in page.query_selector_all("#search-results li a")
    )
    assert "chapters/00_how_to_read.html" in found
    assert "reference/refnet.ops.html" in found
    page.wait_for_selector("#search-results p.context")
    lines = " ".join(page.locator("#search-results p.context").all_inner_texts())
    assert "global_average_pool" in lines
    assert "System Settings" not in lines  # the theme's button is no part of a page's text
    assert wrong == []


def test_search_works_from_a_disk(site, tab):
    """A page of file:// may fetch nothing; Chromium says so in the console where one tries."""
    page, wrong = tab
    page.context.unroute_all()
    opened(page, f"{(site / 'search.html').as_uri()}?q=global_average_pool")
    page.wait_for_selector("#search-results li a")
    page.wait_for_function("document.body.textContent.includes('Search finished')")
    found = [a.get_attribute("href") for a in page.query_selector_all("#search-results li a")]
    assert any("chapters/00_how_to_read.html" in href for href in found)
    assert wrong == []


def test_a_claim_on_a_telephone_is_a_block_with_its_verdict_above(site, served, tab):
    page, _ = tab
    page.set_viewport_size(TELEPHONE)
    rows = 0
    for source in sources():
        opened(page, f"{served}chapters/{source.stem}.html")
        for row in page.locator(".cell_output tbody tr:has(td:nth-child(4))").all():
            rows += 1
            whole, *boxes = row.evaluate(  # at one moment: what loads above a row moves it
                "r => [r, ...r.querySelectorAll('td')].map(e => e.getBoundingClientRect().toJSON())"
            )
            assert whole["x"] >= 0
            assert whole["x"] + whole["width"] <= TELEPHONE["width"]
            assert whole["height"] < TELEPHONE["height"] / 2
            assert boxes[3]["y"] == min(box["y"] for box in boxes)
            assert row.evaluate("r => r.scrollWidth <= r.clientWidth")
    assert rows > 80


def test_the_buttons_of_the_header_show_where_the_keys_are(served, tab):
    page, _ = tab
    for size in (DESK, TELEPHONE):
        page.set_viewport_size(size)
        opened(page, f"{served}chapters/00_how_to_read.html")
        ringed = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            found = page.evaluate("""() => { const e = document.activeElement;
                if (!e.closest('.bd-header-article')) return null;
                const s = getComputedStyle(e);
                return [e.title || e.getAttribute('aria-label') || e.className,
                        s.outlineStyle != 'none' && parseFloat(s.outlineWidth) >= 2]; }""")
            if found:
                assert found[1], found
                ringed.add(found[0])
        assert len(ringed) >= 3


def test_a_finger_finds_the_copy_buttons(browser, served):
    context = browser.new_context(viewport=TELEPHONE, has_touch=True, is_mobile=True)
    page = context.new_page()
    opened(page, f"{served}chapters/01_one_pixel.html")
    assert page.evaluate("matchMedia('(hover: none)').matches")
    buttons = page.locator("div.cell_input button.copybtn")
    assert buttons.count() > 5
    shown = buttons.evaluate_all("bs => bs.map(b => getComputedStyle(b).opacity)")
    assert set(shown) == {"1"}
    context.close()


def test_keys_reach_the_text_first_and_a_cell_can_be_copied(served, tab):
    page, _ = tab
    opened(page, f"{served}chapters/00_how_to_read.html")
    page.keyboard.press("Tab")
    focused = page.evaluate("document.activeElement.textContent.trim()")
    assert focused == "Skip to main content"
    cells = page.locator("div.cell_input")
    assert page.locator("div.cell_input button.copybtn").count() == cells.count()
    assert page.locator('a[aria-label="View the source of this page"], a[title="View the source '
                        'of this page"], a.btn[href$=".md.txt"]').count() >= 1  # fmt: skip
