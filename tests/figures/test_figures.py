"""Every figure: its SVG is reproducible, small, named in words, and readable on every page."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from fractions import Fraction
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib
import pytest
from matplotlib.text import Text

import figures
from figures import FOLDER, NAMES, load, make, notation, style
from figures.svg import written
from tests.figures.layout import overlapping, words

SVG = "{http://www.w3.org/2000/svg}"
ROOT = Path(figures.__file__).parent

# Other parameters than the book's, so that nothing is drawn by heart; and what must then be read.
OTHERS: dict[str, dict[str, Any]] = {
    "sliding_kernel": {"D_F": 8, "D_K": 5, "M": 4, "N": 5},
    "one_channel": {"D_F": 9, "D_K": 5, "M": 2},
    "column": {
        "pixel": (1, 2, 3, 4),
        "weights": ((1, 0, 1), (2, 1, 0), (0, 3, 0), (1, 1, 1)),
        "D_F": 7,
    },
    "two_steps": {"D_K": 5, "M": 4, "N": 4},
    "table1_staircase": {"alpha": 0.5, "resolution": 160},
    "padding_falls": {"sizes": (8, 9), "D_K": 5},
    "cost_ratio": {"D_Ks": (3, 9)},
    "relu6": {"points": (-4, 0, 6, 8)},
    "sobel_factors": {"kernel": [[1, 4, 6], [2, 8, 12], [-1, -4, -6]]},
    "im2col": {"kernels": (((1, 0), (0, 1)), ((0, 1), (-1, 0)))},
    "folding": {"x": -2.5, "variance": 9},
    "alpha_cost": {"alphas": (0.35, 0.5, 0.75, 1.0), "resolution": 128},
    "one_pixel_more": {"side": 192},
    "accuracy_cost": {"sides": (224, 128)},
    "texels": {"M": 3},
    "threadgroups": {"width": 7, "height": 9, "group": (8, 4)},
    "overlap": {"one": (1, 1, 4, 4), "other": (0, 2, 6, 9)},
    "atrous": {"D_F": 11},
    "parameter_steps": {"alpha": 0.5, "classes": 100},
    "counter_bars": {"model": "v1", "alpha": 0.5, "resolution": 160},
    "spiral": {"dimensions": (2, 4, 8), "seed": 1},
    "inverted_residual": {"block": 2, "alpha": 0.5},
    "roofline": {"gemm": 60.0, "bandwidth": 20.0},
    "map_sizes": {"alpha": 0.5, "resolution": 160},
    "whole_rows": {"W": 8, "C": 1},
    "two_workers": {"alpha": 0.5, "resolution": 160},
    "float_spacing": {"bits": (1, 2, 4), "most": 16},
    "read_back": {"side": 4},
}
DRAWINGS = [(name, {}) for name in NAMES] + list(OTHERS.items())
IDS = [f"{name}-{'others' if parameters else 'book'}" for name, parameters in DRAWINGS]


@pytest.fixture(scope="module", params=NAMES)
def svg(request: pytest.FixtureRequest) -> tuple[str, bytes]:
    return request.param, written(request.param)


def test_every_figure_is_a_module_with_an_svg_and_nothing_else_is() -> None:
    drawing = {path.stem for path in ROOT.glob("*.py") if "\ndef draw(" in path.read_text("utf-8")}
    assert drawing == set(NAMES) == {path.stem for path in FOLDER.iterdir()} == set(OTHERS)


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_svg_is_what_its_module_draws(name: str) -> None:
    held = (FOLDER / f"{name}.svg").read_bytes()
    if (version := make.made_with(held)) != matplotlib.__version__:
        pytest.skip(f"made with matplotlib {version}, this is {matplotlib.__version__}")
    assert held == written(name)


def test_two_drawings_give_the_same_bytes_whatever_the_users_settings(
    svg: tuple[str, bytes],
) -> None:
    own = {"font.size": 30, "lines.linewidth": 9, "svg.fonttype": "path", "axes.grid": True}
    with matplotlib.rc_context(own):
        assert written(svg[0]) == svg[1]


def test_another_process_gives_the_same_bytes() -> None:
    code = (
        "import sys; from figures import NAMES; from figures.svg import written; "
        "[sys.stdout.buffer.write(written(name)) for name in NAMES]"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT.parent,
        env={"PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "1"},
        capture_output=True,
        check=True,
    )
    assert other.stdout == b"".join(written(name) for name in NAMES)


def test_the_first_line_says_what_made_the_file(svg: tuple[str, bytes]) -> None:
    name, data = svg
    assert data.decode().splitlines()[0] == (
        f"<!-- Made by `python -m figures.make {name}` (figures/{name}.py) "
        f"with matplotlib {matplotlib.__version__} -->"
    )


def test_the_alternative_text_is_in_the_picture_and_tied_to_it(svg: tuple[str, bytes]) -> None:
    name, data = svg
    root, alt = ElementTree.fromstring(data), load(name).ALT
    assert root.get("role") == "img"
    (described,) = root.iterfind(f"{SVG}desc[@id='{root.get('aria-labelledby')}']")
    assert described.text == alt
    assert len(alt) >= 60
    assert alt.endswith(".")
    assert not set(alt) & set("$\\\n<>|[]"), "it stands in Markdown, and is read aloud"


def test_text_is_text_in_a_generic_family_and_nothing_is_a_raster(svg: tuple[str, bytes]) -> None:
    name, data = svg
    root = ElementTree.fromstring(data)
    assert root.get("font-family", "").endswith(", sans-serif")
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert not tags - {"svg", "desc", "defs", "style", "path", "use", "text", "tspan", "g",
                       "clipPath", "rect"}  # fmt: skip
    shown = sorted("".join(text.itertext()) for text in root.iter(f"{SVG}text"))
    assert shown == sorted(word.letters for word in words(load(name).draw()))


def test_mathematics_is_one_flowing_text_with_letters_in_italics_and_back_on_its_line(
    svg: tuple[str, bytes],
) -> None:
    name, data = svg
    raw = {t.get_text() for t in load(name).draw().findobj(Text) if "$" in t.get_text()}
    set_ = [t for t in ElementTree.fromstring(data).iter(f"{SVG}text") if len(t)]
    assert {"".join(t.itertext()) for t in set_} == {notation.letters(words_) for words_ in raw}
    for text in set_:
        line = Fraction(0)
        for piece in text:
            assert piece.get("x") is None, "a browser's own font decides where it stands"
            line += Fraction(piece.get("dy", "0"))
            below_or_above = piece.get("font-size") is not None
            assert (line != 0) == below_or_above
            if not below_or_above:
                letter = re.fullmatch(r"[A-Za-zα-ω]", piece.text or "")
                assert (piece.get("font-style") == "italic") == (letter is not None)


def test_an_svg_is_small_and_asks_for_nothing_outside_itself(svg: tuple[str, bytes]) -> None:
    _, data = svg
    assert len(data) < 60_000
    outside = data.decode().replace("http://www.w3.org/2000/svg", "")
    assert "://" not in outside.replace("http://www.w3.org/1999/xlink", "")


def test_the_ground_is_transparent(svg: tuple[str, bytes]) -> None:
    _, data = svg
    root = ElementTree.fromstring(data)
    _, _, width, height = root.get("viewBox", "").split()
    for path in root.iter(f"{SVG}path"):
        corners = set(re.findall(r"[-\d.]+ [-\d.]+", path.get("d", "")))
        assert not {"0 0", f"{width} {height}"} <= corners


def test_every_use_of_ink_turns_lighter_on_a_dark_page(svg: tuple[str, bytes]) -> None:
    _, data = svg
    root = ElementTree.fromstring(data)
    rules = root.findtext(f".//{SVG}style") or ""
    spelled = set(re.findall(rf'\[style\*="((?:fill|stroke): {style.INK})"\]', rules))
    assert rules.count("prefers-color-scheme: dark") == 1
    assert rules.count(style.INK_ON_DARK) == len(spelled) == 2
    uses = 0
    for element in root.iter():
        for attribute, value in element.attrib.items():
            if style.INK in value:
                assert attribute == "style"
                assert value.count(style.INK) == sum(value.count(one) for one in spelled)
                uses += 1
    assert uses


@pytest.mark.parametrize(("name", "parameters"), DRAWINGS, ids=IDS)
def test_words_are_large_enough_inside_the_picture_and_apart(
    name: str, parameters: dict[str, Any]
) -> None:
    figure = load(name).draw(**parameters)
    width, height = 72 * figure.get_size_inches()
    assert width == style.WIDTH
    found = words(figure)
    assert min(word.size for word in found) >= style.SMALL
    for word in found:
        box = word.box
        assert 0 <= box.x0 < box.x1 <= width, word.letters
        assert 0 <= box.y0 < box.y1 <= height, word.letters
    assert overlapping(found) == []


@pytest.mark.parametrize(("name", "parameters"), DRAWINGS, ids=IDS)
def test_words_stand_out_from_what_is_below_them(name: str, parameters: dict[str, Any]) -> None:
    for word in words(load(name).draw(**parameters)):
        if word.ground is None:
            assert word.colour == style.INK, word.letters
        else:
            assert style.contrast(word.colour, word.ground) >= 4.5, word.letters


def test_the_colours_differ_in_grey_and_from_both_pages() -> None:
    greys = [style.grey(colour) for colour in style.COLOURS]
    assert all(light - dark >= 30 for light, dark in pairwise(greys))
    # WCAG 2.2: 4.5 for words (1.4.3), 3 for what is not words (1.4.11).
    assert style.contrast(style.INK, style.WHITE) >= 4.5
    assert style.contrast(style.INK, style.BLACK) >= 4
    assert style.contrast(style.INK_ON_DARK, style.BLACK) >= 4.5
    for seen in (style.INK_ON_DARK, style.EDGE, *style.LINES):
        assert min(style.contrast(seen, page) for page in (style.WHITE, style.BLACK)) >= 3
    for fill in style.COLOURS:
        assert style.contrast(style.on(fill), fill) >= 4.5


def test_contrast_is_that_of_wcag() -> None:
    # Worked values of the standard's own formula: grey 119 is the last that passes 4.5 on white.
    assert style.contrast("#ffffff", "#000000") == 21
    assert style.contrast("#767676", "#ffffff") >= 4.5 > style.contrast("#777777", "#ffffff")


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("sliding_kernel", {"N": 7}, "N: 7, but this figure has room for 1 to 6"),
        ("one_channel", {"D_F": 13}, "D_F: 13, but"),
        ("column", {"D_F": 1}, "D_F: 1, but"),
        ("two_steps", {"M": 5}, "M: 5, but"),
        ("padding_falls", {"sizes": (6, 13)}, "size: 13, but"),
        ("cost_ratio", {"D_Ks": (1, 3, 5, 7)}, "D_Ks: 4, but"),
        ("sobel_factors", {"kernel": [[1] * 7]}, "columns: 7, but"),
        ("overlap", {"other": (0, 0, 10, 2)}, "rows: 10, but"),
        ("atrous", {"D_F": 12}, "D_F: 12, but"),
        ("texels", {"M": 9}, "M: 9, but"),
        ("threadgroups", {"width": 21}, "threads across: 24, but"),
        ("im2col", {"pixels": [[1] * 5] * 5}, "side of the map: 5, but"),
        ("one_pixel_more", {"side": 16}, "maps of different sides: 5, but"),
        ("spiral", {"dimensions": range(2, 8)}, "dimensions: 6, but"),
    ],
)
def test_a_size_that_the_layout_cannot_hold_is_refused_in_one_line(
    name: str, parameters: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        load(name).draw(**parameters)


@pytest.mark.parametrize(
    ("words_", "shown"),
    [
        (r"$b' = \beta - \mu s$ = 3", "b′ = β − μ s = 3"),
        (r"$\gamma / \sqrt{\sigma^2 + \varepsilon}$", "γ / √(σ2 + ε)"),
        (r"a - b: $D_{K,x} \times M$", "a - b: DK,x × M"),
    ],
)
def test_the_notation_keeps_every_sign(words_: str, shown: str) -> None:
    assert notation.letters(words_) == shown


def test_a_command_that_the_notation_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="a command that the figures' notation does not know"):
        notation.runs(r"$\frac{1}{N}$")


def test_check_names_what_differs_and_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["relu6", "folding", "column"]
    assert make.main(names, tmp_path) == 0
    assert make.main(["--check", *names], tmp_path) == 0
    assert capsys.readouterr().out.endswith("3 of 3 figures are as drawn\n")
    (tmp_path / "column.svg").unlink()
    changed = tmp_path / "relu6.svg"
    changed.write_bytes(changed.read_bytes().replace(b"ReLU6", b"ReLU7"))
    older = tmp_path / "folding.svg"
    older.write_bytes(older.read_bytes().replace(matplotlib.__version__.encode(), b"1.0", 1))
    assert make.main(["--check", *names], tmp_path) == 1
    assert capsys.readouterr().out.splitlines() == [
        "relu6.svg differs",
        f"folding.svg was made with matplotlib 1.0, and this is {matplotlib.__version__}",
        "column.svg is missing",
        "0 of 3 figures are as drawn",
    ]


def test_a_figure_that_is_not_there_gets_one_line_and_exit_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make.main(["relu6", "relu7"], tmp_path) == 2
    said = capsys.readouterr()
    assert said.err.startswith("figures.make: figure: 'relu7' is not known; expected one of")
    assert said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [], "nothing is written before all names are known"


@pytest.mark.parametrize(
    "module", ["figures", *(f"figures.{path.stem}" for path in sorted(ROOT.glob("[!_]*.py")))]
)
def test_examples_in_docstrings_hold(module: str) -> None:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.testmod(import_module(module), optionflags=flags).failed == 0
