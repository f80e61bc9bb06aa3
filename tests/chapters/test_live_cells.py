"""The live pages' Python half, run by this Python: what a cell shows, and what is laid beside it.

Expected of a chapter's cells is what a notebook's kernel gave: the committed outputs.
"""

import base64
import io
import json
import re
import zipfile

import pytest

from chapters.execute import ROOT
from chapters.make import sources
from chapters.site import __main__ as site
from chapters.site import runtime
from chapters.site.live import laid
from chapters.site.live.cells import MOST, Session, markdown
from refnet.checkpoints import fetch, manifest
from refnet.reading import PHOTOS


@pytest.fixture
def session():
    """A session that keeps what is said in `said`."""
    said = []
    made = Session(said.append)
    made.said = said
    return made


def shown(session, source, number=1):
    """What a cell shows; printed text goes out in pieces, as time has it."""
    session.said.clear()
    session.run(number, source)
    found = []
    for message in session.said:
        stream = message.get("stream")
        if stream and found and found[-1].get("stream") == stream:
            found[-1]["text"] += message["text"]
        else:
            found.append(dict(message))
    return found


def test_cells_share_their_names(session):
    session.run(1, "def f(x):\n    return x + 1")
    assert shown(session, "f(1)") == [{"kind": "text", "stream": "", "text": "2"}]
    assert shown(session, "__name__")[0]["text"] == "'__main__'"


@pytest.mark.parametrize("source", ["", "# nothing", "a = 1", "1;", "None", "print(end='')"])
def test_a_cell_without_a_value_shows_nothing(session, source):
    assert shown(session, source) == []


def test_what_is_printed_stays_in_order_with_what_is_shown(session):
    found = shown(session, "print('a')\ndisplay(1, 2)\nprint('b')\n3")
    assert [(m["stream"], m["text"]) for m in found] == [
        ("stdout", "a\n"), ("", "1"), ("", "2"), ("stdout", "b\n"), ("", "3"),
    ]  # fmt: skip


def test_stderr_goes_out_apart(session):
    found = shown(session, "import sys\nprint('x')\nprint('y', file=sys.stderr)")
    assert [(m["stream"], m["text"]) for m in found] == [("stdout", "x\n"), ("stderr", "y\n")]


def test_endless_printing_is_cut(session):
    found = shown(session, f"for _ in range(3): print('x' * {MOST // 2})")
    text = "".join(m["text"] for m in found)
    assert len(text) < MOST + 100
    assert text.endswith(f"(cut here, after {MOST:,} characters)\n")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("a = 1\n1 / 0", "ZeroDivisionError: division by zero\n  in cell 4, line 2: 1 / 0"),
        ("x =", "cell 4, line 1\n    x =\n       ^\nSyntaxError: invalid syntax"),
        ("def f():\n f()\nf()", "RecursionError: maximum recursion depth exceeded"),
        ("raise SystemExit", "SystemExit\n  in cell 4, line 1: raise SystemExit"),
        ("import refnet\nrefnet.load('v3')",
         "ValueError: model: 'v3' is neither a checkpoint (v1, v2, mobilenet_v1_1.0_224, "),
    ],
)  # fmt: skip
def test_an_error_is_its_words_and_the_cells_own_lines(session, source, said):
    assert session.run(4, source) is False
    (message,) = session.said
    assert message["kind"] == "error"
    assert message["text"].startswith(said)
    assert len(message["text"].splitlines()) <= 12


def test_an_error_of_a_function_of_refnets_names_where_it_was(session):
    session.run(1, "import refnet\nrefnet.load('v3')")
    assert session.said[0]["text"].splitlines()[1:] == [
        "  in cell 1, line 2: refnet.load('v3')",
        "  in load, of refnet.checkpoints.store",
    ]


def test_a_function_of_a_cell_has_its_source(session):
    """`listing` shows it, and an exercise's verdict names the line that raised."""
    session.run(1, "from refnet.reading import listing\ndef twice(x):\n    return 2 * x")
    found = shown(session, "print(listing(twice).text)", 2)
    assert found[0]["text"] == "def twice(x):\n    return 2 * x\n"


def test_a_figure_left_open_is_a_picture(session, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    source = "from matplotlib import pyplot\npyplot.switch_backend('agg')\npyplot.plot([1, 2]);"
    (found,) = shown(session, source)
    assert base64.b64decode(found["png"]).startswith(b"\x89PNG")
    assert found["alt"] == "Figure 1 of this cell"
    assert shown(session, "1;") == []


def test_markdown_has_tables_and_formulas_and_no_html_of_its_own():
    html = markdown("| a | b |\n|---|---|\n| $x_1$ | <b>no</b> |\n\n$$\ny < 1\n$$\n\n`$z$`")
    assert "<td>" in html
    assert r"\(x_1\)" in html
    assert "&lt;b&gt;" in html
    assert r"\[" in html
    assert "y &lt; 1" in html
    assert "<code>$z$</code>" in html


@pytest.mark.parametrize("stem", [source.stem for source in sources()])
def test_the_first_cells_of_a_chapter_show_what_its_notebook_shows(session, stem):
    notebook = json.loads((ROOT / "chapters" / f"{stem}.ipynb").read_text("utf-8"))
    coded = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    seen = 0
    for cell in coded[:8]:
        tags = cell["metadata"].get("tags", ())
        if "desktop" in tags:
            continue  # as in the page
        found = shown(session, "".join(cell["source"]))
        if "volatile" in tags:
            continue
        kinds = [_kind(output) for output in cell["outputs"]]
        assert [m["kind"] for m in found] == kinds or kinds == []
        for message, output in zip(found, cell["outputs"], strict=True):
            if message["kind"] == "text":
                assert message["text"] == "".join(
                    output.get("text") or output["data"]["text/plain"]
                )
            if message["kind"] == "png":
                assert message["alt"] == output["metadata"]["image/png"]["alt"]
            seen += 1
    assert seen


def _kind(output):
    if output["output_type"] == "stream":
        return "text"
    kinds = {"image/png": "png", "text/html": "html", "text/markdown": "html", "text/plain": "text"}
    return next(kind for mime, kind in kinds.items() if mime in output["data"])


# What is laid beside the pages.


def test_the_archive_is_the_same_twice_and_holds_no_weights():
    first = laid.archive()
    assert laid.archive() == first
    with zipfile.ZipFile(io.BytesIO(first)) as packed:
        names = packed.namelist()
    for name in ("refnet/__init__.py", "refnet/weights/manifest.json", "refnet_live/start.py",
                 "markdown_it/__init__.py", "refnet/weights/licences/NOTICE.md"):  # fmt: skip
        assert name in names
    assert not [name for name in names if name.endswith((".safetensors", ".pyc", ".so"))]
    licences = [name for name in names if re.search(r"dist-info/.*LICENSE", name)]
    assert len(licences) >= 3


def test_what_is_laid_is_what_live_json_names_and_goes_when_it_is_no_longer_part(tmp_path):
    (tmp_path / "live" / "pyodide").mkdir(parents=True)
    (tmp_path / "live" / "pyodide" / "old.wasm").write_bytes(b"")
    laid.lay(tmp_path, None)
    said = json.loads((tmp_path / "live" / "live.json").read_text("utf-8"))
    assert said["pyodide"] == runtime.ADDRESS
    for name in [said["archive"], *said["wheels"], *said["files"].values()]:
        assert (tmp_path / "live" / name.split("?")[0]).is_file()
    assert not (tmp_path / "live" / "pyodide" / "old.wasm").exists()
    found = {name for _, name in said["named"]}
    assert found == said["files"].keys()
    assert {f"weights/{entry.file}" for entry in manifest.entries().values()} <= found
    assert "photos/hopper.png" in found
    assert {name for name in found if name.startswith("photos/")} <= {
        f"photos/{name}.png" for name in PHOTOS
    }


@pytest.mark.parametrize(
    ("code", "file"),
    [
        ('refnet.load("v1")', "weights/mobilenet_v1_1.0_224.safetensors"),
        ("v2 = load( 'mobilenet_v2_1.0_224')", "weights/mobilenet_v2_1.0_224.safetensors"),
        ('photo("hopper", side=64)', "photos/hopper.png"),
    ],
)
def test_what_a_cell_is_about_to_ask_for_is_seen_in_its_text(tmp_path, code, file):
    said = json.loads(laid._json({"photos/hopper.png": b"", "python.zip": b""}, [], False))
    assert [name for pattern, name in said["named"] if re.search(pattern, code)] == [file]


# The runtime's pins.


def test_every_file_is_pinned_and_no_host_is_named():
    assert all(re.fullmatch("[0-9a-f]{64}", sha) for sha in runtime.hashes().values())
    assert {part["kind"] for part in (*runtime.PINS["carriers"], *runtime.PINS["wheels"])} <= {
        "npm", "pip",
    }  # fmt: skip
    assert "://" not in json.dumps(runtime.PINS)


@pytest.fixture
def carried(monkeypatch):
    """Two tiny carriers in place of the real ones, and what was asked of them."""
    sums = {
        "a.txt": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",  # of "a"
        "b.whl": "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d",  # of "b"
    }
    carrier = {"kind": "npm", "package": "p", "version": "1", "files": {"a.txt": sums["a.txt"]}}
    wheel = {
        "kind": "pip",
        "package": "q",
        "version": "1",
        "file": "b.whl",
        "sha256": sums["b.whl"],
    }
    monkeypatch.setitem(runtime.PINS, "carriers", [carrier])
    monkeypatch.setitem(runtime.PINS, "wheels", [wheel])
    asked = []

    def bring(part, names, folder):
        asked.append(part["package"])
        for name in names:
            (folder / name).write_text(name[0])

    def archive(part, folder):
        asked.append(part["package"])
        (folder / "b.whl").write_text("b")
        return folder / "b.whl"

    monkeypatch.setattr(fetch, "bring", bring)
    monkeypatch.setattr(fetch, "archive", archive)
    return asked


def test_what_is_there_is_not_fetched_again_and_what_is_damaged_is(carried, tmp_path, capsys):
    assert runtime.main(["--folder", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path}: 2 files, 0.0 MB, 2 new\n"
    assert runtime.get(tmp_path) == []
    (tmp_path / "a.txt").write_text("x")
    assert runtime.missing(tmp_path) == ["a.txt"]
    assert runtime.get(tmp_path) == ["a.txt"]
    assert carried == ["q", "p", "p"]


def test_the_wheels_alone_can_be_fetched(carried, tmp_path):
    assert runtime.get(tmp_path, only_wheels=True) == ["b.whl"]
    assert runtime.wheels(tmp_path) == [tmp_path / "b.whl"]


def test_a_file_of_another_hash_is_refused_in_one_line(carried, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fetch, "bring", lambda part, names, to: (to / "a.txt").write_text("other"))
    assert runtime.main(["--folder", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert re.fullmatch(r"runtime: p 1: .*SHA-256 .*expected ca978112ca1bbdca\.\.\.\n", said)
    assert not (tmp_path / "a.txt").exists()


def test_a_local_runtime_that_is_not_there_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(runtime, "FOLDER", tmp_path)
    monkeypatch.setattr(runtime.missing, "__defaults__", (tmp_path, None))
    assert site.main(["--output", str(tmp_path / "out"), "--runtime", "local"]) == 2
    said = capsys.readouterr().err
    assert said.endswith("has no pyodide.mjs; `make runtime` fetches it\n")
