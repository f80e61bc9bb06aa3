"""The photo page: what it answers is what the command line answers, and nothing leaves it.

Expected are `refnet classify`'s own answers for the same pixels (a PNG, which every decoder reads
alike), float64 with its proven bound, and the judge of `refnet check`, run in the page's Python.
"""

from __future__ import annotations

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from refnet import checkpoints
from refnet.apps.classifier import Classifier
from refnet.backend import Arithmetic
from refnet.bounds import propagate
from refnet.cli import main
from refnet.image import read
from refnet.preprocessing import preprocess
from refnet.reading import photo
from tests.chapters.browsing import DESK, TELEPHONE, opened, serious, watched_tab

pytestmark = pytest.mark.slow

WAIT = 120_000  # milliseconds, on a busy machine


@pytest.fixture
def page(browser, live):
    """The photo page in a tab; at the end nothing has gone wrong in it."""
    with watched_tab(browser, live) as (tab, wrong):
        tab.set_default_timeout(WAIT)
        opened(tab, f"{live}photo.html")
        tab.wait_for_selector(".photo-ready")
        yield tab
        assert wrong == []


@pytest.fixture
def portrait(tmp_path):
    """A photo as PNG, and its pixels."""
    pixels = photo("hopper")
    path = tmp_path / "a portrait.png"
    Image.fromarray(pixels).save(path)
    return path, pixels


def answered(page):
    """The answer that the page has, as its link saves it, once its layers are there too."""
    page.wait_for_selector(".photo-layers:not([hidden])")
    with page.expect_download() as download:
        page.locator(".photo-save").click()
    return json.loads(download.value.path().read_text("utf-8"))


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_the_page_answers_as_the_command_line_does(page, portrait, capsys, model):
    path, pixels = portrait
    page.locator(f"input[value={model}]").check()
    page.locator("input[type=file]").set_input_files(path)
    found = answered(page)
    assert main(["classify", str(path), "--model", model, "--json"]) == 0
    (expected,) = json.loads(capsys.readouterr().out)
    assert [guess["label"] for guess in found["top"]] == [g["label"] for g in expected["top"]]
    assert [guess["index"] for guess in found["top"]] == [g["index"] for g in expected["top"]]
    for key in ("size", "model", "preprocessing", "macs", "parameters"):
        assert found[key] == expected[key]
    rows = page.locator(".photo-top li").all_inner_texts()
    assert [row.split("\n")[0] for row in rows] == [guess["label"] for guess in expected["top"]]
    assert page.locator(".photo-command").inner_text() == (
        f"refnet classify 'a portrait.png' --model {model}"
    )

    folded = checkpoints.load(model).fold(np.float64)
    x = preprocess(pixels, found["preprocessing"])
    value = propagate(folded.network, folded.tensors, {"image": x}, Arithmetic())["classifier"]
    error = np.abs(np.array(found["logits"]) - value.exact[0])
    assert (error <= value.error[0]).all()
    print(f"\n{model}: logits at most {error.max():.2g} from float64; {found['seconds']:.2f} s")


def test_a_photo_can_be_dropped_and_its_layers_are_those_of_the_network(page):
    pixels, written = photo("chelsea", side=96), io.BytesIO()
    Image.fromarray(pixels).save(written, "png")
    data = base64.b64encode(written.getvalue()).decode()
    page.evaluate(
        """(data) => {
          const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], "cat.png", {type: "image/png"}));
          const drop = document.querySelector(".photo-drop p");
          for (const kind of ["dragover", "drop"])
            drop.dispatchEvent(new DragEvent(
              kind, {bubbles: true, cancelable: true, dataTransfer: transfer}));
        }""",
        data,
    )
    found = answered(page)
    assert found["image"] == "cat.png"
    assert found["size"] == [96, 96]
    with Classifier(checkpoints.load("v1")) as classifier:
        expected = classifier(pixels, name="cat.png").top
    assert [guess["label"] for guess in found["top"]] == [guess.label for guess in expected]
    assert page.locator(".photo-status").inner_text().startswith(found["top"][0]["label"])
    rows = page.locator(".photo-table tbody tr").all_inner_texts()
    cells = [row.split("\t") for row in rows]
    assert [cells[n][0] for n in (0, 1, 2)] == ["stem", "block1.depthwise", "block1.pointwise"]
    assert cells[0][1] == "112 × 112 × 32"
    costs = sum(float(row[2]) for row in cells if row[2])
    assert abs(costs - found["macs"] / 1e6) < 0.05 * len(cells)  # each is rounded to a tenth
    assert all(float(row[3]) >= 0 for row in cells)

    page.locator(".photo-part", has_text="block5.depthwise").click()
    image = page.locator(".photo-maps img")
    page.wait_for_function("i => i.src", arg=image.element_handle())
    words = image.get_attribute("alt")
    assert words.startswith("block5.depthwise: the 64 strongest of 256 maps of 28 × 28")
    assert image.evaluate("i => i.decode().then(() => i.naturalWidth >= 640)")
    page.locator(".photo-maps button").click()
    page.wait_for_function(
        "i => i.alt.includes('all 256 maps')", arg=image.element_handle(), timeout=WAIT
    )


@pytest.mark.parametrize("quarter_turn", [False, True])
def test_a_jpeg_has_the_pixels_that_it_has_on_the_command_line(page, tmp_path, quarter_turn):
    """To the bit, as Chromium unpacks it; so the same network gives the same logits as for a PNG.

    Its colours are stored at half the size (4:2:0), which decoders stretch in more than one way.
    """
    turned = Image.Exif()
    turned[0x112] = 6 if quarter_turn else 1
    Image.fromarray(photo("hopper")).save(
        tmp_path / "p.jpg", quality=85, subsampling=2, exif=turned
    )
    Image.fromarray(read(tmp_path / "p.jpg")).save(tmp_path / "p.png")
    logits = []
    for name in ("p.jpg", "p.png"):
        page.locator("input[type=file]").set_input_files(tmp_path / name)
        page.wait_for_function(
            "name => document.querySelector('.photo-given figcaption').textContent.startsWith(name)"
            " && !document.querySelector('.photo-layers').hidden",
            arg=name,
            timeout=WAIT,
        )
        logits.append(answered(page)["logits"])
    assert logits[0] == logits[1]
    assert len(set(logits[0])) > 100


def test_what_is_no_photo_is_refused_in_one_line_and_the_next_one_is_answered(page, tmp_path):
    (tmp_path / "notes.png").write_text("no picture")
    page.locator("input[type=file]").set_input_files(tmp_path / "notes.png")
    page.wait_for_selector(".photo-failed")
    said = page.locator(".photo-status").inner_text()
    assert said == "notes.png: not an image that Pillow can read"
    page.locator("[data-sample=coffee]").click()
    assert answered(page)["top"][0]["label"] in ("espresso", "cup", "eggnog")
    assert (
        page.locator(".photo-preview").get_attribute("alt") == "A cup of coffee on a wooden table"
    )


def test_the_page_may_send_nothing_and_nor_may_its_worker(browser, live):
    """Its policy refuses another host, in the page and in Python: tried from both."""
    with watched_tab(browser, live) as (page, wrong):
        page.set_default_timeout(WAIT)
        opened(page, f"{live}photo.html")
        page.wait_for_selector(".photo-ready")
        for outside in ("https://example.org/", "http://127.0.0.1:1/"):
            tried = (
                "(u) => fetch(u, {method: 'POST', body: 'x'}).then(() => 'sent', () => 'refused')"
            )
            assert page.evaluate(tried, outside) == "refused"
        assert len([said for said in wrong if "Content Security Policy" in said]) >= 2
        assert not [said for said in wrong if said.startswith("another host")]
        module = f"{live}_static/live/client.js"
        asked = page.evaluate(
            """async (module) => {
              const { Python } = await import(module);
              const python = new Python({ sealed: true });
              const seen = [];
              const source = `
import js
from pyodide.ffi import create_proxy
request = js.XMLHttpRequest.new()
request.open("POST", "https://example.org/", False)
try:
    request.send("x")
    print("sent")
except Exception as problem:
    print("refused")
`;
              const heard = (message) => message.show && seen.push(message.show);
              const last = await python.ask({ run: source, cell: 1 }, heard);
              python.stop();
              return [last.end, seen.map((s) => s.text).join("")];
            }""",
            module,
        )
        assert asked == [True, "refused\n"]
        assert not [said for said in wrong if said.startswith("another host")]


@pytest.mark.parametrize("model", ["v1"])
def test_the_judge_finds_every_layer_right_in_the_pages_own_python(browser, live, model):
    """The engine in the browser, on a real photo, each layer by its proven float32 bound."""
    source = f"""
from refnet.oracle.adapters.engine import Engine
from refnet.oracle.check import ask
from refnet.oracle.photos import real_questions

engine = Engine()
results = ask(engine, next(real_questions("{model}")), engine.arithmetic)
print([result.holds for result in results], sum(len(result.layers) for result in results))
"""
    with watched_tab(browser, live) as (page, wrong):
        page.set_default_timeout(WAIT)
        opened(page, f"{live}chapters/01_one_pixel.html")
        page.wait_for_selector(".live-run")
        box = page.locator("div.cell:has(.cell_input)").first
        box.locator("textarea").fill(source + "# matplotlib")
        box.locator(".live-run").click()
        page.wait_for_selector(".live-output pre", timeout=WAIT)
        page.wait_for_function(
            "s => /^(ran|failed)/.test(s.textContent)",
            arg=box.locator(".live-status").element_handle(),
        )
        found = re.fullmatch(r"\[True, True\] (\d+)\n", box.locator("pre").last.text_content())
        assert found, box.inner_text()
        assert int(found[1]) > 57
        assert wrong == []


@pytest.mark.parametrize(("scheme", "size"), [("light", DESK), ("dark", TELEPHONE)])
def test_axe_finds_nothing_serious_before_and_after_an_answer(browser, live, scheme, size):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe: pip install '.[browser]'"
    ).Axe()
    with watched_tab(browser, live, color_scheme=scheme, viewport=size, bypass_csp=True) as (
        page,
        _,
    ):
        page.set_default_timeout(WAIT)
        opened(page, f"{live}photo.html")
        page.wait_for_selector(".photo-ready")
        assert serious(axe.run(page)) == []
        page.locator("[data-sample=chelsea]").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector(".photo-layers:not([hidden])")
        page.locator(".photo-part").first.click()
        page.wait_for_selector(".photo-maps:not([hidden])")
        assert serious(axe.run(page)) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_keys_reach_every_part_of_the_form(page):
    reached = []
    page.locator("input[value=v1]").focus()
    for _ in range(5):
        reached.append(page.evaluate("document.activeElement.outerHTML"))
        page.keyboard.press("Tab")
    for wanted, html in zip(
        ('value="v1"', 'type="file"', "hopper", "chelsea", "coffee"), reached, strict=True
    ):
        assert wanted in html
