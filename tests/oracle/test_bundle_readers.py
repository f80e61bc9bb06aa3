"""Bundles are read, and answers written, without Python: by programs of under 100 lines."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from refnet.cli import main
from refnet.oracle import bundle_read

READERS = Path(__file__).parent / "readers"


def test_a_reader_in_c_computes_a_depthwise_convolution(whole, tmp_path, capsys):
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler: install cc to run the reader in C")
    source, program = READERS / "depthwise.c", tmp_path / "depthwise"
    assert len(source.read_text().splitlines()) < 100
    subprocess.run([compiler, "-Wall", "-Wextra", "-Werror", "-o", program, source], check=True)
    results = tmp_path / "results.safetensors"
    judge = ["golden", "judge", str(whole), str(results), "--partial"]
    for case in ("depthwise-1-exact", "depthwise-3-exact", "depthwise-5-exact"):
        subprocess.run([program, whole, case, results], check=True)
        assert main(judge) == 0
        assert "1 questions: all hold" in capsys.readouterr().out
        subprocess.run([program, whole, case, results, "1"], check=True)  # a row more at the top
        assert main(judge) == 1
        assert f"{case}: " in capsys.readouterr().out
    assert main(judge[:-1]) == 1  # what is left out counts, unless it is said to be partial


def test_a_reader_in_javascript_answers_every_case(whole, tmp_path, capsys):
    """Single operations, probes and whole networks, stored and drawn."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node: install Node.js to run the reader in JavaScript")
    assert all(len(p.read_text().splitlines()) < 100 for p in READERS.glob("*.mjs"))
    results = tmp_path / "results.safetensors"
    subprocess.run([node, READERS / "network.mjs", whole, results], check=True)
    judge = ["golden", "judge", str(whole), str(results)]
    assert main([*judge, "--partial"]) == 0
    cases = bundle_read.read(whole).cases.values()
    drawn = sum(case["kind"] != "preprocess" for case in cases)
    assert f"{drawn} questions: all hold" in capsys.readouterr().out
    assert main(judge) == 1  # the pictures are not answered
    assert f"Not answered: 40 of {drawn + 40} cases: even-caffe," in capsys.readouterr().out
