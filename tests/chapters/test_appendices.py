"""The appendices against what they are made of: the chapters, the catalogue, the manifest."""

from __future__ import annotations

import importlib
import inspect
import json
import re

import numpy as np
import pytest

from chapters.execute import ROOT
from chapters.make import sources
from chapters.site import appendices
from chapters.site.appendices import notation
from chapters.site.appendices.chapter import Chapter
from refnet.apps.claims.table import CLAIMS
from refnet.checkpoints import manifest
from refnet.checkpoints.tflite import read as read_tflite
from refnet.exercises import catalogue
from refnet.export.tflite import to_tflite
from refnet.models import mobilenet_v1

CHAPTERS = [
    Chapter.read(f"chapters/{path.stem}.ipynb", json.loads(path.read_text("utf-8")))
    for path in (source.with_suffix(".ipynb") for source in sources())
]


@pytest.fixture(scope="module")
def made():
    return appendices.pages(CHAPTERS)


def test_every_claim_has_one_row_and_the_chapters_that_show_it(made):
    page = made["appendices/claims.md"]
    for claim in CLAIMS:
        rows = re.findall(rf'^\| <span id="claim-{re.escape(claim.id)}"></span>.*', page, re.M)
        assert len(rows) == 1, claim.id
        assert len(re.findall(r"(?<!\\)\|", rows[0])) == 5, rows[0]  # four columns
        texts = [
            source.stem for source in sources() if f'"{claim.id}"' in source.read_text("utf-8")
        ]
        linked = re.findall(r"\(\.\./chapters/(\w+)\.ipynb\)", rows[0])
        assert linked == texts, claim.id


def test_the_counts_of_verdicts_are_those_of_the_rows(made):
    page = made["appendices/claims.md"]
    meanings, *tables = page.split("\n## ")
    counted = dict(re.findall(r"^\| \*\*(\w+)\*\* \|.*\| (\d+) \|$", meanings, re.M))
    assert sum(map(int, counted.values())) == len(CLAIMS)
    for verdict, count in counted.items():
        assert len(re.findall(rf"\| \*\*{verdict}\*\* \|$", "".join(tables), re.M)) == int(count)


def test_every_exercise_of_the_catalogue_is_in_the_index_in_order(made):
    rows = re.findall(
        r"^\| \[(\d+\.\d+) .*\]\(\.\./chapters/(\d\d)\w*\.ipynb#\S+\) \| `(\w+)` \| ([\w-]+) \|$",
        made["appendices/solutions.md"],
        re.M,
    )
    written = {chapter.number for chapter in CHAPTERS}
    expected = [
        (exercise.number, f"{number:02}", exercise.name, exercise.level)
        for number, of_chapter in catalogue.chapters().items()
        for exercise in of_chapter
        if number in written
    ]
    assert rows == expected


def test_a_solution_is_listed_even_where_the_catalogue_does_not_know_it():
    text = "# 77. New\n\n### 77.1 A bill\n\n<details><summary>Solution</summary></details>"
    later = Chapter("chapters/77_new.ipynb", text, "")
    page = appendices.solutions.page([later])
    assert "## 77. New" in page
    assert "[77.1 A bill](../chapters/77_new.ipynb#771-a-bill)" in page


def test_every_address_of_a_chapters_references_is_in_the_bibliography(made):
    page = made["appendices/bibliography.md"]
    listed = set(re.findall(r"\]\((https?://[^)]+)\)", page))
    for chapter in CHAPTERS:
        asked = set(re.findall(r"\]\((https?://[^)]+)\)", chapter.section("References")))
        assert asked <= listed, chapter.name


def test_a_work_is_listed_once_however_chapters_write_it(made):
    lines = [line for line in made["appendices/bibliography.md"].splitlines() if line[:1] == "*"]
    papers = re.findall(r"\[arXiv:([\d.]+)\]", "\n".join(lines))
    assert len(papers) == len(set(papers)) > 5
    assert sum("Hollemans" in line for line in lines) == 1
    assert all(re.search(r"Chapters? \[\d+\]\(", line) for line in lines)


@pytest.mark.parametrize(
    ("bullet", "listed"),
    [
        (
            'A. B and C. D, "A title: two parts", [arXiv:1](https://x.org/1), 2017. Section 2: x.',
            "A. B and C. D, *A title: two parts*, [arXiv:1](https://x.org/1), 2017.",
        ),
        ("A. B, *On 1*, Art 5 (1936), pages 2 to 3.", "A. B, *On 1*, Art 5 (1936), pages 2 to 3."),
        ("A. B, *On 1*, 2nd edition, chapter 4: why.", "A. B, *On 1*, 2nd edition."),
        (
            "X's manual:\n  [a](https://x.org/a), [`c`](https://x.org/c).",
            "X, [a](https://x.org/a).",
        ),
        ('X\'s manual, [y](https://x.org/y), "Notes": why.', "X, [y](https://x.org/y)."),
        ("Recommendation BT.601: the weights.", "Recommendation BT.601."),
    ],
)
def test_what_stands_before_the_remark_is_the_entry(bullet, listed):
    chapter = Chapter("chapters/07_x.ipynb", f"# 7. X\n\n## References\n\n* {bullet}\n", "")
    page = appendices.bibliography.page([chapter])
    assert f"* {listed} Chapter [7](../chapters/07_x.ipynb).\n" in page


def test_every_hash_and_every_licence_of_the_manifest_is_on_its_page(made):
    page = made["appendices/weights.md"]
    raw = (manifest.folder() / "manifest.json").read_text("utf-8")
    carried = set(re.findall(r'"kind": "(?:npm|pip)"[^}]*"sha256": "(\w+)"', raw))
    for found in set(re.findall(r'"sha256": "(\w{64})"', raw)) - carried:
        assert found in page
    for licence in [ROOT / "LICENSE", *(manifest.folder() / "licences").glob("*.txt")]:
        assert licence.read_text("utf-8").rstrip() in page
    for entry in manifest.entries().values():
        assert f"### {entry.name}\n\n{entry.description}." in page
        assert (manifest.folder() / entry.licence_file).is_file()
    assert "in the public domain" in page


def test_the_letters_are_the_glossarys_and_lead_to_the_chapter_that_needs_them_first(made):
    table = made["appendices/notation.md"].partition("## In formulas")[0]
    rows = re.findall(r"^\| (\$\S.*?\$) \| (.+) \| (.*) \|$", table, re.M)
    glossary = (ROOT / "chapters" / "site" / "glossary.md").read_text("utf-8")
    for letter, meaning in notation.letters():
        assert f"| {letter} | {meaning} |" in glossary
        assert letter in [row[0] for row in rows]
    firsts = {row[0]: row[2] for row in rows}
    assert firsts["$D_K$"] == "chapter [1](../chapters/01_one_pixel.ipynb)"
    assert all(where.startswith("chapter [") for where in firsts.values())


def sizes(order, letters):
    """An order of axes as numbers: "M m, 1" with M = 8 and m = 1 is (8, 1)."""
    found = []
    for axis in order.split(", "):
        product = 1
        for letter in axis.split(" "):
            product *= letters.get(letter) or int(letter)
        found.append(product)
    return tuple(found)


LETTERS = {"B": 1, "D_K": 3, "m": 1}
LAYERS = {  # of V1 at width 0.25 on 64 x 64, with their letters
    "Standard kernel": ("stem", {"M": 3, "N": 8}),
    "Depthwise kernel": ("block2.depthwise", {"M": 16}),
    "Pointwise kernel": ("block2.pointwise", {"M": 16, "N": 32}),
    "Classifier": ("classifier", {"M": 256, "N": 7}),
}


@pytest.mark.parametrize("what", LAYERS)
def test_axes_are_those_of_refnets_own_arrays(what):
    layer, letters = LAYERS[what]
    network = mobilenet_v1(0.25, 64, classes=7, batch_norm=False)
    params = next(found.params for found in network.layers if found.name == layer)
    assert tuple(params["weight"]) == sizes(notation.LAYOUTS[what][0], LETTERS | letters)


@pytest.mark.parametrize("what", LAYERS)
def test_axes_in_a_tflite_file_are_those(what, tmp_path):
    pytest.importorskip("ai_edge_litert", reason="its schema writes the file")
    pytest.importorskip("tflite", reason="it reads the file back")
    layer, letters = LAYERS[what]
    network = mobilenet_v1(0.25, 64, classes=7, batch_norm=False)
    named = [found.name for found in network.layers if "weight" in found.params]
    path = tmp_path / "v1.tflite"
    zeros = {name: np.zeros(shape) for name, shape in network.params().items()}
    path.write_bytes(to_tflite(network, zeros))
    kernel = read_tflite(path)[named.index(layer)].kernel
    assert kernel.shape == sizes(notation.LAYOUTS[what][2], LETTERS | letters)


@pytest.mark.slow
def test_axes_are_pytorchs():
    torch = pytest.importorskip("torch", reason="torch: pip install '.[backends]'")
    orders = {what: found[1] for what, found in notation.LAYOUTS.items()}
    standard = torch.nn.Conv2d(3, 8, 3)
    deep = torch.nn.Conv2d(16, 32, 3, groups=16)
    dense = torch.nn.Linear(256, 7)
    for what, weight, letters in (
        ("Standard kernel", standard.weight, {"M": 3, "N": 8, "D_K": 3}),
        ("Depthwise kernel", deep.weight, {"M": 16, "m": 2, "D_K": 3}),
        ("Classifier", dense.weight, {"M": 256, "N": 7}),
        ("A map", torch.zeros(1, 3, 5, 6), {"B": 1, "M": 3, "H": 5, "W": 6}),
    ):
        assert tuple(weight.shape) == sizes(orders[what], letters), what


@pytest.mark.slow
def test_pytorch_calls_its_arguments_so():
    torch = pytest.importorskip("torch", reason="torch: pip install '.[backends]'")
    known = set(inspect.signature(torch.nn.Conv2d).parameters)
    assert {there[0] for there in notation.NAMES.values() if there[0]} <= known


@pytest.mark.slow
def test_keras_calls_its_arguments_so(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")  # it wants one, and is installed with this
    keras = pytest.importorskip("keras", reason="keras: pip install '.[counters]'")
    known = {
        name
        for layer in (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
        for name in inspect.signature(layer).parameters
    }
    assert {there[1] for there in notation.NAMES.values() if there[1]} <= known


def test_what_was_counted_about_accuracy_comes_last(made):
    assert list(made)[-1] == "accuracy.md"
    assert "{{" not in made["accuracy.md"]
    letter = "ABCDEFGHIJ"[len(made) - 1]
    listed = appendices.listed(made)
    assert f"* {letter}. [How good is it?](accuracy.md). " in listed
    assert f"{letter}. How good is it? <accuracy>" in listed


def test_every_module_of_the_folder_that_has_a_page_is_in_the_book():
    here = {path.stem for path in (ROOT / "chapters/site/appendices").glob("[!_]*.py")}
    modules = {name: importlib.import_module(f"chapters.site.appendices.{name}") for name in here}
    with_page = {module for module in modules.values() if hasattr(module, "page")}
    assert with_page == set(appendices.MODULES)
