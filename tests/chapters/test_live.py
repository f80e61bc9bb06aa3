"""Live pages: cells of every chapter, run in a browser by the Python that lies beside the pages.

Expected is what CPython gave when the chapter was executed: the published output. Nothing is asked
of another host. How long the first result takes is printed and not asserted.
"""

from __future__ import annotations

import json
import shutil

import pytest

from chapters.execute import ROOT, VOLATILE
from chapters.make import sources
from chapters.site import runtime
from chapters.site.extension import policy
from chapters.site.live.laid import lay
from tests.chapters.browsing import DESK, TELEPHONE, address_of, opened, serious, watched_tab

pytestmark = pytest.mark.slow

WAIT = 400_000  # milliseconds; a busy machine takes its time, and no test is about that
ENDED = "(status) => /^(ran|failed|not run|stopped|Python cannot)/.test(status.textContent)"
HINT = "A bias is added to an output channel: there are N of them, one for each filter."
EXERCISE = """def weights(D_K, M, N, bias):
    return D_K**2 * M * N + {biases}

check("3.2", weights)"""


@pytest.fixture
def page(browser, live):
    """A tab on the pages with their Python; at the end nothing has gone wrong in it."""
    with watched_tab(browser, live) as (tab, wrong):
        tab.set_default_timeout(WAIT)
        yield tab
        assert wrong == []


class Chapter:
    """A chapter's page, its live cells, and their cells in the notebook."""

    def __init__(self, page, address, stem):
        opened(page, f"{address}chapters/{stem}.html")
        page.wait_for_selector(".live-run")
        self.page = page
        notebook = json.loads((ROOT / "chapters" / f"{stem}.ipynb").read_text("utf-8"))
        coded = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        boxes = page.locator("div.cell:has(.cell_input)").all()
        assert len(boxes) == len(coded)
        self.cells = [
            Cell(page, box, cell)
            for box, cell in zip(boxes, coded, strict=True)
            if "desktop" not in cell["metadata"].get("tags", ())
        ]

    def cell(self, text):
        (found,) = [cell for cell in self.cells if text in cell.source]
        return found


class Cell:
    """One live cell."""

    def __init__(self, page, box, cell):
        self.page, self.box, self.outputs = page, box, cell.get("outputs", [])
        self.source = "".join(cell["source"])
        self.volatile = VOLATILE in cell["metadata"].get("tags", ())

    @property
    def printed(self):
        """What it printed when it was published."""
        return "".join("".join(o["text"]) for o in self.outputs if o["output_type"] == "stream")

    def run(self, text=None):
        """Run it, changed or not; what its bar says at the end."""
        if text is not None:
            self.box.locator("textarea").fill(text)
        self.box.locator(".live-run").click()
        return self.ended()

    def ended(self):
        status = self.box.locator(".live-status")
        self.page.wait_for_function(ENDED, arg=status.element_handle(), timeout=WAIT)
        return status.text_content()

    @property
    def shown(self):
        return self.box.locator(".live-output").inner_text()


@pytest.mark.parametrize("stem", [source.stem for source in sources()])
def test_cells_of_every_chapter_run_in_the_page_and_print_what_was_published(page, live, stem):
    chapter = Chapter(page, live, stem)
    saying = [cell for cell in chapter.cells if cell.printed and not cell.volatile][:2]
    assert saying, "no cell that prints runs in a browser"
    for cell in saying:
        assert cell.run().startswith("ran in"), cell.box.inner_text()
        found = cell.box.locator(".live-output pre").first.text_content()
        assert found == cell.printed
    print(
        f"\n{stem}: first result after {page.evaluate('document.documentElement.dataset.live')} s"
    )


def test_a_picture_is_drawn_with_its_words_and_a_table_with_its_formulas(page, live):
    chapter = Chapter(page, live, "00_how_to_read")
    cell = chapter.cell('show(pixels, alt="')
    assert cell.run().startswith("ran in")
    alt = cell.outputs[0]["metadata"]["image/png"]["alt"]
    image = cell.box.locator(".live-output img")
    assert image.get_attribute("alt") == alt
    assert image.evaluate("i => i.decode().then(() => i.naturalWidth > 100)")
    assert cell.box.locator(":scope > .cell_output:not(.live-output)").is_hidden()
    table = next(cell for cell in chapter.cells if "claim(" in cell.source)
    table.run('claim("v1-separable-ratio")' if "ratio" in table.source else None)
    assert table.box.locator(".live-output table td").count() >= 4


def test_a_wrong_answer_gets_its_hint_a_right_one_its_tick_and_an_endless_one_its_end(page, live):
    cell = Chapter(page, live, "03_standard_convolution").cell('check("3.2"')
    assert cell.run(EXERCISE.format(biases="(M if bias else 0)")).startswith("ran in")
    assert "✗ Exercise 3.2" in cell.shown
    assert HINT in cell.shown
    assert cell.run(EXERCISE.format(biases="(N if bias else 0)")).startswith("ran in")
    assert "✓ Exercise 3.2" in cell.shown
    assert "drawn" in cell.shown  # Hypothesis is there
    endless = "def weights(D_K, M, N, bias):\n    while True:\n        pass\n\n"
    assert cell.run(endless + 'check("3.2", weights, limit=0.5)').startswith("ran in")
    assert "had not ended after 0.5 s" in cell.shown


def test_a_cell_can_be_changed_stopped_and_put_back(page, live):
    chapter = Chapter(page, live, "01_one_pixel")
    first, second = chapter.cells[:2]
    area = first.box.locator("textarea")
    area.fill("a = 6")
    area.press("Control+End")
    area.type("\nif a:\na * 7", delay=1)
    assert area.input_value() == "a = 6\nif a:\n    a * 7"  # the next line goes in by itself
    area.fill("a = 6")
    second.box.locator("textarea").fill("a * 7")
    second.box.locator("textarea").press("Shift+Enter")
    assert second.ended().startswith("ran in")
    assert second.shown.strip() == "42"
    assert first.box.locator(".live-status").text_content().startswith("ran in")

    assert second.run("def f(x):\n    return 1 / x\nf(0)").startswith("failed in")
    assert second.shown.split("\n") == [
        "ZeroDivisionError: division by zero",
        "  in cell 2, line 3: f(0)",
        "  in cell 2, line 2: return 1 / x",
    ]
    third = chapter.cells[2]
    assert third.run() == "not run: cell 2, before it, failed"

    second.box.locator("textarea").fill("while True: pass")
    button = second.box.locator(".live-run")
    button.click()
    page.wait_for_function("s => s.textContent == 'Running'",
                           arg=second.box.locator(".live-status").element_handle())  # fmt: skip
    assert button.inner_text() == "Stop"
    button.click()
    assert second.ended().startswith("stopped")
    assert second.run("a").startswith("ran in")  # a new Python, in which the first cell ran again
    assert second.shown.strip() == "6"

    second.box.locator("button:text('Reset')").click()
    assert second.box.locator("textarea").input_value() == second.source
    assert second.box.locator(".live-output").count() == 0


def test_a_cell_that_a_browser_cannot_run_says_so_and_is_left_out(page, live):
    """A chapter's second cell, tagged as the chapters tag theirs."""

    def tagged(route):
        html = route.fetch().text()
        head, first, second, *rest = html.split('<div class="cell docutils container">')
        parts = '<div class="cell docutils container">'.join
        again = '<div class="cell tag_desktop docutils container">'.join([first, second])
        route.fulfill(body=parts([head, again, *rest]), content_type="text/html")

    page.context.route("**/chapters/01_one_pixel.html", tagged)
    opened(page, f"{live}chapters/01_one_pixel.html")
    page.wait_for_selector(".live-run")
    boxes = page.locator("div.cell:has(.cell_input)")
    assert boxes.nth(1).locator(".live-run").count() == 0
    assert "if it has a smaller variant, that is near it" in boxes.nth(1).inner_text()
    boxes.nth(0).locator("textarea").fill("seen = [1]")
    boxes.nth(2).locator("textarea").fill("seen")
    boxes.nth(2).locator(".live-run").click()
    page.wait_for_function(ENDED, arg=boxes.nth(2).locator(".live-status").element_handle())
    assert boxes.nth(2).locator(".live-output").inner_text().strip() == "[1]"


def test_where_python_cannot_be_reached_the_page_says_so_and_keeps_what_it_has(browser, live):
    with watched_tab(browser, live) as (page, _):
        page.context.route("**/live/pyodide/**", lambda route: route.abort())
        cell = Chapter(page, live, "01_one_pixel").cells[1]
        assert cell.run().startswith("Python cannot be reached")
        kept = cell.box.locator(":scope > .cell_output")
        assert all(part.is_visible() for part in kept.all())


def test_from_a_disk_the_page_says_what_live_cells_need(browser, site):
    with watched_tab(browser, "file:") as (page, wrong):
        opened(page, (site / "chapters" / "01_one_pixel.html").as_uri())
        page.wait_for_selector("div.cell_input")
        assert page.locator(".live-run").count() == 0
        said = page.locator(".live-disk").inner_text()
        assert "python -m chapters.site --serve" in said
        assert wrong == []


@pytest.mark.parametrize(("scheme", "size"), [("light", DESK), ("dark", TELEPHONE)])
def test_axe_finds_nothing_serious_on_a_page_whose_cells_have_run(browser, live, scheme, size):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe: pip install '.[browser]'"
    ).Axe()
    with watched_tab(browser, live, color_scheme=scheme, viewport=size) as (page, _):
        chapter = Chapter(page, live, "01_one_pixel")
        assert chapter.cells[2].run().startswith("ran in")
        bad = "import warnings\nwarnings.warn('old')\n1 / 0"
        assert chapter.cells[3].run(bad).startswith("failed in")
        assert "UserWarning: old" in chapter.cells[3].shown
        assert serious(axe.run(page)) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_a_python_at_another_address_is_used_from_there(browser, site, python_for_pages, tmp_path):
    """As the published pages use the public one, for which a second server stands here."""
    html = tmp_path / "html"
    shutil.copytree(site, html)
    with address_of(python_for_pages, shared=True) as elsewhere, address_of(html) as address:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(runtime, "ADDRESS", elsewhere)
            lay(html, None)
        assert not (html / "live" / "pyodide").exists()
        with watched_tab(browser, (address, elsewhere)) as (page, wrong):
            page.set_default_timeout(WAIT)
            cell = Chapter(page, address, "01_one_pixel").cells[0]
            assert cell.run("import sys, numpy\nsys.platform").startswith("ran in")
            assert cell.shown.strip() == "'emscripten'"
            assert wrong == []


def test_the_policy_of_the_photo_page_names_no_address_but_pythons():
    said = policy("https://python.example/v1/")
    assert "connect-src 'self' https://python.example/v1/;" in said
    assert "connect-src 'self';" in policy("")
    assert "://" not in policy("")
    assert "'unsafe-eval'" not in policy("")
