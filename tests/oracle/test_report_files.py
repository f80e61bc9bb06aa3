"""Where a backend was judged, as the page tells it, and the page as the command writes it."""

from __future__ import annotations

import platform
import socket
import sys

import numpy
import pytest

from refnet.cli import main
from refnet.oracle.environment import blas, environment
from refnet.oracle.html import to_html
from tests.oracle.reports import Page, silent


def test_the_environment_names_versions_and_nobody():
    said = environment("ops")
    assert said["Python"].startswith(platform.python_version())
    assert said["NumPy"] == numpy.__version__
    assert said["BLAS"] == blas()
    assert said["engine"] == f"numpy {numpy.__version__}"
    assert "engine" not in environment("no_such_module:Mine")
    named = socket.gethostname()
    assert not any(value == named for value in said.values())
    shown = Page(to_html(silent(), environment={"glass <of>": "7 & more"}))
    assert "glass <of>" in [dt["text"] for dt in shown.all("dt")]
    assert "7 & more" in [dd["text"] for dd in shown.all("dd")]


def test_without_threadpoolctl_numpys_own_build_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)  # importing it raises ImportError
    built = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    assert blas() == f"{built['name']} {built['version']}".strip()


def test_the_command_writes_the_page(tmp_path, capsys):
    path = tmp_path / "report.html"
    assert main(["check", "ops", "--suite", "ops", "--html", str(path)]) == 0
    assert f"refnet: wrote {path}" in capsys.readouterr().err
    found = Page(path.read_text(encoding="utf-8"))
    assert found.all("h1")[0]["text"] == "ops"
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("option", "name", "message"),
    [
        ("--html", "report.pdf", "expected a name that ends in .html or .htm"),
        ("--junit", "report.html", "expected a name that ends in .xml"),
        ("--html", "none/report.html", "is not a folder"),
        ("--junit", "none/report.xml", "is not a folder"),
        ("--junit", "taken.xml", "cannot be written"),
    ],
)
def test_a_file_that_could_not_be_written_is_refused_before_any_work(
    tmp_path, capsys, option, name, message
):
    (tmp_path / "taken.xml").mkdir()
    assert main(["check", "no_such:backend", option, str(tmp_path / name)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"refnet: {option}: ")
    assert message in err
