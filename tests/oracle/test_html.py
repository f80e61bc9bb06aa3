"""The report's page: well-formed, by itself, legible to eyes of all kinds, and true."""

from __future__ import annotations

import functools
import itertools
import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnet.oracle import html_style
from refnet.oracle.html import to_html
from refnet.oracle.html_plot import HEIGHT, WIDTH, plot
from refnet.oracle.html_tables import table
from tests.oracle import reports
from tests.oracle.reports import Page

KINDS = ("right", "wrong", "hostile", "silent")
DIAGNOSIS = "block1.depthwise: symmetric padding for SAME\n  remedy: pad the end"


@functools.cache
def text(kind: str) -> str:
    hostile = (reports.HOSTILE,) if kind == "hostile" else (DIAGNOSIS,)
    return to_html(getattr(reports, kind)(), hostile if kind != "right" else ())


@functools.cache
def page(kind: str) -> Page:
    return Page(text(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_every_element_is_closed_and_the_page_is_a_page(kind):
    assert text(kind).startswith("<!doctype html>")
    found = page(kind)  # asserts that what is opened is closed, in order
    (root,), (title,), (h1,) = found.all("html"), found.all("title")[:1], found.all("h1")
    assert root["attrs"]["lang"] == "en"
    assert title["text"]
    assert h1["text"]
    assert any(meta["attrs"].get("name") == "viewport" for meta in found.all("meta"))
    text(kind).encode()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_asked_of_anyone_else(kind):
    """Neither an element nor an attribute nor a style that a browser would fetch for."""
    found = page(kind)
    assert not found.all(
        "script", "link", "img", "iframe", "object", "embed", "image", "use", "a", "base", "form"
    )
    for element in found.elements:
        assert not {"src", "href", "xlink:href", "style", "action"} & set(element["attrs"])
        assert not any(name.startswith("on") for name in element["attrs"])
    (style,) = found.all("style")
    assert not re.search(r"url\(|@import|@font-face|//", style["text"])
    (policy,) = [m for m in found.all("meta") if "http-equiv" in m["attrs"]]
    assert policy["attrs"]["content"] == "default-src 'none'; style-src 'unsafe-inline'"
    if kind != "hostile":  # it says an address, as text
        assert not re.search(r"https?:", text(kind))


def test_hostile_names_are_shown_and_not_obeyed():
    """As often as they occur: the parser, which is no part of refnet, finds them as plain text."""
    legible = reports.HOSTILE.replace("\x00", "\ufffd").replace("\x1b", "\ufffd")
    legible = legible.replace("\ud800", "\ufffd")
    found = page("hostile")
    for tag in ("title", "h1", "h3", "pre", "dd", "th", "td", "li"):
        assert any(legible in element["text"] for element in found.all(tag)), tag
    assert any(legible in e["attrs"].get("aria-label", "") for e in found.all("svg"))
    assert not re.search("[\x00-\x08\x0b-\x1f\ud800-\udfff]", text("hostile"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_screen_reader_finds_its_way(kind):
    """WCAG 2.1: headings without a leap (1.3.1), names for drawings (1.1.1) and for what scrolls
    (2.1.1, 4.1.2), heads and captions for tables (1.3.1)."""
    found = page(kind)
    levels = [int(h["tag"][1]) for h in found.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    for svg in found.all("svg"):
        named = svg["attrs"].get("role") == "img" and svg["attrs"].get("aria-label")
        assert named or svg["attrs"].get("aria-hidden") == "true"
    for region in (e for e in found.elements if e["attrs"].get("class") == "wide"):
        assert region["attrs"]["tabindex"] == "0"
        assert region["attrs"]["aria-label"]
    tables = found.all("table")
    assert len(found.all("caption")) == len(tables)
    assert all(th["attrs"]["scope"] in ("row", "col") for th in found.all("th"))
    for details in found.all("details"):
        inside = [e for e in found.elements if details in e["within"]]
        assert inside[0]["tag"] == "summary"


# Colours


def palettes() -> dict[str, dict[str, str]]:
    """The variables as the page has them, light and dark."""
    (style,) = page("right").all("style")
    light, dark = re.findall(
        r":root\{(?:color-scheme:light dark;)?((?:--\w+:#\w{6};)+)", style["text"]
    )
    return {
        scheme: dict(re.findall(r"--(\w+):(#\w{6});", said))
        for scheme, said in (("light", light), ("dark", dark))
    }


def luminance(colour: str) -> float:
    """WCAG 2.1's relative luminance."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG 2.1's contrast ratio."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_formula_gives_wcags_extremes():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # the known near miss


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_marks_stand_out(scheme):
    """WCAG 2.1 AA: text at 4.5 : 1 (1.4.3), marks that carry meaning at 3 : 1 (1.4.11)."""
    colours = palettes()[scheme]
    assert colours == (html_style.LIGHT if scheme == "light" else html_style.DARK)
    for ink in ("ink", "faint", "right", "wrong"):
        for ground in ("paper", "panel"):
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    for mark in ("right", "wrong", "drift", "ink"):
        for ground in ("paper", "band"):
            assert contrast(colours[mark], colours[ground]) >= 3, (mark, ground)


def test_there_is_no_colour_beside_the_palettes():
    (style,) = page("right").all("style")
    named = set(re.findall(r"#[0-9a-f]{3,8}\b", style["text"]))
    assert named == {*html_style.LIGHT.values(), *html_style.DARK.values()}
    used = set(re.findall(r"var\(--(\w+)\)", style["text"]))
    assert used == html_style.LIGHT.keys()
    dark = style["text"].index("prefers-color-scheme:dark")
    assert style["text"][:dark].endswith("@media screen and (")  # so that paper stays white
    assert "@media print" in style["text"]


# What it says


def test_a_right_backend_gets_dots_and_no_cross():
    found = page("right")
    assert "✓ All hold" in found.all("main")[0]["text"]
    assert not found.marks("bad")
    plots = [svg for svg in found.all("svg") if svg["attrs"].get("class") == "plot"]
    judged = [r for r in reports.right().results if r.mode != "whole" and r.kind == "random"]
    assert len(plots) == len(judged) == 2  # exact ones are bit-equal: there is nothing to plot
    for svg, result in zip(plots, judged, strict=True):
        inside = [e["attrs"].get("class") for e in found.elements if svg in e["within"]]
        assert inside.count("held") == len(result.layers)
        assert inside.count("off") == 0
        assert inside.count("bound") == 1


def test_a_wrong_one_gets_its_first_bad_layer_its_diagnosis_and_crosses():
    report, found = reports.wrong(), page("wrong")
    result, first = report.first_bad
    said = found.all("main")[0]["text"]
    count = sum(not r.holds for r in report.results)
    assert f"✗ {count} of " in said
    assert DIAGNOSIS in [pre["text"] for pre in found.all("pre")]
    facts = [dd["text"] for dd in found.all("dd")]
    assert f"{result.suite}, {result.kind}: {result.id}" in facts
    assert f"{first.verdict.answer:.9g}" in facts
    assert "no <softmax> & co" in said
    asked = [r for r in report.results if r.mode != "whole"]
    rows = [tr for tr in found.all("tr") if tr["text"].startswith("block")]
    assert len(rows) == sum(la.layer.startswith("block") for r in asked for la in r.layers)
    crosses = [e for e in found.marks("off") if e["within"][-1]["tag"] == "g"]
    plotted = [r for r in asked if not (r.holds and all(la.verdict.exact for la in r.layers))]
    wrong = [la.layer for r in plotted for la in r.layers if not la.verdict.holds]
    told = [cross["within"][-1]["text"].split(" ")[0] for cross in crosses]
    assert sorted(told) == sorted(wrong)


def test_diagnoses_of_the_results_are_told_once_unless_others_are_given():
    result = replace(reports.network(reports.layer("b", 3.0)), diagnosis="b: kernel <flipped>")
    report = reports.report(result, replace(result, mode="fused"))
    told = [pre["text"] for pre in Page(to_html(report)).marks("panel bad") if pre["tag"] == "pre"]
    assert told == ["b: kernel <flipped>"]
    told = [pre["text"] for pre in Page(to_html(report, ["other"])).marks("panel bad")]
    assert told[1:] == ["other"]  # after the card on the first bad layer


def test_what_raised_as_a_whole_has_a_name_and_no_operation():
    raised = replace(reports.layer("the whole network", math.inf), op="")
    said = Page(to_html(reports.report(reports.network(raised)))).all("main")[0]["text"]
    assert "the whole network" in said
    assert "()" not in said


def test_a_backend_that_answers_nothing_does_not_hold():
    said = page("silent").all("main")[0]["text"]
    assert "✗ Nothing answered" in said
    assert "not today" in said


def test_equal_reports_make_equal_pages():
    assert to_html(reports.wrong(), [DIAGNOSIS]) == text("wrong")


def heights(svg: str) -> tuple[dict[str, float], float]:
    """Where each layer's mark is, and where the bound: larger numbers are further down."""
    found = Page(svg)
    (bound,) = found.marks("bound")
    at = {}
    for mark in (*found.marks("held"), *found.marks("off")):
        name = mark["within"][-1]["text"].split(" ")[0]
        corner = re.match(r"M(\S+) (\S+)l10 10", mark["attrs"].get("d", ""))
        at[name] = float(corner[2]) + 5 if corner else float(mark["attrs"]["cy"])
    return at, float(bound["attrs"]["y1"])


sizes = st.one_of(
    st.sampled_from([0.0, 1.0, math.inf, 5e-324, 1.7e308]),
    st.floats(0, allow_nan=False),
    st.floats(1e-9, 10),
)


@given(st.lists(st.tuples(sizes, st.one_of(sizes, st.just(math.nan))), min_size=1, max_size=9))
def test_marks_lie_in_the_order_of_their_ratios_and_within_the_drawing(numbers):
    layers = [reports.layer(f"n{n}", ratio, free) for n, (ratio, free) in enumerate(numbers)]
    svg = plot(reports.network(*layers))
    assert "nan" not in svg
    assert all(0 <= float(y) <= HEIGHT for y in re.findall(r' c?y[12]?="([^"]*)"', svg))
    assert all(0 <= float(x) <= WIDTH for x in re.findall(r' c?x[12]?="([^"]*)"', svg))
    at, bound = heights(svg)
    ratios = {la.layer: la.verdict.ratio for la in layers}
    assert at.keys() == ratios.keys()
    for one in ratios:
        assert (at[one] <= bound) >= (ratios[one] >= 1)  # on the bound or above it
        assert (at[one] >= bound) >= (ratios[one] <= 1)
        for other in ratios:
            if ratios[one] < ratios[other]:
                assert at[one] >= at[other]


def test_the_curve_of_drift_breaks_where_nothing_is_known():
    free = [1e-7, 2e-7, math.nan, 3e-7, 0.0]
    layers = [reports.layer(f"n{n}", 0.5, f) for n, f in enumerate(free)]
    (first, second) = re.findall(r'class="drift" d="M([^"]*)"', plot(reports.network(*layers)))
    assert (first.count(" L"), second.count(" L")) == (1, 1)


def test_a_table_has_a_head_for_every_cell():
    with pytest.raises(ValueError, match="longer"):
        table("Two.", ("layer", "err/bound"), [(False, ["stem"])])
