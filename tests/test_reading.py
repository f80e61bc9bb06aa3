"""What the notebooks show with: source that is the source, pictures that are the arrays."""

import ast
import functools
import io
import re
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from refnet import definition, ops
from refnet.apps.claims.table import CLAIMS
from refnet.apps.claims.verdicts import judge
from refnet.errors import MissingPackageError
from refnet.reading import PHOTOS, chart, claim, excerpt, listing, photo, show
from refnet.reading.claims import counts_exceptions, mathematics
from refnet.reading.pictures import INK


def decoded(picture):
    return np.asarray(Image.open(io.BytesIO(picture.png)))


def documented(x):
    """A docstring.

    With an empty line in it.
    """

    def inner():
        """Of its own."""

    # a comment, and "quotes" that are none
    return inner, x


class Documented:
    """A class."""

    @property
    def one(self):
        """A property."""
        return 1


@pytest.mark.parametrize(
    "thing",
    [getattr(module, name) for module in (ops, definition) for name in ops.__all__],
    ids=lambda f: f"{f.__module__}.{f.__name__}",
)
def test_a_listing_is_the_source_less_its_docstring(thing):
    """Python's own parser judges: the same tree as the file's, where no string is a statement."""
    with open(thing.__code__.co_filename, encoding="utf-8") as file:
        whole = ast.parse(file.read())
    (meant,) = [
        n for n in whole.body if isinstance(n, ast.FunctionDef) and n.name == thing.__name__
    ]
    meant.body = meant.body[1:]
    (shown,) = ast.parse(listing(thing).text).body
    assert ast.dump(shown) == ast.dump(meant)


def test_a_listing_keeps_comments_and_drops_every_docstring():
    assert listing(documented).text == (
        "def documented(x):\n"
        "    def inner():\n"
        "        ...\n"
        "\n"
        '    # a comment, and "quotes" that are none\n'
        "    return inner, x"
    )
    assert listing(Documented).text == (
        "class Documented:\n    @property\n    def one(self):\n        return 1"
    )


def test_a_listing_is_a_fenced_block_in_a_notebook_and_plain_text_elsewhere():
    shown = listing(documented, Documented)
    assert shown._repr_markdown_() == f"```python\n{shown.text}\n```"
    assert repr(shown) == shown.text
    assert "\n\n\nclass Documented" in shown.text


def test_an_excerpt_is_a_run_of_the_files_lines_without_their_indent(tmp_path):
    path = tmp_path / "a.metal"
    path.write_text("one {\n    two;\n      three;\n    four;\n}\n")
    assert excerpt(path, "two", "four").text == "two;\n  three;\nfour;"
    assert excerpt(path, "three").text == "three;"
    assert excerpt(path, "two", "two")._repr_markdown_() == "```cpp\ntwo;\n```"
    with pytest.raises(ValueError, match=r"^first: 't' is in 2 lines of a.metal, expected one$"):
        excerpt(path, "t")
    with pytest.raises(ValueError, match=r"^last: 'one' is in no line of a.metal from 2 on$"):
        excerpt(path, "two", "one")


@pytest.mark.parametrize("thing", [len, 3, functools.partial(len), np.add])
def test_what_has_no_source_is_refused(thing):
    with pytest.raises(ValueError, match="expected a function or a class written in Python"):
        listing(thing)


@pytest.mark.parametrize("name", PHOTOS)
def test_a_photo_is_rgb_and_its_square_is_the_middle(name):
    """A square as large as the shorter side is resized by one: Pillow gives the pixels back."""
    pytest.importorskip("skimage", reason="scikit-image: pip install '.[test]'")
    whole = photo(name)
    H, W, _ = whole.shape
    assert whole.dtype == np.uint8
    side = min(H, W)
    top, left = (H - side) // 2, (W - side) // 2
    middle = photo(name, side=side)
    assert middle.shape == (side, side, 3)
    if (H - side) % 2 == (W - side) % 2 == 0:
        assert np.array_equal(middle, whole[top : top + side, left : left + side])


def test_a_smaller_square_keeps_the_mean():
    """A filter's weights add up to 1, so shrinking keeps the mean but for rounding and borders."""
    large, small = photo("hopper", side=512), photo("hopper", side=64)
    assert np.abs(large.mean(axis=(0, 1)) - small.mean(axis=(0, 1))).max() < 1


def test_photos_are_refused_by_name_and_by_package(monkeypatch):
    with pytest.raises(ValueError, match="name: 'lena', expected one of hopper, astronaut"):
        photo("lena")
    with pytest.raises(ValueError, match="side: 0, expected a whole number of at least 1"):
        photo(side=0)
    monkeypatch.setitem(sys.modules, "skimage.data", None)
    with pytest.raises(MissingPackageError, match="comes with scikit-image"):
        photo("coffee")


def values(picture, rows, columns):
    """The colours at the centres of a rows x columns grid laid over a picture without titles."""
    pixels = decoded(picture)
    solid = pixels[..., 3] == 255
    r, c = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    inner = pixels[r[0] : r[-1] + 1, c[0] : c[-1] + 1, :3]
    H, W, _ = inner.shape
    at_r = ((np.arange(rows) + 0.5) * H / rows).astype(int)
    at_c = ((np.arange(columns) + 0.5) * W / columns).astype(int)
    return inner[np.ix_(at_r, at_c)]


def test_a_map_is_drawn_from_zero_as_black_to_its_largest_as_white():
    """matplotlib's own rule for 256 greys: the part of the way, times 256, cut off."""
    drawn = values(show(np.array([[0, 1], [2, 4]]), alt="four"), 2, 2)
    assert drawn[..., 0].tolist() == [[0, 64], [128, 255]]


def test_in_a_map_with_negative_values_zero_is_the_grey_between():
    drawn = values(show(np.array([[-2.0, 0.0, 1.0]]), alt="three"), 1, 3)
    assert drawn[0, :, 0].tolist() == [0, 128, 192]


def test_limits_hold_for_every_map():
    one, other = np.array([[1.0]]), np.array([[3.0]])
    drawn = [values(show(m, alt="x", limits=(0, 3)), 1, 1)[0, 0, 0] for m in (one, other)]
    assert drawn == [85, 255]


def test_a_photo_is_drawn_in_its_own_colours():
    pixels = np.array([[[255, 0, 0], [0, 128, 0]], [[0, 0, 255], [9, 8, 7]]], np.uint8)
    assert np.array_equal(values(show(pixels, alt="four colours"), 2, 2), pixels)


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (1, 4, 5, 1)])
def test_a_map_may_bring_axes_of_length_one(shape):
    x = np.arange(20.0)
    assert show(x.reshape(shape), alt="x").png == show(x.reshape(4, 5), alt="x").png


def test_a_map_of_equal_or_missing_values_is_drawn():
    for a in (np.zeros((2, 2)), np.full((2, 2), np.nan), np.ones((2, 2), bool)):
        assert show(a, alt="flat").width > 0


def test_the_ground_is_transparent_and_the_words_are_read_on_both_pages():
    pixels = decoded(show(np.ones((4, 4)), titles=["a title"]))
    assert (pixels[0, :, 3] == 0).all()
    assert contrast(INK, "#ffffff") >= 4.5  # WCAG 2.2, 1.4.3: small letters
    assert contrast(INK, "#121212") >= 4.0  # both at once is at most 4.3, on this dark page


def contrast(one, other):
    def luminance(colour):
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_words_of_a_chart_that_have_no_colour_get_the_books():
    figure, axes = chart()
    axes.plot([1, 2], label="a line")
    text = axes.text(0, 1, "here")
    mine = axes.text(0, 2, "mine", color="#000000")
    legend = axes.legend()
    show(figure, alt="a line")
    assert text.get_color() == legend.get_texts()[0].get_color() == INK
    assert mine.get_color() == "#000000"
    assert not legend.get_frame_on()


def test_two_drawings_are_the_same_bytes_whatever_the_readers_style():
    def drawn():
        figure, axes = chart(panels=2)
        axes[0].plot([1, 4, 2])
        return show(np.eye(3), titles=["eye"], numbers=True).png, show(figure, alt="a").png

    first = drawn()
    with matplotlib.rc_context({"image.cmap": "jet", "font.size": 30, "axes.facecolor": "red"}):
        assert drawn() == first


def test_a_picture_carries_its_words_and_its_width():
    picture = show(np.eye(2), np.eye(3), titles=["two", "three"])
    data, metadata = picture._repr_mimebundle_(include=None, exclude=None)
    assert data == {"image/png": picture.png}
    assert metadata == {"image/png": {"alt": "two; three", "width": picture.width}}
    assert repr(picture) == "two; three"
    assert abs(decoded(picture).shape[1] - 1.5 * picture.width) <= 1


def test_pictures_side_by_side_fit_the_page_and_go_on_below():
    wide = show(*[np.eye(4)] * 9, alt="nine")
    square = show(*[np.eye(4)] * 9, alt="nine", columns=3)
    assert wide.width <= 680
    ratio = [decoded(p).shape[1] / decoded(p).shape[0] for p in (wide, square)]
    assert ratio[0] > 7
    assert 0.9 < ratio[1] < 1.1


@pytest.mark.parametrize(
    ("arguments", "keywords", "said"),
    [
        ([], {}, "pictures: none"),
        ([np.eye(2)], {}, "alt: missing"),
        ([np.eye(2)], {"titles": ["a", "b"]}, "titles: 2, expected one for each of 1 pictures"),
        ([np.zeros((2, 2, 2))], {"alt": "x"}, "pictures\\[0\\]: shape \\(2, 2, 2\\), expected"),
        ([np.zeros((0, 2))], {"alt": "x"}, "pictures\\[0\\]: shape \\(0, 2\\)"),
        ([np.full((2, 2, 3), 2.0)], {"alt": "x"}, "colours from 2.0 to 2.0, expected uint8"),
        ([np.eye(90)], {"alt": "x", "numbers": True}, "cannot be read"),
        ([np.eye(2)], {"alt": "x", "columns": 0}, "columns: 0, expected"),
        ([[1, 2]], {"alt": "x"}, "pictures: list; expected arrays, or one matplotlib Figure"),
    ],
)
def test_what_is_no_picture_is_refused(arguments, keywords, said):
    with pytest.raises(ValueError, match=said):
        show(*arguments, **keywords)


@pytest.mark.parametrize("known", CLAIMS, ids=lambda c: c.id)
def test_a_claim_shows_the_computed_verdict(known):
    shown = claim(known.id)
    *_, row = shown.markdown.splitlines()
    cells = re.split(r"(?<!\\)\|", row)[1:-1]
    assert len(cells) == 4
    assert cells[3].strip() == f"**{judge(known).verdict.name}**"
    if not (counts_exceptions(known) or known.says.endswith(": none")):
        assert plain(cells[1]) == "; ".join(known.printed)
    assert shown.text.startswith(known.id)


def plain(cell):
    """A cell as the table of claims has it: no mathematics, no escapes, the sources' letters."""
    for set_so, typed in (
        ("D_K", "Dk"), ("D_G", "Dp"), (r" \cdot ", "*"), (r"\times", "x"), ("×", "x"),
        ("$", ""), ("\\", ""),
    ):  # fmt: skip
        cell = cell.replace(set_so, typed)
    return cell.strip()


@pytest.mark.parametrize("known", CLAIMS, ids=lambda c: c.id)
def test_no_claim_shows_a_formula_as_it_is_typed(known):
    *_, row = claim(known.id).markdown.splitlines()
    assert row.count("$") % 2 == 0
    assert not re.search(r"Dk|Dp|Gx|\^|alpha|rho\b|\d x\b", re.sub(r"\$[^$]*\$", "", row))
    assert "\N{NO-BREAK SPACE}" not in row


def test_a_count_of_exceptions_is_said_in_words():
    known = [c for c in CLAIMS if "xceptions" in c.note + c.says]
    assert len(known) > 10
    for found in known:
        *_, row = claim(found.id).markdown.splitlines()
        said, computed = row.split(" | ")[1:3]
        assert said == ("never" if found.says.endswith(": never") else "always")
        assert re.fullmatch(r"(checked on \d+ shapes: )?\d+ exceptions?", computed)
        (count,) = judge(found).plain
        assert f" {count} exception" in f" {computed}"
    assert "| checked on 108 shapes: 0 exceptions |" in claim("formula-separable").markdown


def test_what_is_no_formula_stays_prose():
    same = "Parameters of V1: 4.2 M in all, pointwise x2, at 0.75 and 192; Conv dw / s2."
    assert mathematics(same) == same


def test_an_unknown_claim_is_refused():
    with pytest.raises(ValueError, match="claim: 'mac-v2' is not known"):
        claim("mac-v2")
    with pytest.raises(ValueError, match="ids: none"):
        claim()


def test_reading_waits_with_matplotlib_and_needs_no_ipython():
    code = (
        "import sys; sys.modules['IPython'] = None\n"
        "from refnet.reading import show, listing, claim, photo\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import numpy as np\n"
        "print(repr(show(np.eye(2), alt='two')), repr(claim('ratio-1024')).split()[1])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "two HOLDS\n", done.stderr
