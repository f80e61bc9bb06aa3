"""`pytest --refnet-backend`, run as its users run it: a process of its own, in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from refnet.oracle.suites import questions

ROOT = Path(__file__).parent.parent

# One fault, planted by adding 1: every dense layer's answer is wrong, and no other.
MINE = """
import numpy as np
from refnet.backend import Arithmetic
from refnet.run import run

class Mine:
    arithmetic = Arithmetic()
    def prepare(self, network, tensors, batch=1):
        if any(layer.op == "softmax" for layer in network.layers):
            raise NotImplementedError("no softmax on this chip")
        numbers = {name: a.astype(np.float32) for name, a in tensors.items()}
        off = any(layer.op == "dense" for layer in network.layers)
        return lambda inputs: {
            name: a + np.float32(off) for name, a in run(network, numbers, inputs).items()
        }
"""


def environment(folder: Path, **more: str) -> dict[str, str]:
    """This one's, but for what pytest and its parallel runs leave there for themselves."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COV_"))}
    known = [str(folder), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return kept | {"PYTHONPATH": os.pathsep.join(known)} | more


@pytest.fixture
def pytest_there(tmp_path):
    """Run pytest in an empty folder; returns its exit status and all that it printed."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "my_port.py").write_text(MINE)
    folder = tmp_path / "empty"
    folder.mkdir()

    def there(*words: str) -> tuple[int, str]:
        given = ["-p", "pytest_refnet", "-p", "no:cacheprovider", *words]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *given],
            cwd=folder,
            env=environment(tmp_path / "elsewhere"),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert "INTERNALERROR" not in done.stdout + done.stderr
        return done.returncode, done.stdout + done.stderr

    return there


def expected() -> dict[str, str]:
    """By construction: an outcome for each question's id."""
    outcomes = {"dense": "FAILED", "softmax": "SKIPPED"}
    return {
        f"refnet::ops::{question.case.id}": outcomes.get(question.case.network["y"].op, "PASSED")
        for question in questions("ops")
    }


def told(printed: str) -> dict[str, str]:
    """The outcomes that a run with -v or one in parallel printed."""
    alone = re.findall(r"^(refnet::\S+) (PASSED|FAILED|SKIPPED)", printed, re.M)
    parallel = re.findall(r"^\[gw\d\] \[.*\] (PASSED|FAILED|SKIPPED) (refnet::\S+)", printed, re.M)
    return dict(alone) | {name: outcome for outcome, name in parallel}


@pytest.mark.parametrize("parallel", [(), ("-n", "2")])
def test_each_question_is_a_test_with_its_own_outcome(pytest_there, parallel):
    status, printed = pytest_there(
        "--refnet-backend=my_port:Mine", "--refnet-suite=ops", "-v", "-rs", *parallel
    )
    assert status == pytest.ExitCode.TESTS_FAILED
    assert told(printed) == expected()
    counts = Counter(expected().values())
    assert f"{counts['FAILED']} failed, {counts['PASSED']} passed" in printed
    assert "no softmax on this chip" in printed
    assert re.search(r"^dense: \d+ of \d+ wrong, worst at \(", printed, re.M)
    assert "Traceback" not in printed  # refnet's own lines say nothing about the backend


def test_ids_choose_among_questions_and_so_do_k_and_x(pytest_there):
    backend = "--refnet-backend=my_port:Mine"
    status, printed = pytest_there(backend, "refnet::ops::add", "refnet::ops::relu-exact", "-v")
    assert (status, set(told(printed))) == (0, {"refnet::ops::add", "refnet::ops::relu-exact"})
    status, printed = pytest_there(backend, "--refnet-suite=ops", "-k", "dense and exact", "-x")
    assert status == pytest.ExitCode.TESTS_FAILED
    assert "1 failed, " in printed
    assert "stopping after 1 failures" in printed
    status, printed = pytest_there(backend, "refnet::ops::nothing")
    assert status == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: refnet::ops::nothing: no such question in suite 'all'" in printed


def test_collect_only_lists_the_questions_and_asks_none(pytest_there):
    status, printed = pytest_there(
        "--refnet-backend=my_port:Mine", "--refnet-suite=ops", "--collect-only", "-q"
    )
    assert status == 0
    assert re.findall(r"^refnet::\S+", printed, re.M) == list(expected())


def test_a_declared_arithmetic_is_judged_by(pytest_there):
    """A backend in float32 does not meet what a float64 one owes."""
    double = "--refnet-arithmetic=storage=float64,accumulate=float64"
    question = "refnet::ops::conv2d-0"
    assert pytest_there("--refnet-backend=ops", question)[0] == 0
    assert pytest_there("--refnet-backend=ops", question, double)[0] == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--refnet-backend=abacus",),
            "--refnet-backend: backend: 'abacus', expected one of engine, ops",
        ),
        (("--refnet-backend=no_such:thing",), "No module named 'no_such'"),
        (("--refnet-backend=ops", "--refnet-suite=v3"), "--refnet-suite: 'v3', expected one of"),
        (("--refnet-backend=ops", "--refnet-arithmetic=speed=high"), "arithmetic: 'speed', exp"),
        (("--refnet-backend=abacus", "-n", "2"), "--refnet-backend: backend: 'abacus'"),
    ],
)
def test_a_mistake_is_a_usage_error_in_one_line(pytest_there, words, message):
    status, printed = pytest_there(*words)
    assert status == pytest.ExitCode.USAGE_ERROR
    (line,) = printed.strip().splitlines()
    assert line.startswith("ERROR: --refnet-")
    assert message in line


RUN = """
import sys, pytest
status = pytest.main(["-p", "pytest_refnet", "-p", "no:cacheprovider", *sys.argv[1:]])
print("imported:", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize("asked", [False, True])
def test_where_no_backend_is_asked_for_nothing_is_imported(tmp_path, asked):
    """In a whole run of pytest with the plugin in it; with a backend it is another matter."""
    words = ["--refnet-backend=ops", "--refnet-suite=ops", "--collect-only"] if asked else []
    done = subprocess.run(
        [sys.executable, "-c", RUN, *words],
        cwd=tmp_path,
        env=environment(tmp_path, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"),
        capture_output=True,
        text=True,
    )
    (said,) = re.findall(r"^imported: (.*)", done.stdout, re.M)
    assert "pytest_refnet" in said.split()
    assert ({"numpy", "refnet"} <= set(said.split())) is asked
    assert asked or not {"numpy", "refnet"} & set(said.split())


def test_pytest_finds_it_by_its_entry_point():
    """Under the module's own name, so that `-p pytest_refnet` does not load it a second time."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["pytest11"] == {"pytest_refnet": "pytest_refnet"}
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "pytest_refnet.py" in wheel["only-include"]


def test_all_is_what_refnet_check_asks_by_that_name(pytest_there):
    """Special values, detectors and segmenters are asked for by name alone."""
    status, printed = pytest_there("--refnet-backend=my_port:Mine", "--collect-only", "-q")
    assert status == pytest.ExitCode.OK
    found = Counter(re.findall(r"^refnet::(\w+)::", printed, re.M))
    asked = Counter(question.suite for question in questions("all"))
    assert set(found) == set(asked) == {"ops", "v1", "v2"}
    assert found["ops"] == asked["ops"]
