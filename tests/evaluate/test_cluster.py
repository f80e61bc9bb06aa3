"""A real cluster of two worker processes: a worker that is killed, a photo that kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.evaluate.engines import KILLS, RAISES
from tests.evaluate.photos import draw, folder

pytestmark = pytest.mark.slow
pytest.importorskip("distributed", reason="pip install 'refnet[cluster]'")

ROOT = Path(__file__).parents[2]
KILLED = "the process that was at it was ended by SIGKILL, 2 times"
SLOW = "tests.evaluate.engines:Slow"


class Cluster:
    """The program `a_cluster.py`, in a session of its own."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("a_cluster.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script)], cwd=ROOT, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        )  # fmt: skip
        assert self._process.stdout
        assert self._process.stdin
        self.address = self._process.stdout.readline().strip()

    def workers(self) -> list[int]:
        """Their process ids."""
        print(file=self._process.stdin, flush=True)
        return [int(word) for word in self._process.stdout.readline().split()]

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.close()


def begun(root: Path, out: Path, *words: str, engine: str = SLOW) -> subprocess.Popen:
    said = ["evaluate", str(root), "--model", "v2", "--preprocess", "squash", "--engine", engine]
    return subprocess.Popen(
        [sys.executable, "-m", "refnet", *said, "--out", str(out), *words],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def ended(process: subprocess.Popen, out: Path, status: int = 0) -> dict:
    _, err = process.communicate(timeout=300)
    assert process.returncode == status, err
    found = json.loads((out / "report.json").read_text())
    found.pop("time")
    return found


def count(out: Path) -> int:
    return sum(path.read_bytes().count(b"\n") - 1 for path in out.glob("*.jsonl"))


def test_a_worker_that_is_killed_costs_no_photo_and_none_is_done_twice(cluster, tmp_path):
    root = folder(tmp_path / "in", 120)
    expected = ended(begun(root, tmp_path / "here"), tmp_path / "here")
    process = begun(root, tmp_path / "out", "--scheduler", cluster.address)
    while count(tmp_path / "out") < 10:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    victim = cluster.workers()[0]
    os.kill(victim, signal.SIGKILL)
    assert ended(process, tmp_path / "out") == expected
    assert count(tmp_path / "out") == 120
    assert victim not in cluster.workers()


def test_a_poisoned_photo_fails_alone(cluster, tmp_path):
    """One makes its engine raise, another ends every process that it is put to."""
    root = folder(tmp_path / "in", 20)
    before = cluster.workers()
    draw(root / "300" / "kills.png", 300, KILLS)
    draw(root / "300" / "raises.png", 300, RAISES)
    found = ended(
        begun(root, tmp_path / "out", "--scheduler", cluster.address), tmp_path / "out", 2
    )
    assert found["not_read"] == [
        {"image": "300/kills.png", "reason": KILLED},
        {"image": "300/raises.png", "reason": "TypeError: an engine's own mistake"},
    ]
    assert found["variants"][0]["top5"]["count"] == 20
    assert cluster.workers() == before  # it cost no worker


def test_the_real_engine_says_the_same_there_and_each_worker_plans_once(cluster, tmp_path):
    root = folder(tmp_path / "in", 8)
    expected = ended(begun(root, tmp_path / "here", engine="fast"), tmp_path / "here")
    words = ("--scheduler", cluster.address)
    process = begun(root, tmp_path / "out", *words, engine="fast")
    assert ended(process, tmp_path / "out") == expected
    from distributed import Client

    with Client(cluster.address, set_as_default=False) as client:
        plans = client.run(
            lambda: len(__import__("refnet.apps.evaluate.cluster", fromlist=[""])._made)
        )
    assert set(plans.values()) <= {0, 1}
    assert 1 in plans.values()


def test_an_engine_that_a_worker_refuses_is_said_in_one_line(cluster, tmp_path, monkeypatch):
    root = folder(tmp_path / "in", 2)
    (tmp_path / "mine.py").write_text(
        "import os\n"
        "from tests.evaluate.engines import Quick\n"
        "class Mine(Quick):\n"
        "    def prepare(self, *words):\n"
        "        raise NotImplementedError('not this network')\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ROOT), *sys.path]))
    process = begun(root, tmp_path / "out", "--scheduler", cluster.address, engine="mine:Mine")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert err.count("\n") == 1
    assert "mine" in err


def test_the_fuzz_suite_runs_there_too(cluster):
    def check(backend: str) -> subprocess.CompletedProcess:
        words = ["check", backend, "--suite", "ops", "--fuzz", "40", "--no-diagnosis"]
        return subprocess.run(
            [sys.executable, "-m", "refnet", *words, "--scheduler", cluster.address],
            cwd=ROOT, capture_output=True, text=True,
        )  # fmt: skip

    right = check("ops")
    assert right.returncode == 0, right.stderr
    assert "40 drawn operations, smallest failure: none" in right.stdout
    wrong = check("tests.evaluate.engines:Quick")  # which is no backend of operations at all
    assert wrong.returncode == 1
    assert "40 drawn operations, smallest failure: " in wrong.stdout
    assert "smallest failure: none" not in wrong.stdout


def test_photos_and_a_file_named_from_here_are_found_by_workers_that_are_elsewhere(
    cluster, tmp_path, monkeypatch
):
    from refnet.checkpoints.manifest import entry

    folder(tmp_path / "in", 4)
    (tmp_path / "mine.safetensors").write_bytes(entry("v2").path.read_bytes())
    words = ["in", "--model", "mine.safetensors", "--preprocess", "squash", "--engine", SLOW]
    words += ["--scheduler", cluster.address, "--out", "out"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-m", "refnet", "evaluate", *words],
        cwd=tmp_path, env=env, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    assert json.loads((tmp_path / "out" / "report.json").read_text())["not_read"] == []


def test_workers_that_do_not_see_the_photos_end_the_run_before_it_records_that(tmp_path):
    """A client whose workers see nothing: the run is refused, naming the worker and the photo."""
    from refnet.apps.evaluate import cluster as under_test
    from refnet.apps.evaluate.evaluator import Task

    class Blind:
        loop = None

        def nthreads(self):
            return {"tcp://10.0.0.7:1": 1}

        def run(self, function, *words, on_error):
            return {"tcp://10.0.0.7:1": False}

    photo = tmp_path / "a.png"
    photo.touch()
    tasks = iter([Task("a.png", str(photo), 0, 0, 0, (0,))])
    with pytest.raises(ValueError, match=r"worker tcp://10\.0\.0\.7:1 does not see .*a\.png"):
        next(under_test.spread(tasks, [], Blind()))
