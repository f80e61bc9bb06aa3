"""The appendix's figures: those of a fresh count, and of LiteRT and PyTorch before it."""

from __future__ import annotations

import copy
import json
import re

import pytest

from chapters.site import accuracy
from refnet.apps.evaluate.photo_sets import COUNTED
from refnet.apps.evaluate.statistics import wilson

FOUND = json.loads(accuracy.FILE.read_text("utf-8"))


def test_the_file_says_first_what_made_it():
    assert accuracy.FILE.read_text("utf-8").splitlines()[1] == f' "made by": "{accuracy.COMMAND}",'


@pytest.mark.parametrize(("name", "run"), [
    ((accuracy.FIFTY, "v1"), "v1"), ((accuracy.FIFTY, "v2"), "v2"),
    ((accuracy.TWENTY, "v2"), "v2, twenty"),
])  # fmt: skip
def test_the_figures_are_litert_s_and_pytorchs(name, run):
    """Their counts were taken from the authors' files, before refnet could evaluate."""
    counted = {r: (c["top1"], c["top5"]) for r, c in FOUND[run]["recipes"].items()}
    assert COUNTED[name].items() <= counted.items()


def test_every_figure_of_the_page_is_the_files():
    """Another file makes another page, in just the rows whose figures are others."""
    before = accuracy.page().splitlines()
    assert "| `half-pixel` | 36 | 58.3 to 82.5 | 46 | 81.2 to 96.8 | 3 |" in before
    other = copy.deepcopy(FOUND)
    other["v1"]["recipes"]["half-pixel"]["top5"] = 45
    other["v2, twenty"]["recipes"]["torchvision"]["top1"] = 17
    lines = zip(before, accuracy.page(other).splitlines(), strict=True)
    changed = [re.findall(r"`([\w-]+)`", new) for old, new in lines if new != old]
    assert changed == [["half-pixel"], ["torchvision"]]


def test_no_figure_that_was_counted_is_typed_in_the_text():
    text = accuracy.FILE.with_suffix(".md").read_text("utf-8")
    text = re.sub(r"\{\{.*?\}\}|\$\$.*?\$\$|\$.*?\$|V[12]|v1|top-[15]", "", text, flags=re.S)
    # ImageNet's classes and photos, the input's side; 95 %, the year, the root of a thousand.
    known = {"1000", "50,000", "224", "95", "1927", "30"}
    assert set(re.findall(r"\d[\d,.]*\d|\d", text)) == known


def test_each_interval_of_top_1_holds_the_shares_of_the_others_as_the_text_says():
    shares = [wilson(c["top1"], FOUND["v1"]["photos"]) for c in FOUND["v1"]["recipes"].values()]
    assert all(a.low < b.value < a.high for a in shares for b in shares)


def test_a_text_that_the_figures_contradict_is_refused():
    other = copy.deepcopy(FOUND)
    other["v1"]["recipes"][accuracy.OTHER]["top1"] += 1
    with pytest.raises(ValueError, match="tf-slim and squash differ"):
        accuracy.page(other)


@pytest.mark.slow
@pytest.mark.parametrize("run", accuracy.RUNS)
def test_counted_again_the_figures_are_the_same(run):
    try:
        found = accuracy.counted(accuracy.RUNS[run])
    except ValueError as problem:
        pytest.skip(str(problem))
    assert found == FOUND[run]
