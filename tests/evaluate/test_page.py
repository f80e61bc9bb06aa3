"""The page: one file that needs nothing else, says what the JSON says, and escapes all names."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from PIL import Image

from refnet.apps.evaluate.command import evaluate
from refnet.apps.evaluate.report import figures
from refnet.apps.evaluate.text import text
from tests.evaluate.photos import draw, folder, wanted

NASTY = '<img src=x onerror="alert(1)">&amp; \u202e.png'


class Reader(HTMLParser):
    """Tags as they open and close, attributes, text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.said: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "wbr"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.said.append(data)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    tmp = tmp_path_factory.mktemp("page")
    root = folder(tmp / "in <b>", 45)
    draw(root / "104" / NASTY, 104, 50)
    (root / "104" / "<script>.png").write_text("no photo")
    report = evaluate(wanted(root, tmp / "out", recipes=("squash", "half-pixel")))
    return report, (tmp / "out" / "report.html").read_text("utf-8")


def test_every_element_is_closed_and_nothing_comes_from_elsewhere(made):
    reader = Reader(made[1])
    assert reader.open == []
    assert {tag for tag, _ in reader.tags}.isdisjoint({"script", "link", "iframe", "object"})
    for tag, attributes in reader.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href"):
                assert value.startswith(("data:image/jpeg;base64,", "#"))
    assert "url(" not in made[1]
    assert "default-src 'none'" in made[1]


def test_names_are_shown_as_they_are_and_not_run(made):
    said = "".join(Reader(made[1]).said)
    assert "in <b>" in said
    assert "<script>.png" in said
    assert NASTY.replace("\u202e", "") in said.replace("\u202e", "")


def test_the_page_has_each_figure_of_the_report(made):
    report, page = made
    said = " ".join(Reader(page).said)
    for summary in report.summaries:
        for share in (summary.top1, summary.top5):
            assert f"{100 * share.value:.1f} %" in said
            assert f"{share.low * 100:.1f} to {share.high * 100:.1f}" in said
            assert f"{share.count} of {share.of}" in said
    assert f"All {len(report.summaries[0].classes)} classes" in said
    assert "1 not evaluated" in said


def test_mistakes_have_their_photos_small_and_with_words(made):
    pictures = [attributes for tag, attributes in Reader(made[1]).tags if tag == "img"]
    assert len(pictures) == sum(len(summary.mistakes()) for summary in made[0].summaries)
    assert all(picture["alt"].startswith("a photo of: ") for picture in pictures)
    assert max(len(picture["src"]) for picture in pictures) < 40_000


def test_a_thumbnail_is_small_whatever_the_photo(tmp_path):
    import base64
    import io

    from refnet.apps.evaluate.page_parts import SIDE, thumbnail

    Image.effect_noise((1500, 900), 80).convert("RGB").save(tmp_path / "noise.png")
    found = thumbnail(str(tmp_path / "noise.png"))
    picture = Image.open(io.BytesIO(base64.b64decode(found.partition(",")[2])))
    assert picture.size == (SIDE, round(SIDE * 900 / 1500))
    assert thumbnail(str(tmp_path / "gone.png")) is None


def test_at_80_columns_each_row_is_whole_and_in_a_file_the_table_is_as_wide_as_it_is(made):
    """No figure of the wide table is missing in the narrow one, and no line of words is wider."""
    report, _ = made
    report = replace(report, judged=[{"image": "a" * 30, "engine": "e", "told": "b " * 60}])
    report.judged[0]["holds"] = True
    wide, narrow = text(report), text(report, 80)
    assert max(map(len, wide.splitlines())) > 110
    shown = [line for line in narrow.splitlines() if not line.startswith("  104/")]
    assert max(map(len, shown)) <= 80
    told = [Counter(re.findall(r"[\d.]+", said)) for said in (wide, narrow)]
    assert not told[0] - told[1]  # the narrow one repeats the 1 and the 5 of its heads
    one, five = report.summaries[0].top1, report.summaries[0].top5
    row = f"  top-1 {one.count} of 46 {one.told()}; top-5 {five.count} of 46 {five.told()}"
    assert row in narrow.splitlines()


def test_the_terminals_table_of_classes_has_the_worst_first_with_their_counts(made):
    report, _ = made
    (variant,) = figures(report)["variants"][:1]
    lines = text(report).splitlines()
    at = lines.index("  each class:")
    rows = [re.split(r"  +", line.strip()) for line in lines[at + 2 : at + 9]]
    expected = {
        row["class"]: [str(row["photos"]), str(row["top1"]), str(row["top5"])]
        for row in variant["classes"]
    }
    assert {name: cells for name, *cells in rows} == expected
    shares = [int(one) / int(of) for _, of, one, _ in rows]
    assert shares == sorted(shares)


def test_a_files_name_does_not_drive_the_terminal(tmp_path):
    for name in ("bell\a", "red \x1b[31m", "two\nlines", "turned \u202e", "Mädchen 写真"):
        (tmp_path / "in" / "104").mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / "104" / f"{name}.png").write_text("no photo")
    draw(tmp_path / "in" / "104" / "fine.png", 104)
    said = text(evaluate(wanted(tmp_path / "in", tmp_path / "out")))
    assert all(line.isprintable() for line in said.splitlines())
    why = "not an image that Pillow can read"
    assert f"  104/two\\nlines.png: {why}\n" in said
    assert f"  104/Mädchen 写真.png: {why}\n" in said
    assert "1 class (" in said


def test_the_terminals_text_names_what_was_not_evaluated_and_both_recipes(made):
    said = text(made[0])
    assert "Not evaluated: 1\n  104/<script>.png: not an image that Pillow can read" in said
    assert re.search(r"squash +tests\.evaluate\.engines:Quick +\d+ of 46", said)
    assert re.search(r"squash +half-pixel +0 of 46", said)
