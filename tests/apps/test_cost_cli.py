"""`refnet cost` and `refnet compare` as a person types them."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from PIL import Image

from refnet.apps.architecture import parse
from refnet.cli import main
from refnet.cost.counters import TOOLS, as_tool
from refnet.models import build


def said(capsys, *words: str) -> str:
    assert main(list(words)) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_the_papers_numbers_come_out(capsys):
    v1 = said(capsys, "cost", "v1")
    assert re.search(r"^macs +568,740,352 +multiply-accumulate, all taps$", v1, re.M)
    assert re.search(r"^executed macs +567,875,744 +multiply-accumulate, executed$", v1, re.M)
    v2 = said(capsys, "cost", "v2", "--kind", "macs", "--kind", "residual additions")
    assert re.findall(r"[\d,]{5,}", v2) == ["300,774,272", "216,384"]


def test_options_reach_the_network(capsys):
    """V1 at alpha 0.5 and 160: 76 M multiply-adds (the paper's Table 9 prints 76)."""
    words = ("cost", "v1", "--alpha", "0.5", "--resolution", "160", "--kind", "macs")
    assert "76,524,800" in said(capsys, *words)
    shallow = said(capsys, "cost", "v1", "--shallow", "--classes", "10", "--json")
    assert json.loads(shallow)["name"] == "mobilenet_v1_shallow_1.0_224"


@pytest.mark.parametrize("tool", TOOLS)
def test_every_tool_is_explained(capsys, tool):
    printed = said(capsys, "cost", "v2", "--as", tool)
    figures = [int(word.replace(",", "")) for word in re.findall(r"[\d,]{3,}", printed)]
    assert figures[0] == as_tool(build("v2"), tool)
    first, *terms = printed.splitlines()
    assert sum(int(line.split()[0].replace(",", "")) for line in terms) == figures[0]
    assert first.startswith(f"{tool}: ")


def test_all_tools_stand_in_one_table(capsys):
    first, *lines = said(capsys, "cost", "v1", "--as", "all").splitlines()
    assert first == "mobilenet_v1_1.0_224"
    figures = {line.split()[0]: int(line.split()[1].replace(",", "")) for line in lines}
    expected = {tool: as_tool(build("v1"), tool) for tool in TOOLS if tool != "keras"}
    assert figures == expected  # Keras counts parameters
    assert list(figures.values()) == sorted(figures.values())


def test_per_layer_adds_up_and_sorts(capsys):
    lines = said(capsys, "cost", "v1", "--per-layer").splitlines()[2:]
    macs = [int(line.split()[-5].replace(",", "")) for line in lines]
    assert sum(macs) == 568_740_352
    most = said(capsys, "cost", "v1", "--sort", "weights").splitlines()[2:4]
    assert [line.split()[0] for line in most] == ["block13.pointwise", "classifier"]


def test_rows_as_csv_and_json_hold_the_same(capsys):
    rows = list(csv.DictReader(io.StringIO(said(capsys, "cost", "v2", "--csv"))))
    data = json.loads(said(capsys, "cost", "v2", "--json"))["rows"]
    assert [int(row["count"]) for row in rows] == [row["count"] for row in data]
    assert {row["kind"] for row in rows} >= {"macs", "biases", "residual additions", "softmax"}


def test_a_single_layer_beside_its_separable_one(capsys):
    """The lecture's 81 against 36 weights, at one pixel."""
    found = json.loads(said(capsys, "cost", "--layer", "3", "3", "3", "3", "--padding", "valid",
                            "--json"))  # fmt: skip
    assert (found["standard"]["macs"], found["separable"]["macs"]) == (81, 36)
    assert found["ratio"] == "4/9"
    text = said(capsys, "cost", "--layer", "3", "32", "1024", "14", "--stride", "2")
    assert "1/N + 1/D_K^2 = 1033/9216" in text
    assert "0.112088" in text
    padded = said(capsys, "cost", "--layer", "3", "8", "8", "7", "--padding", "0,1,0,1")
    assert "D_G = 6 x 6" in padded


def test_the_picture_is_drawn(capsys, tmp_path):
    assert main(["cost", "v2", "--plot", str(tmp_path / "v2.png")]) == 0
    with Image.open(tmp_path / "v2.png") as picture:
        assert picture.width > 1000


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("deeplab", "--output-stride", "8", "--aspp"), "deeplab_v2_1.0_513_stride8_aspp"),
        (("deeplab", "--backbone", "v1"), "deeplab_v1_1.0_513_stride16"),
        (("ssdlite", "--full-heads", "--resolution", "320"), "ssd_v2_1.0_320"),
    ],
)
def test_what_detectors_and_segmenters_differ_in_can_be_asked_for(capsys, words, name):
    assert said(capsys, "show", *words).startswith(f"{name}\n")
    model, *options = words
    assert name in said(capsys, "cost", model, *options, "--kind", "macs")


def test_heads_and_backbones_side_by_side_are_those_of_v2s_tables_5_and_6(capsys):
    """5.1 M parameters and 1.3 G on V1, 4.3 M and 0.8 G on V2; heads of 14.8 M and of 2.1 M."""
    at = "resolution=320,classes=81"
    words = [f"ssdlite:backbone=v1,{at}", f"ssdlite:{at}", f"ssdlite:lite=false,{at}"]
    v1, v2, full = json.loads(said(capsys, "compare", *words, "--json"))
    assert [round(one["parameters"] / 1e6, 1) for one in (v1, v2)] == [5.1, 4.3]
    assert [round(one["MACs, all taps"] / 1e9, 1) for one in (v1, v2)] == [1.3, 0.8]
    assert round((full["parameters"] - v2["parameters"]) / 1e6, 1) == round(14.8 - 2.1, 1)


def test_networks_side_by_side(capsys):
    out = said(capsys, "compare", "v1", "v2", "vgg16", "v1:alpha=0.5,shallow=true")
    assert re.search(r"MACs, all taps +568,740,352 +300,774,272 +15,470,264,320", out)
    assert re.search(r"parameters +4,221,032 +3,487,816 +138,357,544", out)
    assert re.search(r"parameters / the first's +1.000 +0.826 +32.778", out)
    data = json.loads(said(capsys, "compare", "v1", "squeezenet", "--json"))
    assert [column["parameters"] for column in data] == [4_221_032, 1_248_424]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cost"], "cost: expected either MODEL or --layer D_K M N D_F"),
        (["cost", "v1", "--layer", "3", "1", "1", "1"], "cost: expected either MODEL or --layer"),
        (["cost", "lenet"], "model: 'lenet', expected one of v1, v2"),
        (["cost", "--layer", "3", "0", "1", "8"], "M: 0, expected a whole number of at least 1"),
        (["cost", "--layer", "3", "1", "1", "2", "--padding", "valid"], "kernel: spans 3 rows"),
        (["cost", "--layer", "3", "1", "1", "2", "--padding", "1,1"], "--padding: '1,1', expected"),
        (["cost", "--layer", "3", "1", "1", "2", "--padding=-1,1,1,1"], "padding: -1, expected"),
        (["cost", "v1", "--resolution", "0"], "resolution: 0, expected a whole number"),
        (["cost", "v1", "--alpha", "-1"], "alpha: -1.0, expected a number above 0"),
        (["cost", "v1", "--plot", "x.doc"], "--plot: 'x.doc', expected a name that ends in"),
        (["compare", "v1:alpha"], "v1:alpha: 'alpha', expected OPTION=NUMBER"),
        (["compare", "v1:alpha=big"], "v1:alpha=big: 'big', expected a number, true or false"),
        (["compare", "v1:depth=2"], "v1 has no option 'depth'; it takes alpha"),
    ],
)
def test_mistakes_get_one_line(capsys, words, message):
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err


def test_a_resolution_that_is_no_multiple_of_anything_has_its_exact_count():
    """225: SAME makes ceil(225 / 2) = 113 rows of it, and 113 -> 57 -> 29 -> 15 -> 8."""
    from refnet.cost import macs

    network = parse("v1:resolution=225")
    assert network.shapes()["block13.pointwise"] == (1, 8, 8, 1024)
    assert macs(network) > macs(parse("v1"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--layer", "3", "32", "64", "112", "--plot", "x.png"], "--plot: has no meaning with"),
        (
            ["--layer", "3", "32", "64", "112", "--as", "fvcore"],
            "--as: has no meaning with",
        ),
        (["--layer", "3", "32", "64", "-5"], "D_F: -5, expected a whole number of at least 1"),
        (["--layer", "9999999", "3", "3", "9"], "D_K: 9999999, expected at most 1,000,000 taps"),
        (["v1", "--as", "fvcore", "--json"], "--json: has no meaning with --as"),
        (["v1", "--stride", "2"], "has no meaning with a whole network"),
        (["vgg16", "--as", "thop"], "tool: what thop prints is known for v1 and v2, not for vgg16"),
    ],
)
def test_no_option_is_passed_over_in_silence(capsys, words, message):
    assert main(["cost", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err


def test_options_that_do_not_change_what_is_compared_are_refused(capsys):
    for word in ("v1:batch_norm=true", "v1:conventions=3", "v1:alpha=true", "v1:shallow=2"):
        assert main(["compare", word]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_a_first_layer_and_a_photo_are_taken_apart(capsys, tmp_path):
    from matplotlib import cbook

    out = said(capsys, "separate", "v1")
    assert "3 x 3 x 3 x 32, as a sum of separable ones" in out
    assert "exact with 9 terms; cheaper than the standard layer up to 7" in out
    photo = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    assert "Gx = [1, 2, 1] x [-1, 0, 1]" in said(capsys, "separate", photo)
    for what in ("v2", photo):
        assert main(["separate", what, "--plot", str(tmp_path / "x.png")]) == 0
        with Image.open(tmp_path / "x.png") as drawn:
            assert drawn.width > 500
